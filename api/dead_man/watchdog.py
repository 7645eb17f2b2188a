"""A process of its own, with its own way into the database and its own mail relay: it writes when the auditor is
silent. It shares nothing with the worker but the heartbeat's row."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Protocol, get_args

import msgspec
from sqlalchemy import create_engine, make_url, select
from sqlalchemy.pool import NullPool

from api.dead_man.auditor import NAME
from api.dead_man.rules import Alarm, Beat, Check, Watch, broke_off, look
from kernel import log
from kernel.clock import Clock
from kernel.crypto import Vault, new_key
from kernel.db import Database
from kernel.ids import NewId, new_token
from kernel.tables import Heartbeat
from messaging.delivery.outcomes import Accepted
from messaging.gateways.email import Mailer

EVERY_S: Final = 15.0
PATIENCE_S: Final = 5.0
_LAST: Final = select(Heartbeat.last_run_at, Heartbeat.last_error_at, Heartbeat.counts).where(
    Heartbeat.name == NAME
)
_CHECKS: Final = get_args(Check)


class Heartbeats(Protocol):
    async def last(self) -> Beat | None:
        """The auditor's; None when it never ran. Raises when it can't be read."""

    async def close(self) -> None: ...


class PostgresHeartbeats:
    """As the role `evenkeel_watchdog`, which may read this one table."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, _no_vault(), role="watchdog", pool_size=1)

    async def last(self) -> Beat | None:
        async with asyncio.timeout(PATIENCE_S), self._database.begin() as tx:
            return _beat(await tx.first(_LAST))

    async def close(self) -> None:
        await self._database.close()


def _no_vault() -> Vault:
    """Keys that nothing was sealed with: this process opens nothing."""
    return Vault((new_key(),), new_token() + new_token())


class SqliteHeartbeats:
    """Through a connection that can't write."""

    def __init__(self, url: str) -> None:
        path = make_url(url).database

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2, check_same_thread=False)

        self._engine = create_engine(
            "sqlite://", creator=connect, poolclass=NullPool, json_deserializer=msgspec.json.decode
        )

    async def last(self) -> Beat | None:
        def read() -> Any:
            with self._engine.connect() as connection:
                return connection.execute(_LAST).first()

        return _beat(await asyncio.to_thread(read))

    async def close(self) -> None:
        self._engine.dispose()


def heartbeats(url: str) -> Heartbeats:
    return SqliteHeartbeats(url) if url.startswith("sqlite") else PostgresHeartbeats(url)


class Watchdog:
    """`turn` looks once; `forever` every fifteen seconds. An e-mail that a relay did not take is tried again with the
    next look."""

    def __init__(
        self, beats: Heartbeats, mailer: Mailer, to: tuple[str, ...], clock: Clock, new_id: NewId
    ) -> None:
        self._beats = beats
        self._mailer = mailer
        self._to = to
        self._clock = clock
        self._new_id = new_id
        self._watch = Watch(clock.now(), good_at=clock.now())

    async def turn(self) -> Alarm | None:
        """Gives the e-mail that was sent, if one was."""
        now = self._clock.now()
        watch, alarm = look(self._watch, await self._read(), now)
        if alarm is not None and not await self._send(alarm, now):
            self._watch = msgspec.structs.replace(watch, told_at=self._watch.told_at)
            return None
        self._watch = watch
        return alarm

    async def forever(self, leaving: asyncio.Event, pause: Callable[[float], Awaitable[None]]) -> None:
        while not leaving.is_set():
            await self.turn()
            await pause(EVERY_S)

    async def _read(self) -> Beat | None:
        try:
            return await self._beats.last()
        except Exception as error:
            log.get().error("watchdog.unreadable", exc_info=error)
            return None

    async def _send(self, alarm: Alarm, now: datetime) -> bool:
        log.get().error("watchdog.alarm", at=now.isoformat())
        sent = [
            isinstance(await self._mailer.send(to, alarm.subject, alarm.body, str(self._new_id())), Accepted)
            for to in self._to
        ]
        return any(sent)


def _beat(row: Any) -> Beat | None:
    if row is None:
        return None
    if broke_off(row.last_run_at, row.last_error_at):  # it counted nothing, which is not the same as zero
        return Beat(row.last_run_at, ("auditor",), None)
    failing = tuple(check for check in _CHECKS if row.counts.get(check))
    return Beat(row.last_run_at, failing, int(row.counts.get("open_events", 0)))
