"""Which question a visit shows: tables of what stands and what comes next."""

from __future__ import annotations

from uuid import UUID

import pytest

from messaging.links import rules
from messaging.links.rules import Asked, Part, Standing
from questionnaires import catalog

PHQ9, GAD7 = catalog.load("phq9", "en"), catalog.load("gad7", "en")
RUN = UUID(int=7)
MINE, ELSEWHERE, DECLINED = Standing(1, True), Standing(1, False), Standing(None, True)


def phq9(answers: dict[int, Standing], state: str = "open") -> Part:
    return Part(PHQ9, RUN, state, answers)  # type: ignore[arg-type]


def asked(*parts: Part) -> tuple[Asked, ...]:
    return rules.lay_out(parts)


def mine(*numbers: int, value: int = 1) -> dict[int, Standing]:
    return {number: Standing(value, True) for number in numbers}


@pytest.mark.parametrize(
    ("answers", "state", "next_item"),
    [
        ({}, "open", 1),
        (mine(1, 2, 3), "open", 4),
        ({1: ELSEWHERE, 2: MINE}, "open", 3),
        ({1: MINE, 2: DECLINED}, "open", 3),  # a skipped question is not asked again
        (mine(1, 3), "open", 2),
        (mine(*range(1, 10)), "completed", 10),  # a problem was reported: how difficult was it?
        (mine(*range(1, 10), value=0), "completed", None),
        (
            dict.fromkeys(range(1, 10), ELSEWHERE),
            "completed",
            None,
        ),  # answered by text: the items are not in view
        (mine(*range(1, 11)), "completed", None),
        (mine(1, 2), "closed_partial", None),
    ],
)
def test_the_first_unanswered_question_waits(
    answers: dict[int, Standing], state: str, next_item: int | None
) -> None:
    waiting = rules.waiting(asked(phq9(answers, state)))
    assert (None if waiting is None else waiting.item.number) == next_item


def test_an_answer_of_another_visit_is_never_shown() -> None:
    questions = asked(phq9({1: ELSEWHERE, 2: MINE}))
    assert rules.question(questions, 1) is None
    assert rules.question(questions, 2) is not None
    assert rules.question(questions, 3) is not None
    assert rules.question(questions, 4) is None


@pytest.mark.parametrize("number", [-1, 0, 11, 999])
def test_there_is_no_question_beyond_the_form(number: int) -> None:
    assert rules.question(asked(phq9({})), number) is None
    assert rules.may_be_posted(asked(phq9({})), number) is None


def test_an_answer_sent_while_the_text_was_faster_is_still_taken() -> None:
    questions = asked(phq9({1: ELSEWHERE}))
    assert rules.may_be_posted(questions, 1) is not None
    assert rules.may_be_posted(questions, 3) is None


@pytest.mark.parametrize(
    ("answers", "number", "back_to"),
    [
        (mine(1, 2), 3, 2),
        ({1: MINE, 2: ELSEWHERE}, 3, 1),
        ({1: ELSEWHERE}, 2, None),
        ({}, 1, None),
        ({1: DECLINED}, 2, 1),
    ],
)
def test_back_leads_to_this_visits_own_answers(
    answers: dict[int, Standing], number: int, back_to: int | None
) -> None:
    found = rules.before(asked(phq9(answers)), number)
    assert (None if found is None else found.number) == back_to


def test_back_never_reopens_a_form_that_was_filed() -> None:
    questions = asked(phq9(mine(*range(1, 11)), "completed"), Part(GAD7, RUN, "open", {}))
    found = rules.before(questions, 11)
    assert found is not None
    assert not found.item.scored  # the difficulty question may still be changed; the score may not


def test_next_after_a_correction_goes_through_what_was_answered() -> None:
    following = rules.after(asked(phq9(mine(1, 2, 3))), 1)
    assert following is not None
    assert following.number == 2


@pytest.mark.parametrize(
    ("answers", "number", "printed"),
    [
        ({}, 1, (1, 16)),
        (mine(*range(1, 9)), 9, (9, 16)),
        (mine(*range(1, 10)), 10, (10, 17)),
        (mine(*range(1, 11)), 11, (11, 17)),
        (mine(*range(1, 10), value=0), 11, (10, 16)),
    ],
)
def test_progress_counts_the_difficulty_question_only_where_it_is_asked(
    answers: dict[int, Standing], number: int, printed: tuple[int, int]
) -> None:
    questions = asked(phq9(answers), Part(GAD7, None, "open", {}))
    one = rules.at(questions, number)
    assert one is not None
    assert rules.progress(questions, one) == printed
