"""A check-in that a colleague asks by phone: the answers are entered by staff, and the open check-in ends with them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from kernel.db import Tx
from messaging.schedule import closing
from messaging.schedule.tables import OPEN_STATES, CheckIn


async def waiting(tx: Tx, patient_id: UUID, *, now: datetime) -> UUID | None:
    """The check-in that is due and not ended, if there is one. Without audit: the caller's page shows it."""
    found: UUID | None = await tx.scalar(
        select(CheckIn.id)
        .where(CheckIn.patient_id == patient_id, CheckIn.state.in_(OPEN_STATES), CheckIn.due_at <= now)
        .order_by(CheckIn.due_at)
        .limit(1)
    )
    return found


async def answered_by_phone(tx: Tx, patient_id: UUID, *, now: datetime) -> bool:
    """Ends the check-in that was due, with its link, question, reminders and the call that was asked for. False when
    none was open."""
    check_in_id = await waiting(tx, patient_id, now=now)
    if check_in_id is None:
        return False
    await closing.close(tx, check_in_id, state="completed", reason="asked_by_phone", now=now)
    return True
