"""One provider process for this folder, emptied for every test; failed webhooks fail the test that left them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.support.provider.settings import ACCOUNT_SID, AUTH_TOKEN, SENDER, SERVICE_SID
from tests.support.provider_client import Provider
from tests.unit.support.webhook_receiver import Receiver, receiving

PATH = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages"


@dataclass(frozen=True)
class Api:
    """Twilio's Messages resource as a plain HTTP client sees it."""

    client: httpx.AsyncClient

    async def create(self, **form: str) -> httpx.Response:
        usual = {"To": "+12065550123", "From": SENDER, "Body": "How are you?", "ValidityPeriod": "600"}
        return await self.client.post(
            f"{PATH}.json", data={name: value for name, value in (usual | form).items() if value}
        )

    async def through_service(self, **form: str) -> httpx.Response:
        return await self.create(From="", MessagingServiceSid=SERVICE_SID, **form)

    async def fetch(self, sid: str) -> httpx.Response:
        return await self.client.get(f"{PATH}/{sid}.json")

    async def update(self, sid: str, **form: str) -> httpx.Response:
        return await self.client.post(f"{PATH}/{sid}.json", data=form)

    async def list(self, **query: str) -> httpx.Response:
        return await self.client.get(f"{PATH}.json", params=query)


@pytest.fixture(scope="module")
def running_provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
async def provider(running_provider: Provider) -> AsyncIterator[Provider]:
    await running_provider.reset()
    yield running_provider
    assert await running_provider.problems() == []


@pytest.fixture
async def api(provider: Provider) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(
        base_url=provider.base_url, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=0.5, trust_env=False, verify=False
    ) as client:
        yield Api(client)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started
