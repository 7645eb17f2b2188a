"""Versions of plans, two people on one plan, and the clinician's signature, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from kernel.audit import Actor
from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.care_plans import queries, service
from registry.care_plans.contents import CareContent, Content, PlanKind, SafetyContent
from registry.care_plans.queries import PlanVersion
from registry.care_plans.tables import CarePlan
from registry.episodes import service as episodes
from registry.worklist.tables import Task
from tests.support.clock import FakeClock
from tests.support.practice import Practice, RecordingOutreach, enrolment, open_practice

FIRST = CareContent(problem="Low mood", goals=("Walk to school again",), rhythm="Every two weeks")
SECOND = msgspec.structs.replace(FIRST, goals=("Walk to school again", "Cook on Sundays"))
OTHER = msgspec.structs.replace(FIRST, barriers=("Night shifts",))
SAFETY = SafetyContent(
    signs=("I stop eating",), by_myself=("Walk",), helpers=("Luis",), professionals=("988",)
)


class Case:
    def __init__(self, database: Database, practice: Practice, clock: FakeClock, ana: UUID) -> None:
        self.database, self.practice, self.clock, self.ana = database, practice, clock, ana

    async def saves(
        self, content: Content, base: int, actor: Actor | None = None, agreed_on: date | None = None
    ) -> UUID:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await service.save_plan(
                tx, actor or self.practice.manager, self.ana, content,
                base=base, agreed_on=agreed_on, now=self.clock.now(),
            )  # fmt: skip

    async def signs(self, version: int, actor: Actor | None = None) -> None:
        async with self.database.begin(self.practice.clinic_id) as tx:
            await service.sign_plan(
                tx,
                actor or self.practice.clinician,
                self.ana,
                "care",
                version,
                " Fine. ",
                now=self.clock.now(),
            )

    async def versions(self, kind: PlanKind = "care", viewer: Actor | None = None) -> tuple[PlanVersion, ...]:
        who = viewer or self.practice.manager
        async with self.database.begin(who.clinic_id) as tx:
            return await queries.versions(tx, who, self.ana, kind, now=self.clock.now())

    async def waiting(self) -> list[UUID | None]:
        async with self.database.begin(self.practice.clinic_id) as tx:
            rows = await tx.all(
                select(Task.owner_id).where(Task.kind == "plan_to_sign", Task.done_at.is_(None))
            )
        return [row.owner_id for row in rows]


@pytest.fixture
async def case(database: Database, app_database: Database, clock: FakeClock) -> Case:
    practice = await open_practice(database, clock.now())
    async with app_database.begin(practice.clinic_id) as tx:
        form = enrolment(practice, clock.now())
        done = await episodes.enrol(tx, practice.manager, form, now=clock.now(), outreach=RecordingOutreach())
    return Case(app_database, practice, clock, done.patient_id)


async def test_versions_say_what_changed_who_agreed_and_who_signed(case: Case) -> None:
    await case.saves(FIRST, 0, agreed_on=date(2026, 3, 1))
    assert await case.waiting() == [case.practice.clinician.id]
    await case.signs(1)
    assert await case.waiting() == []
    await case.saves(SECOND, 1)
    assert await case.waiting() == [case.practice.clinician.id]
    second, first = await case.versions()
    assert (first.version, first.agreed_on, first.created_by) == (1, date(2026, 3, 1), "Lee Park")
    assert (first.signed_by, first.sign_note, second.signed_by) == ("Ines Roth", "Fine.", None)
    assert [(c.label, c.removed, c.added) for c in second.changes] == [
        ("Goals, in the patient's words", (), ("Cook on Sundays",))
    ]
    assert second.content == SECOND


async def test_two_people_on_one_plan_meet_and_nothing_is_overwritten(case: Case) -> None:
    await case.saves(FIRST, 0)
    await case.saves(SECOND, 1)
    with pytest.raises(Conflict) as raised:
        await case.saves(OTHER, 1, case.practice.consultant)
    assert raised.value.code == "stale"
    assert [v.version for v in await case.versions()] == [2, 1]
    with pytest.raises(Conflict):
        await case.signs(1)


async def test_the_same_form_sent_twice_makes_one_version(case: Case) -> None:
    first = await case.saves(FIRST, 0)
    assert await case.saves(FIRST, 0) == first
    async with case.database.begin(case.practice.clinic_id) as tx:
        assert await tx.scalar(select(func.count()).select_from(CarePlan)) == 1


async def test_only_a_clinician_signs_and_only_once(case: Case) -> None:
    await case.saves(FIRST, 0)
    with pytest.raises(Forbidden):
        await case.signs(1, case.practice.manager)
    await case.signs(1)
    with pytest.raises(Conflict):
        await case.signs(1)


async def test_a_plan_with_problems_is_refused_whole(case: Case) -> None:
    with pytest.raises(Invalid) as raised:
        await case.saves(CareContent(goals=(" ",)), 0)
    assert [p.field for p in raised.value.problems] == ["problem", "goals", "rhythm"]
    with pytest.raises(Invalid) as late:
        await case.saves(FIRST, 0, agreed_on=case.clock.now().date() + timedelta(days=2))
    assert [p.field for p in late.value.problems] == ["agreed_on"]
    assert await case.versions() == ()


async def test_each_kind_counts_its_own_versions_and_stays_in_its_clinic(
    case: Case, database: Database
) -> None:
    await case.saves(FIRST, 0)
    await case.saves(SAFETY, 0)
    assert [(v.kind, v.version) for v in await case.versions("safety")] == [("safety", 1)]
    other = await open_practice(database, case.clock.now(), "south")
    with pytest.raises(NotFound):
        await case.versions("safety", other.manager)
