from datetime import UTC, date, datetime, time, timedelta

import pytest

from messaging.schedule.staffed import (
    InvitationPolicy,
    good_invitation_moment,
    is_staffed,
    next_staffed,
    staffed_hours,
)
from messaging.schedule.windows import SendingHours
from messaging.schedule.zones import UnknownZone

NY = "America/New_York"
DAY = SendingHours()
OFFICE = [(time(9), time(12)), (time(13), time(17))]
CLINIC = staffed_hours(NY, dict.fromkeys(range(5), OFFICE), frozenset({date(2026, 11, 26)}))


def ny(text: str, *, winter: bool = True) -> datetime:
    return (datetime.fromisoformat(text) + timedelta(hours=5 if winter else 4)).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "staffed"),
    [
        ("2026-11-20T08:00", False),
        ("2026-11-20T09:00", True),
        ("2026-11-20T11:30", True),
        ("2026-11-20T12:30", False),
        ("2026-11-20T16:59", True),
        ("2026-11-20T17:00", False),
        ("2026-11-21T10:00", False),  # Saturday
        ("2026-11-26T10:00", False),  # holiday
    ],
)
def test_shifts_are_staffed_and_breaks_are_not(now, staffed):
    assert is_staffed(ny(now), CLINIC) is staffed


@pytest.mark.parametrize(
    ("start", "winter", "hours"), [("2026-03-08T00:00", True, 3), ("2026-11-01T00:00", False, 5)]
)
def test_a_night_shift_on_the_night_of_the_clock_change_has_its_true_length(start, winter, hours):
    nights = staffed_hours(NY, {6: [(time(0), time(4))]})
    last = ny(start, winter=winter) + timedelta(hours=hours)
    assert is_staffed(last - timedelta(seconds=1), nights)
    assert not is_staffed(last, nights)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-20T10:00", "2026-11-20T10:00"),
        ("2026-11-20T12:10", "2026-11-20T13:00"),
        ("2026-11-20T17:00", "2026-11-23T09:00"),  # Friday evening
        ("2026-11-25T18:00", "2026-11-27T09:00"),  # the eve of a holiday
    ],
)
def test_the_next_staffed_moment(now, expected):
    assert next_staffed(ny(now), CLINIC) == ny(expected)


def test_a_clinic_without_hours_is_never_staffed():
    assert next_staffed(ny("2026-11-20T10:00"), staffed_hours(NY, {})) is None


@pytest.mark.parametrize(
    ("weekly", "message"),
    [
        ({7: OFFICE}, "weekly: a weekday outside 0 to 6"),
        ({0: [(time(9), time(9))]}, "end: not after start"),
        ({0: [(time(9), time(13)), (time(12), time(17))]}, "weekly: shifts overlap or are out of order"),
    ],
)
def test_impossible_hours_are_refused(weekly, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        staffed_hours(NY, weekly)


def test_an_unknown_clinic_zone_is_refused():
    with pytest.raises(UnknownZone, match=r"^zone: "):
        staffed_hours("Eastern", {})


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        ("2026-11-18T10:00", "2026-11-18T10:00"),  # Wednesday morning
        ("2026-11-18T12:59", "2026-11-18T12:59"),  # during lunch: the whole afternoon is left
        ("2026-11-18T13:00", "2026-11-18T13:00"),  # exactly four hours left
        ("2026-11-18T13:01", "2026-11-19T13:00"),  # too late: the next day, as near to 13:01 as is good
        ("2026-11-18T06:00", "2026-11-18T09:00"),  # before the window opens
        ("2026-11-20T10:00", "2026-11-23T10:00"),  # Friday: the same hour on Monday
        ("2026-11-21T10:00", "2026-11-23T10:00"),  # Saturday
        ("2026-11-26T10:00", "2026-11-30T10:00"),  # holiday on a Thursday
    ],
)
def test_an_invitation_moves_to_a_day_with_staffed_time_left(due, expected):
    assert good_invitation_moment(ny(due), NY, DAY, CLINIC) == ny(expected)


def test_the_patients_window_counts_in_the_patients_zone():
    # 09:00 in Honolulu is 14:00 in New York: three staffed hours are left, later it is worse, and the evening
    # there is the New York night long before the first shift.
    honolulu = good_invitation_moment(ny("2026-11-18T10:00"), "Pacific/Honolulu", DAY, CLINIC)
    assert honolulu is None
    short = InvitationPolicy(min_left=timedelta(hours=2))
    found = good_invitation_moment(ny("2026-11-18T10:00"), "Pacific/Honolulu", DAY, CLINIC, short)
    assert found == ny("2026-11-18T14:00")


def test_staffed_time_left_is_added_up_over_the_shifts_of_the_day():
    five = InvitationPolicy(min_left=timedelta(hours=5))
    assert good_invitation_moment(ny("2026-11-18T11:00"), NY, DAY, CLINIC, five) == ny("2026-11-18T11:00")
    assert good_invitation_moment(ny("2026-11-18T11:01"), NY, DAY, CLINIC, five) == ny("2026-11-19T11:00")


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(SendingHours(time(8), time(20)), "2026-11-18T08:30"), (DAY, "2026-11-18T09:00")],
)
def test_an_invitation_leaves_at_most_two_hours_before_the_first_shift(hours, expected):
    late_start = staffed_hours(NY, dict.fromkeys(range(5), ((time(10, 30), time(18)),)))
    assert good_invitation_moment(ny("2026-11-18T07:00"), NY, hours, late_start) == ny(expected)


def test_the_days_of_the_policy_are_the_clinics_to_choose():
    friday = InvitationPolicy(days=frozenset({4}))
    assert good_invitation_moment(ny("2026-11-18T10:00"), NY, DAY, CLINIC, friday) == ny("2026-11-20T10:00")


def test_hours_too_short_for_the_policy_give_no_moment_instead_of_a_wrong_one():
    mornings = staffed_hours(NY, dict.fromkeys(range(5), ((time(9), time(12)),)))
    assert good_invitation_moment(ny("2026-11-18T10:00"), NY, DAY, mornings) is None


def test_the_local_hour_is_kept_across_a_clock_change():
    moved = good_invitation_moment(ny("2026-10-30T10:00", winter=False), NY, DAY, CLINIC)
    assert moved == ny("2026-11-02T10:00")
