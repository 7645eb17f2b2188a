"""Whom an unacknowledged risk event is told to, and when again. Delivery is quicker than the clinical clocks, which
are only the outer limits for people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from registry.working_time import WorkingTime, after_staffed

SECOND_LOOK: Final = timedelta(minutes=5)
REPEAT: Final = timedelta(minutes=10)
TIER_1_REPEAT: Final = timedelta(hours=1)  # staffed hours: tier 1 stays with those who are at work
ALERT_LIFE: Final = timedelta(minutes=10)  # the next repeat replaces it

Audience = Literal["responsible", "everyone"]


class Step(msgspec.Struct, frozen=True):
    """What to do now with an event that nobody has taken, and when to look again."""

    audience: Audience
    next_at: datetime


def next_step(step: int, tier: int, was_accepted: bool, now: datetime, hours: WorkingTime) -> Step:
    """`step` counts the alerts so far, the first being 0.

    30 seconds after the first alert: if no provider took it, everyone is told, every 10 minutes until one alert
    is taken. Then the responsible person once more after 5 minutes, everyone after 10, and everyone every 10
    minutes until somebody acknowledges. Tier 1 repeats by staffed hours once somebody was told at all.
    """
    if not was_accepted:
        return Step("everyone", now + REPEAT)
    if tier == 1:
        return Step("responsible" if step == 0 else "everyone", after_staffed(now, TIER_1_REPEAT, hours))
    if step == 0:
        return Step("responsible", now + SECOND_LOOK)
    return Step("everyone", now + (SECOND_LOOK if step == 1 else REPEAT))


def quiet_first_look(step: int, was_accepted: bool) -> bool:
    """Half a minute after an alert that was taken there is nothing to repeat yet, only to look again."""
    return step == 0 and was_accepted
