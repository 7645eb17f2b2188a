"""When a sweep counts as silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.health import silent_sweeps

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
RHYTHMS = {"dispatch": timedelta(seconds=5), "inbound": timedelta(seconds=120)}


def test_a_sweep_that_never_ran_is_silent() -> None:
    assert silent_sweeps({}, RHYTHMS, NOW) == ("dispatch", "inbound")


def test_three_rhythms_are_waited_and_never_less_than_a_minute() -> None:
    assert silent_sweeps({"dispatch": NOW - timedelta(seconds=60), "inbound": NOW}, RHYTHMS, NOW) == ()
    assert silent_sweeps({"dispatch": NOW - timedelta(seconds=61), "inbound": NOW}, RHYTHMS, NOW) == (
        "dispatch",
    )
    late = {"dispatch": NOW, "inbound": NOW - timedelta(seconds=361)}
    assert silent_sweeps(late, RHYTHMS, NOW) == ("inbound",)
