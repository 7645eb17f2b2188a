"""The forms of a recommendation as their pages send them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from registry.recommendations.rules import (
    ClinicianDecision,
    OrderForm,
    PartKind,
    RecommendationForm,
    RecommendationPart,
    Urgency,
    Via,
)
from registry.treatment_changes.rules import ChangeForm, ChangeKind

Text = Annotated[str, Meta(max_length=4000)]
LABELS: Final = {
    "parts": "What is recommended",
    "if_then": "If that does not help",
    "target_on": "Until when",
    "recipient_id": "To whom",
    "reason": "Why",
    "why": "Why",
    "instead": "What instead",
    "decided_by": "Decided by",
    "decided_on": "Decided on",
    "read_back": "Read back",
    "what": "What was ordered or arranged",
    "by": "By whom",
    "on": "On",
    "change_what": "Treatment from now on",
    "note": "Note",
}
RENAMED: Final = {"change.on": "on", "change.what": "change_what", "change.new_antidepressant": "change_new"}


class RecommendFields(msgspec.Struct, frozen=True, kw_only=True):
    """One text for each kind of part; blank ones are left out."""

    medication: Text | None = None
    labs: Text | None = None
    therapy: Text | None = None
    measure: Text | None = None
    referral: Text | None = None
    safety: Text | None = None
    relapse_prevention: Text | None = None
    urgency: Urgency = "routine"
    if_then: Text | None = None
    target_on: date | None = None
    recipient_id: UUID | None = None
    why: Text | None = None

    def form(self, review_item_id: UUID | None) -> RecommendationForm:
        kinds: tuple[PartKind, ...] = PartKind.__args__  # type: ignore[attr-defined]
        parts = tuple(RecommendationPart(kind, text) for kind in kinds if (text := getattr(self, kind)))
        return RecommendationForm(
            parts, self.urgency, self.if_then, self.target_on, self.recipient_id, review_item_id, why=self.why
        )


class DecideFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    decision: Literal["accepted", "modified", "declined"]
    reason: Text | None = None
    instead: Text | None = None
    via: Via = "console"
    decided_by: Text | None = None
    decided_on: date | None = None
    read_back: Literal["yes"] | None = None

    def form(self) -> ClinicianDecision:
        return ClinicianDecision(
            self.decision,
            self.reason,
            self.instead,
            self.via,
            self.decided_by,
            self.decided_on,
            self.read_back == "yes",
        )


class OrderFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    what: Text
    by: Text
    on: date
    change_kind: ChangeKind | None = None
    change_what: Annotated[str, Meta(max_length=300)] | None = None
    change_new: Literal["yes"] | None = None

    def form(self) -> OrderForm:
        change = None
        if self.change_kind is not None:
            change = ChangeForm(
                on=self.on,
                kind=self.change_kind,
                what=self.change_what or self.what[:300],
                new_antidepressant=self.change_new == "yes",
            )
        return OrderForm(self.what, self.by, self.on, change)


class NoteFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    note: Text | None = None


class UseFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    in_use: Literal["yes", "no"] = "yes"
    note: Text | None = None


class WithdrawFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    reason: Text | None = None
