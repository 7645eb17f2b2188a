"""The clinic's numbers for the rules, and its calendar: zone, staffed hours and closed days."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response
from msgspec import Meta, Struct

from kernel.errors import DomainError, Invalid
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.flags.rules import RULES
from registry.flags.thresholds import SETTINGS, Thresholds
from registry.flags.words import explain
from registry.organisation import queries, service
from registry.organisation.rules import ClinicFacts, ClinicForm, Shift, Week
from registry.worklist import judging
from staff_console import formats
from staff_console.deps import ConsoleDeps
from staff_console.formats import Day
from staff_console.formstate import FormState, filled
from staff_console.pages import View, Visit, read_again, said, show, submit
from staff_console.seen import read_stale, require_unchanged, sealed

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff("administrator", "clinic_lead")
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_STRETCH: Final = re.compile(r"(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})")


class NumberLine(Struct, frozen=True):
    name: str
    label: str
    help: str
    low: int
    high: int


class NumbersPage(Struct, frozen=True):
    """`lines` in the order of the form; `rules` explain each rule with the numbers in force."""

    lines: tuple[NumberLine, ...]
    rules: tuple[tuple[str, str], ...]
    form: FormState
    may_change: bool


class CalendarPage(Struct, frozen=True):
    form: FormState
    days: tuple[tuple[str, str], ...]
    closed: tuple[Day, ...]
    closed_form: FormState


class HoursForm(Struct, frozen=True):
    """Each day as people write it, `09:00-12:00, 13:00-17:00`; nothing for a day without staff."""

    zone: Annotated[str, Meta(max_length=60)]
    monday: str = ""
    tuesday: str = ""
    wednesday: str = ""
    thursday: str = ""
    friday: str = ""
    saturday: str = ""
    sunday: str = ""

    def week(self) -> Week:
        return tuple(_shifts(day, getattr(self, day)) for day in DAYS)


class ClosedForm(Struct, frozen=True):
    on: date
    name: Annotated[str, Meta(min_length=1, max_length=60)]


HOURS: Final = {"zone": "The time zone"} | {day: day.capitalize() for day in DAYS}
CLOSED: Final = {"on": "The day", "name": "Its name"}


@get("/setup/numbers", opt=STAFF)
async def numbers_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _numbers)


@post("/setup/numbers", opt=access.staff("clinic_lead"))
async def set_numbers(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        wanted = await forms.read(request, Thresholds)
        await require_unchanged(visit, _stored_numbers)
        changed = await judging.set_thresholds(visit.tx, visit.actor, wanted, now=visit.now)
        return said("/setup/numbers", "thresholds" if changed else "nothing_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        labels = {setting.name: setting.label for setting in SETTINGS}
        return await _numbers(visit, await read_stale(visit, error, labels, _stored_numbers))

    return await submit(request, console, do, again)


@get("/setup/calendar", opt=STAFF)
async def calendar_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _calendar)


@post("/setup/calendar", opt=STAFF)
async def set_hours(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, HoursForm)
        await require_unchanged(visit, _stored_hours)
        clinic = await queries.clinic(visit.tx, visit.clinic_id)
        changed = _clinic_form(clinic, form.zone, form.week())
        await service.change_clinic(visit.tx, visit.actor, visit.clinic_id, changed, now=visit.now)
        return said("/setup/calendar", "clinic_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _calendar(visit, await read_stale(visit, error, HOURS, _stored_hours))

    return await submit(request, console, do, again)


@post("/setup/closed-days", opt=STAFF)
async def add_closed(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, ClosedForm)
        await service.add_holiday(visit.tx, visit.actor, visit.clinic_id, form.on, form.name, now=visit.now)
        return said("/setup/calendar", "closed_day")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _calendar(visit, None, await read_again(visit, "closed", error, CLOSED))

    return await submit(request, console, do, again)


async def _numbers(visit: Visit, refused: FormState | None = None) -> View:
    held = await judging.clinic_thresholds(visit.tx, visit.actor)
    default = Thresholds()
    lines = tuple(
        NumberLine(
            setting.name,
            f"{setting.label} ({setting.unit})",
            f"{setting.rules}. Default {getattr(default, setting.name)}. Source: {setting.source}.",
            setting.low,
            setting.high,
        )
        for setting in SETTINGS
    )
    page = NumbersPage(
        lines,
        tuple((rule, explain(rule, held)) for rule in RULES),
        refused or _numbers_form(held),
        visit.actor.has("clinic_lead"),
    )
    return View("setup/numbers.html", page, "setup")


async def _calendar(visit: Visit, hours: FormState | None = None, closed: FormState | None = None) -> View:
    clinic = await queries.clinic(visit.tx, visit.clinic_id)
    page = CalendarPage(
        hours or _hours_form(clinic),
        tuple((day, day.capitalize()) for day in DAYS),
        tuple(formats.day(on) for on in sorted(clinic.holidays) if on >= visit.today),
        closed or FormState("closed"),
    )
    return View("setup/calendar.html", page, "setup")


async def _stored_numbers(visit: Visit) -> FormState:
    return _numbers_form(await judging.clinic_thresholds(visit.tx, visit.actor))


async def _stored_hours(visit: Visit) -> FormState:
    return _hours_form(await queries.clinic(visit.tx, visit.clinic_id))


def _numbers_form(held: Thresholds) -> FormState:
    values = {name: str(getattr(held, name)) for name in Thresholds.__struct_fields__}
    return sealed(filled("numbers", **values))


def _hours_form(clinic: ClinicFacts) -> FormState:
    written = {
        day: ", ".join(f"{shift.start:%H:%M}-{shift.end:%H:%M}" for shift in shifts)
        for day, shifts in zip(DAYS, clinic.staffed, strict=True)
    }
    return sealed(filled("hours", zone=clinic.zone, **written))


def _shifts(day: str, written: str) -> tuple[Shift, ...]:
    found = []
    for part in (part.strip() for part in written.split(",") if part.strip()):
        read = _STRETCH.fullmatch(part)
        try:
            if read is None:
                raise ValueError
            start, end = (time.fromisoformat(at.zfill(5)) for at in read.groups())
        except ValueError:
            raise Invalid.field(day, "is written like 09:00-12:00, 13:00-17:00") from None
        found.append(Shift(start, end))
    return tuple(found)


def _clinic_form(clinic: ClinicFacts, zone: str, week: Week) -> ClinicForm:
    kept = {
        name: getattr(clinic, name)
        for name in ClinicForm.__struct_fields__
        if name not in ("zone", "staffed")
    }
    return msgspec.structs.replace(ClinicForm(zone=zone.strip(), **kept), staffed=week)


ROUTES: Final = [numbers_page, set_numbers, calendar_page, set_hours, add_closed]
