"""What the steps of a safety event ask, and their words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time
from typing import Final, Literal

import msgspec

from registry.drills.rules import Slot
from registry.episodes.forms import ContactMode
from registry.safety.packs import Pack
from registry.safety.rules import (
    AttemptChannel,
    AttemptOutcome,
    Decision,
    DecisionBasis,
    Disposition,
    RiskLevel,
    SafetyStep,
    Tier,
)

ANSWER: Final = "answer_"  # in front of the name of a pack's field


class AttemptForm(msgspec.Struct, frozen=True):
    channel: AttemptChannel
    outcome: AttemptOutcome
    note: str | None = None


class AssessmentForm(msgspec.Struct, frozen=True):
    tool: str
    level: RiskLevel
    findings: str
    level_reason: str | None = None
    mitigation: str | None = None


class StepForm(msgspec.Struct, frozen=True):
    """Without a time it was now; a time later than now on the clinic's clock was yesterday's."""

    step: SafetyStep
    who: str
    at: time | None = None
    note: str | None = None


class DecisionForm(msgspec.Struct, frozen=True):
    about: Decision
    go: Literal["yes", "no"]
    reason: str
    basis: DecisionBasis | None = None


class TierForm(msgspec.Struct, frozen=True):
    tier: Tier
    reason: str


class WhereForm(msgspec.Struct, frozen=True):
    where: str


class ScheduleForm(msgspec.Struct, frozen=True):
    every_days: int
    slots: tuple[Slot, ...] = ()


class DispositionForm(msgspec.Struct, frozen=True):
    disposition: Disposition
    next_contact_on: date | None = None
    next_contact_at: time | None = None
    next_contact_mode: ContactMode = "phone"
    note: str | None = None


class NoteForm(msgspec.Struct, frozen=True):
    note: str


class CloseForm(msgspec.Struct, frozen=True):
    confirm: Literal["yes"]
    note: str | None = None


LABELS: Final = {
    "channel": "How",
    "outcome": "Outcome",
    "tool": "With",
    "level": "Level",
    "findings": "Findings",
    "disposition": "Disposition",
    "next_contact_on": "Next contact",
    "next_contact_at": "Time of the next contact",
    "next_contact_mode": "How",
    "confirm": "Your agreement",
    "level_reason": "Why this level",
    "mitigation": "Plan to lower the danger",
    "step": "What",
    "who": "Who",
    "at": "Time",
    "about": "About",
    "go": "Decision",
    "basis": "Basis",
    "tier": "Tier",
    "reason": "Reason",
    "where": "Where the patient is",
    "every_days": "Days between drills",
    "slots": "Slots",
    "note": "Note",
}
RENAMED: Final = {"next_contact_at": "next_contact_on"}
CHANNELS: Final = {
    "phone": "Phone",
    "video": "Video",
    "in_person": "In person",
    "text": "Text",
    "emergency_contact": "Emergency contact",
    "crisis_team": "Crisis team",
    "welfare_check": "Welfare check",
}
OUTCOMES: Final = {
    "reached": "Reached",
    "no_answer": "No answer",
    "left_voicemail": "Left a voicemail",
    "wrong_number": "Wrong number",
    "refused": "Would not speak",
    "handed_over": "Handed over",
}
TOOLS: Final = {"cssrs": "Columbia protocol (C-SSRS)", "structured": "Structured interview"}
LEVELS: Final = {"low": "Low", "moderate": "Moderate", "high": "High"}
DISPOSITIONS: Final = {
    "assessed_plan_made": "Assessed, plan made",
    "urgent_visit": "Urgent visit arranged",
    "crisis_team": "Crisis team takes over",
    "emergency_department": "Emergency department",
    "welfare_check": "Welfare check requested",
    "unreachable_followed_policy": "Not reached, policy followed",
    "not_about_this_patient": "Not about this patient",
    "drill": "Drill",
}
SAFETY_STEPS: Final[dict[str, str]] = {
    "safety_plan": "Safety plan made or gone through",
    "means_safety": "Means made harder to get at",
    "clinician_informed": "Treating clinician informed",
    "consultant_informed": "Psychiatric consultant informed",
    "crisis_team": "Crisis team called",
    "emergency_department": "Sent to the emergency department",
    "emergency_contact": "Emergency contact told",
    "welfare_check": "Welfare check requested",
}
DECISIONS: Final[dict[str, str]] = {
    "emergency_contact": "Telling the emergency contact",
    "welfare_check": "A welfare check",
}
BASES: Final[dict[str, str]] = {
    "consent": "The patient agreed to it",
    "safety_exception": "Serious and imminent threat",
}
SLOTS: Final[dict[str, str]] = {
    "staffed": "Staffed hours",
    "evening": "Evening and early morning",
    "night": "Night",
    "weekend": "Weekend and holiday",
}


def labels(packs: Iterable[Pack]) -> dict[str, str]:
    """Every field of the page in its order, the questions of the packs in front of the rest."""
    asked = {f"{ANSWER}{field.id}": field.label for pack in packs for field in pack.fields}
    return {"tool": LABELS["tool"], **asked, **LABELS}


def renamed(packs: Iterable[Pack]) -> dict[str, str]:
    return {f"answers.{field.id}": f"{ANSWER}{field.id}" for pack in packs for field in pack.fields} | RENAMED
