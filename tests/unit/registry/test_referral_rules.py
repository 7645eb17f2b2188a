"""What may follow what on a referral's way, what each step needs, and when somebody asks after it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product
from typing import Any, get_args

import pytest

from registry.referrals.rules import (
    OPEN,
    OutwardReferral,
    ReferralState,
    ReferralStep,
    ReferralStepForm,
    after,
    ask_at,
    check,
    check_step,
)

TODAY = date(2026, 3, 10)
SENT = date(2026, 3, 3)
NOW = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)


def test_a_referral_is_complete_only_after_the_patient_was_seen() -> None:
    ways = {
        (state, step): after(state, step)
        for state, step in product(get_args(ReferralState), get_args(ReferralStep))
        if after(state, step)
    }
    assert [pair for pair, state in ways.items() if state == "complete"] == [("seen", "complete")]
    assert {state for state, step in ways if step == "cancelled"} == set(OPEN)
    assert ways["not_seen", "appointment"] == "appointment"


@pytest.mark.parametrize("state", get_args(ReferralState))
def test_every_open_referral_is_asked_after(state: ReferralState) -> None:
    asked = ask_at(state, NOW, TODAY, "America/Los_Angeles")
    assert (asked is not None) == (state in OPEN)


def test_an_appointment_is_asked_after_at_noon_of_the_next_day() -> None:
    asked = ask_at(
        "appointment", NOW, date(2026, 3, 7), "America/Los_Angeles"
    )  # the clocks change that night
    assert asked == datetime(2026, 3, 8, 19, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"step": "appointment"}, ["on"]),
        ({"step": "seen", "on": TODAY}, []),
        ({"step": "seen", "on": date(2026, 3, 11)}, ["on"]),
        ({"step": "not_seen", "on": date(2026, 3, 2)}, ["on"]),
        ({"step": "result", "on": TODAY}, ["note"]),
        ({"step": "result", "on": TODAY, "note": "Starts weekly sessions"}, []),
        ({"step": "complete"}, ["step"]),
        ({"step": "cancelled"}, ["note"]),
        ({"step": "appointment", "on": date(2026, 4, 1), "note": "x" * 2001}, ["note"]),
        ({"step": "appointment", "on": date(2028, 3, 10)}, []),
        ({"step": "appointment", "on": date(2028, 3, 11)}, ["on"]),
        ({"step": "appointment", "on": date.max}, ["on"]),
    ],
)
def test_a_step_names_what_it_lacks(fields: dict[str, Any], missing: list[str]) -> None:
    assert [
        problem.field for problem in check_step(ReferralStepForm(**fields), TODAY, SENT, False)
    ] == missing


def test_a_referral_says_to_whom_and_why() -> None:
    assert check(OutwardReferral("psychiatry", "Dr. Lund", "Bipolar screen positive", TODAY), TODAY) == []
    empty = check(OutwardReferral("psychiatry", " ", "", date(2026, 3, 11)), TODAY)
    assert [problem.field for problem in empty] == ["to", "why", "sent_on"]
