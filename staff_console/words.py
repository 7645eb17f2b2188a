"""Codes of the record in the words of the screens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from kernel.audit import Role
from staff_console.formstate import Choice

ROLES: Final[Mapping[Role, str]] = {
    "care_manager": "Care manager",
    "clinician": "Clinician",
    "consultant": "Psychiatric consultant",
    "clinic_lead": "Clinic lead",
    "biller": "Biller",
    "administrator": "Administrator",
}
STATUSES: Final[Mapping[str, str]] = {
    "referred": "Referred",
    "active": "Active",
    "relapse_prevention": "Relapse prevention",
    "on_hold": "On hold",
    "inactive_disengaged": "Not reached",
    "ended": "Ended",
}
CONTACT_MODES: Final[Mapping[str, str]] = {
    "phone": "Phone",
    "video": "Video",
    "in_person": "In person",
    "portal": "Portal",
}
CHANNELS: Final[Mapping[str, str]] = {
    "sms_link": "text with a link",
    "sms_items": "questions by text",
    "portal": "private page",
    "phone": "phone call",
    "none": "no channel chosen",
}
ANSWERED_BY: Final[Mapping[str, str]] = {
    "sms": "text",
    "portal": "portal",
    "staff": "staff",
    "api": "another system",
}
INSTRUMENTS: Final[Mapping[str, str]] = {
    "phq9": "PHQ-9",
    "gad7": "GAD-7",
    "phq2": "PHQ-2",
    "gad2": "GAD-2",
}
LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "es": "Spanish"}
TRIGGERS: Final[Mapping[str, str]] = {
    "item9": "Item 9 above 0",
    "item9_declined": "Item 9 declined",
    "item9_unreadable": "Item 9 could not be read",
    "crisis_text": "Text that may signal danger",
    "cssrs": "Screener answered yes",
    "staff_concern": "Concern of a colleague",
}
EVENT_STATES: Final[Mapping[str, str]] = {
    "open": "Not acknowledged",
    "acknowledged": "Acknowledged",
    "assessed": "Assessed",
    "closed": "Closed",
}
METHODS: Final[Mapping[str, str]] = {
    "verbal": "Verbal",
    "written": "Written",
    "portal": "On the private page",
    "sms": "By text",
}
CADENCES: Final[Mapping[str, str]] = {"7": "Every 7 days", "14": "Every 14 days", "28": "Every 28 days"}

Code = TypeVar("Code", bound=str)


def roles(held: Iterable[Role]) -> str:
    """In the order of `ROLES`: `Care manager, Clinic lead`."""
    mine = set(held)
    return ", ".join(label for role, label in ROLES.items() if role in mine)


def instrument(instrument_id: str) -> str:
    """`PHQ-9`; one that a clinic added is known by its id."""
    return INSTRUMENTS.get(instrument_id, instrument_id.upper())


def choices(words: Mapping[Code, str]) -> tuple[Choice, ...]:
    return tuple(Choice(value, label) for value, label in words.items())


def count(number: int, one: str, many: str) -> str:
    """`1 patient`, `2 patients`."""
    return f"{number} {one if number == 1 else many}"


def language(tag: str) -> str:
    return LANGUAGES.get(tag, tag)


def shown(words: Mapping[str, str], code: str | None) -> str:
    """The word for a code; a code without one is shown as it is, never left out."""
    return "" if code is None else words.get(code, code.replace("_", " "))
