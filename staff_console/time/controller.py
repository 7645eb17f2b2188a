"""My time: the month, a correction with its reason, and taking back what was saved a moment ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import Conflict, DomainError
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.time_log import own, service
from registry.time_log.rules import Month
from registry.time_log.service import TimeForm
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, query, read_again, said, show, submit
from staff_console.time import presenter
from staff_console.time.forms import LABELS, RENAMED, CorrectionForm, TimeQuery, VoidForm

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*CLINICAL)
UNDO_FOR: Final = timedelta(seconds=30)  # the page offers it for 10 seconds; answers may be slow
UNDONE: Final = "Taken back right after saving"


@get("/time", opt=STAFF)
async def time_page(request: WebRequest, console: Console) -> Response[str]:
    asked = query(request, TimeQuery)
    month = Month.parse(asked.month) if asked.month else None

    async def read(visit: Visit) -> View:
        found = await own.own_month(visit.tx, visit.actor, month, now=visit.now)
        return View("time/time.html", presenter.page(visit, found), "account")

    return await show(request, console, read)


@get("/time/{entry_id:uuid}", opt=STAFF)
async def entry_page(request: WebRequest, console: Console, entry_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _editing(visit, entry_id))


@post("/time/{entry_id:uuid}", opt=STAFF)
async def correct(request: WebRequest, console: Console, entry_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, CorrectionForm)
        entry = await own.entry(visit.tx, visit.actor, entry_id, now=visit.now)
        fresh = TimeForm(
            started_at=visit.moment(form.on, form.at),
            minutes=form.minutes,
            activity=form.activity,
            staff_id=entry.staff_id,
            modality=entry.modality,
            contact=entry.contact,
            relationship=entry.relationship,
            separately_reported=entry.separately_reported,
            note=entry.note,
        )
        await service.correct_time(visit.tx, visit.actor, entry_id, fresh, form.reason, now=visit.now)
        return said("/time", "time_corrected")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _refused(visit, entry_id, error, "edit")

    return await submit(request, console, do, again)


@post("/time/{entry_id:uuid}/void", opt=STAFF)
async def void(request: WebRequest, console: Console, entry_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, VoidForm)
        await service.correct_time(visit.tx, visit.actor, entry_id, None, form.reason, now=visit.now)
        return said("/time", "time_corrected")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _refused(visit, entry_id, error, "void")

    return await submit(request, console, do, again)


@post("/time/{entry_id:uuid}/undo", opt=STAFF)
async def undo(request: WebRequest, console: Console, entry_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        entry = await own.entry(visit.tx, visit.actor, entry_id, now=visit.now)
        if visit.now - entry.created_at > UNDO_FOR:
            raise Conflict("it is too late to take it back; correct the entry with a reason")
        await service.correct_time(visit.tx, visit.actor, entry_id, None, UNDONE, now=visit.now)
        return said(f"/patients/{entry.patient_id}#time", "time_undone")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _refused(visit, entry_id, error, "edit")

    return await submit(request, console, do, again)


async def _editing(
    visit: Visit, entry_id: UUID, form: FormState | None = None, void_form: FormState | None = None
) -> View:
    entry = await own.entry(visit.tx, visit.actor, entry_id, now=visit.now)
    month = Month.at(entry.started_at, visit.zone)
    found = await own.own_month(visit.tx, visit.actor, month, now=visit.now)
    edited = presenter.editing(visit, entry, form, void_form)
    return View("time/time.html", presenter.page(visit, found, edited, entry.activity), "account")


async def _refused(visit: Visit, entry_id: UUID, error: DomainError, form_id: str) -> View:
    """An entry that somebody else corrected meanwhile is gone: the month is shown, and above it what was typed."""
    form = await read_again(visit, form_id, error, LABELS, RENAMED)
    if error.code == "stale":
        found = await own.own_month(visit.tx, visit.actor, None, now=visit.now)
        return View("time/time.html", presenter.page(visit, found), "account")
    if form_id == "void":
        return await _editing(visit, entry_id, void_form=form)
    return await _editing(visit, entry_id, form)


ROUTES: Final = [time_page, entry_page, correct, void, undo]
