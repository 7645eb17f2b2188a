"""A call to a colleague through the provider's library, against a server that speaks the Calls resource."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from api.webhooks.twilio import CALL_STATUS
from messaging.delivery.outcomes import Accepted, NotSent, Outcome, Rejected, Unknown
from messaging.delivery.statuses import RANK
from messaging.gateways.twilio import TwilioGateway, read_out
from messaging.gateways.voice import NoVoice, OutgoingCall

SID = "AC" + "0" * 32
CALL = OutgoingCall(
    "+12065550121", "+12065550199", "Safety alert. Code K, 7, Q, 2. Open the console.", "/webhooks/twilio/status/o1/1"
)  # fmt: skip
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def provider(answer: Answer) -> AsyncIterator[TwilioGateway]:
    app = web.Application()
    app.router.add_post(f"/2010-04-01/Accounts/{SID}/Calls.json", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    gateway = TwilioGateway(
        SID, SID, "secret", callback_base="https://clinic.example", deadline_s=0.5,
        base_url=f"http://127.0.0.1:{port}",
    )  # fmt: skip
    try:
        yield gateway
    finally:
        await gateway.close()
        await runner.cleanup()


async def test_a_call_says_the_code_twice_and_reports_to_our_own_row() -> None:
    seen: dict[str, str] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.update({name: str(value) for name, value in (await request.post()).items()})
        return web.json_response({"sid": "CA" + "1" * 32, "status": "queued"}, status=201)

    async with provider(answer) as gateway:
        assert await gateway.call(CALL) == Accepted("CA" + "1" * 32, "queued")
    assert (seen["To"], seen["From"]) == (CALL.to, CALL.sender)
    assert seen["Twiml"].count("Code K, 7, Q, 2.") == 2
    assert seen["StatusCallback"].startswith("https://clinic.example/webhooks/twilio/status/o1/1#")


def _refusing(status: int, code: int) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": code, "message": "no", "status": status}, status=status)

    return answer


async def _hanging(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (_refusing(400, 21211), Rejected(400, 21211)),
        (_refusing(503, 20503), Rejected(503, 20503)),
        (_refusing(429, 20429), NotSent()),
        (_hanging, Unknown()),
    ],
)
async def test_what_the_provider_does_is_an_outcome_never_an_exception(
    answer: Answer, outcome: Outcome
) -> None:
    async with provider(answer) as gateway:
        assert await gateway.call(CALL) == outcome


async def test_a_server_that_is_not_there_surely_made_no_call() -> None:
    gateway = TwilioGateway(
        SID,
        SID,
        "secret",
        callback_base="https://clinic.example",
        deadline_s=1,
        base_url="http://127.0.0.1:9",
    )
    try:
        assert await gateway.call(CALL) == NotSent()
    finally:
        await gateway.close()


async def test_without_voice_every_call_is_refused() -> None:
    assert await NoVoice().call(CALL) == Rejected(400)


def test_words_that_look_like_markup_stay_words() -> None:
    assert "<Say>a &lt;b&gt; &amp; c</Say>" in read_out("a <b> & c")


def test_every_end_of_a_call_is_a_status_of_ours() -> None:
    assert set(CALL_STATUS.values()) <= set(RANK)
