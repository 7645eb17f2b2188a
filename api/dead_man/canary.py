"""Every fifteen minutes a test patient's positive item 9 goes the whole way to a contact that is a machine's.

It is a risk event, marked, with its alert row in the same transaction, claimed and posted like any other. It pages
nobody, stands in no list, is closed by the sweep that began it, and removed a week later, since 96 a day would soon
outnumber the events of people.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from api.dead_man.rules import CANARY_EVERY
from kernel import log
from kernel.db import Database, Tx
from messaging.delivery import retention as sent
from messaging.delivery import service as delivery
from messaging.delivery.service import Channel, Message
from messaging.delivery.tables import Outbox
from registry.drills.test_patients import test_patient
from registry.organisation.tables import Clinic, Sender
from registry.safety import retention
from registry.safety import service as safety
from registry.safety.rules import Signal
from registry.safety.signals import signal
from registry.safety.tables import RiskEvent

GIVEN_UP: Final = timedelta(minutes=5)
CLOSING: Final = timedelta(minutes=1)  # until the sweep that gives up comes by
LIFE: Final = timedelta(minutes=5)
LOOKS_BACK: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=7)
REMOVED_AT_ONCE: Final = 100  # a minute's share, so that the first sweep over an old deployment locks little
RULE: Final = "canary-1"
TEMPLATE: Final = "canary@1"


class Sink(msgspec.Struct, frozen=True):
    """Where a canary arrives; empty when it is off."""

    email: str | None = None
    phone: str | None = None

    @property
    def channels(self) -> frozenset[str]:
        return frozenset(
            channel for channel, to in (("email", self.email), ("sms", self.phone)) if to is not None
        )


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    database: Database
    sink: Sink

    async def run(self, now: datetime) -> dict[str, int]:
        """Ends what has arrived or is overdue, begins a new one when it is time, and removes those of last week. While
        it is off, ends what was on its way when it was switched off."""
        counts = await self._turn(now) if self.sink.channels else await self._off(now)
        async with self.database.begin() as tx:
            return counts | {"removed": await _remove(tx, now)}

    async def _turn(self, now: datetime) -> dict[str, int]:
        async with self.database.begin() as tx:
            closed, worst = await _end(tx, self.sink.channels, now)
        async with self.database.begin() as tx:
            begun = await self._begin(tx, now)
        return {"closed": closed, "begun": begun, "latency_ms": worst}

    async def _off(self, now: datetime) -> dict[str, int]:
        async with self.database.begin() as tx:
            rows = await _open(tx)
            for row in rows:
                await safety.close_canary(tx, row.id, "switched_off", now=now)
        return {"closed": len(rows), "begun": 0}

    async def _begin(self, tx: Tx, now: datetime) -> int:
        last = await tx.scalar(select(func.max(RiskEvent.opened_at)).where(RiskEvent.is_canary.is_(True)))
        if last is not None and now - last < CANARY_EVERY:
            return 0
        clinic_id = await _clinic(tx, now)
        if clinic_id is None:
            return 0
        patient_id = await test_patient(tx, clinic_id, "canary", now=now)
        made = await signal(
            tx, _signal(tx, clinic_id, patient_id), now=now, alerts=_ToSink(clinic_id, self.sink)
        )
        await safety.escalated(tx, made.event_id, step=0, next_action_at=now + GIVEN_UP + CLOSING)
        return 1


class _ToSink(msgspec.Struct, frozen=True):
    """Implements `registry.ports.Alerts` for events that are a machine's own."""

    clinic_id: UUID
    sink: Sink

    async def first_alert(self, tx: Tx, event_id: UUID, *, now: datetime) -> None:
        sender_id = await tx.scalar(
            select(Sender.id).where(Sender.clinic_id == self.clinic_id, Sender.active).limit(1)
        )
        wanted: tuple[tuple[Channel, str | None], ...] = (
            ("email", self.sink.email),
            ("sms", self.sink.phone),
        )
        for channel, to in wanted:
            if to is not None:
                await delivery.enqueue(tx, self._message(event_id, channel, to, sender_id, now), now=now)

    def _message(
        self, event_id: UUID, channel: Channel, to: str, sender_id: UUID | None, now: datetime
    ) -> Message:
        return Message(
            clinic_id=self.clinic_id,
            kind="alert",
            channel=channel,
            dedupe_key=f"canary:{event_id}:{channel}",
            to=to,
            body="Evenkeel canary: the alert path works",
            template=TEMPLATE,
            not_before=now,
            not_after=now + LIFE,
            sender_id=None if channel == "email" else sender_id,
            event_id=event_id,
        )


def _signal(tx: Tx, clinic_id: UUID, patient_id: UUID) -> Signal:
    return Signal(
        clinic_id=clinic_id,
        patient_id=patient_id,
        episode_id=None,
        trigger="item9",
        tier=2,
        toward="self",
        value=2,
        source_kind="answer",
        source_id=tx.new_id(),
        channel="canary",
        rule_version=RULE,
        is_drill=True,
        is_canary=True,
    )


async def _clinic(tx: Tx, now: datetime) -> UUID | None:
    """Each in turn, since each has a number of its own."""
    rows = await tx.all(
        select(Clinic.id)
        .join(Sender, Sender.clinic_id == Clinic.id)
        .where(Sender.active)
        .distinct()
        .order_by(Clinic.id)
    )
    if not rows:
        return None
    nth = int(now.timestamp() // CANARY_EVERY.total_seconds())
    found: UUID = rows[nth % len(rows)].id
    return found


async def _end(tx: Tx, channels: frozenset[str], now: datetime) -> tuple[int, int]:
    """How many ended, and the longest way of one that arrived, in milliseconds."""
    closed, worst = 0, 0
    for row in await _open(tx):
        arrived = await _arrived(tx, row.id)
        complete = channels <= set(arrived)
        if not complete and now - row.opened_at < GIVEN_UP:
            continue
        if complete:
            worst = max(worst, round((max(arrived.values()) - row.opened_at).total_seconds() * 1000))
        else:
            log.get().error("canary.lost", event_id=str(row.id), arrived=sorted(arrived))
        await safety.close_canary(tx, row.id, "arrived" if complete else "lost", now=now)
        closed += 1
    return closed, worst


async def _open(tx: Tx) -> Sequence[Any]:
    return await tx.all(
        select(RiskEvent.id, RiskEvent.opened_at).where(
            RiskEvent.is_canary.is_(True), RiskEvent.state != "closed"
        )
    )


async def _remove(tx: Tx, now: datetime) -> int:
    """Also while the canary is off, for those it left."""
    old = await retention.old_canaries(tx, before=now - KEPT, most=REMOVED_AT_ONCE)
    if not old:
        return 0
    await sent.remove_for_events(tx, old, TEMPLATE)
    return await retention.remove_canaries(tx, old)


async def _arrived(tx: Tx, event_id: UUID) -> dict[str, datetime]:
    """By channel, what a provider has accepted and not reported as lost."""
    rows: Any = await tx.all(
        select(Outbox.channel, Outbox.accepted_at).where(
            Outbox.event_id == event_id,
            Outbox.accepted_at.is_not(None),
            func.coalesce(Outbox.provider_status, "").not_in(("failed", "undelivered", "canceled")),
        )
    )
    return {row.channel: row.accepted_at for row in rows}


async def last_arrival(tx: Tx, channels: frozenset[str], now: datetime) -> datetime | None:
    """When a canary last was accepted on every one of the channels; on the slowest of them."""
    if not channels:
        return None
    rows = await tx.all(
        select(Outbox.channel, func.max(Outbox.accepted_at).label("at"))
        .join(RiskEvent, RiskEvent.id == Outbox.event_id)
        .where(
            RiskEvent.is_canary.is_(True),
            RiskEvent.opened_at >= now - LOOKS_BACK,
            Outbox.accepted_at.is_not(None),
        )
        .group_by(Outbox.channel)
    )
    found = {row.channel: row.at for row in rows}
    return min(found.values()) if channels <= set(found) else None
