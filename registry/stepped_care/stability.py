"""Whether the measures are stable enough for care to end because its goals are met. Pure.

Stable: below 5, or below 10 and halved, on two complete scores at least four weeks apart. ICSI calls it full remission
when two months have passed without major signs; the four weeks are the shorter bound of this programme.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from questionnaires.change import DEFINITIONS, target_met
from registry.flags.facts import LABELS, Facts, Measure, Score, day
from registry.flags.measures import targets
from registry.flags.thresholds import Thresholds

STABLE_APART: Final = timedelta(days=28)
NO_SCORE: Final = "There is no complete PHQ-9 or GAD-7."


class Stability(msgspec.Struct, frozen=True):
    """`sentence` says since when, or what is missing, measure by measure."""

    stable: bool
    sentence: str


def judge(facts: Facts, numbers: Thresholds) -> Stability:
    """Of every target measure. One without a total, or with a newer form that has none, is not known to be stable."""
    aims = targets(facts, numbers)
    if not aims:
        return Stability(False, NO_SCORE)
    found = [_judge(facts, measure, numbers) for measure in aims]
    return Stability(all(one.stable for one in found), " ".join(one.sentence for one in found))


def _judge(facts: Facts, measure: Measure, numbers: Thresholds) -> Stability:
    scores, label, unfinished = facts.scores(measure), LABELS[measure], facts.incomplete_on(measure)
    if unfinished is not None:
        return Stability(False, f"The newest {label}, of {day(unfinished)}, is not complete.")
    if not scores:
        return Stability(False, f"There is no complete {label}.")
    run = _run(scores, measure, numbers)
    last = scores[-1]
    if not run:
        return Stability(False, f"{label} was {last.total} on {day(last.on)}, outside the target.")
    within = f"{label} has stayed within the target from {day(run[-1].on)} to {day(run[0].on)}"
    if run[0].on - run[-1].on < STABLE_APART:
        return Stability(False, f"{within}: two scores at least {STABLE_APART.days} days apart are needed.")
    return Stability(True, f"{within}.")


def _run(scores: tuple[Score, ...], measure: Measure, numbers: Thresholds) -> list[Score]:
    """The newest totals without one outside the target between them, newest first."""
    run = []
    for score in reversed(scores):
        low = score.total < DEFINITIONS["remission"].numbers[measure]
        if not low and not target_met(scores[0].total, score.total, numbers.target_below):
            break
        run.append(score)
    return run
