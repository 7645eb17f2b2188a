"""Rows of the outbox that nobody will ever ask about again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select

from kernel.db import Tx, among
from messaging.delivery.tables import MessageStatusEvent, Outbox


async def remove_for_events(tx: Tx, event_ids: Sequence[UUID], template: str) -> int:
    """Removes what was written from this template about these events, with the statuses of it, and gives the count of
    rows; any other message about them stays."""
    wanted = (among(tx, Outbox.event_id, event_ids), Outbox.template == template)
    await tx.execute(
        delete(MessageStatusEvent).where(MessageStatusEvent.outbox_id.in_(select(Outbox.id).where(*wanted)))
    )
    removed = await tx.execute(delete(Outbox).where(*wanted))
    return int(removed.rowcount)
