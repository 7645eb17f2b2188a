"""`evenkeel billing explain`: a month's minutes as lines, with every rule that made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from api.commands.billing_months import months
from api.commands.billing_packets import verify
from api.commands.billing_rules import rules
from api.commands.billing_year import command as rehearse
from api.commands.output import FOUND_SOMETHING, answer, json_option, refusals, refuse
from billing import rule_sets
from billing.cases import Mismatch, check_cases
from billing.explain import MOST_MINUTES, Explained, WhatIf
from billing.explain import explain as explained
from billing.month_types import MonthType
from kernel.errors import Invalid


class Checked(msgspec.Struct, frozen=True):
    agrees: bool
    mismatches: list[Mismatch]


@click.group()
def command() -> None:
    """Explain how minutes become lines; bring in rule sets; verify audit packets; list months."""


command.add_command(verify)
command.add_command(months)
command.add_command(rules)
command.add_command(rehearse)


@command.command(context_settings={"ignore_unknown_options": True})
@click.option("--month-type", type=click.Choice(get_args(MonthType)), help="First, later or general month.")
@click.option("--minutes", type=int, help="Counted minutes of the calendar month.")
@click.option("--month", help="As 2026-11: instead of the type, and for the payer's rule set.")
@click.option("--served", multiple=True, help="An earlier month with service; may be repeated.")
@click.option(
    "--rule-set", help=f"An id, or an exact id@version. Without it the payer's, else {rule_sets.DEFAULT}."
)
@click.option("--payer", help="Finds the payer's rule set of the month.")
@click.option("--plan", help="The payer's plan.")
@click.option("--beside", multiple=True, help="A code that others report for the month; may be repeated.")
@click.option("--set", "changed", multiple=True, help="A setting of the rule set, as g2214_min=30.")
@click.option("--check", type=click.Path(path_type=Path), help="CSV of month_type,minutes,rule_set,expected.")
@json_option
def explain(
    month_type: MonthType | None, minutes: int | None, check: Path | None, as_json: bool, **asked: Any
) -> None:
    """List the lines of one month with each rule passed or failed. With --check, compare a file of cases."""
    if check is not None:
        if month_type is not None or minutes is not None or any(asked.values()):
            refuse("give either --month-type and --minutes, or --check FILE")
        _check(check, as_json)
        return
    missing = [] if month_type or asked["month"] else ["--month-type is missing"]
    missing += [] if minutes is not None else ["--minutes is missing"]
    if minutes is None or missing:
        refuse(*missing)
    if not 0 <= minutes <= MOST_MINUTES:
        refuse(f"--minutes: must be from 0 to {MOST_MINUTES}")
    try:
        got = explained(WhatIf(month_type=month_type, minutes=minutes, **asked))
    except Invalid as error:
        refuse(*(f"{option(problem.field)}: {problem.message}" for problem in error.problems))
    answer(got, _words(got), as_json=as_json)


def option(field: str) -> str:
    return "--set" if field == "changed" else f"--{field.replace('_', '-')}"


def _words(got: Explained) -> list[str]:
    next_line = (
        "next: nothing changes with more minutes"
        if got.minutes_to_next is None
        else f"next: {got.next_line} at {got.next_at} minutes, {got.minutes_to_next} from here"
    )
    return [
        got.text,
        next_line,
        f"rule: {got.rule_id}",
        *(f"- {step.rule_id}: {step.words}" for step in got.steps),
        *(f"! {warning.words}" for warning in got.warnings),
        *(f"held: {hold}" for hold in got.holds),
    ]


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
