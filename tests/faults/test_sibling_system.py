"""Eight things that went wrong in a system built for the same work, each provoked here with the provider over HTTP."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from sqlalchemy import func, select, update

from messaging.conversation.tables import InboundMessage, SmsThread
from messaging.delivery.tables import MessageStatusEvent, Outbox
from registry.safety.tables import RiskEvent
from tests.support.clinic import GAD7, Clinic, PatientHandle


async def asked(clinic: Clinic, **changes: object) -> PatientHandle:
    ana = await clinic.enrols("Ana", measures=(GAD7,), **changes)  # type: ignore[arg-type]
    await clinic.until_local("10:30")
    return ana


async def stored(clinic: Clinic) -> int:
    async with clinic.deps.system_db.begin() as tx:
        return int(await tx.scalar(select(func.count()).select_from(InboundMessage)))


@pytest.mark.parametrize("fault", ["500_before_accept", "outage(20)", "429(20)", "reset_before"])
async def test_one_failed_call_does_not_lose_the_text(clinic: Clinic, fault: str) -> None:
    await clinic.provider.script(fault)
    ana = await asked(clinic)
    await ana.phone.receives_nothing()
    await clinic.passes(minutes=11)
    await ana.phone.receives("(1 of 7)")


@pytest.mark.parametrize(
    "fault", ["timeout_after_accept", "500_after_accept", "reset_mid_response", "malformed_json"]
)
async def test_a_text_that_was_taken_is_never_recorded_as_not_sent(clinic: Clinic, fault: str) -> None:
    await clinic.provider.script(fault)
    ana = await asked(clinic)
    await ana.phone.receives("(1 of 7)")
    await clinic.passes(minutes=1)
    [row] = await clinic.outbox()
    assert row.state == "accepted"
    await ana.phone.replies("2")  # and it can be answered
    await ana.phone.receives("(2 of 7)")


async def test_a_webhook_delivered_three_times_is_one_text(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await ana.phone.receives("(1 of 7)")
    received = await clinic.provider.inbound(ana.phone.number, clinic.number, "hello", copies=3)
    assert received.answers == [204, 204, 204]
    assert await stored(clinic) == 1
    await ana.phone.receives("could not read")
    await clinic.passes(days=1, work=False)
    again = await clinic.provider.inbound(ana.phone.number, clinic.number, "hello", sid=received.sid)
    assert again.answers == [204]
    assert await stored(clinic) == 1
    await clinic.ticks()
    await clinic.hears_everything()  # the day's reminder


async def test_a_text_from_an_unknown_number_is_kept_for_a_person(clinic: Clinic) -> None:
    stranger = clinic.phone("+12065550177")
    await stranger.replies("It is me, I have a new phone")
    assert await stored(clinic) == 1
    assert await clinic.open_tasks() == ["unknown_number"]
    await stranger.receives("we don't know this number")


@pytest.mark.parametrize("words", ["Stop please", "STOP!!", "stop texting me", "Por favor pare"])
async def test_stop_in_other_words_opts_out(clinic: Clinic, words: str) -> None:
    ana = await asked(clinic)
    await ana.phone.receives("(1 of 7)")
    await ana.phone.replies(words)
    await ana.phone.receives("no more texts")
    await ana.phone.receives_nothing_for(days=4)
    assert (await clinic.registry_row(ana)).opted_out


async def test_after_49_hours_without_us_every_due_text_left_or_says_why_not(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,), every_days=7)
    eve = await clinic.enrols("Eve", measures=(GAD7,), phone="+12065550124", every_days=7)
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await eve.phone.receives("(1 of 7)")
    await ana.phone.replies("1")
    await ana.phone.receives("(2 of 7)")
    await clinic.passes(hours=49, work=False)
    await clinic.passes(hours=22)
    for person in (ana, eve):
        texts = await person.phone.unclaimed()
        assert len(texts) == 1, "at most one text makes up for two days"
        await person.phone.receives("Harbor")
    assert (await clinic.check_in_states(ana))[0] == "in_progress"
    for row in await clinic.outbox():
        assert row.state == "accepted" or row.reason is not None
    await clinic.passes(days=5)
    await clinic.hears_everything()
    for states in (await clinic.check_in_states(ana), await clinic.check_in_states(eve)):
        assert "scheduled" in states


async def test_what_cannot_be_judged_goes_to_a_person_and_is_never_routine(clinic: Clinic) -> None:
    """A thread whose state this version can't read: no reply on it can be understood."""
    clinic.canary.allow("inbound.parked", "inbound.thread_unreadable")
    ana = await asked(clinic)
    await ana.phone.receives("(1 of 7)")
    async with clinic.deps.system_db.begin() as tx:
        await tx.execute(update(SmsThread).values(state={"mode": "of a later version"}))
    await ana.phone.replies("2")
    assert await clinic.open_tasks(ana) == ["parked_text"]
    await ana.phone.replies("i want to kill myself")
    await ana.phone.receives("988")
    event = await clinic.risk_event(ana)
    await clinic.staff_phone("care_manager").receives("Safety alert", event.code)
    await clinic.acknowledges(ana)
    async with clinic.deps.system_db.begin() as tx:
        states = (await tx.execute(select(InboundMessage.state))).scalars().all()
    assert set(states) == {"parked"}


@pytest.mark.parametrize("signature", ["wrong", "missing", "stale"])
async def test_unsigned_calls_change_nothing(clinic: Clinic, signature: str) -> None:
    ana = await asked(clinic)
    await ana.phone.receives("(1 of 7)")
    assert await ana.phone.texts_us("hello", signature=signature) == 403
    assert await stored(clinic) == 0
    async with clinic.deps.system_db.begin() as tx:
        before = await tx.scalar(select(func.count()).select_from(MessageStatusEvent))
    [sent] = await ana.phone.texts()
    await clinic.provider.deliver(sent.sid, "undelivered", 30003, signature=signature)
    async with clinic.deps.system_db.begin() as tx:
        assert await tx.scalar(select(func.count()).select_from(MessageStatusEvent)) == before
        assert await tx.scalar(select(Outbox.provider_status)) == "delivered"
    # The provider does have that text, so its own list brings it in.
    await clinic.passes(minutes=2)
    clinic.canary.allow("inbound.recovered")
    assert await stored(clinic) == 1
    await ana.phone.receives("could not read")


async def test_a_forged_text_is_not_kept(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await ana.phone.receives("(1 of 7)")
    form = {
        "MessageSid": "SM" + "1" * 32,
        "From": ana.phone.number,
        "To": clinic.number,
        "Body": "i want to die",
    }
    async with httpx.AsyncClient(base_url=clinic.address, trust_env=False) as client:
        for headers in ({}, {"X-Twilio-Signature": "AAAA"}, {"X-Forwarded-Host": "clinic.example"}):
            answer = await client.post("/webhooks/twilio/inbound", data=form, headers=headers)
            assert answer.status_code == 403
    await ana.phone.receives_nothing()
    async with clinic.deps.system_db.begin() as tx:
        assert await tx.scalar(select(func.count()).select_from(RiskEvent)) == 0


async def test_the_json_api_answers_nobody_without_a_token(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await ana.phone.receives("(1 of 7)")
    async with httpx.AsyncClient(base_url=clinic.address, trust_env=False) as client:
        for method, path in (
            ("GET", f"/api/v1/patients/{ana.id}"),
            ("POST", f"/api/v1/patients/{ana.id}/messages"),
            ("POST", f"/api/v1/patients/{ana.id}/check-ins"),
        ):
            answer = await client.request(method, path, content=msgspec.json.encode({"body": "hi"}))
            assert answer.status_code == 401, (path, answer.status_code)
    await ana.phone.receives_nothing()
