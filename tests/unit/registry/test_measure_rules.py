"""What an answer sets off, and what staff may enter."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from questionnaires import catalog
from registry.measures.rules import (
    LONGEST_FORM,
    AnswerFacts,
    TotalForm,
    alarm,
    answer_problem,
    channel_of,
    date_problem,
    item_problems,
    outcome,
    reason_problem,
    rose,
    total_problems,
)

PHQ9 = catalog.load("phq9", "en")
GAD7 = catalog.load("gad7", "en")
NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def answer(item_no: int, value: int | None, at: datetime = NOW, channel: str = "sms") -> AnswerFacts:
    return AnswerFacts(UUID(int=item_no), item_no, 1, value, channel, at)  # type: ignore[arg-type]


def total(
    value: int, item9: int | None = None, *, declined: bool = False, instrument: str = "phq9"
) -> TotalForm:
    return TotalForm(UUID(int=1), instrument, value, TODAY, "ehr", item9=item9, item9_declined=declined)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, None), (1, ("item9", 1)), (2, ("item9", 2)), (3, ("item9", 2)), (None, ("item9_declined", 1))],
)
def test_every_answer_to_item_9_but_not_at_all_alarms(
    value: int | None, expected: tuple[str, int] | None
) -> None:
    assert alarm(value) == expected


@pytest.mark.parametrize(
    ("before", "now", "higher"),
    [
        ("0", 1, True),
        ("2", 2, False),
        ("3", 1, False),
        (None, 3, False),
        ("unknown", 3, False),
        ("1", None, False),
    ],
)
def test_a_rise_needs_two_answers(before: str | None, now: int | None, higher: bool) -> None:
    assert rose(before, now) is higher


def test_a_missing_item_leaves_no_total() -> None:
    found = outcome(PHQ9, [answer(n, 1) for n in range(1, 9)])
    assert (found.score.total, found.score.is_complete, found.score.n_answered) == (None, False, 8)
    assert found.item9 == "unknown"


def test_a_declined_item_9_is_its_own_state() -> None:
    found = outcome(PHQ9, [*(answer(n, 1) for n in range(1, 9)), answer(9, None)])
    assert (found.score.total, found.item9) == (None, "declined")


def test_answers_more_than_a_week_apart_are_not_one_form() -> None:
    early = [answer(n, 1) for n in range(1, 9)]
    assert outcome(PHQ9, [*early, answer(9, 0, NOW + LONGEST_FORM)]).score.total == 8
    late = outcome(PHQ9, [*early, answer(9, 0, NOW + LONGEST_FORM + timedelta(seconds=1))])
    assert (late.score.total, late.score.band, late.score.is_complete, late.item9) == (None, None, False, "0")


def test_a_form_answered_on_two_channels_says_so() -> None:
    assert channel_of([answer(1, 0), answer(2, 0, channel="portal")]) == "mixed"
    assert channel_of([answer(1, 0), answer(2, 0)]) == "sms"


@pytest.mark.parametrize(
    ("item_no", "value", "field"),
    [(9, 4, "item_9"), (11, 0, "item_11"), (1, -1, "item_1"), (1, True, "item_1")],
)
def test_a_wrong_answer_is_refused_by_its_item(item_no: int, value: int, field: str) -> None:
    problem = answer_problem(PHQ9, item_no, value)
    assert problem is not None
    assert problem.field == field


@pytest.mark.parametrize("value", [0, 3, None])
def test_an_offered_answer_and_a_decline_are_accepted(value: int | None) -> None:
    assert answer_problem(PHQ9, 9, value) is None


def test_every_wrong_item_is_named_at_once() -> None:
    found = item_problems(PHQ9, {1: 5, 2: 1, 9: 7, 12: 0}, {2})
    assert [problem.field for problem in found] == ["item_1", "item_9", "item_12", "item_2"]


@pytest.mark.parametrize("answers", [{}, {1: None, 9: None}, {10: 2}])
def test_a_form_without_a_scored_answer_is_refused(answers: dict[int, int | None]) -> None:
    assert [problem.field for problem in item_problems(PHQ9, answers, frozenset())] == ["answers"]


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        (total(0), []),
        (total(27, 3), []),
        (total(28), ["total"]),
        (total(-1), ["total"]),
        (total(1, 2), ["total"]),  # the total can't be below its own item 9
        (total(26, 1), ["total"]),  # nor leave more than 24 for the other eight
        (total(5, 4), ["item9"]),
        (total(5, 1, declined=True), ["item9"]),
    ],
)
def test_a_total_must_be_possible(form: TotalForm, fields: list[str]) -> None:
    assert [problem.field for problem in total_problems(PHQ9, form)] == fields


def test_gad7_has_no_item_9() -> None:
    assert [problem.field for problem in total_problems(GAD7, total(5, 1, instrument="gad7"))] == ["item9"]
    assert total_problems(GAD7, total(21, instrument="gad7")) == []


@pytest.mark.parametrize(
    ("day", "fits"),
    [
        (TODAY, True),
        (TODAY + timedelta(days=1), False),
        (date(1999, 12, 31), False),
        (date(2000, 1, 1), True),
    ],
)
def test_a_form_was_taken_on_a_day_that_has_been(day: date, fits: bool) -> None:
    assert (date_problem(day, TODAY) is None) is fits


@pytest.mark.parametrize(("reason", "fits"), [("typing error", True), ("  ", False), ("x" * 501, False)])
def test_a_correction_needs_a_reason(reason: str, fits: bool) -> None:
    assert (reason_problem(reason) is None) is fits
