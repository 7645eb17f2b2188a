"""What the patient's page asks."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from messaging.consent.choices import Said
from registry.episodes.forms import ContactMode
from registry.time_log.service import Modality

TEXT_MAX: Final = 480


class TextForm(msgspec.Struct, frozen=True):
    body: str


class TimeFields(msgspec.Struct, frozen=True):
    """`at` is when the work began on the clinic's clock; without it the work has just ended. It took `minutes`, or
    until `until` on the same clock; work past midnight is entered with its minutes."""

    on: date
    activity: str
    minutes: Annotated[float, Meta(gt=0, le=1440)] | None = None
    at: time | None = None
    until: time | None = None
    modality: Modality | None = None
    contact: Annotated[str, Meta(max_length=200)] | None = None
    relationship: Annotated[str, Meta(max_length=100)] | None = None
    apart: Literal["yes"] | None = None
    note: Annotated[str, Meta(max_length=2000)] | None = None


class NextContactForm(msgspec.Struct, frozen=True):
    """`version` is the episode's version the person looked at."""

    version: int
    on: date | None = None
    at: time | None = None
    mode: ContactMode | None = None
    purpose: Annotated[str, Meta(max_length=2000)] | None = None


class CheckInsForm(msgspec.Struct, frozen=True):
    """PHQ-9 and GAD-7 together. `every_days` 0 asks for nothing more; `version` is the plan's."""

    every_days: Literal[0, 7, 14, 28]
    version: int
    anchor_on: date | None = None
    local_time: time | None = None


class DiscussForm(msgspec.Struct, frozen=True):
    on: Literal["yes", "no"]


class CalledForm(msgspec.Struct, frozen=True):
    """The number that the page showed, in E.164."""

    called: Annotated[str, Meta(max_length=20)]


class StopForm(msgspec.Struct, frozen=True):
    """How the patient said that texts should end."""

    said: Said


class EmailFields(msgspec.Struct, frozen=True):
    address: str
    said: Literal["verbal", "written"] = "verbal"


class PatientQuery(msgspec.Struct, frozen=True):
    """`texts_before` goes back in the thread."""

    texts_before: datetime | None = None


TEXT: Final = {"body": "The text"}
TIME: Final = {
    "on": "Date", "at": "Started", "until": "Ended", "minutes": "Minutes", "activity": "Activity", "modality": "How",
    "contact": "With", "relationship": "Who they are", "note": "Note",
}  # fmt: skip
TIME_RENAMED: Final = {"started_at": "at", "ended_at": "until"}
NEXT: Final = {"on": "The date", "at": "The time", "mode": "How", "purpose": "What it will cover"}
CHECK_INS: Final = {"every_days": "How often", "anchor_on": "First on", "local_time": "The time"}
EVERY: Final = {"0": "No check-ins", "7": "Every 7 days", "14": "Every 14 days", "28": "Every 28 days"}
