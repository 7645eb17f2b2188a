"""Commands on check-ins. The sweep's own work is in `sweep`, the planning of occurrences in `occurrences`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import Conflict, Invalid, NotFound
from messaging.conversation.state import SILENT
from messaging.conversation.tables import SmsThread
from messaging.schedule import occurrences
from messaging.schedule.advance import next_way
from messaging.schedule.closing import close, close_open
from messaging.schedule.facts import Reach, person
from messaging.schedule.ladder import MAX_SPAN, STARTED_LADDER, next_step, pulled_forward
from messaging.schedule.occurrences import asking_position, materialise
from messaging.schedule.rules import Occurrence
from messaging.schedule.staffed import next_staffed
from messaging.schedule.sweep import Counts, sweep_due
from messaging.schedule.tables import OPEN_STATES, CheckIn
from messaging.schedule.windows import next_day_opening, next_opening
from messaging.schedule.zones import local_date, local_time
from questionnaires.catalog import is_shipped
from registry.access import CARE, require
from registry.instruments.queries import offered
from registry.worklist import service as worklist

__all__ = [
    "Counts",
    "Planned",
    "close",
    "close_open",
    "find_lost",
    "materialise",
    "postpone",
    "prompt_lost",
    "send_now",
    "silence",
    "started",
    "sweep_due",
]

_INSERT = insert_or_skip(CheckIn, "patient_id", "local_due_date")


class Planned(msgspec.Struct, frozen=True):
    """`at_once` is false when the patient's window is closed: the text leaves at `goes_out_at`."""

    check_in_id: UUID
    local_due_date: date
    goes_out_at: datetime
    at_once: bool


class Lost(msgspec.Struct, frozen=True):
    check_in_id: UUID
    clinic_id: UUID
    patient_id: UUID
    state: str


async def send_now(
    tx: Tx, actor: Actor, patient_id: UUID, instruments: Sequence[str], *, now: datetime
) -> Planned:
    """A check-in that staff ask for: due at once, or at the patient's next opening.

    Raises Invalid for an unknown or repeated measure, Conflict when the patient can't be asked, is being asked
    already, or has a check-in on that local date.
    """
    clinic_id = require(actor, *CARE)
    asked = await _instruments(tx, clinic_id, instruments)
    facts = await person(tx, patient_id, now)
    if facts is None or facts.clinic_id != clinic_id:
        raise NotFound("the patient")
    episode_id = _may_be_asked(facts)
    goes_out_at = _next_moment(facts, now)
    day = local_date(goes_out_at, facts.calendar)
    await _refuse_second(tx, patient_id, day)
    at = local_time(goes_out_at, facts.calendar)
    occurrence = Occurrence(day, _minute(at), facts.calendar, goes_out_at, asked)
    row = occurrences.new_row(tx, facts, episode_id, occurrence, now, origin="staff", invite_at=goes_out_at)
    if not await tx.insert_once(pick(tx, _INSERT), row):
        raise Conflict(f"the patient already has a check-in for {day.isoformat()}", code="check_in_exists")
    await occurrences.note_next(tx, patient_id, episode_id, now=now)
    await audit.record(
        tx, actor, "check_in.requested", "check_in", row["id"],
        now=now, patient_id=patient_id, instruments=list(asked),
    )  # fmt: skip
    if goes_out_at <= now:
        tx.ring("schedule")
    return Planned(row["id"], day, goes_out_at, goes_out_at <= now)


async def started(tx: Tx, check_in_id: UUID, *, now: datetime) -> bool:
    """The first answer came: the days of the clinic's ladder are left, with reminders a day apart unless it was silenced. False when it had
    begun or ended."""
    row = await _offered(tx, check_in_id, ("scheduled", "invited"))
    if row is None:
        return False
    facts = await person(tx, row.patient_id, now)
    ladder = STARTED_LADDER if facts is None else facts.site.started
    expires = now + ladder.last_after
    next_at = expires
    if facts is not None and facts.zone is not None and not await _is_silent(tx, check_in_id, row):
        step = next_step(ladder, now, 0, now, facts.zone, facts.hours)
        next_at = min(step.at, expires)
    await tx.execute(
        update(CheckIn)
        .where(CheckIn.id == check_in_id)
        .values(
            state="in_progress",
            first_answer_at=now,
            invited_at=row.invited_at or now,
            content=row.content or "link",
            expires_at=expires,
            prompts=1,
            next_at=next_at,
            queued_behind=False,
        )
    )
    await worklist.set_check_in_state(tx, row.episode_id, "in_progress", now, no_answer_count=0, now=now)
    await worklist.close_tasks(tx, row.clinic_id, f"check_in:{check_in_id}", "answered", now)
    return True


async def postpone(tx: Tx, check_in_id: UUID, *, now: datetime) -> datetime | None:
    """The patient asked for later: the next reminder comes when the window opens on a later day. None when the
    check-in has ended, or ends before then."""
    row = await _offered(tx, check_in_id, ("invited", "in_progress"))
    if row is None:
        return None
    facts = await person(tx, row.patient_id, now)
    if facts is None or facts.zone is None:
        return None
    at = next_day_opening(now, facts.zone, facts.hours)
    if at is None or (row.expires_at is not None and at >= row.expires_at):
        return None
    await tx.execute(update(CheckIn).where(CheckIn.id == check_in_id).values(next_at=at))
    return at


async def silence(tx: Tx, check_in_id: UUID, *, now: datetime) -> None:
    """No reminder asks to go on: the conversation is paused and a person decides. The check-in still ends in time."""
    row = await _offered(tx, check_in_id, ("invited", "in_progress"))
    if row is not None:
        await tx.execute(
            update(CheckIn)
            .where(CheckIn.id == check_in_id)
            .values(next_at=_ends(row), silenced_at=row.silenced_at or now)
        )


def _ends(row: Row[Any]) -> datetime:
    ends: datetime = row.expires_at or row.invited_at + MAX_SPAN
    return ends


async def _is_silent(tx: Tx, check_in_id: UUID, row: Row[Any]) -> bool:
    """Silenced, or its conversation is paused for a person: only the end is left to come."""
    if row.silenced_at is not None:
        return True
    state = await tx.scalar(select(SmsThread.state).where(SmsThread.active_check_in_id == check_in_id))
    return state is not None and state.get("why") in SILENT


async def prompt_lost(
    tx: Tx, check_in_id: UUID, channel: Literal["sms", "email"], *, failed_at: datetime, now: datetime
) -> None:
    """An invitation or reminder was refused, ended undelivered, or its fate can't be told: the next reminder comes
    sooner and counts as that reminder, on the other channel where the patient has one. Never the same text once more.
    Not where reminders have ended or were silenced."""
    row = await _offered(tx, check_in_id, ("invited", "in_progress"))
    if row is None or row.content == "call" or row.next_at >= _ends(row):
        return
    if await _is_silent(tx, check_in_id, row):
        return
    facts = await person(tx, row.patient_id, now)
    if facts is None or facts.zone is None:
        return
    lost = _with_lost(row, channel)
    at = max(_sooner(row, lost, facts, failed_at, now), now)
    values: dict[str, Any] = {"lost_ways": lost}
    if at < row.next_at:
        values["next_at"] = at
        tx.ring("schedule")
    await tx.execute(update(CheckIn).where(CheckIn.id == check_in_id).values(**values))


def _with_lost(row: Row[Any], channel: Literal["sms", "email"]) -> list[str]:
    ways = ["email"] if channel == "email" else ["items", "link"]
    return list(dict.fromkeys([*(row.lost_ways or ()), *ways]))


def _sooner(row: Row[Any], lost: Sequence[Any], facts: Reach, failed_at: datetime, now: datetime) -> datetime:
    """At once where the other channel takes over; not within two hours where the same one is tried again."""
    assert facts.zone is not None
    way = next_way("same", row.content or "link", lost, facts)
    match way:
        case "call":
            return next_staffed(now, facts.site.staffed) or now
        case "items" | "link" | "email" if way not in lost:
            return next_opening(now, facts.zone, facts.hours) or now
        case _:
            at: datetime = pulled_forward(row.next_at, failed_at, facts.zone, facts.hours)
            return at


async def find_lost(tx: Tx, *, limit: int = 100) -> tuple[Lost, ...]:
    """Open check-ins that no sweep would ever look at again. There should be none."""
    rows = await tx.all(
        select(CheckIn.id, CheckIn.clinic_id, CheckIn.patient_id, CheckIn.state)
        .where(CheckIn.state.in_(OPEN_STATES), CheckIn.next_at.is_(None))
        .order_by(CheckIn.id)
        .limit(limit)
    )
    return tuple(Lost(row.id, row.clinic_id, row.patient_id, row.state) for row in rows)


async def _offered(tx: Tx, check_in_id: UUID, states: tuple[str, ...]) -> Row[Any] | None:
    return await tx.first(
        select(
            CheckIn.patient_id,
            CheckIn.episode_id,
            CheckIn.clinic_id,
            CheckIn.state,
            CheckIn.content,
            CheckIn.next_at,
            CheckIn.invited_at,
            CheckIn.expires_at,
            CheckIn.silenced_at,
            CheckIn.lost_ways,
        )
        .where(CheckIn.id == check_in_id, CheckIn.state.in_(states))
        .with_for_update()
    )


async def _instruments(tx: Tx, clinic_id: UUID, wanted: Sequence[str]) -> tuple[str, ...]:
    if not wanted or len(set(wanted)) != len(wanted):
        raise Invalid.field("instruments", "needs at least one measure, each once")
    if not all(is_shipped(name) for name in wanted):
        known = [one.id for one in await offered(tx, clinic_id)]
        if not set(wanted) <= set(known):
            raise Invalid.field("instruments", f"must be among {', '.join(known)}")
    return tuple(sorted(wanted, key=asking_position))


def _may_be_asked(facts: Reach) -> UUID:
    reason = facts.refusal or (facts.no_text if not facts.may_be_planned else None)
    if reason is not None or facts.episode_id is None:
        raise Conflict(f"the patient can't be asked now: {reason or 'not_in_care'}", code="cannot_be_asked")
    return facts.episode_id


def _next_moment(facts: Reach, now: datetime) -> datetime:
    if facts.zone is None or facts.way == "call":
        return now
    return next_opening(now, facts.zone, facts.hours) or now


async def _refuse_second(tx: Tx, patient_id: UUID, day: date) -> None:
    other = await tx.first(
        select(CheckIn.local_due_date, CheckIn.state)
        .where(CheckIn.patient_id == patient_id)
        .where((CheckIn.local_due_date == day) | CheckIn.state.in_(("invited", "in_progress")))
        .order_by(CheckIn.local_due_date.desc())
        .limit(1)
    )
    if other is not None:
        raise Conflict(
            f"the patient already has a check-in for {other.local_due_date.isoformat()} ({other.state})",
            code="check_in_exists",
        )


def _minute(at: time) -> time:
    return at.replace(second=0, microsecond=0)
