"""The clinic's own ladder: what may be set, and what it becomes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from messaging.schedule.ladder import INVITED_LADDER, STARTED_LADDER, Step, when_invited, when_started
from registry.organisation.ladder import DEFAULT, OutreachLadder, Reminder, check_ladder, outreach_ladder

HOUR = timedelta(hours=1)


def test_the_default_is_a_day_three_days_on_the_other_channel_then_a_call() -> None:
    assert INVITED_LADDER.steps == (Step(24 * HOUR), Step(72 * HOUR, "other"))
    assert INVITED_LADDER.last_after == 96 * HOUR
    assert STARTED_LADDER.steps == (Step(24 * HOUR), Step(48 * HOUR))
    assert STARTED_LADDER.last_after == 72 * HOUR
    assert outreach_ladder({}) == DEFAULT
    assert check_ladder(DEFAULT) == ()


@pytest.mark.parametrize(
    ("ladder", "fields"),
    [
        (OutreachLadder((), 24, 24), []),
        (OutreachLadder((Reminder(24), Reminder(48), Reminder(72), Reminder(96)), 168, 168), []),
        (OutreachLadder((Reminder(12),)), ["reminders[0].after_hours"]),
        (OutreachLadder((Reminder(24), Reminder(30))), ["reminders[1].after_hours"]),
        (OutreachLadder((Reminder(72), Reminder(24))), ["reminders[1].after_hours"]),
        (OutreachLadder((Reminder(96),), 96), ["call_after_hours"]),
        (OutreachLadder(call_after_hours=169), ["call_after_hours"]),
        (OutreachLadder(answer_within_hours=12), ["answer_within_hours"]),
        (OutreachLadder(answer_within_hours=200), ["answer_within_hours"]),
        (OutreachLadder(tuple(Reminder(24 * n) for n in range(1, 6)), 168), ["reminders"]),
    ],
)
def test_what_a_clinic_may_set(ladder: OutreachLadder, fields: list[str]) -> None:
    assert [problem.field for problem in check_ladder(ladder)] == fields
    if not fields:
        assert len(when_invited(ladder).steps) == len(ladder.reminders)


@pytest.mark.parametrize(("hours", "reminders"), [(24, 0), (48, 1), (72, 2), (168, 2)])
def test_a_begun_check_in_is_reminded_only_while_there_is_time(hours: int, reminders: int) -> None:
    ladder = when_started(OutreachLadder(answer_within_hours=hours))
    assert len(ladder.steps) == reminders
    assert ladder.last == "expire"
