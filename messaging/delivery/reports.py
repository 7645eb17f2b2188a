"""What the provider reports about a text, by callback or when asked: any order, any number of times."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import Row, select, update

from kernel import log
from kernel.db import Tx, insert_or_skip, pick
from messaging.delivery import prompts
from messaging.delivery.reconcile import on_evidence
from messaging.delivery.record import apply_effects
from messaging.delivery.settle import delivery_failed
from messaging.delivery.statuses import (
    Advance,
    Contradiction,
    Keep,
    Unranked,
    advance,
    is_final,
    rank,
)
from messaging.delivery.tables import MessageStatusEvent, Outbox
from registry.worklist import service as worklist

MAX_STATUS = 40

_EVENT = insert_or_skip(MessageStatusEvent, "provider_sid", "status")
_ROW = select(
    Outbox.id,
    Outbox.clinic_id,
    Outbox.patient_id,
    Outbox.state,
    Outbox.message_class,
    Outbox.provider_sid,
    Outbox.provider_status,
    Outbox.error_code,
    Outbox.attempted_at,
).with_for_update()


async def apply_status(
    tx: Tx, outbox_id: UUID | None, sid: str, status: str, error_code: str | None, *, now: datetime
) -> bool:
    """Stores the event and moves the row's status up, never down. False when no row of ours is meant.

    A known row with an unknown message id adopts it: a callback can beat the answer to the call itself.
    """
    row = await _find(tx, outbox_id, sid)
    if row is None:
        return False
    new = await tx.insert_once(
        pick(tx, _EVENT),
        {
            "id": tx.new_id(),
            "clinic_id": row.clinic_id,
            "outbox_id": row.id,
            "provider_sid": sid,
            "status": status[:MAX_STATUS],
            "error_code": error_code,
            "received_at": now,
        },
    )
    if not new:
        return True
    if await _own(tx, row, sid, now):
        await _move(tx, row, status, error_code, now)
    return True


async def _find(tx: Tx, outbox_id: UUID | None, sid: str) -> Row[Any] | None:
    row = await tx.first(_ROW.where(Outbox.provider_sid == sid))
    if row is None and outbox_id is not None:
        row = await tx.first(_ROW.where(Outbox.id == outbox_id))
    return row


async def _own(tx: Tx, row: Row[Any], sid: str, now: datetime) -> bool:
    """Whether this message is the row's own; adopts it when the row was still waiting for an answer."""
    evidence = on_evidence(row.state, row.provider_sid, sid)
    match evidence:
        case "same":
            return True
        case "adopt":
            await adopt(tx, row.id, sid, row.attempted_at or now, now=now)
            return True
        case "note":
            # The patient has it after all, and may answer it: accepted at the attempt, as for an adopted row.
            await tx.execute(
                update(Outbox)
                .where(Outbox.id == row.id)
                .values(provider_sid=sid, accepted_at=row.attempted_at, updated_at=now)
            )
            return True
        case "duplicate":
            log.get().error("delivery.duplicate", outbox_id=str(row.id))
            return False
        case _:
            assert_never(evidence)


async def adopt(tx: Tx, outbox_id: UUID, sid: str, accepted_at: datetime, *, now: datetime) -> None:
    """The provider has it: accepted since the attempt, so an answer that came in between counts."""
    await tx.execute(
        update(Outbox)
        .where(Outbox.id == outbox_id, Outbox.state.in_(("pending", "sending", "unknown")))
        .values(
            state="accepted",
            reason="adopted",
            provider_sid=sid,
            accepted_at=accepted_at,
            next_at=now,
            claim_token=None,
            updated_at=now,
        )
    )
    tx.ring("held")


async def _move(tx: Tx, row: Row[Any], status: str, error_code: str | None, now: datetime) -> None:
    move = advance(row.provider_status, status)
    match move:
        case Advance():
            await _advance(tx, row, status, error_code, now)
        case Contradiction():
            await _note_contradiction(tx, row, now)
        case Keep() | Unranked():
            pass
        case _:
            assert_never(move)
    if error_code is not None and row.error_code is None:
        await tx.execute(update(Outbox).where(Outbox.id == row.id).values(error_code=error_code))


async def _advance(tx: Tx, row: Row[Any], status: str, error_code: str | None, now: datetime) -> None:
    new_rank = rank(status)
    values: dict[str, Any] = {"provider_status": status, "status_rank": new_rank, "updated_at": now}
    if is_final(status):
        values["next_at"] = None
    # The guard stands in the statement itself: of two callbacks at once the higher rank wins.
    moved = await tx.execute(
        update(Outbox).where(Outbox.id == row.id, Outbox.status_rank < new_rank).values(**values)
    )
    if moved.rowcount and status in ("failed", "undelivered"):
        code = int(error_code) if error_code is not None and error_code.isdigit() else None
        await apply_effects(tx, row.id, delivery_failed(row.message_class, code), code, now=now)
        await prompts.lost(tx, [row.id], now=now)


async def _note_contradiction(tx: Tx, row: Row[Any], now: datetime) -> None:
    await worklist.open_task(
        tx,
        clinic_id=row.clinic_id,
        patient_id=row.patient_id,
        episode_id=None,
        kind="delivery_problem",
        dedupe_key=f"delivery:{row.id}:contradiction",
        ref_kind="outbox",
        ref_id=row.id,
        detail={"why": "two_different_ends"},
        now=now,
    )
