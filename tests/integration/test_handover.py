"""A colleague leaves: nothing they hold is left without an owner, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select

from kernel import audit
from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.episodes import service as episodes
from registry.episodes.tables import Episode
from registry.handover import rules, service, timers
from registry.handover.rules import HandoverForm
from registry.on_call.tables import OnCallShift
from registry.organisation import accounts
from registry.organisation.rules import StaffForm
from registry.organisation.tables import Staff
from registry.review import service as reviews
from registry.review.tables import CaseReview
from registry.time_log import timer
from registry.time_log.tables import TimeEntry
from registry.worklist import service as worklist
from registry.worklist.tables import RegistryLine, Task
from tests.support.clock import FakeClock
from tests.support.practice import Practice, RecordingOutreach, enrolment, open_practice

ROOT = audit.system(None, "cli")


class Case:
    def __init__(
        self, database: Database, practice: Practice, clock: FakeClock, ana: UUID, kim: UUID
    ) -> None:
        self.database, self.practice, self.clock, self.ana, self.kim = database, practice, clock, ana, kim
        self.outreach = RecordingOutreach()

    @property
    def lee(self) -> UUID:
        assert self.practice.manager.id is not None
        return self.practice.manager.id

    async def held(self) -> dict[Any, int]:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await service.duties(tx, self.practice.lead, self.lee, now=self.clock.now())

    async def hands_over(
        self, *duties: rules.Duty, to: UUID | None = None, note: str = "Ana likes mornings."
    ) -> Any:
        form = HandoverForm(to_id=to or self.kim, duties=duties, note=note, introduce=True)
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await service.hand_over(
                tx, self.practice.lead, self.lee, form, now=self.clock.now(), outreach=self.outreach
            )

    async def closes(self) -> None:
        async with self.database.begin(self.practice.clinic_id) as tx:
            await service.deactivate(tx, self.practice.administrator, self.lee, now=self.clock.now())

    async def one(self, statement: Any) -> Any:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await tx.first(statement)


@pytest.fixture
async def case(database: Database, app_database: Database, clock: FakeClock) -> Case:
    now = clock.now()
    practice = await open_practice(database, now)
    async with database.begin() as tx:
        kim = await accounts.create_staff(
            tx, ROOT, StaffForm(name="Kim Doe", email="kim@north.example"), now=now
        )
        await accounts.grant_role(tx, ROOT, kim, practice.clinic_id, "care_manager", now=now)
    async with app_database.begin(practice.clinic_id) as tx:
        done = await episodes.enrol(
            tx, practice.manager, enrolment(practice, now), now=now, outreach=RecordingOutreach()
        )
        await worklist.open_task(
            tx, clinic_id=practice.clinic_id, patient_id=done.patient_id, episode_id=done.episode_id,
            kind="call_back", dedupe_key="x", owner_id=practice.manager.id, now=now,
        )  # fmt: skip
    return Case(app_database, practice, clock, done.patient_id, kim)


async def test_an_account_is_closed_only_after_everything_has_another_owner(case: Case) -> None:
    now = case.clock.now()
    async with case.database.begin(case.practice.clinic_id) as tx:
        shift = dict.fromkeys(c.name for c in OnCallShift.__table__.columns) | {
            "id": tx.new_id(), "clinic_id": case.practice.clinic_id, "staff_id": case.lee,
            "zone": "America/Los_Angeles", "starts_at": now, "ends_at": now + timedelta(hours=8), "created_at": now,
        }  # fmt: skip
        await tx.execute(insert(OnCallShift), shift)
    assert {duty: n for duty, n in (await case.held()).items() if n} == {
        "care_manager": 1,
        "shifts": 1,
        "tasks": 1,
    }
    with pytest.raises(Conflict) as refused:
        await case.closes()
    assert "1 patient as care manager" in refused.value.message
    assert (await case.one(select(Staff.disabled_at).where(Staff.id == case.lee))).disabled_at is None
    async with case.database.begin(case.practice.clinic_id) as tx:
        await tx.execute(OnCallShift.__table__.delete())
    moved = await case.hands_over("care_manager", "tasks")
    assert (moved.counts, moved.texted) == ({"care_manager": 1, "tasks": 1}, 1)
    await case.closes()
    assert (await case.one(select(Staff.disabled_at).where(Staff.id == case.lee))).disabled_at == now


async def test_a_running_timer_is_kept_or_discarded_before_the_account_is_closed(case: Case) -> None:
    clock, lead = case.clock, case.practice.lead

    async def starts() -> None:
        async with case.database.begin(case.practice.clinic_id) as tx:
            await timer.start(tx, case.practice.manager, case.ana, "care_plan", now=clock.now())
        clock.advance(minutes=12)
        async with case.database.begin(case.practice.clinic_id) as tx:
            await timer.keep(tx, case.practice.manager, now=clock.now())

    async def settles(form: timers.TimerForm) -> UUID:
        async with case.database.begin(case.practice.clinic_id) as tx:
            return await timers.settle(tx, lead, case.lee, form, now=clock.now())

    await case.hands_over("care_manager", "tasks")
    await starts()
    clock.advance(hours=20)
    with pytest.raises(Conflict, match="1 running timer"):
        await case.closes()
    with pytest.raises(Invalid) as refused:
        await case.hands_over("timer")
    assert [problem.field for problem in refused.value.problems] == ["duties"]
    entry = await case.one(
        select(TimeEntry.staff_id, TimeEntry.seconds, TimeEntry.source).where(
            TimeEntry.id == await settles(timers.TimerForm("keep"))
        )
    )
    assert (entry.staff_id, entry.seconds, entry.source) == (case.lee, 12 * 60, "timer")
    await starts()
    with pytest.raises(Invalid) as refused:
        await settles(timers.TimerForm("discard"))
    assert [problem.field for problem in refused.value.problems] == ["reason"]
    await settles(timers.TimerForm("discard", reason="left_running"))
    with pytest.raises(NotFound):
        await settles(timers.TimerForm("keep"))
    assert (await case.one(select(func.count(TimeEntry.id).label("n")))).n == 1
    await case.closes()


async def test_patients_registry_and_tasks_move_together_with_a_note(case: Case) -> None:
    await case.hands_over("care_manager", "tasks")
    assert (await case.one(select(Episode.care_manager_id))).care_manager_id == case.kim
    assert (await case.one(select(RegistryLine.care_manager_id))).care_manager_id == case.kim
    task = await case.one(select(Task.owner_id).where(Task.kind == "handover_note"))
    assert task.owner_id == case.kim
    assert case.outreach.names() == ["introduce"]
    async with case.database.begin(case.practice.clinic_id) as tx:
        [note] = await service.notes(tx, case.practice.lead, now=case.clock.now())
        assert await service.notes(tx, case.practice.clinician, now=case.clock.now()) == ()
    assert (note.from_name, note.note, note.counts) == (
        "Lee Park", "Ana likes mornings.", {"care_manager": 1, "tasks": 1},
    )  # fmt: skip


async def test_case_reviews_of_the_caseload_move_with_it(case: Case) -> None:
    now, omar = case.clock.now(), case.practice.consultant.id
    assert omar is not None
    async with case.database.begin(case.practice.clinic_id) as tx:
        await reviews.plan(
            tx, case.practice.lead, starts_at=now, minutes=60, consultant_id=omar,
            care_manager_id=case.lee, now=now,
        )  # fmt: skip
    assert (await case.held())["caseload_meetings"] == 1
    await case.hands_over("care_manager", "tasks")
    with pytest.raises(Conflict):
        await case.closes()
    await case.hands_over("caseload_meetings")
    assert (await case.one(select(CaseReview.care_manager_id))).care_manager_id == case.kim


async def test_who_lacks_the_role_takes_nothing_over(case: Case) -> None:
    with pytest.raises(Invalid) as raised:
        await case.hands_over("care_manager", to=case.practice.consultant.id, note=" ")
    assert [p.field for p in raised.value.problems] == ["to_id", "note"]
    assert (await case.one(select(Episode.care_manager_id))).care_manager_id == case.lee
    form = HandoverForm(to_id=case.kim, duties=("tasks",), note="x")
    async with case.database.begin(case.practice.clinic_id) as tx:
        with pytest.raises(Forbidden):
            await service.hand_over(
                tx, case.practice.manager, case.lee, form, now=case.clock.now(), outreach=case.outreach
            )


async def test_another_clinic_moves_and_closes_nobody_here(case: Case, database: Database) -> None:
    other = await open_practice(database, case.clock.now(), "south")
    async with case.database.begin(other.clinic_id) as tx:
        with pytest.raises(NotFound):
            await service.deactivate(tx, other.administrator, case.lee, now=case.clock.now())
