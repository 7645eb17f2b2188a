"""Handing over what a person holds, and closing an account that holds nothing any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, NotFound
from registry.access import CLINICAL, require
from registry.episodes.tables import Episode
from registry.filing.tables import ChartCopy
from registry.handover import rules
from registry.handover.rules import Duty, HandoverForm
from registry.handover.tables import Handover
from registry.on_call import service as on_call
from registry.on_call.tables import OnCallShift
from registry.organisation import accounts
from registry.organisation import queries as organisation
from registry.organisation.tables import Clinic, Staff, StaffRole
from registry.patients.service import refuse
from registry.ports import Outreach
from registry.recommendations.tables import Recommendation
from registry.review.tables import CaseReview
from registry.safety.tables import RiskEvent
from registry.time_log.tables import RunningTimer
from registry.worklist import service as worklist
from registry.worklist.tables import Task

LEADERS: Final = ("clinic_lead", "administrator")
DONE_STAGES: Final = ("done", "declined", "withdrawn")
_TEAM: Final[Mapping[Duty, Any]] = {
    "care_manager": Episode.care_manager_id,
    "clinician": Episode.treating_clinician_id,
    "consultant": Episode.consultant_id,
}


class Moved(msgspec.Struct, frozen=True):
    """`texted`: how many patients get the introduction; the others can't be texted now and are told by phone."""

    handover_id: UUID
    counts: dict[str, int]
    texted: int


class HandoverNote(msgspec.Struct, frozen=True):
    id: UUID
    at: datetime
    from_name: str
    note: str
    counts: dict[str, int]
    texted: int


async def duties(tx: Tx, viewer: Actor, staff_id: UUID, *, now: datetime) -> dict[Duty, int]:
    """What the person holds in the viewer's clinic; counts alone, so nothing about a patient is read."""
    clinic_id = require(viewer, *LEADERS)
    return await _held(tx, clinic_id, staff_id, now)


async def hand_over(
    tx: Tx, actor: Actor, from_id: UUID, form: HandoverForm, *, now: datetime, outreach: Outreach
) -> Moved:
    """By the clinic lead, all or nothing. Raises `Invalid` with every problem, `NotFound` for a stranger."""
    clinic_id = require(actor, "clinic_lead")
    await _colleague(tx, clinic_id, from_id)
    held = await _held(tx, clinic_id, from_id, now)
    roles = await organisation.roles_of_staff(tx, clinic_id, (form.to_id,))
    refuse(rules.check(form, from_id, roles.get(form.to_id, frozenset()), held))
    counts: dict[str, int] = {}
    patients: list[UUID] = []
    for duty in dict.fromkeys(form.duties):
        moved = await _move(tx, actor, clinic_id, duty, from_id, form.to_id, now)
        counts[duty] = len(moved)
        patients += moved if duty == "care_manager" else []
    texted = 0
    if form.introduce:
        for patient_id in patients:
            texted += await outreach.introduce(tx, actor, patient_id, form.to_id, now=now)
    handover_id = await _write(tx, actor, clinic_id, from_id, form, counts, texted, now)
    await worklist.open_task(
        tx, clinic_id=clinic_id, patient_id=None, episode_id=None, kind="handover_note",
        dedupe_key=f"handover:{handover_id}", owner_id=form.to_id, ref_kind="handover", ref_id=handover_id, now=now,
    )  # fmt: skip
    await audit.record(
        tx,
        actor,
        "staff.handed_over",
        "staff",
        from_id,
        now=now,
        to=str(form.to_id),
        count=sum(counts.values()),
    )
    return Moved(handover_id, counts, texted)


async def deactivate(tx: Tx, actor: Actor, staff_id: UUID, *, now: datetime) -> None:
    """Refused until everything the person holds has another owner, and for the clinic's last administrator. Raises
    `Conflict` naming what is left."""
    clinic_id = require(actor, "administrator")
    await _colleague(tx, clinic_id, staff_id)
    if "administrator" in await organisation.roles_in(tx, clinic_id, staff_id):
        await accounts.keep_administrator(tx, clinic_id, staff_id)
    # The row is locked first, so that nothing is given to the person between the look and the closing.
    await tx.first(select(Staff.id).where(Staff.id == staff_id).with_for_update())
    held = await _held(tx, clinic_id, staff_id, now)
    if left := rules.left(held):
        named = ", ".join(rules.counted(duty, held[duty]) for duty in left)
        raise Conflict(f"hand over first: {named}", code="duties_left")
    await accounts.disable(tx, actor, staff_id, now=now)


async def notes(tx: Tx, viewer: Actor, *, now: datetime) -> tuple[HandoverNote, ...]:
    """Handed to the viewer, newest first; a clinic lead sees the clinic's. At most 50."""
    clinic_id = require(viewer, *CLINICAL)
    mine = [] if viewer.has("clinic_lead") else [Handover.to_staff_id == viewer.id]
    rows = await tx.all(
        select(Handover.__table__, Staff.name)
        .join(Staff, Staff.id == Handover.from_staff_id)
        .where(Handover.clinic_id == clinic_id, *mine)
        .order_by(Handover.at.desc(), Handover.id.desc())
        .limit(50)
    )
    await audit.record(tx, viewer, "handovers.read", "clinic", clinic_id, now=now, count=len(rows))
    return tuple(
        HandoverNote(row.id, row.at, row.name, tx.vault.open(row.note_sealed), row.moved, row.texted)
        for row in rows
    )


async def _colleague(tx: Tx, clinic_id: UUID, staff_id: UUID) -> None:
    if not await organisation.roles_in(tx, clinic_id, staff_id):
        raise NotFound("staff")


async def _held(tx: Tx, clinic_id: UUID, staff_id: UUID, now: datetime) -> dict[Duty, int]:
    def count(model: Any, *where: Any) -> Any:
        return (
            select(func.count())
            .select_from(model)
            .where(model.clinic_id == clinic_id, *where)
            .scalar_subquery()
        )

    open_episode = Episode.status != "ended"
    wanted: dict[Duty, Any] = {
        duty: count(Episode, open_episode, column == staff_id) for duty, column in _TEAM.items()
    }
    wanted |= {
        "events": count(RiskEvent, RiskEvent.state != "closed", RiskEvent.responsible_id == staff_id),
        "approvals": count(Recommendation, Recommendation.stage.not_in(DONE_STAGES), Recommendation.recipient_id == staff_id),
        "meetings": count(CaseReview, CaseReview.state.in_(("planned", "open")), CaseReview.consultant_id == staff_id),
        "caseload_meetings": count(CaseReview, CaseReview.state.in_(("planned", "open")), CaseReview.care_manager_id == staff_id),
        "shifts": count(OnCallShift, *_ahead(staff_id, now)),
        "tasks": count(Task, Task.done_at.is_(None), Task.owner_id == staff_id),
        "timer": count(RunningTimer, RunningTimer.staff_id == staff_id),
        "default_responsible": select(func.count())
        .select_from(Clinic)
        .where(Clinic.id == clinic_id, Clinic.default_responsible_id == staff_id)
        .scalar_subquery(),
        "other_clinics": select(func.count(func.distinct(StaffRole.clinic_id)))
        .where(StaffRole.staff_id == staff_id, StaffRole.clinic_id != clinic_id)
        .scalar_subquery(),
    }  # fmt: skip
    row = await tx.first(select(*(query.label(duty) for duty, query in wanted.items())))
    assert row is not None
    return {duty: int(getattr(row, duty)) for duty in wanted}


def _ahead(staff_id: UUID, now: datetime) -> tuple[Any, ...]:
    return (OnCallShift.staff_id == staff_id, OnCallShift.ends_at > now, OnCallShift.removed_at.is_(None))


async def _move(
    tx: Tx, actor: Actor, clinic_id: UUID, duty: Duty, from_id: UUID, to_id: UUID, now: datetime
) -> list[UUID]:
    """Ids of what changed hands: the patients' for places in a team."""
    match duty:
        case "care_manager" | "clinician" | "consultant":
            return await _team(tx, clinic_id, duty, from_id, to_id, now)
        case "events":
            where = (RiskEvent.state != "closed", RiskEvent.responsible_id == from_id)
            return await _give(tx, clinic_id, RiskEvent, where, {"responsible_id": to_id})
        case "approvals":
            waits = (Recommendation.stage.not_in(DONE_STAGES), Recommendation.recipient_id == from_id)
            values = {"recipient_id": to_id, "version": Recommendation.version + 1}
            return await _give(tx, clinic_id, Recommendation, waits, values)
        case "meetings":
            planned = (CaseReview.state.in_(("planned", "open")), CaseReview.consultant_id == from_id)
            changed = {"consultant_id": to_id, "version": CaseReview.version + 1}
            return await _give(tx, clinic_id, CaseReview, planned, changed)
        case "caseload_meetings":
            theirs = (CaseReview.state.in_(("planned", "open")), CaseReview.care_manager_id == from_id)
            passed = {"care_manager_id": to_id, "version": CaseReview.version + 1}
            return await _give(tx, clinic_id, CaseReview, theirs, passed)
        case "shifts":
            return await _shifts(tx, actor, clinic_id, from_id, to_id, now)
        case "tasks":
            copies = (ChartCopy.owner_id == from_id, ChartCopy.filed_at.is_(None))
            await _give(tx, clinic_id, ChartCopy, copies, {"owner_id": to_id})
            return await _give(
                tx, clinic_id, Task, (Task.done_at.is_(None), Task.owner_id == from_id), {"owner_id": to_id}
            )
        case "default_responsible":
            mine = (Clinic.id == clinic_id, Clinic.default_responsible_id == from_id)
            done = await tx.execute(update(Clinic).where(*mine).values(default_responsible_id=to_id))
            return [clinic_id] * done.rowcount
        case "timer" | "other_clinics":
            return []


async def _give(
    tx: Tx, clinic_id: UUID, model: Any, where: tuple[Any, ...], values: dict[str, Any]
) -> list[UUID]:
    found = (model.clinic_id == clinic_id, *where)
    rows = await tx.all(update(model).where(*found).values(**values).returning(model.id))
    return [row.id for row in rows]


async def _team(tx: Tx, clinic_id: UUID, duty: Duty, from_id: UUID, to_id: UUID, now: datetime) -> list[UUID]:
    column = _TEAM[duty]
    rows = await tx.all(
        update(Episode)
        .where(Episode.clinic_id == clinic_id, Episode.status != "ended", column == from_id)
        .values({column.key: to_id, "version": Episode.version + 1, "updated_at": now})
        .returning(Episode.id, Episode.patient_id)
    )
    for row in sorted(rows, key=lambda row: row.id):
        await worklist.refresh(tx, row.id, now)
    return [row.patient_id for row in rows]


async def _shifts(
    tx: Tx, actor: Actor, clinic_id: UUID, from_id: UUID, to_id: UUID, now: datetime
) -> list[UUID]:
    wanted = select(OnCallShift.id).where(OnCallShift.clinic_id == clinic_id, *_ahead(from_id, now))
    found = [row.id for row in await tx.all(wanted.order_by(OnCallShift.starts_at))]
    for shift_id in found:
        await on_call.cover_shift(tx, actor, shift_id, to_id, now=now)
    return found


async def _write(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    from_id: UUID,
    form: HandoverForm,
    counts: dict[str, int],
    texted: int,
    now: datetime,
) -> UUID:
    handover_id = tx.new_id()
    values = {
        "id": handover_id,
        "clinic_id": clinic_id,
        "from_staff_id": from_id,
        "to_staff_id": form.to_id,
        "note_sealed": tx.vault.seal(form.note.strip()),
        "moved": counts,
        "texted": texted,
        "at": now,
        "by_id": actor.id if actor.kind == "staff" else None,
    }
    await tx.execute(insert(Handover), values)
    return handover_id
