"""Keeps proposals equal to what the rules say, and does what a person accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, assert_never, cast
from uuid import UUID

import msgspec
from sqlalchemy import or_, select, update

from kernel import audit, log
from kernel.audit import Actor
from kernel.db import Database, Tx, insert_or_skip, pick
from kernel.errors import Conflict, Invalid, NotFound
from registry import zones
from registry.access import CARE, require
from registry.care_plans.tables import CarePlan
from registry.contacts.tables import Contact
from registry.episodes import service as episodes
from registry.episodes.forms import Status, StatusForm, StatusReason
from registry.episodes.status import change_status
from registry.episodes.tables import Episode
from registry.flags.rules import evaluate
from registry.organisation import queries as organisation
from registry.patients.tables import Patient
from registry.plans import service as plans
from registry.plans.queries import plan_facts
from registry.plans.rules import PlanLine
from registry.ports import Outreach
from registry.stepped_care import rules
from registry.stepped_care.rules import RHYTHM, Change, Course, Kind
from registry.stepped_care.tables import StepProposal
from registry.treatment_changes.tables import TreatmentChange
from registry.working_time import next_business_day
from registry.worklist import service as worklist
from registry.worklist.lines import facts_of
from registry.worklist.rules import IN_CARE
from registry.worklist.tables import RegistryLine

BATCH: Final = 200
MAX_REASON: Final = 500
# A step between the phases: where it led, and where it goes back to.
BACK: Final[Mapping[str, tuple[Status, Status]]] = {
    "step_down": ("relapse_prevention", "active"),
    "relapse": ("active", "relapse_prevention"),
}
BY_REVIEW: Final = "Discussed in the case review."
MORNING: Final = time(10, 0)
_INSERT = insert_or_skip(StepProposal, "episode_id", "occasion")
Counts = dict[str, int]


async def propose_for(tx: Tx, episode_id: UUID, now: datetime) -> int:
    """Writes what the rules propose now and settles what no longer holds. Returns how many are new. What was decided
    stays decided until a new score or change."""
    row = await tx.first(
        select(Episode.clinic_id, Episode.patient_id, Patient.birth_date)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Episode.id == episode_id)
    )
    found = None if row is None else await facts_of(tx, episode_id)
    if row is None or found is None:
        return 0
    facts, numbers, zone, _ = found
    today = zones.local_date(now, zone)
    course = Course(
        facts=facts,
        results=evaluate(facts, numbers, today),
        born=row.birth_date,
        changes=await _changes(tx, episode_id),
        reached_on=await _reached(tx, episode_id, zone),
        relapse_plan=await _has_relapse_plan(tx, episode_id),
    )
    wanted = rules.propose(course, numbers, today)
    await _settle(tx, episode_id, [proposal.occasion for proposal in wanted], now)
    fresh = 0
    for proposal in wanted:
        values = {
            **msgspec.structs.asdict(proposal),
            "id": tx.new_id(),
            "clinic_id": row.clinic_id,
            "patient_id": row.patient_id,
            "episode_id": episode_id,
            "rule_version": proposal.version,
            "state": "open",
            "proposed_at": now,
            "decided_at": None,
            "decided_by_id": None,
            "reason_sealed": None,
        }
        del values["version"]
        fresh += await tx.insert_once(pick(tx, _INSERT), values)
    return fresh


async def propose_due(database: Database, now: datetime) -> Counts:
    """Episodes whose registry line changed since their steps were last looked at, which each of them does daily."""
    async with database.begin() as tx:
        line = RegistryLine
        due = [
            row.episode_id
            for row in await tx.all(
                select(line.episode_id)
                .where(line.status.in_(IN_CARE))
                .where(or_(line.steps_at.is_(None), line.steps_at < line.updated_at))
                .order_by(line.updated_at, line.episode_id)
                .limit(BATCH)
            )
        ]
    done = {"looked_at": 0, "proposed": 0, "failed": 0}
    for episode_id in due:
        try:
            done["proposed"] += await database.run(lambda tx, e=episode_id: _look(tx, e, now))  # type: ignore[misc]
            done["looked_at"] += 1
        except Exception as error:
            done["failed"] += 1
            log.get().error("steps.failed", job="step_proposals", exc_info=error)
            async with database.begin() as tx:
                await _looked(tx, episode_id, now)
    return done


async def _look(tx: Tx, episode_id: UUID, now: datetime) -> int:
    fresh = await propose_for(tx, episode_id, now)
    await _looked(tx, episode_id, now)
    return fresh


async def accept(tx: Tx, actor: Actor, proposal_id: UUID, *, now: datetime, outreach: Outreach) -> Kind:
    """Does what was proposed. Raises `Conflict` when somebody decided before, or the record does not allow it."""
    row = await _open(tx, actor, proposal_id)
    kind = cast(Kind, row.kind)
    match kind:
        case "step_up":
            await worklist.set_flags(tx, actor, row.episode_id, discuss=True, now=now)
        case "step_down":
            await _phase(tx, actor, row, "relapse_prevention", "response", now, outreach)
        case "relapse":
            await _phase(tx, actor, row, "active", "relapse", now, outreach)
        case "graduate":
            await _ask_to_end(tx, row, now)
        case "side_effects":
            await _plan_contact(tx, actor, row, now)
        case "score":
            await _plan_score(tx, actor, row, now, outreach)
        case _:
            assert_never(kind)
    await _decide(tx, actor, row, "accepted", None, now)
    return kind


async def decline(tx: Tx, actor: Actor, proposal_id: UUID, reason: str, *, now: datetime) -> None:
    """Raises `Invalid` without a reason, `Conflict` when somebody decided before."""
    row = await _open(tx, actor, proposal_id)
    await _decide(tx, actor, row, "declined", _said(reason), now)


async def take_back(
    tx: Tx, actor: Actor, proposal_id: UUID, reason: str, *, now: datetime, outreach: Outreach
) -> None:
    """Undoes a step between the phases that was accepted: the phase before with its rhythm, and the proposal declined
    with `reason`, so that the same score does not propose it again. Raises `Invalid` without a reason, `Conflict` for
    another kind of step, one that was not accepted, or when the episode has moved on since."""
    row = await _locked(tx, actor, proposal_id)
    if row.state != "accepted" or row.kind not in BACK:
        raise Conflict("only an accepted step between the phases can be taken back", code="not_taken")
    stood, before = BACK[row.kind]
    if await tx.scalar(select(Episode.status).where(Episode.id == row.episode_id)) != stood:
        raise Conflict("the status was changed since: change it on the status page", code="moved_on")
    said = _said(reason)
    await _phase(tx, actor, row, before, "resumed", now, outreach)
    await _decide(tx, actor, row, "declined", said, now, taken_back="yes")


async def settle_by_review(tx: Tx, actor: Actor, episode_id: UUID, item_id: UUID, now: datetime) -> None:
    """Whose case was discussed in the review, the item `item_id`, has been taken to it: a step up that is open, or that
    the rules would propose now, is accepted with that reason."""
    await propose_for(tx, episode_id, now)
    rows = await tx.all(
        select(StepProposal.__table__)
        .where(
            StepProposal.episode_id == episode_id,
            StepProposal.state == "open",
            StepProposal.kind == "step_up",
        )
        .with_for_update()
    )
    for row in rows:
        await _decide(tx, actor, row, "accepted", BY_REVIEW, now, review_item=str(item_id))


def _said(reason: str) -> str:
    said = reason.strip()
    if not said or len(said) > MAX_REASON:
        raise Invalid.field("reason", f"is needed, at most {MAX_REASON} characters")
    return said


async def _open(tx: Tx, actor: Actor, proposal_id: UUID) -> Any:
    row = await _locked(tx, actor, proposal_id)
    if row.state != "open":
        raise Conflict("this proposal was decided already, or no longer holds", code="decided")
    return row


async def _locked(tx: Tx, actor: Actor, proposal_id: UUID) -> Any:
    clinic_id = require(actor, *CARE)
    row = await tx.first(
        select(StepProposal.__table__)
        .where(StepProposal.id == proposal_id, StepProposal.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("proposal")
    return row


async def _decide(
    tx: Tx, actor: Actor, row: Any, state: str, reason: str | None, now: datetime, **reference: str
) -> None:
    values = {
        "state": state,
        "decided_at": now,
        "decided_by_id": actor.id if actor.kind == "staff" else None,
        "reason_sealed": None if reason is None else tx.vault.seal(reason),
    }
    await tx.execute(update(StepProposal).where(StepProposal.id == row.id).values(**values))
    await audit.record(
        tx, actor, f"step.{state}", "step_proposal", row.id,
        now=now, patient_id=row.patient_id, kind=row.kind, **reference,
    )  # fmt: skip


async def _phase(
    tx: Tx, actor: Actor, row: Any, status: Status, reason: StatusReason, now: datetime, outreach: Outreach
) -> None:
    """The status of the episode, and the rhythm of the measures that goes with it."""
    clinic = await organisation.clinic(tx, row.clinic_id)
    form = StatusForm(status, reason, clinic.local_date(now))
    await change_status(tx, actor, row.patient_id, form, now=now, outreach=outreach)
    plan = await plan_facts(tx, row.patient_id)
    lines = [msgspec.structs.replace(line, every_days=RHYTHM[status]) for line in plan.lines]
    if lines:
        await plans.set_plan(tx, actor, row.patient_id, lines, now=now, outreach=outreach)


async def _ask_to_end(tx: Tx, row: Any, now: datetime) -> None:
    owner = await tx.scalar(select(Episode.care_manager_id).where(Episode.id == row.episode_id))
    await worklist.open_task(
        tx, clinic_id=row.clinic_id, patient_id=row.patient_id, episode_id=row.episode_id, kind="end_episode",
        dedupe_key=f"end_episode:{row.episode_id}", owner_id=owner, now=now,
    )  # fmt: skip


async def _plan_contact(tx: Tx, actor: Actor, row: Any, now: datetime) -> None:
    """Leaves a contact alone that is planned in time already."""
    clinic = await organisation.clinic(tx, row.clinic_id)
    hours = await worklist.working_time(tx, row.clinic_id)
    planned = await tx.scalar(select(Episode.next_contact_at).where(Episode.id == row.episode_id))
    if planned is not None and now <= planned and clinic.local_date(planned) <= row.due_on:
        return
    at = datetime.combine(row.due_on, MORNING, zones.zone(clinic.zone))
    if at <= now:
        at = next_business_day(now, hours)
    purpose = "Side effects after the treatment change"
    await episodes.set_next_contact(tx, actor, row.patient_id, at, "phone", purpose, now=now)


async def _plan_score(tx: Tx, actor: Actor, row: Any, now: datetime, outreach: Outreach) -> None:
    """Moves the rhythm so that one of its days is the proposed one, and keeps how often."""
    plan = await plan_facts(tx, row.patient_id)
    if not plan.lines:
        raise Conflict("no check-ins are planned: set them on the patient's page", code="no_plan")
    today = (await organisation.clinic(tx, row.clinic_id)).local_date(now)
    lines = [
        msgspec.structs.replace(line, anchor_on=_anchor(line, max(row.due_on, today), today))
        for line in plan.lines
    ]
    await plans.set_plan(tx, actor, row.patient_id, lines, now=now, outreach=outreach)


def _anchor(line: PlanLine, on: date, today: date) -> date:
    """The first day of the rhythm through `on` that is not past."""
    steps = (on - today).days // line.every_days
    return on - timedelta(days=steps * line.every_days)


async def _settle(tx: Tx, episode_id: UUID, holding: Sequence[str], now: datetime) -> None:
    await tx.execute(
        update(StepProposal)
        .where(StepProposal.episode_id == episode_id, StepProposal.state == "open")
        .where(StepProposal.occasion.not_in(holding))
        .values(state="settled", decided_at=now)
    )


async def _looked(tx: Tx, episode_id: UUID, now: datetime) -> None:
    await tx.execute(update(RegistryLine).where(RegistryLine.episode_id == episode_id).values(steps_at=now))


async def _changes(tx: Tx, episode_id: UUID) -> tuple[Change, ...]:
    change = TreatmentChange
    rows = await tx.all(
        select(change.id, change.on, change.kind, change.new_antidepressant)
        .where(change.episode_id == episode_id, change.withdrawn_at.is_(None))
        .order_by(change.on, change.id)
    )
    return tuple(Change(str(row.id), row.on, row.kind, row.new_antidepressant) for row in rows)


async def _reached(tx: Tx, episode_id: UUID, zone: str) -> tuple[date, ...]:
    rows = await tx.all(
        select(Contact.occurred_at).where(Contact.episode_id == episode_id, Contact.spoken.is_(True))
    )
    return tuple(zones.local_date(row.occurred_at, zone) for row in rows)


async def _has_relapse_plan(tx: Tx, episode_id: UUID) -> bool:
    wanted = select(CarePlan.id).where(CarePlan.episode_id == episode_id, CarePlan.kind == "relapse").limit(1)
    return await tx.first(wanted) is not None
