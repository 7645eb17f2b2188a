"""Tiers, and who may do what with a risk event. Its clocks are the clinic's own: `registry.protocol`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, assert_never
from uuid import UUID

import msgspec

Tier = Literal[1, 2, 3]
Trigger = Literal[
    "item9",
    "item9_declined",
    "item9_unreadable",
    "crisis_text",
    "cssrs",
    "staff_concern",
]
Toward = Literal["self", "others"]
SourceKind = Literal["inbound", "answer", "staff"]
EventState = Literal["open", "acknowledged", "assessed", "closed"]
ActionKind = Literal[
    "acknowledged",
    "attempt",
    "assessment",
    "note",
    "disposition",
    "closed",
    "step",
    "decision",
    "whereabouts",
    "tier_raised",
    "tier_lowered",
    "reopened",
    "lapsed",
    "item9_rose",
]
AttemptChannel = Literal[
    "phone", "video", "in_person", "text", "emergency_contact", "crisis_team", "welfare_check"
]
AttemptOutcome = Literal["reached", "no_answer", "left_voicemail", "wrong_number", "refused", "handed_over"]
SafetyStep = Literal[
    "safety_plan",
    "means_safety",
    "clinician_informed",
    "consultant_informed",
    "crisis_team",
    "emergency_department",
    "welfare_check",
    "emergency_contact",
]
Decision = Literal["emergency_contact", "welfare_check"]  # what a clinician decides, with a reason
DecisionBasis = Literal["consent", "safety_exception"]
RiskLevel = Literal["low", "moderate", "high"]
Disposition = Literal[
    "assessed_plan_made",
    "urgent_visit",
    "crisis_team",
    "emergency_department",
    "welfare_check",
    "unreachable_followed_policy",
    "not_about_this_patient",
    "drill",
]

# Nothing that is misread over the phone or on a small screen: no 0 O, 1 I L, 2 Z, 5 S.
CODE_ALPHABET: Final = "ABCDEFGHJKMNPQRTUVWXY346789"
CODE_LENGTH: Final = 4
FIRST_LOOK: Final = timedelta(seconds=30)  # the first alert leaves at once; a sweep then looks whether it did
SETTLING: Final = timedelta(minutes=15)  # further answers of the same burst don't page who has just taken it


class Signal(msgspec.Struct, frozen=True):
    """One answer or text that signals danger. (source_kind, source_id, trigger, toward) names it for ever.

    `value`: the item's answer, None when there is none. `patient_id` None: an unknown or shared number wrote, which
    `phone_key` then names, so that its next text joins instead of paging everyone again.
    """

    clinic_id: UUID
    patient_id: UUID | None
    episode_id: UUID | None
    trigger: Trigger
    tier: Tier
    toward: Toward
    value: int | None
    source_kind: SourceKind
    source_id: UUID
    channel: str
    rule_version: str
    is_drill: bool = False
    is_canary: bool = False
    phone_key: str | None = None


class SignalResult(msgspec.Struct, frozen=True):
    """`opened` and `tier_raised` are false for a replay and for a signal that only joins."""

    event_id: UUID
    opened: bool
    tier_raised: bool


def alerts_again(state: EventState, acknowledged_at: datetime | None, raised: bool, now: datetime) -> bool:
    """Whether a signal that joins an event must page people again.

    An event nobody has taken is being repeated anyway. One that somebody took is new to them unless it comes in
    the same burst; a higher tier always is.
    """
    match state:
        case "open":
            return raised
        case "acknowledged" | "assessed":
            return raised or acknowledged_at is None or now - acknowledged_at > SETTLING
        case "closed":
            return False
        case _:
            assert_never(state)


def why_not_close(
    tier: int, state: EventState, closer: UUID, acknowledged_by: UUID | None, disposed_by: UUID | None
) -> str | None:
    """Tiers 2 and 3 need a second person: not who acknowledged, not who decided the disposition."""
    if state == "closed":
        return "is closed already"
    if state == "open":
        return "must be acknowledged first"
    if tier >= 2 and closer == acknowledged_by:
        return "of tier 2 or 3 is closed by someone other than the person who acknowledged it"
    if tier >= 2 and closer == disposed_by:
        return "of tier 2 or 3 is closed by someone other than the person who decided the disposition"
    return None
