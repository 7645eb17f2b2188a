"""Reminders: of a check-in that was not begun, of one that was left, and of the next contact. March 2026, Seattle."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from kernel.db import Database
from messaging.consent.tables import NumberStop
from messaging.conversation.tables import SmsThread
from messaging.schedule import closing, contacts, jobs, service
from messaging.schedule.tables import CheckIn, ContactReminder
from registry.patients import service as patients
from registry.patients.forms import PhoneForm
from registry.patients.tables import Patient
from tests.support.builders import PatientRows
from tests.support.clock import FakeClock
from tests.support.programme import Programme, la

TUE = date(2026, 3, 3)


@pytest.fixture
async def programme(database: Database, clock: FakeClock) -> Programme:
    return await Programme.open(database, clock)


async def begins(programme: Programme, patient: PatientRows) -> UUID:
    """The patient answers the first question of the check-in that is open."""
    [check_in] = [row.id for row in await programme.rows(patient) if row.state == "invited"]
    async with programme.database.begin() as tx:
        assert await service.started(tx, check_in, now=programme.clock.now())
    return check_in


async def times(programme: Programme, patient: PatientRows) -> list[tuple[str, datetime]]:
    return [(text.kind, text.at) for text in await programme.sent(patient)]


class TestNotBegun:
    async def test_an_invitation_two_reminders_then_a_person(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 7, 9, 59))
        assert await times(programme, ana) == [
            ("invitation", la(3, 3, 10)),
            ("reminder", la(3, 4, 10)),
            ("reminder", la(3, 6, 10)),
        ]
        assert await programme.tasks(ana) == []
        await programme.runs_until(la(3, 7, 10))
        assert await programme.tasks(ana) == ["unanswered_check_in"]
        assert (await programme.check_ins(ana))[0] == (TUE, "invited")

    async def test_it_is_missed_a_week_after_the_invitation(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        # The clocks go forward on 8 March, so seven days later it is 11:00.
        await programme.runs_until(la(3, 10, 10, 59))
        assert (await programme.check_ins(ana))[0] == (TUE, "invited")
        await programme.runs_until(la(3, 10, 11))
        assert (await programme.check_ins(ana))[0] == (TUE, "missed")
        assert len(await programme.sent(ana)) == 3

    async def test_the_third_text_goes_by_the_second_channel(self, programme: Programme) -> None:
        ana = await programme.enrols(
            first_on=TUE, channel="sms_items", second_channel="sms_link", level="items_by_sms"
        )
        await programme.runs_until(la(3, 6, 10))
        bodies = [text.body for text in await programme.sent(ana)]
        assert [("/c/" in body) for body in bodies] == [False, False, True]
        assert "0 of 16 done" in bodies[1]

    async def test_with_the_phone_as_second_channel_a_person_calls_instead(
        self, programme: Programme
    ) -> None:
        ana = await programme.enrols(first_on=TUE, second_channel="phone")
        await programme.runs_until(la(3, 6, 10))
        assert [kind for kind, _ in await times(programme, ana)] == ["invitation", "reminder"]
        assert await programme.tasks(ana) == ["call_and_ask"]
        await programme.runs_until(la(3, 7, 12))
        assert await programme.tasks(ana) == ["call_and_ask"]

    async def test_each_reminder_has_its_own_link(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 4, 10))
        first, second = await programme.sent(ana)
        assert programme.tokens.made[0] in first.body
        assert programme.tokens.made[1] in second.body

    async def test_a_finished_check_in_reminds_nobody(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 3, 10))
        check_in = await begins(programme, ana)
        async with programme.database.begin() as tx:
            await closing.close(
                tx, check_in, state="portal_completed", reason="answered", now=programme.clock.now()
            )
        await programme.runs_for(days=10)
        assert [kind for kind, _ in await times(programme, ana)] == ["invitation"]
        assert await programme.tasks(ana) == []

    async def test_a_late_answer_closes_the_task_to_call(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 7, 12))
        assert await programme.tasks(ana) == ["unanswered_check_in"]
        await begins(programme, ana)
        assert await programme.tasks(ana) == []

    async def test_later_moves_the_reminder_to_the_next_morning(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 3, 18))
        [check_in, _] = await programme.rows(ana)
        async with programme.database.begin() as tx:
            assert await service.postpone(tx, check_in.id, now=programme.clock.now()) == la(3, 4, 9)
        await programme.runs_until(la(3, 4, 12))
        assert await times(programme, ana) == [("invitation", la(3, 3, 10)), ("reminder", la(3, 4, 9))]

    async def test_an_undelivered_text_brings_the_next_reminder_forward(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 3, 10, 5))
        [check_in, _] = await programme.rows(ana)
        async with programme.database.begin() as tx:
            now = programme.clock.now()
            await service.prompt_lost(tx, check_in.id, "sms", failed_at=now, now=now)
        await programme.runs_until(la(3, 4, 15))
        assert await times(programme, ana) == [("invitation", la(3, 3, 10)), ("reminder", la(3, 3, 12, 5))]

    async def test_a_paused_number_waits_for_the_next_day(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        async with programme.database.begin() as tx:
            key = tx.vault.lookup(ana.phone)
        stop = await programme.adds(
            NumberStop, phone_key=key, kind="paused", scope="organisation", clinic_id=None, by="patient",
            wording_sealed=None, source_id=None, classifier_version=None, at=programme.clock.now(),
            lifted_at=None, lifted_by=None, lifted_source_id=None,
        )  # fmt: skip
        await programme.runs_until(la(3, 3, 20))
        assert await programme.sent(ana) == []
        await programme.changes(NumberStop, stop, lifted_at=programme.clock.now())
        await programme.runs_until(la(3, 4, 9))
        assert await times(programme, ana) == [("invitation", la(3, 4, 9))]


class TestBegun:
    async def test_two_reminders_a_day_apart_then_it_expires(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 3, 14))
        await begins(programme, ana)
        await programme.runs_until(la(3, 6, 13, 59))
        assert await times(programme, ana) == [
            ("invitation", la(3, 3, 10)),
            ("reminder", la(3, 4, 14)),
            ("reminder", la(3, 5, 14)),
        ]
        assert (await programme.check_ins(ana))[0] == (TUE, "in_progress")
        await programme.runs_until(la(3, 6, 14))
        assert (await programme.check_ins(ana))[0] == (TUE, "partial_expired")
        assert await programme.tasks(ana) == []

    async def test_the_reminder_waits_for_the_window(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 3, 22))
        await begins(programme, ana)
        await programme.runs_until(la(3, 5, 8, 59))
        assert len(await programme.sent(ana)) == 1
        await programme.runs_until(la(3, 5, 9))
        assert (await times(programme, ana))[1:] == [("reminder", la(3, 5, 9))]

    async def test_a_second_start_changes_nothing(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 3, 14))
        check_in = await begins(programme, ana)
        programme.clock.advance(hours=5)
        async with programme.database.begin() as tx:
            assert not await service.started(tx, check_in, now=programme.clock.now())
        [row, _] = await programme.rows(ana)
        assert (row.first_answer_at, row.expires_at) == (la(3, 3, 14), la(3, 6, 14))

    async def test_nobody_is_reminded_in_the_middle_of_answering(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE, channel="sms_items", level="items_by_sms")
        await programme.runs_until(la(3, 3, 14))
        check_in = await begins(programme, ana)
        async with programme.database.begin() as tx:
            thread = await tx.scalar(select(SmsThread.id).where(SmsThread.active_check_in_id == check_in))
        await programme.changes(SmsThread, thread, last_inbound_at=la(3, 4, 13, 50), turn=4)
        await programme.runs_until(la(3, 4, 14, 19))
        assert len(await programme.sent(ana)) == 1
        await programme.runs_until(la(3, 4, 14, 20))
        assert (await times(programme, ana))[1:] == [("reminder", la(3, 4, 14, 20))]
        async with programme.database.begin() as tx:
            turn = await tx.scalar(select(SmsThread.turn).where(SmsThread.id == thread))
        assert turn == 4

    async def test_the_next_check_in_waits_for_one_that_is_being_answered(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE, every=7)
        await programme.runs_until(la(3, 9, 18))
        await begins(programme, ana)
        await programme.runs_until(la(3, 10, 12))
        assert (await programme.rows(ana))[1].queued_behind
        async with programme.database.begin() as tx:
            await closing.close(
                tx, (await programme_first(tx, ana)), state="completed", reason="answered",
                now=programme.clock.now(),
            )  # fmt: skip
        await programme.sweep()
        assert (await programme.check_ins(ana))[:2] == [(TUE, "completed"), (date(2026, 3, 10), "invited")]


async def programme_first(tx, patient):  # type: ignore[no-untyped-def]
    return await tx.scalar(
        select(CheckIn.id).where(CheckIn.patient_id == patient.id).order_by(CheckIn.local_due_date).limit(1)
    )


class TestContacts:
    async def test_the_day_before_and_the_same_morning(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 17))
        await programme.meets(ana, la(3, 5, 14, 30), "video")
        await programme.runs_until(la(3, 6, 9))
        texts = await programme.sent(ana)
        assert [(text.kind, text.at) for text in texts] == [
            ("contact_reminder", la(3, 4, 10)),
            ("contact_reminder", la(3, 5, 9)),
        ]
        assert "2:30 PM" in texts[0].body
        assert len(texts[0].body) <= 160

    async def test_it_speaks_the_patients_language_on_the_patients_clock(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 17), language="es", zone="America/New_York")
        await programme.meets(ana, la(3, 5, 11), "phone")
        await programme.runs_until(la(3, 4, 12))
        [text] = await programme.sent(ana)
        assert "2:00 PM" in text.body
        assert "llamada" in text.body

    async def test_a_moved_contact_is_never_announced_at_its_old_time(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 17))
        await programme.meets(ana, la(3, 5, 14))
        await programme.runs_until(la(3, 4, 9))
        await programme.meets(ana, la(3, 6, 15))
        await programme.runs_until(la(3, 6, 20))
        texts = await programme.sent(ana)
        assert [text.at for text in texts] == [la(3, 5, 10), la(3, 6, 9)]
        assert all("3:00 PM" in text.body for text in texts)

    async def test_a_queued_reminder_is_taken_back_when_the_contact_moves(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 17))
        await programme.meets(ana, la(3, 5, 14))
        await programme.runs_until(la(3, 4, 9))
        programme.clock.set(la(3, 4, 10))
        await programme.sweep()  # queued, and not dispatched yet
        await programme.meets(ana, None)
        await programme.sweep()
        assert [text.state for text in await programme.sent(ana)] == ["suppressed"]

    async def test_one_text_carries_the_invitation_and_the_reminder(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.meets(ana, la(3, 4, 14))
        await programme.runs_until(la(3, 3, 20))
        [text] = await programme.sent(ana)
        assert text.kind == "invitation"
        assert "/c/" in text.body
        assert "2:00 PM" in text.body

    async def test_the_invitation_comes_forward_to_a_reminder_of_that_morning(
        self, programme: Programme
    ) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.meets(ana, la(3, 3, 14))
        await programme.runs_until(la(3, 3, 20))
        # A minute later: the sweep of check-ins comes round once more and takes the reminder along.
        assert await times(programme, ana) == [("invitation", la(3, 3, 9, 1))]
        assert "2:00 PM" in (await programme.sent(ana))[0].body

    async def test_after_another_text_of_that_day_it_is_left_out(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 4, 9, 30))
        await programme.meets(ana, la(3, 6, 14))
        await programme.runs_until(la(3, 6, 8))
        days = [text.at.date() for text in await programme.sent(ana)]
        assert len(days) == len(set(days))

    async def test_a_contact_agreed_at_short_notice_is_not_announced(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 17))
        await programme.meets(ana, la(3, 2, 13))
        await programme.runs_until(la(3, 2, 14))
        assert await programme.sent(ana) == []
        async with programme.database.begin() as tx:
            [row] = await tx.all(select(ContactReminder.state, ContactReminder.reason))
        assert tuple(row) == ("skipped", "too_late")

    @pytest.mark.parametrize("change", [{"channel": "phone"}, {"channel": "none"}])
    async def test_who_is_not_texted_is_not_reminded(
        self, programme: Programme, change: dict[str, str]
    ) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 17))
        await programme.changes(Patient, ana.id, **change)
        await programme.meets(ana, la(3, 5, 14))
        await programme.runs_until(la(3, 6, 9))
        assert await programme.sent(ana) == []

    @pytest.mark.parametrize("number", [None, "+12065550177"])
    async def test_a_planned_reminder_is_dropped_when_texts_are_not_wanted_any_more(
        self, programme: Programme, number: str | None
    ) -> None:
        """Another number without an agreement of its own is one way to it."""
        ana = await programme.enrols(first_on=date(2026, 3, 17))
        await programme.meets(ana, la(3, 5, 14))
        await programme.runs_until(la(3, 4, 9))
        async with programme.database.begin() as tx:
            if number is None:
                await tx.execute(update(Patient).where(Patient.id == ana.id).values(channel="phone"))
            else:
                await patients.change_phone(
                    tx, programme.clinic.actor("care_manager"), ana.id, PhoneForm(number), otherwise="phone",
                    now=programme.clock.now(), outreach=programme.schedule,
                )  # fmt: skip
        await programme.runs_until(la(3, 6, 9))
        assert await programme.sent(ana) == []
        async with programme.database.begin() as tx:
            rows = await tx.all(select(ContactReminder.state, ContactReminder.reason))
        assert {tuple(row) for row in rows} == {("skipped", "no_channel")}

    async def test_care_on_hold_takes_reminders_back(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 17))
        await programme.meets(ana, la(3, 5, 14))
        await programme.sweep()
        await programme.runs_until(la(3, 4, 8))
        async with programme.database.begin() as tx:
            await programme.schedule.care_paused(tx, ana.id, "on_hold", now=programme.clock.now())
        await programme.runs_until(la(3, 5, 20))
        assert await programme.sent(ana) == []

    async def test_planning_twice_writes_each_reminder_once(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 17))
        await programme.meets(ana, la(3, 4, 10))
        for _ in range(3):
            async with programme.database.begin() as tx:
                await contacts.plan_contact_reminders(tx, now=programme.clock.now())
        async with programme.database.begin() as tx:
            rows = await tx.all(select(ContactReminder.kind).order_by(ContactReminder.kind))
        assert [row.kind for row in rows] == ["day_before", "same_morning"]

    async def test_an_outage_over_the_day_before_leaves_the_morning(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 17))
        await programme.meets(ana, la(3, 5, 14))
        await programme.runs_until(la(3, 4, 9))
        programme.clock.set(la(3, 5, 3))
        await programme.runs_until(la(3, 5, 20))
        assert await times(programme, ana) == [("contact_reminder", la(3, 5, 9))]

    async def test_a_bad_row_does_not_stop_other_reminders(self, programme: Programme) -> None:
        good = await programme.enrols(first_on=date(2026, 3, 17))
        bad = await programme.enrols(first_on=date(2026, 3, 17), family_name="Vale")
        for who in (good, bad):
            await programme.meets(who, la(3, 5, 14))
        await programme.runs_until(la(3, 4, 9))
        await programme.changes(Patient, bad.id, zone="Mars/Olympus")
        programme.clock.set(la(3, 4, 10))
        done = await jobs.contact_reminders(programme.database, programme.clock.now())
        assert (done["queued"], done["poison"]) == (1, 1)
        assert len(await programme.sent(good)) == 1


async def test_nobody_gets_two_prompts_on_one_day_over_a_month(programme: Programme) -> None:
    """Check-ins, reminders and contacts on top of each other: the schedule itself keeps to one a day."""
    ana = await programme.enrols(first_on=TUE, every=7)
    for week in range(4):
        await programme.meets(ana, la(3, 5, 14) + timedelta(days=7 * week))
        await programme.runs_until(la(3, 6, 8) + timedelta(days=7 * week))
    days = [text.at.date() for text in await programme.sent(ana)]
    assert len(days) >= 12
    assert len(days) == len(set(days))
