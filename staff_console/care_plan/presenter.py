"""Plans and the patient's copies out of their facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from registry.care_plans import contents
from registry.care_plans.contents import FIELDS, TITLES, Difference, PlanKind
from registry.care_plans.queries import PlanVersion
from registry.organisation.rules import ClinicFacts
from registry.patients.queries import PatientPage
from staff_console import formats, people
from staff_console.care_plan.forms import shown
from staff_console.care_plan.views import HandoutPage, HandoutPart, PlanPage, PlanTab, VersionLine
from staff_console.formstate import FormState, filled
from staff_console.pages import Visit
from staff_console.whose import whose

SPANISH_TITLES: Final[dict[PlanKind, str]] = {
    "care": "Mi plan de cuidado",
    "relapse": "Mi plan para seguir bien",
    "safety": "Mi plan de seguridad",
}
ENGLISH_TITLES: Final[dict[PlanKind, str]] = {
    "care": "My care plan",
    "relapse": "My plan for staying well",
    "safety": "My safety plan",
}
# Fields that are for the team and not on the patient's sheet.
NOT_FOR_PATIENTS: Final = frozenset({"diagnosis", "target", "next_review_on"})


def page(
    visit: Visit,
    patient: PatientPage,
    kind: PlanKind,
    found: Sequence[PlanVersion],
    form: FormState,
    sign: FormState | None,
    meanwhile: tuple[Difference, ...] = (),
) -> PlanPage:
    base = f"/patients/{patient.id}/plans"
    newest = found[0] if found else None
    unsigned = newest is not None and newest.signed_at is None and kind == "care"
    return PlanPage(
        whose=whose(patient),
        title=TITLES[kind],
        action=f"{base}/{kind}",
        fields=FIELDS[kind],
        form=form,
        versions=tuple(_line(visit, version) for version in found),
        tabs=tuple(PlanTab(title, f"{base}/{one}", one == kind) for one, title in TITLES.items()),
        may_write=in_care(patient),
        waits_for_signature=unsigned,
        sign=sign or _sign(visit, newest),
        meanwhile=meanwhile,
        copy_href="" if newest is None else f"{base}/{kind}/copy",
        handout_href="" if newest is None else f"{base}/{kind}/handout",
    )


def in_care(patient: PatientPage) -> bool:
    return patient.episode is not None and patient.episode.status not in ("referred", "ended")


def start(kind: PlanKind, found: Sequence[PlanVersion]) -> FormState:
    """The newest version, to be changed."""
    content = found[0].content if found else contents.empty(kind)
    return filled("plan", **shown(content), version=str(found[0].version if found else 0), agreed_on="")


def _sign(visit: Visit, newest: PlanVersion | None) -> FormState | None:
    if newest is None or newest.signed_at is not None or not visit.actor.has("clinician"):
        return None
    return filled("sign", version=str(newest.version))


def _line(visit: Visit, version: PlanVersion) -> VersionLine:
    signed = ""
    if version.signed_at is not None:
        at = visit.at(version.signed_at)
        signed = f"Signed by {version.signed_by or 'a clinician'}, {at.day.text} {at.time} {at.zone}"
    agreed = "" if version.agreed_on is None else formats.day(version.agreed_on).text
    return VersionLine(
        version=version.version,
        at=visit.at(version.created_at),
        who=version.created_by or "",
        agreed=agreed,
        signed=signed,
        note=version.sign_note or "",
        changes=version.changes,
    )


def handout(patient: PatientPage, clinic: ClinicFacts, plan: PlanVersion) -> HandoutPage:
    """Plain sheet for the patient: no scores, no diagnosis, and whom to call."""
    spanish = patient.language.startswith("es")
    parts = []
    for field in FIELDS[plan.kind]:
        value = getattr(plan.content, field.name)
        lines = (formats.day(value).text,) if isinstance(value, date) else contents.as_lines(value)
        if lines and field.name not in NOT_FOR_PATIENTS:
            parts.append(HandoutPart(field.spanish if spanish else field.label, lines))
    return HandoutPage(
        language="es" if spanish else "en",
        title=(SPANISH_TITLES if spanish else ENGLISH_TITLES)[plan.kind],
        name=people.name(patient.family_name, patient.given_name),
        clinic=clinic.name,
        on=formats.day(plan.agreed_on or plan.created_at.date()).text,
        parts=tuple(parts),
        crisis=crisis_lines(clinic, spanish=spanish),
        back_href=f"/patients/{patient.id}/plans/{plan.kind}",
        back=TITLES[plan.kind],
    )


def crisis_lines(clinic: ClinicFacts, *, spanish: bool) -> tuple[str, ...]:
    phone = formats.phone(clinic.support_phone)
    if spanish:
        return (
            "En peligro llame al 911.",
            "Para hablar con alguien ahora, a toda hora: llame al 988 y oprima 2, o mande AYUDA al 988.",
            f"Su clínica: {phone}, {clinic.hours_text}. Nadie vigila los mensajes las 24 horas.",
        )
    return (
        "In danger, call 911.",
        "To talk with someone now, at any hour: call or text 988.",
        f"Your clinic: {phone}, {clinic.hours_text}. Messages are not watched around the clock.",
    )
