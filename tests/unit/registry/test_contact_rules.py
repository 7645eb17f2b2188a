"""What a record of a contact must hold, and how its copy for the chart reads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.contacts import chart, rules
from registry.contacts.forms import AdviceAnswer, ContactForm, MedicationReport, NextStep
from registry.contacts.queries import ContactFacts
from registry.contacts.rules import Standing
from registry.filing.text import Heading, document

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
AHEAD = Standing(NOW + timedelta(days=5), "active")
NOTHING_AHEAD = Standing(NOW - timedelta(days=1), "active")
NEXT = NextStep(NOW + timedelta(days=7), "phone", "How the week went")
ADVICE = UUID(int=9)
ZONE = "America/Los_Angeles"


def form(**changes: Any) -> ContactForm:
    fields: dict[str, Any] = {
        "kind": "phone", "outcome": "reached", "occurred_at": NOW - timedelta(minutes=20), "note": "Better.", "next": NEXT,
    }  # fmt: skip
    return ContactForm(**(fields | changes))


def problems(asked: ContactForm, standing: Standing = AHEAD) -> list[str]:
    return [problem.field for problem in rules.check(asked, standing, NOW)]


TRY: dict[str, Any] = {
    "kind": "attempt",
    "outcome": "no_answer",
    "channel": "phone",
    "note": "",
    "next": None,
}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"note": "  "}, ["note"]),
        ({"note": "Since the last contact:\nMood, sleep, function:\n\nAgreed plan:  \n"}, ["note"]),
        ({"note": "Since the last contact:\nSleeps better.\nAgreed plan:\n"}, []),
        ({"note": "Since the last contact: sleeps better.\nAgreed plan:\n"}, []),
        ({"outcome": "no_answer"}, ["outcome"]),
        ({"outcome": "did_not_come"}, ["outcome"]),
        ({"kind": "no_show", "outcome": "did_not_come", "note": ""}, []),
        ({"kind": "no_show", "outcome": "reached", "note": "x"}, ["outcome"]),
        (TRY, []),
        (TRY | {"channel": None}, ["channel"]),
        ({"channel": "phone"}, ["channel"]),
        (TRY | {"adherence": "as_prescribed"}, ["adherence"]),
        ({"advice": (AdviceAnswer(ADVICE, "told"),)}, []),
        ({"advice": (AdviceAnswer(ADVICE, "not_in_use", " "),)}, ["advice[0].why"]),
        ({"advice": (AdviceAnswer(ADVICE, "not_in_use", "Nausea"),)}, []),
        ({"advice": (AdviceAnswer(ADVICE, "told"), AdviceAnswer(ADVICE, "in_use"))}, ["advice"]),
        (TRY | {"advice": (AdviceAnswer(ADVICE, "told"),)}, ["advice"]),
        (TRY | {"outcome": "other_person", "adherence": "as_prescribed"}, []),
        ({"side_effects": "troubling"}, ["side_effects_note"]),
        ({"side_effects": "troubling", "side_effects_note": "Nausea"}, []),
        ({"question": "Raise the dose?"}, ["discuss"]),
        ({"question": "Raise the dose?", "discuss": True}, []),
        ({"no_show_text": "send"}, ["no_show_text"]),
        ({"occurred_at": NOW + timedelta(seconds=1)}, ["occurred_at"]),
        ({"occurred_at": NOW}, []),
        ({"occurred_at": NOW - timedelta(days=366)}, []),
        ({"occurred_at": NOW - timedelta(days=367)}, ["occurred_at"]),
        ({"occurred_at": datetime(2026, 3, 2, 10)}, ["occurred_at"]),
        ({"minutes": 20.0}, []),
        ({"minutes": 21.0}, []),
        ({"minutes": 21.5}, ["minutes"]),
        ({"medication": MedicationReport("dose_changed", " ", "", date(2026, 3, 1))}, ["medication.what", "medication.by"]),
        ({"next": NextStep(None)}, ["next.purpose"]),
        ({"next": NextStep(None, purpose="Travels until May")}, []),
        ({"next": NextStep(NOW, "phone")}, ["next.at"]),
        ({"next": NextStep(NOW + timedelta(days=2))}, ["next.mode"]),
    ],
)  # fmt: skip
def test_each_problem_names_its_field(changes: dict[str, Any], fields: list[str]) -> None:
    assert problems(form(**changes)) == fields


@pytest.mark.parametrize(
    ("standing", "fields"),
    [
        (AHEAD, []),
        (NOTHING_AHEAD, ["next.at"]),
        (Standing(None, "active"), ["next.at"]),
        (Standing(None, "relapse_prevention"), ["next.at"]),
        (Standing(None, "on_hold"), []),
        (Standing(None, "inactive_disengaged"), []),
    ],
)
def test_nobody_in_care_is_left_without_a_next_contact(standing: Standing, fields: list[str]) -> None:
    assert problems(form(next=None), standing) == fields


@pytest.mark.parametrize(
    ("kind", "outcome", "spoke"),
    [
        ("phone", "reached", True),
        ("video", "cut_short", True),
        ("in_person", "other_person", False),
        ("text", "reached", True),
        ("no_show", "did_not_come", False),
        ("attempt", "left_message", False),
        ("attempt", "other_person", False),
    ],
)
def test_only_speaking_with_the_patient_is_a_contact(kind: str, outcome: str, spoke: bool) -> None:
    assert rules.is_contact(kind, outcome) is spoke


@pytest.mark.parametrize(
    ("occurred", "recorded", "fresh"),
    [
        ("2026-03-02T10:00", "2026-03-02T11:00", True),
        ("2026-03-02T23:59", "2026-03-04T23:59", True),
        ("2026-03-02T23:59", "2026-03-05T00:01", False),
        ("2026-03-02T00:01", "2026-03-04T23:59", True),
    ],
)
def test_a_registry_is_fresh_for_two_clinic_dates(occurred: str, recorded: str, fresh: bool) -> None:
    from registry import zones

    at, then = (
        datetime.fromisoformat(text).replace(tzinfo=zones.zone(ZONE)) for text in (occurred, recorded)
    )
    assert rules.is_fresh(at, then, ZONE) is fresh


def test_the_copy_for_the_chart_holds_what_was_said_and_nothing_empty() -> None:
    facts = ContactFacts(
        id=UUID(int=1), patient_id=UUID(int=2), episode_id=UUID(int=3), kind="phone", outcome="reached",
        channel="phone", spoken=True, occurred_at=NOW, recorded_at=NOW, staff_id=None, staff_name="Dana Whitlock",
        recorded_by="Dana Whitlock", source="console", identity_checked=True, note="Sleeps better.  \n\n\n\nWalks daily.\n",
        adherence="some_missed", adherence_note="twice this week", side_effects="none", side_effects_note=None,
        skill="behavioural_activation", homework=None, medication=None, seconds=750,
        next_contact_at=NOW + timedelta(days=7), next_contact_mode="video", next_contact_purpose="Dose",
        discuss=True, question="Raise the dose?",
    )  # fmt: skip
    whose = Heading("Aldercott", "Maren", date(1984, 4, 9), "40117")
    assert chart.contact_text(facts, whose, ZONE) == (
        "COLLABORATIVE CARE: PHONE CALL\n"
        "ALDERCOTT, Maren, born 09-Apr-1984, MRN 40117\n\n"
        "When: 02-Mar-2026 10:00 PST\n"
        "By: Dana Whitlock\n"
        "How: Phone\n"
        "Outcome: Spoke with the patient\n"
        "Minutes: 12 min 30 s\n"
        "Identity checked: yes\n"
        "Medication: Misses some doses: twice this week\n"
        "Side effects: None told\n"
        "Skill: Behavioural activation\n"
        "Next contact: 09-Mar-2026 11:00 PDT, video: Dose\n"
        "For the case review: Raise the dose?\n\n"
        "Sleeps better.\n\nWalks daily.\n"
    )


def test_a_copy_without_text_ends_after_its_facts() -> None:
    whose = Heading("Aldercott", "Maren", None, None)
    assert document("Note", whose, (("By", "Lee"), ("How", " "))) == (
        "NOTE\nALDERCOTT, Maren, born not known, MRN none\n\nBy: Lee\n"
    )
