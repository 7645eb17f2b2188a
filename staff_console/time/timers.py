"""The timer in the header: started on a patient's page, kept, added to, and stopped into the time log."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.time_log import timer
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState, filled
from staff_console.pages import View, Visit, read_again, said, show, submit
from staff_console.patient.presenter import loggable
from staff_console.time.forms import TIMER_LABELS, TimerAdd, TimerBack, TimerStart, TimerStop
from staff_console.time.views import TimerPage

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*CLINICAL)


@get("/time/timer", opt=STAFF)
async def timer_page(request: WebRequest, console: Console) -> Response[str]:
    async def read(visit: Visit) -> View:
        return _page(visit, _fresh(visit))

    return await show(request, console, read)


@post("/patients/{patient_id:uuid}/timer", opt=STAFF)
async def start_timer(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, TimerStart)
        await timer.start(visit.tx, visit.actor, patient_id, form.activity, now=visit.now)
        back = _back(form.back, f"/patients/{patient_id}#time")
        return said(back if form.line is None else f"{back}#line-{form.line}", "timer_started")

    return await submit(request, console, do, _again)


@post("/time/timer/keep", opt=STAFF)
async def keep_timer(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, TimerBack)
        await timer.keep(visit.tx, visit.actor, now=visit.now)
        return _back(form.back)

    return await submit(request, console, do, _again)


@post("/time/timer/add", opt=STAFF)
async def add_to_timer(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, TimerAdd)
        await timer.add(visit.tx, visit.actor, form.minutes, now=visit.now)
        return _back(form.back)

    return await submit(request, console, do, _again)


@post("/time/timer/stop", opt=STAFF)
async def stop_timer(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, TimerStop)
        asked = timer.StopForm(
            activity=form.activity,
            until=form.until,
            minutes=form.minutes,
            modality=form.modality,
            note=form.note,
        )
        patient_id, entry_id = await timer.stop(visit.tx, visit.actor, asked, now=visit.now)
        return said(f"/patients/{patient_id}#time", "time_logged", undo=str(entry_id))

    return await submit(request, console, do, _again)


@post("/time/timer/drop", opt=STAFF)
async def drop_timer(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await timer.drop(visit.tx, visit.actor, now=visit.now)
        return said("/time", "timer_dropped")

    return await submit(request, console, do, _again)


async def _again(visit: Visit, error: DomainError) -> View:
    form = await read_again(visit, "timer", error, TIMER_LABELS)
    fresh = _fresh(visit)
    values = {**fresh.values, **form.values}
    return _page(visit, FormState("timer", values, form.errors, form.problem))


def _fresh(visit: Visit) -> FormState:
    running = visit.frame.timer
    return filled("timer", activity="patient_contact" if running is None else running.activity)


def _page(visit: Visit, form: FormState) -> View:
    return View("time/timer.html", TimerPage(form=form, activities=loggable(visit)), "account")


def _back(path: str, otherwise: str = "/time") -> str:
    """Only a path of this site: an address from a form is never followed elsewhere."""
    known = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if known and "\n" not in path and "\r" not in path else otherwise


ROUTES: Final = [timer_page, start_timer, keep_timer, add_to_timer, stop_timer, drop_timer]
