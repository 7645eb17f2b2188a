"""The sweep loop: finds what is due in the database, whoever rang or didn't. Plain asyncio; needs no Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import insert, update

from kernel import log
from kernel.clock import Clock
from kernel.db import Database, Tx
from kernel.tables import Heartbeat

Counts = dict[str, int]
AGAIN: Final = timedelta(minutes=1)  # a rare sweep that raised is tried again this soon


class Sweep(msgspec.Struct, frozen=True):
    """`run(now)` does a bounded piece of due work and says what it did; `every` is its longest pause."""

    name: str
    every: timedelta
    run: Callable[[datetime], Awaitable[Counts]]


class Wait(msgspec.Struct, frozen=True):
    """How the loop waits between rounds; tests replace it by "run one round"."""

    until_rung: Callable[[float], Awaitable[bool]]
    tick_s: float


class SweepLoop:
    """One loop per worker process. A sweep that raises is recorded and the others go on."""

    def __init__(self, database: Database, clock: Clock, sweeps: Sequence[Sweep], wait: Wait) -> None:
        self._database = database
        self._clock = clock
        self._sweeps = tuple(sweeps)
        self._wait = wait
        self._last_run: dict[str, datetime] = {}
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True

    async def forever(self) -> None:
        rung = True
        while not self._stopping:
            await self.round(everything=rung)
            rung = await self._wait.until_rung(self._wait.tick_s)

    async def round(self, *, everything: bool = False) -> dict[str, Counts]:
        """Runs each sweep that is due (all of them when rung). Gives what each did."""
        done: dict[str, Counts] = {}
        for sweep in self._sweeps:
            now = self._clock.now()
            last = self._last_run.get(sweep.name)
            # A clock set back must not silence a sweep, so the distance counts, not the order.
            if everything or last is None or abs(now - last) >= sweep.every:
                self._last_run[sweep.name] = now
                done[sweep.name] = await self._one(sweep, now)
        return done

    async def _one(self, sweep: Sweep, now: datetime) -> Counts:
        started = asyncio.get_running_loop().time()
        counts: Counts = {}
        error: str | None = None
        try:
            counts = await sweep.run(now)
        except Exception as raised:
            error = type(raised).__name__
            self._last_run[sweep.name] = now - max(sweep.every - AGAIN, timedelta(0))
            log.get().error("sweep.failed", job=sweep.name, exc_info=raised)
        took = int((asyncio.get_running_loop().time() - started) * 1000)
        try:
            async with self._database.begin() as tx:
                await _beat(tx, sweep.name, now, took, counts, error)
        except Exception as raised:
            log.get().error("heartbeat.failed", job=sweep.name, exc_info=raised)
        return counts


async def _beat(tx: Tx, name: str, now: datetime, took_ms: int, counts: Counts, error: str | None) -> None:
    values: dict[str, object] = {"last_run_at": now, "duration_ms": took_ms, "counts": counts}
    if error is not None:
        values |= {"last_error": error, "last_error_at": now}
    changed = await tx.execute(update(Heartbeat).where(Heartbeat.name == name).values(**values))
    if changed.rowcount == 0:
        blank: dict[str, object] = {"name": name, "last_error": None, "last_error_at": None}
        await tx.execute(insert(Heartbeat), blank | values)
