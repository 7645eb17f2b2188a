"""A clinic behind the real application, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from api.wiring import Deps
from tests.support.app import Clinic, browser, found_clinic, test_deps
from tests.support.clock import FakeClock


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
