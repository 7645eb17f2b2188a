"""One tick of sending: claim and commit, check the claim once more, call the provider, write down what happened.

No transaction is open while a call is under way. A crash between any two steps leaves a row whose lease ends in
`unknown`, which is reconciled and never simply sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, update

from kernel import log
from kernel.clock import Clock
from kernel.db import Database, Tx
from kernel.errors import Unavailable
from messaging.delivery import claims, pause
from messaging.delivery.claims import Batch, Claimed
from messaging.delivery.outcomes import NotSent, Outcome, Unknown
from messaging.delivery.record import Finished, apply_effects, record_outcomes
from messaging.delivery.settle import FENCE, Push, after_raise
from messaging.delivery.tables import Outbox
from messaging.gateways.email import Mailer
from messaging.gateways.sms import OutgoingText, SmsGateway

BATCH = 200
AT_ONCE = 50
MAX_ROUNDS = 50  # a tick ends; the next one goes on
Probe = Callable[[str], None]
ALERT_SUBJECT = "Evenkeel"


def no_probe(name: str) -> None:
    """Crash points exist in test builds only."""


class Dispatcher(msgspec.Struct, frozen=True, kw_only=True):
    database: Database
    gateway: SmsGateway
    mailer: Mailer
    clock: Clock
    chance: Callable[[], float]
    probe: Probe = no_probe
    batch: int = BATCH
    at_once: int = AT_ONCE

    async def tick(self, now: datetime) -> dict[str, int]:
        """Sends what is due until nothing is, in bounded rounds. Gives counts for the heartbeat."""
        totals = {"claimed": 0, "accepted": 0, "suppressed": 0, "expired": 0, "deferred": 0, "simulated": 0}
        for _ in range(MAX_ROUNDS):
            batch = await self.claim()
            totals["claimed"] += len(batch.claimed)
            for name in ("suppressed", "expired", "deferred", "simulated"):
                totals[name] += getattr(batch, name)
            totals["accepted"] += await self.send_all(batch.claimed)
            if batch.looked_at < self.batch and not batch.claimed:
                break
        return totals

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
        """Posts in groups of `at_once`; each group is recorded before the next one leaves."""
        accepted = 0
        for start in range(0, len(rows), self.at_once):
            in_time, too_late = await self._fenced(rows[start : start + self.at_once])
            finished = await asyncio.gather(*(self._attempt(row) for row in in_time))
            finished += [Finished(row, NotSent(), self.chance()) for row in too_late]
            self.probe("outbox.after_post")
            async with self.database.begin() as tx:
                accepted += await record_outcomes(tx, finished, now=self.clock.now())
            self.probe("outbox.after_record_commit")
        return accepted

    async def _fenced(self, rows: Sequence[Claimed]) -> tuple[list[Claimed], list[Claimed]]:
        """Rows that may be posted now, and rows that are ours with too little of the lease left for a call: those
        surely did not leave. Rows whose claim is no longer ours are in neither: a worker that slept must not send.
        """
        async with self.database.begin() as tx:
            found = await tx.all(
                select(Outbox.id, Outbox.claim_token, Outbox.claim_expires_at).where(
                    Outbox.id.in_([row.outbox_id for row in rows]), Outbox.state == "sending"
                )
            )
        self.probe("outbox.before_post")
        ours = {(row.id, row.claim_token): row.claim_expires_at for row in found}
        enough = self.clock.now() + FENCE
        mine = [row for row in rows if (row.outbox_id, row.token) in ours]
        in_time = [row for row in mine if ours[row.outbox_id, row.token] >= enough]
        return in_time, [row for row in mine if ours[row.outbox_id, row.token] < enough]

    async def _attempt(self, row: Claimed) -> Finished:
        return Finished(row, await self._call(row), self.chance())

    async def _call(self, row: Claimed) -> Outcome:
        try:
            if row.channel == "email":
                return await self.mailer.send(row.to, ALERT_SUBJECT, row.body, str(row.outbox_id))
            if not row.sender_number:
                return NotSent()
            return await self.gateway.send(
                OutgoingText(
                    to=row.to,
                    sender=row.sender_number,
                    service_sid=row.service_sid,
                    body=row.body,
                    validity_s=row.validity_s,
                    status_path=f"/webhooks/twilio/status/{row.outbox_id}/{row.attempt}",
                )
            )
        except Exception as error:
            log.get().error("gateway.raised", outbox_id=str(row.outbox_id), exc_info=error)
            return Unknown()


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
