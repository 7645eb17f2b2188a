"""What a month would bill as, and why: any what-if, answered with the id of every rule that was applied.

Nothing is read from the record and nothing is kept. The command, the JSON API and the console ask the same function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from billing.codes import ADVANCED_PRIMARY_CARE, conflicts, find, not_in_force
from billing.month_types import History, MonthType, month_type
from billing.rule_sets import RuleBook, RuleSet, newest
from billing.rules import Line, LineWarning, Step, addon_for, lines_for, text_of
from kernel.errors import Invalid
from registry.time_log.months import Month

MOST_MINUTES: Final = 99_999
_FIXED: Final = frozenset({"id", "version", "title", "source", "author", "payer", "plan"})


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """`minutes` are counted whole minutes. The month type is given, or follows from `month` and the earlier months
    with service (`served`). The rule set is named, or follows from `payer`, `plan` and `month`; `changed` replaces
    settings of it (`g2214_min=30`). `beside` are codes that others report for the month."""

    minutes: Annotated[int, Meta(ge=0, le=MOST_MINUTES)]
    month_type: MonthType | None = None
    month: str | None = None
    served: tuple[str, ...] = ()
    rule_set: str | None = None
    payer: str | None = None
    plan: str | None = None
    beside: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class CodeLine(msgspec.Struct, frozen=True):
    """`label` is our own words, not the wording of the code books."""

    code: str
    units: int
    label: str


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is the lines as `99492x1;99494x1`, or `none`. `steps` are the rules as applied, each with its id;
    `holds` are reasons for which a person decides before the line is claimed."""

    month_type: MonthType | None
    month_type_reason: str
    minutes: int
    text: str
    lines: tuple[CodeLine, ...]
    minutes_to_next: int | None
    next_at: int | None
    next_line: str | None
    rule_id: str
    steps: tuple[Step, ...]
    warnings: tuple[LineWarning, ...]
    holds: tuple[str, ...]


def explain(asked: WhatIf, book: RuleBook = RuleBook()) -> Explained:  # noqa: B008  frozen
    """By the clinic's `book`, else by the shipped sets alone. Raises Invalid naming the field that can't be answered."""
    month = _month(asked.month, "month")
    rule_set = _rule_set(asked, month, book)
    kind, why, step = _month_type(asked, month, rule_set)
    if kind is None:
        return _undecided(asked, rule_set, why, step)
    return evaluate(kind, asked.minutes, rule_set, why, step, asked.beside, month)


def evaluate(
    kind: MonthType,
    minutes: int,
    rule_set: RuleSet,
    why: str = "Given.",
    first: Step | None = None,
    beside: Sequence[str] = (),
    month: Month | None = None,
) -> Explained:
    """One evaluation with everything decided but the lines."""
    got = lines_for(kind, minutes, rule_set)
    others = frozenset(beside)
    lines, steps = got.lines, got.steps if first is None else (first, *got.steps)
    if rule_set.apcm_addons == "use" and minutes and others & ADVANCED_PRIMARY_CARE:
        code = addon_for(kind)
        lines = (Line(code, 1),)
        words = f"{code} stands for the month beside advanced primary care; it is not timed."
        steps = (*steps, Step(code, True, words, f"{rule_set.rule_id}/{code}"))
    return Explained(
        month_type=kind,
        month_type_reason=why,
        minutes=minutes,
        text=text_of(lines),
        lines=tuple(_line(line) for line in lines),
        minutes_to_next=got.minutes_to_next,
        next_at=got.next_at,
        next_line=got.next_line,
        rule_id=rule_set.rule_id,
        steps=steps,
        warnings=got.warnings,
        holds=_holds(lines, others, month, rule_set) if others or month else (),
    )


def _holds(
    lines: tuple[Line, ...], others: frozenset[str], month: Month | None, rule_set: RuleSet
) -> tuple[str, ...]:
    ours = frozenset(line.code for line in lines)
    found = [f"{conflict.text} ({conflict.source})" for conflict in conflicts(ours, others)]
    if month is not None:
        found += [f"{code} is not in force for the whole month." for code in not_in_force(ours, month)]
        if not rule_set.covers(month):
            found.append(f"{rule_set.rule_id} is not in force for the whole month.")
    return tuple(found)


def _undecided(asked: WhatIf, rule_set: RuleSet, why: str, step: Step | None) -> Explained:
    first = lines_for("initial", asked.minutes, rule_set)
    later = lines_for("subsequent", asked.minutes, rule_set)
    return Explained(
        month_type=None,
        month_type_reason=f"{why} As a first month: {first.text}. As a later month: {later.text}.",
        minutes=asked.minutes,
        text="undecided",
        lines=(),
        minutes_to_next=None,
        next_at=None,
        next_line=None,
        rule_id=rule_set.rule_id,
        steps=(step, *first.steps, *later.steps) if step else (*first.steps, *later.steps),
        warnings=(),
        holds=("A person must decide whether this is a first month.",),
    )


def _line(line: Line) -> CodeLine:
    known = find(line.code)
    return CodeLine(line.code, line.units, line.code if known is None else known.label)


def _month_type(
    asked: WhatIf, month: Month | None, rule_set: RuleSet
) -> tuple[MonthType | None, str, Step | None]:
    if asked.month_type is not None:
        return asked.month_type, "Given.", None
    if month is None:
        raise Invalid.field("month_type", "give it, or the month with the earlier months that had service")
    served = tuple(sorted(m for text in asked.served if (m := _month(text, "served")) is not None))
    started = (served[0] if served and served[0] < month else month).first_day
    decided = month_type(month, History(episode_started_on=started, service_months=served), rule_set)
    step = Step(
        "month_type", decided.kind is not None, decided.reason_text, f"{rule_set.rule_id}/{decided.reason}"
    )
    return decided.kind, decided.reason_text, step


def _month(text: str | None, field: str) -> Month | None:
    if text is None:
        return None
    try:
        return Month.parse(text)
    except Invalid:
        raise Invalid.field(field, "write a month as year and month, for example 2026-11") from None


def _rule_set(asked: WhatIf, month: Month | None, book: RuleBook) -> RuleSet:
    if asked.rule_set is not None:
        found = newest(book.known, asked.rule_set)
        if found is None:
            ids = ", ".join(sorted({each.id for each in book.known}))
            raise Invalid.field("rule_set", f"{asked.rule_set!r} is none of {ids}")
    elif asked.payer is not None:
        if month is None:
            raise Invalid.field("month", "is needed to find the payer's rule set")
        found = book.standing(month, asked.payer, asked.plan)
    else:
        found = newest(book.known, book.default)
    if found is None:
        raise Invalid.field("rule_set", "no rule set is in force for the month; name one")
    return _changed(found, asked.changed) if asked.changed else found


def _changed(rule_set: RuleSet, settings: Sequence[str]) -> RuleSet:
    """The rule set with single settings replaced; its id says so."""
    fields = msgspec.to_builtins(rule_set)
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name not in fields or name in _FIXED:
            raise Invalid.field(
                "changed", f"{name or setting}: write a setting of the rule set as name=value"
            )
        fields[name] = _value(value)
    try:
        changed = msgspec.convert(fields, RuleSet, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid.field("changed", str(error)) from error
    return msgspec.structs.replace(changed, id=f"{rule_set.id}+{','.join(sorted(settings))}")


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text == "none":
        return None
    return int(text) if text.isdigit() and len(text) < 10 else text
