"""Whether the dispatcher may send: stopped by bad credentials, a provider's cap, or after a restore."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update

from kernel.db import Tx
from messaging.delivery.tables import Dispatcher

NAME = "sms"


async def paused(tx: Tx, *, now: datetime) -> str | None:
    """Why nothing but alerts may leave now; None when all may."""
    row = await tx.first(
        select(Dispatcher.paused_until, Dispatcher.paused_reason).where(Dispatcher.name == NAME)
    )
    if row is None or row.paused_until is None or row.paused_until <= now:
        return None
    reason: str = row.paused_reason or "paused"
    return reason


async def pause_dispatcher(tx: Tx, until: datetime | None, reason: str, *, now: datetime) -> None:
    """`until` None lifts the pause."""
    changed = await tx.execute(
        update(Dispatcher)
        .where(Dispatcher.name == NAME)
        .values(paused_until=until, paused_reason=reason, updated_at=now)
    )
    if changed.rowcount == 0:
        await tx.execute(
            insert(Dispatcher),
            {
                "name": NAME,
                "paused_until": until,
                "paused_reason": reason,
                "inbound_swept_to": None,
                "updated_at": now,
            },
        )
