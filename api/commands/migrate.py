"""`evenkeel migrate`: the only way a schema comes to be."""

from __future__ import annotations

import asyncio

import click
import msgspec

from api.commands.output import answer, json_option, refusals
from api.commands.running import settings
from kernel import migrate


class Migrated(msgspec.Struct, frozen=True):
    revision: str


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Bring the database to the newest schema, with the owner's address when one is set."""
    with refusals():
        found = settings()
        asyncio.run(migrate.migrate(found.migration_url or found.database_url))
    answer(Migrated(migrate.head()), [f"the database is at {migrate.head()}"], as_json=as_json)
