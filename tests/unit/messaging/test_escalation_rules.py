"""The ladder by night, by holiday, over changes of the clock and in other zones; and which channel starts when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from messaging.escalation.rules import Decision, Situation, Standing, Told, decide, rung_at
from registry.organisation.rules import OFFICE_WEEK
from registry.protocol.policy import AlertChannel, Policy, template
from registry.working_time import WorkingTime

MEMORIAL_DAY = date(2026, 5, 25)


def hours(zone: str = "America/Los_Angeles") -> WorkingTime:
    return WorkingTime(zone, OFFICE_WEEK, frozenset({MEMORIAL_DAY}))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = utc("2026-03-02T18:00")  # Monday 10:00 in Seattle
CASEY, DANA = UUID(int=1), UUID(int=2)
POLICY: Policy = template(hours())


def told(standing: Standing, channel: AlertChannel = "sms", who: UUID = CASEY) -> Told:
    return Told(who, channel, standing)


TAKEN = (told("delivered"), told("delivered", "email"))


def at(step: int, tier: int = 2, *, zone: str = "America/Los_Angeles", **changes: Any) -> Situation:
    """An event of this tier whose last rung was sent a moment ago."""
    given: dict[str, Any] = {
        "ladder": POLICY.ladder(tier, "self"),
        "after_hours": POLICY.tier(tier).after_hours,
        "hours": hours(zone),
        "round_at": NOW,
        "step": step,
        "rung_at": NOW if step else None,
        "told": TAKEN if step else (),
    }
    return Situation(**(given | changes))


def history(event: Situation, start: datetime, rungs: int) -> list[datetime]:
    """When each rung leaves if every alert arrives and nobody acknowledges."""
    event = msgspec.structs.replace(event, round_at=start, step=0, rung_at=None, told=())
    sent, now = [], start
    while len(sent) < rungs:
        done = decide(event, now)
        if done.rung is not None:
            sent.append(now)
            event = msgspec.structs.replace(event, rung_at=now, told=TAKEN)
        event = msgspec.structs.replace(event, step=done.step)
        assert done.next_at > now
        now = done.next_at
    return sent


def minutes(*spans: float) -> list[timedelta]:
    return [timedelta(minutes=span) for span in spans]


@pytest.mark.parametrize("tier", [2, 3])
@pytest.mark.parametrize(
    "start",
    [
        "2026-03-02T18:00",  # at work
        "2026-03-03T10:00",  # 02:00
        "2026-03-08T09:55",  # 01:55, five minutes before the clock is put forward
        "2026-11-01T08:55",  # 01:55, before the hour comes again
        "2026-05-25T20:00",  # a holiday
        "2026-03-07T20:00",  # Saturday
    ],
)
def test_tiers_2_and_3_climb_by_day_and_night_and_then_repeat(tier: int, start: str) -> None:
    sent = history(at(0, tier), utc(start), 7)
    assert [moment - sent[0] for moment in sent] == minutes(0, 5, 10, 15, 25, 35, 45)


@pytest.mark.parametrize(
    ("zone", "start", "sent"),
    [
        ("America/Los_Angeles", "2026-03-02T18:00", ["03-02T18:00", "03-02T19:00", "03-02T20:00", "03-02T21:00"]),
        # 02:00: told at once, then from the opening on
        ("America/Los_Angeles", "2026-03-03T10:00", ["03-03T10:00", "03-03T18:00", "03-03T19:00", "03-03T20:00"]),
        # Friday 16:30: the weekend does not count, and on Sunday the clock changes
        ("America/Los_Angeles", "2026-03-07T00:30", ["03-07T00:30", "03-09T16:30", "03-09T17:30", "03-09T18:30"]),
        # before Memorial Day
        ("America/Chicago", "2026-05-22T21:30", ["05-22T21:30", "05-26T14:30", "05-26T15:30", "05-26T16:30"]),
        # one moment, three clinics: night, morning, and a state that keeps its clock
        ("Pacific/Honolulu", "2026-03-09T14:00", ["03-09T14:00", "03-09T20:00", "03-09T21:00", "03-09T22:00"]),
        ("America/New_York", "2026-03-09T14:00", ["03-09T14:00", "03-09T15:00", "03-09T16:00", "03-09T17:00"]),
        ("America/Phoenix", "2026-03-09T14:00", ["03-09T14:00", "03-09T17:00", "03-09T18:00", "03-09T19:00"]),
    ],
)  # fmt: skip
def test_tier_1_is_told_at_once_and_climbs_in_staffed_hours(zone: str, start: str, sent: list[str]) -> None:
    assert history(at(0, 1, zone=zone), utc(start), 4) == [utc(f"2026-{moment}") for moment in sent]


def test_tier_1_repeats_every_staffed_hour_after_its_last_rung() -> None:
    sent = history(at(0, 1), NOW, 9)
    assert sent[-1] == utc("2026-03-03T18:00")  # repeats until 17:00, then at 10:00
    assert rung_at(POLICY.ladder(1, "self"), 8) == POLICY.ladder(1, "self").rungs[-1]


def decided(event: Situation, **later: float) -> Decision:
    return decide(event, NOW + timedelta(**later))


def test_an_alert_that_arrived_is_only_looked_at_again() -> None:
    assert decided(at(1), seconds=30) == Decision(None, (), 1, NOW + timedelta(seconds=90))
    assert decided(at(1), seconds=90) == Decision(None, (), 1, NOW + timedelta(minutes=5))


@pytest.mark.parametrize("standing", ["waiting", "doubt", "refused"])
@pytest.mark.parametrize("tier", [1, 2, 3])
def test_an_alert_that_no_provider_took_climbs_after_half_a_minute(standing: Standing, tier: int) -> None:
    event = at(1, tier, told=(told(standing), told(standing, "email")))
    assert decided(event, seconds=29).rung is None
    assert decided(event, seconds=30).rung == POLICY.ladder(tier, "self").rungs[1]


def test_a_rung_without_anybody_climbs_too() -> None:
    assert decided(at(1, told=()), seconds=30).rung == POLICY.ladder(2, "self").rungs[1]


def test_the_last_rung_of_tier_1_does_not_wait_for_the_morning_while_nobody_was_reached() -> None:
    event = at(4, 1, told=(told("refused"), told("doubt", "email")))
    assert decided(event, minutes=9).rung is None
    assert decided(event, minutes=10).rung == POLICY.ladder(1, "self").rungs[-1]


@pytest.mark.parametrize(
    ("alerts", "seconds", "starts"),
    [
        ((told("refused"), told("delivered", "email")), 1, (CASEY,)),
        ((told("doubt"), told("delivered", "email")), 1, (CASEY,)),
        ((told("taken"), told("refused", "email")), 1, ()),
        ((told("taken"), told("delivered", "email")), 89, ()),
        ((told("taken"), told("delivered", "email")), 90, (CASEY,)),
        ((told("delivered"), told("delivered", "email")), 90, ()),
        # e-mail knows no delivery: that the relay took it is all there is to know
        ((told("delivered"), told("taken", "email")), 90, ()),
        # one each: only who was not reached
        ((told("delivered"), told("refused", who=DANA), told("delivered", "email")), 1, (DANA,)),
        # once
        ((told("refused"), told("delivered", "email"), told("waiting", "voice")), 1, ()),
        ((told("refused"), told("delivered", "email"), told("refused", "voice")), 90, ()),
    ],
)
def test_the_second_channel_starts_for_whom_the_first_failed(
    alerts: tuple[Told, ...], seconds: int, starts: tuple[UUID, ...]
) -> None:
    assert decided(at(1, told=alerts), seconds=seconds).second == starts


def test_after_an_outage_rungs_leave_a_minute_apart() -> None:
    event = at(1, rung_at=NOW)
    late = NOW + timedelta(hours=3)
    first = decide(event, late)
    assert first.rung == POLICY.ladder(2, "self").rungs[1]
    again = decide(
        msgspec.structs.replace(event, step=first.step, rung_at=late), late + timedelta(seconds=59)
    )
    assert again.rung is None
    assert again.next_at == late + timedelta(seconds=60)


def test_a_threat_to_others_tells_the_lead_at_once() -> None:
    first = rung_at(POLICY.ladder(2, "others"), 0)
    assert first.audience == ("responsible", "leads")
