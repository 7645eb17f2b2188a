"""Rules about scores: severe, worse, relapse, stalled, responding. Each is judged per measure and then put together:
met when any measure meets it (response: all of them), unknown when one can't be judged: a planned measure without a
total, or one whose newest form has none, never reads as fine on what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

from questionnaires.change import DEFINITIONS, evaluate, mhip_improved
from registry.flags.facts import LABELS, Facts, Measure, Outcome, Result, RuleId, Score, day
from registry.flags.thresholds import Thresholds

VERSION: Final = "2"  # 1 judged a measure without a total, or with a newer form that has none, by the others
RULES: Final[frozenset[RuleId]] = frozenset(
    {"R-SEVERE", "R-WORSE", "R-RELAPSE", "R-STALL-A", "R-STALL-B", "R-NOSCORE", "R-RESP"}
)
REMISSION: Final = DEFINITIONS["remission"].numbers
MEASURES: Final[tuple[Measure, ...]] = ("phq9", "gad7")
Judged = tuple[Outcome, str, dict[str, int | str | None]]
_NO_SCORE: Final = "There is no complete PHQ-9 or GAD-7: this can't be judged."


def watched(facts: Facts) -> tuple[Measure, ...]:
    """Measures that the plan asks or that were answered, complete or not."""
    return tuple(
        measure
        for measure in MEASURES
        if measure in facts.planned or facts.scores(measure) or facts.incomplete_on(measure) is not None
    )


def targets(facts: Facts, numbers: Thresholds) -> tuple[Measure, ...]:
    """Measures that began at the target or above; when none did, every one that was taken. One without a total
    might have begun high."""
    taken = [measure for measure in watched(facts) if facts.scores(measure)]
    aims = [m for m in taken if facts.scores(m)[0].total >= numbers.target_below] or taken
    return tuple(measure for measure in watched(facts) if measure in aims or measure not in taken)


def severe(facts: Facts, numbers: Thresholds, today: date) -> Result:
    """The last total. PHQ-9 20 and GAD-7 15 begin the severe bands (Kroenke 2001, Spitzer 2006)."""

    def judge(measure: Measure) -> Judged:
        limit = numbers.severe_phq9 if measure == "phq9" else numbers.severe_gad7
        last = facts.scores(measure)[-1]
        met = last.total >= limit
        said = f"{LABELS[measure]} was {last.total} on {day(last.on)}: {limit} or more is severe."
        calm = f"{LABELS[measure]} was {last.total} on {day(last.on)}, below {limit}."
        return _newest(facts, measure, _judged(met, said, calm, last=last.total, limit=limit))

    return _any("R-SEVERE", facts, watched(facts), judge)


def worse(facts: Facts, numbers: Thresholds, today: date) -> Result:
    """A rise from the best earlier total, which includes a rise from the previous one."""

    def judge(measure: Measure) -> Judged:
        limit = numbers.worse_phq9 if measure == "phq9" else numbers.worse_gad7
        scores = facts.scores(measure)
        if len(scores) < 2:
            return "unknown", f"There is one complete {LABELS[measure]}: nothing to compare it with.", {}
        best, last = _best(scores), scores[-1]
        rise = last.total - best.total
        words = f"{LABELS[measure]} went from {best.total} ({day(best.on)}) to {last.total} ({day(last.on)})"
        judged = _judged(
            rise >= limit, f"{words}: a rise of {limit} points or more.", f"{words}.",
            best=best.total, last=last.total, limit=limit,
        )  # fmt: skip
        return _newest(facts, measure, judged)

    return _any("R-WORSE", facts, watched(facts), judge)


def relapse(facts: Facts, numbers: Thresholds, today: date) -> Result:
    """In relapse prevention alone."""
    if facts.status != "relapse_prevention":
        return Result("R-RELAPSE", VERSION, "not_applicable", "The patient is not in relapse prevention.")

    def judge(measure: Measure) -> Judged:
        limit = numbers.relapse_rise_phq9 if measure == "phq9" else numbers.relapse_rise_gad7
        scores = facts.scores(measure)
        last, best = scores[-1], _best(scores)
        rise = last.total - best.total if len(scores) > 1 else 0
        met = last.total >= numbers.relapse_from or rise >= limit
        words = f"In relapse prevention, {LABELS[measure]} was {last.total} on {day(last.on)}"
        said = f"{words}: {numbers.relapse_from} or more, or {limit} points above the best of {best.total}."
        judged = _judged(
            met, said, f"{words}.",
            best=best.total, last=last.total, at=numbers.relapse_from, limit=limit,
        )  # fmt: skip
        return _newest(facts, measure, judged)

    return _any("R-RELAPSE", facts, watched(facts), judge)


def stall_a(facts: Facts, numbers: Thresholds, today: date) -> Result:
    """Too small a drop since the baseline or the last change of treatment, whichever is later. A total in the range
    of remission (below 5) is no stall: it can't fall by that much."""

    def judge(measure: Measure) -> Judged:
        limit = numbers.stall_a_drop_phq9 if measure == "phq9" else numbers.stall_a_drop_gad7
        scores, label = facts.scores(measure), LABELS[measure]
        anchor, start, what = _anchor(facts, scores)
        days = (today - anchor).days
        since = f"{what} on {day(anchor)}"
        inputs: dict[str, int | str | None] = {"since": anchor.isoformat(), "days": days, "limit": limit}
        if days < numbers.stall_a_days:
            return "not_met", f"{days} days since {since}: judged from day {numbers.stall_a_days}.", inputs
        last = scores[-1]
        if start is None or last.on <= anchor or last is start:
            lacks = "before" if start is None else "since"
            return "unknown", f"There is no complete {label} {lacks} {since}.", inputs
        inputs |= {"first": start.total, "last": last.total}
        if last.total < REMISSION[measure]:
            calm = f"{label} is {last.total}, in the range of remission."
            return _newest(facts, measure, ("not_met", calm, inputs))
        words = f"{label} went from {start.total} to {last.total} in {days} days since {since}"
        if start.total - last.total < limit:
            return "met", f"{words}: a drop of less than {limit} points.", inputs
        return _newest(facts, measure, ("not_met", f"{words}.", inputs))

    return _any("R-STALL-A", facts, targets(facts, numbers), judge)


def stall_b(facts: Facts, numbers: Thresholds, today: date) -> Result:
    """Not improved at 8 weeks: neither below 10 nor at least 50% lower (Bao 2016, Sowa 2018)."""
    enrolled = facts.enrolled_on or today
    days = (today - enrolled).days
    if days < numbers.stall_b_days:
        early = f"{days} days in care: judged from day {numbers.stall_b_days}."
        return Result("R-STALL-B", VERSION, "not_met", early, {"days": days})

    def judge(measure: Measure) -> Judged:
        scores, label, below = facts.scores(measure), LABELS[measure], numbers.target_below
        if len(scores) < 2:
            return "unknown", f"There is no complete {label} after the first one.", {"days": days}
        first, last = scores[0], scores[-1]
        words = f"{label} went from {first.total} to {last.total} in {days // 7} weeks"
        judged = _judged(
            not mhip_improved(first.total, last.total, below),
            f"{words}: neither below {below} nor halved.", f"{words}.",
            days=days, first=first.total, last=last.total, below=below,
        )  # fmt: skip
        return _newest(facts, measure, judged)

    return _any("R-STALL-B", facts, targets(facts, numbers), judge)


def response(facts: Facts, numbers: Thresholds, today: date) -> Result:
    """Below 10 and at least 50% lower on every target measure (University of Washington)."""
    if facts.status != "active":
        return Result("R-RESP", VERSION, "not_applicable", "Judged in active treatment.")
    aims = targets(facts, numbers)
    if not aims:
        return Result("R-RESP", VERSION, "unknown", _NO_SCORE)
    found = [_response(facts, measure, numbers) for measure in aims]
    inputs: dict[str, int | str | None] = {"below": numbers.target_below}
    for _, _, more in found:
        inputs |= more
    outcomes = {outcome for outcome, _, _ in found}
    outcome: Outcome = "unknown" if "unknown" in outcomes else "not_met" if "not_met" in outcomes else "met"
    return Result("R-RESP", VERSION, outcome, " ".join(sentence for _, sentence, _ in found), inputs)


def _response(facts: Facts, measure: Measure, numbers: Thresholds) -> Judged:
    scores = facts.scores(measure)
    if not scores:
        return _missing(facts, measure)
    asked = DEFINITIONS["target_met"].with_number(measure, numbers.target_below)
    change = evaluate(asked, measure, scores[0].total, scores[-1].total)
    inputs: dict[str, int | str | None] = {
        f"{measure}_first": change.inputs["first"],
        f"{measure}_last": change.inputs["last"],
    }
    outcome: Outcome = "unknown" if change.met is None else "met" if change.met else "not_met"
    newer = _newer(facts, measure)
    return ("unknown", f"{change.sentence} {newer}", inputs) if newer else (outcome, change.sentence, inputs)


def no_score(facts: Facts, numbers: Thresholds, today: date) -> Result:
    """Every planned measure and every target, from enrolment at the earliest; a form without a total does not
    count."""
    in_rp = facts.status == "relapse_prevention"
    limit = numbers.no_score_rp_days if in_rp else numbers.no_score_days
    enrolled = facts.enrolled_on or today

    def judge(measure: Measure) -> Judged:
        scores = facts.scores(measure)
        since = max(enrolled, scores[-1].on) if scores else enrolled
        days = (today - since).days
        words = f"No complete {LABELS[measure]} for {days} days{_incomplete(facts, measure)}."
        last = scores[-1].on.isoformat() if scores else None
        calm = f"The last complete {LABELS[measure]} counts until day {limit}; this is day {days}."
        if not scores:
            calm = f"No complete {LABELS[measure]} yet; this is day {days} of {limit}."
        return _judged(days >= limit, words, calm, days=days, limit=limit, last_on=last)

    aims = targets(facts, numbers)
    asked = tuple(measure for measure in MEASURES if measure in aims or measure in facts.planned)
    return _combined("R-NOSCORE", [judge(measure) for measure in asked or MEASURES[:1]])


def _anchor(facts: Facts, scores: tuple[Score, ...]) -> tuple[date, Score | None, str]:
    """(the day counted from, the total that stood then, what that day was)."""
    first = scores[0]
    if facts.changed_on is None or facts.changed_on <= first.on:
        return first.on, first, "the first score"
    before = [score for score in scores if score.on <= facts.changed_on]
    return facts.changed_on, before[-1] if before else None, "the last treatment change"


def _best(scores: tuple[Score, ...]) -> Score:
    """The lowest total before the last one, the newest of equals; of a single total that one."""
    return min(reversed(scores[:-1] or scores), key=lambda score: score.total)


def _judged(met: bool, said: str, calm: str, **inputs: int | str | None) -> Judged:
    return ("met", said, inputs) if met else ("not_met", calm, inputs)


def _newest(facts: Facts, measure: Measure, judged: Judged) -> Judged:
    """A total that is no cause for concern says nothing about a newer form without one."""
    outcome, sentence, inputs = judged
    newer = _newer(facts, measure)
    if outcome != "not_met" or not newer:
        return judged
    return "unknown", f"{sentence} {newer}", inputs


def _newer(facts: Facts, measure: Measure) -> str:
    on = facts.incomplete_on(measure)
    return "" if on is None else f"The newer {LABELS[measure]} of {day(on)} was not complete."


def _missing(facts: Facts, measure: Measure) -> Judged:
    return "unknown", f"There is no complete {LABELS[measure]}{_incomplete(facts, measure)}.", {}


def _any(
    rule: RuleId, facts: Facts, measures: tuple[Measure, ...], judge: Callable[[Measure], Judged]
) -> Result:
    if not measures:
        return Result(rule, VERSION, "unknown", _NO_SCORE)
    return _combined(rule, [judge(one) if facts.scores(one) else _missing(facts, one) for one in measures])


def _combined(rule: RuleId, found: Iterable[Judged]) -> Result:
    parts = list(found)
    for wanted in ("met", "unknown", "not_met"):
        chosen = [part for part in parts if part[0] == wanted]
        if chosen:
            inputs: dict[str, int | str | None] = {}
            for _, _, more in chosen:
                inputs = {**more, **inputs}
            return Result(rule, VERSION, chosen[0][0], " ".join(part[1] for part in chosen), inputs)
    raise AssertionError("a rule judges at least one measure")


def _incomplete(facts: Facts, measure: Measure) -> str:
    on = facts.incomplete_on(measure)
    return "" if on is None else f" (the form of {day(on)} was not complete)"
