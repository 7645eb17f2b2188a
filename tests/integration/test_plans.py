"""Measure plans on both databases: versions, stale edits, and what they tell messaging."""

from __future__ import annotations

from datetime import date, time
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from kernel.audit import Actor
from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.episodes import service as episodes
from registry.episodes.forms import ReferralForm
from registry.plans import queries, rules, service
from registry.plans.queries import PlanFacts
from registry.plans.rules import PlanLine
from registry.plans.tables import MeasurePlan
from tests.support.clock import FakeClock
from tests.support.endings import ended
from tests.support.practice import Practice, RecordingOutreach, enrolment, open_practice

TODAY = date(2026, 3, 2)
USUAL = tuple(rules.PlanLine(instrument, 14, time(10), TODAY) for instrument in ("phq9", "gad7"))


class Desk:
    def __init__(self, database: Database, practice: Practice, clock: FakeClock, ana: UUID) -> None:
        self.database, self.practice, self.clock, self.ana = database, practice, clock, ana
        self.outreach = RecordingOutreach()

    async def sets(
        self, *lines: PlanLine, version: int | None = None, actor: Actor | None = None
    ) -> PlanFacts:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await service.set_plan(
                tx,
                actor or self.practice.manager,
                self.ana,
                lines,
                version=version,
                now=self.clock.now(),
                outreach=self.outreach,
            )

    async def rows(self) -> list[tuple[str, int, bool]]:
        async with self.database.begin(self.practice.clinic_id) as tx:
            found = await tx.all(select(MeasurePlan.__table__).order_by(MeasurePlan.id))
        return [(row.instrument_id, row.version, row.replaced_at is None) for row in found]


@pytest.fixture
async def desk(database: Database, app_database: Database, clock: FakeClock) -> Desk:
    practice = await open_practice(database, clock.now())
    async with app_database.begin(practice.clinic_id) as tx:
        form = enrolment(practice, clock.now())
        done = await episodes.enrol(tx, practice.manager, form, now=clock.now(), outreach=RecordingOutreach())
    return Desk(app_database, practice, clock, done.patient_id)


async def test_a_plan_is_read_back_in_its_order(desk: Desk) -> None:
    plan = await desk.sets(*USUAL)
    assert plan.lines == USUAL
    assert desk.outreach.calls == [("plan_changed", desk.ana)]
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        assert await service.current_plan(tx, desk.ana) == USUAL
        assert await queries.plan(tx, desk.practice.consultant, desk.ana, now=desk.clock.now()) == plan


async def test_a_change_writes_a_new_row_and_keeps_the_old_one(desk: Desk) -> None:
    await desk.sets(*USUAL)
    monthly = msgspec.structs.replace(USUAL[1], every_days=28)
    await desk.sets(USUAL[0], monthly)
    assert await desk.rows() == [("phq9", 1, True), ("gad7", 1, False), ("gad7", 2, True)]


async def test_the_same_plan_again_changes_nothing(desk: Desk) -> None:
    first = await desk.sets(*USUAL)
    assert await desk.sets(*USUAL, version=first.version) == first
    assert len(await desk.rows()) == 2
    assert desk.outreach.names() == ["plan_changed"]


async def test_an_empty_plan_asks_for_nothing_more(desk: Desk) -> None:
    await desk.sets(*USUAL)
    assert (await desk.sets()).lines == ()
    assert [current for _, _, current in await desk.rows()] == [False, False]
    assert desk.outreach.names() == ["plan_changed", "plan_changed"]


async def test_a_stale_plan_is_refused_also_after_a_line_was_only_dropped(desk: Desk) -> None:
    seen = await desk.sets(*USUAL)
    await desk.sets(USUAL[0], version=seen.version)
    with pytest.raises(Conflict) as refusal:
        await desk.sets(*USUAL, version=seen.version)
    assert refusal.value.code == "stale"


async def test_a_wrong_line_is_named_and_nothing_is_saved(desk: Desk) -> None:
    await desk.sets(*USUAL)
    daily = msgspec.structs.replace(USUAL[1], every_days=1, local_time=time(21, 30))
    with pytest.raises(Invalid) as refusal:
        await desk.sets(USUAL[0], daily)
    assert [p.field for p in refusal.value.problems] == ["lines[1].every_days", "lines[1].local_time"]
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        assert await service.current_plan(tx, desk.ana) == USUAL


async def test_a_plan_waits_for_enrolment(desk: Desk) -> None:
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        form = ReferralForm("Stone", "Bo", "Dr. Roth", "Asked for help", mrn="MRN-9")
        bo = await episodes.refer(tx, desk.practice.clinician, form, now=desk.clock.now())
        with pytest.raises(Conflict) as refusal:
            await service.set_plan(
                tx, desk.practice.manager, bo, USUAL, now=desk.clock.now(), outreach=desk.outreach
            )
    assert refusal.value.code == "not_enrolled"


async def test_a_new_episode_starts_without_the_last_ones_plan(desk: Desk) -> None:
    await desk.sets(*USUAL)
    async with desk.database.begin(desk.practice.clinic_id) as tx:
        over = ended("completed", TODAY)
        manager, now = desk.practice.manager, desk.clock.now()
        await episodes.change_status(tx, manager, desk.ana, over, now=now, outreach=desk.outreach)
        again = enrolment(desk.practice, now, patient_id=desk.ana)
        await episodes.enrol(tx, manager, again, now=now, outreach=desk.outreach)
        assert await service.current_plan(tx, desk.ana) == ()


async def test_roles_and_clinics_hold_for_plans(desk: Desk, database: Database, clock: FakeClock) -> None:
    with pytest.raises(Forbidden):
        await desk.sets(*USUAL, actor=desk.practice.biller)
    south = await open_practice(database, clock.now(), "south")
    async with database.begin() as tx:
        with pytest.raises(NotFound):
            await service.set_plan(
                tx, south.manager, desk.ana, USUAL, now=clock.now(), outreach=desk.outreach
            )
        with pytest.raises(NotFound):
            await queries.plan(tx, south.manager, desk.ana, now=clock.now())
        with pytest.raises(Forbidden):
            await queries.plan(tx, desk.practice.biller, desk.ana, now=clock.now())
