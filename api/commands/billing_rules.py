"""`evenkeel billing rules`: a clinic's own rule set from a JSON file, checked, tried and brought in."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from api.commands.output import FOUND_SOMETHING, answer, json_option, refusals, refuse
from api.commands.running import OPERATOR, with_deps
from api.wiring import Deps
from billing.own_rules import rules as own_rules
from billing.own_rules import service
from billing.own_rules.trial import Trial, trial
from kernel.audit import system
from kernel.db import Tx
from kernel.errors import NotFound
from registry.organisation import queries as organisation


class Brought(msgspec.Struct, frozen=True):
    """`kept` says whether it was brought in; `changes` are lines of the open months that differ, by ids alone."""

    rule_id: str
    kept: bool
    changes: tuple[str, ...] = ()


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--clinic", help="Short name of the clinic. Without it the document alone is checked.")
@click.option("--payer", "payers", multiple=True, help="A payer it is given to; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Say which lines would change, and keep nothing.")
@json_option
def rules(file: Path, clinic: str | None, payers: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Bring in a rule set with a clinic's own numbers, or name each field that keeps it out."""
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        refuse("FILE: is not UTF-8 text")
    if clinic is None:
        if payers or dry_run:
            refuse("--clinic: is needed with --payer and --dry-run")
        _check(text, as_json)
        return
    name = clinic

    async def body(deps: Deps) -> Brought:
        async with deps.system_db.begin() as tx:
            return await _brought(tx, name, text, payers, dry_run, deps)

    found = with_deps(body)
    words = "brought in" if found.kept else "can be brought in"
    answer(found, [*found.changes, f"{found.rule_id} {words}"], as_json=as_json)


async def _brought(
    tx: Tx, clinic: str, text: str, payers: tuple[str, ...], dry_run: bool, deps: Deps
) -> Brought:
    known = await organisation.clinic_by_slug(tx, clinic)
    if known is None:
        raise NotFound("--clinic")
    await tx.enter_clinic(known.id)
    actor, now = system(known.id, OPERATOR.name), deps.clock.now()
    if dry_run:
        tried = await trial(tx, actor, text, payers, now=now)
        return Brought(tried.rule_set.rule_id, False, tuple(_changes(tried)))
    return Brought(await service.bring_in(tx, actor, text, payers, now=now), True)


def _changes(tried: Trial) -> list[str]:
    found = []
    for month in tried.months:
        found += [f"{month.month}: closed, keeps its rules"] if month.closed else []
        found += [
            f"{month.month} {each.episode_id}: {each.before.lines} {each.before.status} -> "
            f"{each.after.lines} {each.after.status}"
            for each in month.changes
        ]
    return found


def _check(text: str, as_json: bool) -> None:
    """As the first version of a clinic without others, whatever version it says."""
    with refusals():
        rule_set = own_rules.parse(text)
    problems = [each for each in own_rules.check(rule_set, ()) if each.field != "version"]
    lines = [f"{each.field}: {each.message}" for each in problems] or [f"{rule_set.rule_id} can be read"]
    answer(Brought(rule_set.rule_id, False, tuple(lines) if problems else ()), lines, as_json=as_json)
    if problems:
        raise SystemExit(FOUND_SOMETHING)
