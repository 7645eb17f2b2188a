"""Safety: the list, one event, and each step a person takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
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
from messaging.conversation import thread
from messaging.escalation import queries as escalation
from registry.organisation import queries as organisation
from registry.patients import queries as patients
from registry.safety import assessing as records
from registry.safety import handling, queries, steps
from registry.safety.steps import SLACK
from registry.worklist.service import working_time
from staff_console.deps import ConsoleDeps
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.safety import assessing, drills, phone, presenter
from staff_console.safety.forms import (
    AssessmentForm,
    AttemptForm,
    CloseForm,
    DecisionForm,
    DispositionForm,
    NoteForm,
    StepForm,
    TierForm,
    labels,
    renamed,
)
from staff_console.safety.presenter import Around, Refused
from staff_console.safety.views import Other, Step

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*CLINICAL)
DECIDERS: Final = access.staff(*records.DECIDES)
CLOSED: Final = 20


@get("/safety", opt=STAFF)
async def safety_page(request: WebRequest, console: Console) -> Response[str]:
    async def read(visit: Visit) -> View:
        tx, viewer, now = visit.tx, visit.actor, visit.now
        still_open = await queries.open_events(tx, viewer, now=now)
        closed = await queries.closed_events(tx, viewer, now=now, limit=CLOSED)
        clinic = await organisation.clinic(tx, visit.clinic_id)
        responsible = clinic.default_responsible_id
        contact = None if responsible is None else await organisation.staff_contact(tx, responsible)
        hours = await working_time(tx, visit.clinic_id)
        name = None if contact is None else contact.name
        page = presenter.safety_page(visit, still_open, closed, clinic, name, hours)
        return View("safety/safety.html", page, "safety")

    return await show(request, console, read)


@get("/safety/{event_id:uuid}", opt=STAFF)
async def event_page(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, event_id))


@post("/safety/{event_id:uuid}/acknowledge", opt=STAFF)
async def acknowledge(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    """Of two people exactly one wins; the other is told who has it."""

    async def do(visit: Visit) -> str:
        taken = await handling.acknowledge(visit.tx, visit.actor, event_id, now=visit.now)
        return said(f"/safety/{event_id}", "taken_event" if taken.by_id == visit.staff_id else "had_event")

    return await submit(request, console, do, _again(event_id, "acknowledge"))


@post("/safety/{event_id:uuid}/attempts", opt=STAFF)
async def attempt(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    async def make(visit: Visit) -> None:
        form = await forms.read(request, AttemptForm)
        await handling.log_attempt(
            visit.tx,
            visit.actor,
            event_id,
            channel=form.channel,
            outcome=form.outcome,
            note=form.note,
            now=visit.now,
        )

    return await submit(request, console, _once(event_id, make, "attempt"), _again(event_id, "attempt"))


@post("/safety/{event_id:uuid}/assessment", opt=STAFF)
async def assessment(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    async def make(visit: Visit) -> None:
        form = await forms.read(request, AssessmentForm)
        await records.log_assessment(
            visit.tx,
            visit.actor,
            event_id,
            tool=form.tool,
            level=form.level,
            findings=form.findings,
            answers=assessing.answers(
                await forms.pairs(request), form.tool, await records.usable_packs(visit.tx)
            ),
            level_reason=form.level_reason,
            mitigation=form.mitigation,
            now=visit.now,
        )

    return await submit(request, console, _once(event_id, make, "assessment"), _again(event_id, "assess"))


@post("/safety/{event_id:uuid}/steps", opt=STAFF)
async def step(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    async def make(visit: Visit) -> None:
        form = await forms.read(request, StepForm)
        await steps.take_step(
            visit.tx,
            visit.actor,
            event_id,
            step=form.step,
            who=form.who,
            at=_earlier(visit, form.at),
            note=form.note,
            now=visit.now,
        )

    return await submit(request, console, _once(event_id, make, "step"), _again(event_id, "step"))


@post("/safety/{event_id:uuid}/decisions", opt=DECIDERS)
async def decision(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    async def make(visit: Visit) -> None:
        form = await forms.read(request, DecisionForm)
        await steps.decide(
            visit.tx,
            visit.actor,
            event_id,
            about=form.about,
            go=form.go == "yes",
            reason=form.reason,
            basis=form.basis,
            now=visit.now,
        )

    return await submit(request, console, _once(event_id, make, "decision"), _again(event_id, "decide"))


@post("/safety/{event_id:uuid}/tier", opt=DECIDERS)
async def tier(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    async def make(visit: Visit) -> None:
        form = await forms.read(request, TierForm)
        await records.lower_tier(
            visit.tx, visit.actor, event_id, tier=form.tier, reason=form.reason, now=visit.now
        )

    return await submit(request, console, _once(event_id, make, "tier"), _again(event_id, "lower"))


@post("/safety/{event_id:uuid}/disposition", opt=STAFF)
async def disposition(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    async def make(visit: Visit) -> None:
        form = await forms.read(request, DispositionForm)
        await handling.record_disposition(
            visit.tx,
            visit.actor,
            event_id,
            disposition=form.disposition,
            next_contact_at=_moment(visit, form),
            next_contact_mode=form.next_contact_mode,
            note=form.note,
            now=visit.now,
        )

    return await submit(request, console, _once(event_id, make, "disposition"), _again(event_id, "dispose"))


@post("/safety/{event_id:uuid}/notes", opt=STAFF)
async def note(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    async def make(visit: Visit) -> None:
        form = await forms.read(request, NoteForm)
        await handling.add_note(visit.tx, visit.actor, event_id, form.note, now=visit.now)

    return await submit(request, console, _once(event_id, make, "noted"), _again(event_id, "note"))


@post("/safety/{event_id:uuid}/close", opt=STAFF)
async def close(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, CloseForm)
        await handling.close(visit.tx, visit.actor, event_id, note=form.note, now=visit.now)
        return said(f"/safety/{event_id}", "event_closed")

    return await submit(request, console, do, _again(event_id, "confirm"))


def _once(
    event_id: UUID, make: Callable[[Visit], Awaitable[None]], code: str
) -> Callable[[Visit], Awaitable[str]]:
    """A step that adds a line to the event's history: of a form that is sent twice it adds one."""

    async def do(visit: Visit) -> str:
        async def one() -> UUID:
            await make(visit)
            return event_id

        await once(visit, one)
        return said(f"/safety/{event_id}", code)

    return do


def _again(event_id: UUID, step: Step | Other) -> Callable[[Visit, DomainError], Awaitable[View]]:
    async def again(visit: Visit, error: DomainError) -> View:
        packs = await records.usable_packs(visit.tx)
        form = await read_again(visit, str(step), error, labels(packs), renamed(packs))
        return await _page(visit, event_id, Refused(step, form))

    return again


async def _page(visit: Visit, event_id: UUID, refused: Refused | None = None) -> View:
    tx, viewer, now = visit.tx, visit.actor, visit.now
    found = await queries.event(tx, viewer, event_id, now=now)
    patient_id = found.event.patient_id
    texts = [signal.source_id for signal in found.signals if signal.source_kind == "inbound"]
    around = Around(
        patient=None if patient_id is None else await patients.patient(tx, viewer, patient_id, now=now),
        hours=await working_time(tx, visit.clinic_id),
        texts=await thread.received_texts(tx, viewer, texts, now=now),
        sent=await escalation.sent_about(tx, viewer, event_id),
        packs=await records.usable_packs(tx),
    )
    return View("safety/event.html", presenter.event_page(visit, found, around, refused), "safety")


def _earlier(visit: Visit, at: time | None) -> datetime:
    """Now without a time; a time that is still ahead on the clinic's clock was yesterday's."""
    if at is None:
        return visit.now
    moment = visit.moment(visit.today, at)
    return moment if moment <= visit.now + SLACK else visit.moment(visit.today - timedelta(days=1), at)


def _moment(visit: Visit, form: DispositionForm) -> datetime | None:
    """Noon when only the day was given."""
    day = form.next_contact_on
    return None if day is None else visit.moment(day, form.next_contact_at or time(12))


ROUTES: Final = [
    safety_page, event_page, acknowledge, attempt, assessment, step, decision, tier, disposition, note, close,
    *phone.ROUTES, *drills.ROUTES,
]  # fmt: skip
