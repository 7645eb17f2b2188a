"""Steps that rules propose and people decide: up, down to relapse prevention, out of care, back after a relapse; and
what each change of treatment asks for. Nothing here changes a course of care by itself.

Steps: University of Washington, Collaborative Care in Oncology workflow (step up until response; on response the
relapse-prevention plan, then a score at least every two months; a relapse returns to treatment). Stable: ICSI, full
remission is two months without major signs; here below 5, or below 10 and halved, on two complete scores four weeks
apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from registry.flags.facts import Facts, Result, RuleId, day
from registry.flags.measures import MEASURES
from registry.flags.rules import IN_CARE
from registry.flags.thresholds import Thresholds
from registry.stepped_care import stability
from registry.treatment_changes.rules import OF_MEDICATION, ChangeKind

Kind = Literal["step_up", "step_down", "graduate", "relapse", "side_effects", "score"]
LABELS_OF: Final[dict[Kind, str]] = {
    "step_up": "Step up: take the case to the review",
    "step_down": "Step down to relapse prevention",
    "graduate": "Graduate: end the episode",
    "relapse": "Relapse: back to active treatment",
    "side_effects": "Contact about side effects",
    "score": "Score after the change",
}
SCORE_EARLY: Final = timedelta(days=7)  # a score this long before its day counts for it
YOUNG_BELOW: Final = 25
KEPT_FOR: Final = timedelta(days=84)  # what an older change asked for is history
# How often each measure is asked in a phase: GermanIMPACT, Trials 2014;15:351 (2-weekly, 4-weekly after remission).
RHYTHM: Final[dict[str, int]] = {"active": 14, "relapse_prevention": 28}


class Change(msgspec.Struct, frozen=True):
    """A treatment change that was not withdrawn. `key` is its id as text."""

    key: str
    on: date
    kind: ChangeKind
    new_antidepressant: bool


class Course(msgspec.Struct, frozen=True):
    """What the steps look at besides the registry's facts. `age` at the change is worked out from `born`.
    `reached_on`: days on which somebody was reached. `relapse_plan`: a plan against relapse is written."""

    facts: Facts
    results: tuple[Result, ...]
    born: date | None = None
    changes: tuple[Change, ...] = ()
    reached_on: tuple[date, ...] = ()
    relapse_plan: bool = False


class Proposal(msgspec.Struct, frozen=True):
    """`occasion` names what gave rise to it. To be done from `from_on`, at the latest on `due_on`."""

    kind: Kind
    occasion: str
    rule: str
    version: str
    sentence: str
    from_on: date
    due_on: date
    inputs: dict[str, int | str | None]


def propose(course: Course, numbers: Thresholds, today: date) -> tuple[Proposal, ...]:
    """What holds today, each with its occasion; a decided occasion is the caller's to leave out."""
    if course.facts.status not in IN_CARE:
        return ()
    return (*_steps(course, numbers, today), *_after_changes(course, numbers, today))


def _steps(course: Course, numbers: Thresholds, today: date) -> Iterator[Proposal]:
    met = {result.rule: result for result in course.results if result.outcome == "met"}
    if course.facts.status == "active":
        up: tuple[RuleId, ...] = ("R-WORSE", "R-STALL-A", "R-STALL-B")
        causes = [met[rule] for rule in up if rule in met]
        if causes:
            yield _step("step_up", "S-UP", course, causes, today)
        if "R-RESP" in met:
            yield _step("step_down", "S-DOWN", course, [met["R-RESP"]], today)
        return
    if "R-RELAPSE" in met:
        yield _step("relapse", "S-RELAPSE", course, [met["R-RELAPSE"]], today)
    elif course.relapse_plan:
        found = stability.judge(course.facts, numbers)
        if found.stable:
            inputs: dict[str, int | str | None] = {"relapse_plan": "written"}
            occasion = f"graduate:{_last_score(course.facts)}"
            yield Proposal("graduate", occasion, "S-GRADUATE", "2", found.sentence, today, today, inputs)


def _step(kind: Kind, rule: str, course: Course, causes: Iterable[Result], today: date) -> Proposal:
    """The occasion is the newest score: the same score never asks twice."""
    found = list(causes)
    words = " ".join(result.sentence for result in found)
    inputs: dict[str, int | str | None] = {"because": ", ".join(result.rule for result in found)}
    occasion = f"{kind}:{_last_score(course.facts)}"
    return Proposal(kind, occasion, rule, "1", words, today, today, inputs)


def _after_changes(course: Course, numbers: Thresholds, today: date) -> Iterator[Proposal]:
    for change in course.changes:
        if today - change.on > KEPT_FOR:
            continue
        if change.kind in OF_MEDICATION:
            yield from _contact(course, change, numbers)
        yield from _score(course, change, numbers)


def _contact(course: Course, change: Change, numbers: Thresholds) -> Iterator[Proposal]:
    """Side effects show in the first two weeks; people under 25 on a new antidepressant are seen sooner, as its
    labelling asks for close watch at the start. Anybody reached after the change settles it."""
    if any(on > change.on for on in course.reached_on):
        return
    young = (
        change.new_antidepressant and course.born is not None and _age(course.born, change.on) < YOUNG_BELOW
    )
    within = numbers.change_contact_young_days if young else numbers.change_contact_days
    due = change.on + timedelta(days=within)
    first = min(change.on + timedelta(days=7), due)
    who = "Under 25 on a new antidepressant: contact" if young else "Contact about side effects"
    words = f"{who} by {day(due)}, after the change of {day(change.on)}."
    inputs: dict[str, int | str | None] = {"changed_on": change.on.isoformat(), "within_days": within}
    yield Proposal("side_effects", f"side_effects:{change.key}", "S-CONTACT", "1", words, first, due, inputs)


def _score(course: Course, change: Change, numbers: Thresholds) -> Iterator[Proposal]:
    """A complete score from a week before its day on settles it."""
    due = change.on + timedelta(days=numbers.change_score_days)
    enough = due - SCORE_EARLY
    if any(score.on >= enough for measure in MEASURES for score in course.facts.scores(measure)):
        return
    words = f"A complete score about {day(due)}, {numbers.change_score_days} days after the change of {day(change.on)}."
    inputs: dict[str, int | str | None] = {
        "changed_on": change.on.isoformat(),
        "after_days": numbers.change_score_days,
    }
    yield Proposal("score", f"score:{change.key}", "S-SCORE", "1", words, enough, due, inputs)


def _last_score(facts: Facts) -> str:
    days = [scores[-1].on for scores in (facts.phq9, facts.gad7) if scores]
    return max(days).isoformat() if days else "none"


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
