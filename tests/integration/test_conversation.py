"""Conversations on both databases, told as they are had: a text goes in, the outbox and the record say what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, get_args

import pytest
from sqlalchemy import func, select, update

from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from messaging.consent import numbers
from messaging.consent.numbers import Stop
from messaging.consent.tables import NumberStop
from messaging.conversation import apply, filing, service, thread, turns
from messaging.conversation.apply import Cause
from messaging.conversation.decision import (
    AskAgain,
    CloseCheckIn,
    CompleteRun,
    Decision,
    Effect,
    Hold,
    LiftStop,
    Line,
    OpenTask,
    Postpone,
    RaiseRisk,
    SaveAnswer,
    Say,
    SetLanguage,
    Silence,
    StopNumber,
    WakeAt,
    WithdrawAnswer,
)
from messaging.conversation.service import Inbound, Ports, receive_safely
from messaging.conversation.tables import InboundMessage, SmsThread
from messaging.delivery.tables import Outbox
from messaging.escalation.service import ALERTS
from messaging.schedule.tables import CheckIn
from registry.measures.tables import Answer
from registry.patients.tables import Patient, PatientPhone
from registry.safety.tables import RiskSignal
from tests.support import builders
from tests.support.alerts import statements
from tests.support.clock import FakeClock
from tests.support.conversations import PUBLIC_URL, Desk, Phone

ZEROS = ("0",) * 8


@pytest.fixture
async def desk(database: Database, clock: FakeClock) -> Desk:
    return await Desk.open(database, clock)


# --- asking and filing -------------------------------------------------------------------------------------------


async def test_a_check_in_is_asked_item_by_item_and_filed(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana, ("phq9", "gad7"))
    assert "Over the last 2 weeks" in await ana.last()
    assert "(1 of 16) Little interest or pleasure in doing things" in await ana.last()
    await ana.says("1", "1", "0", "2", "0", "0", "1", "0", "0", *ZEROS[:7])
    assert await ana.results() == [("phq9", 5, "0"), ("gad7", 0, "not_asked")]
    assert await ana.check_in_state() == "completed"
    assert await ana.mode() == {"mode": "idle"}
    assert "They will be in touch." in await ana.last()
    assert await desk.tasks(ana) == []


async def test_the_end_names_the_next_contact(desk: Desk) -> None:
    later = desk.clock.now() + timedelta(days=8, hours=3)
    ana = await desk.enrols(next_contact_at=later, next_contact_mode="phone")
    await desk.asks(ana)
    await ana.says(*ZEROS, "0")
    assert "Next: phone call with your care team Tue 10 Mar, 2:00 PM" in await ana.last()


async def test_a_plain_answer_takes_at_most_ten_statements(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("0", "1")
    with statements(desk.database) as seen:
        await ana.texts("2", accept=False)
    turn = [s for s in seen if not s.startswith(("BEGIN", "PRAGMA", "SAVEPOINT"))]
    assert len(turn) <= 10, "\n".join(turn)
    assert (await ana.answers())["phq9", 3] == 2


async def test_spanish_speakers_are_asked_in_spanish_and_may_switch(desk: Desk) -> None:
    luz = await desk.enrols(language="es")
    await desk.asks(luz)
    assert "Poco interés o placer en hacer cosas" in await luz.last()
    await luz.says("varios dias", "ENGLISH")
    assert "OK, we will write in English." in await luz.last()
    assert "(2 of 9) Feeling down, depressed, or hopeless" in await luz.last()
    assert await desk.column(select(Patient.language)) == ["en"]
    assert await luz.answers() == {("phq9", 1): 1}


async def test_an_answer_with_a_slip_is_said_back(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("sevral days")
    assert (await ana.last()).startswith("Got 1 = Several days.\n(2 of 9)")


async def test_bulk_answers_are_read_back_and_need_an_ok(database: Database, clock: FakeClock) -> None:
    desk = await Desk.open(database, clock, bulk_answers=True)
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("0 1 2 1 0 3 1 0 0")
    assert "Q1 0, Q2 1, Q3 2, Q4 1, Q5 0, Q6 3, Q7 1, Q8 0, Q9 0" in await ana.last()
    assert await ana.answers() == {}
    await ana.says("OK")
    assert await ana.results() == [("phq9", 8, "0")]
    assert await ana.check_in_state() == "completed"


async def test_a_positive_ninth_value_is_never_read_back(database: Database, clock: FakeClock) -> None:
    desk = await Desk.open(database, clock, bulk_answers=True)
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("0 1 2 1 0 3 1 0 2")
    assert await ana.last_kind() == "crisis"
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.answers() == {}


async def test_back_skip_why_and_later(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("1", "2", "BACK")
    assert (await ana.last()).startswith("OK, that answer is taken back.\n(2 of 9)")
    await ana.says("BACK")
    assert "(1 of 9)" in await ana.last()
    await ana.says("BACK")
    assert "There is no answer we can take back here." in await ana.last()
    assert await ana.answers() == {}
    await ana.says("WHY")
    assert "help sooner" in await ana.last()
    assert "(1 of 9)" in await ana.last()
    await ana.says("SKIP", "LATER")
    assert "text you again tomorrow" in await ana.last()
    assert await ana.answers() == {("phq9", 1): None}
    await ana.says("3")
    assert await ana.answers() == {("phq9", 1): None, ("phq9", 2): 3}
    async with desk.database.begin() as tx:
        assert await tx.scalar(select(func.count()).select_from(Answer)) == 4


async def test_the_second_unread_reply_gets_a_shorter_question_and_the_third_a_person(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("7")
    assert (await ana.last()).startswith("Please reply with one number from 0 to 3.")
    assert "(1 of 9) Little interest" in await ana.last()
    await ana.says("2 or 3")
    assert await ana.last() == "(1 of 9) Please send just one number from 0 to 3. For example: 1"
    await ana.says("12")
    assert f"{PUBLIC_URL}/c/token-" in await ana.last()
    assert await desk.tasks(ana) == ["could_not_parse"]
    before = await ana.count()
    await ana.says("2")  # a plain answer goes on
    assert await ana.answers() == {("phq9", 1): 2}
    assert await ana.count() == before + 1


async def test_free_text_in_a_check_in_is_for_a_person_and_the_question_stays(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("can I move my appointment to friday please")
    assert "Your care team will read what you wrote." in await ana.last()
    assert await desk.tasks(ana) == ["inbound_text"]
    await ana.says("1")
    assert await ana.answers() == {("phq9", 1): 1}


async def test_help_leaves_the_question_open_and_a_person_looks(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("HELP")
    assert await ana.last_kind() == "help"
    assert await desk.tasks(ana) == ["inbound_text"]
    await ana.says("3")
    assert await ana.answers() == {("phq9", 1): 3}


# --- item 9 and crisis -------------------------------------------------------------------------------------------


async def test_a_positive_item_9_files_the_run_and_the_safety_text_is_the_only_text(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana, ("phq9", "gad7"))
    await ana.says(*ZEROS)
    before = await ana.count()
    await ana.says("1")
    assert await ana.count() == before + 1
    assert await ana.last_kind() == "crisis"
    assert "988" in await ana.last()
    assert "911" in await ana.last()
    assert await ana.results() == [("phq9", 1, "1")]
    assert await desk.events() == [(1, "self", "open")]
    assert await ana.check_in_state() == "in_progress"  # the rest waits for a person
    await ana.says("2")
    assert await ana.answers() == {("phq9", n): (1 if n == 9 else 0) for n in range(1, 10)}
    assert "inbound_text" in await desk.tasks(ana)


async def test_a_clinic_may_go_on_after_a_positive_item_9(database: Database, clock: FakeClock) -> None:
    desk = await Desk.open(database, clock, after_positive_item9="continue")
    ana = await desk.enrols()
    await desk.asks(ana, ("phq9", "gad7"))
    await ana.says(*ZEROS, "2")
    assert await ana.last_kind() == "crisis"
    clock.advance(minutes=16)
    await desk.sweep()
    assert "(10 of 16) Feeling nervous" in await ana.last()


async def test_skipping_item_9_opens_a_tier_1_event(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS, "SKIP")
    assert await desk.events() == [(1, "self", "open")]
    assert await ana.results() == [("phq9", None, "declined")]
    assert "988" in await ana.last()


async def test_an_unreadable_item_9_is_a_signal_and_asks_again_gently(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS, "not really")
    assert await desk.events() == [(1, "self", "open")]
    assert "call or text 988" in await ana.last()
    assert "(9 of 9)" in await ana.last()


async def test_back_after_a_positive_item_9_lowers_nothing(database: Database, clock: FakeClock) -> None:
    desk = await Desk.open(database, clock, after_positive_item9="continue")
    ana = await desk.enrols()
    await desk.asks(ana, ("phq9", "gad7"))
    await ana.says(*ZEROS, "3", "BACK", "0")
    assert (await ana.answers())["phq9", 9] == 3
    assert await desk.events() == [(2, "self", "open")]


@pytest.mark.parametrize("body", ["I want to die", "i dont want to be here", "kms", "quiero morir"])
async def test_crisis_words_are_never_told_to_reply_0_to_3(desk: Desk, body: str) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("1", body)
    assert await ana.last_kind() == "crisis"
    assert "0 to 3" not in await ana.last()
    assert await desk.events() == [(2, "self", "open")]
    assert "safety_event" in await desk.tasks(ana)
    assert (await ana.mode())["why"] == "crisis"


async def test_no_reminder_follows_a_crisis_text(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("1", "I want to die")
    before = await ana.count()
    for _ in range(5):
        desk.clock.advance(hours=12)
        await desk.sweep()
    assert await ana.count() == before


async def test_crisis_from_a_number_nobody_knows_opens_an_event(desk: Desk) -> None:
    stranger = desk.stranger()
    await stranger.says("I want to kill myself")
    assert await desk.events() == [(2, "self", "open")]
    assert await stranger.last_kind() == "crisis"


async def test_a_late_positive_change_of_item_9_is_not_thanked_away(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS, "0")
    assert await desk.events() == []
    await ana.says("2")
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.last_kind() == "crisis"
    assert "late_answer" in await desk.tasks(ana)


@pytest.mark.parametrize(
    ("mode", "said", "task"),
    [
        ("link_only", f"{PUBLIC_URL}/c/token-", []),
        ("staff_call", "A team member will call you", ["call_and_ask_item9"]),
    ],
)
async def test_item_9_may_stay_out_of_the_texts(
    database: Database, clock: FakeClock, mode: str, said: str, task: list[str]
) -> None:
    desk = await Desk.open(database, clock, item9_channel=mode)
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    assert said in await ana.last()
    assert await desk.tasks(ana) == task
    assert await ana.results() == []
    assert await ana.check_in_state() == "in_progress"


async def test_item_9_that_nobody_answered_on_the_page_is_asked_by_a_person(
    database: Database, clock: FakeClock
) -> None:
    desk = await Desk.open(database, clock, item9_channel="link_only")
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    clock.advance(hours=24, minutes=1)
    await desk.sweep()
    assert await desk.tasks(ana) == ["call_and_ask_item9"]


async def test_with_a_call_for_item_9_the_other_measure_is_still_texted(
    database: Database, clock: FakeClock
) -> None:
    desk = await Desk.open(database, clock, item9_channel="staff_call")
    ana = await desk.enrols()
    await desk.asks(ana, ("phq9", "gad7"))
    await ana.says(*ZEROS)
    assert "A team member will call you about one more question." in await ana.last()
    assert "(10 of 16) Feeling nervous" in await ana.last()
    await ana.says(*ZEROS[:7])
    assert await ana.results() == [("gad7", 0, "not_asked")]
    assert await ana.check_in_state() == "in_progress"


# --- stopping ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["STOP", "Stop. Thank you", "please stop texting me", "no mas", "opt out"])
async def test_stop_takes_effect_in_the_same_transaction(desk: Desk, body: str) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("1", body)
    assert await ana.check_in_state() == "opted_out"
    assert await desk.tasks(ana) == ["opted_out"]
    kinds = [kind for kind, _ in await ana.received()]
    assert kinds.count("stop_confirmation") == 1
    waiting = await desk.column(select(Outbox.id).where(Outbox.state == "pending"))
    assert waiting == []
    await ana.says("2")
    assert await ana.answers() == {("phq9", 1): 1}
    assert [kind for kind, _ in await ana.received()] == kinds
    assert "inbound_text" in await desk.tasks(ana)


async def test_the_provider_confirms_its_own_keywords_and_we_the_rest(desk: Desk) -> None:
    desk.ports = Ports(public_url=PUBLIC_URL, optout_reply="twilio")
    ana, ben = await desk.enrols(), await desk.enrols()
    await ana.says("stop")
    await ben.says("please stop texting me")
    assert await ana.received() == []
    assert [kind for kind, _ in await ben.received()] == ["stop_confirmation"]


async def test_stop_with_crisis_words_does_both(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("stop texting me, I want to die")
    assert await ana.check_in_state() == "opted_out"
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.last_kind() == "stop_confirmation"
    assert "988" in await ana.last()


async def test_an_unclear_stop_pauses_and_asks_once(desk: Desk) -> None:
    ana = await desk.enrols()
    await ana.says("STOP this terrible bill")
    assert "Reply STOP to end all texts" in await ana.last()
    assert await desk.tasks(ana) == ["opt_out_unclear"]
    before = await ana.count()
    await ana.says("stpo")
    assert await ana.count() == before
    assert await desk.column(select(NumberStop.kind)) == ["paused"]


async def test_start_lifts_what_the_patient_stopped_and_nothing_that_staff_stopped(desk: Desk) -> None:
    ana, ben = await desk.enrols(), await desk.enrols()
    await ana.says("STOP", "START")
    assert "you will get check-in texts again" in await ana.last()
    async with desk.database.begin() as tx:
        key = tx.vault.lookup(ben.number)
        await numbers.stop(
            tx,
            Stop(clinic_id=desk.clinic.id, phone_key=key, kind="opt_out", by="staff"),
            now=desk.clock.now(),
        )
    await ben.says("START")
    async with desk.database.begin() as tx:
        assert not (await numbers.state(tx, tx.vault.lookup(ana.number), desk.clinic.id)).stopped
        assert (await numbers.state(tx, tx.vault.lookup(ben.number), desk.clinic.id)).stopped


async def test_wrong_number_ends_texting_for_everyone_who_has_it(desk: Desk) -> None:
    ana = await desk.enrols(shared=True)
    ben = await desk.enrols(shared=True, phone=ana.number)
    await ana.says("wrong number")
    assert await desk.tasks(ana) == ["wrong_number"]
    assert await desk.tasks(ben) == ["wrong_number"]
    assert "We will not text this number again." in await ana.last()
    assert set(await desk.column(select(PatientPhone.state))) == {"wrong"}


async def test_who_is_this_pauses_and_gives_nothing_away(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("who is this?")
    assert "we text people who asked us to" in await ana.last()
    await ana.says("2")
    assert await ana.answers() == {}
    await ana.says("LINK")
    assert f"{PUBLIC_URL}/c/token-" in await ana.last()


async def test_our_own_question_is_answered_by_yes_and_no(desk: Desk) -> None:
    ana, ben = await desk.enrols(), await desk.enrols()
    for phone in (ana, ben):
        async with desk.database.begin() as tx:
            await service.ask_opt_in(tx, phone.actor(), phone.id, now=desk.clock.now(), ports=desk.ports)
    await desk.accepts()
    await ana.says("yes")
    await ben.says("no")
    assert "you will get check-in texts again" in await ana.last()
    async with desk.database.begin() as tx:
        assert not (await numbers.state(tx, tx.vault.lookup(ana.number), desk.clinic.id)).stopped
        assert (await numbers.state(tx, tx.vault.lookup(ben.number), desk.clinic.id)).stopped


# --- outside a check-in ------------------------------------------------------------------------------------------


async def test_any_text_outside_a_check_in_makes_a_task_and_states_the_limits(desk: Desk) -> None:
    ana = await desk.enrols()
    await ana.says("my pharmacy has closed")
    assert await desk.tasks(ana) == ["inbound_text"]
    assert "A person reads texts Mon-Fri 9-5." in await ana.last()


async def test_passive_replies_end_at_five_a_day(desk: Desk) -> None:
    ana = await desk.enrols()
    for number in range(8):
        await ana.says(f"out of office {number}")
    assert await ana.count() == 5
    await ana.says("HELP")  # a real action makes them new
    await ana.says("thanks a lot for that")
    assert await ana.count() == 7


async def test_an_unknown_number_gets_one_reply_a_day_and_is_never_matched(desk: Desk) -> None:
    await desk.enrols(given_name="Ana")
    stranger = desk.stranger()
    await stranger.says("this is Ana Rivera, my new phone", "hello?")
    assert await stranger.count() == 1
    assert await desk.tasks() == ["unknown_number"]
    assert await desk.column(select(InboundMessage.patient_id)) == [None, None]
    desk.clock.advance(hours=25)
    await stranger.says("hello?")
    assert await stranger.count() == 2


async def test_a_shared_phone_outside_a_check_in_is_not_attributed(desk: Desk) -> None:
    ana = await desk.enrols(shared=True)
    await desk.enrols(shared=True, phone=ana.number)
    await ana.says("hello there")
    assert await desk.column(select(InboundMessage.patient_id)) == [None]
    assert await desk.tasks() == ["inbound_text"]


async def test_the_second_check_in_on_a_phone_waits_until_the_first_is_over(desk: Desk) -> None:
    ana = await desk.enrols(shared=True)
    ben = await desk.enrols(shared=True, phone=ana.number)
    await desk.asks(ana)
    await desk.asks(ben)
    assert await ben.check_in_state() is None
    await ana.says(*ZEROS, "0")
    assert await ana.results() == [("phq9", 0, "0")]
    await desk.sweep()
    await desk.accepts()
    assert "(1 of 9)" in await ben.last()
    await ben.says("3")
    assert await ben.answers() == {("phq9", 1): 3}


async def test_after_the_end_a_value_is_already_done(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana, ("gad7",))
    await ana.says(*ZEROS[:7], "2")
    assert "already done" in await ana.last()
    assert await ana.results() == [("gad7", 0, "not_asked")]


async def test_an_answer_after_expiry_is_never_filed_and_a_new_check_in_is_offered(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("1", "1")
    desk.clock.advance(days=4)
    await desk.sweep()
    assert await ana.check_in_state() == "partial_expired"
    await ana.says("2")
    assert "To answer again reply LINK" in await ana.last()
    assert await desk.tasks(ana) == ["late_answer"]
    assert len(await ana.answers()) == 2
    await ana.says("LINK")
    await desk.sweep()
    assert await ana.check_in_state() == "invited"
    assert "(1 of 9)" in await ana.last()


async def test_a_text_to_an_old_number_is_nobodys(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    async with desk.database.begin() as tx:
        await tx.execute(update(PatientPhone).values(replaced_at=desk.clock.now()))
    await ana.says("2")
    assert await ana.answers() == {}
    assert await desk.column(select(InboundMessage.patient_id)) == [None]


async def test_pictures_are_not_read(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("", media=1)
    assert "We can't see pictures here." in await ana.last()


# --- races -------------------------------------------------------------------------------------------------------


async def test_a_replayed_webhook_changes_nothing(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("1", sid="SM1")
    before = await ana.count()
    result = await ana.texts("1", sid="SM1")
    assert result.state == "duplicate"
    assert await ana.count() == before


async def test_the_same_text_within_four_seconds_is_a_carrier_duplicate(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("1")
    await ana.texts("1", after=timedelta(seconds=3))
    assert await ana.answers() == {("phq9", 1): 1}


async def test_a_double_tap_does_not_answer_the_next_question(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("1", accept=False)
    await ana.texts("1", after=timedelta(seconds=8), accept=False)
    assert await ana.answers() == {("phq9", 1): 1}


async def test_another_value_before_the_next_question_left_is_a_correction(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("1", accept=False)
    await ana.texts("3", after=timedelta(seconds=6))
    assert await ana.answers() == {("phq9", 1): 3}
    assert (await ana.last()).startswith("Changed to 3 = Nearly every day.\n(2 of 9)")


async def test_a_question_that_came_under_four_seconds_ago_was_not_read(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("1")
    await ana.texts("3", after=timedelta(seconds=2))
    assert await ana.answers() == {("phq9", 1): 1}
    assert (await ana.last()).startswith(
        "We have 1 = Several days for the one before. Now this one:\n(2 of 9)"
    )


async def test_an_answer_waits_while_its_question_is_on_its_way(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("1", accept=False)
    await desk.accepts("sending")
    assert (await ana.texts("2", accept=False)).state == "held"
    assert (await ana.texts("3", accept=False)).state == "held"
    assert await ana.answers() == {("phq9", 1): 1}
    assert await desk.releases() == 0
    await desk.settles("accepted")
    # In their order: the first answers item 2; the third question has not left, so the second corrects the first.
    assert await desk.releases() == 2
    assert await ana.answers() == {("phq9", 1): 1, ("phq9", 2): 3}


async def test_a_held_answer_whose_question_never_left_corrects_the_one_before(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("1", accept=False)
    await desk.accepts("sending")
    await ana.texts("2", accept=False)
    await desk.settles("failed")
    assert await desk.releases() == 1
    assert await ana.answers() == {("phq9", 1): 2}


async def test_stop_is_never_held(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("1", accept=False)
    await desk.accepts("sending")
    assert (await ana.texts("STOP", accept=False)).state == "applied"
    assert await ana.check_in_state() == "opted_out"


async def test_a_held_answer_that_stays_in_doubt_goes_to_a_person(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("1", accept=False)
    await desk.accepts("unknown")
    await ana.texts("2", accept=False)
    desk.clock.advance(minutes=13)
    assert await desk.releases() == 1
    assert await ana.answers() == {("phq9", 1): 1}
    assert await desk.tasks(ana) == ["could_not_parse"]
    assert await ana.inbound() == [("applied", "answer:1"), ("applied", "answer:2")]


async def test_a_positive_item_9_that_stays_in_doubt_alarms(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS[:7])
    await ana.texts("0", accept=False)
    await desk.accepts("unknown")
    await ana.texts("3", accept=False)
    desk.clock.advance(minutes=13)
    await desk.releases()
    assert await desk.events() == [(2, "self", "open")]


async def test_a_question_that_was_lost_is_asked_again(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("1", accept=False)
    await desk.accepts("expired")
    await ana.texts("1")
    assert await ana.answers() == {("phq9", 1): 1}
    assert "(2 of 9)" in await ana.last()
    await ana.says("0")
    assert (await ana.answers())["phq9", 2] == 0


async def test_two_webhooks_at_once_take_turns(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    desk.clock.advance(seconds=20)
    now = desk.clock.now()

    def inbound(sid: str, body: str) -> Inbound:
        return Inbound(
            provider_sid=sid, clinic_id=desk.clinic.id, sender_id=desk.clinic.sender_id, from_=ana.number,
            to=desk.clinic.sender_number, body=body, media_count=0, received_at=now, via="webhook",
        )  # fmt: skip

    await asyncio.gather(
        *(receive_safely(desk.database, inbound(f"SM{n}", "2"), now=now, ports=desk.ports) for n in range(4))
    )
    assert await ana.answers() == {("phq9", 1): 2}
    assert {state for state, _ in await ana.inbound()} == {"applied"}
    assert await desk.column(select(SmsThread.turn)) == [2]


# --- the other channel -------------------------------------------------------------------------------------------


async def answer_on_page(desk: Desk, check_in_id: Any, *values: int | None) -> list[filing.Filed]:
    done = []
    for value in values:
        async with desk.database.begin() as tx:
            facts = await filing.check_in(tx, check_in_id, now=desk.clock.now(), lock=True)
            assert facts.sheet.next_open is not None
            run, item_no = facts.sheet.next_open
            filed = await filing.file_answer(
                tx, facts, run.run, item_no, value,
                raw=None, channel="portal", source_id=None, now=desk.clock.now(), alerts=ALERTS)  # fmt: skip
            done.append(filed)
    return done


async def test_nothing_is_asked_twice_when_the_patient_goes_on_elsewhere(desk: Desk) -> None:
    ana = await desk.enrols()
    check_in = await desk.asks(ana)
    await ana.says("1")
    await answer_on_page(desk, check_in, 2, 3)
    before = await ana.count()
    await ana.says("0")  # to the question of item 2, which the page has answered meanwhile
    assert await ana.answers() == {("phq9", 1): 1, ("phq9", 2): 2, ("phq9", 3): 3}
    assert await ana.count() == before + 1
    assert "(4 of 9)" in await ana.last()
    await ana.says("1")
    assert (await ana.answers())["phq9", 4] == 1


async def test_finishing_on_the_page_ends_the_texts(desk: Desk) -> None:
    ana = await desk.enrols()
    check_in = await desk.asks(ana)
    await ana.texts("1", accept=False)
    filed = await answer_on_page(desk, check_in, *[0] * 8)
    assert filed[-1].check_in_completed
    assert await ana.check_in_state() == "portal_completed"
    assert await ana.results() == [("phq9", 1, "0")]
    assert (
        await desk.column(select(Outbox.id).where(Outbox.state == "pending", Outbox.kind == "question")) == []
    )
    await ana.says("2")
    assert "already done" in await ana.last()


async def test_item_9_on_the_page_alarms_in_the_same_transaction(desk: Desk) -> None:
    ana = await desk.enrols()
    check_in = await desk.asks(ana)
    filed = await answer_on_page(desk, check_in, *[0] * 8, 2)
    assert filed[-1].risk is not None
    assert await desk.events() == [(2, "self", "open")]


async def test_texts_go_on_after_item_9_was_answered_on_the_page(
    database: Database, clock: FakeClock
) -> None:
    desk = await Desk.open(database, clock, item9_channel="link_only")
    ana = await desk.enrols()
    check_in = await desk.asks(ana, ("phq9", "gad7"))
    await ana.says(*ZEROS)
    await answer_on_page(desk, check_in, 0)
    assert await ana.results() == [("phq9", 0, "0")]
    clock.advance(minutes=30)
    await ana.says("hello")
    assert "(10 of 16)" in await ana.last()


# --- what can't be handled ---------------------------------------------------------------------------------------


async def break_thread(desk: Desk) -> None:
    """A state no version knows: the engine raises on it."""
    async with desk.database.begin() as tx:
        await tx.execute(update(SmsThread).values(state={"mode": "from_the_future"}))


async def test_a_text_that_can_t_be_handled_is_parked_with_its_scans(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await break_thread(desk)
    assert (await ana.texts("I want to die")).state == "parked"
    assert await desk.events() == [(2, "self", "open")]
    assert "parked_text" in await desk.tasks(ana)
    assert await ana.last_kind() == "crisis"
    assert (await ana.texts("STOP")).state == "parked"
    assert await ana.check_in_state() == "opted_out"
    assert [state for state, _ in await ana.inbound()] == ["parked", "parked"]


async def test_a_parked_text_is_never_tried_again(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await break_thread(desk)
    await ana.texts("2", sid="SM7")
    assert (await ana.texts("2", sid="SM7")).state == "duplicate"
    assert await desk.tasks(ana) == ["parked_text"]


@pytest.mark.parametrize("body", ["\x00", "\ud800", "٢", "2️⃣" * 300, "🙂" * 1000, " \n\t "])
async def test_no_text_breaks_a_turn(desk: Desk, body: str) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    assert (await ana.texts(body)).state == "applied"
    async with desk.database.begin() as tx:
        sealed = await tx.scalar(select(InboundMessage.body_sealed))
        assert tx.vault.open(sealed) == body


# --- people ------------------------------------------------------------------------------------------------------


async def test_staff_write_to_a_patient_and_what_waited_is_read(desk: Desk) -> None:
    ana = await desk.enrols()
    await ana.says("my pharmacy has closed")
    async with desk.database.begin() as tx:
        await service.staff_text(tx, ana.actor(), ana.id, "  We will call you today.  ", now=desk.clock.now())
    assert await ana.last() == "We will call you today."
    assert await desk.tasks(ana) == []
    assert None not in await desk.column(select(InboundMessage.staff_seen_at))


async def test_staff_can_t_text_who_may_not_be_texted(desk: Desk) -> None:
    ana, ben = await desk.enrols(), await desk.enrols()
    await ana.says("STOP")
    await desk.accepts()
    now = desk.clock.now()
    async with desk.database.begin() as tx:
        with pytest.raises(Conflict, match="opted_out"):
            await service.staff_text(tx, ana.actor(), ana.id, "hello", now=now)
        with pytest.raises(Invalid):
            await service.staff_text(tx, ben.actor(), ben.id, "  ", now=now)
        with pytest.raises(Forbidden):
            await service.staff_text(tx, desk.clinic.actor("biller"), ben.id, "hello", now=now)
        with pytest.raises(NotFound):
            await service.staff_text(tx, ben.actor(), desk.clinic.id, "hello", now=now)


async def test_the_thread_tells_what_is_known_about_each_text(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("1", accept=False)
    await ana.texts("STOP", accept=False)
    async with desk.database.begin() as tx:
        seen = await thread.messages(tx, ana.actor(), ana.id, now=desk.clock.now())
    told = [(line.direction, line.delivery, line.reason or line.understood) for line in seen.lines]
    assert told == [
        ("out", "accepted", None),
        ("in", None, "answer:1"),
        ("out", "suppressed", "opted_out"),
        ("in", None, "stop"),
        ("out", "waiting", None),
    ]
    assert seen.lines[1].body == "1"
    async with desk.database.begin() as tx:
        page = await thread.messages(
            tx, ana.actor(), ana.id, limit=2, before=seen.lines[3].at, now=desk.clock.now()
        )
        assert [line.body for line in page.lines] == [line.body for line in seen.lines[1:3]]
        assert page.more


async def test_another_clinic_sees_no_thread(desk: Desk) -> None:
    ana = await desk.enrols()
    async with desk.database.begin() as tx:
        other = await builders.clinic(tx, desk.clock.now())
    async with desk.database.begin() as tx:
        with pytest.raises(NotFound):
            await thread.messages(tx, other.actor("care_manager"), ana.id, now=desk.clock.now())
        with pytest.raises(NotFound):
            await thread.mark_read(tx, other.actor("care_manager"), ana.id, now=desk.clock.now())


async def test_reading_the_thread_ends_the_task_to_read(desk: Desk) -> None:
    ana = await desk.enrols()
    await ana.says("my pharmacy has closed")
    async with desk.database.begin() as tx:
        assert await thread.mark_read(tx, ana.actor(), ana.id, now=desk.clock.now()) == 1
        assert await thread.mark_read(tx, ana.actor(), ana.id, now=desk.clock.now()) == 0
    assert await desk.tasks(ana) == []


async def test_each_risk_signal_has_exactly_one_source(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("I want to die", "I want to die tonight")
    await ana.texts("I want to die", after=timedelta(seconds=2))
    sources = await desk.column(select(RiskSignal.source_id))
    assert len(sources) == len(set(sources)) == 3
    assert len(await desk.events()) == 1


# --- every decision is carried out -------------------------------------------------------------------------------


async def applied(desk: Desk, ana: Phone, *done: Effect, wrote: str = "2") -> None:
    """Carries effects out on Ana's thread as if a text of hers had led to them."""
    result = await ana.texts(wrote, accept=False)
    async with desk.database.begin() as tx:
        thread_id = await tx.scalar(select(SmsThread.id))
        turn = await turns.load(
            tx, thread_id, now=desk.clock.now(), received_at=desk.clock.now(), own=result.id, body_hash=""
        )
        cause = Cause(result.id, wrote, desk.clock.now())
        await apply.apply(tx, turn, Decision(turn.state, done), cause, desk.ports, now=desk.clock.now())


async def answered_3(desk: Desk, ana: Phone) -> bool:
    return (await ana.answers()).get(("phq9", 3)) == 3


async def withdrawn(desk: Desk, ana: Phone) -> bool:
    return ("phq9", 1) not in await ana.answers()


async def scored(desk: Desk, ana: Phone) -> bool:
    return await ana.results() == [("phq9", None, "unknown")]


async def completed(desk: Desk, ana: Phone) -> bool:
    return await ana.check_in_state() == "completed"


async def alarmed(desk: Desk, ana: Phone) -> bool:
    return await desk.events() == [(3, "others", "open")]


async def task_opened(desk: Desk, ana: Phone) -> bool:
    return "who_is_this" in await desk.tasks(ana)


async def number_stopped(desk: Desk, ana: Phone) -> bool:
    return await desk.column(select(NumberStop.kind)) == ["opt_out"]


async def stop_lifted(desk: Desk, ana: Phone) -> bool:
    return None not in await desk.column(select(NumberStop.lifted_at))


async def spanish(desk: Desk, ana: Phone) -> bool:
    return await desk.column(select(Patient.language)) == ["es"]


async def put_off(desk: Desk, ana: Phone) -> bool:
    (next_at,) = await desk.column(select(CheckIn.next_at))
    return bool(next_at > desk.clock.now() + timedelta(hours=12))


async def silenced(desk: Desk, ana: Phone) -> bool:
    (next_at,) = await desk.column(select(CheckIn.next_at))
    (expires_at,) = await desk.column(select(CheckIn.expires_at))
    return bool(next_at == expires_at)


async def wakes(desk: Desk, ana: Phone) -> bool:
    return await desk.column(select(SmsThread.wake_at)) == [WAKE]


async def said(desk: Desk, ana: Phone) -> bool:
    return await ana.last_kind() == "help"


WAKE = FakeClock().now() + timedelta(hours=5)
APPLIED: dict[type[Any], tuple[tuple[Effect, ...], Callable[[Desk, Phone], Awaitable[bool]]]] = {
    SaveAnswer: ((SaveAnswer(2, 3),), answered_3),
    WithdrawAnswer: ((WithdrawAnswer(0),), withdrawn),
    CompleteRun: ((CompleteRun(0),), scored),
    CloseCheckIn: ((CloseCheckIn(),), completed),
    RaiseRisk: ((RaiseRisk("crisis_text", 3, "others"),), alarmed),
    OpenTask: ((OpenTask("who_is_this"),), task_opened),
    StopNumber: ((StopNumber("opt_out"),), number_stopped),
    LiftStop: ((StopNumber("opt_out"), LiftStop()), stop_lifted),
    SetLanguage: ((SetLanguage("es"),), spanish),
    Postpone: ((Postpone(),), put_off),
    Silence: ((Silence(),), silenced),
    WakeAt: ((WakeAt(WAKE),), wakes),
    Say: ((Say("help", (Line("help"),)),), said),
}
# These two are shown by their own stories: "...waits while its question is on its way", "...a new check-in is offered".
IN_STORIES = {Hold, AskAgain}


@pytest.mark.parametrize("kind", APPLIED, ids=lambda kind: kind.__name__)
async def test_every_effect_is_carried_out(desk: Desk, kind: type[Any]) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    done, shows = APPLIED[kind]
    await applied(desk, ana, *done)
    assert await shows(desk, ana)


def test_no_effect_is_left_out() -> None:
    assert APPLIED.keys() | IN_STORIES == set(get_args(Effect))
