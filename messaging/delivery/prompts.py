"""Invitations and reminders that did not, or perhaps did not, arrive: the check-in's ladder goes on without them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

from kernel.db import Tx, among
from messaging.delivery.kinds import Kind
from messaging.delivery.tables import Outbox
from messaging.schedule import service as schedule

PROMPTS: Final[tuple[Kind, ...]] = ("invitation", "reminder")


async def lost(tx: Tx, outbox_ids: Sequence[UUID], *, now: datetime) -> None:
    """Rows that ended without being delivered, or whose fate nobody can tell. Other kinds of text are left out: what
    belongs to a turn of a conversation is asked again by the patient's next word or the ladder's next reminder."""
    if not outbox_ids:
        return
    rows = await tx.all(
        select(Outbox.check_in_id, Outbox.channel)
        .where(among(tx, Outbox.id, outbox_ids), Outbox.kind.in_(PROMPTS), Outbox.check_in_id.is_not(None))
        .order_by(Outbox.check_in_id)
    )
    for row in rows:
        await schedule.prompt_lost(tx, row.check_in_id, row.channel, failed_at=now, now=now)
