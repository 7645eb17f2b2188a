"""Correcting an entry of the time log."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from registry.time_log.service import Modality
from registry.time_log.timer import Added


class CorrectionForm(msgspec.Struct, frozen=True):
    on: date
    at: time
    minutes: Annotated[float, Meta(gt=0, le=1440)]
    activity: str
    reason: Annotated[str, Meta(max_length=500)]


class VoidForm(msgspec.Struct, frozen=True):
    reason: Annotated[str, Meta(max_length=500)]


class TimerStart(msgspec.Struct, frozen=True):
    """`back` is the page the button stood on, by default the patient's; `line` the line of the registry."""

    activity: str
    back: str = ""
    line: UUID | None = None


class TimerBack(msgspec.Struct, frozen=True):
    """`back` is the page the button stood on."""

    back: str = "/time"


class TimerAdd(msgspec.Struct, frozen=True):
    minutes: Added
    back: str = "/time"


class TimerStop(msgspec.Struct, frozen=True):
    """`until` "seen" stops at the last sign of the person; `minutes` says outright how long it was."""

    activity: str
    until: Literal["now", "seen"] = "now"
    minutes: Annotated[float, Meta(gt=0, le=1440)] | None = None
    modality: Modality | None = None
    note: Annotated[str, Meta(max_length=2000)] | None = None


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
TIMER_LABELS: Final = {"activity": "Activity", "minutes": "Minutes", "modality": "How", "note": "Note"}
