"""What the steps of a safety event ask."""

from __future__ import annotations

from datetime import date, time
from typing import Final, Literal

import msgspec

from registry.episodes.forms import ContactMode
from registry.safety.rules import AttemptChannel, AttemptOutcome, Disposition, RiskLevel


class AttemptForm(msgspec.Struct, frozen=True):
    channel: AttemptChannel
    outcome: AttemptOutcome
    note: str | None = None


class AssessmentForm(msgspec.Struct, frozen=True):
    tool: str
    level: RiskLevel
    findings: str


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
