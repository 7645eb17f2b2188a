"""What became of the alerts and the safety replies of one event."""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import select

from kernel.audit import Actor
from kernel.db import Tx
from messaging.conversation.thread import Delivery, delivery_of
from messaging.delivery.service import Channel
from messaging.delivery.tables import Outbox
from registry.access import CLINICAL, require
from registry.organisation.tables import Staff

MOST: Final = 200


class SentLine(msgspec.Struct, frozen=True):
    """`to` is the member of staff, empty for the patient. Never more is said of the delivery than is known."""

    at: datetime
    kind: str
    channel: Channel
    to: str
    delivery: Delivery


async def sent_about(tx: Tx, viewer: Actor, event_id: UUID) -> tuple[SentLine, ...]:
    """Oldest first. Holds no text and no number, so the caller's audit row of the event covers it."""
    clinic_id = require(viewer, *CLINICAL)
    rows = await tx.all(
        select(
            Outbox.created_at, Outbox.kind, Outbox.channel, Outbox.state, Outbox.provider_status, Staff.name
        )
        .outerjoin(Staff, Staff.id == Outbox.staff_id)
        .where(Outbox.clinic_id == clinic_id, Outbox.event_id == event_id)
        .order_by(Outbox.created_at, Outbox.id)
        .limit(MOST)
    )
    return tuple(
        SentLine(
            row.created_at,
            row.kind,
            cast(Channel, row.channel),
            row.name or "",
            delivery_of(row.state, row.provider_status),
        )
        for row in rows
    )
