"""Proposals on both databases: found by the sweep, decided by a person, settled by what happens."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select

from kernel.audit import AuditEvent
from kernel.db import Database, Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from messaging.schedule.outreach import Schedule
from registry.care_plans.contents import RelapseContent
from registry.care_plans.service import save_plan
from registry.care_plans.tables import CarePlan
from registry.episodes.forms import StatusForm
from registry.episodes.status import change_status
from registry.episodes.tables import Episode
from registry.measures import service as measures
from registry.plans import service as plans
from registry.plans.queries import plan_facts
from registry.plans.rules import PlanLine
from registry.review import queries as review_queries
from registry.review import service as reviews
from registry.review.rules import DiscussionForm
from registry.stepped_care import queries, service
from registry.treatment_changes import service as treatment_changes
from registry.treatment_changes.queries import changes
from registry.treatment_changes.rules import ChangeForm, ChangeWithdrawal
from registry.worklist.lines import drift
from registry.worklist.tables import RegistryLine, Task
from tests.support import builders
from tests.support.alerts import NotedAlerts
from tests.support.builders import ClinicRows, PatientRows

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # Monday 10:00 in Seattle
DAY = timedelta(days=1)
OUTREACH = Schedule()
MISTAKE = ChangeWithdrawal("It was another patient's.")


async def scored(
    tx: Tx, clinic: ClinicRows, patient: PatientRows, total: int, days_ago: int, measure: str = "phq9"
) -> None:
    form = measures.TotalForm(
        patient_id=patient.id, instrument_id=measure, total=total, taken_on=(NOW - days_ago * DAY).date(),
        source="paper", item9=0 if measure == "phq9" else None,
    )  # fmt: skip
    await measures.enter_total(tx, clinic.actor("care_manager"), form, now=NOW, alerts=NotedAlerts())


async def waiting(tx: Tx, clinic: ClinicRows) -> dict[str, UUID]:
    found = await queries.waiting(tx, clinic.actor("care_manager"), now=NOW)
    return {line.kind: line.id for line in found}


async def course(tx: Tx, *totals: tuple[int, int], **columns: Any) -> tuple[ClinicRows, PatientRows]:
    """A patient enrolled 100 days ago with (total, days ago) on paper."""
    clinic = await builders.clinic(tx, NOW)
    values = {"enrolled_on": (NOW - 100 * DAY).date()} | columns
    patient = await builders.patient(tx, clinic, NOW, family_name="Adams", **values)
    for total, days_ago in totals:
        await scored(tx, clinic, patient, total, days_ago)
    return clinic, patient


async def test_a_response_is_found_by_the_sweep_and_steps_down_with_its_rhythm(database: Database) -> None:
    async with database.begin() as tx:
        clinic, patient = await course(tx, (16, 90), (7, 3))
        casey = clinic.actor("care_manager")
        line = PlanLine("phq9", 14, time(10, 0), NOW.date())
        await plans.set_plan(tx, casey, patient.id, [line], now=NOW, outreach=OUTREACH)
    assert (await service.propose_due(database, NOW))["proposed"] == 1
    assert (await service.propose_due(database, NOW))["looked_at"] == 0
    async with database.begin() as tx:
        proposal = (await waiting(tx, clinic))["step_down"]
        with pytest.raises(Forbidden):
            await service.accept(tx, clinic.actor("consultant"), proposal, now=NOW, outreach=OUTREACH)
        await service.accept(tx, casey, proposal, now=NOW, outreach=OUTREACH)
        status = await tx.scalar(select(Episode.status).where(Episode.id == patient.episode_id))
        assert status == "relapse_prevention"
        assert [line.every_days for line in (await plan_facts(tx, patient.id)).lines] == [28]
        with pytest.raises(Conflict):
            await service.accept(tx, casey, proposal, now=NOW, outreach=OUTREACH)
        await scored(tx, clinic, patient, 13, 0)
        await service.propose_for(tx, patient.episode_id, NOW)
        await service.accept(tx, casey, (await waiting(tx, clinic))["relapse"], now=NOW, outreach=OUTREACH)
        assert [line.every_days for line in (await plan_facts(tx, patient.id)).lines] == [14]


async def test_a_step_down_asks_for_the_plan_against_relapse_and_can_be_taken_back(
    database: Database,
) -> None:
    async with database.begin() as tx:
        clinic, patient = await course(tx, (16, 90), (7, 3))
        casey = clinic.actor("care_manager")
        line = PlanLine("phq9", 14, time(10, 0), NOW.date())
        await plans.set_plan(tx, casey, patient.id, [line], now=NOW, outreach=OUTREACH)
        await service.propose_for(tx, patient.episode_id, NOW)
        proposal = (await waiting(tx, clinic))["step_down"]
        with pytest.raises(Conflict):
            await service.take_back(tx, casey, proposal, "Not taken", now=NOW, outreach=OUTREACH)
        await service.accept(tx, casey, proposal, now=NOW, outreach=OUTREACH)
        asked = select(Task.due_at).where(Task.kind == "relapse_plan", Task.done_at.is_(None))
        assert await tx.scalar(asked) == datetime(
            2026, 3, 16, 19, 0, tzinfo=UTC
        )  # noon, after the clocks changed
        with pytest.raises(Invalid):
            await service.take_back(tx, casey, proposal, " ", now=NOW, outreach=OUTREACH)
        await service.take_back(tx, casey, proposal, "One score is too little", now=NOW, outreach=OUTREACH)
        status = await tx.scalar(select(Episode.status).where(Episode.id == patient.episode_id))
        assert (status, await tx.scalar(asked)) == ("active", None)
        assert [line.every_days for line in (await plan_facts(tx, patient.id)).lines] == [14]
        await service.propose_for(tx, patient.episode_id, NOW + DAY)
        assert "step_down" not in await waiting(tx, clinic)
        [decided] = await queries.of_patient(tx, casey, patient.id, now=NOW)
        assert (decided.state, decided.reason) == ("declined", "One score is too little")
        form = StatusForm("relapse_prevention", "response", NOW.date())
        await change_status(tx, casey, patient.id, form, now=NOW, outreach=OUTREACH)
        assert await tx.scalar(asked) is not None
        plan = RelapseContent(warning_signs=("Wakes early",), what_helps=("Walks",), contacts=("The clinic",))
        await save_plan(tx, casey, patient.id, plan, base=0, now=NOW)
        assert await tx.scalar(asked) is None


async def test_a_planned_phq9_that_never_came_is_no_response_of_the_gad7(database: Database) -> None:
    async with database.begin() as tx:
        clinic, patient = await course(tx)
        await scored(tx, clinic, patient, 12, 90, "gad7")
        await scored(tx, clinic, patient, 4, 3, "gad7")
        casey = clinic.actor("care_manager")
        lines = [PlanLine(measure, 14, time(10, 0), NOW.date()) for measure in ("phq9", "gad7")]
        assert (await rules_of_line(tx, patient))["R-RESP"] == "met"
        await plans.set_plan(tx, casey, patient.id, lines, now=NOW, outreach=OUTREACH)
        judged = await rules_of_line(tx, patient)
        assert {judged[rule] for rule in ("R-SEVERE", "R-STALL-A", "R-RESP")} == {"unknown"}
        assert judged["R-NOSCORE"] == "met"
        await service.propose_for(tx, patient.episode_id, NOW)
        assert await waiting(tx, clinic) == {}
        assert await drift(tx, clinic.id, NOW) == []


async def rules_of_line(tx: Tx, patient: PatientRows) -> dict[str, str]:
    return {result["rule"]: result["outcome"] for result in (await worklist_line(tx, patient)).rules}


async def test_what_was_declined_is_not_proposed_again_until_a_new_score(database: Database) -> None:
    async with database.begin() as tx:
        clinic, patient = await course(tx, (16, 90), (13, 3))
        casey = clinic.actor("care_manager")
        await service.propose_for(tx, patient.episode_id, NOW)
        proposal = (await waiting(tx, clinic))["step_up"]
        with pytest.raises(Invalid):
            await service.decline(tx, casey, proposal, "  ", now=NOW)
        await service.decline(tx, casey, proposal, "Starts therapy on Friday", now=NOW)
        await service.propose_for(tx, patient.episode_id, NOW + DAY)
        assert await waiting(tx, clinic) == {}
        [decided] = await queries.of_patient(tx, casey, patient.id, now=NOW)
        assert (decided.state, decided.reason) == ("declined", "Starts therapy on Friday")
        await scored(tx, clinic, patient, 14, 0)
        await service.propose_for(tx, patient.episode_id, NOW)
        await service.accept(tx, casey, (await waiting(tx, clinic))["step_up"], now=NOW, outreach=OUTREACH)
        line = await worklist_line(tx, patient)
        assert line.discuss_flag


async def test_a_discussion_in_the_review_accepts_the_step_up_that_asked_for_it(database: Database) -> None:
    async with database.begin() as tx:
        clinic, patient = await course(tx, (16, 90), (13, 3))
        await service.propose_for(tx, patient.episode_id, NOW)
        casey, connie = clinic.actor("care_manager"), clinic.actor("consultant")
        [line] = await queries.waiting(tx, casey, now=NOW, beside_agenda=True)
        assert (line.kind, line.review_at) == ("step_up", None)
        starts = NOW + DAY
        meeting = await reviews.plan(
            tx, casey, starts_at=starts, minutes=30, consultant_id=clinic.consultant, care_manager_id=None, now=NOW,
        )  # fmt: skip
        assert await queries.waiting(tx, casey, now=NOW, beside_agenda=True) == ()
        assert [line.review_at for line in await queries.waiting(tx, casey, now=NOW)] == [starts]
        never_opened = await queries.waiting(tx, casey, now=NOW + 2 * DAY, beside_agenda=True)
        assert [line.kind for line in never_opened] == ["step_up"]
        await reviews.open_review(tx, connie, meeting, now=NOW)
        assert await queries.waiting(tx, casey, now=NOW, beside_agenda=True) == ()
        [item] = (await review_queries.review(tx, connie, meeting, now=NOW)).items
        form = DiscussionForm(
            discussion="joint",
            people=(clinic.consultant, clinic.care_manager),
            minutes=5,
            note="Raise the dose.",
        )
        await reviews.discuss(tx, connie, item.id, form, version=1, now=NOW)
        assert await queries.waiting(tx, casey, now=NOW) == ()
        [decided] = await queries.of_patient(tx, casey, patient.id, now=NOW)
        assert (decided.state, decided.reason) == ("accepted", "Discussed in the case review.")
        noted = await tx.first(select(AuditEvent.detail).where(AuditEvent.action == "step.accepted"))
        assert noted.detail["review_item"] == str(item.id)
        await service.propose_for(tx, patient.episode_id, NOW + DAY)
        assert await waiting(tx, clinic) == {}


async def test_a_review_takes_up_what_the_sweep_has_not_come_to(database: Database) -> None:
    async with database.begin() as tx:
        clinic, patient = await course(tx, (16, 90), (13, 3))
        connie = clinic.actor("consultant")
        item_id = tx.new_id()
        await service.settle_by_review(tx, connie, patient.episode_id, item_id, NOW)
        await service.propose_for(tx, patient.episode_id, NOW + DAY)
        assert await waiting(tx, clinic) == {}


async def test_a_change_of_treatment_proposes_a_contact_and_a_score_at_once(database: Database) -> None:
    async with database.begin() as tx:
        clinic, patient = await course(tx, (9, 90))
        casey = clinic.actor("care_manager")
        await plans.set_plan(
            tx, casey, patient.id, [PlanLine("phq9", 14, time(10, 0), NOW.date() + DAY)],
            now=NOW, outreach=OUTREACH,
        )  # fmt: skip
        form = ChangeForm(NOW.date(), "medication_started", "sertraline 50 mg", new_antidepressant=True)
        change_id = await treatment_changes.record_change(tx, casey, patient.id, form, now=NOW)
        found = await waiting(tx, clinic)
        assert found.keys() == {"side_effects", "score"}
        await service.accept(tx, casey, found["side_effects"], now=NOW, outreach=OUTREACH)
        await service.accept(tx, casey, found["score"], now=NOW, outreach=OUTREACH)
        row = await tx.first(select(Episode.next_contact_at).where(Episode.id == patient.episode_id))
        assert row is not None
        assert row.next_contact_at == datetime(2026, 3, 16, 17, 0, tzinfo=UTC)  # 10:00, summer time
        [line] = (await plan_facts(tx, patient.id)).lines
        assert (NOW.date() + 28 * DAY - line.anchor_on).days % 14 == 0
        [change] = await changes(tx, casey, patient.id, now=NOW)
        assert (change.number, change.label, change.what) == (1, "Medication started", "sertraline 50 mg")
        await treatment_changes.withdraw_change(tx, casey, patient.id, change_id, MISTAKE, now=NOW)
        assert await changes(tx, casey, patient.id, now=NOW) == ()


async def test_a_withdrawn_change_takes_its_proposals_along(database: Database) -> None:
    async with database.begin() as tx:
        clinic, patient = await course(tx, (9, 90))
        casey = clinic.actor("care_manager")
        form = ChangeForm(NOW.date(), "dose_changed", "sertraline 100 mg")
        change_id = await treatment_changes.record_change(tx, casey, patient.id, form, now=NOW)
        await treatment_changes.withdraw_change(tx, casey, patient.id, change_id, MISTAKE, now=NOW)
        assert await waiting(tx, clinic) == {}
        with pytest.raises(Conflict):
            await treatment_changes.withdraw_change(tx, casey, patient.id, change_id, MISTAKE, now=NOW)
        with pytest.raises(Invalid) as refused:
            await treatment_changes.record_change(
                tx, casey, patient.id, ChangeForm(NOW.date() + DAY, "other", " ", True), now=NOW
            )
        assert [p.field for p in refused.value.problems] == ["on", "what", "new_antidepressant"]


async def test_another_clinics_proposal_does_not_exist(database: Database) -> None:
    async with database.begin() as tx:
        clinic, patient = await course(tx, (16, 90), (7, 3))
        await service.propose_for(tx, patient.episode_id, NOW)
        proposal = (await waiting(tx, clinic))["step_down"]
        stranger = (await builders.clinic(tx, NOW)).actor("care_manager")
        for refused in (
            service.decline(tx, stranger, proposal, "no", now=NOW),
            queries.of_patient(tx, stranger, patient.id, now=NOW),
        ):
            with pytest.raises(NotFound):
                await refused


async def test_graduation_becomes_a_task_to_end_the_episode(database: Database) -> None:
    async with database.begin() as tx:
        clinic, patient = await course(tx, (16, 90), (4, 40), (4, 3), status="relapse_prevention")
        await service.propose_for(tx, patient.episode_id, NOW)
        assert await waiting(tx, clinic) == {}  # without a plan against relapse
        await relapse_plan(tx, clinic, patient)
        await service.propose_for(tx, patient.episode_id, NOW)
        casey = clinic.actor("care_manager")
        await service.accept(tx, casey, (await waiting(tx, clinic))["graduate"], now=NOW, outreach=OUTREACH)
        open_task = await tx.scalar(
            select(Task.kind).where(Task.patient_id == patient.id, Task.kind == "end_episode")
        )
        assert open_task == "end_episode"


async def worklist_line(tx: Tx, patient: PatientRows) -> Any:
    return await tx.first(select(RegistryLine.__table__).where(RegistryLine.episode_id == patient.episode_id))


async def relapse_plan(tx: Tx, clinic: ClinicRows, patient: PatientRows) -> None:
    fresh: dict[str, Any] = {c.name: None for c in CarePlan.__table__.columns if c.nullable}
    values = {
        "id": tx.new_id(), "clinic_id": clinic.id, "patient_id": patient.id, "episode_id": patient.episode_id,
        "kind": "relapse", "version": 1, "content_sealed": tx.vault.seal("{}"), "created_at": NOW,
    }  # fmt: skip
    await tx.execute(insert(CarePlan), fresh | values)
