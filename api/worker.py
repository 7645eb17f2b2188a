"""The worker: loops over the database, and beside them a listener on Redis that only wakes the loops sooner."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from arq import cron
from arq.connections import ArqRedis
from arq.worker import Worker as ArqWorker
from arq.worker import func

from api import doorbell, due_work
from api.doorbell import JOB, QUEUE, Bells, from_bytes, to_bytes
from api.sweeps import SweepLoop, Wait
from api.wiring import Deps
from kernel import log
from kernel.queue import InProcessDoorbell

LEAVE_S: Final = 20.0  # how long a round may still take when the process is told to stop
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0


class Worker:
    """Runs every loop until `stop`; a loop finishes its round first."""

    def __init__(self, deps: Deps) -> None:
        if deps.bells is None:
            raise ValueError("these dependencies were not built for a process with loops")
        self._bells: Bells = deps.bells
        self._redis_url = deps.settings.redis_url
        self._stopping = asyncio.Event()
        self._loops: list[SweepLoop] = []
        for loop in due_work.loops(deps):
            wait = Wait(self._wait(self._bells.new() if loop.rung else None), deps.settings.tick_s)
            self._loops.append(SweepLoop(deps.system_db, deps.clock, loop.sweeps, wait))

    def stop(self) -> None:
        self._stopping.set()
        for loop in self._loops:
            loop.stop()

    async def run(self) -> None:
        """Ends after `stop`, or raises what a loop raised."""
        tasks = [asyncio.create_task(loop.forever()) for loop in self._loops]
        listener = asyncio.create_task(self._listen())
        leaving = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([*tasks, leaving], return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            done, _ = await asyncio.wait(tasks, timeout=LEAVE_S)
            for task in done:
                task.result()
        finally:
            await _cancelled(*tasks, listener, leaving)

    def _wait(self, bell: InProcessDoorbell | None) -> Any:
        async def until_rung(timeout_s: float) -> bool:
            """True when rung. Also ends when the worker is told to stop."""
            stopping = asyncio.create_task(self._stopping.wait())
            ringing = asyncio.create_task(
                asyncio.sleep(timeout_s, False) if bell is None else bell.wait(timeout_s)
            )
            await asyncio.wait((stopping, ringing), return_when=asyncio.FIRST_COMPLETED)
            rung = ringing.done() and ringing.result()
            await _cancelled(stopping, ringing)
            return rung

        return until_rung

    async def _listen(self) -> None:
        """Rings the loops for what other processes did. arq ends when Redis drops, so it is started again."""
        if self._redis_url is None:
            return
        pause = FIRST_PAUSE_S
        while True:
            client = doorbell.connection(self._redis_url)
            started = asyncio.get_running_loop().time()
            try:
                await _listener(client, self._bells).async_run()
            except Exception as error:
                log.get().warning("doorbell.lost", exc_info=error)
            finally:
                await doorbell.close(client)
            ran_well = asyncio.get_running_loop().time() - started > LONGEST_PAUSE_S
            pause = FIRST_PAUSE_S if ran_well else min(pause * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)


def _listener(client: ArqRedis, bells: Bells) -> ArqWorker:
    async def wake(ctx: dict[Any, Any], *_: Any, **__: Any) -> None:
        await bells.ring(frozenset({JOB}))

    return ArqWorker(
        functions=[func(wake, name=JOB, keep_result=0, max_tries=1, timeout=10)],
        # Rings twice a minute even when nobody does: a worker whose timers were lost still wakes.
        cron_jobs=[cron(wake, name="wake_by_the_clock", second={0, 30}, keep_result=0, max_tries=1)],
        queue_name=QUEUE,
        redis_pool=client,
        job_serializer=to_bytes,
        job_deserializer=from_bytes,
        handle_signals=False,
        keep_result=0,
        max_tries=1,
        job_timeout=10,
        poll_delay=0.1,
        log_results=False,
    )


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def running_inline(deps: Deps) -> AsyncIterator[None]:
    """The same loops inside the web process, for the embedded mode."""
    worker = Worker(deps)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


async def run_until_told(deps: Deps) -> None:
    """`evenkeel worker`: until SIGTERM or SIGINT, then the present round is finished."""
    worker = Worker(deps)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    log.get().info("worker.started", mode=deps.settings.mode)
    await worker.run()
    log.get().info("worker.stopped")
