"""Brings a database to the newest schema. The only way a schema comes to be."""

from __future__ import annotations

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from kernel.db import Database

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
LOCK_TIMEOUT_S = 10
ADVISORY_LOCK = 0x45564B4C  # two `evenkeel migrate` at once wait for each other


def config(connection: Connection | None = None) -> Config:
    alembic = Config()
    alembic.set_main_option("script_location", str(MIGRATIONS))
    alembic.attributes["connection"] = connection
    return alembic


def head() -> str:
    """Revision this code expects."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    if revision is None:
        raise RuntimeError("there are no migrations")
    return revision


def _upgrade(connection: Connection, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
    command.upgrade(config(connection), revision)


async def migrate(url: str, revision: str = "head") -> None:
    """Applies what is missing in one transaction. A new SQLite file is readable by its owner alone."""
    _private_file(url)
    if url.startswith("sqlite"):
        _upgrade_file(url, revision)
        return
    engine = create_async_engine(url, hide_parameters=True)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


def _upgrade_file(url: str, revision: str) -> None:
    """In this very thread: hundreds of statements, and nobody is served before they are done."""
    plain = create_engine(make_url(url).set(drivername="sqlite"), hide_parameters=True)
    try:
        with plain.begin() as connection:
            _upgrade(connection, revision)
    finally:
        plain.dispose()


async def current(database: Database) -> str | None:
    """Revision the database is at; None when it was never migrated."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())


def _private_file(url: str) -> None:
    if not url.startswith("sqlite"):
        return
    database = make_url(url).database
    if database is None or database == ":memory:":
        return
    path = Path(database)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    os.chmod(path, 0o600)
