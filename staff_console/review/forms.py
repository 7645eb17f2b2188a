"""The forms of case reviews as their pages send them."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from registry.review.rules import Discussion, DiscussionForm

Text = Annotated[str, Meta(max_length=10_000)]
LABELS: Final = {
    "starts_at": "When",
    "minutes": "Minutes",
    "consultant_id": "Consultant",
    "care_manager_id": "Care manager",
    "people": "Who took part",
    "note": "Note",
    "impression": "Impression",
    "changed": "What changes, and why",
    "reason": "Why not today",
    "body": "Wording",
}


class PlanFields(msgspec.Struct, frozen=True, kw_only=True):
    on: date
    at: time
    minutes: int
    consultant_id: UUID
    care_manager_id: UUID | None = None


class AddFields(msgspec.Struct, frozen=True, kw_only=True):
    patient_id: UUID


class CloseFields(msgspec.Struct, frozen=True, kw_only=True):
    note: Text | None = None


class PassFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    reason: Text | None = None


class WordingFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    body: Text | None = None


class DiscussFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    discussion: Discussion = "joint"
    people: tuple[UUID, ...] = ()
    minutes: int
    note: Text
    impression: Text | None = None
    changed: Text | None = None

    def form(self) -> DiscussionForm:
        return DiscussionForm(
            self.discussion, self.people, self.minutes, self.note, self.impression, self.changed
        )
