"""How many check-ins that were sent or asked came back, by channel: for the clinic's monthly figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import false, select

from kernel.db import Tx
from messaging.schedule.tables import OPEN_STATES, CheckIn
from registry.patients.tables import Patient
from registry.quality.facts import CheckInFact

LIMIT: Final = 50_000
CHANNELS: Final[Mapping[str, str]] = {
    "items": "questions by text",
    "link": "text with a link",
    "email": "e-mail with a link",
    "portal": "private page",
    "call": "phone call",
}
COMPLETED: Final = ("completed", "portal_completed")


class AskedCheckIns:
    """Implements `registry.quality.ports.CheckIns`."""

    async def asked(self, tx: Tx, clinic_id: UUID, first: date, last: date) -> tuple[CheckInFact, ...]:
        rows = await tx.all(
            select(CheckIn.patient_id, CheckIn.content, CheckIn.state)
            .join(Patient, Patient.id == CheckIn.patient_id)
            .where(
                CheckIn.clinic_id == clinic_id,
                CheckIn.local_due_date.between(first, last),
                CheckIn.content.is_not(None),
                Patient.is_test == false(),
            )
            .order_by(CheckIn.due_at, CheckIn.id)
            .limit(LIMIT)
        )
        return tuple(
            CheckInFact(
                str(row.patient_id),
                CHANNELS.get(row.content, row.content),
                row.state in COMPLETED,
                row.state in OPEN_STATES,
            )
            for row in rows
        )
