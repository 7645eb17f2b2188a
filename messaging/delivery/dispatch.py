"""One tick of sending: claim and commit, check the claim once more, call the provider, write down what happened.

No transaction is open while a call is under way. A crash between any two steps leaves a row whose lease ends in
`unknown`, which is reconciled and never simply sent again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec
from sqlalchemy import exists, select, update

from kernel import log
from kernel.clock import Clock
from kernel.db import Database, Tx, among
from kernel.errors import Unavailable
from messaging.consent.tables import NumberStop
from messaging.delivery import claims, due, pause, prompts
from messaging.delivery.claims import Batch, Claimed
from messaging.delivery.kinds import KIND_RULES
from messaging.delivery.outcomes import NotSent, Outcome, Unknown
from messaging.delivery.record import Finished, apply_effects, record_outcomes
from messaging.delivery.settle import FENCE, Push, after_raise
from messaging.delivery.tables import Outbox
from messaging.gateways.email import Mailer
from messaging.gateways.sms import OutgoingText, SmsGateway
from messaging.gateways.voice import NoVoice, OutgoingCall, VoiceGateway

BATCH = 100
AT_ONCE = 50
GROUPS = 3  # under way together: one is posted while another is recorded and the next one checked
MAX_ROUNDS = 50  # a tick ends; the next one goes on
NO_VOICE: VoiceGateway = NoVoice()
Probe = Callable[[str], None]


def no_probe(name: str) -> None:
    """Crash points exist in test builds only."""


class Dispatcher(msgspec.Struct, frozen=True, kw_only=True):
    database: Database
    gateway: SmsGateway
    mailer: Mailer
    voice: VoiceGateway = NO_VOICE
    clock: Clock
    chance: Callable[[], float]
    probe: Probe = no_probe
    batch: int = BATCH
    at_once: int = AT_ONCE

    async def tick(self, now: datetime) -> dict[str, int]:
        """Sends what is due until nothing is, in bounded rounds. Gives counts for the heartbeat."""
        totals = {"claimed": 0, "accepted": 0, "suppressed": 0, "expired": 0, "deferred": 0, "simulated": 0}
        async with _Posting(self) as posting:
            for _ in range(MAX_ROUNDS):
                batch = await self.claim()
                totals["claimed"] += len(batch.claimed)
                for name in ("suppressed", "expired", "deferred", "simulated"):
                    totals[name] += getattr(batch, name)
                await posting.start(batch.claimed)
                if batch.claimed:
                    continue
                if posting.under_way:  # their numbers may have a next text
                    await posting.finish()
                elif batch.looked_at < self.batch:
                    break
        return totals | {"accepted": posting.accepted}

    async def claim(self) -> Batch:
        """One batch, committed. If a row raises, the batch rolls back and is redone row by row."""
        try:
            batch = await self.database.run(lambda tx: self._claim(tx, self.batch, None))
        except Unavailable:
            raise
        except Exception as error:
            log.get().error("outbox.batch_failed", exc_info=error)
            batch = await self._claim_row_by_row()
        self.probe("outbox.after_claim_commit")
        return batch

    async def _claim(self, tx: Tx, limit: int, only: UUID | None) -> Batch:
        now = self.clock.now()
        stopped = await pause.paused(tx, now=now) is not None
        batch = await claims.claim(tx, now=now, limit=limit, only=only, mail_only=stopped)
        self.probe("outbox.before_claim_commit")
        return batch

    async def _claim_row_by_row(self) -> Batch:
        now = self.clock.now()
        due = (
            select(Outbox.id)
            .where(Outbox.state == "pending", Outbox.next_at <= now)
            .order_by(Outbox.priority, Outbox.next_at)
            .limit(self.batch)
        )
        async with self.database.begin() as tx:
            ids = list((await tx.execute(due)).scalars())
        claimed: list[Claimed] = []
        for outbox_id in ids:
            claimed += await self._claim_one(outbox_id, now)
        return Batch(tuple(claimed), looked_at=0)

    async def _claim_one(self, outbox_id: UUID, now: datetime) -> tuple[Claimed, ...]:
        try:
            return (await self.database.run(lambda tx: self._claim(tx, 1, outbox_id))).claimed
        except Unavailable:
            raise
        except Exception as error:
            log.get().error("outbox.poison_row", outbox_id=str(outbox_id), exc_info=error)
        async with self.database.begin() as tx:
            await quarantine(tx, outbox_id, now=now)
        return ()

    async def send_all(self, rows: Sequence[Claimed]) -> int:
        """Posts claimed rows and records what became of them. Gives how many were accepted."""
        async with _Posting(self) as posting:
            await posting.start(rows)
        return posting.accepted

    async def fenced(self, rows: Sequence[Claimed]) -> list[tuple[Claimed, datetime]]:
        """Rows that are still ours, each with the end of its lease. A worker that slept must not send the others.

        A number that was stopped since the claim counts as a lease that is over: the text goes back, and the next
        claim suppresses it.
        """
        async with self.database.begin() as tx:
            found = await tx.all(
                select(
                    Outbox.id,
                    Outbox.claim_token,
                    Outbox.claim_expires_at,
                    Outbox.attempted_at,
                    Outbox.kind,
                    exists()
                    .where(due.live_stop(Outbox), NumberStop.kind.in_(due.STOP_KINDS))
                    .label("stopped"),
                ).where(among(tx, Outbox.id, [row.outbox_id for row in rows]), Outbox.state == "sending")
            )
        self.probe("outbox.before_post")
        ours = {
            (row.id, row.claim_token): row.attempted_at
            if row.stopped and not KIND_RULES[row.kind].after_stop
            else row.claim_expires_at
            for row in found
        }
        ends = ((row, ours.get((row.outbox_id, row.token))) for row in rows)
        return [(row, end) for row, end in ends if end is not None]

    async def attempt(self, row: Claimed, lease_ends_at: datetime) -> Finished:
        """A row with too little of its lease left for a call surely did not leave."""
        in_time = self.clock.now() + FENCE <= lease_ends_at
        outcome = await self._call(row) if in_time else NotSent()
        return Finished(row, outcome, self.chance(), self.clock.now())

    async def record(self, finished: Sequence[Finished]) -> int:
        self.probe("outbox.after_post")
        async with self.database.begin() as tx:
            accepted = await record_outcomes(tx, finished, now=self.clock.now())
        self.probe("outbox.after_record_commit")
        return accepted

    async def _call(self, row: Claimed) -> Outcome:
        try:
            if row.channel == "email":
                return await self.mailer.send(row.to, row.subject, row.body, str(row.outbox_id))
            if not row.sender_number:
                return NotSent()
            if row.channel == "voice":
                return await self.voice.call(
                    OutgoingCall(row.to, row.sender_number, row.body, _status_path(row))
                )
            return await self.gateway.send(
                OutgoingText(
                    to=row.to,
                    sender=row.sender_number,
                    service_sid=row.service_sid,
                    body=row.body,
                    validity_s=row.validity_s,
                    status_path=_status_path(row),
                )
            )
        except Exception as error:
            log.get().error("gateway.raised", outbox_id=str(row.outbox_id), exc_info=error)
            return Unknown()


class _Posting:
    """Groups of calls under way, at most `at_once` calls together. They start in the order in which they were
    claimed. Leaving the context waits for all of them; the first error of one is raised after the others ended."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._slots = asyncio.Semaphore(dispatcher.at_once)
        self._groups: deque[asyncio.Task[int]] = deque()
        self.accepted = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.finish()

    @property
    def under_way(self) -> bool:
        return bool(self._groups)

    async def start(self, rows: Sequence[Claimed]) -> None:
        size = self._dispatcher.at_once
        for first in range(0, len(rows), size):
            if len(self._groups) == GROUPS:
                self.accepted += await self._groups.popleft()
            ours = await self._dispatcher.fenced(rows[first : first + size])
            self._groups.append(asyncio.create_task(self._send(ours)))

    async def finish(self) -> None:
        groups, self._groups = self._groups, deque()
        ended = await asyncio.gather(*groups, return_exceptions=True)
        for result in ended:
            if isinstance(result, BaseException):
                raise result
            self.accepted += result

    async def _send(self, ours: Sequence[tuple[Claimed, datetime]]) -> int:
        finished = await asyncio.gather(*(self._one(row, lease_ends_at) for row, lease_ends_at in ours))
        return await self._dispatcher.record(finished)

    async def _one(self, row: Claimed, lease_ends_at: datetime) -> Finished:
        async with self._slots:
            return await self._dispatcher.attempt(row, lease_ends_at)


def _status_path(row: Claimed) -> str:
    return f"/webhooks/twilio/status/{row.outbox_id}/{row.attempt}"


async def quarantine(tx: Tx, outbox_id: UUID, *, now: datetime) -> None:
    """A row whose processing raised: pushed forward, and failed for good at the third time, which staff see."""
    row = await tx.first(select(Outbox.message_class, Outbox.failures).where(Outbox.id == outbox_id))
    if row is None:
        return
    verdict = after_raise(row.message_class, row.failures + 1, now)
    values: dict[str, object] = {"failures": row.failures + 1, "updated_at": now}
    if isinstance(verdict, Push):
        values["next_at"] = verdict.at
    else:
        values |= {"state": "failed", "reason": "quarantined", "next_at": None}
        log.get().error("outbox.quarantined", outbox_id=str(outbox_id))
        await apply_effects(tx, outbox_id, ("staff_task",), None, now=now)
    await tx.execute(update(Outbox).where(Outbox.id == outbox_id, Outbox.state == "pending").values(**values))
    if "state" in values:
        await prompts.lost(tx, [outbox_id], now=now)
