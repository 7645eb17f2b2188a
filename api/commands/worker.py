"""`evenkeel worker`: what is due, found in the database by its own moment."""

from __future__ import annotations

import click

from api.commands.output import refusals
from api.commands.running import refuse_wrong_database, settings
from api.serving import only_process, run
from api.wiring import opened
from api.worker import run_until_told
from kernel.settings import Settings


@click.command()
def command() -> None:
    """Send, escalate, remind and reconcile until told to stop. Redis only wakes it sooner."""
    with refusals():
        found = settings()
        with only_process(found, "worker"):
            run(_run(found))


async def _run(found: Settings) -> None:
    async with opened(found, "worker") as deps:
        await refuse_wrong_database(deps)
        await run_until_told(deps)
