"""Replies that wait until it is known whether the question they seem to answer had arrived."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, update

from kernel.crypto import Sealed
from kernel.db import Tx
from messaging.conversation import apply as effects
from messaging.conversation import limits, turns
from messaging.conversation.apply import Cause, Ports
from messaging.conversation.decision import Hold, Overdue, Received, Woken
from messaging.conversation.parked import for_a_person
from messaging.conversation.replies import understand
from messaging.conversation.rules import context_of, labels_of, step
from messaging.conversation.service import classify
from messaging.conversation.tables import InboundMessage, SmsThread

# The last look at the provider's list is at 10 minutes; after that nothing more will be known.
UNRESOLVED_AFTER: Final = timedelta(minutes=12)
_COLUMNS = (
    InboundMessage.id,
    InboundMessage.body_sealed,
    InboundMessage.body_hash,
    InboundMessage.received_at,
    InboundMessage.media_count,
)


async def release(tx: Tx, thread_id: UUID, *, now: datetime, ports: Ports) -> int:
    """Applies the thread's held replies in their order, up to the first that must wait on. Gives how many."""
    await tx.first(select(SmsThread.id).where(SmsThread.id == thread_id).with_for_update())
    rows = await tx.all(
        select(*_COLUMNS)
        .where(InboundMessage.thread_id == thread_id, InboundMessage.state == "held")
        .order_by(InboundMessage.received_at, InboundMessage.id)
    )
    done = 0
    for row in rows:
        if not await _release_one(tx, thread_id, row, now, ports):
            break
        done += 1
    if done:
        tx.ring("dispatch")
    return done


async def _release_one(tx: Tx, thread_id: UUID, row: Row[Any], now: datetime, ports: Ports) -> bool:
    turn = await turns.load(
        tx,
        thread_id,
        now=now,
        received_at=row.received_at,
        own=row.id,
        body_hash=row.body_hash,
        in_order=True,
    )
    body = tx.vault.open(row.body_sealed)
    reply = understand(
        body,
        context=context_of(turn.state, turn.script),
        language=turn.script.language,
        labels=labels_of(turn.state, turn.script),
    )
    turn = await limits.with_limits(tx, turn, reply, now=now)
    event = Received(reply, turn.standing, turn.duplicate, media=row.media_count > 0)
    decision = step(turn.state, event, turn.script, now)
    if Hold() in decision.effects:
        if now - row.received_at < UNRESOLVED_AFTER:
            return False
        decision = step(turn.state, Overdue(reply), turn.script, now)
    cause = Cause(row.id, body, row.received_at, Sealed(row.body_sealed))
    after = await effects.apply(tx, turn, decision, cause, ports, now=now)
    await classify(tx, turn, row.id, reply, held=False, after=after, now=now)
    return True


async def give_up(tx: Tx, thread_id: UUID, error_name: str, *, now: datetime) -> None:
    """Replies that raise when applied, once nothing more can be learnt: for a person."""
    rows = await tx.all(
        select(InboundMessage.id, InboundMessage.clinic_id, InboundMessage.patient_id).where(
            InboundMessage.thread_id == thread_id,
            InboundMessage.state == "held",
            InboundMessage.received_at <= now - UNRESOLVED_AFTER,
        )
    )
    for row in rows:
        await tx.execute(update(InboundMessage).where(InboundMessage.id == row.id).values(state="parked"))
        await for_a_person(tx, row.clinic_id, row.id, row.patient_id, error_name, now)


async def due_threads(tx: Tx, *, limit: int) -> list[UUID]:
    found = await tx.execute(
        select(InboundMessage.thread_id)
        .where(InboundMessage.state == "held", InboundMessage.thread_id.is_not(None))
        .group_by(InboundMessage.thread_id)
        .limit(limit)
    )
    return [thread_id for thread_id in found.scalars() if thread_id is not None]


async def wake(tx: Tx, thread_id: UUID, *, now: datetime, ports: Ports) -> bool:
    """False when the thread has moved on since it asked to be woken."""
    row = await tx.first(
        select(SmsThread.turn, SmsThread.wake_turn, SmsThread.wake_at)
        .where(SmsThread.id == thread_id)
        .with_for_update()
    )
    if row is None or row.wake_at is None or row.wake_at > now:
        return False
    await tx.execute(update(SmsThread).where(SmsThread.id == thread_id).values(wake_at=None, wake_turn=None))
    turn = await turns.load(tx, thread_id, now=now, received_at=now, own=None, body_hash="")
    if row.wake_turn != turn.turn or turn.check_in_id is None:
        return False
    decision = step(turn.state, Woken(), turn.script, now)
    await effects.apply(tx, turn, decision, Cause(), ports, now=now)
    return True


async def sleep_on(tx: Tx, thread_id: UUID, *, now: datetime) -> None:
    """A thread that raised when woken is looked at again in an hour."""
    await tx.execute(
        update(SmsThread)
        .where(SmsThread.id == thread_id, SmsThread.wake_at.is_not(None))
        .values(wake_at=now + timedelta(hours=1))
    )
