"""What the auditor lets pass, and when the watchdog writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from api.dead_man.rules import Beat, Facts, Watch, failures, look, standing_still

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SOUND = Facts(0, 0, 0, 0, True, True, canary=True, canary_at=NOW, running_since=NOW)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, ()),
        ({"late_events": 1}, ("events",)),
        ({"late_alerts": 1}, ("alerts",)),
        ({"silent_sweeps": 2}, ("sweeps",)),
        ({"uncovered_clinics": 1}, ("on_call",)),
        ({"texts_answer": False, "mail_answers": False}, ("texts", "mail")),
        ({"canary_at": NOW - timedelta(minutes=21)}, ("canary",)),
        ({"canary_at": NOW - timedelta(minutes=20)}, ()),
        ({"canary_at": None, "running_since": NOW - timedelta(minutes=5)}, ()),
        ({"canary_at": None, "running_since": NOW - timedelta(minutes=30)}, ("canary",)),
        ({"canary_at": None, "running_since": NOW - timedelta(days=1), "canary": False}, ()),
    ],
)
def test_each_check_that_does_not_hold_is_named(changes: dict[str, Any], wrong: tuple[str, ...]) -> None:
    assert failures(msgspec.structs.replace(SOUND, **changes), NOW) == wrong


@pytest.mark.parametrize(
    ("age", "every", "still"),
    [(89, 5, False), (90, 5, False), (91, 5, True), (299, 100, False), (301, 100, True)],
)
def test_a_sweep_stands_still_after_three_rhythms_and_never_before_ninety_seconds(
    age: int, every: int, still: bool
) -> None:
    found = standing_still({"send": NOW - age * SECOND}, {"send": every * SECOND}, NOW)
    assert found == (("send",) if still else ())
    assert standing_still({}, {"send": every * SECOND}, NOW) == ("send",)


Look = tuple[int, int | None, tuple[Any, ...]]  # seconds, age of the beat or None, checks that fail


@pytest.mark.parametrize(
    ("looks", "written"),
    [
        ([(15, 5, ()), (600, 5, ())], []),
        ([(15, 5, ()), (90, 80, ()), (106, 96, ())], [106]),  # silence
        ([(15, None, ()), (89, None, ()), (91, None, ())], [91]),  # never readable since the start
        ([(15, 5, ()), (30, None, ()), (45, 5, ()), (120, None, ())], []),  # unreadable, and back in time
        ([(15, 5, ()), (100, None, ()), (106, None, ())], [106]),
        ([(15, 5, ()), (30, 5, ("alerts",)), (46, 5, ("alerts",))], [46]),  # failing for half a minute
        ([(15, 5, ()), (30, 5, ("alerts",)), (45, 5, ())], []),  # a moment's failure
        (
            [(15, 5, ()), (120, None, ()), (600, None, ()), (721, None, ())],
            [120, 721],
        ),  # again in ten minutes
        ([(15, 5, ()), (120, None, ()), (135, 5, ())], [120, 135]),  # and once when all is well
        ([(15, 5, ()), (120, None, ()), (135, 5, ()), (150, 5, ())], [120, 135]),
    ],
)
def test_the_watchdog_writes_when_it_hears_nothing_good_for_too_long(
    looks: list[Look], written: list[int]
) -> None:
    watch, found = Watch(NOW, good_at=NOW), []
    for second, age, failing in looks:
        now = NOW + second * SECOND
        beat = None if age is None else Beat(now - age * SECOND, failing, 2)
        watch, alarm = look(watch, beat, now)
        if alarm is not None:
            found.append(second)
    assert found == written


def test_an_alarm_says_what_is_wrong_and_names_nobody() -> None:
    watch, _ = look(Watch(NOW, good_at=NOW), Beat(NOW, (), 3), NOW)
    _, alarm = look(watch, Beat(NOW + 60 * SECOND, ("alerts", "on_call"), 3), NOW + 61 * SECOND)
    assert alarm is not None
    assert "has not left within a minute" in alarm.body
    assert "nobody who would be alerted" in alarm.body
    assert "Open risk events when last seen: 3." in alarm.body


def test_a_healthy_day_brings_no_alarm() -> None:
    watch = Watch(NOW, good_at=NOW)
    for second in range(0, 24 * 3600, 15):
        now = NOW + second * SECOND
        watch, alarm = look(watch, Beat(now - (second % 30) * SECOND, (), 1), now)
        assert alarm is None
