"""Whom an unacknowledged risk event is told to, through what, and when it is looked at again.

Delivery is quicker than the clinical clocks, which are only the outer limits for people. Nothing here ends: an event
that nobody has taken always has a next moment, and after the last rung that rung is repeated.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from registry.protocol.policy import AfterHours, AlertChannel, Ladder, Rung
from registry.working_time import WorkingTime, after_staffed

FIRST_LOOK: Final = timedelta(seconds=30)  # then an alert that no provider took climbs to the next people
NO_DELIVERY: Final = timedelta(seconds=90)  # then the next channel starts without it
ONE_BY_ONE: Final = timedelta(minutes=1)  # rungs that fell due in an outage don't leave in one burst
UNREACHED: Final = timedelta(minutes=10)  # the last rung, as long as nobody at all was reached by it
ALERT_LIFE: Final = timedelta(minutes=10)  # the next repeat replaces it

# `taken`: the provider has it; `delivered`: it says that it arrived, or, of e-mail, that the relay has it; `doubt`:
# nobody knows; `refused`: it surely did not leave, or did not arrive.
Standing = Literal["waiting", "taken", "delivered", "doubt", "refused"]


class Told(msgspec.Struct, frozen=True):
    """One alert of the present rung."""

    staff_id: UUID
    channel: AlertChannel
    standing: Standing


class Situation(msgspec.Struct, frozen=True):
    """An event that nobody has taken. `step` rungs were sent since `round_at`, the last at `rung_at`; `told` is what
    became of that one."""

    ladder: Ladder
    after_hours: AfterHours
    hours: WorkingTime
    round_at: datetime
    step: int
    rung_at: datetime | None
    told: tuple[Told, ...]


class Decision(msgspec.Struct, frozen=True):
    """`rung`: send this one now. `second`: people of the present rung whose other channels start now. `step` and
    `next_at` are the event's from now on."""

    rung: Rung | None
    second: tuple[UUID, ...]
    step: int
    next_at: datetime


def decide(event: Situation, now: datetime) -> Decision:
    """What to do at `now`; `next_at` is always later than `now`."""
    if event.step == 0 or event.rung_at is None or now >= _climbs_at(event):
        return Decision(rung_at(event.ladder, event.step), (), event.step + 1, after_sending(event, now))
    return Decision(None, _second(event, now), event.step, _next_look(event, now))


def rung_at(ladder: Ladder, step: int) -> Rung:
    """The rung to send when `step` were sent; past the end, the last one again."""
    return ladder.rungs[min(step, len(ladder.rungs) - 1)]


def after_sending(event: Situation, now: datetime) -> datetime:
    """When to look at an event whose next rung is sent at `now`."""
    sent = msgspec.structs.replace(event, step=event.step + 1, rung_at=now, told=())
    return min(now + FIRST_LOOK, _due(sent, now))


def reached(told: tuple[Told, ...]) -> bool:
    """Whether a provider took an alert of this rung and nothing says that it did not arrive."""
    return any(one.standing in ("taken", "delivered") for one in told)


def starts_second(told: tuple[Told, ...], rung: Rung, late: bool) -> tuple[UUID, ...]:
    """People whose alert on the rung's first channel failed or is in doubt, or, of a text, brought no delivery when it
    is `late`; unless their other channels were started already."""
    started = {one.staff_id for one in told if one.channel not in rung.channels}
    wanted = {
        one.staff_id
        for one in told
        if one.channel == rung.channels[0]
        and (
            one.standing in ("doubt", "refused")
            or (late and one.channel == "sms" and one.standing != "delivered")
        )
    }
    return tuple(sorted(wanted - started)) if rung.second else ()


def _climbs_at(event: Situation) -> datetime:
    """When the next rung leaves: at its own time, or sooner while nobody was reached."""
    assert event.rung_at is not None
    due = _due(event, event.rung_at)
    if reached(event.told):
        return due
    sooner = FIRST_LOOK if event.step < len(event.ladder.rungs) else UNREACHED
    return min(due, event.rung_at + sooner)


def _due(event: Situation, last: datetime) -> datetime:
    """The time of the next rung by the ladder; never within a minute of the one before."""
    if event.step < len(event.ladder.rungs):
        at = _later(event, event.round_at, event.ladder.rungs[event.step].after)
    else:
        at = _later(event, last, event.ladder.repeat)
    return max(at, last + ONE_BY_ONE)


def _later(event: Situation, since: datetime, minutes: int) -> datetime:
    """A tier that waits for the opening counts staffed time; every other clock runs on."""
    if event.after_hours == "opening":
        return after_staffed(since, timedelta(minutes=minutes), event.hours)
    return since + timedelta(minutes=minutes)


def _second(event: Situation, now: datetime) -> tuple[UUID, ...]:
    assert event.rung_at is not None
    rung = rung_at(event.ladder, event.step - 1)
    return starts_second(event.told, rung, late=now - event.rung_at >= NO_DELIVERY)


def _next_look(event: Situation, now: datetime) -> datetime:
    assert event.rung_at is not None
    looks = (event.rung_at + FIRST_LOOK, event.rung_at + NO_DELIVERY, _climbs_at(event))
    return min(at for at in looks if at > now)
