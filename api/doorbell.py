"""Bells between processes, over Redis. Losing one costs a tick: everything due is found by its own moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from arq.connections import ArqRedis, RedisSettings, create_pool

from kernel import log
from kernel.queue import Doorbell, InProcessDoorbell

QUEUE: Final = "evenkeel"
JOB: Final = "wake"
PATIENCE_S: Final = 0.5
REST_S: Final = (
    5.0  # after a failure the bell stays silent for so long, so that requests don't queue behind it
)


def to_bytes(job: Mapping[str, Any]) -> bytes:
    """msgpack and never pickle: whoever can write to Redis must not be able to run code here."""
    return msgspec.msgpack.encode(job)


def from_bytes(raw: bytes) -> dict[str, Any]:
    return msgspec.msgpack.decode(raw, type=dict[str, Any])


def redis_settings(url: str) -> RedisSettings:
    settings = RedisSettings.from_dsn(url)
    settings.conn_timeout = 1
    settings.conn_retries = 0
    return settings


class RedisDoorbell:
    """Puts one job named `wake` on the queue, however often it is rung before a worker takes it."""

    def __init__(self, url: str) -> None:
        self._settings = redis_settings(url)
        self._pool: ArqRedis | None = None
        self._silent_until = 0.0

    async def ring(self, bells: frozenset[str]) -> None:
        if _now_s() < self._silent_until:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                pool = await self._connected()
                await pool.enqueue_job(JOB, _job_id=JOB)
        except Exception as error:
            self._silent_until = _now_s() + REST_S
            log.get().warning("doorbell.silent", exc_info=error)

    async def answers(self) -> bool:
        """Whether Redis can be reached now, for the readiness check."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await (await self._connected()).ping()
        except Exception:
            return False
        return True

    async def close(self) -> None:
        if self._pool is not None:
            with contextlib.suppress(Exception):
                await self._pool.aclose(close_connection_pool=True)

    async def _connected(self) -> ArqRedis:
        if self._pool is None:
            self._pool = await create_pool(
                self._settings, job_serializer=to_bytes, job_deserializer=from_bytes, default_queue_name=QUEUE
            )
        return self._pool


def _now_s() -> float:
    return asyncio.get_running_loop().time()


class Bells:
    """One in-process bell for each loop that waits, rung together."""

    def __init__(self, *others: Doorbell) -> None:
        self._others = others
        self._waiting: list[InProcessDoorbell] = []

    def new(self) -> InProcessDoorbell:
        bell = InProcessDoorbell()
        self._waiting.append(bell)
        return bell

    async def ring(self, bells: frozenset[str]) -> None:
        for bell in self._ringing():
            await bell.ring(bells)

    def _ringing(self) -> Sequence[Doorbell]:
        return (*self._waiting, *self._others)
