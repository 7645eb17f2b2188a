"""A clinic served by real processes: a web process on SQLite, web and worker on PostgreSQL, one clock for all."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from messaging.conversation.tables import InboundMessage
from messaging.delivery.tables import Outbox
from tests.support.children import free_port
from tests.support.clinic import GAD7, opened
from tests.support.clock import FakeClock
from tests.support.databases import LOOKUP_KEY, TEST_KEY, open_database
from tests.support.faults import PUBLIC_URL
from tests.support.provider.settings import ACCOUNT_SID, AUTH_TOKEN
from tests.support.provider_client import Provider

ROOT = Path(__file__).parents[2]
ANA = "+12065550123"
FINAL = {"accepted", "suppressed", "expired", "failed"}
STEP = timedelta(seconds=15)  # of the shared clock per beat of real time
BEAT_S = 0.1
BEATS = 250  # an hour of the clinic's time, half a minute of ours


class Site:
    """A database, the provider's stand-in, and a clock that all processes read from one file."""

    def __init__(self, database_url: str, provider: Provider, folder: Path, now: datetime) -> None:
        self.database_url = database_url
        self.redis_url: str | None = None
        self.provider = provider
        self.clock_file = folder / "clock"
        self.now = now
        self.port = free_port()
        self._write()

    @property
    def on_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    def _write(self) -> None:
        fresh = self.clock_file.with_suffix(".new")
        fresh.write_text(self.now.isoformat(), encoding="ascii")
        fresh.replace(self.clock_file)

    async def beat(self) -> None:
        self.now += STEP
        self._write()
        await self.provider.set_clock(self.now)
        await asyncio.sleep(BEAT_S)

    @contextmanager
    def process(self, command: str, crash: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("EVENKEEL_")} | {
            "EVENKEEL_MODE": "test",
            "EVENKEEL_DATABASE_URL": self.database_url,
            "EVENKEEL_PUBLIC_URL": PUBLIC_URL,
            "EVENKEEL_PORT": str(self.port),
            "EVENKEEL_INLINE_WORKER": str(self.on_sqlite).lower(),
            "EVENKEEL_ENCRYPTION_KEYS": TEST_KEY,
            "EVENKEEL_LOOKUP_KEY": LOOKUP_KEY,
            "EVENKEEL_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "EVENKEEL_TWILIO_AUTH_TOKENS": AUTH_TOKEN,
            "EVENKEEL_TWILIO_API_BASE_URL": self.provider.base_url,
            "EVENKEEL_SEND_DEADLINE_S": "1",
            "EVENKEEL_TICK_S": "0.1",
            "EVENKEEL_TEST_CLOCK_FILE": str(self.clock_file),
        }
        if self.redis_url is not None:
            env["EVENKEEL_REDIS_URL"] = self.redis_url
        if crash is not None:
            env["EVENKEEL_CRASH_POINT"] = f"{crash}:1"
        child = subprocess.Popen(
            [sys.executable, "-m", "api", command], cwd=ROOT, env=env, stderr=subprocess.DEVNULL
        )
        try:
            yield child
        finally:
            child.kill()
            child.wait()

    async def dies(self, child: subprocess.Popen[bytes]) -> None:
        for _ in range(BEATS):
            if child.poll() is not None:
                break
            await self.beat()
        assert child.returncode == -signal.SIGKILL, "the crash point was never reached"

    async def serves(self, child: subprocess.Popen[bytes]) -> None:
        for _ in range(BEATS):
            assert child.poll() is None
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(BEAT_S)
                continue
            writer.close()
            return
        raise AssertionError("the web process never listened")

    async def settles(self, question: str) -> None:
        """Time passes until the question reached the provider and no row is on its way any more."""
        for _ in range(BEATS):
            await self.beat()
            sent = [text.body for text in await self.provider.sent(ANA)]
            if any(question in body for body in sent) and await self.outbox_states() <= FINAL:
                return
        raise AssertionError(f"not settled: {await self.outbox_states()}, {len(sent)} texts sent")

    async def outbox_states(self) -> set[str]:
        database = open_database(self.database_url)
        try:
            async with database.begin() as tx:
                return {
                    row.state for row in await tx.all(select(Outbox.state).where(Outbox.channel == "sms"))
                }
        finally:
            await database.close()

    async def inbound_states(self) -> list[tuple[str, str | None]]:
        database = open_database(self.database_url)
        try:
            async with database.begin() as tx:
                rows = await tx.all(select(InboundMessage.state, InboundMessage.classified_as))
                return [(row.state, row.classified_as) for row in rows]
        finally:
            await database.close()


async def asked_site(database_url: str, provider: Provider, folder: Path, *, invited: bool) -> Site:
    """Ana is enrolled; her first question is due in half an hour, or has just been sent."""
    clock = FakeClock()
    async with opened(database_url, provider, clock) as clinic:
        ana = await clinic.enrols("Ana", phone=ANA, measures=(GAD7,))
        if invited:
            await clinic.until_local("10:30")
            await ana.phone.receives("(1 of 7)")
    site = Site(database_url, provider, folder, clock.now())
    await provider.configure(routes={PUBLIC_URL: f"http://127.0.0.1:{site.port}"}, automatic=True)
    return site


async def times_received(site: Site, words: str) -> int:
    return sum(words in text.body for text in await site.provider.sent(ANA))
