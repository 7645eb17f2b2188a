"""What a patient says about harm is heard, whatever the conversation, the clock or the other channel was doing."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from kernel.db import Database
from messaging.conversation import filing, parked
from messaging.conversation.inbound import Inbound
from messaging.conversation.tables import SmsThread
from messaging.delivery import claims
from messaging.delivery.tables import Outbox
from messaging.escalation.service import ALERTS
from messaging.schedule import service as schedule
from messaging.schedule.tables import CheckIn
from registry.organisation.tables import Clinic
from registry.patients.tables import PatientPhone
from registry.ports import ContentLevel
from registry.safety.tables import RiskEvent
from tests.support.clock import FakeClock
from tests.support.conversations import Desk, Phone

ZEROS = ("0",) * 8
QUICK = timedelta(seconds=2)


@pytest.fixture
async def desk(database: Database, clock: FakeClock) -> Desk:
    return await Desk.open(database, clock)


# --- what is being asked -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", ["WHY", "ESPAÑOL", "LATER", "START"])
async def test_a_quick_answer_after_item_9_is_asked_again_is_the_answer_to_item_9(
    desk: Desk, between: str
) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    await ana.texts(between, accept=False)
    await ana.texts("3", after=QUICK, accept=False)
    assert (await ana.answers())["phq9", 9] == 3
    assert (await ana.answers())["phq9", 8] == 0
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.last_kind() == "crisis"


async def test_a_correction_of_item_9_right_after_the_next_question_alarms(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana, ("phq9", "gad7"))
    await ana.says(*ZEROS, "0")
    await ana.texts("3", after=QUICK)
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.last_kind() == "crisis"


async def test_a_positive_item_9_alarms_while_it_is_held_and_once(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS[:7])
    await ana.texts("0", accept=False)
    await desk.accepts("sending")
    assert (await ana.texts("3", accept=False)).state == "held"
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.last_kind() == "crisis"
    await desk.settles("accepted")
    assert await desk.releases() == 1
    assert (await ana.answers())["phq9", 9] == 3
    assert await desk.events() == [(2, "self", "open")]
    assert [kind for kind, _ in await ana.received()].count("crisis") == 1


async def test_a_row_of_digits_that_ends_in_a_positive_item_9_alarms(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("0", "0", "0 0 0 0 0 0 3")
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.last_kind() == "crisis"
    assert len(await ana.answers()) == 2


async def parks(desk: Desk, ana: Phone, body: str) -> None:
    """A text whose turn raised."""
    async with desk.database.begin() as tx:
        inbound = Inbound(
            provider_sid="SM-parked", clinic_id=desk.clinic.id, sender_id=desk.clinic.sender_id,
            from_=ana.number, to=desk.clinic.sender_number, body=body, media_count=0,
            received_at=desk.clock.now(), via="webhook",
        )  # fmt: skip
        await parked.park(tx, inbound, "Unavailable", now=desk.clock.now(), ports=desk.ports)


@pytest.mark.parametrize(
    ("said", "events", "last"),
    [
        ("3", [(2, "self", "open")], "crisis"),
        ("1", [(1, "self", "open")], "crisis"),
        ("not really", [(1, "self", "open")], "question"),
        ("SKIP", [(1, "self", "open")], "question"),
        ("0", [], "question"),
        ("WHY", [], "question"),
    ],
)
async def test_a_parked_reply_to_item_9_is_a_signal(
    desk: Desk, said: str, events: list[tuple[int, str, str]], last: str
) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    await parks(desk, ana, said)
    assert await desk.events() == events
    assert await ana.last_kind() == last
    assert "parked_text" in await desk.tasks(ana)


@pytest.mark.parametrize(
    ("said", "events"),
    [("3", [(2, "self", "open")]), ("1", [(1, "self", "open")]), ("0", []), ("Thanks", [])],
)
async def test_a_parked_number_while_item_9_waits_on_the_secure_page_is_a_signal(
    database: Database, clock: FakeClock, said: str, events: list[tuple[int, str, str]]
) -> None:
    desk = await Desk.open(database, clock, item9_channel="link_only")
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    await parks(desk, ana, said)
    assert await desk.events() == events
    assert "parked_text" in await desk.tasks(ana)


async def test_a_parked_row_of_numbers_that_ends_in_a_positive_item_9_is_a_signal(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("0", "0")
    await parks(desk, ana, "0 0 0 0 0 0 3")
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.last_kind() == "crisis"


async def test_a_parked_reply_to_another_item_is_for_a_person_alone(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS[:7])
    await parks(desk, ana, "3")
    assert await desk.events() == []
    assert await desk.tasks(ana) == ["parked_text"]


# --- item 9 left to another channel ------------------------------------------------------------------------------


async def answers_on_the_page(desk: Desk, check_in_id: UUID, *numbers: int) -> None:
    for number in numbers:
        async with desk.database.begin() as tx:
            now = desk.clock.now()
            facts = await filing.check_in(tx, check_in_id, now=now, lock=True)
            run = facts.sheet.runs[0].run
            await filing.file_answer(
                tx, facts, run, number, 0, raw=None, channel="portal", source_id=None, now=now, alerts=ALERTS
            )


async def test_item_9_that_the_page_was_left_at_is_asked_by_a_person(
    database: Database, clock: FakeClock
) -> None:
    desk = await Desk.open(database, clock, item9_channel="link_only", settings={"item9_link_wait_hours": 6})
    ana = await desk.enrols()
    check_in_id = await desk.asks(ana)
    await ana.says("0", "0")
    await answers_on_the_page(desk, check_in_id, *range(3, 9))
    clock.advance(hours=5)
    await desk.sweep()
    await answers_on_the_page(desk, check_in_id, 8)  # changed once more: the wait goes on
    assert await desk.tasks(ana) == []
    clock.advance(hours=1, minutes=1)
    await desk.sweep()
    assert await desk.tasks(ana) == ["call_and_ask_item9"]


async def test_item_9_that_a_person_asks_is_their_task_when_the_page_is_left_at_it(
    database: Database, clock: FakeClock
) -> None:
    desk = await Desk.open(database, clock, item9_channel="staff_call")
    ana = await desk.enrols()
    check_in_id = await desk.asks(ana)
    await ana.says("0", "0")
    await answers_on_the_page(desk, check_in_id, *range(3, 9))
    assert await desk.tasks(ana) == ["call_and_ask_item9"]
    await answers_on_the_page(desk, check_in_id, 9)
    assert await desk.tasks(ana) == []


@pytest.mark.parametrize("said", ["who is this", "I want to die"])
async def test_item_9_on_the_page_is_not_forgotten_when_the_texts_pause(
    database: Database, clock: FakeClock, said: str
) -> None:
    desk = await Desk.open(database, clock, item9_channel="link_only")
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS, said)
    clock.advance(hours=24, minutes=1)
    await desk.sweep()
    assert "call_and_ask_item9" in await desk.tasks(ana)


# --- safety replies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["3", "I want to die"])
async def test_the_safety_reply_belongs_to_its_event(desk: Desk, said: str) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS, said)
    (event_id,) = await desk.column(select(RiskEvent.id))
    assert await desk.column(select(Outbox.event_id).where(Outbox.kind == "crisis")) == [event_id]


async def test_the_safety_reply_to_a_parked_text_belongs_to_its_event(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    async with desk.database.begin() as tx:
        await tx.execute(update(SmsThread).values(state={"mode": "from_the_future"}))
    assert (await ana.texts("I want to die")).state == "parked"
    (event_id,) = await desk.column(select(RiskEvent.id))
    assert await desk.column(select(Outbox.event_id).where(Outbox.kind == "crisis")) == [event_id]


async def test_no_reminder_of_a_link_follows_a_crisis_text(desk: Desk) -> None:
    ana = await desk.enrols(level="link_only", channel="sms_link")
    await desk.asks(ana)
    desk.clock.advance(hours=24)
    await desk.sweep()
    assert await desk.column(select(Outbox.state).where(Outbox.kind == "reminder")) == ["pending"]
    await ana.texts("I want to kill myself", accept=False)
    assert await desk.column(select(Outbox.state).where(Outbox.kind == "reminder")) == ["suppressed"]
    before = await ana.count()
    for _ in range(13):
        desk.clock.advance(hours=12)
        await desk.sweep()
    assert await ana.count() == before


@pytest.mark.parametrize("level", ["items_by_sms", "link_only"])
@pytest.mark.parametrize("crisis", [False, True])
async def test_an_undelivered_text_brings_no_reminder_back_after_a_crisis_text(
    desk: Desk, level: ContentLevel, crisis: bool
) -> None:
    ana = await desk.enrols(level=level, channel="sms_items" if level == "items_by_sms" else "sms_link")
    check_in_id = await desk.asks(ana)
    if crisis:
        await ana.says("I want to kill myself")
    before = await desk.column(select(CheckIn.next_at).where(CheckIn.id == check_in_id))
    async with desk.database.begin() as tx:
        now = desk.clock.now()
        await schedule.prompt_lost(tx, check_in_id, "sms", failed_at=now, now=now)
    after = await desk.column(select(CheckIn.next_at).where(CheckIn.id == check_in_id))
    assert (after == before) is crisis


@pytest.mark.parametrize("said", ["I want to kill myself", "who is this"])
async def test_going_on_by_the_link_brings_no_pulled_reminder_into_a_paused_thread(
    desk: Desk, said: str
) -> None:
    ana = await desk.enrols()
    check_in_id = await desk.asks(ana)
    await ana.says(said)
    async with desk.database.begin() as tx:
        now = desk.clock.now()
        facts = await filing.check_in(tx, check_in_id, now=now, lock=True)
        await filing.file_answer(
            tx,
            facts,
            facts.sheet.runs[0].run,
            1,
            0,
            raw=None,
            channel="portal",
            source_id=None,
            now=now,
            alerts=ALERTS,
        )
        before = await tx.scalar(select(CheckIn.next_at).where(CheckIn.id == check_in_id))
        await schedule.prompt_lost(tx, check_in_id, "sms", failed_at=now, now=now)
        assert await tx.scalar(select(CheckIn.next_at).where(CheckIn.id == check_in_id)) == before


# --- replies that must leave -------------------------------------------------------------------------------------


async def claimed(desk: Desk) -> list[str]:
    """The wordings that the dispatcher would hand to the provider now."""
    async with desk.database.begin() as tx:
        batch = await claims.claim(tx, now=desk.clock.now(), limit=50)
    ids = [row.outbox_id for row in batch.claimed]
    return await desk.column(select(Outbox.template).where(Outbox.id.in_(ids), Outbox.kind != "alert"))


async def test_thanks_for_telling_us_that_a_number_is_wrong_still_leaves(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.texts("wrong number", accept=False)
    assert await claimed(desk) == ["wrong_number_ack@1"]


@pytest.mark.parametrize(
    ("said", "template"), [("hello there", "idle_ack@1"), ("START", "start_confirmation@1")]
)
async def test_a_shared_phone_is_answered_without_naming_anybody(
    desk: Desk, said: str, template: str
) -> None:
    ana = await desk.enrols()
    async with desk.database.begin() as tx:
        await tx.execute(update(PatientPhone).values(shared=True))
    await ana.texts(said, accept=False)
    assert await claimed(desk) == [template]


# --- after the end -----------------------------------------------------------------------------------------------


async def test_an_answer_after_its_72_hours_is_late_even_before_the_sweep(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    desk.clock.advance(hours=72)
    result = await ana.texts("0")
    assert result.classified_as == "late_answer"
    assert ("phq9", 9) not in await ana.answers()
    assert await desk.tasks(ana) == ["late_answer"]
    assert await desk.events() == []
    await desk.sweep()
    assert await ana.check_in_state() == "partial_expired"
    assert await ana.mode() == {"mode": "idle"}


@pytest.mark.parametrize("swept", [True, False])
async def test_item_9_answered_after_the_end_alarms(desk: Desk, swept: bool) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    desk.clock.advance(hours=73)
    if swept:
        await desk.sweep()
    await ana.says("2")
    assert await desk.events() == [(2, "self", "open")]
    assert "late_answer" in await desk.tasks(ana)
    assert await ana.last_kind() == "crisis"
    assert ("phq9", 9) not in await ana.answers()


async def test_another_item_answered_after_the_end_alarms_nobody(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS[:7])
    desk.clock.advance(hours=73)
    await ana.says("2")
    assert await desk.events() == []
    assert "late_answer" in await desk.tasks(ana)


# --- item 9 waits elsewhere ------------------------------------------------------------------------------------------


async def test_a_digit_texted_while_item_9_waits_on_the_page_is_heard(desk: Desk) -> None:
    async with desk.database.begin() as tx:
        await tx.execute(update(Clinic).values(item9_channel="link_only"))
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    assert await desk.events() == []
    result = await ana.texts("2")
    assert result.classified_as == "late_answer+risk"
    assert await desk.events() == [(2, "self", "open")]
    assert ("phq9", 9) not in await ana.answers()
    before = await ana.count()
    for _ in range(10):
        desk.clock.advance(hours=12)
        await desk.sweep()
    assert await ana.count() == before  # nothing asks to go on; a person does


async def test_who_is_this_ends_the_reminders_of_a_link(desk: Desk) -> None:
    ana = await desk.enrols(level="link_only", channel="sms_link")
    await desk.asks(ana)
    await ana.says("who is this")
    before = await ana.count()
    for _ in range(13):
        desk.clock.advance(hours=12)
        await desk.sweep()
    assert await ana.count() == before


async def test_beginning_on_the_page_after_a_crisis_text_brings_no_reminders(desk: Desk) -> None:
    ana = await desk.enrols(level="link_only", channel="sms_link")
    check_in_id = await desk.asks(ana)
    await ana.says("I want to kill myself")
    async with desk.database.begin() as tx:
        facts = await filing.check_in(tx, check_in_id, now=desk.clock.now(), lock=True)
        await filing.file_answer(
            tx, facts, facts.sheet.runs[0].run, 1, 0, raw=None, channel="portal", source_id=None,
            now=desk.clock.now(), alerts=ALERTS)  # fmt: skip
        row = await tx.first(select(CheckIn.next_at, CheckIn.expires_at).where(CheckIn.id == check_in_id))
    assert row is not None
    assert row.next_at == row.expires_at
