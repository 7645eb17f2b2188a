from datetime import UTC, date, datetime, time, timedelta

import pytest

from messaging.schedule.windows import (
    Defer,
    SendingHours,
    Window,
    candidate_zones,
    later_opening,
    live_until,
    next_day_opening,
    next_opening,
    next_window,
    validity,
    window_at,
    window_on,
)

NY = "America/New_York"
LA = "America/Los_Angeles"
DAY = SendingHours()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def span(opens: str, closes: str) -> Window:
    return Window(utc(opens), utc(closes))


# 20 November 2026: New York is UTC-5, Los Angeles UTC-8.
FRIDAY = span("2026-11-20T14:00", "2026-11-21T01:00")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-20T13:59:59", None),
        ("2026-11-20T14:00", FRIDAY),
        ("2026-11-20T20:00", FRIDAY),
        ("2026-11-21T00:59:59", FRIDAY),
        ("2026-11-21T01:00", None),
        ("2026-11-21T03:00", None),
    ],
)
def test_the_window_is_nine_to_eight_on_the_patients_clock(now, expected):
    assert window_at(utc(now), NY, DAY) == expected


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-11-20T10:00", "2026-11-20T14:00"),
        ("2026-11-20T14:00", "2026-11-20T14:00"),
        ("2026-11-20T18:30", "2026-11-20T18:30"),
        ("2026-11-21T01:00", "2026-11-21T14:00"),
    ],
)
def test_the_next_opening_is_now_inside_and_the_morning_outside(now, opening):
    assert next_opening(utc(now), NY, DAY) == utc(opening)


@pytest.mark.parametrize(
    ("now", "later", "next_day"),
    [
        ("2026-11-20T10:00", "2026-11-20T14:00", "2026-11-21T14:00"),
        ("2026-11-20T18:30", "2026-11-21T14:00", "2026-11-21T14:00"),
        ("2026-11-21T01:30", "2026-11-21T14:00", "2026-11-21T14:00"),
    ],
)
def test_a_later_opening_passes_over_the_open_window_and_a_later_day_over_today(now, later, next_day):
    assert later_opening(utc(now), NY, DAY) == utc(later)
    assert next_day_opening(utc(now), NY, DAY) == utc(next_day)


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        (NY, "2026-03-08", ("2026-03-08T13:00", "2026-03-09T00:00")),
        (NY, "2026-03-07", ("2026-03-07T14:00", "2026-03-08T01:00")),
        (NY, "2026-11-01", ("2026-11-01T14:00", "2026-11-02T01:00")),
        (NY, "2026-10-31", ("2026-10-31T13:00", "2026-11-01T00:00")),
        ("America/Phoenix", "2026-03-08", ("2026-03-08T16:00", "2026-03-09T03:00")),
    ],
)
def test_the_window_follows_the_clock_change(zone, day, expected):
    assert window_on(date.fromisoformat(day), zone, DAY) == span(*expected)


def test_a_date_that_the_zone_skipped_has_no_window():
    assert window_on(date(2011, 12, 30), "Pacific/Apia", DAY) is None
    assert next_opening(utc("2011-12-30T06:30"), "Pacific/Apia", DAY) == utc("2011-12-30T19:00")


@pytest.mark.parametrize(
    ("opens", "closes", "message"),
    [
        (time(7, 59), time(20), "opens: earlier than 08:00"),
        (time(9), time(21, 1), "closes: later than 21:00"),
        (time(9), time(9, 59), "closes: less than an hour after opens"),
        (time(20), time(9), "closes: less than an hour after opens"),
    ],
)
def test_hours_outside_the_hard_limits_are_refused(opens, closes, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        SendingHours(opens, closes)


def test_the_hard_limits_themselves_are_allowed():
    assert window_on(date(2026, 11, 20), NY, SendingHours(time(8), time(21))) == span(
        "2026-11-20T13:00", "2026-11-21T02:00"
    )


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+12065550123", ("America/Los_Angeles",)),
        ("+12085550123", ("America/Boise", "America/Los_Angeles")),
        ("+19075550123", ("America/Adak", "America/Anchorage")),
        ("+18005550123", ()),  # toll-free: the whole numbering plan
        ("not a number", ()),
        ("+99955501230", ()),
    ],
)
def test_a_number_names_its_candidate_zones_or_none(number, zones):
    assert candidate_zones(number) == zones


def test_with_an_unknown_zone_the_moment_must_be_inside_in_every_candidate():
    both = (NY, LA)
    assert window_at(utc("2026-11-20T16:59"), both, DAY) is None  # 08:59 in Los Angeles
    assert window_at(utc("2026-11-20T17:00"), both, DAY) == span("2026-11-20T17:00", "2026-11-21T01:00")
    assert window_at(utc("2026-11-21T01:00"), both, DAY) is None  # 20:00 in New York
    assert next_window(utc("2026-11-21T01:00"), both, DAY) == span("2026-11-21T17:00", "2026-11-22T01:00")


def test_candidates_that_are_never_awake_together_have_no_window():
    apart = (NY, "Asia/Tokyo")
    narrow = SendingHours(time(9), time(12))
    assert next_window(utc("2026-11-20T12:00"), apart, narrow) is None
    assert next_opening(utc("2026-11-20T12:00"), apart, narrow) is None
    assert later_opening(utc("2026-11-20T12:00"), apart, narrow) is None


def test_no_zone_at_all_is_an_error_that_names_the_field():
    with pytest.raises(ValueError, match=r"^zone: no zone and no candidate zone$"):
        window_at(utc("2026-11-20T12:00"), (), DAY)


def test_a_live_exchange_lasts_thirty_minutes():
    assert live_until(utc("2026-11-20T23:50")) == utc("2026-11-21T00:20")
    assert live_until(None) is None


NOW = utc("2026-11-20T20:00")


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


@pytest.mark.parametrize(
    ("class_", "not_after", "window_end", "live", "expected"),
    [
        # A: the least of its own end, the window's end and four hours
        ("A", after(hours=30), after(hours=5), None, 4 * 3600),
        ("A", after(hours=30), after(hours=2), None, 2 * 3600),
        ("A", after(minutes=20), after(hours=2), None, 1200),
        ("A", after(hours=30), after(seconds=60), None, 60),
        ("A", after(hours=30), after(seconds=60.9), None, 60),
        ("A", after(hours=30), after(seconds=59), None, Defer()),
        ("A", after(seconds=59), after(hours=2), None, Defer()),
        ("A", after(hours=30), None, None, Defer()),
        # live replies: outside the window to the end of the exchange, inside to whichever ends later
        ("A", after(hours=30), None, after(minutes=29), 29 * 60),
        ("A", after(hours=30), None, after(seconds=59), Defer()),
        ("A", after(hours=30), None, after(minutes=-1), Defer()),
        ("A", after(minutes=10), None, after(minutes=29), 600),
        ("A", after(hours=30), after(seconds=30), after(minutes=29), 29 * 60),
        ("A", after(hours=30), after(hours=3), after(minutes=29), 3 * 3600),
        # B and C ignore hours
        ("B", after(hours=1), None, None, 900),
        ("B", after(seconds=10), after(seconds=10), None, 900),
        ("C", after(hours=1), None, None, 300),
        # D: one to two minutes
        ("D", after(minutes=10), None, None, 120),
        ("D", after(seconds=90), None, None, 90),
        ("D", after(seconds=60), None, None, 60),
        ("D", after(seconds=59), None, None, Defer()),
    ],
)
def test_validity_by_class(class_, not_after, window_end, live, expected):
    assert validity(NOW, not_after, window_end, class_, live) == expected


@pytest.mark.parametrize(
    ("not_after", "expected"),
    [
        (after(minutes=5), 300),
        (after(minutes=30), 300),
        (after(minutes=2), 120),
        (after(seconds=59), Defer()),
    ],
)
def test_a_stop_confirmation_has_five_minutes_at_any_hour(not_after, expected):
    assert validity(NOW, not_after, None, "A", None, stop_confirmation=True) == expected
