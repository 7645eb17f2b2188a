"""Check-ins: planned, offered, moved, started, ended. Monday 2 March 2026, 10:00 in Seattle, unless a test says so."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from kernel.crypto import token_hash
from kernel.db import Database, Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from messaging.consent import numbers
from messaging.consent.numbers import Stop
from messaging.conversation.tables import SmsThread
from messaging.delivery.tables import Outbox
from messaging.links.tables import CheckInLink
from messaging.schedule import closing, jobs, queries, service
from messaging.schedule.tables import CheckIn
from registry.episodes.tables import Episode
from registry.measures import service as measures
from registry.measures.tables import MeasureRun
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient, PatientPhone
from registry.worklist.tables import RegistryLine
from tests.support.builders import PatientRows
from tests.support.clock import FakeClock
from tests.support.programme import PUBLIC_URL, Programme, la, local

TUE, THU, FRI = date(2026, 3, 3), date(2026, 3, 5), date(2026, 3, 6)


@pytest.fixture
async def programme(database: Database, clock: FakeClock) -> Programme:
    return await Programme.open(database, clock)


class NobodyToAlert:
    async def first_alert(self, tx: Tx, event_id: UUID, *, now: datetime) -> None:
        raise AssertionError("a total of 7 without item 9 alerts nobody")


async def line(programme: Programme, patient: PatientRows) -> RegistryLine:
    async with programme.database.begin() as tx:
        row = await tx.first(
            select(RegistryLine.__table__).where(RegistryLine.episode_id == patient.episode_id)
        )
        assert row is not None
        return row  # type: ignore[return-value]


async def test_a_plan_puts_the_next_check_in_on_file(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    [row] = await programme.rows(ana)
    assert (row.local_due_date, row.state, row.instruments) == (TUE, "scheduled", ["phq9", "gad7"])
    assert row.due_at == row.next_at == la(3, 3, 10)
    assert (await line(programme, ana)).next_check_in_on == TUE


async def test_a_due_check_in_is_offered_by_a_link_and_the_next_one_is_planned(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.runs_until(la(3, 3, 9, 50))
    assert await programme.sent(ana) == []
    await programme.runs_until(la(3, 3, 10))
    [text] = await programme.sent(ana)
    assert text.kind == "invitation"
    assert f"{PUBLIC_URL}/c/{programme.tokens.made[0]}" in text.body
    assert await programme.check_ins(ana) == [(TUE, "invited"), (date(2026, 3, 17), "scheduled")]
    seen = await line(programme, ana)
    assert (seen.check_in_state, seen.next_check_in_on) == ("invited", date(2026, 3, 17))


async def test_only_the_hash_of_a_link_is_stored(programme: Programme) -> None:
    await programme.enrols(first_on=TUE)
    await programme.runs_until(la(3, 3, 10))
    async with programme.database.begin() as tx:
        [link] = await tx.all(select(CheckInLink.token_hash, CheckInLink.expires_at))
        [sealed] = await tx.all(select(Outbox.body_sealed, Outbox.dedupe_key))
    assert link.token_hash == token_hash(programme.tokens.made[0])
    assert link.expires_at == la(3, 3, 10) + timedelta(days=7)
    assert programme.tokens.made[0] not in sealed.body_sealed + sealed.dedupe_key


async def test_a_patient_who_agreed_to_items_gets_the_first_question(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE, channel="sms_items", level="items_by_sms")
    await programme.runs_until(la(3, 3, 10))
    [text] = await programme.sent(ana)
    assert "0" in text.body
    assert "/c/" not in text.body
    [first, _] = await programme.rows(ana)
    assert (first.state, first.content) == ("invited", "items")
    async with programme.database.begin() as tx:
        assert await tx.scalar(select(SmsThread.active_check_in_id)) == first.id


async def test_without_the_acknowledgement_items_become_a_link(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE, channel="sms_items", level="link_only")
    await programme.runs_until(la(3, 3, 10))
    [text] = await programme.sent(ana)
    assert "/c/" in text.body


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"channel": "phone"}, "channel"),
        ({"state": "unverified"}, "phone_not_verified"),
        ({"safe_to_text": False}, "not_safe_to_text"),
    ],
)
async def test_who_may_not_be_texted_is_called(
    programme: Programme, change: dict[str, object], reason: str
) -> None:
    ana = await programme.enrols(first_on=TUE, **change)
    await programme.runs_until(la(3, 3, 10))
    assert await programme.sent(ana) == []
    assert await programme.tasks(ana) == ["call_and_ask"]
    [first, _] = await programme.rows(ana)
    assert (first.state, first.content) == ("invited", "call")


async def test_a_language_without_approved_wording_is_spoken_not_texted(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.changes(Patient, ana.id, language="vi")
    await programme.runs_until(la(3, 3, 10))
    assert (await programme.sent(ana), await programme.tasks(ana)) == ([], ["call_and_ask"])


async def test_a_call_whose_results_were_entered_ends_as_completed(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE, channel="phone", instruments=("phq9",))
    await programme.runs_until(la(3, 3, 12))
    async with programme.database.begin() as tx:
        form = measures.TotalForm(ana.id, "phq9", 7, TUE, "phone", item9=0)
        await measures.enter_total(
            tx,
            programme.clinic.actor("care_manager"),
            form,
            now=programme.clock.now(),
            alerts=NobodyToAlert(),
        )
    await programme.runs_for(hours=100)
    assert (await programme.check_ins(ana))[0] == (TUE, "completed")
    assert "call_and_ask" not in await programme.tasks(ana)


async def test_a_check_in_due_on_friday_waits_until_staff_are_there_to_read_it(programme: Programme) -> None:
    ana = await programme.enrols(first_on=FRI)
    await programme.runs_until(la(3, 9, 9, 50))
    assert await programme.sent(ana) == []
    await programme.runs_until(la(3, 9, 10))
    assert [text.kind for text in await programme.sent(ana)] == ["invitation"]
    assert (await programme.check_ins(ana))[1] == (date(2026, 3, 20), "scheduled")


@pytest.mark.parametrize(
    "zone", ["America/Los_Angeles", "America/New_York", "America/Phoenix", "America/Denver"]
)
@pytest.mark.parametrize("night", [date(2026, 3, 8), date(2026, 11, 1), date(2027, 3, 14), date(2027, 11, 7)])
async def test_each_local_date_is_asked_once_across_a_clock_change(
    sqlite_url: str, zone: str, night: date
) -> None:
    from tests.support import databases

    database = databases.open_database(sqlite_url)
    monday = night + timedelta(days=1)
    clock = FakeClock(local(night.year, night.month, night.day, 0, zone=zone) - timedelta(days=7))
    programme = await Programme.open(database, clock, zone=zone)
    ana = await programme.enrols(first_on=monday - timedelta(days=7), every=7, zone=zone)
    await programme.runs_for(days=9, hours=0)
    invitations = [text.at for text in await programme.sent(ana) if text.kind == "invitation"]
    days = [monday - timedelta(days=7), monday]
    assert invitations == [local(day.year, day.month, day.day, 10, zone=zone) for day in days]
    await database.close()


async def test_a_move_to_another_zone_shifts_only_what_was_not_sent(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.runs_until(la(3, 3, 10))
    before = await programme.rows(ana)
    await programme.moves(ana, zone="America/New_York")
    after = await programme.rows(ana)
    assert after[0] == before[0]
    assert after[1].id == before[1].id
    assert after[1].due_at == local(2026, 3, 17, 10, zone="America/New_York")
    assert after[1].zone == "America/New_York"


async def test_an_edited_plan_never_asks_a_date_again(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.runs_until(la(3, 3, 11))
    for anchor in (TUE, date(2026, 3, 4), TUE, date(2026, 2, 24)):
        await programme.plans(ana, [("phq9", 7, anchor), ("gad7", 7, anchor)])
        await programme.sweep()
    assert [day for day, _ in await programme.check_ins(ana)].count(TUE) == 1
    await programme.runs_for(days=6)
    assert [text.kind for text in await programme.sent(ana)].count("invitation") == 1


async def test_two_measures_keep_a_week_between_askings_after_a_new_anchor(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.runs_until(la(3, 3, 11))
    await programme.plans(ana, [("phq9", 14, THU), ("gad7", 14, THU)])
    assert (await programme.check_ins(ana))[1:] == [(date(2026, 3, 19), "scheduled")]


async def test_a_plan_edited_before_the_day_replaces_the_unsent_check_in(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.plans(ana, [("phq9", 14, THU)], time(15, 0))
    [row] = await programme.rows(ana)
    assert (row.local_due_date, row.instruments, row.due_at) == (THU, ["phq9"], la(3, 5, 15))


async def test_a_changed_time_of_day_moves_the_unsent_check_in(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.plans(ana, [("phq9", 14, TUE), ("gad7", 14, TUE)], time(12, 30))
    [row] = await programme.rows(ana)
    assert (row.local_time, row.due_at, row.next_at) == (time(12, 30), la(3, 3, 12, 30), la(3, 3, 12, 30))


async def test_an_ended_plan_withdraws_the_unsent_check_in(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.plans(ana, [])
    assert await programme.check_ins(ana) == []
    assert (await line(programme, ana)).next_check_in_on is None


async def test_measures_due_on_one_day_join_one_check_in(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.plans(ana, [("gad7", 14, TUE), ("phq9", 7, TUE)])
    await programme.runs_until(la(3, 17, 11))
    rows = await programme.rows(ana)
    assert [(row.local_due_date.day, row.instruments) for row in rows[:3]] == [
        (3, ["phq9", "gad7"]),
        (10, ["phq9"]),
        (17, ["phq9", "gad7"]),
    ]


async def test_two_schedulers_at_once_offer_each_check_in_once(programme: Programme) -> None:
    patients = [await programme.enrols(first_on=TUE, family_name=f"Vale {n:02d}") for n in range(12)]
    programme.clock.set(la(3, 3, 10))
    now, out = programme.clock.now(), programme.out
    runs = await asyncio.gather(
        *(jobs.due_check_ins(programme.database, now, out=out, batch=5) for _ in range(3))
    )
    assert sum(run.get("invited", 0) for run in runs) == 12
    for patient in patients:
        assert [text.kind for text in await programme.sent(patient)] == ["invitation"]
        assert len(await programme.rows(patient)) == 2


async def test_two_planners_at_once_write_one_row(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    async with programme.database.begin() as tx:
        await closing.close_open(
            tx, ana.id, state="cancelled", reason="test", now=programme.clock.now(), plan_next=False
        )
    assert await programme.rows(ana) == []

    async def plan() -> None:
        await programme.database.run(lambda tx: service.materialise(tx, ana.id, now=programme.clock.now()))

    await asyncio.gather(plan(), plan(), plan())
    assert await programme.check_ins(ana) == [(TUE, "scheduled")]


async def test_a_sixteen_year_old_gets_nothing_until_the_clinic_signed_its_policy(
    programme: Programme,
) -> None:
    teen = await programme.enrols(first_on=TUE, birth_date=date(2009, 9, 1))
    await programme.runs_for(days=3)
    assert (await programme.check_ins(teen), await programme.sent(teen), await programme.tasks(teen)) == (
        [],
        [],
        [],
    )
    await programme.changes(Clinic, programme.clinic.id, minor_policy_signed_on=date(2026, 3, 5))
    assert (await jobs.plan_gaps(programme.database, programme.clock.now()))["planned"] == 1
    await programme.runs_until(la(3, 17, 10))
    assert [text.kind for text in await programme.sent(teen)] == ["invitation"]


async def test_a_patient_turning_out_to_be_a_minor_is_not_texted(programme: Programme) -> None:
    teen = await programme.enrols(first_on=TUE)
    await programme.changes(Patient, teen.id, birth_date=date(2009, 9, 1))
    await programme.runs_until(la(3, 3, 10))
    assert await programme.sent(teen) == []
    assert await programme.check_ins(teen) == [(TUE, "cancelled")]


async def test_nobody_is_asked_without_consent(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE, consented=False)
    await programme.runs_for(days=2)
    assert (await programme.check_ins(ana), await programme.sent(ana)) == ([], [])


async def test_a_hold_takes_back_texts_links_and_plans(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    programme.clock.set(la(3, 3, 10))
    await programme.sweep()
    await programme.changes(Episode, ana.episode_id, status="on_hold")
    async with programme.database.begin() as tx:
        await programme.schedule.care_paused(tx, ana.id, "on_hold", now=programme.clock.now())
    assert [text.state for text in await programme.sent(ana)] == ["suppressed"]
    assert await programme.check_ins(ana) == [(TUE, "cancelled")]
    async with programme.database.begin() as tx:
        assert await tx.scalar(select(func.count()).where(CheckInLink.revoked_at.is_(None))) == 0
    seen = await line(programme, ana)
    assert (seen.check_in_state, seen.next_check_in_on) == ("cancelled", None)
    await programme.runs_for(days=15)
    assert len(await programme.sent(ana)) == 1


async def test_care_resumed_asks_the_date_that_was_only_planned(programme: Programme) -> None:
    ana = await programme.enrols(first_on=THU)
    await programme.changes(Episode, ana.episode_id, status="on_hold")
    async with programme.database.begin() as tx:
        await programme.schedule.care_paused(tx, ana.id, "on_hold", now=programme.clock.now())
    assert await programme.check_ins(ana) == []
    await programme.changes(Episode, ana.episode_id, status="active")
    async with programme.database.begin() as tx:
        await programme.schedule.plan_changed(tx, ana.id, now=programme.clock.now())
    assert await programme.check_ins(ana) == [(THU, "scheduled")]


async def test_an_episode_that_ended_unnoticed_is_caught_when_due(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.changes(Episode, ana.episode_id, status="ended")
    await programme.runs_until(la(3, 3, 10))
    assert (await programme.check_ins(ana), await programme.sent(ana)) == ([(TUE, "cancelled")], [])


async def test_stop_ends_the_check_in_and_start_plans_again(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    programme.clock.set(la(3, 3, 10))
    await programme.sweep()
    async with programme.database.begin() as tx:
        key = tx.vault.lookup(ana.phone)
        await numbers.stop(
            tx,
            Stop(clinic_id=programme.clinic.id, phone_key=key, kind="opt_out", by="patient"),
            now=programme.clock.now(),
        )
    assert await programme.check_ins(ana) == [(TUE, "opted_out")]
    assert [text.state for text in await programme.sent(ana)] == ["suppressed"]
    await programme.runs_for(days=5)
    assert (await jobs.plan_gaps(programme.database, programme.clock.now()))["planned"] == 0
    async with programme.database.begin() as tx:
        await numbers.lift(
            tx,
            programme.clinic.id,
            key,
            by="patient",
            source_id=None,
            actor=programme.clinic.actor("care_manager"),
            now=programme.clock.now(),
        )
    assert (await programme.check_ins(ana))[-1] == (date(2026, 3, 17), "scheduled")


async def test_a_new_number_closes_what_was_offered_on_the_old_one(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    programme.clock.set(la(3, 3, 10))
    await programme.sweep()
    await programme.changes(PatientPhone, ana.phone_id, replaced_at=programme.clock.now())
    async with programme.database.begin() as tx:
        await programme.schedule.contact_changed(tx, ana.id, now=programme.clock.now())
    assert [text.state for text in await programme.sent(ana)] == ["suppressed"]
    # Texts were agreed to for the old number, so nothing is planned until they are agreed to again.
    assert await programme.check_ins(ana) == [(TUE, "cancelled")]


async def test_two_patients_on_one_phone_are_asked_one_after_the_other(programme: Programme) -> None:
    first = await programme.enrols(first_on=TUE, phone="+12065550142", shared=True)
    second = await programme.enrols(first_on=TUE, phone="+12065550142", shared=True, family_name="Reyes")
    programme.clock.set(la(3, 3, 10))
    await programme.sweep()
    assert [len(await programme.sent(who)) for who in (first, second)] == [1, 0]
    [waiting] = await programme.rows(second)
    assert (waiting.queued_behind, waiting.next_at) == (True, waiting.not_after)
    async with programme.database.begin() as tx:
        [row, _] = await programme_rows(tx, first)
        await closing.close(tx, row, state="portal_completed", reason="answered", now=programme.clock.now())
    await programme.sweep()
    assert [len(await programme.sent(who)) for who in (first, second)] == [1, 1]


async def programme_rows(tx, patient):  # type: ignore[no-untyped-def]
    rows = await tx.all(
        select(CheckIn.id).where(CheckIn.patient_id == patient.id).order_by(CheckIn.local_due_date)
    )
    return [row.id for row in rows]


async def test_a_check_in_behind_a_busy_phone_is_missed_not_sent_late(programme: Programme) -> None:
    await programme.enrols(first_on=TUE, phone="+12065550142", shared=True)
    second = await programme.enrols(first_on=TUE, phone="+12065550142", shared=True, family_name="Reyes")
    await programme.runs_until(la(3, 5, 10))
    assert await programme.sent(second) == []
    assert (await programme.check_ins(second))[0] == (TUE, "missed")


async def test_a_newer_check_in_takes_the_place_of_an_unbegun_one(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE, every=7)
    await programme.runs_until(la(3, 10, 11))
    assert await programme.check_ins(ana) == [
        (TUE, "missed"),
        (date(2026, 3, 10), "invited"),
        (date(2026, 3, 17), "scheduled"),
    ]
    days = [text.at.date() for text in await programme.sent(ana)]
    assert len(days) == len(set(days))


async def test_one_bad_row_does_not_stop_the_others(programme: Programme) -> None:
    good = [await programme.enrols(first_on=TUE, family_name=f"Vale {n}") for n in range(3)]
    bad = await programme.enrols(first_on=TUE)
    # A window that closes before it opens raises wherever it is read.
    await programme.changes(Patient, bad.id, window_start=time(20, 30))
    programme.clock.set(la(3, 3, 10))
    done = await jobs.due_check_ins(programme.database, programme.clock.now(), out=programme.out)
    assert (done["invited"], done["poison"]) == (3, 1)
    for patient in good:
        assert len(await programme.sent(patient)) == 1
    [row] = await programme.rows(bad)
    assert (row.state, row.next_at) == ("scheduled", la(3, 3, 11))


class TestEnds:
    async def test_an_end_leaves_nothing_behind(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        programme.clock.set(la(3, 3, 10))
        await programme.sweep()
        [check_in, _] = await programme.rows(ana)
        thread = await programme.adds(
            SmsThread,
            clinic_id=programme.clinic.id,
            phone_key="key",
            phone_sealed="",
            sender_id=programme.clinic.sender_id,
            active_check_in_id=check_in.id,
            state={"mode": "asking", "at": 3},
            turn=7,
            wake_at=la(3, 4, 10),
            wake_turn=7,
            last_inbound_at=None,
            created_at=programme.clock.now(),
        )
        async with programme.database.begin() as tx:
            run = await measures.open_run(
                tx,
                patient_id=ana.id,
                episode_id=ana.episode_id,
                clinic_id=programme.clinic.id,
                check_in_id=check_in.id,
                instrument_id="phq9",
                language="en",
                position=1,
                now=programme.clock.now(),
            )
            assert await closing.close(
                tx, check_in.id, state="declined", reason="patient", now=programme.clock.now()
            )
            assert not await closing.close(
                tx, check_in.id, state="completed", reason="late", now=programme.clock.now()
            )
            freed = await tx.first(select(SmsThread.__table__).where(SmsThread.id == thread))
            assert freed is not None
            assert (freed.active_check_in_id, freed.state, freed.turn, freed.wake_at, freed.wake_turn) == (
                None,
                {"mode": "idle"},
                8,
                None,
                None,
            )
            assert await tx.scalar(select(MeasureRun.state).where(MeasureRun.id == run)) == "closed_partial"
            assert await tx.scalar(select(CheckInLink.revoked_at)) == programme.clock.now()
        [text] = await programme.sent(ana)
        assert text.state == "suppressed"
        [ended, following] = await programme.rows(ana)
        assert (ended.state, ended.close_reason, ended.next_at) == ("declined", "patient", None)
        assert following.state == "scheduled"
        assert (await line(programme, ana)).check_in_state == "declined"

    async def test_unanswered_ones_are_counted_until_one_is_answered(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 24, 9))
        assert (await line(programme, ana)).no_answer_count == 1
        [_, second, _] = await programme.rows(ana)
        async with programme.database.begin() as tx:
            await service.started(tx, second.id, now=programme.clock.now())
            await closing.close(
                tx, second.id, state="completed", reason="answered", now=programme.clock.now()
            )
        assert (await line(programme, ana)).no_answer_count == 0
        assert await programme.tasks(ana) == ["unanswered_check_in"]  # of the first, still owed


class TestSendNow:
    async def test_it_leaves_at_once_inside_the_window(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=THU)
        planned = await self.send(programme, ana, ["gad7", "phq9"])
        assert (planned.at_once, planned.goes_out_at) == (True, programme.clock.now())
        await programme.sweep()
        [row, *_] = await programme.rows(ana)
        assert (row.id, row.state, row.instruments, row.origin) == (
            planned.check_in_id,
            "invited",
            ["phq9", "gad7"],
            "staff",
        )
        assert len(await programme.sent(ana)) == 1

    async def test_outside_the_window_it_says_when_it_leaves(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 12))
        programme.clock.set(la(3, 2, 21))
        planned = await self.send(programme, ana, ["phq9"])
        assert (planned.at_once, planned.goes_out_at, planned.local_due_date) == (False, la(3, 3, 9), TUE)
        await programme.runs_until(la(3, 3, 8, 50))
        assert await programme.sent(ana) == []
        await programme.runs_until(la(3, 3, 9))
        assert len(await programme.sent(ana)) == 1

    async def test_a_plan_edit_leaves_it_alone(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 12))
        programme.clock.set(la(3, 2, 21))
        planned = await self.send(programme, ana, ["phq9"])
        await programme.plans(ana, [("phq9", 14, date(2026, 3, 18))])
        assert (await programme.rows(ana))[0].id == planned.check_in_id

    async def test_a_second_one_that_day_is_refused_with_its_date(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=date(2026, 3, 2), at=time(15, 0))
        with pytest.raises(Conflict, match="2026-03-02"):
            await self.send(programme, ana, ["phq9"])

    async def test_a_patient_who_may_not_be_asked_is_refused(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=THU, consented=False)
        with pytest.raises(Conflict, match="no_consent"):
            await self.send(programme, ana, ["phq9"])

    @pytest.mark.parametrize("names", [[], ["phq9", "phq9"], ["mood"]])
    async def test_unknown_and_repeated_measures_are_refused(
        self, programme: Programme, names: list[str]
    ) -> None:
        ana = await programme.enrols(first_on=THU)
        with pytest.raises(Invalid, match="instruments"):
            await self.send(programme, ana, names)

    async def test_it_needs_a_role_and_the_patients_own_clinic(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=THU)
        other = await Programme.open(programme.database, programme.clock)
        async with programme.database.begin() as tx:
            with pytest.raises(Forbidden):
                await service.send_now(
                    tx, programme.clinic.actor("biller"), ana.id, ["phq9"], now=programme.clock.now()
                )
            with pytest.raises(NotFound):
                await service.send_now(
                    tx, other.clinic.actor("care_manager"), ana.id, ["phq9"], now=programme.clock.now()
                )

    @staticmethod
    async def send(programme: Programme, patient: PatientRows, names: list[str]) -> service.Planned:
        async with programme.database.begin() as tx:
            return await service.send_now(
                tx, programme.clinic.actor("care_manager"), patient.id, names, now=programme.clock.now()
            )


class TestQueries:
    async def test_the_patients_page_shows_them_newest_first(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        await programme.runs_until(la(3, 3, 10))
        async with programme.database.begin() as tx:
            viewer = programme.clinic.actor("clinician")
            lines = await queries.check_ins(tx, viewer, ana.id, now=programme.clock.now())
            following = await queries.next_check_in(tx, ana.id)
        assert [(row.local_due_date.day, row.state, row.content) for row in lines] == [
            (17, "scheduled", None),
            (3, "invited", "link"),
        ]
        assert following is not None
        assert following.at == la(3, 17, 10)

    async def test_another_clinics_patient_is_not_found(self, programme: Programme) -> None:
        ana = await programme.enrols(first_on=TUE)
        other = await Programme.open(programme.database, programme.clock)
        async with programme.database.begin() as tx:
            with pytest.raises(NotFound):
                await queries.check_ins(
                    tx, other.clinic.actor("care_manager"), ana.id, now=programme.clock.now()
                )

    async def test_today_lists_what_goes_out_until_midnight(self, programme: Programme) -> None:
        await programme.enrols(first_on=date(2026, 3, 2), at=time(12, 0), family_name="Today")
        await programme.enrols(first_on=TUE, family_name="Tomorrow")
        async with programme.database.begin() as tx:
            viewer = programme.clinic.actor("care_manager")
            today = await queries.going_out_today(tx, viewer, now=programme.clock.now())
        assert [(text.what, text.family_name, text.at) for text in today] == [
            ("invitation", "Today", la(3, 2, 12))
        ]
        async with programme.database.begin() as tx:
            now, colleague = programme.clock.now(), tx.new_id()
            own = await queries.going_out_today(tx, viewer, now=now, own=True)
            await tx.execute(
                update(RegistryLine).values(care_manager_id=colleague, treating_clinician_id=None)
            )
            handed_over = await queries.going_out_today(tx, viewer, now=now, own=True)
            standing_in = await queries.going_out_today(tx, viewer, now=now, own=True, covering=(colleague,))
        assert own == today
        assert handed_over == ()
        assert standing_in == today


async def test_an_open_check_in_without_a_next_moment_is_reported(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    [row] = await programme.rows(ana)
    async with programme.database.begin() as tx:
        assert await service.find_lost(tx) == ()
    await programme.changes(CheckIn, row.id, next_at=None)
    async with programme.database.begin() as tx:
        [lost] = await service.find_lost(tx)
    assert (lost.check_in_id, lost.state) == (row.id, "scheduled")


async def test_a_failed_write_leaves_no_half_of_an_invitation(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    [row] = await programme.rows(ana)
    programme.clock.set(la(3, 3, 10))
    # The unique hash of a link is taken, so the batch fails after the row was already changed in it.
    await programme.adds(
        CheckInLink,
        token_hash=token_hash("token-00000-0123456789ABC"),
        clinic_id=programme.clinic.id,
        patient_id=ana.id,
        check_in_id=row.id,
        created_at=programme.clock.now(),
        expires_at=programme.clock.now(),
        revoked_at=None,
    )
    await programme.sweep()
    [text] = await programme.sent(ana)
    assert programme.tokens.made[1] in text.body
    assert (await programme.rows(ana))[0].prompts == 1


async def test_a_backlog_is_worked_off_in_batches(programme: Programme) -> None:
    async with programme.database.begin() as tx:
        clinic = await tx.first(select(Clinic.id).where(Clinic.id == programme.clinic.id))
        assert clinic is not None
    for n in range(7):
        await programme.enrols(first_on=TUE, family_name=f"Vale {n}")
    programme.clock.set(la(3, 3, 10))
    done = await jobs.due_check_ins(
        programme.database, programme.clock.now(), out=programme.out, batch=3, rounds=2
    )
    assert done["invited"] == 6
    done = await jobs.due_check_ins(programme.database, programme.clock.now(), out=programme.out, batch=3)
    assert done["invited"] == 1
