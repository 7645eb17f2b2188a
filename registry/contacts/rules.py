"""What a contact is, whether its record is complete, and how soon it was written down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from kernel.errors import Problem
from registry import zones
from registry.contacts.forms import (
    AmendmentForm,
    ContactForm,
    ContactKind,
    ContactOutcome,
    MedicationReport,
)
from registry.episodes.rules import check_next_contact

# Two people spoke: what counts as a contact for R-NOCONTACT and the programme's own rates.
SPOKEN: Final[frozenset[ContactOutcome]] = frozenset({"reached", "cut_short"})
CONVERSATIONS: Final[frozenset[ContactKind]] = frozenset({"phone", "video", "portal", "text", "in_person"})
OUTCOMES: Final[Mapping[ContactKind, frozenset[ContactOutcome]]] = {
    "phone": frozenset({"reached", "cut_short", "other_person"}),
    "video": frozenset({"reached", "cut_short", "other_person"}),
    "portal": frozenset({"reached"}),
    "text": frozenset({"reached"}),
    "in_person": frozenset({"reached", "cut_short", "other_person"}),
    "no_show": frozenset({"did_not_come"}),
    "attempt": frozenset(
        {"no_answer", "left_message", "message_sent", "wrong_number", "other_person", "refused"}
    ),
}
EARLIEST: Final = timedelta(days=366)
# A programme's own measure: the registry tells what happened within two days of it (AIMS Center, registry
# requirements: "keep the registry up to date").
FRESH_DAYS: Final = 2
MOST_AMENDMENTS: Final = 50


def is_contact(kind: str, outcome: str) -> bool:
    """Whether somebody of the team and the patient spoke."""
    return kind in CONVERSATIONS and outcome in SPOKEN


def channel_of(form: ContactForm) -> str:
    """How it was tried: said for a try and a no-show, else the contact itself."""
    if form.channel is not None:
        return form.channel
    return form.kind if form.kind in CONVERSATIONS else "phone"


def is_fresh(occurred_at: datetime, recorded_at: datetime, zone: str, days: int = FRESH_DAYS) -> bool:
    """Written down on the same clinic date or at most `days` dates later; inclusive."""
    passed = zones.local_date(recorded_at, zone) - zones.local_date(occurred_at, zone)
    return passed.days <= days


class Standing(msgspec.Struct, frozen=True):
    """What the episode says before the contact: its next contact, and whether the patient is in care."""

    next_contact_at: datetime | None
    status: str


def check(form: ContactForm, standing: Standing, now: datetime) -> list[Problem]:
    """Everything wrong, each with its field; fields of the next contact are `next.at`, `next.mode`, `next.purpose`."""
    found = _check_what(form) + _check_when(form, now) + _check_content(form)
    if form.from_timer and (form.minutes is not None or form.staff_id is not None):
        found.append(Problem("minutes", "come from the timer, or are typed: not both"))
    if form.minutes is not None and form.occurred_at.utcoffset() is not None:
        found += _check_minutes(form, now)
    return found + _check_next(form, standing, now)


def _check_what(form: ContactForm) -> list[Problem]:
    found = []
    if form.outcome not in OUTCOMES[form.kind]:
        allowed = ", ".join(sorted(OUTCOMES[form.kind]))
        found.append(Problem("outcome", f"for {form.kind} must be one of: {allowed}"))
    if form.kind == "attempt" and form.channel is None:
        found.append(Problem("channel", "is needed: how was it tried?"))
    if form.kind in CONVERSATIONS and form.channel is not None:
        found.append(Problem("channel", "is asked of a try and a missed appointment only"))
    if form.no_show_text == "send" and form.kind != "no_show":
        found.append(Problem("no_show_text", "is for a missed appointment only"))
    return found


def _check_when(form: ContactForm, now: datetime) -> list[Problem]:
    if form.occurred_at.utcoffset() is None:
        return [Problem("occurred_at", "needs an offset from UTC")]
    if form.occurred_at > now:
        return [Problem("occurred_at", "is in the future")]
    if form.occurred_at < now - EARLIEST:
        return [Problem("occurred_at", "is more than a year ago")]
    return []


def check_amendment(kind: ContactKind, form: AmendmentForm) -> list[Problem]:
    """Everything wrong with what a contact of this kind is to say from now on."""
    found = []
    if form.outcome not in OUTCOMES[kind]:
        allowed = ", ".join(sorted(OUTCOMES[kind]))
        found.append(Problem("outcome", f"for {kind} must be one of: {allowed}"))
    if not form.reason.strip():
        found.append(Problem("reason", "is needed: why is it amended?"))
    return found + _check_told(is_contact(kind, form.outcome), form)


def may_amend(
    whose_id: UUID | None, written_by_id: UUID | None, staff_id: UUID | None, *, leads: bool
) -> bool:
    """Whose contact it was, who wrote it down, or the clinic's lead."""
    return leads or (staff_id is not None and staff_id in (whose_id, written_by_id))


def tidy(text: str | None) -> str:
    """As a note is stored."""
    return (text or "").strip().replace("\r\n", "\n")


def says_something(note: str) -> bool:
    """A template that nobody filled in says nothing: a line that ends with a colon is its heading."""
    return any(line.strip() and not line.strip().endswith(":") for line in note.splitlines())


def _check_told(spoken: bool, form: ContactForm | AmendmentForm) -> list[Problem]:
    found = []
    if spoken and not says_something(form.note):
        found.append(Problem("note", "is needed: what was said, under the headings that apply"))
    if not spoken:
        asked = (("adherence", form.adherence), ("side_effects", form.side_effects), ("skill", form.skill))
        found += [
            Problem(name, "can't be known without speaking to the patient")
            for name, value in asked
            if value is not None and form.outcome != "other_person"
        ]
    if form.side_effects == "troubling" and not (form.side_effects_note or "").strip():
        found.append(Problem("side_effects_note", "is needed: which?"))
    return found


def _check_content(form: ContactForm) -> list[Problem]:
    found = _check_told(is_contact(form.kind, form.outcome), form)
    if form.question is not None and not form.discuss:
        found.append(Problem("discuss", "is needed for a question to the consultant"))
    if form.medication is not None:
        found += _check_medication(form.medication)
    return found + _check_advice(form)


def _check_advice(form: ContactForm) -> list[Problem]:
    found = [
        Problem(f"advice[{at}].why", "is needed: why is it not in use?")
        for at, told in enumerate(form.advice)
        if told.answer == "not_in_use" and not (told.why or "").strip()
    ]
    if form.advice and not is_contact(form.kind, form.outcome):
        found.append(Problem("advice", "can't move on without speaking to the patient"))
    if len({told.recommendation_id for told in form.advice}) < len(form.advice):
        found.append(Problem("advice", "says two things about one recommendation"))
    return found


def _check_medication(told: MedicationReport) -> list[Problem]:
    return [
        Problem(f"medication.{name}", message)
        for name, text, message in (
            ("what", told.what, "is needed"),
            ("by", told.by, "is needed: who changed it?"),
        )
        if not text.strip()
    ]


def _check_minutes(form: ContactForm, now: datetime) -> list[Problem]:
    assert form.minutes is not None
    if form.occurred_at + timedelta(minutes=form.minutes) > now + timedelta(minutes=1):
        return [Problem("minutes", "would end in the future: correct the start or the minutes")]
    return []


def _check_next(form: ContactForm, standing: Standing, now: datetime) -> list[Problem]:
    """Nobody in care leaves a contact without a next one, or the reason why there is none."""
    if form.next is not None:
        problems = check_next_contact(form.next.at, form.next.mode, form.next.purpose, now)
        return [Problem(f"next.{problem.field}", problem.message) for problem in problems]
    ahead = standing.next_contact_at is not None and standing.next_contact_at > now
    if ahead or standing.status not in ("active", "relapse_prevention"):
        return []
    return [Problem("next.at", "is needed, or say under what it will cover why none is planned")]
