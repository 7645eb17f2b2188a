"""A database of the first release is brought up to date with its rows, on both databases."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from api.schema import metadata
from kernel.migrate import migrate
from tests.support import databases

CLINIC: Final = UUID(int=7)
RUN: Final = sa.table(
    "import_run",
    sa.column("id", sa.Uuid()),
    sa.column("clinic_id", sa.Uuid()),
    sa.column("kind"),
    sa.column("digest"),
    sa.column("mapping"),
    sa.column("rows"),
    sa.column("by_name"),
    sa.column("at", sa.DateTime(timezone=True)),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def first_release(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database as the first release made it."""
    if request.param == "sqlite":
        url = databases.sqlite_url(tmp_path / "first.db")
        asyncio.run(migrate(url, "0001"))
        yield url
        return
    server = request.getfixturevalue("postgres_server")
    name = f"first_{os.getpid()}_{uuid4().hex[:10]}"
    url = asyncio.run(databases.postgres_clone(server, "template1", name))
    asyncio.run(migrate(url, "0001"))
    yield url
    asyncio.run(databases.drop_postgres(server, name))


async def test_files_brought_in_by_the_first_release_stay_and_contacts_can_be_brought_in(
    first_release: str,
) -> None:
    await _insert(first_release, "scores")
    with pytest.raises(IntegrityError):
        await _insert(first_release, "contacts")
    await migrate(first_release)
    await _insert(first_release, "contacts")
    with pytest.raises(IntegrityError):
        await _insert(first_release, "horoscopes")
    with pytest.raises(IntegrityError):
        await _insert(first_release, "scores")  # the same file twice: that rule is still there
    engine = create_async_engine(first_release)
    async with engine.connect() as connection:
        kept = (await connection.execute(sa.select(RUN.c.kind, RUN.c.rows).order_by(RUN.c.kind))).all()
        assert [tuple(row) for row in kept] == [("contacts", 3), ("scores", 3)]
        found: Any = await connection.run_sync(lambda c: sa.inspect(c).get_foreign_keys("billed_month"))
        assert "import_run" in {key["referred_table"] for key in found}
    await engine.dispose()


async def test_the_revisions_make_just_the_tables_that_the_code_describes(first_release: str) -> None:
    await migrate(first_release)
    engine = create_async_engine(first_release)
    async with engine.connect() as connection:
        left: Any = await connection.run_sync(
            lambda c: compare_metadata(MigrationContext.configure(c), metadata)
        )
        checks: Any = await connection.run_sync(_checks)
    await engine.dispose()
    assert left == []  # tables, columns, indexes, keys
    assert checks == _described()


def _checks(connection: sa.Connection) -> dict[str, set[str]]:
    inspector = sa.inspect(connection)
    return {
        table: {str(check["name"]) for check in inspector.get_check_constraints(table)}
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def _described() -> dict[str, set[str]]:
    return {
        table.name: {str(rule.name) for rule in table.constraints if isinstance(rule, sa.CheckConstraint)}
        for table in metadata.sorted_tables
    }


async def _insert(url: str, kind: str) -> None:
    engine = create_async_engine(url)
    row = {"id": uuid4(), "clinic_id": CLINIC, "kind": kind, "digest": "0" * 64, "mapping": "old", "rows": 3}
    told = {"by_name": "Lee Lead", "at": datetime(2026, 11, 20, tzinfo=UTC)}
    try:
        async with engine.begin() as connection:
            await connection.execute(sa.insert(RUN), row | told)
    finally:
        await engine.dispose()
