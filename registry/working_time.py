"""Clocks that run on a clinic's calendar: staffed hours, the same day, the next business day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import msgspec

from registry import zones
from registry.organisation.rules import OFFICE_WEEK, Week

SEARCH_DAYS: Final = 28  # longer than any closure over holidays
NOTHING: Final = timedelta(0)


class WorkingTime(msgspec.Struct, frozen=True):
    """When a clinic is staffed: its zone, seven days from Monday, and the dates nobody is there."""

    zone: str
    staffed: Week = OFFICE_WEEK
    holidays: frozenset[date] = frozenset()


def same_day(now: datetime, hours: WorkingTime) -> datetime:
    """Closing time of the day whose staff can still act: today's while open, else the next staffed day's.

    A clinic that is never staffed gets 24 hours.
    """
    return next((closes for _, closes in _days(now, hours) if now < closes), now + timedelta(days=1))


def next_business_day(now: datetime, hours: WorkingTime) -> datetime:
    """The same wall-clock time on the next staffed day, moved into that day's hours; 24 hours if there is none."""
    today = zones.local_date(now, hours.zone)
    wall = now.astimezone(zones.zone(hours.zone)).time()
    for opens, closes in _days(now, hours):
        day = zones.local_date(opens, hours.zone)
        if day > today:
            return min(max(_utc(day, wall, hours.zone), opens), closes)
    return now + timedelta(days=1)


def after_staffed(now: datetime, amount: timedelta, hours: WorkingTime) -> datetime:
    """The moment at which `amount` of staffed time has passed since `now`, breaks and nights not counted.

    A clinic that is never staffed gets plain hours.
    """
    missing = amount
    for start, end in _stretches(now, hours):
        start = max(start, now)
        if start >= end:
            continue
        if end - start >= missing:
            return start + missing
        missing -= end - start
    return now + amount


def is_staffed(moment: datetime, hours: WorkingTime) -> bool:
    return any(start <= moment < end for start, end in _stretches(moment, hours, days=0))


def off_hours(start: datetime, end: datetime, hours: WorkingTime) -> tuple[tuple[datetime, datetime], ...]:
    """Stretches of [start, end) in which nobody is at work, in order."""
    found: list[tuple[datetime, datetime]] = []
    free_from = start
    for opens, closes in _stretches(start, hours, days=(end - start).days + 1):
        if closes <= start or opens >= end:
            continue
        if opens > free_from:
            found.append((free_from, opens))
        free_from = max(free_from, closes)
    if free_from < end:
        found.append((free_from, end))
    return tuple(found)


def at_wall(day: date, wall: time, zone: str) -> datetime:
    """UTC of a wall-clock time. One that spring skips is moved on by the skipped hour; of one that autumn repeats
    the first counts."""
    return _utc(day, wall, zone)


def local_midnight_after(moment: datetime, days: int, zone: str) -> datetime:
    """Start of the clinic's day that lies `days` after the local date of `moment`."""
    return _utc(zones.local_date(moment, zone) + timedelta(days=days), time(0), zone)


def noon(day: date, zone: str) -> datetime:
    return _utc(day, time(12), zone)


def _days(now: datetime, hours: WorkingTime) -> Iterator[tuple[datetime, datetime]]:
    """Opening of the first and closing of the last stretch of each staffed day from today, in UTC."""
    today = zones.local_date(now, hours.zone)
    for ahead in range(SEARCH_DAYS + 1):
        day = today + timedelta(days=ahead)
        shifts = () if day in hours.holidays else hours.staffed[day.weekday()]
        if shifts:
            yield _utc(day, shifts[0].start, hours.zone), _utc(day, shifts[-1].end, hours.zone)


def _stretches(
    now: datetime, hours: WorkingTime, days: int = SEARCH_DAYS
) -> Iterator[tuple[datetime, datetime]]:
    today = zones.local_date(now, hours.zone)
    for ahead in range(days + 1):
        day = today + timedelta(days=ahead)
        if day not in hours.holidays:
            for shift in hours.staffed[day.weekday()]:
                yield _utc(day, shift.start, hours.zone), _utc(day, shift.end, hours.zone)


def _utc(day: date, wall: time, zone: str) -> datetime:
    return datetime.combine(day, wall, zones.zone(zone)).astimezone(UTC)
