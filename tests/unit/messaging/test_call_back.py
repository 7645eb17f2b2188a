"""What a reply to the text after a missed appointment asks for, and by when."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from messaging.conversation.call_back import Wish, due_at, wish
from registry.working_time import WorkingTime

SEATTLE = WorkingTime("America/Los_Angeles")
FRIDAY_OFF = WorkingTime("America/Los_Angeles", holidays=frozenset({date(2026, 3, 6)}))


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ("1", "today"), (" 2. ", "this_week"), ("1!", "today"), ("12", None), ("one", None), ("1 or 2", None),
        ("", None), ("3", None), ("0", None),
    ],
)  # fmt: skip
def test_only_a_plain_number_asks(body: str, asked: Wish | None) -> None:
    assert wish(body) == asked


@pytest.mark.parametrize(
    ("asked", "now", "hours", "due"),
    [
        ("today", "2026-03-02T18:00", SEATTLE, "2026-03-03T01:00"),  # Monday 10:00, until 17:00
        ("today", "2026-03-03T02:00", SEATTLE, "2026-03-04T01:00"),  # Monday 18:00: the next staffed day
        ("this_week", "2026-03-02T18:00", SEATTLE, "2026-03-07T01:00"),  # Friday 17:00
        ("this_week", "2026-03-02T18:00", FRIDAY_OFF, "2026-03-06T01:00"),  # Thursday, Friday is a holiday
        (
            "this_week",
            "2026-03-07T02:00",
            SEATTLE,
            "2026-03-10T00:00",
        ),  # Friday evening: Monday, by closing time (PDT)
    ],
)
def test_the_task_is_due_when_it_was_asked_for(asked: Wish, now: str, hours: WorkingTime, due: str) -> None:
    at, expected = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, due))
    assert due_at(asked, at, hours) == expected
