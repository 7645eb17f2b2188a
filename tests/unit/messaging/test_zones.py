import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, timezone
from importlib.resources import files

import pytest

from messaging.schedule.zones import (
    UnknownZone,
    local_date,
    local_time,
    require_utc,
    to_utc,
    valid_zone,
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


GAP_DATES = ["2026-03-08", "2027-03-14"]
GAPS = [
    ("America/New_York", "07:00"),
    ("America/Chicago", "08:00"),
    ("America/Denver", "09:00"),
    ("America/Los_Angeles", "10:00"),
    ("America/Anchorage", "11:00"),
]


@pytest.mark.parametrize("day", GAP_DATES)
@pytest.mark.parametrize(("zone", "expected"), GAPS)
def test_a_time_that_does_not_exist_becomes_the_first_instant_after_the_gap(zone, expected, day):
    moment = to_utc(date.fromisoformat(day), time(2, 30), zone)
    assert moment == utc(f"{day}T{expected}")
    assert local_time(moment, zone) == time(3, 0)


@pytest.mark.parametrize(
    ("zone", "day", "at", "expected"),
    [
        ("America/Havana", "2026-03-08", "00:30", "2026-03-08T05:00"),  # a gap at midnight
        ("America/Havana", "2028-03-12", "00:30", "2028-03-12T05:00"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:30"),  # half an hour of gap
        ("Pacific/Apia", "2011-12-30", "09:00", "2011-12-30T10:00"),  # a whole day of gap
        ("America/New_York", "2026-03-08", "02:00", "2026-03-08T07:00"),  # its first moment
        ("America/New_York", "2026-03-08", "02:59:59.999999", "2026-03-08T07:00"),  # its last moment
    ],
)
def test_other_gaps_end_at_their_own_instant(zone, day, at, expected):
    assert to_utc(date.fromisoformat(day), time.fromisoformat(at), zone) == utc(expected)


@pytest.mark.parametrize(
    ("zone", "day", "at", "expected"),
    [
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30"),
        ("America/New_York", "2027-11-07", "01:30", "2027-11-07T05:30"),
        ("America/Chicago", "2026-11-01", "01:30", "2026-11-01T06:30"),
        ("America/Denver", "2026-11-01", "01:30", "2026-11-01T07:30"),
        ("America/Los_Angeles", "2026-11-01", "01:30", "2026-11-01T08:30"),
        ("America/Anchorage", "2026-11-01", "01:30", "2026-11-01T09:30"),
        ("America/Havana", "2025-11-02", "00:30", "2025-11-02T04:30"),  # a fold at midnight
        ("America/Havana", "2027-11-07", "00:30", "2027-11-07T04:30"),
    ],
)
def test_a_time_that_happens_twice_is_the_first(zone, day, at, expected):
    at = time.fromisoformat(at)
    assert to_utc(date.fromisoformat(day), at, zone) == utc(expected)
    assert to_utc(date.fromisoformat(day), at.replace(fold=1), zone) == utc(expected)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("America/Phoenix", "2027-03-14T09:30"),
        ("Pacific/Honolulu", "2027-03-14T12:30"),
        ("America/Puerto_Rico", "2027-03-14T06:30"),
    ],
)
def test_a_zone_without_daylight_saving_has_no_gap(zone, expected):
    assert to_utc(date(2027, 3, 14), time(2, 30), zone) == utc(expected)


def test_ten_in_the_morning_is_25_hours_after_ten_in_the_morning_when_clocks_go_back():
    before = to_utc(date(2026, 10, 31), time(12, 0), "America/New_York")
    after = to_utc(date(2026, 11, 1), time(12, 0), "America/New_York")
    assert after - before == timedelta(hours=25)


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-11-20T04:59", "America/New_York", date(2026, 11, 19)),
        ("2026-11-20T05:00", "America/New_York", date(2026, 11, 20)),
        ("2026-11-20T05:00", "Pacific/Honolulu", date(2026, 11, 19)),
        ("2026-11-20T14:00", "Pacific/Guam", date(2026, 11, 21)),
    ],
)
def test_the_local_date_is_the_patients(now, zone, expected):
    assert local_date(utc(now), zone) == expected


@pytest.mark.parametrize("name", ["America/New_York", "Pacific/Guam", "UTC", "America/Argentina/Ushuaia"])
def test_names_of_the_list_are_zones(name):
    assert valid_zone(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "america/new_york",
        "New York",
        "EST5",
        "Factory",
        "../../etc/passwd",
        "America",
        "UTC+5",
        "Etc/Unknown",
    ],
)
def test_anything_else_is_refused_by_name_of_the_field(name):
    assert not valid_zone(name)
    with pytest.raises(UnknownZone, match=r"^zone: not an IANA time zone$"):
        to_utc(date(2026, 1, 1), time(9), name)


def test_the_pinned_zone_rules_count_and_not_the_hosts(tmp_path):
    host = tmp_path / "Indian" / "Chagos"
    host.parent.mkdir()
    host.write_bytes(files("tzdata").joinpath("zoneinfo", "Etc", "UTC").read_bytes())
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    try:
        wrong = datetime(2026, 1, 1, 9, tzinfo=zoneinfo.ZoneInfo("Indian/Chagos"))
        assert wrong.utcoffset() == timedelta(0)
        assert to_utc(date(2026, 1, 1), time(9), "Indian/Chagos") == utc("2026-01-01T03:00")
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache(only_keys=["Indian/Chagos"])


def test_a_moment_without_an_offset_is_refused():
    with pytest.raises(ValueError, match=r"^now: a moment without an offset$"):
        require_utc(datetime(2026, 1, 1))


def test_a_moment_with_another_offset_is_the_same_moment_in_utc():
    moment = datetime(2026, 1, 1, 9, 0, tzinfo=timezone(timedelta(hours=-5)))
    assert require_utc(moment) == utc("2026-01-01T14:00")
    assert require_utc(moment).tzinfo is UTC
