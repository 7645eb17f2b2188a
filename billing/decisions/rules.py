"""What may be decided about a patient's billing, and what each decision says.

A first or a later month where the record is silent (no source settles a return within six months of a finished
episode); general integration instead of collaborative care; letting a held line go; that the patient was seen within
the year; what others report for the same month; a payer's authorisation; further conditions for the claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Final, Literal, assert_never
from uuid import UUID

import msgspec
from msgspec import Meta

from billing import codes
from billing.month_types import Override
from billing.statement.facts import Dated, Diagnosis, Release
from kernel.audit import Role
from kernel.errors import Problem
from registry.organisation.rules import is_npi
from registry.time_log.months import Month

DecisionKind = Literal[
    "month_type",
    "programme",
    "release",
    "visit_not_needed",
    "reported_code",
    "other_practitioner",
    "prior_authorisation",
    "further_diagnosis",
]
DECIDERS: Final[tuple[Role, ...]] = ("biller", "clinic_lead")
# These hold for one month; a programme and an authorisation hold from their month on, the others for the episode.
OF_ONE_MONTH: Final[frozenset[DecisionKind]] = frozenset(
    {"month_type", "release", "reported_code", "other_practitioner"}
)
FROM_A_MONTH: Final[frozenset[DecisionKind]] = frozenset({"programme", "prior_authorisation"})
HOLDS: Final = frozenset(
    {
        "consent",
        "initiating_visit",
        "diagnosis",
        "coverage",
        "consultant_review",
        "rule_set",
        "conflicting_code",
        "g2214_minimum_contested",
        "same_practitioner",
    }
)
_CODE: Final = re.compile(r"[0-9A-Z]{5}", re.ASCII)
_ICD10: Final = re.compile(r"[A-TV-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?", re.ASCII)


class DecisionForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`value` by kind: `month_type` initial or subsequent; `programme` collaborative_care or general_integration;
    `release` the hold let go (`consent`, `coverage`, ...); `visit_not_needed` the day the patient was last seen before
    the episode; `reported_code` a code others report; `other_practitioner` an NPI; `prior_authorisation` its day;
    `further_diagnosis` an ICD-10-CM code, with `?` after it while only suspected. `month` as 2026-11, where the kind
    asks for one."""

    kind: DecisionKind
    value: Annotated[str, Meta(max_length=40)]
    reason: Annotated[str, Meta(max_length=500)]
    month: Annotated[str, Meta(max_length=7)] | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One that stands."""

    id: UUID
    month: Month | None
    kind: DecisionKind
    value: str
    reason: str
    by: str
    at: datetime


def check(form: DecisionForm) -> tuple[Problem, ...]:
    """Everything wrong with a decision, each naming its field."""
    found = [] if form.reason.strip() else [Problem("reason", "say why")]
    if form.kind in OF_ONE_MONTH | FROM_A_MONTH and form.month is None:
        found.append(Problem("month", "is needed, for example 2026-11"))
    if form.kind not in OF_ONE_MONTH | FROM_A_MONTH and form.month is not None:
        found.append(Problem("month", "is not asked for: it holds for the whole episode"))
    wrong = _value_problem(form.kind, form.value)
    return (*found, Problem("value", wrong)) if wrong else tuple(found)


def _value_problem(kind: DecisionKind, value: str) -> str | None:
    match kind:
        case "month_type":
            return None if value in ("initial", "subsequent") else "must be initial or subsequent"
        case "programme":
            known = ("collaborative_care", "general_integration")
            return None if value in known else f"must be one of {', '.join(known)}"
        case "release":
            return (
                None if value in HOLDS else f"must be a hold that can be released: {', '.join(sorted(HOLDS))}"
            )
        case "reported_code":
            return None if _CODE.fullmatch(value) else "must be a procedure code of five characters"
        case "other_practitioner":
            return None if is_npi(value) else "must be an NPI: ten digits with a valid check digit"
        case "visit_not_needed" | "prior_authorisation":
            return None if _day(value) else "must be a date, for example 2026-11-20"
        case "further_diagnosis":
            return None if _ICD10.fullmatch(value.removesuffix("?")) else "must be an ICD-10-CM code"
        case _ as never:
            assert_never(never)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def standing(decisions: Iterable[Decision], month: Month) -> tuple[Decision, ...]:
    """Those that bear on a month, oldest first."""
    return tuple(
        decision
        for decision in sorted(decisions, key=lambda decision: (decision.at, str(decision.id)))
        if decision.month is None
        or decision.month == month
        or (decision.kind in FROM_A_MONTH and decision.month < month)
    )


def override_of(decisions: Iterable[Decision], month: Month) -> Override | None:
    """The last word on the month's type."""
    found = [each for each in decisions if each.kind == "month_type" and each.month == month]
    if not found:
        return None
    last = found[-1]
    kind: Literal["initial", "subsequent"] = "initial" if last.value == "initial" else "subsequent"
    return Override(kind=kind, by=last.by, reason=last.reason, at=last.at)


def programme_of(
    decisions: Iterable[Decision],
) -> Literal["collaborative_care", "general_integration"]:
    """Of those that bear on the month, the one that begins last, then the one said last."""
    found = [each for each in decisions if each.kind == "programme" and each.month is not None]
    last = max(found, key=lambda each: (str(each.month), each.at), default=None)
    return "general_integration" if last and last.value == "general_integration" else "collaborative_care"


def releases_of(decisions: Iterable[Decision]) -> tuple[Release, ...]:
    return tuple(
        Release(holds=(each.value,), by=each.by, reason=each.reason, at=each.at)
        for each in decisions
        if each.kind == "release"
    )


def values_of(decisions: Iterable[Decision], kind: DecisionKind) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.value for each in decisions if each.kind == kind))


def diagnoses_of(decisions: Iterable[Decision]) -> tuple[Diagnosis, ...]:
    return tuple(
        Diagnosis(str(each.id), each.value.removesuffix("?"), each.value.endswith("?"))
        for each in decisions
        if each.kind == "further_diagnosis"
    )


def authorisations_of(decisions: Iterable[Decision]) -> tuple[Dated, ...]:
    return tuple(
        Dated(str(each.id), date.fromisoformat(each.value), "billing_decision")
        for each in decisions
        if each.kind == "prior_authorisation"
    )


def seen_before(decisions: Iterable[Decision], started_on: date, months: int) -> bool:
    """Whether somebody recorded that the patient was seen within so many months before the episode (BCBS Michigan,
    The Record, May 2022: a visit is required of patients who are new or not seen within one year)."""
    earliest = Month.of(started_on).plus(-months)
    return any(
        (earliest.year, earliest.month, started_on.day) <= (day.year, day.month, day.day)
        and day <= started_on
        for each in decisions
        if each.kind == "visit_not_needed" and (day := _day(each.value)) is not None
    )


def label(decision: Decision) -> str:
    """The decision as the page lists it."""
    month = "" if decision.month is None else f" {decision.month}"
    known = codes.find(decision.value)
    said = f"{decision.value}, {known.label}" if known else decision.value
    return f"{LABELS[decision.kind]}{month}: {said}"


LABELS: Final[dict[DecisionKind, str]] = {
    "month_type": "Month type",
    "programme": "Programme from",
    "release": "Released",
    "visit_not_needed": "Seen before the episode on",
    "reported_code": "Reported by others in",
    "other_practitioner": "Other practitioner in",
    "prior_authorisation": "Authorised, from",
    "further_diagnosis": "Further condition",
}
