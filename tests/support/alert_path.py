"""Everything between a risk event and a person, in one process: worker loops, auditor, watchdog, and what can fail.

The gateway and the dispatcher are the real ones; the provider is the stand-in, the mail relays are in memory, time
moves only here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import event, select, update

from api.dead_man.auditor import Auditor
from api.dead_man.canary import Canary, Sink
from api.dead_man.rules import AUDIT_EVERY
from api.dead_man.watchdog import SqliteHeartbeats, Watchdog
from api.sweeps import Sweep, SweepLoop, Wait
from kernel.db import Database
from kernel.ids import new_id
from messaging.delivery.outcomes import Accepted, NotSent
from messaging.escalation.service import ALERTS, repeat_alerts
from messaging.gateways.sms import OutgoingText
from messaging.gateways.twilio import TwilioGateway
from registry.organisation.tables import Staff
from registry.safety import service as safety
from registry.safety.rules import Signal
from registry.safety.tables import RiskEvent
from registry.worklist.frame import frame
from tests.support import postroom
from tests.support.clock import FakeClock
from tests.support.postroom import Postbox, Postroom
from tests.support.provider.settings import ACCOUNT_SID, AUTH_TOKEN
from tests.support.provider_client import Provider

Fault = Literal["provider", "smtp", "redis", "dispatcher", "scheduler", "nobody_on_call", "web"]
FAULTS: Final[tuple[Fault, ...]] = (
    "provider",
    "smtp",
    "redis",
    "dispatcher",
    "scheduler",
    "nobody_on_call",
    "web",
)
NOBODY_LISTENS: Final = "http://127.0.0.1:9"
WITHHELD: Final = 2 * AUDIT_EVERY  # in health the outside service is called each time


class Switch:
    """The gateway, or one whose provider is gone."""

    def __init__(self, real: TwilioGateway) -> None:
        self._real = real
        self._dead = TwilioGateway(
            ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN,
            callback_base="https://clinic.example", deadline_s=0.4, base_url=NOBODY_LISTENS,
        )  # fmt: skip
        self.down = False
        self.accepted: list[OutgoingText] = []

    @property
    def _now(self) -> TwilioGateway:
        return self._dead if self.down else self._real

    async def send(self, text: OutgoingText) -> Any:
        outcome = await self._now.send(text)
        if isinstance(outcome, Accepted):
            self.accepted.append(text)
        return outcome

    async def list_to(self, number: str) -> Any:
        return await self._now.list_to(number)

    async def list_inbound(self, our_number: str, since: datetime) -> Any:
        return await self._now.list_inbound(our_number, since)

    async def fetch(self, sid: str) -> Any:
        return await self._now.fetch(sid)

    async def close(self) -> None:
        await self._dead.close()


@dataclass
class Pings:
    """The outside service: when it was last called."""

    at: list[datetime]
    clock: FakeClock

    async def ping(self) -> None:
        self.at.append(self.clock.now())


@dataclass
class Seen:
    """What a person could have noticed, and when each kind first."""

    first: dict[str, datetime] = field(default_factory=dict)

    def note(self, kind: str, at: datetime) -> None:
        self.first.setdefault(kind, at)


@dataclass
class AlertPath:
    room: Postroom
    gateway: Switch
    pings: Pings
    watchdog: Watchdog
    watchdog_mail: Postbox
    loops: dict[str, SweepLoop]
    rung: list[frozenset[str]]
    down: set[Fault] = field(default_factory=set)
    seen: Seen = field(default_factory=Seen)
    mails_before: int = 0
    texts_before: int = 0

    @property
    def now(self) -> datetime:
        return self.room.clock.now()

    async def passes(self, seconds: float, step: float = 10.0) -> None:
        """Time goes on in steps; everything that still lives does what is due."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            await self.room.passes(seconds=step)
            await self._turn()

    async def _turn(self) -> None:
        await self._loops(everything=False)
        if self.rung and "redis" not in self.down:
            await self._loops(everything=True)
        self.rung.clear()
        if await self.watchdog.turn() is not None:
            self.seen.note("watchdog", self.now)
        await self._look()

    async def _loops(self, *, everything: bool) -> None:
        dead = {"dispatcher": "send", "scheduler": "due"}
        for name, loop in self.loops.items():
            if name not in {dead.get(fault) for fault in self.down}:
                await loop.round(everything=everything and name != "watch")

    async def _look(self) -> None:
        if len(self.gateway.accepted) > self.texts_before:
            self.seen.note("text", self.now)
        if len(self.room.mail.taken) > self.mails_before:
            self.seen.note("e-mail", self.now)
        if self.now - self.pings.at[-1] > WITHHELD:
            self.seen.note("ping withheld", self.now)
        if "web" not in self.down:
            async with self.room.database.begin() as tx:
                if (await frame(tx, self.room.clinic.actor("care_manager"))).untaken:
                    self.seen.note("banner", self.now)

    def alerts(self) -> int:
        """That a provider took so far."""
        return len(self.gateway.accepted) + len(self.room.mail.taken)

    async def fails(self, *faults: Fault) -> None:
        self.down = set(faults)
        self.gateway.down = "provider" in faults
        self.room.mail.outcome = NotSent() if "smtp" in faults else None
        await self._staff(self.now if "nobody_on_call" in faults else None)
        self.seen = Seen()
        self.mails_before, self.texts_before = len(self.room.mail.taken), len(self.gateway.accepted)

    async def recovers(self) -> None:
        await self.fails()

    async def _staff(self, disabled_at: datetime | None) -> None:
        async with self.room.database.begin() as tx:
            await tx.execute(update(Staff).values(disabled_at=disabled_at))

    async def signals(self, tier: Literal[1, 2, 3] = 2) -> UUID:
        """A positive item 9 of Ana, committed now."""
        room = self.room
        async with room.database.begin() as tx:
            made = await safety.signal(
                tx,
                Signal(
                    room.clinic.id, room.ana.id, room.ana.episode_id, "item9", tier, "self", 2,
                    "answer", new_id(), "sms", "item9-1",
                ),
                now=self.now,
                alerts=ALERTS,
            )  # fmt: skip
        return made.event_id

    async def state(self, event_id: UUID) -> tuple[str, datetime]:
        async with self.room.database.begin() as tx:
            row = await tx.first(
                select(RiskEvent.state, RiskEvent.next_action_at).where(RiskEvent.id == event_id)
            )
        assert row is not None
        return row.state, row.next_action_at


@asynccontextmanager
async def opened(
    url: str, database: Database, provider: Provider, clock: FakeClock, *, sink: Sink | None = None
) -> AsyncIterator[AlertPath]:
    event.listen(database.engine.sync_engine, "connect", _without_fsync)
    async with postroom.opened(database, provider, clock) as room:
        gateway = Switch(room.gateway)
        pings, watchdog_mail, rung = Pings([clock.now()], clock), Postbox(), []
        dispatcher = room.dispatcher(gateway=gateway)
        canary = Canary(database=database, sink=sink or Sink())
        rhythms = {name: timedelta(seconds=s) for name, s in (("dispatch", 5), ("reap", 15), ("alerts", 10))}
        auditor = Auditor(
            database=database, gateway=gateway, mail_answers=room.mail.answers, pinger=pings,  # type: ignore[arg-type]
            rhythms=lambda: rhythms, sinks=canary.sink.channels, running_since=clock.now(),
        )  # fmt: skip

        async def alerts(now: datetime) -> dict[str, int]:
            return await repeat_alerts(database, now)

        async def ring(bells: frozenset[str]) -> None:
            rung.append(bells)

        database.ring = ring
        sweeps = {
            "send": (_sweep("dispatch", 5, dispatcher.tick),),
            "due": (
                _sweep("reap", 15, room.upkeep.reap),
                _sweep("alerts", 10, alerts),
                _sweep("canary", 60, canary.run),
            ),
            "watch": (_sweep("auditor", AUDIT_EVERY.total_seconds(), auditor.run),),
        }
        loops = {name: SweepLoop(database, clock, each, Wait(_never, 0)) for name, each in sweeps.items()}
        beats = SqliteHeartbeats(url)
        watchdog = Watchdog(beats, watchdog_mail, ("oncall@harbor.example",), clock, new_id)
        yield AlertPath(room, gateway, pings, watchdog, watchdog_mail, loops, rung)
        await beats.close()
        await gateway.close()


def _sweep(name: str, every_s: float, run: Callable[[datetime], Awaitable[dict[str, int]]]) -> Sweep:
    return Sweep(name, timedelta(seconds=every_s), run)


def _without_fsync(connection: Any, _: Any) -> None:
    """Nothing here is about a machine that loses power."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()


async def _never(timeout_s: float) -> bool:
    return False
