"""Laying a shift, handing one over."""

from __future__ import annotations

from datetime import date, time
from typing import Final
from uuid import UUID

import msgspec

from registry.on_call.rules import ShiftForm


class AddForm(msgspec.Struct, frozen=True):
    staff_id: UUID
    on: date
    start: time
    end: time
    days: int = 1
    weeks: int = 1

    def shift(self, zone: str) -> ShiftForm:
        return ShiftForm(self.staff_id, zone, self.on, self.start, self.end, self.days, self.weeks)


class CoverForm(msgspec.Struct, frozen=True):
    """Without dates the whole of what is left of the shift."""

    shift_id: UUID
    by_id: UUID
    from_on: date | None = None
    from_at: time | None = None
    until_on: date | None = None
    until_at: time | None = None


class SwapForm(msgspec.Struct, frozen=True):
    first_id: UUID
    second_id: UUID


ADD: Final = {
    "staff_id": "Who",
    "on": "First day",
    "start": "From",
    "end": "Until",
    "days": "Days in a row",
    "weeks": "Weeks",
}
COVER: Final = {
    "shift_id": "The shift",
    "by_id": "Who covers",
    "from_on": "From day",
    "from_at": "From time",
    "until_on": "Until day",
    "until_at": "Until time",
}
SWAP: Final = {"first_id": "The first shift", "second_id": "The second shift"}
RENAMED: Final = {"start": "from_on", "end": "until_on"}
