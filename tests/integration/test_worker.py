"""The loops of the worker, and the bell over Redis that may ring, be silent, or be gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from api import due_work
from api.doorbell import JOB, QUEUE, Bells, RedisDoorbell, connection, from_bytes, to_bytes
from api.health import readiness
from api.sweeps import Counts, Sweep
from api.wiring import Deps
from api.worker import Worker, running_inline
from kernel import log
from kernel.tables import Heartbeat
from tests.support import servers
from tests.support.app import test_deps
from tests.support.clock import FakeClock


@asynccontextmanager
async def worker_deps(url: str, clock: FakeClock, **changes: Any) -> AsyncIterator[Deps]:
    async with test_deps(url, clock, tick_s=30.0, **changes) as deps:
        yield msgspec.structs.replace(deps, bells=Bells())


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


class Counted:
    """Stands in for the list of due work: one sweep that counts its runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs = 0
        sweep = Sweep("counted", timedelta(hours=1), self.run)
        monkeypatch.setattr(due_work, "loops", lambda _: (due_work.Loop("counted", True, (sweep,)),))

    async def run(self, _: object) -> Counts:
        self.runs += 1
        return {"runs": self.runs}


@asynccontextmanager
async def running(deps: Deps) -> AsyncIterator[Worker]:
    worker = Worker(deps)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        async with asyncio.timeout(5):
            await task


async def test_every_sweep_runs_at_the_start_and_leaves_its_heartbeat(
    database_url: str, clock: FakeClock
) -> None:
    async with worker_deps(database_url, clock) as deps:
        async with running_inline(deps):
            async with asyncio.timeout(20):
                while not (await readiness(deps))["worker"].ok:
                    await asyncio.sleep(0.05)
        async with deps.system_db.begin() as tx:
            beats = {
                row.name: row.last_error for row in await tx.all(select(Heartbeat.name, Heartbeat.last_error))
            }
        assert beats == dict.fromkeys(due_work.rhythms(deps))


async def test_a_stopped_worker_ends_at_once_though_its_timer_is_long(
    sqlite_url: str, clock: FakeClock
) -> None:
    async with worker_deps(sqlite_url, clock) as deps, running(deps):
        await asyncio.sleep(0.2)


async def test_a_ring_in_the_same_process_wakes_every_loop_that_listens(
    sqlite_url: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    async with worker_deps(sqlite_url, clock) as deps, running(deps):
        await until(lambda: counted.runs == 1)
        assert deps.bells is not None
        await deps.bells.ring(frozenset({"dispatch"}))
        await until(lambda: counted.runs == 2)


async def test_only_loops_that_wait_for_the_provider_are_not_rung(sqlite_url: str, clock: FakeClock) -> None:
    async with worker_deps(sqlite_url, clock) as deps:
        assert {loop.name: loop.rung for loop in due_work.loops(deps)} == {
            "send": True,
            "due": True,
            "watch": False,
            "provider": False,
        }


async def test_a_ring_over_redis_wakes_the_worker(
    sqlite_url: str, clock: FakeClock, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    bell = RedisDoorbell(redis_server.url)
    async with worker_deps(sqlite_url, clock, redis_url=redis_server.url) as deps, running(deps):
        await until(lambda: counted.runs == 1)
        await bell.ring(frozenset({"dispatch"}))
        await until(lambda: counted.runs >= 2)
    await bell.close()


async def test_many_rings_leave_one_job_that_names_nobody_and_is_never_pickled(redis_server: Any) -> None:
    bell = RedisDoorbell(redis_server.url)
    pool = connection(redis_server.url)
    await pool.flushdb()
    for _ in range(20):
        await bell.ring(frozenset({"dispatch", "schedule"}))
    assert await pool.zcard(QUEUE) == 1
    raw = await pool.get(f"arq:job:{JOB}")
    assert from_bytes(raw)["f"] == JOB
    assert from_bytes(raw)["a"] == []
    assert await bell.answers()
    await pool.flushdb()
    await pool.aclose(close_connection_pool=True)
    await bell.close()


def test_a_pickle_on_the_queue_is_refused_and_not_run() -> None:
    with pytest.raises(msgspec.DecodeError):
        from_bytes(b"\x80\x04\x95\x15\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.")
    assert from_bytes(to_bytes({"f": JOB, "a": ()})) == {"f": JOB, "a": []}


async def test_without_redis_a_ring_is_silent_quick_and_never_raises() -> None:
    log.configure()
    bell = RedisDoorbell("redis://127.0.0.1:1/0")
    started = asyncio.get_running_loop().time()
    for _ in range(50):
        await bell.ring(frozenset({"dispatch"}))
    assert asyncio.get_running_loop().time() - started < 1.0
    assert not await bell.answers()
    await bell.close()


async def test_a_redis_that_went_away_and_came_back_rings_again(
    sqlite_url: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    monkeypatch.setattr("api.doorbell.REST_S", 0.0)
    with servers.start_redis() as server:
        if not server.owned:
            pytest.skip("a server named by the environment may not be stopped")
        bell = RedisDoorbell(server.url)
        async with worker_deps(sqlite_url, clock, redis_url=server.url) as deps, running(deps):
            await bell.ring(frozenset())
            await until(lambda: counted.runs >= 2)
            await asyncio.to_thread(server.kill)
            await bell.ring(frozenset())
            before = counted.runs
            assert deps.bells is not None
            await deps.bells.ring(frozenset())  # what this process did itself still wakes it
            await until(lambda: counted.runs > before)
            await asyncio.to_thread(server.restart)
            before = counted.runs

            async def rung() -> None:
                while counted.runs == before:
                    await bell.ring(frozenset())
                    await asyncio.sleep(0.1)

            await asyncio.wait_for(rung(), 15)
        await bell.close()
