"""Which steps are proposed, on which day, and what settles them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from registry.flags.facts import Facts, Score
from registry.flags.rules import evaluate
from registry.flags.thresholds import Thresholds
from registry.stepped_care.rules import Change, Course, Proposal, propose

TODAY = date(2026, 3, 2)
NUMBERS = Thresholds()


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def scores(*pairs: tuple[int, int]) -> tuple[Score, ...]:
    return tuple(Score(ago(days), total) for days, total in pairs)


def proposed(facts: Facts | None = None, today: date = TODAY, **changes: Any) -> list[Proposal]:
    given = facts or Facts(
        status="active", enrolled_on=ago(60), phq9=scores((60, 16), (3, 12)), last_review_on=ago(3)
    )
    course = Course(facts=given, results=evaluate(given, NUMBERS, today), **changes)
    return list(propose(course, NUMBERS, today))


def kinds(*args: Any, **changes: Any) -> list[str]:
    return [proposal.kind for proposal in proposed(*args, **changes)]


def active(*pairs: tuple[int, int], status: str = "active") -> Facts:
    return Facts(status=status, enrolled_on=ago(100), phq9=scores(*pairs))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (active((90, 16), (3, 12)), ["step_up"]),  # stalled
        (active((90, 12), (30, 6), (3, 13)), ["step_up"]),  # worse
        (active((90, 16), (3, 8)), ["step_down"]),
        (active((90, 16), (3, 9)), []),
        (active((90, 16), (3, 11), status="relapse_prevention"), ["relapse"]),
        (active((90, 16), (3, 8), status="relapse_prevention"), []),
        (active((90, 16), (3, 12), status="on_hold"), []),
        (active((90, 16), (3, 8), status="ended"), []),
    ],
)
def test_a_step_follows_from_the_rules_of_the_phase(facts: Facts, expected: list[str]) -> None:
    assert kinds(facts) == expected


@pytest.mark.parametrize(
    ("run", "plan", "graduates"),
    [
        (((60, 16), (30, 4), (2, 4)), True, True),  # 28 days apart
        (((60, 16), (29, 4), (2, 4)), True, False),  # 27 days
        (((60, 16), (30, 8), (2, 7)), True, True),  # below 10 and halved
        (((60, 16), (30, 9), (2, 7)), True, False),  # 9 is not half of 16
        (((90, 16), (60, 4), (30, 12), (2, 4)), True, False),  # a run that was broken
        (((60, 16), (2, 4)), True, False),  # one score
        (((60, 16), (30, 4), (2, 4)), False, False),  # no plan against relapse yet
    ],
)
def test_graduation_needs_two_stable_scores_four_weeks_apart_and_the_plan(
    run: tuple[tuple[int, int], ...], plan: bool, graduates: bool
) -> None:
    facts = active(*run, status="relapse_prevention")
    assert ("graduate" in kinds(facts, relapse_plan=plan)) == graduates


def change(days: int, kind: Any = "medication_started", new: bool = False) -> Change:
    return Change("c1", ago(days), kind, new)


@pytest.mark.parametrize(
    ("new", "born", "due_after"),
    [
        (False, date(2005, 1, 1), 14),
        (True, date(1980, 1, 1), 14),
        (True, None, 14),
        (True, date(2001, 3, 2), 7),  # turns 25 the day after: still 24 at the change
        (True, date(2001, 3, 1), 14),  # 25 that day
        (True, date(2005, 1, 1), 7),
    ],
)
def test_a_contact_is_due_two_weeks_after_a_change_and_sooner_under_25(
    new: bool, born: date | None, due_after: int
) -> None:
    on = date(2026, 3, 1)
    found = [
        p
        for p in proposed(changes=(Change("c1", on, "medication_started", new),), born=born)
        if p.kind == "side_effects"
    ]
    assert [(p.from_on, p.due_on) for p in found] == [
        (on + timedelta(days=7), on + timedelta(days=due_after))
    ]


@pytest.mark.parametrize(
    ("reached", "asked"), [((), True), ((10,), True), ((9,), False), ((1,), False), ((20,), True)]
)
def test_somebody_reached_after_the_change_settles_the_contact(reached: tuple[int, ...], asked: bool) -> None:
    found = kinds(changes=(change(10),), reached_on=tuple(ago(days) for days in reached))
    assert ("side_effects" in found) == asked


def test_a_change_of_therapy_asks_for_a_score_and_no_contact_about_side_effects() -> None:
    found = kinds(changes=(change(10, "therapy_started"),))
    assert "score" in found
    assert "side_effects" not in found


@pytest.mark.parametrize(
    ("changed", "scored", "asked"),
    [(30, 10, True), (30, 9, False), (30, 2, False), (30, 29, True), (84, 70, True), (85, 70, False)],
)
def test_a_score_from_a_week_before_its_day_settles_it(changed: int, scored: int, asked: bool) -> None:
    facts = active((100, 16), (scored, 9))
    found = [p for p in proposed(facts, changes=(change(changed),)) if p.kind == "score"]
    assert bool(found) == asked
    if found:
        assert found[0].due_on == ago(changed) + timedelta(days=28)


def test_the_same_score_asks_once_and_a_new_one_again() -> None:
    first = proposed(active((90, 16), (3, 12)))[0]
    later = proposed(active((90, 16), (3, 12)), today=TODAY + timedelta(days=5))[0]
    newer = proposed(active((90, 16), (3, 12), (1, 13)))[0]
    assert first.occasion == later.occasion
    assert first.occasion != newer.occasion
    assert msgspec.structs.asdict(first)["rule"] == "S-UP"
