"""The quality page out of a month's figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from registry.quality.cms159 import Remission
from registry.quality.facts import Evidence, Figure, Place
from registry.quality.queries import Caseload, MonthFigures, SignedReview
from registry.time_log.months import Month
from staff_console import formats, words
from staff_console.formstate import FormState
from staff_console.pages import Visit
from staff_console.quality.views import (
    Behind,
    CaseloadLine,
    FigureLine,
    Licensed,
    QualityPage,
    SignedLine,
)


class Facts(msgspec.Struct, frozen=True):
    found: MonthFigures
    caseloads: tuple[Caseload, ...]
    remission: Remission
    signed: tuple[SignedReview, ...]


def page(visit: Visit, month: Month, facts: Facts, refused: FormState | None) -> QualityPage:
    names = facts.found.names
    over = month.last_day < visit.today
    done = any(review.month == str(month) for review in facts.signed)
    lead = visit.actor.has("clinic_lead")
    return QualityPage(
        month=formats.month_text(str(month)),
        sign_href=f"/quality/{month}/sign",
        earlier_href=f"/quality/{month.plus(-1)}",
        later_href="" if month >= Month.of(visit.today) else f"/quality/{month.plus(1)}",
        figures=tuple(figure(one, names) for one in facts.found.figures),
        caseloads=tuple(_caseload(one) for one in facts.caseloads),
        licensed=_licensed(facts.remission, names),
        form=refused or FormState("sign"),
        may_sign=over and lead and not done,
        why_not=_why_not(over, done, lead),
        signed=tuple(_signed(visit, review) for review in facts.signed),
        cut=facts.found.cut,
        running=_running(facts.found),
    )


def _running(found: MonthFigures) -> str:
    if found.running_until is None:
        return ""
    return f"The month is not over: these are the figures up to {formats.day(found.running_until).text}."


def figure(found: Figure, names: Mapping[str, str]) -> FigureLine:
    return FigureLine(
        id=f"{found.measure}-{found.group}".lower().replace(" ", "-").rstrip("-"),
        title=found.title,
        rule=f"{found.measure}, version {found.version}",
        definition=found.definition,
        share=share(found),
        of=f"{found.numerator} of {found.denominator} {found.unit}"
        if found.unit != "days"
        else words.count(found.denominator, "patient", "patients"),
        met=_behind(found.evidence, "numerator", names),
        not_met=_behind(found.evidence, "denominator", names),
        excluded=_behind(found.evidence, "excluded", names),
    )


def share(found: Figure) -> str:
    if found.unit == "days":
        return (
            "no patients"
            if found.value is None
            else f"{found.value:g} {'day' if found.value == 1 else 'days'}"
        )
    return f"no {found.unit}" if found.percent is None else f"{found.percent}%"


def _behind(evidence: Sequence[Evidence], place: Place, names: Mapping[str, str]) -> tuple[Behind, ...]:
    return tuple(
        Behind(names.get(one.patient_id, "A patient"), f"/patients/{one.patient_id}", one.because)
        for one in evidence
        if one.place == place
    )


def _caseload(found: Caseload) -> CaseloadLine:
    if found.staff_id is None:
        return CaseloadLine(found.name, found.patients, "assign these patients", "none")
    guidance = f"{found.least} to {found.most} for a full post"
    if found.patients > found.most:
        return CaseloadLine(found.name, found.patients, guidance, "above")
    return CaseloadLine(
        found.name, found.patients, guidance, "below" if found.patients < found.least else "within"
    )


def _licensed(found: Remission, names: Mapping[str, str]) -> Licensed:
    title = f"CMS159, depression remission at twelve months, measurement period {found.period}"
    if not found.computable:
        return Licensed(title, False, found.missing, "Not computable", (), None)
    line = FigureLine(
        id="cms159",
        title=title,
        rule=f"{found.measure} {found.version}",
        definition="PHQ-9 below 5 at 12 months, 60 days either side, after an index PHQ-9 above 9 at a visit.",
        share="no patients"
        if not found.denominator
        else f"{round(100 * found.numerator / found.denominator)}%",
        of=f"{found.numerator} of {found.denominator} patients",
        met=_behind(found.evidence, "numerator", names),
        not_met=_behind(found.evidence, "denominator", names),
        excluded=_behind(found.evidence, "excluded", names),
        unjudged=_behind(found.evidence, "left_out", names),
    )
    strata = tuple(f"Age {name}: {met} of {of}" for name, (met, of) in found.strata.items())
    return Licensed(title, True, (), f"{line.share}, {line.of}", strata, line)


def _signed(visit: Visit, review: SignedReview) -> SignedLine:
    kept: Collection[Figure] = [msgspec.convert(one, Figure) for one in map(_whole, review.figures)]
    month = Month.parse(review.month)
    return SignedLine(
        month=formats.month_text(str(month)),
        href=f"/quality/{month}",
        signed_by=review.signed_by,
        at=visit.at(review.signed_at),
        note=review.note,
        figures=tuple((one.title, f"{share(one)} ({one.numerator} of {one.denominator})") for one in kept),
    )


def _whole(stored: dict[str, object]) -> dict[str, object]:
    """The signed record keeps no reasons."""
    return {**stored, "evidence": []}


def _why_not(over: bool, done: bool, lead: bool) -> str:
    if done:
        return "This month is signed."
    if not over:
        return "The month can be signed when it is over."
    return "" if lead else "The clinic lead signs the month."
