"""Reminding about an unanswered check-in: by default T0, +24 h, +72 h on the other channel, then a person.

A check-in that was started and then left has its own ladder: reminders at 24 h and 48 h from the first answer,
and the end at 72 h, since the instruments ask about a bounded span of days.
"""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Literal

import msgspec

from messaging.schedule.windows import SendingHours, Zone, home_zone, next_day_opening, next_opening
from messaging.schedule.zones import local_date, require_utc
from registry.organisation.ladder import OutreachLadder

Channel = Literal["same", "other"]
LastStep = Literal["staff_task", "expire"]

ONE_DAY: Final = timedelta(hours=24)  # one invitation or reminder per patient and local day
MAX_SPAN: Final = timedelta(days=7)  # all items of one response belong in a bounded span of days
# A text that was not delivered is not resent; the next reminder may come sooner, but not while a switched-off
# phone is likely still off.
MIN_AFTER_FAILURE: Final = timedelta(hours=2)


class Step(msgspec.Struct, frozen=True):
    after: timedelta
    channel: Channel = "same"


class Ladder(msgspec.Struct, frozen=True):
    """Reminders counted from a starting moment (the invitation, or the first answer), and what ends them."""

    steps: tuple[Step, ...]
    last_after: timedelta
    last: LastStep

    def __post_init__(self) -> None:
        moments = [timedelta(0), *(step.after for step in self.steps)]
        if any(later - earlier < ONE_DAY for earlier, later in pairwise(moments)):
            raise ValueError("steps: less than 24 hours apart")
        if not moments[-1] < self.last_after <= MAX_SPAN:
            raise ValueError("last_after: not after the last step, or more than 7 days")


MOST_WHILE_STARTED: Final = 2  # reminders to go on


def when_invited(wanted: OutreachLadder) -> Ladder:
    steps = tuple(Step(timedelta(hours=r.after_hours), r.channel) for r in wanted.reminders)
    return Ladder(steps, timedelta(hours=wanted.call_after_hours), "staff_task")


def when_started(wanted: OutreachLadder) -> Ladder:
    """A day apart, and only while there is time left."""
    end = timedelta(hours=wanted.answer_within_hours)
    days = (ONE_DAY * day for day in range(1, MOST_WHILE_STARTED + 1))
    return Ladder(tuple(Step(after) for after in days if after < end), end, "expire")


INVITED_LADDER: Final = when_invited(OutreachLadder())
STARTED_LADDER: Final = when_started(OutreachLadder())


class Remind(msgspec.Struct, frozen=True):
    """Send reminder `number` (from 1) at `at`; `not_after` is the moment the ladder ends."""

    number: int
    at: datetime
    channel: Channel
    not_after: datetime


class Finish(msgspec.Struct, frozen=True):
    """No reminder is left: do `what` at `at`."""

    what: LastStep
    at: datetime


def next_step(
    ladder: Ladder,
    started_at: datetime,
    done: int,
    last_text_at: datetime,
    zone: Zone,
    hours: SendingHours,
) -> Remind | Finish:
    """What follows once `done` reminders have been dealt with (sent, or passed over).

    A reminder waits for the window and for a later local day than `last_text_at`, the last invitation or
    reminder. One that could only leave after the ladder's end is passed over.
    """
    started_at = require_utc(started_at, "started_at")
    end = started_at + ladder.last_after
    for number, step in enumerate(ladder.steps[done:], start=done + 1):
        at = _own_day(started_at + step.after, last_text_at, zone, hours)
        if at is not None and at < end:
            return Remind(number, at, step.channel, end)
    return Finish(ladder.last, end)


def pulled_forward(reminder_at: datetime, failed_at: datetime, zone: Zone, hours: SendingHours) -> datetime:
    """When a reminder leaves after the text before it ended undelivered: sooner, but not within 2 hours.

    It counts as that reminder. The failed text reached nobody, so it does not use up the patient's day.
    """
    soonest = next_opening(failed_at + MIN_AFTER_FAILURE, zone, hours)
    return reminder_at if soonest is None else min(reminder_at, soonest)


def _own_day(wish: datetime, last_text_at: datetime, zone: Zone, hours: SendingHours) -> datetime | None:
    at = next_opening(wish, zone, hours)
    home = home_zone(zone)
    if at is not None and local_date(at, home) <= local_date(last_text_at, home):
        return next_day_opening(last_text_at, zone, hours)
    return at
