"""A database of its own for every test, made by the migrations: a copied SQLite file or a cloned PostgreSQL template."""

from __future__ import annotations

import shutil
from pathlib import Path

import asyncpg

from kernel.crypto import Vault
from kernel.db import Database, DatabaseRole
from kernel.migrate import migrate

TEST_KEY = "ZXZlbmtlZWwtdGVzdC1rZXktMzItYnl0ZXMtbG9uZyE="  # fixed, so that failures can be reproduced
LOOKUP_KEY = "evenkeel-test-lookup-key-32-characters"


def test_vault() -> Vault:
    return Vault((TEST_KEY,), LOOKUP_KEY)


test_vault.__test__ = False  # type: ignore[attr-defined]


def sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


async def sqlite_template(folder: Path) -> Path:
    path = folder / "template.db"
    if not path.exists():
        working = folder / "template.partial.db"
        await migrate(sqlite_url(working))
        working.rename(path)
    return path


def sqlite_copy(template: Path, target: Path) -> str:
    shutil.copyfile(template, target)
    return sqlite_url(target)


async def postgres_template(server, name: str = "evenkeel_template") -> str:  # type: ignore[no-untyped-def]
    """Migrates a template once per server; a second caller waits for the first (advisory lock)."""
    connection = await asyncpg.connect(server.admin_dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock(778899)")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}_building"')
            await migrate(server.url_for(f"{name}_building"))
            await connection.execute(f'ALTER DATABASE "{name}_building" RENAME TO "{name}"')
    finally:
        await connection.execute("SELECT pg_advisory_unlock(778899)")
        await connection.close()
    return name


async def postgres_clone(server, template: str, name: str) -> str:  # type: ignore[no-untyped-def]
    connection = await asyncpg.connect(server.admin_dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock(778899)")
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        await connection.execute("SELECT pg_advisory_unlock(778899)")
    finally:
        await connection.close()
    return str(server.url_for(name))


async def drop_postgres(server, name: str) -> None:  # type: ignore[no-untyped-def]
    connection = await asyncpg.connect(server.admin_dsn)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


def open_database(url: str, role: DatabaseRole = "worker") -> Database:
    return Database(url, test_vault(), role=role, pool_size=10)
