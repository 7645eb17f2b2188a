"""Fixtures: each test gets its own database; `database` runs a test on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from kernel.db import Database
from tests.support import databases, servers
from tests.support.clock import FakeClock
from tests.support.provider_client import Provider


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(databases.sqlite_template(tmp_path_factory.mktemp("sqlite")))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    with servers.start_postgres() as server:
        asyncio.run(databases.postgres_template(server))
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Any]:
    with servers.start_redis() as server:
        yield server


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    return databases.sqlite_copy(sqlite_template, tmp_path / "test.db")


@pytest.fixture
async def postgres_url(postgres_server: Any) -> AsyncIterator[str]:
    name = f"test_{os.getpid()}_{uuid4().hex[:10]}"
    yield await databases.postgres_clone(postgres_server, "evenkeel_template", name)
    await databases.drop_postgres(postgres_server, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Runs the test once on each database."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The test's own database as the worker role sees it."""
    opened = databases.open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def app_database(database_url: str, database: Database) -> AsyncIterator[Database]:
    """The same database through the web role: on PostgreSQL behind the clinic wall."""
    opened = databases.open_database(database_url, "app")
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def running_provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
async def provider(running_provider: Provider) -> AsyncIterator[Provider]:
    """The text provider's stand-in, emptied for this test. Webhooks that we answered wrongly or late fail the test."""
    await running_provider.reset()
    yield running_provider
    assert await running_provider.problems() == []
