"""What was found when care began, as text for the chart. Pure."""

from __future__ import annotations

from registry.filing.text import Heading, document, moment_text, section
from registry.intake.contents import CONSIDERED
from registry.intake.service import IntakeFacts


def intake_text(found: IntakeFacts, whose: Heading, zone: str) -> str:
    """What was not considered says so; an empty line would read as "nothing found"."""
    content = found.content
    facts = (
        ("Written down", moment_text(found.at, zone)),
        ("By", found.by or ""),
        ("History", content.history),
        ("Medical causes", content.medical_causes),
        ("Substances", content.substances),
        ("Bipolar disorder", _joined(CONSIDERED[content.bipolar], content.bipolar_note)),
        ("PTSD", _joined(CONSIDERED[content.ptsd], content.ptsd_note)),
        ("Pregnancy", _joined(CONSIDERED[content.pregnancy], content.pregnancy_note)),
    )
    return document("Findings at the start", whose, facts, section("Medications", content.medications))


def _joined(state: str, note: str) -> str:
    return f"{state}: {note}" if note.strip() else state
