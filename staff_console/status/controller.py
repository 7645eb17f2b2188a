"""What becomes of an episode: holds, returns, ends, a death; and closing a patient whom nobody reaches."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import Conflict, DomainError, Forbidden
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.access import CARE
from registry.disengagement import queries as closing
from registry.disengagement import service as disengagement
from registry.episodes import endings
from registry.episodes import service as episodes
from registry.filing import service as filing
from staff_console.contact.presenter import copy_page
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.status import presenter
from staff_console.status.forms import CLOSING, STATUS, STATUS_RENAMED, ClosingFields, StatusFields
from staff_console.whose import heading, known

Console = NamedDependency[ConsoleDeps]


@get("/patients/{patient_id:uuid}/status", opt=access.staff(*CARE))
async def status_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _status(visit, patient_id, None))


@post("/patients/{patient_id:uuid}/status", opt=access.staff(*CARE))
async def change_status(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, StatusFields)
        if form.event == "died":
            await episodes.mark_deceased(
                visit.tx, visit.actor, patient_id, on=form.from_date, now=visit.now, outreach=console.outreach
            )
            return said(f"/patients/{patient_id}", "death_noted")
        patient = await known(visit, patient_id)
        before = None if patient.episode is None else patient.episode.status_before_hold
        change = form.change(before)
        await episodes.change_status(
            visit.tx, visit.actor, patient_id, change, now=visit.now, outreach=console.outreach
        )
        return said(f"/patients/{patient_id}", "status_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "status", error, STATUS, STATUS_RENAMED)
        return await _status(visit, patient_id, form)

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/status/undo-death", opt=access.staff(*CARE))
async def undo_death(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await episodes.undo_deceased(
            visit.tx, visit.actor, patient_id, now=visit.now, outreach=console.outreach
        )
        return said(f"/patients/{patient_id}", "death_undone")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _status(visit, patient_id, FormState("status", problem=f"{error.message}."))

    return await submit(request, console, do, again)


@get("/patients/{patient_id:uuid}/closing", opt=access.staff(*CARE))
async def closing_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _closing(visit, patient_id, None))


@post("/patients/{patient_id:uuid}/closing", opt=access.staff(*CARE))
async def decide(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = (await forms.read(request, ClosingFields)).closing()

        async def make() -> UUID:
            try:
                return await disengagement.decide(
                    visit.tx, visit.actor, patient_id, form, now=visit.now, outreach=console.outreach
                )
            except Forbidden as error:
                raise Conflict(error.message) from None

        made = await once(visit, make)
        if form.decision == "keep":
            return said(f"/patients/{patient_id}", "goes_on")
        return said(f"/patients/{patient_id}/closing/{made}", "closed")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _closing(visit, patient_id, await read_again(visit, "closing", error, CLOSING))

    return await submit(request, console, do, again)


@get("/patients/{patient_id:uuid}/closing/{decision_id:uuid}", opt=access.staff(*CLINICAL))
async def closing_copy(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], decision_id: FromPath[UUID]
) -> Response[str]:
    async def read(visit: Visit) -> View:
        patient = await known(visit, patient_id)
        note = await closing.decision(visit.tx, visit.actor, patient_id, decision_id, now=visit.now)
        copies = await filing.states(visit.tx, visit.actor, patient_id, refs=[decision_id], now=visit.now)
        text = closing.closing_text(note, heading(patient), visit.frame.zone)
        page = copy_page(visit, patient, "closing_note", decision_id, text, copies.get(decision_id))
        return View("contact/copy.html", page, "registry")

    return await show(request, console, read)


async def _status(visit: Visit, patient_id: UUID, form: FormState | None) -> View:
    patient = await known(visit, patient_id)
    if patient.episode is None:
        raise Conflict("the patient has no episode of care", code="not_in_care")
    standing = await endings.standing(visit.tx, visit.actor, patient_id, now=visit.now)
    return View("status/status.html", presenter.status_page(visit, patient, standing, form), "registry")


async def _closing(visit: Visit, patient_id: UUID, form: FormState | None) -> View:
    patient = await known(visit, patient_id)
    standing = await disengagement.standing(visit.tx, visit.actor, patient_id, now=visit.now)
    notes = await closing.decisions(visit.tx, visit.actor, patient_id, now=visit.now)
    ending = await endings.standing(visit.tx, visit.actor, patient_id, now=visit.now)
    page = presenter.closing_page(visit, patient, standing, notes, form, handover=ending.handover_open)
    return View("status/closing.html", page, "registry")


ROUTES: Final = [status_page, change_status, undo_death, closing_page, decide, closing_copy]
