"""What leaves and what does not: the claim's rules, on both databases, against the provider over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from kernel.audit import system
from kernel.db import Database
from messaging.consent import numbers
from messaging.consent import service as consent
from messaging.consent.numbers import Stop
from messaging.conversation.tables import SmsThread
from messaging.delivery import service as delivery
from messaging.delivery.pause import pause_dispatcher
from messaging.delivery.tables import Outbox
from messaging.schedule.tables import CheckIn
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic
from registry.patients.tables import PatientPhone
from registry.ports import TextingConsentForm
from registry.worklist.tables import RegistryLine, Task
from tests.support import builders
from tests.support.clock import FakeClock
from tests.support.postroom import Postroom, opened
from tests.support.provider_client import Provider

EXEMPT = TextingConsentForm("exemption", "link_only", "verbal", "texting-consent@1", "en")


@pytest.fixture
async def room(database: Database, provider: Provider, clock: FakeClock) -> AsyncIterator[Postroom]:
    async with opened(database, provider, clock) as postroom:
        yield postroom


async def stop(room: Postroom, **changes: Any) -> None:
    async with room.database.begin() as tx:
        whole: dict[str, Any] = {
            "clinic_id": room.clinic.id,
            "phone_key": tx.vault.lookup(room.ana.phone),
            "kind": "opt_out",
            "by": "patient",
        }
        await numbers.stop(tx, Stop(**(whole | changes)), now=room.clock.now())


async def change(room: Postroom, statement: Any) -> None:
    async with room.database.begin() as tx:
        await tx.execute(statement)


# --- what leaves ---------------------------------------------------------------------------------------------------


async def test_a_due_text_leaves_once_with_its_validity_and_its_own_callback_address(room: Postroom) -> None:
    text = await room.queue()
    done = await room.tick()
    await room.tick()
    [sent] = await room.sent()
    assert done["accepted"] == 1
    assert sent.body == "Text 1"
    assert sent.from_ == room.clinic.sender_number
    assert sent.validity_period == 7200  # what is left of its two hours
    assert (
        sent.status_callback
        == f"https://clinic.example/webhooks/twilio/status/{text}/1#rc=5&rp=all&ct=2000&rt=5000"
    )
    row = await room.row(text)
    assert (row.state, row.provider_sid, row.attempt) == ("accepted", sent.sid, 1)
    assert row.accepted_at == room.clock.now()


async def test_no_text_may_wait_at_the_provider_until_its_window_has_closed(room: Postroom) -> None:
    await room.passes(hours=9, minutes=40)  # 19:40 in Seattle, the window closes at 20:00
    await room.queue("reminder")
    await room.tick()
    assert [text.validity_period for text in await room.sent()] == [1200]


async def test_the_same_cause_makes_one_text(room: Postroom) -> None:
    first = await room.queue(dedupe_key="check_in:1:turn:1:ask")
    async with room.database.begin() as tx:
        again = await delivery.enqueue(
            tx,
            delivery.Message(
                clinic_id=room.clinic.id,
                kind="question",
                dedupe_key="check_in:1:turn:1:ask",
                to=room.ana.phone,
                body="Another wording",
                template="test@2",
                not_before=room.clock.now(),
                not_after=room.clock.now() + timedelta(hours=1),
            ),
            now=room.clock.now(),
        )
    await room.tick()
    assert again is None
    assert [text.body for text in await room.sent()] == ["Text 1"]
    assert (await room.state(first))[0] == "accepted"


async def test_alerts_leave_before_anything_else(room: Postroom) -> None:
    await room.queue("reminder")
    await room.queue("question", await room.patient())
    await room.queue("crisis", await room.patient())
    await room.alert()
    await room.tick(at_once=1)
    assert [text.body for text in await room.provider.sent()] == ["Text 4", "Text 3", "Text 2", "Text 1"]


async def test_two_texts_to_one_number_leave_in_order_and_never_together(room: Postroom) -> None:
    first, second = await room.queue(), await room.queue()
    batch = await room.dispatcher().claim()
    assert [claimed.outbox_id for claimed in batch.claimed] == [first]
    assert (await room.state(second))[0] == "pending"
    assert (await room.dispatcher().claim()).claimed == ()  # the number is busy
    await room.dispatcher().send_all(batch.claimed)
    await room.tick()
    assert [text.body for text in await room.sent()] == ["Text 1", "Text 2"]
    assert (await room.state(second))[0] == "accepted"


async def test_a_safety_reply_does_not_wait_for_the_text_in_flight(room: Postroom) -> None:
    await room.provider.script("timeout_after_accept")
    await room.queue()
    await room.tick()
    await room.queue("crisis")
    await room.queue()
    await room.tick()
    assert [text.body for text in await room.sent()] == ["Text 1", "Text 2"]


async def test_a_backlog_to_one_number_is_worked_off_in_one_tick(room: Postroom) -> None:
    for _ in range(3):
        await room.queue()
    await room.tick()
    assert [text.body for text in await room.sent()] == ["Text 1", "Text 2", "Text 3"]


# --- what does not leave -------------------------------------------------------------------------------------------


async def test_nothing_leaves_after_stop_and_the_queue_says_why(room: Postroom) -> None:
    text = await room.queue()
    await stop(room)
    late = await room.queue()  # written by somebody who had not seen the STOP
    await room.tick()
    assert await room.sent() == []
    assert await room.state(text) == ("suppressed", "opted_out")
    assert await room.state(late) == ("suppressed", "opted_out")


async def test_the_one_confirmation_of_stop_still_leaves(room: Postroom) -> None:
    await stop(room)
    await room.queue("stop_confirmation", live_until=room.clock.now() + timedelta(minutes=30))
    await room.tick()
    assert [text.validity_period for text in await room.sent()] == [300]


async def test_a_stop_that_commits_after_the_claim_still_holds_the_text_back(room: Postroom) -> None:
    """The claim looked before the STOP came; the last check before the call looks again."""
    queued = [await room.queue(), await room.queue()]
    batch = await room.dispatcher().claim()
    await stop(room)
    await room.dispatcher().send_all(batch.claimed)
    room.clock.advance(minutes=5)
    await room.tick()
    assert await room.sent() == []
    assert {await room.state(outbox_id) for outbox_id in queued} == {("suppressed", "opted_out")}


async def test_an_alert_leaves_whatever_the_patient_opted_out_of(room: Postroom) -> None:
    await stop(room)
    await room.alert()
    await room.tick()
    assert len(await room.provider.sent("+12065550111")) == 1


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("withdrawn", "consent_withdrawn"),
        ("never_agreed", "no_consent"),
        ("agreed_for_another_number", "no_consent"),
        ("ended", "episode_closed"),
        ("new_number", "contact_changed"),
        ("unverified", "contact_changed"),
        ("not_safe", "contact_changed"),
        ("paused", "texts_paused"),
        ("check_in_closed", "check_in_closed"),
        ("turn_moved", "turn_moved"),
    ],
)
async def test_a_row_that_must_not_leave_ends_with_its_reason(room: Postroom, case: str, reason: str) -> None:
    check_in, thread = await room.check_in(room.ana), await room.thread(room.ana)
    row = await room.queue(check_in_id=check_in, thread_id=thread, turn=1)
    key = room.database.vault.lookup(room.ana.phone)
    match case:
        case "withdrawn":
            async with room.database.begin() as tx:
                who = system(room.clinic.id)
                await consent.withdraw(tx, who, room.ana.id, method="verbal", now=room.clock.now())
        case "never_agreed":
            other = await room.patient()
            row = await room.queue(whom=other)
            await change(room, consent.TextingConsent.__table__.delete())
        case "agreed_for_another_number":
            await change(room, update(consent.TextingConsent).values(phone_key="another"))
        case "ended":
            await change(room, update(Episode).values(status="ended"))
        case "new_number":
            await change(room, update(PatientPhone).values(replaced_at=room.clock.now()))
        case "unverified":
            await change(room, update(PatientPhone).values(state="unverified"))
        case "not_safe":
            await change(room, update(PatientPhone).values(safe_to_text=False))
        case "paused":
            await stop(room, kind="paused")
            row = await room.queue()
        case "check_in_closed":
            await change(room, update(CheckIn).values(state="cancelled"))
        case "turn_moved":
            await change(room, update(SmsThread).where(SmsThread.phone_key == key).values(turn=2))
    await room.tick()
    assert await room.sent() == []
    assert await room.state(row) == ("suppressed", reason)


async def test_a_safety_reply_leaves_though_the_conversation_moved_on(room: Postroom) -> None:
    check_in, thread = await room.check_in(room.ana, "completed"), await room.thread(room.ana, turn=9)
    await room.queue("crisis", check_in_id=check_in, thread_id=thread, turn=1)
    await room.tick()
    assert len(await room.sent()) == 1


async def test_without_consent_one_short_link_leaves_by_the_exemption(room: Postroom) -> None:
    async with room.database.begin() as tx:
        await consent.record(tx, system(room.clinic.id), room.ana.id, EXEMPT, now=room.clock.now())
    link = await room.queue("invitation")
    question = await room.queue("question")
    long = await room.queue("reminder", body="x" * 161)
    await room.tick()
    assert [text.body for text in await room.sent()] == ["Text 1"]
    assert await room.state(link) == ("accepted", "accepted")
    assert await room.state(question) == ("suppressed", "exemption_scope")
    assert await room.state(long) == ("suppressed", "exemption_length")


async def test_outside_the_window_a_prompt_waits_for_the_morning(room: Postroom) -> None:
    await room.passes(hours=10, minutes=30)  # 20:30 in Seattle
    row = await room.queue("reminder", not_after=room.clock.now() + timedelta(hours=20))
    await room.tick()
    assert await room.sent() == []
    assert (await room.row(row)).next_at == datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
    room.clock.set(datetime(2026, 3, 3, 17, 0, tzinfo=UTC))
    await room.tick()
    assert len(await room.sent()) == 1


async def test_the_window_is_the_patients_own(room: Postroom) -> None:
    """10:00 in Seattle is 08:00 in Honolulu, an hour before that patient's morning."""
    kai = await room.patient(zone="Pacific/Honolulu")
    await room.queue("reminder", kai)
    await room.tick()
    assert await room.sent(kai) == []
    await room.passes(hours=1)
    await room.tick()
    assert len(await room.sent(kai)) == 1


async def test_an_answer_to_a_patients_own_text_may_leave_at_night(room: Postroom) -> None:
    await room.passes(hours=13)  # 23:00
    await room.queue("question", live_until=room.clock.now() + timedelta(minutes=30))
    await room.tick()
    assert [text.validity_period for text in await room.sent()] == [1800]


async def test_a_safety_reply_leaves_at_night(room: Postroom) -> None:
    await room.passes(hours=16)
    await room.queue("crisis")
    await room.tick()
    assert [text.validity_period for text in await room.sent()] == [900]


async def test_one_invitation_or_reminder_a_day(room: Postroom) -> None:
    await room.queue("invitation")
    await room.tick()
    second = await room.queue("contact_reminder", not_after=room.clock.now() + timedelta(hours=30))
    await room.tick()
    assert len(await room.sent()) == 1
    assert (await room.row(second)).next_at == datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


async def test_a_new_number_does_not_give_a_second_invitation_that_day(room: Postroom) -> None:
    await room.queue("invitation")
    await room.tick()
    await change(
        room,
        update(PatientPhone)
        .where(PatientPhone.patient_id == room.ana.id)
        .values(phone_key=room.database.vault.lookup("+12065550177")),
    )
    await change(
        room, update(consent.TextingConsent).values(phone_key=room.database.vault.lookup("+12065550177"))
    )
    second = await room.queue("reminder", whom=room.ana._replace(phone="+12065550177"))
    await room.tick()
    assert await room.provider.sent("+12065550177") == []
    assert (await room.state(second))[0] == "expired"  # tomorrow would be past its two hours


async def test_a_text_past_its_time_expires(room: Postroom) -> None:
    row = await room.queue()
    await room.passes(hours=3)
    await room.tick()
    assert await room.sent() == []
    assert await room.state(row) == ("expired", "too_late")


async def test_twenty_texts_an_hour_to_one_number_are_enough(room: Postroom) -> None:
    for _ in range(21):
        await room.queue()
    for _ in range(25):
        await room.tick()
    assert len(await room.sent()) == 20
    await room.queue("crisis")
    await room.tick()
    assert len(await room.sent()) == 21  # safety replies have no limit


async def test_a_clinic_under_simulation_texts_no_patient_but_alerts_its_staff(room: Postroom) -> None:
    await change(room, update(Clinic).values(texting_mode="simulation"))
    row = await room.queue()
    await room.alert()
    await room.tick()
    assert [text.to for text in await room.provider.sent()] == ["+12065550111"]
    assert await room.state(row) == ("simulated", "clinic_in_simulation")


# --- stops of the dispatcher ---------------------------------------------------------------------------------------


async def test_a_stopped_dispatcher_lets_alerts_by_mail_through(room: Postroom) -> None:
    async with room.database.begin() as tx:
        until = room.clock.now() + timedelta(minutes=5)
        await pause_dispatcher(tx, until, "halted", now=room.clock.now())
    text = await room.queue()
    await room.alert()
    await room.alert("cm@harbor.example", "email")
    await room.tick()
    assert await room.provider.sent() == []
    assert room.mail.taken == [("cm@harbor.example", "Text 3")]
    await room.passes(minutes=5)
    await room.tick()
    assert len(await room.provider.sent()) == 2
    assert (await room.state(text))[0] == "accepted"


async def test_a_stopped_dispatcher_stays_stopped_when_a_row_is_poison(room: Postroom) -> None:
    async with room.database.begin() as tx:
        until = room.clock.now() + timedelta(minutes=5)
        await pause_dispatcher(tx, until, "halted", now=room.clock.now())
    bad = await room.alert("cm@harbor.example", "email")
    await room.spoil(bad)
    await room.queue()
    await room.tick()
    assert await room.provider.sent() == []


# --- rows that raise -----------------------------------------------------------------------------------------------


async def test_a_poison_row_is_put_aside_while_the_others_leave(room: Postroom) -> None:
    bad = await room.queue()
    others = [await room.patient() for _ in range(3)]
    for other in others:
        await room.queue(whom=other)
    await room.alert()
    await room.spoil(bad)
    await room.tick()
    assert len(await room.provider.sent()) == 4
    for _ in range(3):
        await room.passes(minutes=6)
        await room.tick()
    assert await room.state(bad) == ("failed", "quarantined")
    assert "delivery_problem" in await room.tasks()


# --- two dispatchers -----------------------------------------------------------------------------------------------


async def test_two_dispatchers_send_each_text_once(room: Postroom) -> None:
    patients = [room.ana, *[await room.patient() for _ in range(9)]]
    for patient in patients:
        await room.queue(whom=patient)
        await room.queue(whom=patient)
    await room.provider.set_clock(room.clock.now())
    for _ in range(4):
        await asyncio.gather(*(room.dispatcher(batch=3).tick(room.clock.now()) for _ in range(3)))
    sent = await room.provider.sent()
    assert sorted(text.body for text in sent) == sorted(f"Text {n}" for n in range(1, 21))
    async with room.database.begin() as tx:
        assert await tx.scalar(select(Outbox.failures).where(Outbox.failures > 0).limit(1)) is None


# --- the fence -----------------------------------------------------------------------------------------------------


async def test_a_worker_that_slept_past_its_lease_does_not_send(room: Postroom) -> None:
    row = await room.queue()
    batch = await room.dispatcher().claim()
    await room.passes(seconds=61)
    await room.upkeep.reap(room.clock.now())
    assert await room.dispatcher().send_all(batch.claimed) == 0
    assert await room.sent() == []
    assert await room.state(row) == ("unknown", "lease_ended")


async def test_a_row_that_its_batch_had_no_time_for_goes_back_at_once(room: Postroom) -> None:
    """The claim is still ours and the call was surely not made, so nobody need ask the provider's list."""
    row = await room.queue()
    batch = await room.dispatcher().claim()
    await room.passes(seconds=40)  # 20 s of the lease are left: not enough for a call
    await room.dispatcher().send_all(batch.claimed)
    assert await room.sent() == []
    assert await room.state(row) == ("pending", "not_sent")
    await room.passes(seconds=10)
    await room.tick()
    assert len(await room.sent()) == 1


# --- one number, two clinics ---------------------------------------------------------------------------------------


async def test_a_stop_reaches_the_numbers_patients_in_every_clinic(room: Postroom) -> None:
    """One organisation: who said stop to one clinic did not mean to hear from the next one."""
    async with room.database.begin() as tx:
        other = await builders.clinic(tx, room.clock.now())
        luz = await builders.patient(tx, other, room.clock.now(), phone=room.ana.phone)
    row = await room.queue(whom=luz, clinic_id=other.id, sender_id=other.sender_id)
    await stop(room)
    await room.tick()
    assert await room.sent() == []
    assert await room.state(row) == ("suppressed", "opted_out")
    async with room.database.begin() as tx:
        lines = await tx.all(select(RegistryLine.clinic_id).where(RegistryLine.opted_out))
        tasks = await tx.all(select(Task.clinic_id).where(Task.kind == "opted_out"))
    assert (
        {line.clinic_id for line in lines} == {task.clinic_id for task in tasks} == {room.clinic.id, other.id}
    )
