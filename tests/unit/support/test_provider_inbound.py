"""Inbound texts of the stand-in: posted, repeated as Twilio repeats, judged; and what STOP does."""

from __future__ import annotations

import pytest

from tests.support.provider.settings import (
    AUTH_TOKEN,
    NEXT_AUTH_TOKEN,
    SENDER,
    SERVICE_SID,
    STALE_AUTH_TOKEN,
    Settings,
)
from tests.support.provider.webhooks import Answer, Webhook, problem_with
from tests.support.provider_client import Provider
from tests.unit.support.conftest import Api
from tests.unit.support.webhook_receiver import Receiver, genuine

ANA = "+12065550123"
BEN = "+12065550124"


@pytest.mark.parametrize(
    ("fragment", "answers", "attempts"),
    [
        ("", [500, 204], 1),  # by default only failed connects are repeated
        ("#rc=5&rp=all", [500, 503, 204], 3),
        ("#rc=5&rp=all", [500] * 9, 6),
        ("#rc=9&rp=all", [500] * 9, 6),
        ("#rc=2&rp=5xx", [500, 404, 204], 2),
        ("#rc=2&rp=4xx", [404, 404, 404], 3),
        ("#rc=2&rp=rt", ["reset", "reset", 204], 3),
        ("#rc=2&rp=5xx", ["reset", 204], 1),
        ("#rc=5&rp=all", [403, 204], 2),
    ],
)
async def test_webhooks_are_repeated_as_their_fragment_says(
    provider: Provider, receiver: Receiver, fragment: str, answers: list[int | str], attempts: int
) -> None:
    await provider.expect(403, 404, 500, 503, "read")
    await provider.configure(inbound_url=f"{receiver.url}/inbound{fragment}")
    receiver.answers = list(answers)
    got = await provider.receive_inbound(ANA, SENDER, "2")
    assert len(receiver.arrivals) == attempts
    assert got == ("read" if answers[attempts - 1] == "reset" else answers[attempts - 1])
    assert len({arrival.headers["i-twilio-idempotency-token"] for arrival in receiver.arrivals}) == 1
    assert [delivery.attempt for delivery in await provider.deliveries()] == list(range(attempts))


async def test_a_closed_door_is_knocked_on_twice_by_default(provider: Provider, api: Api) -> None:
    await provider.expect("connect")
    await provider.configure(inbound_url="http://127.0.0.1:9/inbound")
    assert await provider.receive_inbound(ANA, SENDER, "2") == "connect"
    assert [delivery.failure for delivery in await provider.deliveries()] == ["connect", "connect"]


async def test_the_fallback_url_gets_what_the_first_refused(provider: Provider, receiver: Receiver) -> None:
    await provider.expect(503)
    await provider.configure(
        inbound_url=f"{receiver.url}/inbound", inbound_fallback_url=f"{receiver.url}/spool#rc=1"
    )
    receiver.answers = [503]
    assert await provider.receive_inbound(ANA, SENDER, "2") == 204
    spooled = receiver.arrivals[1]
    assert (spooled.path, spooled.get("Body"), spooled.get("ErrorUrl")) == (
        "/spool",
        "2",
        f"{receiver.url}/inbound",
    )
    assert genuine(spooled, f"{receiver.url}/spool")


async def test_an_inbound_text_looks_like_twilios(provider: Provider, receiver: Receiver) -> None:
    await provider.configure(inbound_url=f"{receiver.url}/inbound", advanced_opt_out=True)
    received = await provider.inbound(ANA, SENDER, " 2️⃣ ", extra={"NewParameter": "1"}, media=1)
    (arrival,) = receiver.arrivals
    assert received.answers == [204]
    assert arrival.get("MessageSid") == arrival.get("SmsSid") == received.sid
    assert (arrival.get("From"), arrival.get("To"), arrival.get("Body")) == (ANA, SENDER, " 2️⃣ ")
    assert (arrival.get("FromCity"), arrival.get("NumMedia"), arrival.get("NewParameter")) == ("", "1", "1")
    assert (arrival.get("OptOutType"), arrival.get("MessagingServiceSid")) == (None, SERVICE_SID)
    assert genuine(arrival, f"{receiver.url}/inbound")


async def test_repeated_and_missing_parameters_can_be_asked_for(
    provider: Provider, receiver: Receiver
) -> None:
    await provider.configure(inbound_url=receiver.url)
    await provider.inbound(ANA, SENDER, "2", repeated=[["Body", "3"]], omit=["MessagingServiceSid"])
    (arrival,) = receiver.arrivals
    assert [value for name, value in arrival.pairs if name == "Body"] == ["2", "3"]
    assert arrival.get("MessagingServiceSid") is None


async def test_each_number_can_have_its_own_webhook(provider: Provider, receiver: Receiver) -> None:
    await provider.configure(inbound_url=f"{receiver.url}/all", inbound_urls={SENDER: f"{receiver.url}/one"})
    await provider.receive_inbound(ANA, SENDER, "2")
    await provider.receive_inbound(ANA, "+12065550188", "2")
    assert [arrival.path for arrival in receiver.arrivals] == ["/one", "/all"]


async def test_a_repeated_webhook_is_one_text(provider: Provider, api: Api, receiver: Receiver) -> None:
    await provider.configure(inbound_url=receiver.url)
    first = await provider.inbound(ANA, SENDER, "2", copies=3)
    await provider.inbound(ANA, SENDER, "2", sid=first.sid)
    assert {arrival.get("MessageSid") for arrival in receiver.arrivals} == {first.sid}
    assert len(receiver.arrivals) == 4
    assert len((await api.list(From=ANA)).json()["messages"]) == 1


async def test_a_lost_webhook_is_still_in_the_list(provider: Provider, api: Api, receiver: Receiver) -> None:
    await provider.configure(inbound_url=receiver.url)
    assert await provider.receive_inbound(ANA, SENDER, "3", webhook=False) is None
    assert receiver.arrivals == []
    (text,) = (await api.list(To=SENDER)).json()["messages"]
    assert (text["direction"], text["status"], text["body"]) == ("inbound", "received", "3")
    assert text["date_sent"] == text["date_created"]


@pytest.mark.parametrize(
    ("signature", "token"),
    [("right", AUTH_TOKEN), ("secondary", NEXT_AUTH_TOKEN), ("stale", STALE_AUTH_TOKEN)],
)
async def test_a_signature_can_be_made_with_any_token(
    provider: Provider, receiver: Receiver, signature: str, token: str
) -> None:
    await provider.configure(inbound_url=receiver.url)
    receiver.answers = [403 if signature == "stale" else 204]
    await provider.receive_inbound(ANA, SENDER, "2", signature=signature)
    assert genuine(receiver.arrivals[0], receiver.url, token)


async def test_wrong_and_missing_signatures_are_wrong_and_missing(
    provider: Provider, receiver: Receiver
) -> None:
    await provider.configure(inbound_url=receiver.url)
    receiver.answers = [403, 403]
    await provider.receive_inbound(ANA, SENDER, "2", signature="wrong")
    await provider.receive_inbound(ANA, SENDER, "2", signature="missing")
    wrong, missing = receiver.arrivals
    assert not genuine(wrong, receiver.url)
    assert "x-twilio-signature" not in missing.headers


@pytest.mark.parametrize(
    ("answer", "signature", "problem"),
    [
        (500, "right", "answered 500"),
        (403, "right", "answered 403"),
        (301, "right", "answered 301"),
        (200, "right", "answered 200 without TwiML; 204 has no body"),
        ("reset", "right", "answered read"),
        (204, "wrong", "wrong signature answered 204, not 403"),
        (500, "missing", "missing signature answered 500, not 403"),
    ],
)
async def test_an_unexpected_answer_is_a_problem(
    provider: Provider, receiver: Receiver, answer: int | str, signature: str, problem: str
) -> None:
    await provider.configure(inbound_url=receiver.url)
    receiver.answers = [answer]
    await provider.receive_inbound(ANA, SENDER, "2", signature=signature)
    assert [delivery.problem for delivery in await provider.problems()] == [problem]
    await provider.reset()


async def test_stop_blocks_further_texts_until_start(
    provider: Provider, api: Api, receiver: Receiver
) -> None:
    await provider.configure(inbound_url=receiver.url, advanced_opt_out=True)
    await provider.receive_inbound(ANA, SENDER, " stop ")
    assert receiver.arrivals[0].get("OptOutType") == "STOP"
    assert [(await api.create()).json().get("code"), (await api.through_service()).json().get("code")] == [
        21610
    ] * 2
    assert (await api.create(To=BEN)).status_code == 201
    await provider.receive_inbound(ANA, SENDER, "Start")
    assert (await api.create()).status_code == 201
    assert len(await provider.keyword_replies(ANA)) == 2
    assert [text.to for text in await provider.sent()] == [BEN, ANA]


@pytest.mark.parametrize("body", ["Stop please", "para", "stopp", "", "2"])
async def test_only_a_whole_keyword_opts_out(provider: Provider, api: Api, body: str) -> None:
    await provider.receive_inbound(ANA, SENDER, body)
    assert (await api.create()).status_code == 201


async def test_without_keyword_handling_stop_is_ours_to_honour(
    provider: Provider, api: Api, receiver: Receiver
) -> None:
    await provider.configure(inbound_url=receiver.url, advanced_opt_out=True, stop_filtering=False)
    await provider.receive_inbound(ANA, SENDER, "STOP")
    assert receiver.arrivals[0].get("OptOutType") is None
    assert (await api.create()).status_code == 201
    assert await provider.keyword_replies(ANA) == []


@pytest.mark.parametrize(("seconds", "problem"), [(4.9, None), (5.1, "took 5.1 s")])
def test_a_right_answer_after_five_seconds_is_a_problem(seconds: float, problem: str | None) -> None:
    webhook = Webhook("inbound", "SM1", "received", "http://127.0.0.1:9/", [])
    assert problem_with(Settings(), webhook, Answer(seconds, code=204)) == problem
