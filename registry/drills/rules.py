"""When a drill is due, and what a row of drills shows. A drill rehearses the alert path on its own live code."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec

from kernel.errors import Problem
from registry import zones
from registry.working_time import WorkingTime, is_staffed

Slot = Literal["staffed", "evening", "night", "weekend"]
Origin = Literal["scheduled", "by_hand"]

SLOTS: Final[tuple[Slot, ...]] = get_args(Slot)
KEY: Final = "drills"  # among the clinic's settings
LONGEST_INTERVAL: Final = 92
NIGHT_BEGINS: Final = time(22, 0)
NIGHT_ENDS: Final = time(6, 0)
SPREAD: Final = (
    45  # minutes of the hour over which clinics are spread; the sweep looks more often than the rest
)


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each slot is rehearsed once in so many days; 0: only by hand. Monthly by default, weekly in a pilot."""

    every_days: int = 30
    slots: tuple[Slot, ...] = SLOTS


class DrillFacts(msgspec.Struct, frozen=True):
    """`contacted_at`: the first attempt that reached the person on the test patient's end. The two limits are those
    of the clinic's protocol for an event of this tier."""

    slot: Slot
    started_at: datetime
    acknowledged_at: datetime | None
    contacted_at: datetime | None
    acknowledge_by: datetime
    contact_by: datetime


class SlotReport(msgspec.Struct, frozen=True):
    """Seconds are medians and the longest of the drills that got so far. `passed` of `drills` were acknowledged and
    contacted within the protocol's clocks; `overdue` when the schedule asks for one that was not held."""

    slot: Slot
    drills: int
    acknowledged: int
    contacted: int
    passed: int
    median_to_acknowledge_s: int | None
    longest_to_acknowledge_s: int | None
    median_to_contact_s: int | None
    longest_to_contact_s: int | None
    last_at: datetime | None
    overdue: bool


def schedule_of(settings: Mapping[str, Any]) -> Schedule:
    return msgspec.convert(settings.get(KEY, {}), Schedule)


def check_schedule(schedule: Schedule) -> tuple[Problem, ...]:
    found: list[Problem] = []
    if not 0 <= schedule.every_days <= LONGEST_INTERVAL:
        found.append(Problem("every_days", f"needs 0 to {LONGEST_INTERVAL} days"))
    if len(set(schedule.slots)) != len(schedule.slots):
        found.append(Problem("slots", "names one twice"))
    if schedule.every_days and not schedule.slots:
        found.append(Problem("slots", "needs at least one"))
    return tuple(found)


def slot_at(moment: datetime, hours: WorkingTime) -> Slot:
    """`night` is 22:00 to 06:00 on every day; else `weekend` a day without staffed hours, `evening` what is left."""
    if is_staffed(moment, hours):
        return "staffed"
    local = moment.astimezone(zones.zone(hours.zone))
    if local.time() >= NIGHT_BEGINS or local.time() < NIGHT_ENDS:
        return "night"
    day = local.date()
    works = day not in hours.holidays and bool(hours.staffed[day.weekday()])
    return "evening" if works else "weekend"


def is_due(
    schedule: Schedule, last: Mapping[Slot, date], hours: WorkingTime, clinic_id: UUID, now: datetime
) -> Slot | None:
    """The present slot, when its last drill is an interval of local days ago.

    Clinics start at different minutes, so that their drills don't meet, and none knows the hour before it comes.
    """
    slot = slot_at(now, hours)
    if not schedule.every_days or slot not in schedule.slots:
        return None
    local = now.astimezone(zones.zone(hours.zone))
    if local.minute < (clinic_id.int + SLOTS.index(slot) * 17 + local.toordinal()) % SPREAD:
        return None
    before = last.get(slot)
    if before is not None and local.date() < before + timedelta(days=schedule.every_days):
        return None
    return slot


def report(
    drills: Iterable[DrillFacts], schedule: Schedule, since: datetime, now: datetime
) -> tuple[SlotReport, ...]:
    """One line a slot, in the order of `SLOTS`. A schedule that began after `since` asks for nothing yet."""
    known = list(drills)
    return tuple(_line(slot, [d for d in known if d.slot == slot], schedule, since, now) for slot in SLOTS)


def passed(drill: DrillFacts) -> bool:
    return (
        drill.acknowledged_at is not None
        and drill.contacted_at is not None
        and drill.acknowledged_at <= drill.acknowledge_by
        and drill.contacted_at <= drill.contact_by
    )


def seconds(since: datetime, until: datetime | None) -> int | None:
    return None if until is None else round((until - since).total_seconds())


def _line(
    slot: Slot, drills: list[DrillFacts], schedule: Schedule, since: datetime, now: datetime
) -> SlotReport:
    taken = [s for d in drills if (s := seconds(d.started_at, d.acknowledged_at)) is not None]
    reached = [s for d in drills if (s := seconds(d.started_at, d.contacted_at)) is not None]
    last = max((d.started_at for d in drills), default=None)
    asked = bool(schedule.every_days) and slot in schedule.slots
    limit = timedelta(days=schedule.every_days + 1)  # the slot itself may come a day later
    return SlotReport(
        slot=slot,
        drills=len(drills),
        acknowledged=len(taken),
        contacted=len(reached),
        passed=sum(passed(d) for d in drills),
        median_to_acknowledge_s=round(statistics.median(taken)) if taken else None,
        longest_to_acknowledge_s=max(taken, default=None),
        median_to_contact_s=round(statistics.median(reached)) if reached else None,
        longest_to_contact_s=max(reached, default=None),
        last_at=last,
        overdue=asked and now - (last or since) > limit,
    )
