"""Correcting an entry of the time log."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Final

import msgspec
from msgspec import Meta


class CorrectionForm(msgspec.Struct, frozen=True):
    on: date
    at: time
    minutes: Annotated[float, Meta(gt=0, le=480)]
    activity: str
    reason: Annotated[str, Meta(max_length=500)]


class VoidForm(msgspec.Struct, frozen=True):
    reason: Annotated[str, Meta(max_length=500)]


class TimeQuery(msgspec.Struct, frozen=True):
    """`month` as `2026-11`; without it the present one."""

    month: str = ""


LABELS: Final = {
    "on": "Date",
    "at": "Started",
    "minutes": "Minutes",
    "activity": "Activity",
    "reason": "Reason",
}
RENAMED: Final = {"started_at": "at"}
