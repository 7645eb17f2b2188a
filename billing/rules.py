"""From a month's whole minutes to code lines, with every rule passed or failed in words.

Midpoint bands: BCBS North Dakota NDRP-GC-017 and BCBS Texas Medicaid, 31 May 2022 (36-85 and 31-75); half
hours past the base: Premera, Billing for time, 7 November 2019 (a unit is attained when its midpoint is
passed). Whole units: AAFP FPM, CPT midpoint rule, 25 October 2019. General integration takes its full
minimum (AAFP, Behavioral health integration coding).
"""

from typing import Final, Literal, NamedTuple, assert_never

import msgspec

from billing.month_types import (
    History,
    MonthType,
    MonthTypeDecision,
    Override,
    PreviousEpisode,
    month_type,
)
from billing.rule_sets import RuleSet

__all__ = [
    "History",
    "Line",
    "LineWarning",
    "Lines",
    "MonthType",
    "MonthTypeDecision",
    "Override",
    "PreviousEpisode",
    "Step",
    "addon_for",
    "lines_for",
    "minutes_needed",
    "month_type",
    "text_of",
]

_UNIT: Final = 30  # minutes of one additional unit
_ADDONS: Final[dict[MonthType, str]] = {"initial": "G0568", "subsequent": "G0569", "general": "G0570"}


class Line(msgspec.Struct, frozen=True):
    code: str
    units: int

    def __str__(self) -> str:
        return f"{self.code}x{self.units}"


class Step(msgspec.Struct, frozen=True):
    """One rule as it was applied; `passed` None means that an earlier rule made it unnecessary. `rule_id` names it
    with its rule set and version (`cpt_midpoint@1/99494`)."""

    rule: str
    passed: bool | None
    words: str
    rule_id: str = ""


class LineWarning(msgspec.Struct, frozen=True):
    code: Literal["over_max_99494_units", "g2214_minimum_contested"]
    words: str


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """`next_at` and `minutes_to_next` name the minutes at which the lines next change and `next_line` the
    line that then appears or grows; all three are None when no further minute changes anything."""

    month_type: MonthType
    minutes: int
    lines: tuple[Line, ...]
    minutes_to_next: int | None
    next_at: int | None
    next_line: str | None
    rule_id: str
    warnings: tuple[LineWarning, ...]
    steps: tuple[Step, ...]
    reason_text: str

    @property
    def text(self) -> str:
        return text_of(self.lines)


class _Terms(NamedTuple):
    """A month type under a rule set. `need` is the minimum of the base line, `step` of an additional unit."""

    code: str
    base: int
    need: int
    step: int
    where: str


def lines_for(month_type: MonthType, minutes: int, rule_set: RuleSet) -> Lines:
    """Lines for one month's minutes, floored once by the caller. Raises ValueError for negative minutes."""
    if minutes < 0:
        raise ValueError("minutes: must not be negative")
    terms = _terms(month_type, rule_set)
    lines = _decide(month_type, minutes, terms, rule_set)
    steps = _steps(month_type, minutes, lines, terms, rule_set)
    next_at, next_line = _next(month_type, minutes, lines, terms, rule_set)
    return Lines(
        month_type=month_type,
        minutes=minutes,
        lines=lines,
        minutes_to_next=None if next_at is None else next_at - minutes,
        next_at=next_at,
        next_line=next_line,
        rule_id=rule_set.rule_id,
        warnings=_warnings(month_type, minutes, lines, terms, rule_set),
        steps=steps,
        reason_text=" ".join(step.words for step in steps if step.passed is not None),
    )


def text_of(lines: tuple[Line, ...]) -> str:
    """`99492x1;99494x2`, or `none`."""
    return ";".join(str(line) for line in lines) or "none"


def minutes_needed(month_type: MonthType, code: str, rule_set: RuleSet) -> int:
    """Whole minutes at which a month's main line is reached; for 99494 those of its first unit."""
    if code == "G2214":
        return rule_set.g2214_min
    terms = _terms(month_type, rule_set)
    return terms.base + terms.step if code == "99494" else terms.need


def _terms(month_type: MonthType, rule_set: RuleSet) -> _Terms:
    midpoint = rule_set.time_rule == "cpt_midpoint"
    step = 16 if midpoint else _UNIT
    if rule_set.month_code is not None and month_type != "general":
        return _wrapped(month_type, rule_set.month_code, rule_set)
    match month_type:
        case "initial":
            return _Terms("99492", 70, 36 if midpoint else 70, step, "in a first month")
        case "subsequent":
            return _Terms("99493", 60, 31 if midpoint else 60, step, "in a later month")
        case "general":
            return _Terms("99484", rule_set.min_99484, rule_set.min_99484, step, "in a month")
        case _:
            assert_never(month_type)


def _wrapped(month_type: MonthType, code: str, rule_set: RuleSet) -> _Terms:
    """One code for the whole month, at its full time (APA, Get paid in integrated care: 70 and 60 minutes)."""
    first = month_type == "initial"
    need = rule_set.g0512_first_min if first else 60
    return _Terms(code, need, need, _UNIT, "in a first month" if first else "in a later month")


def addon_for(month_type: MonthType) -> str:
    """The advanced-primary-care addition that stands for a month of this type; it is not timed (CMS-1832-F)."""
    return _ADDONS[month_type]


def _decide(month_type: MonthType, minutes: int, terms: _Terms, rule_set: RuleSet) -> tuple[Line, ...]:
    if month_type == "general" or rule_set.month_code is not None:
        return (Line(terms.code, 1),) if minutes >= terms.need else ()
    if minutes >= terms.need:
        units = _additional_units(minutes - terms.base, terms.step)
        if rule_set.truncate_99494:
            units = min(units, rule_set.max_99494_units)
        return (Line(terms.code, 1), Line("99494", units)) if units else (Line(terms.code, 1),)
    if rule_set.g2214_enabled and minutes >= rule_set.g2214_min:
        return (Line("G2214", 1),)
    return ()


def _additional_units(extra: int, step: int) -> int:
    return 0 if extra < step else 1 + (extra - step) // _UNIT


def _next(
    month_type: MonthType, minutes: int, lines: tuple[Line, ...], terms: _Terms, rule_set: RuleSet
) -> tuple[int | None, str | None]:
    past_base = max(0, _additional_units(minutes - terms.base, terms.step))
    candidates = (rule_set.g2214_min, terms.need, terms.base + terms.step + _UNIT * past_base)
    if month_type == "general" or rule_set.month_code is not None:
        candidates = (terms.need, terms.need, terms.need)
    for at in sorted(candidate for candidate in candidates if candidate > minutes):
        then = _decide(month_type, at, terms, rule_set)
        if then != lines:
            return at, str(then[-1])
    return None, None


def _warnings(
    month_type: MonthType, minutes: int, lines: tuple[Line, ...], terms: _Terms, rule_set: RuleSet
) -> tuple[LineWarning, ...]:
    found: list[LineWarning] = []
    alone = month_type == "general" or rule_set.month_code is not None
    units = 0 if alone else _additional_units(minutes - terms.base, terms.step)
    if units > rule_set.max_99494_units:
        found.append(
            LineWarning(
                "over_max_99494_units",
                f"{units} units of 99494 are more than the {rule_set.max_99494_units} this payer is known to take"
                + ("; cut to that number." if rule_set.truncate_99494 else "; the units were not cut."),
            )
        )
    # MLN909432 is read as 30 minutes by some and 16 by others; the two differ from 16 to 29 only.
    if lines == (Line("G2214", 1),) and minutes < _UNIT:
        found.append(
            LineWarning("g2214_minimum_contested", "Sources disagree whether G2214 takes 16 or 30 minutes.")
        )
    return tuple(found)


def _steps(
    month_type: MonthType, minutes: int, lines: tuple[Line, ...], terms: _Terms, rule_set: RuleSet
) -> tuple[Step, ...]:
    reached = minutes >= terms.need
    base = Step(
        terms.code,
        reached,
        f"{terms.code} takes {terms.need} minutes {terms.where}: {minutes} counted, {_verdict(reached)}.",
        f"{rule_set.rule_id}/{terms.code}",
    )
    if month_type == "general" or rule_set.month_code is not None:
        return (base,)
    return (
        base,
        _additional_step(terms, minutes, lines, rule_set),
        _short_month_step(terms, minutes, rule_set),
    )


def _additional_step(terms: _Terms, minutes: int, lines: tuple[Line, ...], rule_set: RuleSet) -> Step:
    first, rule_id = terms.base + terms.step, f"{rule_set.rule_id}/99494"
    if minutes < terms.need:
        return Step("99494", None, f"99494 never stands without {terms.code}.", rule_id)
    units = sum(line.units for line in lines if line.code == "99494")
    words = (
        f"99494 takes {terms.step} minutes past {terms.base}, {first} in all, and {_UNIT} more for each "
        f"further unit: {minutes} counted, {units} {'unit' if units == 1 else 'units'}."
    )
    return Step("99494", units > 0, words, rule_id)


def _short_month_step(terms: _Terms, minutes: int, rule_set: RuleSet) -> Step:
    rule_id = f"{rule_set.rule_id}/G2214"
    if minutes >= terms.need:
        return Step("G2214", None, f"G2214 is not reported beside {terms.code}.", rule_id)
    if not rule_set.g2214_enabled:
        return Step("G2214", False, "G2214 is not taken by this payer.", rule_id)
    reached = minutes >= rule_set.g2214_min
    words = f"G2214 takes {rule_set.g2214_min} minutes: {minutes} counted, {_verdict(reached)}."
    return Step("G2214", reached, words, rule_id)


def _verdict(reached: bool) -> str:
    return "reached" if reached else "not reached"
