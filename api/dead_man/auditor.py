"""Twice a minute: does everything hold that keeps a risk event from being silent? Only then the ping leaves.

It has a loop of its own, so that a worker whose other loops hang still says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import and_, exists, func, select

from api.dead_man.canary import last_arrival
from api.dead_man.ping import Pinger
from api.dead_man.rules import LATE, Facts, broke_off, failures, standing_still
from kernel import log
from kernel.db import Database, Tx
from kernel.tables import Heartbeat
from messaging.delivery import pause
from messaging.delivery.tables import Outbox
from messaging.gateways.sms import SmsGateway
from registry.access import CLINICAL
from registry.on_call import queries as on_call
from registry.organisation.tables import Clinic, Sender, Staff, StaffRole
from registry.protocol import queries as protocols
from registry.protocol.tables import SafetyProtocol
from registry.safety.tables import RiskEvent

NAME: Final = "auditor"
Rhythms = Mapping[str, timedelta]


class Auditor(msgspec.Struct, frozen=True, kw_only=True):
    """`rhythms`: every sweep that must beat. `sinks`: channels on which the canary arrives; none when it is off."""

    database: Database
    gateway: SmsGateway
    mail_answers: Callable[[], Awaitable[bool]]
    pinger: Pinger
    rhythms: Callable[[], Rhythms]
    sinks: frozenset[str]
    running_since: datetime

    async def run(self, now: datetime) -> dict[str, int]:
        """Counts for the heartbeat: `failing`, one key per check that does not hold, and the open events. Raises when
        the database or the ping does not answer, which the heartbeat's error and the watchdog then tell."""
        facts = await self._facts(now)
        wrong = failures(facts, now)
        async with self.database.begin() as tx:
            open_events = await _open_events(tx)
        counts = {"failing": len(wrong), "open_events": open_events} | dict.fromkeys(wrong, 1)
        if wrong:
            log.get().error("auditor.failing", checks=list(wrong))
        else:
            await self.pinger.ping()
        return counts

    async def _facts(self, now: datetime) -> Facts:
        async with self.database.begin() as tx:
            late_events, late_alerts = await _late_events(tx, now), await _late_alerts(tx, now)
            silent = await self._silent(tx, now)
            uncovered = await _uncovered(tx, now)
            paused = await pause.paused(tx, now=now) is not None
            number = await tx.scalar(select(Sender.number).where(Sender.active).order_by(Sender.id).limit(1))
            canary_at = await last_arrival(tx, self.sinks, now)
        return Facts(
            late_events=late_events,
            late_alerts=late_alerts,
            silent_sweeps=len(silent),
            uncovered_clinics=uncovered,
            texts_answer=not paused and (number is None or await self._texts_answer(number, now)),
            mail_answers=await self.mail_answers(),
            canary=bool(self.sinks),
            canary_at=canary_at,
            running_since=self.running_since,
        )

    async def _silent(self, tx: Tx, now: datetime) -> tuple[str, ...]:
        """A sweep has a minute and a half after the start before its silence counts."""
        rows = await tx.all(select(Heartbeat.name, Heartbeat.last_run_at, Heartbeat.last_error_at))
        last = {row.name: row.last_run_at for row in rows}
        rhythms = {name: every for name, every in self.rhythms().items() if name != NAME}
        begun = dict.fromkeys(rhythms, self.running_since)
        broken = frozenset(row.name for row in rows if broke_off(row.last_run_at, row.last_error_at))
        return standing_still(begun | last, rhythms, now, broken)

    async def _texts_answer(self, number: str, now: datetime) -> bool:
        try:
            return (await self.gateway.list_inbound(number, now)).http_status == 200
        except Exception as error:
            log.get().warning("auditor.provider_unreachable", exc_info=error)
            return False


async def _open_events(tx: Tx) -> int:
    found = await tx.scalar(
        select(func.count()).where(RiskEvent.state != "closed", RiskEvent.is_drill.is_(False))
    )
    return int(found or 0)


async def _late_events(tx: Tx, now: datetime) -> int:
    found = await tx.scalar(
        select(func.count()).where(RiskEvent.state != "closed", RiskEvent.next_action_at < now - LATE)
    )
    return int(found or 0)


async def _late_alerts(tx: Tx, now: datetime) -> int:
    """Safety replies and alerts that should have left a minute ago and have not; one in doubt has left."""
    found = await tx.scalar(
        select(func.count()).where(
            Outbox.message_class.in_(("B", "C")),
            Outbox.state.in_(("pending", "sending")),
            Outbox.not_before < now - LATE,
        )
    )
    return int(found or 0)


async def _uncovered(tx: Tx, now: datetime) -> int:
    """Clinics in which nobody could be alerted at all, and those whose protocol pages somebody on call and where
    nobody is."""
    works = exists().where(
        and_(
            StaffRole.clinic_id == Clinic.id,
            StaffRole.role.in_(CLINICAL),
            StaffRole.staff_id == Staff.id,
            Staff.disabled_at.is_(None),
        )
    )
    empty = await tx.scalar(select(func.count()).select_from(Clinic).where(~works))
    in_force = await tx.all(select(SafetyProtocol.clinic_id).where(SafetyProtocol.state == "active"))
    gaps = 0
    for row in in_force:
        policy = (await protocols.active(tx, row.clinic_id)).policy
        covered = await on_call.coverage(tx, row.clinic_id, policy, now)
        gaps += any(start <= now < end for start, end in covered.gaps)
    return int(empty or 0) + gaps
