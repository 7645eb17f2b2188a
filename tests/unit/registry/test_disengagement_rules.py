"""When a patient who is not reached is proposed for closing, at the edges of the clinic's rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from registry.disengagement import rules
from registry.disengagement.rules import ClosingForm, Facts, Policy, Try

ZONE = "America/Los_Angeles"
TODAY = date(2026, 3, 24)
FIRST = datetime(2026, 3, 3, 18, tzinfo=UTC)  # 21 clinic days before


def tries(*channels: str, first: datetime = FIRST) -> tuple[Try, ...]:
    return tuple(Try(first + timedelta(days=3 * at), channel) for at, channel in enumerate(channels))


@pytest.mark.parametrize(
    ("found", "today", "met", "due_on"),
    [
        (tries("phone", "text", "phone"), TODAY, True, TODAY),
        (tries("phone", "text", "phone"), TODAY - timedelta(days=1), False, TODAY),
        (tries("phone", "phone", "phone"), TODAY, False, None),
        (tries("phone", "text"), TODAY, False, None),
        (tries("phone", "text", "letter", "phone"), TODAY, True, TODAY),
        ((), TODAY, False, None),
        # 23:30 on 3 March in Seattle is 4 March in UTC: the clinic's date counts.
        (tries("phone", "text", "phone", first=datetime(2026, 3, 4, 7, 30, tzinfo=UTC)), TODAY, True, TODAY),
    ],
)
def test_three_tries_by_two_ways_in_three_weeks(
    found: tuple[Try, ...], today: date, met: bool, due_on: date | None
) -> None:
    judged = rules.judge(Facts(found, False, "0"), Policy(), today, ZONE)
    assert (judged.met, judged.due_on) == (met, due_on)


@pytest.mark.parametrize(
    ("keep_until", "met", "due_on"),
    [
        (TODAY + timedelta(days=7), False, TODAY + timedelta(days=7)),
        (TODAY, True, TODAY),
        (TODAY - timedelta(days=1), True, TODAY),
    ],
)
def test_a_person_may_put_it_off(keep_until: date, met: bool, due_on: date) -> None:
    facts = Facts(tries("phone", "text", "phone"), False, None, keep_until)
    judged = rules.judge(facts, Policy(), TODAY, ZONE)
    assert (judged.met, judged.due_on) == (met, due_on)


@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        ({}, Policy()),
        ({"disengage_attempts": 5, "disengage_channels": 1, "disengage_days": 28}, Policy(5, 1, 28)),
        ({"disengage_attempts": 0, "disengage_days": "many", "disengage_channels": True}, Policy()),
        ({"closing_approval": "care_manager"}, Policy(lead_approves=False)),
    ],
)
def test_the_clinic_sets_its_own_rule(settings: dict[str, Any], policy: Policy) -> None:
    assert rules.policy_of(settings) == policy


@pytest.mark.parametrize(
    ("open_event", "item9", "found"),
    [
        (False, "0", ()),
        (False, None, ()),
        (False, "declined", ()),
        (False, "1", ("item9_above_zero",)),
        (False, "3", ("item9_above_zero",)),
        (True, "2", ("open_risk_event", "item9_above_zero")),
    ],
)
def test_what_stands_in_the_way(open_event: bool, item9: str | None, found: tuple[str, ...]) -> None:
    assert rules.blocks(Facts((), open_event, item9)) == found


CLOSE: dict[str, Any] = {
    "decision": "inactive",
    "note": "Three tries.",
    "reentry": "Call us.",
    "told_clinician_on": TODAY,
}


@pytest.mark.parametrize(
    ("changes", "blocks", "clinician", "fields"),
    [
        ({}, (), False, []),
        ({"note": " ", "reentry": None, "told_clinician_on": None}, (), False, ["note", "reentry", "told_clinician_on"]),
        ({"told_clinician_on": TODAY + timedelta(days=1)}, (), False, ["told_clinician_on"]),
        ({"letter_on": TODAY + timedelta(days=1)}, (), False, ["letter_on"]),
        ({}, ("item9_above_zero",), False, ["clinician_said"]),
        ({}, ("item9_above_zero",), True, []),
        ({"clinician_said": "Dr. Roth: close, the family is in touch"}, ("item9_above_zero",), False, []),
        ({"decision": "keep"}, (), False, ["keep_until"]),
        ({"decision": "keep", "keep_until": TODAY}, (), False, ["keep_until"]),
        ({"decision": "keep", "keep_until": TODAY + timedelta(days=60)}, (), False, []),
        ({"decision": "keep", "keep_until": TODAY + timedelta(days=61)}, (), False, ["keep_until"]),
    ],
)  # fmt: skip
def test_each_problem_of_a_decision_names_its_field(
    changes: dict[str, Any], blocks: tuple[Any, ...], clinician: bool, fields: list[str]
) -> None:
    found = rules.check(ClosingForm(**(CLOSE | changes)), blocks, by_clinician=clinician, today=TODAY)
    assert [problem.field for problem in found] == fields
