"""Tiers, clocks and the second person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from registry.safety.rules import (
    CODE_ALPHABET,
    SETTLING,
    EventState,
    Tier,
    acknowledge_by,
    alerts_again,
    lapses_at,
    why_not_close,
)
from registry.working_time import WorkingTime

SEATTLE = WorkingTime("America/Los_Angeles")
MONDAY_10 = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
FRIDAY_16 = datetime(2026, 3, 7, 0, 0, tzinfo=UTC)
CASEY, DANA = UUID(int=1), UUID(int=2)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("tier", "now", "by"),
    [
        (1, MONDAY_10, MONDAY_10 + timedelta(hours=4)),
        (1, FRIDAY_16, datetime(2026, 3, 9, 19, 0, tzinfo=UTC)),  # one hour left on Friday, three on Monday
        (2, MONDAY_10, MONDAY_10 + 30 * MINUTE),
        (
            2,
            FRIDAY_16 + timedelta(hours=8),
            FRIDAY_16 + timedelta(hours=8) + 30 * MINUTE,
        ),  # by night as by day
        (3, MONDAY_10, MONDAY_10),
    ],
)
def test_each_tier_has_its_time_to_acknowledge(tier: Tier, now: datetime, by: datetime) -> None:
    assert acknowledge_by(tier, now, SEATTLE) == by


@pytest.mark.parametrize(
    ("tier", "after"),
    [
        (1, datetime(2026, 3, 3, 18, 0, tzinfo=UTC)),
        (2, MONDAY_10 + timedelta(hours=2)),
        (3, MONDAY_10 + 30 * MINUTE),
    ],
)
def test_an_acknowledgement_that_nothing_follows_lapses(tier: Tier, after: datetime) -> None:
    assert lapses_at(tier, MONDAY_10, SEATTLE) == after


@pytest.mark.parametrize(
    ("state", "taken", "raised", "again"),
    [
        ("open", None, False, False),  # nobody has it: its alerts repeat anyway
        ("open", None, True, True),
        ("acknowledged", MONDAY_10 - MINUTE, False, False),  # the same burst of answers
        ("acknowledged", MONDAY_10 - SETTLING, False, False),
        ("acknowledged", MONDAY_10 - SETTLING - MINUTE, False, True),
        ("acknowledged", MONDAY_10 - MINUTE, True, True),
        ("assessed", MONDAY_10 - timedelta(days=3), False, True),  # a new text days later is news
        ("closed", None, True, False),
    ],
)
def test_who_has_taken_an_event_hears_of_what_is_new(
    state: EventState, taken: datetime | None, raised: bool, again: bool
) -> None:
    assert alerts_again(state, taken, raised, MONDAY_10) is again


@pytest.mark.parametrize(
    ("tier", "state", "closer", "took", "decided", "refusal"),
    [
        (1, "acknowledged", CASEY, CASEY, None, None),
        (1, "open", CASEY, None, None, "acknowledged first"),
        (2, "acknowledged", CASEY, CASEY, None, "other than the person who acknowledged"),
        (2, "acknowledged", DANA, CASEY, None, None),
        (2, "assessed", DANA, CASEY, DANA, "other than the person who decided"),
        (3, "assessed", DANA, CASEY, CASEY, None),
        (3, "closed", DANA, CASEY, CASEY, "closed already"),
    ],
)
def test_tiers_2_and_3_need_a_second_person(
    tier: int, state: EventState, closer: UUID, took: UUID | None, decided: UUID | None, refusal: str | None
) -> None:
    found = why_not_close(tier, state, closer, took, decided)
    assert found is None if refusal is None else refusal in (found or "")


def test_a_code_has_no_letters_that_are_taken_for_others() -> None:
    assert not set("0O1IL2Z5S") & set(CODE_ALPHABET)
    assert len(set(CODE_ALPHABET)) == len(CODE_ALPHABET)
