"""Due work of the conversations: held replies whose question is settled, and threads that asked to be woken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

from kernel import log
from kernel.db import Database, Tx
from messaging.conversation import held
from messaging.conversation.apply import Ports
from messaging.conversation.tables import SmsThread

LIMIT: Final = 200


async def release_held(database: Database, now: datetime, *, ports: Ports) -> dict[str, int]:
    """Each thread in its own transaction, so that one that raises holds up no other."""
    async with database.begin() as tx:
        ids = await held.due_threads(tx, limit=LIMIT)

    async def one(tx: Tx, thread_id: UUID) -> int:
        return await held.release(tx, thread_id, now=now, ports=ports)

    async def failed(tx: Tx, thread_id: UUID, error_name: str) -> None:
        await held.give_up(tx, thread_id, error_name, now=now)

    return {"threads": len(ids), "released": await _each(database, ids, one, failed)}


async def wake_threads(database: Database, now: datetime, *, ports: Ports) -> dict[str, int]:
    async with database.begin() as tx:
        found = await tx.execute(
            select(SmsThread.id).where(SmsThread.wake_at <= now).order_by(SmsThread.wake_at).limit(LIMIT)
        )
        ids = list(found.scalars())

    async def one(tx: Tx, thread_id: UUID) -> int:
        return int(await held.wake(tx, thread_id, now=now, ports=ports))

    async def failed(tx: Tx, thread_id: UUID, error_name: str) -> None:
        await held.sleep_on(tx, thread_id, now=now)

    return {"due": len(ids), "woken": await _each(database, ids, one, failed)}


async def _each(
    database: Database,
    ids: Sequence[UUID],
    work: Callable[[Tx, UUID], Awaitable[int]],
    failed: Callable[[Tx, UUID, str], Awaitable[None]],
) -> int:
    """What raises is put off or handed to a person, and reported."""
    done = 0
    for thread_id in ids:

        async def body(tx: Tx, thread_id: UUID = thread_id) -> int:
            return await work(tx, thread_id)

        try:
            done += await database.run(body)
        except Exception as error:
            log.get().error("thread.failed", exc_info=error)
            async with database.begin() as tx:
                await failed(tx, thread_id, type(error).__name__)
    return done
