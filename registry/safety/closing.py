"""What must have been done before an event may end, so that no outcome stands there which nothing supports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

import msgspec

from kernel.errors import Problem
from registry.safety.rules import Decision, Disposition, SafetyStep


class Done(msgspec.Struct, frozen=True):
    """What the event's history shows. `decided`: a clinician decided for or against; `ordered`: for it."""

    assessed: bool = False
    attempts: int = 0
    steps: frozenset[SafetyStep] = frozenset()
    decided: frozenset[Decision] = frozenset()
    ordered: frozenset[Decision] = frozenset()


def done_by(actions: Iterable[Any]) -> Done:
    """From lines with `kind` and `detail`, oldest first; the last decision about a thing counts."""
    assessed, attempts = False, 0
    steps: set[SafetyStep] = set()
    last: dict[Decision, bool] = {}
    for action in actions:
        match action.kind:
            case "assessment":
                assessed = True
            case "attempt":
                attempts += 1
            case "step":
                steps.add(action.detail["step"])
            case "decision":
                last[action.detail["about"]] = action.detail["go"] == "yes"
            case _:
                pass
    ordered = frozenset(about for about, go in last.items() if go)
    return Done(assessed, attempts, frozenset(steps), frozenset(last), ordered)


def missing_for(
    tier: int, disposition: Disposition, done: Done, *, is_drill: bool, closer_is_consultant: bool
) -> tuple[Problem, ...]:
    """What is not yet in the record, each at the field `disposition`. Tiers 2 and 3: the psychiatric consultant has
    been informed, unless the event is a drill or about somebody else."""
    if is_drill:
        return ()
    found = [] if (words := _unsupported(disposition, done)) is None else [words]
    informed = closer_is_consultant or "consultant_informed" in done.steps
    if tier >= 2 and not informed and disposition != "not_about_this_patient":
        found.append("needs a step that says the consultant was informed, in tiers 2 and 3")
    return tuple(Problem("disposition", text) for text in found)


def _unsupported(disposition: Disposition, done: Done) -> str | None:
    match disposition:
        case "assessed_plan_made" if not done.assessed:
            return "needs an assessment in the record"
        case "welfare_check" if "welfare_check" not in done.ordered:
            return "needs a clinician's decision for a welfare check"
        case "unreachable_followed_policy" if not done.attempts:
            return "needs at least one attempt in the record"
        case "unreachable_followed_policy" if "welfare_check" not in done.decided:
            return "needs a clinician's decision for or against a welfare check"
        case "drill":
            return "is for drills alone"
        case (
            "assessed_plan_made"
            | "welfare_check"
            | "unreachable_followed_policy"
            | "urgent_visit"
            | "crisis_team"
            | "emergency_department"
            | "not_about_this_patient"
        ):
            return None
        case _:
            assert_never(disposition)
