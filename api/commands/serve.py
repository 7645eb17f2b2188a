"""`evenkeel serve`: pages, webhooks and the JSON API."""

from __future__ import annotations

import click

from api.commands.output import refusals
from api.commands.running import refuse_wrong_database, settings
from api.serving import only_process, run, serve
from api.wiring import opened
from kernel.settings import Settings


@click.command()
def command() -> None:
    """Serve until told to stop. With EVENKEEL_INLINE_WORKER the due work runs in the same process."""
    with refusals():
        found = settings()
        with only_process(found, "serve"):
            run(_run(found))


async def _run(found: Settings) -> None:
    async with opened(found, "web") as deps:
        await refuse_wrong_database(deps)
        await serve(deps)
