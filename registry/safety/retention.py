"""What the machine made for itself is removed again; a person's event and a drill never are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from kernel.db import Tx, among
from registry.safety.tables import RiskAction, RiskEvent, RiskSignal


async def old_canaries(tx: Tx, *, before: datetime, most: int) -> tuple[UUID, ...]:
    """At most `most` closed canary events opened before that moment, the oldest first, locked."""
    rows = await tx.all(
        select(RiskEvent.id)
        .where(RiskEvent.is_canary.is_(True), RiskEvent.state == "closed", RiskEvent.opened_at < before)
        .order_by(RiskEvent.opened_at, RiskEvent.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return tuple(row.id for row in rows)


async def remove_canaries(tx: Tx, event_ids: Sequence[UUID]) -> int:
    """Removes these events with their signals and actions; of others than canaries nothing. Gives the count of events.
    Audit rows stay."""
    wanted = (among(tx, RiskEvent.id, event_ids), RiskEvent.is_canary.is_(True))
    canaries = select(RiskEvent.id).where(*wanted)
    for part in (RiskSignal, RiskAction):
        await tx.execute(delete(part).where(part.event_id.in_(canaries)))
    removed = await tx.execute(delete(RiskEvent).where(*wanted))
    return int(removed.rowcount)
