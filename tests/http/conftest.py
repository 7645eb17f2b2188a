"""A clinic behind the real application, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from api.wiring import Deps
from tests.support.app import Clinic, browser, found_clinic, test_deps
from tests.support.clock import FakeClock
from tests.support.colleague import Colleague
from tests.support.console import signed_in


@pytest.fixture
async def deps(database_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    async with test_deps(database_url, clock) as found:
        yield found


@pytest.fixture
async def clinic(deps: Deps) -> Clinic:
    return await found_clinic(deps)


@pytest.fixture
async def web(deps: Deps) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(deps) as client:
        yield client


@pytest.fixture
async def console_deps(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    """On SQLite alone, for the many tests of what pages say."""
    async with test_deps(sqlite_url, clock) as found:
        yield found


@pytest.fixture
async def harbor(console_deps: Deps) -> Clinic:
    return await found_clinic(console_deps)


@pytest.fixture
async def dana(console_deps: Deps, harbor: Clinic) -> AsyncIterator[Colleague]:
    """The care manager, signed in."""
    async with signed_in(console_deps, harbor) as colleague:
        yield colleague
