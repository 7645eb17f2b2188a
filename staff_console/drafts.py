"""Text that was typed and not sent: kept on the server as it is typed, and shown again when the page is opened."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar.response import Response

from kernel.web import forms
from kernel.web.context import WebRequest
from registry.drafts import service
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import Visit, within
from staff_console.refusals import UNSEEN, typed

# Fields that tell which version of the record the form is about: an old draft must not bring back an old one.
NOT_KEPT = frozenset({*UNSEEN, "version", "opened_at"})


async def keep(
    request: WebRequest, console: ConsoleDeps, place: str, patient_id: UUID | None
) -> Response[Any]:
    """204 when it is kept. An empty form keeps nothing."""
    fields = [(name, value) for name, value in await forms.pairs(request) if name not in NOT_KEPT]

    async def body(visit: Visit) -> None:
        if any(value.strip() for _, value in fields):
            await service.keep(visit.tx, visit.actor, place, fields, patient_id=patient_id, now=visit.now)
        else:
            await service.drop(visit.tx, visit.actor, place)

    await within(request, console, body)
    return Response(None, status_code=204)


async def restored(visit: Visit, place: str, form_id: str, start: FormState) -> FormState:
    """The draft as a form, over the values the form starts with; a note says when it was kept."""
    found = await service.kept(visit.tx, visit.actor, place, now=visit.now)
    if found is None:
        return start
    kept = typed(form_id, found.fields)
    at = visit.at(found.at)
    note = f"Your draft of {at.day.text} {at.time} {at.zone} was restored. It is not saved yet."
    unticked = {name: () for name in start.values if name not in kept.values and name not in NOT_KEPT}
    return FormState(form_id, {**start.values, **unticked, **kept.values}, note=note)


def reply_place(patient_id: UUID) -> str:
    return f"reply:{patient_id}"


def enrol_place(patient_id: UUID | None) -> str:
    return "enrol" if patient_id is None else f"enrol:{patient_id}"


def contact_place(patient_id: UUID) -> str:
    return f"contact:{patient_id}"


def plan_place(patient_id: UUID, kind: str) -> str:
    return f"plan:{kind}:{patient_id}"
