from datetime import UTC, date, datetime, time, timedelta

import pytest

from messaging.schedule.catch_up import CatchUp, Due, Missed, Prompt, catch_up, stable_fraction
from messaging.schedule.ladder import (
    INVITED_LADDER,
    STARTED_LADDER,
    Finish,
    Ladder,
    Remind,
    Step,
    next_step,
    pulled_forward,
)
from messaging.schedule.reminders import ContactReminder, contact_reminders
from messaging.schedule.rules import (
    Occurrence,
    PlanLine,
    PlanProblem,
    PlanRefused,
    Scheduled,
    check_plan_lines,
    instruments_due,
    next_occurrence,
    not_after,
    replan,
)
from messaging.schedule.windows import SendingHours
from messaging.schedule.zones import UnknownZone

NY = "America/New_York"
LA = "America/Los_Angeles"
DAY = SendingHours()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ny(text: str) -> datetime:
    """New York winter time."""
    return utc(text) + timedelta(hours=5)


MON = date(2026, 11, 16)
PHQ9 = PlanLine("phq9", 14, MON)
GAD7 = PlanLine("gad7", 28, MON)


@pytest.mark.parametrize(
    ("after", "day", "instruments"),
    [
        ("2026-11-01", "2026-11-16", ("phq9", "gad7")),  # before the anchor
        ("2026-11-15", "2026-11-16", ("phq9", "gad7")),
        ("2026-11-16", "2026-11-30", ("phq9",)),  # the anchor itself is past
        ("2026-11-29", "2026-11-30", ("phq9",)),
        ("2026-11-30", "2026-12-14", ("phq9", "gad7")),
        ("2027-11-14", "2027-11-15", ("phq9", "gad7")),  # a year on, the rhythm holds
    ],
)
def test_instruments_due_on_one_day_are_one_check_in(after, day, instruments):
    found = next_occurrence((PHQ9, GAD7), date.fromisoformat(after), NY)
    assert found is not None
    assert found.local_due_date == date.fromisoformat(day)
    assert found.instruments == instruments


def test_an_occurrence_holds_its_local_moment_and_the_instant_it_means():
    assert next_occurrence((PHQ9,), date(2026, 11, 15), NY, at=time(9, 30)) == Occurrence(
        MON, time(9, 30), NY, utc("2026-11-16T14:30"), ("phq9",)
    )


def test_a_check_in_keeps_its_wall_time_across_a_clock_change():
    line = PlanLine("phq9", 7, date(2026, 10, 26))
    first = next_occurrence((line,), date(2026, 10, 25), NY)
    second = next_occurrence((line,), date(2026, 10, 26), NY)
    assert first is not None
    assert second is not None
    assert second.due_at - first.due_at == timedelta(days=7, hours=1)


def test_a_line_ends_on_its_last_day_and_a_plan_with_its_last_line():
    ending = PlanLine("phq9", 14, MON, until=date(2026, 11, 30))
    assert next_occurrence((ending,), date(2026, 11, 16), NY) is not None
    assert next_occurrence((ending,), date(2026, 11, 30), NY) is None
    assert next_occurrence((), MON, NY) is None


@pytest.mark.parametrize(
    ("last", "day"),
    [("2026-11-09", "2026-11-16"), ("2026-11-10", "2026-11-30"), ("2026-11-16", "2026-11-30")],
)
def test_an_instrument_asked_less_than_a_week_ago_waits_for_its_next_turn(last, day):
    found = next_occurrence((PHQ9,), date(2026, 11, 11), NY, last_asked={"phq9": date.fromisoformat(last)})
    assert found is not None
    assert found.local_due_date == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ((PHQ9, GAD7), ()),
        ((PlanLine("phq9", 7, MON),), ()),
        ((PlanLine("mood", 1, MON),), ()),
        (
            (PlanLine("phq9", 6, MON),),
            (PlanProblem("plan_lines[0].every_days", "phq9 may be asked every 7 to 366 days"),),
        ),
        (
            (PHQ9, PlanLine("gad7", 1, MON)),
            (PlanProblem("plan_lines[1].every_days", "gad7 may be asked every 7 to 366 days"),),
        ),
        (
            (PlanLine("mood", 0, MON),),
            (PlanProblem("plan_lines[0].every_days", "mood may be asked every 1 to 366 days"),),
        ),
        (
            (PlanLine("phq9", 1400, MON, until=date(2026, 11, 15)),),
            (
                PlanProblem("plan_lines[0].every_days", "phq9 may be asked every 7 to 366 days"),
                PlanProblem("plan_lines[0].until", "before the anchor date"),
            ),
        ),
        ((PHQ9, PHQ9), (PlanProblem("plan_lines[1].instrument", "phq9 already has a line"),)),
    ],
)
def test_a_wrong_plan_names_each_field(lines, problems):
    assert check_plan_lines(lines) == problems


def test_a_wrong_plan_is_never_scheduled():
    with pytest.raises(
        PlanRefused, match=r"^plan_lines\[0\]\.every_days: phq9 may be asked every 7 to 366 days$"
    ):
        next_occurrence((PlanLine("phq9", 3, MON),), MON, NY)
    with pytest.raises(UnknownZone):
        next_occurrence((PHQ9,), MON, "Eastern")


@pytest.mark.parametrize(
    ("day", "due"),
    [("2026-11-16", ("phq9", "gad7")), ("2026-11-30", ("phq9",)), ("2026-11-17", ()), ("2026-11-02", ())],
)
def test_instruments_due_on_a_given_day(day, due):
    assert instruments_due((PHQ9, GAD7), date.fromisoformat(day)) == due


def test_an_invitation_is_too_late_when_the_next_days_window_closes():
    assert not_after(ny("2026-11-16T10:00"), NY, DAY) == ny("2026-11-17T20:00")
    assert not_after(ny("2026-11-16T19:59"), NY, DAY) == ny("2026-11-17T20:00")
    # Spring: the window of the next day closes in summer time.
    assert not_after(ny("2026-03-07T10:00"), NY, DAY) == utc("2026-03-09T00:00")


# --- changes -----------------------------------------------------------------------------------------------------


def row(day: date, *, invited: bool = False, instruments: tuple[str, ...] = ("phq9",)) -> Scheduled:
    found = Occurrence(day, time(10), NY, ny(f"{day}T10:00"), instruments)
    return Scheduled(found, invited)


SENT, DUE, AHEAD = row(date(2026, 11, 2), invited=True), row(MON), row(date(2026, 11, 30))
NOON = ny("2026-11-16T12:00")


def test_an_edited_plan_never_asks_for_the_past_again():
    earlier = (PlanLine("phq9", 7, date(2026, 10, 5)),)  # by this plan 2 and 16 November were due as well
    change = replan((SENT, DUE), earlier, NOON, NY)
    assert change.withdraw == ()
    assert change.keep == ()
    assert change.add is not None
    assert change.add.local_due_date == date(2026, 11, 23)


def test_an_edited_plan_withdraws_what_it_no_longer_asks_for_and_keeps_the_rest():
    other = (PlanLine("phq9", 14, date(2026, 11, 19)),)
    change = replan((DUE, AHEAD), other, NOON, NY)
    assert change.withdraw == (date(2026, 11, 30),)
    assert change.add is not None
    assert change.add.local_due_date == date(2026, 11, 19)

    richer = (PHQ9, PlanLine("gad7", 14, MON))
    change = replan((DUE, AHEAD), richer, NOON, NY)
    assert change.withdraw == ()
    assert change.keep == (msgspec_replace(AHEAD.occurrence, ("phq9", "gad7")),)
    assert change.add is None


def msgspec_replace(found: Occurrence, instruments: tuple[str, ...]) -> Occurrence:
    return Occurrence(found.local_due_date, found.local_time, found.zone, found.due_at, instruments)


@pytest.mark.parametrize(
    ("now", "day"), [("2026-11-16T09:59", "2026-11-16"), ("2026-11-16T10:00", "2026-11-30")]
)
def test_a_new_plan_may_begin_today_while_the_moment_lies_ahead(now, day):
    change = replan((), (PHQ9,), ny(now), NY)
    assert change.add is not None
    assert change.add.local_due_date == date.fromisoformat(day)


def test_an_ended_plan_withdraws_what_was_to_come():
    assert replan((SENT, AHEAD), (), NOON, NY).withdraw == (date(2026, 11, 30),)


# --- ladder ------------------------------------------------------------------------------------------------------

T0 = ny("2026-11-16T10:00")
END = T0 + timedelta(hours=96)


@pytest.mark.parametrize(
    ("done", "last_text", "expected"),
    [
        (0, "2026-11-16T10:00", Remind(1, ny("2026-11-17T10:00"), "same", END)),
        (1, "2026-11-17T10:00", Remind(2, ny("2026-11-19T10:00"), "other", END)),
        (2, "2026-11-19T10:00", Finish("staff_task", END)),
        # The first reminder was delayed to the day of the second: one text per local day.
        (1, "2026-11-19T09:00", Remind(2, ny("2026-11-20T09:00"), "other", END)),
        # Nothing of the ladder is left in time.
        (1, "2026-11-20T09:30", Finish("staff_task", END)),
    ],
)
def test_reminders_follow_after_one_and_three_days_and_then_a_person(done, last_text, expected):
    assert next_step(INVITED_LADDER, T0, done, ny(last_text), NY, DAY) == expected


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (0, Remind(1, ny("2026-11-18T09:00"), "same", ny("2026-11-19T20:30"))),  # 20:30 is after the window
        (1, Remind(2, ny("2026-11-19T09:00"), "same", ny("2026-11-19T20:30"))),
        (2, Finish("expire", ny("2026-11-19T20:30"))),
    ],
)
def test_a_started_check_in_is_reminded_twice_inside_the_window_and_ends_after_72_hours(done, expected):
    last = ny("2026-11-16T20:30") if done == 0 else expected_last(done)
    assert next_step(STARTED_LADDER, ny("2026-11-16T20:30"), done, last, NY, DAY) == expected


def expected_last(done: int) -> datetime:
    return {1: ny("2026-11-18T09:00"), 2: ny("2026-11-19T09:00")}[done]


@pytest.mark.parametrize(
    ("steps", "last_after", "message"),
    [
        ((Step(timedelta(hours=23)),), timedelta(hours=72), "steps: less than 24 hours apart"),
        (
            (Step(timedelta(hours=24)), Step(timedelta(hours=47))),
            timedelta(hours=72),
            "steps: less than 24 hours apart",
        ),
        ((Step(timedelta(hours=24)),), timedelta(hours=24), "last_after: not after the last step"),
        ((Step(timedelta(hours=24)),), timedelta(days=8), "last_after: not after the last step"),
    ],
)
def test_a_ladder_that_texts_twice_a_day_or_never_ends_is_refused(steps, last_after, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Ladder(steps, last_after, "staff_task")


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        ("2026-11-16T10:05", "2026-11-16T12:05"),  # two hours later
        ("2026-11-16T18:30", "2026-11-17T09:00"),  # 20:30 is after the window
        ("2026-11-17T08:30", "2026-11-17T10:00"),  # the reminder itself comes first
    ],
)
def test_after_a_failed_text_the_reminder_comes_sooner_but_not_within_two_hours(failed, expected):
    assert pulled_forward(ny("2026-11-17T10:00"), ny(failed), NY, DAY) == ny(expected)


# --- next contacts and one text a day ----------------------------------------------------------------------------


def reminder(kind: str, at: str, latest: str) -> ContactReminder:
    return ContactReminder(kind, ny(at), ny(latest))


@pytest.mark.parametrize(
    ("contact", "now", "expected"),
    [
        (
            "2026-11-18T14:00",
            "2026-11-10T12:00",
            (
                reminder("day_before", "2026-11-17T10:00", "2026-11-17T20:00"),
                reminder("same_morning", "2026-11-18T09:00", "2026-11-18T13:30"),
            ),
        ),
        # agreed the day before at noon: the morning one is left
        (
            "2026-11-18T14:00",
            "2026-11-17T12:00",
            (reminder("same_morning", "2026-11-18T09:00", "2026-11-18T13:30"),),
        ),
        # exactly one hour after the window opens, and a minute less
        (
            "2026-11-18T10:00",
            "2026-11-17T12:00",
            (reminder("same_morning", "2026-11-18T09:00", "2026-11-18T09:30"),),
        ),
        ("2026-11-18T09:59", "2026-11-17T12:00", ()),
        # a contact before the window opens
        (
            "2026-11-18T08:30",
            "2026-11-10T12:00",
            (reminder("day_before", "2026-11-17T10:00", "2026-11-17T20:00"),),
        ),
        ("2026-11-18T14:00", "2026-11-18T09:00", ()),
        # a contact in the evening, after the window
        (
            "2026-11-18T21:00",
            "2026-11-18T08:00",
            (reminder("same_morning", "2026-11-18T09:00", "2026-11-18T20:00"),),
        ),
    ],
)
def test_a_contact_is_reminded_of_the_day_before_and_in_the_morning(contact, now, expected):
    assert contact_reminders(ny(contact), NY, DAY, ny(now)) == expected


def test_the_local_day_of_a_contact_is_the_patients():
    # 01:00 UTC on the 19th is the evening of the 18th in Los Angeles.
    found = contact_reminders(utc("2026-11-19T01:00"), LA, DAY, utc("2026-11-01T00:00"))
    assert [(r.kind, r.at) for r in found] == [
        ("day_before", utc("2026-11-17T18:00")),
        ("same_morning", utc("2026-11-18T17:00")),
    ]


def test_a_late_window_moves_the_reminder_of_the_day_before_to_its_opening():
    evening = SendingHours(time(16), time(20))
    found = contact_reminders(ny("2026-11-18T14:00"), NY, evening, ny("2026-11-10T12:00"))
    assert found == (reminder("day_before", "2026-11-17T16:00", "2026-11-17T20:00"),)


# --- catching up -------------------------------------------------------------------------------------------------


def due(day: str, at: str = "10:00") -> Due:
    due_at = ny(f"{day}T{at}")
    return Due(date.fromisoformat(day), due_at, not_after(due_at, NY, DAY))


def caught(*items: Due, now: str, down_since: str | None = None, key: str = "p1") -> CatchUp:
    down = None if down_since is None else ny(down_since)
    return catch_up(items, ny(now), NY, DAY, patient_key=key, down_since=down)


def test_without_an_outage_the_due_check_in_is_prompted_at_once():
    assert caught(due("2026-11-17"), now="2026-11-17T10:00") == CatchUp(
        Prompt(date(2026, 11, 17), ny("2026-11-17T10:00")), ()
    )
    assert caught(now="2026-11-17T10:00") == CatchUp(None, ())


def test_after_36_hours_down_until_3_a_m_one_prompt_waits_for_the_window_and_is_spread():
    found = caught(
        due("2026-11-16"), due("2026-11-17"), now="2026-11-18T03:00", down_since="2026-11-16T09:00"
    )
    assert found.prompt is not None
    assert found.prompt.local_due_date == date(2026, 11, 17)
    assert ny("2026-11-18T09:00") <= found.prompt.at < ny("2026-11-18T10:00")
    assert found.missed == (Missed(date(2026, 11, 16), "skipped_outage"),)


@pytest.mark.parametrize(
    ("now", "prompted"),
    [("2026-11-18T18:58", True), ("2026-11-18T19:58:59", True), ("2026-11-18T19:59:01", False)],
)
def test_a_prompt_keeps_inside_the_window_and_before_its_end(now, prompted):
    found = caught(due("2026-11-17"), now=now, down_since="2026-11-16T12:00")
    if prompted:
        assert found.prompt is not None
        assert ny(now) <= found.prompt.at <= ny("2026-11-18T19:59")
    else:
        assert found == CatchUp(None, (Missed(date(2026, 11, 17), "skipped_outage"),))


def test_a_check_in_that_is_too_late_is_marked_and_never_sent():
    found = caught(due("2026-11-14"), now="2026-11-18T12:00", down_since="2026-11-13T00:00")
    assert found == CatchUp(None, (Missed(date(2026, 11, 14), "skipped_outage"),))
    found = caught(due("2026-11-14"), now="2026-11-18T12:00")
    assert found == CatchUp(None, (Missed(date(2026, 11, 14), "missed"),))


def test_what_came_due_before_the_outage_was_missed_and_not_skipped_by_it():
    found = caught(
        due("2026-11-10"), due("2026-11-17"), now="2026-11-18T12:00", down_since="2026-11-16T00:00"
    )
    assert found.missed == (Missed(date(2026, 11, 10), "missed"),)


def test_without_a_known_zone_nothing_is_prompted_and_the_late_is_closed():
    apart = (NY, "Asia/Tokyo")
    narrow = SendingHours(time(9), time(12))
    items = (due("2026-11-10"), due("2026-11-17"))
    found = catch_up(items, ny("2026-11-17T12:00"), apart, narrow, patient_key="p1", down_since=None)
    assert found == CatchUp(None, (Missed(date(2026, 11, 10), "missed"),))


def test_the_spread_is_the_same_for_a_patient_and_different_between_patients():
    assert stable_fraction("p1") == stable_fraction("p1")
    fractions = [stable_fraction(f"patient-{n}") for n in range(200)]
    assert len(set(fractions)) == 200
    assert 0 <= min(fractions) < 0.05
    assert 0.95 < max(fractions) < 1
