from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.clinic import Clinic, opened
from tests.support.clock import FakeClock
from tests.support.provider_client import Provider


@pytest.fixture
async def clinic(database_url: str, provider: Provider, clock: FakeClock) -> AsyncIterator[Clinic]:
    async with opened(database_url, provider, clock) as started:
        yield started
