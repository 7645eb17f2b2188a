"""Twilio's own Python library talks to the stand-in as to Twilio: sends, pages, filters, errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from tests.support.provider.settings import ACCOUNT_SID, API_KEY_SECRET, API_KEY_SID, SENDER, SERVICE_SID
from tests.support.provider_client import Provider

# Twilio's library still signs in the way aiohttp 3 deprecates; only aiohttp 4 will refuse it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA = "+12065550123"


class Redirected(AsyncTwilioHttpClient):
    """Twilio's client with its host replaced."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    async def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        return await super().request(
            method, url.replace("https://api.twilio.com", self._base_url), *args, **options
        )


@pytest.fixture
async def twilio(provider: Provider) -> AsyncIterator[Client]:
    http = Redirected(provider.base_url)
    yield Client(API_KEY_SID, API_KEY_SECRET, ACCOUNT_SID, http_client=http)
    await http.close()


async def test_a_text_goes_out_and_is_found_again(provider: Provider, twilio: Client) -> None:
    await provider.set_clock(NOON)
    sent = await twilio.messages.create_async(
        to=ANA, messaging_service_sid=SERVICE_SID, body="Hi", validity_period=600
    )
    assert (sent.status, sent.from_, sent.date_created, sent.date_sent) == ("accepted", None, NOON, None)
    await provider.flush_callbacks()
    found = await twilio.messages(sent.sid).fetch_async()
    assert (found.status, found.from_, found.date_sent, found.num_segments) == (
        "delivered",
        SENDER,
        NOON,
        "1",
    )
    assert (await provider.sent())[0].validity_period == 600


async def test_the_list_pages_and_filters(provider: Provider, twilio: Client) -> None:
    await provider.set_clock(NOON)
    for number in range(5):
        await provider.receive_inbound(ANA, SENDER, str(number), webhook=False)
    listed = await twilio.messages.list_async(to=SENDER, date_sent_after=NOON, page_size=2)
    assert [text.body for text in listed] == ["4", "3", "2", "1", "0"]
    assert {text.direction for text in listed} == {"inbound"}
    later = datetime(2026, 3, 2, 12, 0, 1, tzinfo=UTC)
    assert await twilio.messages.list_async(to=SENDER, date_sent_after=later) == []


async def test_an_error_keeps_its_code(provider: Provider, twilio: Client) -> None:
    await provider.script("400(21610)")
    with pytest.raises(TwilioRestException) as caught:
        await twilio.messages.create_async(to=ANA, from_=SENDER, body="Hi")
    assert (caught.value.status, caught.value.code) == (400, 21610)
