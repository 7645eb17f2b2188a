"""`evenkeel billing months`: every patient-month of a clinic as it stands, streamed as CSV."""

from __future__ import annotations

import sys

import click

from api.commands.output import refusals, refuse
from api.commands.running import with_deps
from api.wiring import Deps
from billing.statement.rollup import roll_up
from kernel.audit import system
from registry.organisation import queries
from registry.time_log.months import Month


@click.command("months")
@click.option("--clinic", required=True, help="Short name of the clinic.")
@click.option("--first", required=True, help="First month, as 2026-01.")
@click.option("--last", required=True, help="Last month, as 2026-12.")
def months(clinic: str, first: str, last: str) -> None:
    """Write minutes, reasons and lines of every patient-month to standard output, by ids alone."""
    with refusals():
        begin, end = Month.parse(first), Month.parse(last)
    if end < begin:
        refuse("--last: is before --first")

    async def body(deps: Deps) -> bool:
        async with deps.system_db.begin() as tx:
            found = await queries.clinic_by_slug(tx, clinic)
        if found is None:
            return False
        async with deps.system_db.begin(found.id) as tx:
            async for piece in roll_up(tx, system(found.id, "cli"), begin, end, now=deps.clock.now()):
                sys.stdout.write(piece.decode())
        return True

    if not with_deps(body):
        refuse("--clinic: is no clinic of this deployment")
