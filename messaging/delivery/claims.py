"""Taking due rows: decided about and taken in one transaction, by compare-and-set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

import msgspec
from sqlalchemy import Row, update
from sqlalchemy.exc import IntegrityError

from kernel.db import Tx, among
from messaging.delivery import due, prompts
from messaging.delivery.rules import (
    ClaimDecision,
    DeferUntil,
    Expire,
    Send,
    Simulate,
    Suppress,
    decide_claim,
)
from messaging.delivery.settle import LEASE
from messaging.delivery.tables import Outbox

ALERT_SUBJECT: Final = "Evenkeel"


class Claimed(msgspec.Struct, frozen=True):
    """A row that is ours until the lease ends, with what the call needs."""

    outbox_id: UUID
    clinic_id: UUID
    token: UUID
    class_: str
    kind: str
    channel: str
    to: str
    body: str
    sender_number: str
    service_sid: str | None
    validity_s: int
    attempt: int
    not_after: datetime
    patient_id: UUID | None
    event_id: UUID | None
    subject: str = ALERT_SUBJECT  # of an e-mail


class Batch(msgspec.Struct, frozen=True):
    claimed: tuple[Claimed, ...]
    looked_at: int
    suppressed: int = 0
    expired: int = 0
    deferred: int = 0
    simulated: int = 0


async def claim(
    tx: Tx, *, now: datetime, limit: int, only: UUID | None = None, mail_only: bool = False
) -> Batch:
    """Takes up to `limit` due rows under one new token; everything that must not leave is ended or put off here.

    Raises what a poison row raises; the caller then claims row by row with `only`.
    """
    values = {"now": now, "most": limit} | ({} if only is None else {"only": only})
    rows = await tx.all(due.DUE[only is not None, mail_only], values)
    recent = await due.recent(tx, rows, now)
    decided = [(row, decide_claim(due.facts(tx, row, recent, now), now)) for row in rows]
    return await _write(tx, _one_each(decided), now, looked_at=len(rows))


Decided = tuple[Row[Any], ClaimDecision]


def _one_each(decided: Iterable[Decided]) -> list[Decided]:
    """At most one class A text per number leaves in a batch: two at once could arrive in the wrong order."""
    taken: set[str] = set()
    kept: list[Decided] = []
    for row, decision in decided:
        if row.message_class == "A" and isinstance(decision, Send):
            if row.recipient_key in taken:
                continue
            taken.add(row.recipient_key)
        kept.append((row, decision))
    return kept


async def _write(tx: Tx, decided: Sequence[Decided], now: datetime, *, looked_at: int) -> Batch:
    token = tx.new_id()
    sends: list[Decided] = []
    ended: dict[tuple[str, str], list[UUID]] = {}
    deferred: dict[datetime, list[UUID]] = {}
    for row, decision in decided:
        match decision:
            case Send():
                sends.append((row, decision))
            case Simulate():
                ended.setdefault(("simulated", "clinic_in_simulation"), []).append(row.id)
            case Suppress(reason=reason):
                ended.setdefault(("suppressed", reason), []).append(row.id)
            case Expire():
                ended.setdefault(("expired", "too_late"), []).append(row.id)
            case DeferUntil(at=at):
                deferred.setdefault(at, []).append(row.id)
            case _:
                assert_never(decision)
    for (state, why), ids in ended.items():
        values = {"state": state, "reason": why, "next_at": None, "updated_at": now}
        if state == "simulated":
            values |= {"attempted_at": now, "accepted_at": now}
        await tx.execute(_pending(tx, ids).values(**values))
    await prompts.lost(
        tx, [id_ for (state, _), ids in ended.items() if state == "expired" for id_ in ids], now=now
    )
    for at, ids in deferred.items():
        await tx.execute(_pending(tx, ids).values(next_at=at, updated_at=now))
    claimed = await _take(tx, sends, token, now)
    count = Counter(state for (state, _), ids in ended.items() for _ in ids)
    return Batch(
        claimed=tuple(claimed),
        looked_at=looked_at,
        suppressed=count["suppressed"],
        expired=count["expired"],
        simulated=count["simulated"],
        deferred=sum(len(ids) for ids in deferred.values()),
    )


def _pending(tx: Tx, ids: Sequence[UUID]) -> Any:
    return update(Outbox).where(among(tx, Outbox.id, ids), Outbox.state == "pending")


async def _take(tx: Tx, sends: Sequence[Decided], token: UUID, now: datetime) -> list[Claimed]:
    """Compare-and-set: only rows that were still pending are ours."""
    ids = [row.id for row, _ in sends]
    ours = await _mark_sending(tx, ids, token, now)
    if ours is None:  # another dispatcher took one of these numbers a moment ago: leave it that one
        one_by_one = [await _mark_sending(tx, [outbox_id], token, now) or set() for outbox_id in ids]
        ours = set().union(*one_by_one)
    return [_claimed(tx, row, decision, token) for row, decision in sends if row.id in ours]


async def _mark_sending(tx: Tx, ids: Sequence[UUID], token: UUID, now: datetime) -> set[UUID] | None:
    """Ids that are now ours; None, and nothing done, when a number already has a class A text in flight."""
    if not ids:
        return set()
    taking = (
        _pending(tx, ids)
        .values(
            state="sending",
            reason=None,
            claim_token=token,
            claim_expires_at=now + LEASE,
            next_at=now + LEASE,
            attempt=Outbox.attempt + 1,
            attempted_at=now,
            updated_at=now,
        )
        .returning(Outbox.id)
    )
    try:
        async with tx.conn.begin_nested():
            return set((await tx.execute(taking)).scalars())
    except IntegrityError:
        return None


def _claimed(tx: Tx, row: Row[Any], decision: ClaimDecision, token: UUID) -> Claimed:
    assert isinstance(decision, Send)
    return Claimed(
        outbox_id=row.id,
        clinic_id=row.clinic_id,
        token=token,
        class_=row.message_class,
        kind=row.kind,
        channel=row.channel,
        to=tx.vault.open(row.to_sealed),
        body=tx.vault.open(row.body_sealed),
        sender_number=row.sender_number or "",
        service_sid=row.service_sid,
        validity_s=decision.validity_s,
        attempt=row.attempt + 1,
        not_after=row.not_after,
        patient_id=row.patient_id,
        event_id=row.event_id,
        # Neutral by rule: a clinic's name in texts names no condition and no kind of clinic.
        subject=ALERT_SUBJECT if row.patient_id is None or row.kind == "alert" else row.clinic_text_name,
    )
