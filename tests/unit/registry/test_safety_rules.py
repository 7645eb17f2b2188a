"""Tiers, news and the second person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from registry.safety.rules import (
    CODE_ALPHABET,
    SETTLING,
    EventState,
    alerts_again,
    why_not_close,
)

MONDAY_10 = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
CASEY, DANA = UUID(int=1), UUID(int=2)
MINUTE = timedelta(minutes=1)


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
