"""People who help, with their term and permission in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from registry import zones
from registry.patients.queries import PatientPage
from registry.related_people.rules import in_force
from registry.related_people.service import RelatedPersonLine
from staff_console import formats
from staff_console.formstate import Choice, FormState
from staff_console.pages import Visit
from staff_console.related_people.views import PeoplePage, PersonRow
from staff_console.whose import whose

BASES: Final = {
    "patient_agreed": "The patient agreed",
    "legal_authority": "The law gives it (guardian, proxy)",
}
WAYS: Final = {
    "verbal": "By phone or in the room",
    "written": "In writing",
    "document": "A document was shown",
}
SCOPES: Final = (
    Choice("contacts", "See the next contacts and their reminders"),
    Choice("plan", "See goals and plan"),
    Choice(
        "messages", "Write to the care team", "They never see what the patient wrote, answered or scored."
    ),
)


def page(
    visit: Visit,
    patient: PatientPage,
    found: Sequence[RelatedPersonLine],
    add: FormState | None,
    refused: tuple[UUID, FormState] | None,
) -> PeoplePage:
    return PeoplePage(
        whose=whose(patient),
        post_to=f"/patients/{patient.id}/people",
        rows=tuple(_row(visit, patient, line, refused) for line in found),
        add=add or _empty(visit),
        bases=tuple(Choice(value, label) for value, label in BASES.items()),
        scopes=SCOPES,
        ways=tuple(Choice(value, label) for value, label in WAYS.items()),
    )


def _empty(visit: Visit) -> FormState:
    today = (visit.today.isoformat(),)
    return FormState("add", {"basis": ("patient_agreed",), "valid_from": today, "agreed_on": today})


def _row(
    visit: Visit,
    patient: PatientPage,
    line: RelatedPersonLine,
    refused: tuple[UUID, FormState] | None,
) -> PersonRow:
    today = zones.local_date(visit.now, patient.zone or visit.frame.zone)
    stands = line.revoked_at is None
    until = "no end" if line.valid_to is None else f"until {formats.day(line.valid_to).text}"
    may = "; ".join(choice.label for choice in SCOPES if choice.value in line.scope)
    return PersonRow(
        id=str(line.id),
        name=f"{line.name}, {line.relation}",
        state=_state(visit, line, in_force(line.valid_from, line.valid_to, today)),
        holds=stands and in_force(line.valid_from, line.valid_to, today),
        detail=f"{line.phone}, from {formats.day(line.valid_from).text}, {until}. {may}.",
        permission=_permission(line),
        form=_form(line, refused) if stands else None,
    )


def _state(visit: Visit, line: RelatedPersonLine, in_term: bool) -> str:
    if line.revoked_at is not None:
        day = visit.at(line.revoked_at).day.text
        if line.replaced:
            return f"Changed {day}"
        return f"Ended {day} by {'the patient' if line.revoked_by == 'patient' else 'the clinic'}"
    return "In force" if in_term else "Outside its dates"


def _permission(line: RelatedPersonLine) -> str:
    right = BASES[line.basis]
    if line.agreed_on is None or line.agreed_how is None:
        return f"{right}; how and when is not noted."
    return f"{right}: {WAYS[line.agreed_how].lower()}, {formats.day(line.agreed_on).text}."


def _form(line: RelatedPersonLine, refused: tuple[UUID, FormState] | None) -> FormState:
    if refused is not None and refused[0] == line.id:
        return refused[1]
    values: dict[str, tuple[str, ...]] = {
        "name": (line.name,),
        "relation": (line.relation,),
        "phone": (line.phone,),
        "basis": (line.basis,),
        "scope": tuple(line.scope),
        "valid_from": (line.valid_from.isoformat(),),
        "valid_to": ("" if line.valid_to is None else line.valid_to.isoformat(),),
        "agreed_on": ("" if line.agreed_on is None else line.agreed_on.isoformat(),),
        "agreed_how": (line.agreed_how or "",),
    }
    return FormState(f"row-{line.id}", values)
