"""Logging time: what is refused and how to correct it, closed months, one person's minute, the timer; on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from kernel.audit import Actor
from kernel.db import Database
from kernel.errors import Conflict, DomainError, Invalid, NotFound
from registry.episodes import service as episodes
from registry.time_log import closing, own, queries, service, timer
from registry.time_log.months import Month
from registry.time_log.service import TimeForm
from registry.time_log.tables import ClosedMonth, RunningTimer, TimeEntry
from registry.worklist.tables import RegistryLine
from tests.support.clock import FakeClock
from tests.support.practice import ANA, PHONE, Practice, RecordingOutreach, enrolment, open_practice

MARCH = Month(2026, 3)


class Case:
    def __init__(self, database: Database, practice: Practice, clock: FakeClock, ana: UUID, bo: UUID) -> None:
        self.database, self.practice, self.clock, self.ana, self.bo = database, practice, clock, ana, bo

    def form(self, **changes: Any) -> TimeForm:
        fields: dict[str, Any] = {
            "started_at": self.clock.now() - timedelta(minutes=30),
            "minutes": 20.0,
            "activity": "patient_contact",
        }
        return TimeForm(**(fields | changes))

    async def logs(self, form: TimeForm, patient: UUID | None = None, actor: Actor | None = None) -> UUID:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await service.log_time(
                tx, actor or self.practice.manager, patient or self.ana, form,
                source="console", now=self.clock.now(),
            )  # fmt: skip

    async def corrects(self, entry: UUID, form: TimeForm | None) -> UUID:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await service.correct_time(
                tx, self.practice.manager, entry, form, "typed wrongly", now=self.clock.now()
            )

    async def month(self, patient: UUID) -> queries.MonthTime:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await queries.patient_month(
                tx, self.practice.manager, patient, MARCH, now=self.clock.now()
            )

    async def line_seconds(self, patient: UUID) -> int:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return int(
                await tx.scalar(
                    select(RegistryLine.counted_seconds).where(RegistryLine.patient_id == patient)
                )
            )

    async def count(self, table: Any, *where: Any) -> int:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return int(await tx.scalar(select(func.count()).select_from(table).where(*where)))


@pytest.fixture
async def case(database: Database, app_database: Database, clock: FakeClock) -> Case:
    practice = await open_practice(database, clock.now())
    patients = []
    bo = msgspec.structs.replace(ANA, given_name="Bo", family_name="Lindqvist", mrn="MRN-1002")
    for who, phone in ((ANA, PHONE), (bo, msgspec.structs.replace(PHONE, phone="+12065550124"))):
        async with app_database.begin(practice.clinic_id) as tx:
            form = enrolment(practice, clock.now(), person=who, phone=phone)
            done = await episodes.enrol(
                tx, practice.manager, form, now=clock.now(), outreach=RecordingOutreach()
            )
        patients.append(done.patient_id)
    clock.advance(hours=4)
    return Case(app_database, practice, clock, *patients)


async def refused(attempt: Any, error: type[DomainError]) -> DomainError:
    with pytest.raises(error) as raised:
        await attempt
    return raised.value


async def test_an_entry_that_cannot_be_is_refused_at_its_field_with_the_way_to_correct_it(case: Case) -> None:
    now = case.clock.now()
    for changes, field, says in (
        ({"minutes": None, "ended_at": now - timedelta(minutes=40)}, "ended_at", "after the start"),
        ({"minutes": 481.0, "started_at": now - timedelta(hours=9)}, "minutes", "enter longer work as two"),
        ({"started_at": now - timedelta(minutes=5)}, "started_at", "ends in the future"),
        ({"minutes": None}, "minutes", "either the minutes or the end"),
        ({"ended_at": now}, "minutes", "either the minutes or the end"),
        ({"activity": "consultant_review"}, "activity", "not one this role logs"),
    ):
        error = await refused(case.logs(case.form(**changes)), Invalid)
        assert isinstance(error, Invalid)
        assert [problem.field for problem in error.problems] == [field], changes
        assert says in error.message
    elsewhere = UUID("019a0000-0000-7000-8000-00000000ffff")
    assert "your clinic" in (await refused(case.logs(case.form(), elsewhere), NotFound)).message
    assert await case.count(TimeEntry) == 0


async def test_a_closed_month_takes_no_time_and_says_how_to_go_on(case: Case) -> None:
    entry = await case.logs(case.form())
    biller = case.practice.biller
    async with case.database.begin(case.practice.clinic_id) as tx:
        first = await closing.close_month(tx, biller, MARCH, now=case.clock.now())
        assert await closing.close_month(tx, biller, MARCH, now=case.clock.now()) == first
    for attempt in (case.logs(case.form()), case.corrects(entry, None), case.corrects(entry, case.form())):
        error = await refused(attempt, Conflict)
        assert error.code == "month_closed"
        assert "2026-03 was closed on 2026-03-02 by Tom Field" in error.message
        assert "open it again" in error.message
    over_the_edge = case.form(started_at=datetime.fromisoformat("2026-02-28T23:50:00-08:00"))
    assert (await refused(case.logs(over_the_edge), Conflict)).code == "month_closed"
    async with case.database.begin(case.practice.clinic_id) as tx:
        await closing.reopen_month(tx, biller, MARCH, "a call was left out", now=case.clock.now())
    await case.logs(case.form(started_at=case.clock.now() - timedelta(hours=2)))
    assert await case.count(TimeEntry) == 2
    assert await case.count(ClosedMonth) == 1


async def test_a_persons_minute_counts_for_the_patient_whose_work_began_first(case: Case) -> None:
    now = case.clock.now()
    await case.logs(case.form(started_at=now - timedelta(minutes=60), minutes=30.0))
    second = await case.logs(case.form(started_at=now - timedelta(minutes=40), minutes=30.0), case.bo)
    ana, bo = await case.month(case.ana), await case.month(case.bo)
    assert (ana.counted_seconds, bo.counted_seconds) == (1800, 1200)
    assert [(reason, seconds) for reason, _, seconds in bo.entries[0].why_not] == [("person_elsewhere", 600)]
    assert await case.line_seconds(case.bo) == 1200
    earlier = await case.logs(case.form(started_at=now - timedelta(minutes=70), minutes=20.0), case.bo)
    assert (await case.month(case.ana)).counted_seconds == await case.line_seconds(case.ana) == 1200
    await case.corrects(earlier, None)
    await case.corrects(second, None)
    assert (await case.month(case.ana)).counted_seconds == await case.line_seconds(case.ana) == 1800


async def test_a_review_held_together_counts_once(case: Case) -> None:
    people = [case.practice.manager.id, case.practice.consultant.id]
    async with case.database.begin(case.practice.clinic_id) as tx:
        made = await service.log_review(
            tx, case.practice.manager, case.ana, dict.fromkeys((p for p in people if p), 10.0),
            ended_at=case.clock.now(), now=case.clock.now(),
        )  # fmt: skip
    assert len(made) == 2
    month = await case.month(case.ana)
    assert (month.counted_seconds, month.logged_seconds) == (600, 1200)
    reasons = [reason for entry in month.entries for reason, _, _ in entry.why_not]
    assert reasons == ["joint_counted_once"]


async def test_what_an_entry_says_of_itself_is_kept_by_its_correction_and_lateness_is_shown(
    case: Case,
) -> None:
    case.clock.advance(hours=24)
    told = case.form(
        started_at=case.clock.now() - timedelta(hours=20),
        modality="phone",
        contact="Ulla Vale",
        relationship="sister",
        separately_reported=True,
        note="asked about sleep",
    )
    entry = await case.logs(told)
    async with case.database.begin(case.practice.clinic_id) as tx:
        seen = await own.entry(tx, case.practice.manager, entry, now=case.clock.now())
    assert (seen.modality, seen.contact, seen.relationship) == ("phone", "Ulla Vale", "sister")
    assert seen.late
    month = await case.month(case.ana)
    assert month.entries[0].late
    assert [reason for reason, _, _ in month.entries[0].why_not] == ["separately_reported"]


async def starts(case: Case, patient: UUID, actor: Actor | None = None) -> UUID:
    async with case.database.begin(case.practice.clinic_id) as tx:
        return await timer.start(
            tx, actor or case.practice.manager, patient, "patient_contact", now=case.clock.now()
        )


async def stops(case: Case, **changes: Any) -> tuple[UUID, UUID]:
    form = timer.StopForm(**({"activity": "care_plan"} | changes))
    async with case.database.begin(case.practice.clinic_id) as tx:
        return await timer.stop(tx, case.practice.manager, form, now=case.clock.now())


async def test_one_timer_a_person_runs_until_it_is_stopped_into_an_entry(case: Case) -> None:
    began = case.clock.now()
    await starts(case, case.ana)
    assert "running already" in (await refused(starts(case, case.bo), Conflict)).message
    await starts(case, case.ana, case.practice.consultant)  # another person has their own
    case.clock.advance(minutes=12)
    async with case.database.begin(case.practice.clinic_id) as tx:
        await timer.add(tx, case.practice.manager, 5, now=case.clock.now())
    patient, entry = await stops(case)
    assert patient == case.ana
    async with case.database.begin(case.practice.clinic_id) as tx:
        row = await tx.first(select(TimeEntry.__table__).where(TimeEntry.id == entry))
    assert row is not None
    assert (row.seconds, row.started_at, row.source) == (17 * 60, began - timedelta(minutes=5), "timer")
    assert row.activity == "care_plan"
    assert await case.count(RunningTimer) == 1
    assert "no timer of yours" in (await refused(stops(case), Conflict)).message


async def test_a_forgotten_timer_is_never_logged_without_a_word(case: Case) -> None:
    await starts(case, case.ana)
    case.clock.advance(minutes=9)
    async with case.database.begin(case.practice.clinic_id) as tx:
        await timer.keep(tx, case.practice.manager, now=case.clock.now())
    case.clock.advance(hours=60)
    assert "how many minutes were worked" in (await refused(stops(case), Invalid)).message
    assert await case.count(RunningTimer) == 1
    _, entry = await stops(case, until="seen")
    async with case.database.begin(case.practice.clinic_id) as tx:
        assert await tx.scalar(select(TimeEntry.seconds).where(TimeEntry.id == entry)) == 540
    await starts(case, case.ana)
    assert "no time went by" in (await refused(stops(case), Invalid)).message
    async with case.database.begin(case.practice.clinic_id) as tx:
        await timer.drop(tx, case.practice.manager, now=case.clock.now())
    assert (await case.count(RunningTimer), await case.count(TimeEntry)) == (0, 1)
