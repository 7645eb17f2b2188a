"""What a registry line says, when a task is due, which column a page sorts by."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from registry.organisation.rules import OFFICE_WEEK, Shift
from registry.working_time import (
    WorkingTime,
    after_staffed,
    local_midnight_after,
    next_business_day,
    same_day,
)
from registry.worklist.rules import (
    NEVER,
    EpisodeFacts,
    ScoreFact,
    Told,
    differences,
    line,
    overdue_since,
    rule_facts,
    sort_rank,
)
from registry.worklist.tasks import KINDS, REPLIES, due_at

SEATTLE = WorkingTime("America/Los_Angeles")
MONDAY_10 = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # 10:00 in Seattle, the clocks go forward next Sunday
FRIDAY_16 = datetime(2026, 3, 7, 0, 0, tzinfo=UTC)
FRIDAY_17 = FRIDAY_16 + timedelta(hours=1)
EPISODE = EpisodeFacts(
    episode_id=UUID(int=1),
    clinic_id=UUID(int=2),
    patient_id=UUID(int=3),
    status="active",
    name_key="rivera ana",
    family_name="Rivera",
    given_name="Ana",
    mrn=None,
    birth_date=date(1984, 5, 17),
    care_manager_id=None,
    treating_clinician_id=None,
    consultant_id=None,
    referred_at=MONDAY_10,
    enrolled_on=None,
    next_contact_at=None,
    next_contact_mode=None,
    is_test=False,
    zone="America/Los_Angeles",
    settings={},
    open_risk=0,
    open_tasks=0,
    asks_phq9=False,
    asks_gad7=False,
    waiting_replies=0,
    severe_tasks=0,
    changed_on=None,
)


def episode(**changes: Any) -> EpisodeFacts:
    return msgspec.structs.replace(EPISODE, **changes)


def phq9(day: int, total: int | None, item9: str = "0") -> ScoreFact:
    return ScoreFact("phq9", MONDAY_10 + timedelta(days=day), total, item9)  # type: ignore[arg-type]


def of(*scores: ScoreFact, **changes: Any) -> Any:
    return line(episode(**changes), scores, Told(), date(2026, 3, 2))


def test_the_first_complete_total_is_the_baseline_and_never_moves() -> None:
    found = of(phq9(0, None), phq9(14, 12), phq9(28, 21), phq9(42, 9))
    assert (found.phq9_first, found.phq9_last, found.phq9_series) == (12, 9, [12, 21, 9])
    assert found.phq9_last_at == MONDAY_10 + timedelta(days=42)


def test_an_incomplete_form_moves_no_total_and_shows_its_item_9() -> None:
    found = of(phq9(0, 12, "1"), phq9(14, None, "unknown"))
    assert (found.phq9_first, found.phq9_last, found.phq9_item9) == (12, 12, "unknown")


def test_a_complete_gad7_does_not_hide_an_incomplete_phq9_before_it() -> None:
    gad7 = ScoreFact("gad7", MONDAY_10 + timedelta(days=15), 4, "not_asked")
    scores = [phq9(0, 14), phq9(14, None, "unknown"), gad7]
    found = rule_facts(episode(asks_gad7=True), scores, Told())
    assert (found.phq9_incomplete_on, found.gad7_incomplete_on, found.planned) == (
        (MONDAY_10 + timedelta(days=14)).date(), None, ("gad7",),
    )  # fmt: skip


def test_without_a_complete_form_there_is_no_score() -> None:
    found = of(phq9(0, None, "declined"))
    assert (found.phq9_first, found.phq9_last, found.phq9_last_at, found.phq9_series) == (
        None,
        None,
        None,
        [],
    )
    assert found.phq9_item9 == "declined"


def test_the_series_holds_the_last_twelve() -> None:
    assert of(*(phq9(14 * n, n) for n in range(15))).phq9_series == list(range(3, 15))


def test_gad7_has_its_own_columns() -> None:
    found = of(phq9(0, 12), ScoreFact("gad7", MONDAY_10, 15, "not_asked"))
    assert (found.gad7_first, found.gad7_last, found.phq9_last, found.phq9_item9) == (15, 15, 12, "0")


@pytest.mark.parametrize(
    ("open_risk", "safety", "severe", "discuss", "rank"),
    [
        (1, False, False, False, 0),
        (0, True, False, False, 0),
        (0, False, True, False, 1),
        (0, False, False, True, 1),
        (0, False, False, False, 2),
    ],
)
def test_safety_comes_before_discuss_before_the_rest(
    open_risk: int, safety: bool, severe: bool, discuss: bool, rank: int
) -> None:
    assert sort_rank(open_risk, safety, severe, discuss) == rank


def test_a_contact_is_overdue_from_the_clinics_next_day() -> None:
    late_evening = datetime(2026, 3, 3, 7, 30, tzinfo=UTC)  # still Monday in Seattle
    assert overdue_since(episode(next_contact_at=late_evening)) == datetime(2026, 3, 3, 8, 0, tzinfo=UTC)


def test_the_clinic_may_wait_longer_before_a_contact_is_overdue() -> None:
    slow = episode(next_contact_at=MONDAY_10, settings={"overdue_after_days": 3})
    assert overdue_since(slow) == datetime(2026, 3, 5, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", ["on_hold", "inactive_disengaged", "ended"])
def test_nobody_is_late_while_care_is_paused(status: str) -> None:
    assert overdue_since(episode(status=status, next_contact_at=MONDAY_10)) == NEVER


def test_without_a_next_contact_nothing_is_overdue() -> None:
    assert overdue_since(episode()) == NEVER


def test_a_difference_names_its_column_alone() -> None:
    facts = of(phq9(0, 12))
    stored = msgspec.structs.asdict(facts) | {"phq9_last": 11}
    assert differences(stored, facts) == ["phq9_last"]


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (MONDAY_10, datetime(2026, 3, 3, 1, 0, tzinfo=UTC)),  # today at 17:00
        (datetime(2026, 3, 2, 10, 0, tzinfo=UTC), datetime(2026, 3, 3, 1, 0, tzinfo=UTC)),  # 02:00: today
        (FRIDAY_17, datetime(2026, 3, 10, 0, 0, tzinfo=UTC)),  # closed: Monday, after the clocks went forward
    ],
)
def test_the_same_day_ends_when_the_staff_who_can_act_go_home(now: datetime, due: datetime) -> None:
    assert same_day(now, SEATTLE) == due


def test_a_holiday_is_no_day_on_which_staff_can_act() -> None:
    closed = WorkingTime("America/Los_Angeles", holidays=frozenset({date(2026, 3, 2)}))
    assert same_day(MONDAY_10, closed) == datetime(2026, 3, 4, 1, 0, tzinfo=UTC)


def test_a_business_day_later_is_the_same_wall_clock_time() -> None:
    assert next_business_day(FRIDAY_16, SEATTLE) == datetime(2026, 3, 9, 23, 0, tzinfo=UTC)  # 16:00 PDT


def test_a_business_day_after_an_evening_ends_with_the_next_days_hours() -> None:
    monday_22 = datetime(2026, 3, 3, 6, 0, tzinfo=UTC)
    assert next_business_day(monday_22, SEATTLE) == datetime(2026, 3, 4, 1, 0, tzinfo=UTC)


def test_staffed_time_stands_still_overnight() -> None:
    assert after_staffed(FRIDAY_16, timedelta(hours=4), SEATTLE) == datetime(2026, 3, 9, 19, 0, tzinfo=UTC)


def test_staffed_time_stands_still_at_lunch() -> None:
    halves = (Shift(time(9), time(12)), Shift(time(13), time(17)))
    lunch = WorkingTime("America/Los_Angeles", (halves, *OFFICE_WEEK[1:]))
    assert after_staffed(MONDAY_10, timedelta(hours=4), lunch) == datetime(2026, 3, 2, 23, 0, tzinfo=UTC)


def test_a_clinic_that_is_never_staffed_still_has_clocks() -> None:
    never = WorkingTime("America/Los_Angeles", ((), (), (), (), (), (), ()))
    day, hours = timedelta(days=1), timedelta(hours=4)
    assert (same_day(MONDAY_10, never), next_business_day(MONDAY_10, never)) == (
        MONDAY_10 + day,
        MONDAY_10 + day,
    )
    assert after_staffed(MONDAY_10, hours, never) == MONDAY_10 + hours


def test_midnight_is_the_clinics() -> None:
    assert local_midnight_after(FRIDAY_16, 3, "America/Los_Angeles") == datetime(2026, 3, 9, 7, 0, tzinfo=UTC)


def test_every_kind_of_task_is_due_at_some_moment_not_before_it_was_opened() -> None:
    assert all(due_at(kind.due, MONDAY_10, SEATTLE) >= MONDAY_10 for kind in KINDS.values())


def test_a_safety_event_is_no_task_that_is_ticked_off() -> None:
    assert not KINDS["safety_event"].by_hand


def test_texts_from_patients_count_as_waiting_replies() -> None:
    assert {"inbound_text", "parked_text", "unknown_number", "late_answer"} <= set(REPLIES)
    assert not {"safety_event", "severe_score", "delivery_problem"} & set(REPLIES)
