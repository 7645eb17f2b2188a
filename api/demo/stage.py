"""Moves time forward as a running clinic would live through it: from one due moment to the next, each handled on time.

A plain jump would look like an outage, and an outage sends nothing late.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, func, literal, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from api import due_work
from api.sweeps import Sweep
from api.wiring import Deps
from kernel.db import Tx
from messaging.conversation.service import Inbound, receive_safely
from messaging.conversation.tables import SmsThread
from messaging.delivery.tables import Outbox
from messaging.schedule.tables import CheckIn, ContactReminder

# What a visitor can wait for. The hourly search for gaps is left to the worker itself.
# Left to the worker, which begins with them: while a story is told they would look at every patient again and again.
SKIPPED: Final = frozenset({"plan_gaps", "step_proposals", "readiness", "drills"})
SHORTEST_STEP: Final = timedelta(minutes=1)
LOOK_AT_LEAST: Final = timedelta(hours=6)  # reminders of contacts are planned two days ahead
MOST_ROUNDS: Final = 8
What = Literal["check_in", "reminder", "contact", "thread", "text"]


RARE: Final = timedelta(minutes=15)
EVER: Final = datetime.min.replace(tzinfo=UTC)


class Movable(Protocol):
    def now(self) -> datetime: ...

    def jump(self, by: timedelta) -> None: ...


class StoryClock:
    """Stands where the story is told."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def jump(self, by: timedelta) -> None:
        if by < timedelta():
            raise ValueError("a story is told forward")
        self._now += by


class Due(msgspec.Struct, frozen=True):
    """The next moment at which something happens by itself, and what."""

    at: datetime
    what: What
    count: int


class Stage:
    """`clock` must be the one in `deps`, so that texts leave at its moments."""

    def __init__(self, deps: Deps, clock: Movable, *, look_every: timedelta = LOOK_AT_LEAST) -> None:
        self._deps = msgspec.structs.replace(deps, clock=clock)
        self._clock = clock
        self._look_every = look_every
        self._looked_at = clock.now() - look_every
        loops = {loop.name: loop for loop in due_work.loops(self._deps)}
        self._due = [sweep for sweep in loops["due"].sweeps if sweep.name not in SKIPPED]
        self._send = loops["send"].sweeps
        self._ran: dict[str, datetime] = {}

    @property
    def now(self) -> datetime:
        return self._clock.now()

    async def until(self, moment: datetime) -> int:
        """Lives on to `moment`, which may have come already; gives how many stops it made on the way."""
        stops = 0
        while True:
            wake = self._looked_at + self._look_every
            due = await next_due(self._deps)
            if due is not None:  # what stays due after it was looked at waits for something else
                wake = min(wake, max(due.at, self._looked_at + SHORTEST_STEP))
            now = self._clock.now()
            self._clock.jump(max(min(wake, moment) - now, timedelta()))
            if wake > moment:
                return stops
            await self.settle()
            stops += 1

    async def settle(self) -> None:
        """Everything that is due now, and what follows from it, until nothing is."""
        self._looked_at = self._clock.now()
        for _ in range(MOST_ROUNDS):
            await self._run(self._due)
            await self._run(self._send)
            async with self._deps.system_db.begin() as tx:
                waiting = await _waiting(tx, self._clock.now())
            if not waiting:
                return

    async def text(self, sender_id: UUID, clinic_id: UUID, number: str, to: str, body: str) -> None:
        """A patient writes, and what the clinic's side does with it happens at once."""
        await receive_safely(
            self._deps.system_db,
            Inbound(
                provider_sid=f"SIM{self._deps.new_id().hex}",
                clinic_id=clinic_id,
                sender_id=sender_id,
                from_=number,
                to=to,
                body=body,
                media_count=0,
                received_at=self._clock.now(),
                via="simulator",
            ),
            now=self._clock.now(),
            ports=self._deps.conversation,
        )
        await self._run(self._send)

    async def _run(self, sweeps: list[Sweep] | tuple[Sweep, ...]) -> None:
        """Rare sweeps keep their rhythm: a story of months must be told in seconds."""
        for sweep in sweeps:
            now = self._clock.now()
            if sweep.every >= RARE and now - self._ran.get(sweep.name, EVER) < sweep.every:
                continue
            self._ran[sweep.name] = now
            await sweep.run(now)


async def next_due(deps: Deps) -> Due | None:
    """The earliest moment at which a patient's check-in, reminder or text moves on. Alerts repeat all the time."""
    async with deps.system_db.begin() as tx:
        rows = await tx.all(_NEXT)
    found = [Due(row.at, row.what, row.many) for row in rows if row.at is not None]
    return min(found, key=lambda due: due.at, default=None)


async def _waiting(tx: Tx, now: datetime) -> bool:
    """Whether a text may leave now, or a check-in moves on now."""
    texts = select(Outbox.id).where(Outbox.state == "pending", Outbox.next_at <= now).limit(1)
    check_ins = select(CheckIn.id).where(CheckIn.next_at <= now).limit(1)
    return await tx.first(texts) is not None or await tx.first(check_ins) is not None


def _earliest(
    what: What, column: InstrumentedAttribute[Any], *where: ColumnElement[bool]
) -> Select[Any, Any, int]:
    """What, the moment, and how many things happen at just that moment."""
    first = select(func.min(column)).where(*where).scalar_subquery()
    return select(
        literal(what).label("what"), func.min(column).label("at"), func.count().label("many")
    ).where(column == first, *where)


_OFFERED = CheckIn.state.in_(("invited", "in_progress"))
_NEXT: Final = union_all(
    _earliest("check_in", CheckIn.next_at, CheckIn.next_at.is_not(None), CheckIn.state == "scheduled"),
    _earliest("reminder", CheckIn.next_at, CheckIn.next_at.is_not(None), _OFFERED),
    _earliest("contact", ContactReminder.next_at, ContactReminder.next_at.is_not(None)),
    _earliest("thread", SmsThread.wake_at, SmsThread.wake_at.is_not(None)),
    _earliest("text", Outbox.next_at, Outbox.state == "pending", Outbox.kind != "alert"),
)
