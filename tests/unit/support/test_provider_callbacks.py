"""Status callbacks of the stand-in: signed, in any order and number, and only when a test says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from tests.support.provider.settings import ACCOUNT_SID, SENDER, SERVICE_SID
from tests.support.provider_client import Provider
from tests.unit.support.conftest import Api
from tests.unit.support.webhook_receiver import Receiver, genuine

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA = "+12065550123"
BEN = "+12065550124"


async def text(api: Api, receiver: Receiver, fragment: str = "", **form: str) -> str:
    answer = await api.through_service(StatusCallback=f"{receiver.url}/status/7/1{fragment}", **form)
    return str(answer.json()["sid"])


async def test_nothing_is_called_back_until_a_test_says_so(
    provider: Provider, api: Api, receiver: Receiver
) -> None:
    await text(api, receiver)
    assert receiver.arrivals == []
    assert await provider.flush_callbacks() == 3
    assert receiver.statuses() == ["queued", "sent", "delivered"]
    assert await provider.flush_callbacks() == 0


async def test_a_direct_text_calls_back_neither_its_first_status_nor_none(
    provider: Provider, api: Api, receiver: Receiver
) -> None:
    await api.create(StatusCallback=receiver.url)
    await provider.flush_callbacks()
    assert receiver.statuses() == ["sent", "delivered"]


async def test_a_callback_is_signed_over_the_url_without_its_fragment(
    provider: Provider, api: Api, receiver: Receiver
) -> None:
    sid = await text(api, receiver, "#rc=5&rp=all")
    await provider.flush_callbacks()
    last = receiver.arrivals[-1]
    assert last.path == "/status/7/1"
    assert genuine(last, f"{receiver.url}/status/7/1")
    assert {
        name: last.get(name) for name in ("MessageSid", "To", "From", "AccountSid", "MessagingServiceSid")
    } == {
        "MessageSid": sid,
        "To": ANA,
        "From": SENDER,
        "AccountSid": ACCOUNT_SID,
        "MessagingServiceSid": SERVICE_SID,
    }


async def test_a_signature_covers_the_public_url_wherever_it_is_served(
    provider: Provider, api: Api, receiver: Receiver
) -> None:
    await provider.configure(routes={"https://care.example.org/evenkeel": receiver.url})
    await api.create(StatusCallback="https://care.example.org/evenkeel/s/7/1")
    await provider.flush_callbacks()
    assert receiver.arrivals[0].path == "/s/7/1"
    assert genuine(receiver.arrivals[0], "https://care.example.org/evenkeel/s/7/1")


async def test_a_text_can_be_left_on_its_way(provider: Provider, api: Api, receiver: Receiver) -> None:
    sid = await text(api, receiver)
    await provider.flush_callbacks(until="sent")
    assert (await api.fetch(sid)).json()["status"] == "sent"
    assert (await api.fetch(sid)).json()["from"] == SENDER
    await provider.flush_callbacks()
    assert receiver.statuses() == ["queued", "sent", "delivered"]


async def test_a_failed_delivery_carries_its_code(provider: Provider, api: Api, receiver: Receiver) -> None:
    first = await text(api, receiver)
    await provider.deliver(first, "undelivered", 30003)
    assert receiver.statuses() == ["queued", "sent", "undelivered"]
    assert receiver.arrivals[-1].get("ErrorCode") == "30003"
    second = await text(api, receiver)
    await provider.deliver(second, "failed", 30007)
    assert receiver.statuses()[3:] == ["queued", "failed"]
    assert (await api.fetch(second)).json()["date_sent"] is None


async def test_a_phone_can_be_unreachable_from_the_start(
    provider: Provider, api: Api, receiver: Receiver
) -> None:
    await provider.configure(outcomes={BEN: {"status": "undelivered", "error_code": 30005}})
    await text(api, receiver, To=ANA)
    await text(api, receiver, To=BEN)
    await provider.flush_callbacks()
    assert [text.status for text in await provider.sent()] == ["delivered", "undelivered"]


async def test_a_text_whose_validity_has_passed_fails(
    provider: Provider, api: Api, receiver: Receiver
) -> None:
    await provider.set_clock(NOON)
    late, on_time = (
        await text(api, receiver, ValidityPeriod="60"),
        await text(api, receiver, ValidityPeriod="3600"),
    )
    await provider.advance_clock(61)
    await provider.flush_callbacks()
    assert {sent.sid: (sent.status, sent.error_code) for sent in await provider.sent()} == {
        late: ("failed", 30036),
        on_time: ("delivered", None),
    }


async def test_a_scheduled_text_waits_for_its_time(provider: Provider, api: Api, receiver: Receiver) -> None:
    await provider.set_clock(NOON)
    await text(api, receiver, ScheduleType="fixed", SendAt="2026-03-02T13:00:00Z")
    assert await provider.flush_callbacks() == 0
    await provider.advance_clock(3600)
    await provider.flush_callbacks()
    assert (await provider.sent())[0].status == "delivered"


async def test_callbacks_can_be_repeated_and_shuffled(
    provider: Provider, api: Api, receiver: Receiver
) -> None:
    for _ in range(4):
        await text(api, receiver)
    assert await provider.flush_callbacks(copies=5, shuffle=3) == 60
    assert Counter(receiver.statuses()) == {"queued": 20, "sent": 20, "delivered": 20}
    first_text = [arrival.get("MessageStatus") for arrival in receiver.arrivals if arrival.get("MessageSid")]
    assert first_text.index("delivered") < len(first_text) - 1 - first_text[::-1].index("queued")


async def test_callbacks_can_be_late(provider: Provider, api: Api, receiver: Receiver) -> None:
    await provider.set_clock(NOON)
    await text(api, receiver)
    assert await provider.flush_callbacks(delay=48 * 3600) == 0
    await provider.advance_clock(48 * 3600 - 1)
    assert await provider.flush_callbacks() == 0
    await provider.advance_clock(1)
    assert await provider.flush_callbacks() == 3


async def test_callbacks_can_be_lost(provider: Provider, api: Api, receiver: Receiver) -> None:
    sid = await text(api, receiver)
    await provider.flush_callbacks(drop=["sent", "delivered"])
    assert receiver.statuses() == ["queued"]
    assert (await api.fetch(sid)).json()["status"] == "delivered"


async def test_a_text_that_never_calls_back_still_moves(
    provider: Provider, api: Api, receiver: Receiver
) -> None:
    await provider.script("accept_but_never_callback")
    sid = await text(api, receiver)
    assert await provider.flush_callbacks() == 0
    assert (await api.fetch(sid)).json()["status"] == "delivered"


async def test_a_callback_can_beat_the_answer(provider: Provider, api: Api, receiver: Receiver) -> None:
    await provider.script("callback_before_response")
    sid = await text(api, receiver)
    assert receiver.statuses() == ["queued", "sent", "delivered"]
    assert receiver.arrivals[0].get("MessageSid") == sid


@pytest.mark.parametrize("fault", ["ok", "500_after_accept", "slow(0.05)", "malformed_json"])
async def test_an_automatic_carrier_calls_back_by_itself(
    provider: Provider, api: Api, receiver: Receiver, fault: str
) -> None:
    await provider.configure(automatic=True)
    await provider.script(fault)
    await api.through_service(StatusCallback=receiver.url)
    async with asyncio.timeout(5):
        while receiver.statuses() != ["queued", "sent", "delivered"]:
            await asyncio.sleep(0.01)
