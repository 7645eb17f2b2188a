"""What the figures ask of the room that sends check-ins."""

from __future__ import annotations

from datetime import date
from typing import Protocol
from uuid import UUID

from kernel.db import Tx
from registry.quality.facts import CheckInFact


class CheckIns(Protocol):
    async def asked(self, tx: Tx, clinic_id: UUID, first: date, last: date) -> tuple[CheckInFact, ...]:
        """Check-ins due from `first` to `last`, the patients' local dates, that were sent or asked."""
