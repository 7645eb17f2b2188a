"""Fixtures: each test gets its own database; `database` runs a test on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings

from kernel.db import Database
from tests.support import chromium, databases, office, servers
from tests.support.clock import FakeClock
from tests.support.provider_client import Provider

if os.environ.get("EVENKEEL_PROOF") == "1":  # `make proof`: as many examples as a night allows
    settings.register_profile("proof", max_examples=2_000, deadline=None)
    settings.load_profile("proof")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests need Chromium: left out without it, unless it is required."""
    if chromium.find() is not None:
        return
    browser = [item for item in items if item.get_closest_marker("browser")]
    if browser and chromium.required():
        raise pytest.UsageError(
            f"{chromium.REASON}, and EVENKEEL_TEST_REQUIRE asks for it: {chromium.INSTALL}"
        )
    for item in browser:
        item.add_marker(pytest.mark.skip(reason=chromium.REASON))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    left_out = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and chromium.REASON in report.longrepr[2]
    ]
    if left_out:
        terminalreporter.section("not run")
        terminalreporter.write_line(
            f"{len(left_out)} browser tests: {chromium.REASON}. `{chromium.INSTALL}` installs it."
        )
        for report in left_out:
            terminalreporter.write_line(f"  {report.nodeid}")
    _list_without_office(terminalreporter)


def _list_without_office(terminalreporter: Any) -> None:
    without = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and office.REASON in report.longrepr[2]
    ]
    if without:
        terminalreporter.section("not run")
        terminalreporter.write_line(f"{len(without)} tests: {office.REASON}. `{office.INSTALL}` installs it.")
        for report in without:
            terminalreporter.write_line(f"  {report.nodeid}")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(databases.sqlite_template(tmp_path_factory.mktemp("sqlite")))


@pytest.fixture(scope="session")
def demo_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seeded demo clinic; each test takes a copy."""
    from tests.support import demo  # the whole application: other tests start without it

    path = tmp_path_factory.mktemp("demo") / "seeded.db"
    asyncio.run(demo.seeded(databases.sqlite_copy(sqlite_template, path)))
    return path


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
