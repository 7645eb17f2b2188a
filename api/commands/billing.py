"""`evenkeel billing explain`: a month's minutes as lines, with every rule that made them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click
import msgspec

from api.commands.billing_packets import verify
from api.commands.output import FOUND_SOMETHING, answer, json_option, refusals, refuse
from billing import rule_sets
from billing.cases import Mismatch, check_cases
from billing.month_types import MonthType
from billing.rules import Line, Lines, LineWarning, Step, lines_for

MOST_MINUTES = 99_999


class Explained(msgspec.Struct, frozen=True):
    """`text` is the lines as `99492x1;99494x1`, or `none`."""

    month_type: MonthType
    minutes: int
    text: str
    lines: tuple[Line, ...]
    minutes_to_next: int | None
    next_at: int | None
    next_line: str | None
    rule_id: str
    steps: tuple[Step, ...]
    warnings: tuple[LineWarning, ...]


class Checked(msgspec.Struct, frozen=True):
    agrees: bool
    mismatches: list[Mismatch]


@click.group()
def command() -> None:
    """Explain how a month's minutes become lines; verify an audit packet."""


command.add_command(verify)


@command.command(context_settings={"ignore_unknown_options": True})
@click.option("--month-type", type=click.Choice(get_args(MonthType)), help="First, later or general month.")
@click.option("--minutes", type=int, help="Counted minutes of the calendar month.")
@click.option(
    "--rule-set", default=rule_sets.DEFAULT, show_default=True, help="An id, or an exact id@version."
)
@click.option("--check", type=click.Path(path_type=Path), help="CSV of month_type,minutes,rule_set,expected.")
@json_option
def explain(
    month_type: MonthType | None, minutes: int | None, rule_set: str, check: Path | None, as_json: bool
) -> None:
    """List the lines of one month with each rule passed or failed. With --check, compare a file of cases."""
    if check is not None:
        if month_type is not None or minutes is not None:
            refuse("give either --month-type and --minutes, or --check FILE")
        _check(check, as_json)
    elif month_type is None or minutes is None:
        missing = [
            name for name, given in (("--month-type", month_type), ("--minutes", minutes)) if given is None
        ]
        refuse(*(f"{name} is missing" for name in missing))
    else:
        _explain(month_type, minutes, rule_set, as_json)


def _explain(month_type: MonthType, minutes: int, name: str, as_json: bool) -> None:
    if not 0 <= minutes <= MOST_MINUTES:
        refuse(f"--minutes: must be from 0 to {MOST_MINUTES}")
    known = rule_sets.newest(rule_sets.shipped().values(), name)
    if known is None:
        refuse(
            f"--rule-set: {name!r} is none of {', '.join(sorted({s.id for s in rule_sets.shipped().values()}))}"
        )
    got = lines_for(month_type, minutes, known)
    answer(_explained(got), _words(got), as_json=as_json)


def _explained(got: Lines) -> Explained:
    return Explained(
        month_type=got.month_type,
        minutes=got.minutes,
        text=got.text,
        lines=got.lines,
        minutes_to_next=got.minutes_to_next,
        next_at=got.next_at,
        next_line=got.next_line,
        rule_id=got.rule_id,
        steps=got.steps,
        warnings=got.warnings,
    )


def _words(got: Lines) -> list[str]:
    next_line = (
        "next: nothing changes with more minutes"
        if got.minutes_to_next is None
        else f"next: {got.next_line} at {got.next_at} minutes, {got.minutes_to_next} from here"
    )
    steps = [f"- {step.words}" for step in got.steps]
    return [got.text, next_line, f"rule: {got.rule_id}", *steps, *(f"! {w.words}" for w in got.warnings)]


def _check(path: Path, as_json: bool) -> None:
    with refusals():
        found = check_cases(path)
    lines = [
        f"line {m.line}: {m.month_type} {m.minutes} {m.rule_set}: expected {m.expected}, got {m.got}"
        for m in found
    ]
    answer(Checked(not found, found), lines or ["every row agrees"], as_json=as_json)
    if found:
        raise SystemExit(FOUND_SOMETHING)
