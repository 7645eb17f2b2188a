"""Drills: the report, one by hand, and their schedule."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.drills import queries, service
from registry.drills.queries import DrillLine, DrillReport
from registry.drills.rules import Schedule, SlotReport
from registry.protocol import queries as protocols
from staff_console import formats, words
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.safety.forms import LABELS, SLOTS, ScheduleForm
from staff_console.safety.views import DrillRow, DrillsPage, SlotLine
from staff_console.seen import read_stale, require_unchanged, sealed

Console = NamedDependency[ConsoleDeps]
READERS: Final = access.staff(*CLINICAL, "administrator")
SCHEDULERS: Final = access.staff("clinic_lead", "administrator")
ORIGINS: Final = {"scheduled": "by schedule", "by_hand": "by hand"}


@get("/safety/drills", opt=READERS)
async def drills_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _page)


@post("/safety/drills", opt=READERS)
async def start(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        async def make() -> UUID:
            return await service.start_drill(
                visit.tx, visit.actor, now=visit.now, alerts=visit.console.alerts
            )

        await once(visit, make)
        return said("/safety/drills", "drill_started")

    return await submit(request, console, do, _again("start"))


@post("/safety/drills/schedule", opt=SCHEDULERS)
async def schedule(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, ScheduleForm)
        await require_unchanged(visit, _stored)
        wanted = Schedule(form.every_days, form.slots)
        await service.set_schedule(visit.tx, visit.actor, wanted, now=visit.now)
        return said("/safety/drills", "drill_schedule")

    return await submit(request, console, do, _again_schedule)


def _again(form_id: str) -> Any:
    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, await read_again(visit, form_id, error, LABELS))

    return again


async def _again_schedule(visit: Visit, error: DomainError) -> View:
    return await _page(visit, await read_stale(visit, error, LABELS, _stored))


async def _stored(visit: Visit) -> FormState:
    return _filled((await queries.report(visit.tx, visit.actor, now=visit.now)).schedule)


async def _page(visit: Visit, refused: FormState | None = None) -> View:
    found = await queries.report(visit.tx, visit.actor, now=visit.now)
    in_force = (await protocols.active(visit.tx, visit.clinic_id)).id is not None
    page = DrillsPage(
        since=visit.at(found.since).day,
        until=visit.at(found.until).day,
        slots=tuple(_slot(visit, line) for line in found.slots),
        drills=tuple(_row(visit, line) for line in found.drills),
        scheduled=_scheduled(found, in_force),
        may_schedule=visit.actor.has("clinic_lead", "administrator"),
        start=refused if refused is not None and refused.id == "start" else FormState("start"),
        form=refused if refused is not None and refused.id == "schedule" else _filled(found.schedule),
        slot_choices=words.choices(SLOTS),
    )
    return View("safety/drills.html", page, "safety")


def _scheduled(found: DrillReport, in_force: bool) -> str:
    if not found.schedule.every_days:
        return "Drills start by hand only."
    slots = ", ".join(SLOTS[slot].lower() for slot in found.schedule.slots)
    asked = f"Every {found.schedule.every_days} days in each slot: {slots}."
    return asked if in_force else f"{asked} It begins once the clinic has put its safety protocol into force."


def _filled(schedule: Schedule) -> FormState:
    values = {"every_days": (str(schedule.every_days),), "slots": tuple(schedule.slots)}
    return sealed(FormState("schedule", values))


def _slot(visit: Visit, line: SlotReport) -> SlotLine:
    return SlotLine(
        slot=SLOTS[line.slot],
        drills=str(line.drills),
        passed=f"{line.passed} of {line.drills}",
        to_acknowledge=_spread(line.median_to_acknowledge_s, line.longest_to_acknowledge_s),
        to_contact=_spread(line.median_to_contact_s, line.longest_to_contact_s),
        last="never" if line.last_at is None else visit.at(line.last_at).day.text,
        overdue=line.overdue,
    )


def _spread(median: int | None, longest: int | None) -> str:
    return "no figure" if median is None or longest is None else f"{_time(median)} ({_time(longest)})"


def _time(seconds: int | None) -> str:
    if seconds is None:
        return "not yet"
    return f"{seconds} s" if seconds < 120 else formats.waited(seconds // 60)


def _row(visit: Visit, line: DrillLine) -> DrillRow:
    state = "in time" if line.passed else "not in time" if line.closed else "running"
    return DrillRow(
        href=f"/safety/{line.event_id}",
        code=line.code,
        started=visit.at(line.started_at),
        slot=SLOTS[line.slot],
        origin=ORIGINS[line.origin],
        by=line.acknowledged_by,
        to_acknowledge=_time(line.to_acknowledge_s),
        to_contact=_time(line.to_contact_s),
        state=state,
        tone="good" if line.passed else "bad" if line.closed else "warn",
    )


ROUTES: Final = [drills_page, start, schedule]
