"""A person's running timer. It is a row, so it survives sign-out and crash; it becomes a time entry when it stops.

Nothing is counted while it runs, and nobody's idle time is: after ten minutes without a sign of the person the page
asks, and the timer can be stopped at the last sign instead of now.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import Row, delete, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import Conflict, Invalid, NotFound
from registry.access import CLINICAL, require
from registry.patients.tables import Patient
from registry.time_log import activities
from registry.time_log.rules import MAX_ENTRY_SECONDS
from registry.time_log.service import Modality, TimeForm, log_time
from registry.time_log.tables import RunningTimer

IDLE_AFTER: Final = timedelta(minutes=10)
LATER: Final = "say how many minutes were worked: the timer ran for more than 8 hours"
_INSERT: Final = insert_or_skip(RunningTimer, "staff_id")

Added = Literal[5, 10, 15]


class StopForm(msgspec.Struct, frozen=True, kw_only=True):
    """`until` "seen" stops at the last sign of the person instead of now; `minutes` says the time worked outright."""

    activity: str
    until: Literal["now", "seen"] = "now"
    minutes: Annotated[float, Meta(gt=0, le=1440)] | None = None
    modality: Modality | None = None
    note: Annotated[str, Meta(max_length=2000)] | None = None


class Span(msgspec.Struct, frozen=True):
    started_at: datetime
    seconds: int


async def start(tx: Tx, actor: Actor, patient_id: UUID, activity: str, *, now: datetime) -> UUID:
    """Raises Conflict when the person's timer runs already, here or in another clinic; NotFound for a patient outside
    the person's clinic; Invalid for an unknown activity."""
    clinic_id = require(actor, *CLINICAL)
    if activities.find(activity) is None:
        raise Invalid.field("activity", "This is not one of the known activities.")
    known = await tx.scalar(
        select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    )
    if known is None or actor.id is None:
        raise NotFound("a patient of your clinic with that id")
    timer_id = tx.new_id()
    row = {
        "id": timer_id,
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "staff_id": actor.id,
        "activity": activity,
        "started_at": now.replace(microsecond=0),
        "seen_at": now.replace(microsecond=0),
        "added_seconds": 0,
    }
    if not await tx.insert_once(pick(tx, _INSERT), row):
        raise Conflict("your timer is running already; stop it first, in the clinic it was started in")
    await audit.record(tx, actor, "timer.started", "running_timer", timer_id, now=now, patient_id=patient_id)
    return timer_id


async def keep(tx: Tx, actor: Actor, *, now: datetime) -> None:
    """The person is still at work. Without audit: nothing of the record is read or changed."""
    row = await _mine(tx, actor)
    await _update(tx, row, seen_at=now.replace(microsecond=0))


async def add(tx: Tx, actor: Actor, minutes: Added, *, now: datetime) -> None:
    """Puts in minutes worked before the timer was started; at most eight hours in all."""
    row = await _mine(tx, actor)
    added = row.added_seconds + minutes * 60
    if added > MAX_ENTRY_SECONDS:
        raise Invalid.field("minutes", "One entry lasts at most 8 hours; enter longer work as two.")
    await _update(tx, row, added_seconds=added, seen_at=now.replace(microsecond=0))


async def stop(tx: Tx, actor: Actor, form: StopForm, *, now: datetime) -> tuple[UUID, UUID]:
    """Logs the time and ends the timer: (patient, entry). When the entry is refused (a closed month, more than eight
    hours) the timer keeps running, and the message says how to go on."""
    row = await _mine(tx, actor)
    worked = span_of(row.started_at, row.seen_at, row.added_seconds, form, now)
    entry_id = await log_time(
        tx,
        actor,
        row.patient_id,
        TimeForm(
            started_at=worked.started_at,
            minutes=worked.seconds / 60,
            activity=form.activity,
            modality=form.modality,
            note=form.note,
        ),
        source="timer",
        now=now,
    )
    await tx.execute(delete(RunningTimer).where(RunningTimer.id == row.id))
    return row.patient_id, entry_id


async def drop(tx: Tx, actor: Actor, *, now: datetime) -> None:
    """Ends the timer without an entry."""
    row = await _mine(tx, actor)
    await tx.execute(delete(RunningTimer).where(RunningTimer.id == row.id))
    await audit.record(
        tx, actor, "timer.dropped", "running_timer", row.id, now=now, patient_id=row.patient_id
    )


def span_of(
    started_at: datetime, seen_at: datetime, added_seconds: int, form: StopForm, now: datetime
) -> Span:
    """Minutes put in by hand lie before the start, and so do those said outright that did not go by. Raises Invalid when nothing was worked, or more than eight hours
    went by and nobody said how long it was."""
    end = seen_at if form.until == "seen" else now.replace(microsecond=0)
    seconds = int((end - started_at).total_seconds()) + added_seconds
    began = started_at - timedelta(seconds=added_seconds)
    if form.minutes is not None:
        said = round(form.minutes * 60)
        return Span(min(began, end - timedelta(seconds=said)), said)
    if seconds > MAX_ENTRY_SECONDS:
        raise Invalid.field("minutes", LATER)
    if seconds < 1:
        raise Invalid.field("minutes", "no time went by; drop the timer, or say how many minutes were worked")
    return Span(began, seconds)


async def _mine(tx: Tx, actor: Actor) -> Row[Any]:
    clinic_id = require(actor, *CLINICAL)
    row = await tx.first(
        select(*RunningTimer.__table__.c)
        .where(RunningTimer.staff_id == actor.id, RunningTimer.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise Conflict("no timer of yours is running; it may have been stopped on another page")
    return row


async def _update(tx: Tx, row: Row[Any], **values: Any) -> None:
    await tx.execute(update(RunningTimer).where(RunningTimer.id == row.id).values(**values))
