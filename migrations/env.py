"""Runs the migrations on a connection handed over by `api.commands.migrate` or the tests."""

from __future__ import annotations

from typing import Any

from advanced_alchemy.types import DateTimeUTC
from alembic import context

from api.schema import metadata


def render_item(kind: str, item: Any, _: Any) -> str | bool:
    """A migration is frozen: it names plain SQLAlchemy types, never the application's."""
    if kind == "type" and isinstance(item, DateTimeUTC):
        return "sa.DateTime(timezone=True)"
    return False


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection, target_metadata=metadata, render_item=render_item, compare_type=True
    )
    with context.begin_transaction():
        context.run_migrations()


run()
