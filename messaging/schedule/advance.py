"""What to do with a check-in whose next moment has come. Pure: facts and `now` in, one step out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, assert_never
from uuid import UUID

import msgspec

from messaging.schedule import catch_up
from messaging.schedule.facts import Reach, Way
from messaging.schedule.ladder import MAX_SPAN, Ladder, next_step
from messaging.schedule.ladder import Channel as StepChannel
from messaging.schedule.windows import (
    LIVE_EXCHANGE,
    MIN_VALIDITY,
    SendingHours,
    Zone,
    next_day_opening,
    next_opening,
)

# A moment handled later than this was missed by us: sweeps run every few seconds, so sending was down.
LATE: Final = timedelta(minutes=15)

OpenState = Literal["scheduled", "invited", "in_progress"]
SENT: Final[frozenset[Way]] = frozenset(("items", "link", "email"))  # leave through the outbox
EndState = Literal["cancelled", "missed", "skipped_outage", "partial_expired", "completed"]


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A check-in that is due. `prompts` counts the texts of its present ladder: the invitation (or the first answer)
    is one, each reminder one more. `superseded`: a newer check-in of the patient is due or open. `phone_busy`:
    another check-in is being asked on this phone. `entered`: staff filed all its results since the call was asked for.
    `lost`: ways whose last prompt did not, or perhaps did not, arrive.
    """

    id: UUID
    state: OpenState
    content: Way | None
    local_due_date: date
    not_after: datetime
    next_at: datetime
    prompts: int
    invited_at: datetime | None
    first_answer_at: datetime | None
    expires_at: datetime | None
    superseded: bool = False
    phone_busy: bool = False
    entered: bool = False
    lost: tuple[Way, ...] = ()
    last_inbound_at: datetime | None = None


class Invite(msgspec.Struct, frozen=True):
    way: Way
    next_at: datetime
    expires_at: datetime


class Remind(msgspec.Struct, frozen=True):
    """Reminder `number` (from 1). `resume`: the check-in was begun, so the text asks to go on."""

    number: int
    way: Way
    resume: bool
    next_at: datetime


class AskStaff(msgspec.Struct, frozen=True):
    """The ladder is at its end: a person calls. The link works on until `next_at`."""

    next_at: datetime


class Wait(msgspec.Struct, frozen=True):
    """Look again at `at`. `behind`: until the phone is free, and no later than `at`."""

    at: datetime
    behind: bool = False


class End(msgspec.Struct, frozen=True):
    state: EndState
    reason: str


Step = Invite | Remind | AskStaff | Wait | End


def advance(due: Due, reach: Reach, now: datetime) -> Step:
    """Raises ValueError for a row whose state and moments contradict each other."""
    if reach.refusal is not None:
        return End("cancelled", reach.refusal)
    match due.state:
        case "scheduled":
            return _invite(due, reach, now)
        case "invited":
            return _remind(due, reach, now)
        case "in_progress":
            return _resume(due, reach, now)
        case _:
            assert_never(due.state)


def is_late(next_at: datetime, now: datetime) -> bool:
    return now - next_at > LATE


def _missed(due: Due, now: datetime, reason: str) -> End:
    return End("skipped_outage" if is_late(due.next_at, now) else "missed", reason)


def _invite(due: Due, reach: Reach, now: datetime) -> Step:
    if due.superseded:
        return _missed(due, now, "superseded")
    if now + MIN_VALIDITY > due.not_after:
        return _missed(due, now, "too_late")
    if due.phone_busy:
        return Wait(due.not_after, behind=True)
    way = reach.way
    if way in SENT:
        at = _text_moment(due, reach, now, due.not_after)
        if at is None:
            return _missed(due, now, "too_late")
        if at > now:
            return Wait(at)
    return Invite(way, _after_invitation(way, reach, now), now + MAX_SPAN)


def _after_invitation(way: Way, reach: Reach, now: datetime) -> datetime:
    if way == "call" or reach.zone is None:
        return now + reach.site.invited.last_after
    return following(reach.site.invited, now, 0, now, reach.zone, reach.hours)


def _remind(due: Due, reach: Reach, now: datetime) -> Step:
    if due.invited_at is None:
        raise ValueError("invited_at: missing on an invited check-in")
    if due.content == "call":
        return End("completed", "entered_by_staff") if due.entered else End("missed", "not_reached")
    gives_up = due.invited_at + MAX_SPAN
    if due.superseded:
        return End("missed", "superseded")
    if now >= gives_up:
        return End("missed", "no_answer")
    end = due.invited_at + reach.site.invited.last_after
    if now >= end:
        return AskStaff(gives_up)
    return _next_text(due, reach, now, reach.site.invited, due.invited_at, end)


def _resume(due: Due, reach: Reach, now: datetime) -> Step:
    if due.first_answer_at is None or due.expires_at is None:
        raise ValueError("expires_at: missing on a check-in that was begun")
    if now >= due.expires_at:
        return End("partial_expired", "time_over")
    if due.last_inbound_at is not None and now < due.last_inbound_at + LIVE_EXCHANGE:
        return Wait(due.last_inbound_at + LIVE_EXCHANGE)  # they are answering right now
    return _next_text(due, reach, now, reach.site.started, due.first_answer_at, due.expires_at)


def _next_text(
    due: Due, reach: Reach, now: datetime, ladder: Ladder, started_at: datetime, end: datetime
) -> Step:
    """The reminder that is due now, or the moment at which it (or the ladder's end) comes."""
    number = due_number(ladder, started_at, due.prompts - 1, now)
    if number is None:
        return Wait(end)
    resume = due.state == "in_progress"
    way = next_way(ladder.steps[number - 1].channel, due.content or "link", due.lost, reach)
    if way == "portal":
        return Wait(_following(ladder, started_at, number, reach, now, end))
    if way != "call":
        at = _text_moment(due, reach, now, end)
        if at is None:
            return Wait(end)
        if at > now:
            return Wait(at)
    return Remind(number, way, resume, _following(ladder, started_at, number, reach, now, end))


def due_number(ladder: Ladder, started_at: datetime, done: int, now: datetime) -> int | None:
    """Which reminder is due: the latest whose time has come, so that one that was passed over is not made up for;
    at least the one after `done`. None when all were dealt with."""
    elapsed = sum(step.after <= now - started_at for step in ladder.steps)
    number = max(done + 1, elapsed)
    return number if number <= len(ladder.steps) and number > done else None


def next_way(channel: StepChannel, content: Way, lost: Sequence[Way], reach: Reach) -> Way:
    """How the next reminder goes. What can't be used is never tried, and what failed is left for the other channel;
    with no other, it is tried once more. When nothing is left a person calls."""
    other = other_way(content, reach)
    wanted = [content] if other is None else [other, content] if channel == "other" else [content, other]
    usable = [way for way in wanted if reach.can_use(way)]
    arriving = [way for way in usable if way not in lost]
    return next(iter(arriving or usable), "call")


def other_way(content: Way, reach: Reach) -> Way | None:
    """The patient's second channel, where it differs from the first in how it reaches them."""
    match reach.second_channel:
        case "phone":
            other: Way = "call"
        case "sms_link":
            other = "link"
        case "email":
            other = "email"
        case "sms_items" | "portal" | "none" | None:
            return None
        case _:
            assert_never(reach.second_channel)
    return None if other == content else other


def _following(
    ladder: Ladder, started_at: datetime, number: int, reach: Reach, now: datetime, end: datetime
) -> datetime:
    if reach.zone is None:
        return end
    return min(following(ladder, started_at, number, now, reach.zone, reach.hours), end)


def _text_moment(due: Due, reach: Reach, now: datetime, limit: datetime) -> datetime | None:
    """When a text may leave: now, in the next window, or spread over an hour after an outage. None: not before
    `limit`."""
    zone = reach.zone
    if zone is None:
        return None
    if reach.paused:
        at = next_day_opening(now, zone, reach.hours)
        return at if at is not None and at + MIN_VALIDITY <= limit else None
    if is_late(due.next_at, now):
        missed = catch_up.Due(due.local_due_date, due.next_at, limit)
        found = catch_up.catch_up(
            (missed,), now, zone, reach.hours, patient_key=str(reach.patient_id), down_since=due.next_at
        )
        return None if found.prompt is None else found.prompt.at
    at = opening(now, zone, reach.hours)
    return at if at is not None and at + MIN_VALIDITY <= limit else None


@lru_cache(maxsize=512)
def following(
    ladder: Ladder, started_at: datetime, done: int, last_text_at: datetime, zone: Zone, hours: SendingHours
) -> datetime:
    """The next moment of a ladder. A sweep asks the same for all patients of a zone, so the answer is kept."""
    return next_step(ladder, started_at, done, last_text_at, zone, hours).at


@lru_cache(maxsize=512)
def opening(now: datetime, zone: Zone, hours: SendingHours) -> datetime | None:
    return next_opening(now, zone, hours)
