"""The running timer of a colleague who leaves: it becomes time of theirs, or is discarded for a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec
from sqlalchemy import delete, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Invalid, NotFound
from registry.access import require
from registry.time_log.service import TimeForm, log_time
from registry.time_log.tables import RunningTimer
from registry.time_log.timer import StopForm, span_of

Discard = Literal["left_running", "logged_already", "no_work"]
REASONS: Final[dict[Discard, str]] = {
    "left_running": "It was left running and nobody knows how long they worked",
    "logged_already": "The time is in the log already",
    "no_work": "No work was done on it",
}


class TimerForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`keep`: time until the last sign of the person, or of so many `minutes`. `discard`: for a `reason`."""

    decision: Literal["keep", "discard"]
    minutes: float | None = None
    reason: Discard | None = None


class LeftTimer(msgspec.Struct, frozen=True):
    """`seconds`: until the last sign of the person, with the minutes put in by hand."""

    started_at: datetime
    seen_at: datetime
    seconds: int


async def left_running(tx: Tx, viewer: Actor, staff_id: UUID) -> LeftTimer | None:
    """Moments alone, so no audit row: for whom the time was is not told."""
    clinic_id = require(viewer, "clinic_lead", "administrator")
    row = await tx.first(_of(clinic_id, staff_id))
    if row is None:
        return None
    worked = int((row.seen_at - row.started_at).total_seconds()) + row.added_seconds
    return LeftTimer(row.started_at, row.seen_at, worked)


async def settle(tx: Tx, actor: Actor, staff_id: UUID, form: TimerForm, *, now: datetime) -> UUID:
    """By the clinic lead, under the colleague's name: the entry's id when it is kept, else the timer's. Raises `NotFound` without a timer
    in this clinic, `Invalid` naming the field, and what `log_time` raises, after which the timer still runs."""
    clinic_id = require(actor, "clinic_lead")
    row = await tx.first(_of(clinic_id, staff_id).with_for_update())
    if row is None:
        raise NotFound("timer")
    entry_id = await _keep(tx, actor, row, form, now) if form.decision == "keep" else None
    if form.decision == "discard" and form.reason not in get_args(Discard):
        raise Invalid.field("reason", "is needed to discard a timer")
    await tx.execute(delete(RunningTimer).where(RunningTimer.id == row.id))
    await audit.record(
        tx, actor, f"timer.{form.decision}_for", "running_timer", row.id,
        now=now, patient_id=row.patient_id, staff=str(staff_id), reason=form.reason,
    )  # fmt: skip
    settled: UUID = entry_id or row.id
    return settled


async def _keep(tx: Tx, actor: Actor, row: Any, form: TimerForm, now: datetime) -> UUID:
    if form.minutes is not None and not 0 < form.minutes <= 1440:
        raise Invalid.field("minutes", "need to be above 0 and at most 1440")
    wanted = StopForm(activity=row.activity, until="seen", minutes=form.minutes)
    worked = span_of(row.started_at, row.seen_at, row.added_seconds, wanted, now)
    time = TimeForm(
        started_at=worked.started_at,
        minutes=worked.seconds / 60,
        activity=row.activity,
        staff_id=row.staff_id,
    )
    return await log_time(tx, actor, row.patient_id, time, source="timer", now=now)


def _of(clinic_id: UUID, staff_id: UUID) -> Any:
    return select(RunningTimer.__table__).where(
        RunningTimer.staff_id == staff_id, RunningTimer.clinic_id == clinic_id
    )
