from datetime import UTC, datetime, timedelta

import pytest

from messaging.escalation.rules import Step, next_step, quiet_first_look
from registry.organisation.rules import OFFICE_WEEK
from registry.working_time import WorkingTime

HOURS = WorkingTime(zone="America/Los_Angeles", staffed=OFFICE_WEEK, holidays=frozenset())
NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # Monday 10:00 in Seattle
NIGHT = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)  # Tuesday 02:00


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


@pytest.mark.parametrize(
    ("step", "tier", "accepted", "expected"),
    [
        (0, 2, True, Step("responsible", after(minutes=5))),
        (1, 2, True, Step("everyone", after(minutes=5))),
        (2, 2, True, Step("everyone", after(minutes=10))),
        (9, 3, True, Step("everyone", after(minutes=10))),
        (0, 2, False, Step("everyone", after(minutes=10))),
        # a tier keeps nobody waiting for office hours while no alert has reached anybody
        (0, 1, False, Step("everyone", after(minutes=10))),
        (3, 1, False, Step("everyone", after(minutes=10))),
        (0, 1, True, Step("responsible", after(hours=1))),
        (1, 1, True, Step("everyone", after(hours=1))),
    ],
)
def test_who_is_told_next_and_when(step: int, tier: int, accepted: bool, expected: Step) -> None:
    assert next_step(step, tier, accepted, NOW, HOURS) == expected


def test_tier_1_waits_for_those_who_are_at_work() -> None:
    assert next_step(1, 1, True, NIGHT, HOURS).next_at == datetime(2026, 3, 3, 18, 0, tzinfo=UTC)


def test_half_a_minute_after_an_alert_that_was_taken_there_is_only_a_look() -> None:
    assert quiet_first_look(0, True)
    assert not quiet_first_look(0, False)
    assert not quiet_first_look(1, True)
