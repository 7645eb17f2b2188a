"""Bells between processes, over Redis. Losing one costs a tick: everything due is found by its own moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool

from kernel import log
from kernel.queue import Doorbell, InProcessDoorbell

QUEUE: Final = "evenkeel"
JOB: Final = "wake"
PATIENCE_S: Final = 0.5
CONNECT_S: Final = 1.0
REST_S: Final = (
    5.0  # after a failure the bell stays silent for so long, so that requests don't queue behind it
)


def to_bytes(job: Mapping[str, Any]) -> bytes:
    """msgpack and never pickle: whoever can write to Redis must not be able to run code here."""
    return msgspec.msgpack.encode(job)


def from_bytes(raw: bytes) -> dict[str, Any]:
    return msgspec.msgpack.decode(raw, type=dict[str, Any])


def connection(url: str) -> ArqRedis:
    """Connects when it is first used; whoever makes one closes it."""
    pool = ConnectionPool.from_url(url, socket_connect_timeout=CONNECT_S)
    return ArqRedis(pool, job_serializer=to_bytes, job_deserializer=from_bytes, default_queue_name=QUEUE)


async def close(client: ArqRedis) -> None:
    with contextlib.suppress(Exception):
        await client.aclose(close_connection_pool=True)


class RedisDoorbell:
    """Puts one job named `wake` on the queue, however often it is rung before a worker takes it."""

    def __init__(self, url: str) -> None:
        self._client = connection(url)
        self._silent_until = 0.0

    async def ring(self, bells: frozenset[str]) -> None:
        if _now_s() < self._silent_until:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._client.enqueue_job(JOB, _job_id=JOB)
        except Exception as error:
            self._silent_until = _now_s() + REST_S
            log.get().warning("doorbell.silent", exc_info=error)

    async def answers(self) -> bool:
        """Whether Redis can be reached now, for the readiness check."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._client.ping()
        except Exception:
            return False
        return True

    async def close(self) -> None:
        await close(self._client)


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
