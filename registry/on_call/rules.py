"""Shifts of the on-call calendar: who has one at a moment, what stays uncovered, how one is handed over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

import msgspec

from kernel.errors import Problem
from registry import zones
from registry.working_time import WorkingTime, at_wall, off_hours

AHEAD: Final = timedelta(days=14)  # how far ahead a gap is an alarm
LONGEST: Final = timedelta(days=8)
MOST_WEEKS: Final = 26
Stretch = tuple[datetime, datetime]


class ShiftForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On the wall clock of `zone`; an end that is not later than the start is the next day's. `weeks`: the same
    again for so many weeks in all, each on its own day's wall clock."""

    staff_id: UUID
    zone: str
    on: date
    start: time
    end: time
    days: int = 1
    weeks: int = 1


class Shift(msgspec.Struct, frozen=True):
    id: UUID
    staff_id: UUID
    starts_at: datetime
    ends_at: datetime
    zone: str


def check_shift(form: ShiftForm) -> tuple[Problem, ...]:
    """`days`: over how many days one shift runs, a whole week at most."""
    found: list[Problem] = []
    if not zones.known(form.zone):
        found.append(Problem("zone", "is not an IANA time zone such as America/Chicago"))
    if not 1 <= form.days <= 7:
        found.append(Problem("days", "needs 1 to 7"))
    if not 1 <= form.weeks <= MOST_WEEKS:
        found.append(Problem("weeks", f"needs 1 to {MOST_WEEKS}"))
    return tuple(found)


def stretches(form: ShiftForm) -> tuple[Stretch, ...]:
    """The shifts a form asks for, in UTC."""
    over = form.days if form.end <= form.start else form.days - 1
    found = []
    for week in range(form.weeks):
        first = form.on + timedelta(weeks=week)
        found.append(
            (
                at_wall(first, form.start, form.zone),
                at_wall(first + timedelta(days=over), form.end, form.zone),
            )
        )
    return tuple(found)


def at(shifts: Iterable[Shift], moment: datetime) -> tuple[Shift, ...]:
    """Shifts that run at the moment; a shift's end is not part of it."""
    return tuple(shift for shift in shifts if shift.starts_at <= moment < shift.ends_at)


def gaps(shifts: Iterable[Shift], start: datetime, end: datetime, hours: WorkingTime) -> tuple[Stretch, ...]:
    """Stretches of [start, end) outside staffed hours in which nobody is on call, in order."""
    taken = sorted((shift.starts_at, shift.ends_at) for shift in shifts)
    found: list[Stretch] = []
    for free, until in off_hours(start, end, hours):
        for begins, ends in taken:
            if ends <= free or begins >= until:
                continue
            if begins > free:
                found.append((free, begins))
            free = max(free, ends)
        if free < until:
            found.append((free, until))
    return tuple(found)


def cover(shift: Shift, start: datetime, end: datetime) -> tuple[Sequence[Stretch], Stretch] | Problem:
    """What its person keeps, and the part that another takes over."""
    if start >= end:
        return Problem("end", "is not later than the start")
    if start < shift.starts_at or end > shift.ends_at:
        return Problem("start", "is outside the shift")
    kept = [(shift.starts_at, start), (end, shift.ends_at)]
    return [(a, b) for a, b in kept if a < b], (start, end)
