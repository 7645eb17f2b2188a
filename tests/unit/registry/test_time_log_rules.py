"""Facts about which minutes count, as literals on the page."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from kernel.errors import Invalid, Problem
from registry.time_log.activities import ACTIVITIES, find, loggable_by
from registry.time_log.reasons import REASON_TEXT
from registry.time_log.rules import (
    Count,
    CountingPolicy,
    Entry,
    Month,
    Stay,
    Window,
    count,
    double_bookings,
    moment_reached,
    month_cross_error,
    validate_entry,
)

NEW_YORK = ZoneInfo("America/New_York")
NOVEMBER = Month(2026, 11)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def entry(start: str, minutes: float, id: str = "a", **changes: object) -> Entry:
    plain = Entry(
        id=id,
        patient_id="p1",
        staff_id="cm",
        role="care_manager",
        activity="patient_contact",
        started_at=local(start),
        seconds=int(minutes * 60),
        created_at=local(start) + timedelta(minutes=minutes),
    )
    return msgspec.structs.replace(plain, **changes)


def consultant(start: str, minutes: float, id: str = "z", **changes: object) -> Entry:
    facts = {"staff_id": "psy", "role": "consultant", "activity": "consultant_review"}
    return entry(start, minutes, id, **(facts | changes))


OPEN = Window(consent_at=local("2026-01-05T09:00"), enrolled_at=local("2026-01-05T09:00"))


def counted(
    *entries: Entry,
    window: Window = OPEN,
    month: Month = NOVEMBER,
    zone: ZoneInfo = NEW_YORK,
    **policy: object,
) -> Count:
    return count(entries, window, CountingPolicy(**policy), month, zone)


def outcome(result: Count) -> list[tuple[str, int, str | None]]:
    return [(part.entry_id, part.seconds, part.reason) for part in result.slices]


def test_one_contact_counts_whole():
    result = counted(entry("2026-11-10T10:00", 20))
    assert outcome(result) == [("a", 1200, None)]
    assert (result.counted_seconds, result.minutes, result.logged_seconds) == (1200, 20, 1200)
    assert result.excluded_by_reason == {}


def test_seconds_are_summed_and_floored_once():
    thirds = [entry(f"2026-11-{day:02d}T10:00", 59 / 60, f"e{day}") for day in range(1, 11)]
    assert counted(*thirds).counted_seconds == 590
    assert counted(*thirds).minutes == 9


def test_no_entries_count_nothing():
    assert outcome(counted()) == []
    assert counted().minutes == 0


EXCLUSIONS = [
    ("clerical", {"activity": "clerical"}),
    ("separately_reported", {"activity": "psychotherapy"}),
    ("separately_reported", {"activity": "tobacco_counselling"}),
    ("separately_reported", {"separately_reported": True}),
    ("separately_reported", {"role": "clinician", "separately_reported": True}),
    ("automated", {"role": "software", "activity": "automated_message"}),
    ("automated", {"role": "software", "activity": "patient_contact"}),
    ("role_not_counted", {"role": "biller"}),
    ("role_not_counted", {"activity": "oversight"}),
    ("role_not_counted", {"activity": "a kind of work nobody knows"}),
    ("treating_oversight", {"role": "clinician", "activity": "oversight"}),
    ("consultant_alone", {"role": "consultant", "activity": "consultant_review"}),
    ("consultant_alone", {"role": "consultant", "activity": "case_review"}),
    ("superseded", {"superseded": True}),
]


@pytest.mark.parametrize(("reason", "changes"), EXCLUSIONS)
def test_work_that_does_not_count_says_why(reason: str, changes: dict[str, object]):
    result = counted(entry("2026-11-10T10:00", 20, **changes))
    assert outcome(result) == [("a", 1200, reason)]
    assert result.excluded_by_reason == {reason: 1200}
    assert result.slices[0].reason_text == REASON_TEXT[reason]


POLICIES = [
    (
        {"role": "consultant", "activity": "consultant_review"},
        {"count_consultant_solo": True},
        None,
    ),
    ({"role": "clinician", "activity": "oversight"}, {"count_pcp_oversight": True}, None),
    ({"role": "clinician"}, {"count_pcp_bhcm_time": True}, None),
    ({"role": "clinician"}, {"count_pcp_bhcm_time": False}, "treating_care_time"),
]


@pytest.mark.parametrize(("changes", "policy", "reason"), POLICIES)
def test_payers_may_decide_otherwise(changes: dict[str, object], policy: dict[str, bool], reason: str | None):
    assert outcome(counted(entry("2026-11-10T10:00", 20, **changes), **policy)) == [("a", 1200, reason)]


def test_coordinating_with_an_emergency_department_counts():
    assert counted(entry("2026-11-10T10:00", 12, activity="emergency_coordination")).minutes == 12


def window(**changes: object) -> Window:
    return msgspec.structs.replace(OPEN, **changes)


WINDOWS = [
    (window(consent_at=None), [(1200, "no_consent")]),
    (window(consent_at=local("2026-11-10T10:05")), [(300, "before_consent"), (900, None)]),
    (window(consent_at=local("2026-11-10T10:20")), [(1200, "before_consent")]),
    (window(consent_at=local("2026-11-10T10:00")), [(1200, None)]),
    (window(enrolled_at=local("2026-11-10T10:15")), [(900, "before_enrolment"), (300, None)]),
    (window(ended_at=local("2026-11-10T10:15")), [(900, None), (300, "after_end")]),
    (window(ended_at=local("2026-11-10T10:00")), [(1200, "after_end")]),
    (window(consent_ended_at=local("2026-11-10T10:01")), [(60, None), (1140, "after_consent_end")]),
    (
        window(stays=(Stay(local("2026-11-10T10:05"), local("2026-11-10T10:10")),)),
        [(300, None), (300, "inpatient"), (600, None)],
    ),
    (window(stays=(Stay(local("2026-11-10T10:05")),)), [(300, None), (900, "inpatient")]),
    (
        window(consent_at=local("2026-11-10T10:00:00") + timedelta(microseconds=1)),
        [(1, "before_consent"), (1199, None)],
    ),
    (
        window(ended_at=local("2026-11-10T10:10:00") + timedelta(microseconds=999_999)),
        [(600, None), (600, "after_end")],
    ),
]


@pytest.mark.parametrize(("open_window", "parts"), WINDOWS)
def test_time_counts_only_inside_consent_and_enrolment(
    open_window: Window, parts: list[tuple[int, str | None]]
):
    result = counted(entry("2026-11-10T10:00", 20), window=open_window)
    assert [(seconds, reason) for _, seconds, reason in outcome(result)] == parts


def test_hospital_days_count_where_the_payer_allows_them():
    stay = window(stays=(Stay(local("2026-11-01T00:00"), local("2026-11-30T00:00")),))
    assert counted(entry("2026-11-10T10:00", 20), window=stay).minutes == 0
    assert counted(entry("2026-11-10T10:00", 20), window=stay, exclude_inpatient=False).minutes == 20


def test_work_that_never_counts_says_so_before_the_missing_consent():
    result = counted(entry("2026-11-10T10:00", 20, activity="clerical"), window=window(consent_at=None))
    assert result.excluded_by_reason == {"clerical": 1200}


def test_the_earliest_start_wins_an_overlap():
    early, late = entry("2026-11-10T10:00", 20, "b"), entry("2026-11-10T10:10", 20, "a", staff_id="cm2")
    assert outcome(counted(late, early)) == [("b", 1200, None), ("a", 600, "overlap"), ("a", 600, None)]


def test_equal_starts_are_settled_by_id():
    longer, shorter = entry("2026-11-10T10:00", 20, "b"), entry("2026-11-10T10:00", 10, "a", staff_id="cm2")
    assert outcome(counted(longer, shorter)) == [("a", 600, None), ("b", 600, "overlap"), ("b", 600, None)]


def test_touching_entries_do_not_overlap():
    assert counted(entry("2026-11-10T10:00", 20, "a"), entry("2026-11-10T10:20", 20, "b")).minutes == 40


def test_a_run_cut_in_two_still_started_first():
    first, second = entry("2026-11-10T10:00", 15, "a"), entry("2026-11-10T10:15", 15, "b")
    other = entry("2026-11-10T10:10", 10, "c", staff_id="cm2")
    assert outcome(counted(first, second, other)) == [
        ("a", 900, None),
        ("c", 600, "overlap"),
        ("b", 900, None),
    ]


def test_time_that_cannot_count_takes_nothing_from_time_that_can():
    clerical = entry("2026-11-10T10:00", 30, "a", activity="clerical", staff_id="cm2")
    assert counted(clerical, entry("2026-11-10T10:10", 10, "b")).minutes == 10


def test_a_case_review_counts_once_not_per_person():
    manager = entry("2026-11-10T10:00", 10, "a", activity="case_review")
    other = consultant("2026-11-10T10:00", 10, activity="case_review")
    result = counted(manager, other)
    assert outcome(result) == [("a", 600, None), ("z", 600, "joint_counted_once")]
    assert result.minutes == 10


def test_a_case_review_counts_once_also_where_the_consultant_counts():
    manager = entry("2026-11-10T10:05", 10, "a", activity="case_review")
    other = consultant("2026-11-10T10:00", 10, activity="case_review")
    result = counted(manager, other, count_consultant_solo=True)
    assert outcome(result) == [("z", 600, None), ("a", 300, "joint_counted_once"), ("a", 300, None)]


def test_a_consultant_who_stays_longer_is_alone_for_the_rest():
    manager = entry("2026-11-10T10:00", 10, "a", activity="case_review")
    other = consultant("2026-11-10T10:00", 15, activity="case_review")
    assert outcome(counted(manager, other))[1:] == [
        ("z", 600, "joint_counted_once"),
        ("z", 300, "consultant_alone"),
    ]


def test_a_case_review_of_the_consultant_beside_a_phone_call_is_not_joint():
    result = counted(
        entry("2026-11-10T10:00", 10), consultant("2026-11-10T10:00", 10, activity="case_review")
    )
    assert result.excluded_by_reason == {"consultant_alone": 600}


def test_two_care_managers_in_one_case_review_are_an_overlap():
    both = [entry("2026-11-10T10:00", 10, id, activity="case_review", staff_id=id) for id in "ab"]
    assert outcome(counted(*both)) == [("a", 600, None), ("b", 600, "overlap")]


def test_a_run_reaches_as_far_as_its_longest_entry():
    longest, within = entry("2026-11-10T10:00", 30, "a"), entry("2026-11-10T10:05", 5, "b")
    last = entry("2026-11-10T10:20", 20, "d")
    other = entry("2026-11-10T10:15", 20, "c", staff_id="cm2")
    assert outcome(counted(longest, within, last, other)) == [
        ("a", 1800, None),
        ("b", 300, "overlap"),
        ("c", 1200, "overlap"),
        ("d", 600, "overlap"),
        ("d", 600, None),
    ]


def test_a_run_goes_by_the_smallest_id_in_it():
    first, next_in_run = entry("2026-11-10T10:00", 10, "c"), entry("2026-11-10T10:10", 10, "a")
    rival = entry("2026-11-10T10:00", 10, "b", staff_id="cm2")
    assert counted(first, next_in_run, rival).slices[0].reason == "overlap"
    assert outcome(counted(first, next_in_run, rival))[0][0] == "b"


def test_a_voided_entry_takes_no_time():
    voided = entry("2026-11-10T10:05", 0, "v")
    assert outcome(counted(entry("2026-11-10T10:00", 10), voided)) == [("a", 600, None)]


MONTH_ENDS = [
    # zone, UTC start of a 20 minute entry, seconds in October, seconds in November
    ("America/New_York", "2026-11-01T03:50", 600, 600),
    ("America/New_York", "2026-10-31T23:50", 1200, 0),
    ("America/New_York", "2026-11-01T04:00", 0, 1200),
    ("UTC", "2026-10-31T23:50", 600, 600),
    ("Asia/Kolkata", "2026-10-31T18:20", 600, 600),
    ("Pacific/Honolulu", "2026-11-01T09:59:59", 1, 1199),
    ("Pacific/Kiritimati", "2026-10-31T09:50", 600, 600),
]


@pytest.mark.parametrize(("zone", "start", "october", "november"), MONTH_ENDS)
def test_an_entry_over_midnight_at_the_month_end_is_split_in_the_clinics_zone(
    zone: str, start: str, october: int, november: int
):
    late = entry("2026-10-31T12:00", 20, started_at=utc(start))
    in_october = counted(late, month=Month(2026, 10), zone=ZoneInfo(zone))
    in_november = counted(late, month=NOVEMBER, zone=ZoneInfo(zone))
    assert (in_october.counted_seconds, in_november.counted_seconds) == (october, november)
    assert in_october.excluded_by_reason.get("other_month", 0) == november


def test_an_entry_over_an_ordinary_midnight_stays_whole():
    assert outcome(counted(entry("2026-11-10T23:50", 20))) == [("a", 1200, None)]


def test_a_payer_may_refuse_an_entry_over_the_month_end():
    late = entry("2026-10-31T23:50", 20)
    result = counted(late, month=Month(2026, 10), month_cross="reject")
    assert outcome(result) == [("a", 600, "crosses_month_end"), ("a", 600, "other_month")]
    reject = CountingPolicy(month_cross="reject")
    assert month_cross_error(late, reject, NEW_YORK).field == "seconds"
    assert month_cross_error(late, CountingPolicy(), NEW_YORK) is None
    assert month_cross_error(entry("2026-10-31T23:40", 20), reject, NEW_YORK) is None


MONTH_LENGTHS = [
    # zone, month, UTC start, hours: clock changes make a month an hour longer or shorter
    ("America/New_York", "2026-11", "2026-11-01T04:00", 30 * 24 + 1),
    ("America/New_York", "2026-03", "2026-03-01T05:00", 31 * 24 - 1),
    ("Europe/Madrid", "2026-10", "2026-09-30T22:00", 31 * 24 + 1),
    ("America/Phoenix", "2026-03", "2026-03-01T07:00", 31 * 24),
    ("America/New_York", "2028-02", "2028-02-01T05:00", 29 * 24),
    # Midnight itself is skipped (the month begins at 01:00) or comes twice (the first one counts).
    ("America/Asuncion", "2017-10", "2017-10-01T04:00", 31 * 24 - 1),
    ("America/Havana", "2015-11", "2015-11-01T04:00", 30 * 24 + 1),
]


@pytest.mark.parametrize(("zone", "month", "start", "hours"), MONTH_LENGTHS)
def test_a_month_lasts_from_local_midnight_to_local_midnight(zone: str, month: str, start: str, hours: int):
    begins, ends = Month.parse(month).bounds(ZoneInfo(zone))
    assert begins == utc(start)
    assert ends - begins == timedelta(hours=hours)


@pytest.mark.parametrize("start", ["2026-11-01T05:30", "2026-03-08T06:30"])
def test_an_hour_of_work_is_an_hour_when_the_clock_changes(start: str):
    work = entry("2026-11-01T00:00", 60, started_at=utc(start))
    assert counted(work, month=Month.at(utc(start), NEW_YORK)).minutes == 60


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-1", "26-01", "2026/01", "٢٠٢٦-01", "1899-01", "", "2026-01\n"]
)
def test_a_month_that_is_not_one_is_refused(text: str):
    with pytest.raises(Invalid, match=r"^month: "):
        Month.parse(text)


def test_months_step_over_the_year():
    assert str(Month(2026, 12).plus(1)) == "2027-01"
    assert str(Month(2026, 1).plus(-1)) == "2025-12"
    assert Month(2027, 2).months_since(Month(2026, 11)) == 3
    assert Month(2028, 2).last_day.day == 29


def test_the_moment_a_minute_total_is_reached_is_known():
    result = counted(entry("2026-11-10T10:00", 20, "a"), entry("2026-11-12T10:00", 20, "b"))
    assert moment_reached(result, 20) == local("2026-11-10T10:20")
    assert moment_reached(result, 31) == local("2026-11-12T10:11")
    assert moment_reached(result, 41) is None


NOW = utc("2026-11-20T12:00")

WRONG = [
    ({"seconds": 0}, "seconds"),
    ({"seconds": -60}, "seconds"),
    ({"seconds": 8 * 3600 + 1}, "seconds"),
    ({"started_at": NOW}, "started_at"),
    ({"started_at": NOW - timedelta(seconds=599)}, "started_at"),
    ({"started_at": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)}, "started_at"),
    ({"started_at": utc("1999-12-31T23:59:59")}, "started_at"),
    ({"started_at": datetime(2026, 11, 10, 10)}, "started_at"),
    ({"started_at": utc("2026-11-10T10:00:00.5")}, "started_at"),
    ({"activity": "chatting"}, "activity"),
    ({"activity": "oversight"}, "activity"),
    ({"role": "biller"}, "activity"),
]


@pytest.mark.parametrize(("changes", "field"), WRONG)
def test_an_entry_that_cannot_be_is_refused_by_field(changes: dict[str, object], field: str):
    problems = validate_entry(entry("2026-11-10T10:00", 10, **changes), NOW)
    assert [problem.field for problem in problems] == [field]
    assert problems[0].message.endswith(".")


RIGHT = [
    {"seconds": 1},
    {"seconds": 8 * 3600},
    {"started_at": NOW - timedelta(seconds=600)},
    {"started_at": utc("2000-01-01T00:00")},
]


@pytest.mark.parametrize("changes", RIGHT)
def test_an_entry_at_the_edge_is_accepted(changes: dict[str, object]):
    assert validate_entry(entry("2026-11-10T10:00", 10, **changes), NOW) == ()


def test_every_wrong_field_is_named_at_once():
    wrong = entry("2026-11-10T10:00", 10, activity="?", seconds=0, started_at=NOW + timedelta(days=1))
    assert [type(problem) for problem in validate_entry(wrong, NOW)] == [Problem] * 3
    assert {problem.field for problem in validate_entry(wrong, NOW)} == {"activity", "started_at", "seconds"}


REFUSED = [
    ([entry("2026-11-10T10:00", 5, "a"), entry("2026-11-11T10:00", 5, "b", patient_id="p2")], "patient_id"),
    ([entry("2026-11-10T10:00", 5), entry("2026-11-11T10:00", 5)], "id"),
    ([entry("2026-11-10T10:00", 5, seconds=-1)], "seconds"),
]


@pytest.mark.parametrize(("entries", "field"), REFUSED)
def test_counting_refuses_entries_that_make_no_sense_together(entries: list[Entry], field: str):
    with pytest.raises(ValueError, match=f"^{field}: "):
        counted(*entries)


def test_one_person_with_two_patients_at_once_is_pointed_out():
    first = entry("2026-11-10T10:00", 20, "a")
    second = entry("2026-11-10T10:15", 20, "b", patient_id="p2")
    apart = entry("2026-11-10T10:35", 20, "c")
    someone_else = entry("2026-11-10T10:00", 60, "d", patient_id="p3", staff_id="cm2")
    found = double_bookings([apart, second, someone_else, first])
    assert [(pair.first_id, pair.second_id, pair.seconds) for pair in found] == [("a", "b", 300)]


def test_every_activity_can_be_logged_by_someone_and_found():
    assert len({activity.id for activity in ACTIVITIES}) == len(ACTIVITIES)
    assert all(activity.roles and find(activity.id) == activity for activity in ACTIVITIES)
    assert "oversight" not in {activity.id for activity in loggable_by("care_manager")}
    assert {activity.id for activity in loggable_by("software")} == {"automated_message"}
