"""Rows that are neither waiting nor finished: leases that ended, outcomes that are unknown, texts without a report."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, assert_never
from uuid import UUID

import msgspec
from sqlalchemy import Row, select, update

from kernel import log
from kernel.clock import Clock
from kernel.db import Database, Tx, insert_or_skip, pick
from messaging.delivery import prompts
from messaging.delivery.dispatch import Probe, no_probe
from messaging.delivery.reconcile import (
    Adopt,
    Listed,
    NotProvable,
    ProvenNotSent,
    ReadAgain,
    UnknownRow,
    healthy_read,
    matching,
    next_copy,
    reconcile_decision,
)
from messaging.delivery.reports import adopt, apply_status
from messaging.delivery.service import UNSENT, body_hash
from messaging.delivery.settle import Attempt, lease_ended
from messaging.delivery.statuses import PollAt, PresumedSent, Settled, next_poll
from messaging.delivery.tables import Outbox
from messaging.gateways.sms import FoundText, Listing, SmsGateway
from registry.organisation.tables import Sender
from registry.safety import service as safety

LIMIT = 100
POLLS_AT_ONCE = 20  # a slow provider must not hold up the sweeps behind this one
READS_AT_ONCE = 20
CALL_IN_DOUBT = timedelta(minutes=10)  # longer than it rings, speaks and its callback is repeated
_COPY = insert_or_skip(Outbox, "dedupe_key")


class Upkeep(msgspec.Struct, frozen=True, kw_only=True):
    database: Database
    gateway: SmsGateway
    clock: Clock
    deadline: timedelta
    probe: Probe = no_probe

    async def reap(self, now: datetime) -> dict[str, int]:
        """`sending` past its lease becomes `unknown`, never `pending`."""
        async with self.database.begin() as tx:
            rows = await tx.all(
                select(Outbox.id, Outbox.message_class, Outbox.attempt, Outbox.not_after, Outbox.event_id)
                .where(Outbox.state == "sending", Outbox.claim_expires_at <= now)
                .limit(LIMIT)
                .with_for_update(skip_locked=True)
            )
            for row in rows:
                lost = lease_ended(Attempt(row.message_class, row.attempt, row.not_after), now)
                await tx.execute(
                    update(Outbox)
                    .where(Outbox.id == row.id, Outbox.state == "sending")
                    .values(state=lost.state, reason=lost.reason, next_at=lost.next_at, updated_at=now)
                )
                if row.message_class == "C" and row.event_id is not None:
                    await safety.look_again(tx, row.event_id, now=now)
            self.probe("sweep.before_commit")
        return {"reaped": len(rows)}

    async def reconcile(self, now: datetime) -> dict[str, int]:
        """Asks the provider's list about unknown outcomes; a text is sent again only when proven not accepted."""
        rows = await self._due("unknown", now)
        settled = 0
        # Safety replies first and by themselves: their copies wait for one reading at most, never for a proof.
        for group in (
            [r for r in rows if r.message_class == "B"],
            [r for r in rows if r.message_class != "B"],
        ):
            for row, listing in zip(group, await self._listings(group), strict=True):
                settled += await self._settle(row, listing, now)
        return {"unknown": len(rows), "settled": settled}

    async def _settle(self, row: Row[Any], listing: Listing, now: datetime) -> int:
        async with self.database.begin() as tx:
            settled = await self._decide(tx, row, listing, now)
            self.probe("reconcile.before_adopt_commit")
        if row.message_class == "B" and not settled:
            await self._copy(row, now)
        return settled

    async def poll(self, now: datetime) -> dict[str, int]:
        """Asks about accepted texts of which nothing was heard; after five times it is presumed sent, never delivered."""
        rows = await self._due("accepted", now)
        slots = asyncio.Semaphore(POLLS_AT_ONCE)

        async def ask(row: Row[Any]) -> None:
            step = next_poll(row.provider_status, row.accepted_at, row.polls, alert=row.message_class == "C")
            async with slots:
                await self._poll_one(row, step, now)

        await asyncio.gather(*(ask(row) for row in rows))
        return {"polled": len(rows)}

    async def _due(self, state: str, now: datetime) -> list[Row[Any]]:
        async with self.database.begin() as tx:
            rows = await tx.all(
                select(*Outbox.__table__.c, Sender.messaging_service_sid.label("service_sid"))
                .outerjoin(Sender, Sender.id == Outbox.sender_id)
                .where(Outbox.state == state, Outbox.next_at <= now, Outbox.channel == "sms")
                .order_by(Outbox.next_at)
                .limit(LIMIT)
            )
            await self._end_mail(tx, state, now)
            await self._end_calls(tx, state, now)
            return list(rows)

    async def _end_mail(self, tx: Tx, state: str, now: datetime) -> None:
        """A mail relay keeps no list: an unknown e-mail ends as expired. An alert's repeats cover it, and a check-in's
        ladder its prompts."""
        ending = {"state": "expired", "reason": "not_provable"} if state == "unknown" else {}
        ended = await tx.execute(
            update(Outbox)
            .where(Outbox.state == state, Outbox.next_at <= now, Outbox.channel == "email")
            .values(next_at=None, updated_at=now, **ending)
            .returning(Outbox.id)
        )
        if ending:
            await prompts.lost(tx, list(ended.scalars()), now=now)

    async def _end_calls(self, tx: Tx, state: str, now: datetime) -> None:
        """What becomes of a call is told by the signed callback with our row in its address, as it ends. Where none has
        come ten minutes after an attempt of unknown fate, the row ends as expired: it reached nobody, as the ladder
        has taken it since the first minute. A callback after that is noted and changes nothing."""
        where = [Outbox.state == state, Outbox.next_at <= now, Outbox.channel == "voice"]
        ending = {}
        if state == "unknown":
            where.append(Outbox.attempted_at <= now - CALL_IN_DOUBT)
            ending = {"state": "expired", "reason": "not_provable"}
        await tx.execute(update(Outbox).where(*where).values(next_at=None, updated_at=now, **ending))

    async def _listings(self, rows: list[Row[Any]]) -> list[Listing]:
        """Many at once: a provider that hangs must not cost one deadline after the other."""
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def read(row: Row[Any]) -> Listing:
            async with gate:
                return await self.gateway.list_to(self.database.vault.open(row.to_sealed))

        return await asyncio.gather(*(read(row) for row in rows))

    async def _decide(self, tx: Tx, row: Row[Any], listing: Listing, now: datetime) -> int:
        listed = tuple(_listed(found) for found in listing.found)
        ours = await _known_sids(tx, row.recipient_key)
        newest = await tx.scalar(
            select(Outbox.provider_sid)
            .where(Outbox.recipient_key == row.recipient_key, Outbox.provider_sid.is_not(None))
            .order_by(Outbox.accepted_at.desc())
            .limit(1)
        )
        matches = matching(
            listed,
            ours,
            attempted_at=row.attempted_at,
            deadline=self.deadline,
            service_sid=row.service_sid,
            body_hash=row.body_hash,
        )
        decision = reconcile_decision(
            UnknownRow(row.message_class, row.attempted_at, row.not_after, row.reads, row.resends > 0),
            matches,
            healthy_read(listing.http_status, listed, newest),
            now,
        )
        match decision:
            case Adopt(sid=sid, duplicates=duplicates):
                for _ in duplicates:
                    log.get().error("delivery.duplicate", outbox_id=str(row.id))
                await adopt(tx, row.id, sid, row.attempted_at, now=now)
                return 1
            case ReadAgain(at=at, healthy_reads=reads):
                await _change(tx, row.id, now, next_at=at, reads=reads)
                return 0
            case ProvenNotSent(then="pending"):
                await _change(
                    tx,
                    row.id,
                    now,
                    state="pending",
                    reason="proven_not_sent",
                    next_at=now,
                    reads=0,
                    resends=row.resends + 1,
                )
                tx.ring("dispatch")
                return 1
            case ProvenNotSent():
                await _change(tx, row.id, now, state="expired", reason="proven_not_sent", next_at=None)
                await prompts.lost(tx, [row.id], now=now)
                return 1
            case NotProvable():
                await _change(tx, row.id, now, state="expired", reason="not_provable", next_at=None)
                await prompts.lost(tx, [row.id], now=now)
                return 1
            case _:
                assert_never(decision)

    async def _copy(self, row: Row[Any], now: datetime) -> None:
        """A safety reply of unknown fate is sent again: twice is harmless, never is not."""
        base = row.dedupe_key.split(":copy")[0]
        if row.dedupe_key != base:
            return
        async with self.database.begin() as tx:
            copies = await tx.all(
                select(Outbox.state).where(Outbox.dedupe_key.startswith(f"{base}:copy", autoescape=True))
            )
            made, taken = len(copies), any(copy.state == "accepted" for copy in copies)
            due = next_copy(row.attempted_at, made, settled=taken)
            if due is None or due > now:
                return
            values: dict[str, Any] = {column.key: row._mapping[column] for column in Outbox.__table__.c}
            values |= UNSENT | {
                "id": tx.new_id(),
                "dedupe_key": f"{base}:copy{made + 2}",
                "not_before": now,
                "next_at": now,
                "not_after": max(row.not_after, now + timedelta(minutes=15)),
                "created_at": now,
                "updated_at": now,
            }
            await tx.insert_once(pick(tx, _COPY), values)
            tx.ring("dispatch")

    async def _poll_one(self, row: Row[Any], step: PollAt | PresumedSent | Settled, now: datetime) -> None:
        found = await self.gateway.fetch(row.provider_sid) if isinstance(step, PollAt) else None
        async with self.database.begin() as tx:
            match step:
                case Settled():
                    await _change(tx, row.id, now, next_at=None)
                case PresumedSent():
                    await apply_status(tx, row.id, row.provider_sid, "presumed_sent", None, now=now)
                    await _change(tx, row.id, now, next_at=None)
                case PollAt():
                    if found is not None:
                        code = None if found.error_code is None else str(found.error_code)
                        await apply_status(tx, row.id, row.provider_sid, found.status, code, now=now)
                    await self._plan_next_poll(tx, row, now)
                case _:
                    assert_never(step)

    async def _plan_next_poll(self, tx: Tx, row: Row[Any], now: datetime) -> None:
        status = await tx.scalar(select(Outbox.provider_status).where(Outbox.id == row.id))
        later = next_poll(status, row.accepted_at, row.polls + 1, alert=row.message_class == "C")
        next_at = (
            later.at if isinstance(later, PollAt) else (now if isinstance(later, PresumedSent) else None)
        )
        await _change(tx, row.id, now, next_at=next_at, polls=row.polls + 1)


async def _change(tx: Tx, outbox_id: UUID, now: datetime, **values: Any) -> None:
    state = values.get("state")
    where = [Outbox.id == outbox_id]
    if state is not None:
        where.append(Outbox.state == "unknown")
    await tx.execute(update(Outbox).where(*where).values(updated_at=now, **values))


async def _known_sids(tx: Tx, recipient_key: str) -> frozenset[str]:
    found = await tx.execute(
        select(Outbox.provider_sid).where(
            Outbox.recipient_key == recipient_key, Outbox.provider_sid.is_not(None)
        )
    )
    return frozenset(found.scalars())


def _listed(found: FoundText) -> Listed:
    return Listed(
        sid=found.sid,
        direction=found.direction,
        created_at=found.created_at,
        service_sid=found.service_sid,
        body_hash=None if found.body is None else body_hash(found.body),
    )
