"""Amending a saved contact, and its earlier versions beside what holds now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta

from kernel.errors import DomainError, Forbidden
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.access import CARE
from registry.contacts import amendments, chart, queries, rules
from registry.contacts.amendments import EarlierVersion
from registry.contacts.forms import Adherence, AmendmentForm, ContactOutcome, SideEffects, Skill
from registry.contacts.queries import ContactFacts
from registry.patients.queries import PatientPage
from staff_console import words
from staff_console.contact.views import AmendPage, VersionView
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState, filled
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.whose import known, whose

Console = NamedDependency[ConsoleDeps]
Text = Annotated[str, Meta(max_length=2000)]
LABELS: Final = {
    "outcome": "Outcome",
    "note": "The note",
    "adherence": "Medication",
    "adherence_note": "About the medication",
    "side_effects": "Side effects",
    "side_effects_note": "Which side effects",
    "skill": "Skill",
    "homework": "Homework",
    "reason": "The reason",
}


CHOSEN: Final[Mapping[str, Mapping[Any, str]]] = {
    "outcome": chart.OUTCOMES,
    "adherence": chart.ADHERENCE,
    "side_effects": chart.SIDE_EFFECTS,
    "skill": chart.SKILLS,
}


class AmendFields(msgspec.Struct, frozen=True, kw_only=True):
    """`version` counts the amendments that were looked at."""

    version: int
    outcome: ContactOutcome
    reason: Annotated[str, Meta(max_length=500)]
    note: Annotated[str, Meta(max_length=8000)] | None = None
    adherence: Adherence | None = None
    adherence_note: Text | None = None
    side_effects: SideEffects | None = None
    side_effects_note: Text | None = None
    skill: Skill | None = None
    homework: Text | None = None

    def form(self) -> AmendmentForm:
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return AmendmentForm(**values | {"note": self.note or ""})


@get("/patients/{patient_id:uuid}/contacts/{contact_id:uuid}/amend", opt=access.staff(*CARE))
async def amend_page(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], contact_id: FromPath[UUID]
) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, patient_id, contact_id, None))


@post("/patients/{patient_id:uuid}/contacts/{contact_id:uuid}/amend", opt=access.staff(*CARE))
async def amend(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], contact_id: FromPath[UUID]
) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = (await forms.read(request, AmendFields)).form()

        async def make() -> UUID:
            return await amendments.amend(visit.tx, visit.actor, patient_id, contact_id, form, now=visit.now)

        await once(visit, make)
        return said(f"/patients/{patient_id}/contacts/{contact_id}", "contact_amended")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "amend", error, LABELS)
        return await _page(visit, patient_id, contact_id, form, stale=error.code == "stale")

    return await submit(request, console, do, again)


def may_amend(visit: Visit, contact: ContactFacts) -> bool:
    leads = visit.actor.has("clinic_lead")
    return visit.actor.has(*CARE) and rules.may_amend(
        contact.staff_id, contact.recorded_by_id, visit.staff_id, leads=leads
    )


def versions(visit: Visit, earlier: Sequence[EarlierVersion]) -> tuple[VersionView, ...]:
    return tuple(
        VersionView(
            f"Version {version.number}, until {_when(visit, version)}",
            f"Amended by {version.amended_by or 'a key'}: {version.reason}",
            chart.version_text(version),
        )
        for version in earlier
    )


async def _page(
    visit: Visit, patient_id: UUID, contact_id: UUID, form: FormState | None, *, stale: bool = False
) -> View:
    patient = await known(visit, patient_id)
    contact = await queries.contact(visit.tx, visit.actor, patient_id, contact_id, now=visit.now)
    if not may_amend(visit, contact):
        raise Forbidden(
            "only whose contact it was, who wrote it or the clinic lead can amend it", code="not_yours"
        )
    shown = form or _start(contact)
    if stale:
        values = {**shown.values, "version": (str(contact.amendments),)}
        now = [
            f"{label}: {_said(contact, name)}"
            for name, label in LABELS.items()
            if name != "reason" and (getattr(contact, name) or "") != shown.value(name)
        ]
        told = f"It says now: {'; '.join(now)}" if now else ""
        problem = f"{shown.problem} What you typed is below; save again to replace theirs. {told}".strip()
        shown = FormState(shown.id, values, shown.errors, problem)
    return View("contact/amend.html", _amend_page(visit, patient, contact, shown), "registry")


def _amend_page(visit: Visit, patient: PatientPage, contact: ContactFacts, form: FormState) -> AmendPage:
    at = visit.at(contact.occurred_at)
    back = f"/patients/{patient.id}/contacts/{contact.id}"
    allowed = {code: label for code, label in chart.OUTCOMES.items() if code in rules.OUTCOMES[contact.kind]}
    return AmendPage(
        whose=whose(patient),
        form=form,
        action=f"{back}/amend",
        back=back,
        what=f"{chart.KINDS[contact.kind]}, {at.day.text} {at.time} {at.zone}",
        outcomes=words.choices(allowed),
        adherence=words.choices(chart.ADHERENCE),
        side_effects=words.choices(chart.SIDE_EFFECTS),
        skills=words.choices(chart.SKILLS),
        minutes_href=minutes_href(visit, contact),
    )


def minutes_href(visit: Visit, contact: ContactFacts) -> str:
    """Where the minutes are corrected; empty without minutes, or for those who may not."""
    own = contact.staff_id == visit.staff_id or visit.actor.has("clinic_lead")
    return f"/time/{contact.time_entry_id}" if contact.time_entry_id is not None and own else ""


def _said(contact: ContactFacts, name: str) -> str:
    stored = getattr(contact, name) or ""
    return str(CHOSEN.get(name, {}).get(stored, stored)) or "nothing"


def _start(contact: ContactFacts) -> FormState:
    return filled(
        "amend",
        version=str(contact.amendments),
        **{name: getattr(contact, name) or "" for name in LABELS if name != "reason"},
    )


def _when(visit: Visit, version: EarlierVersion) -> str:
    at = visit.at(version.amended_at)
    return f"{at.day.text} {at.time} {at.zone}"


ROUTES: Final = [amend_page, amend]
