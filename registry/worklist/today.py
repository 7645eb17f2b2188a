"""The landing page: what cannot wait, what is late, what the day holds, what waits for an answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, false, func, or_, select

from kernel.audit import Actor, record
from kernel.db import Tx
from registry import zones
from registry.access import CLINICAL, require
from registry.organisation.tables import Clinic, Staff
from registry.patients.tables import Patient
from registry.safety.tables import RiskEvent
from registry.working_time import local_midnight_after
from registry.worklist.filters import NOTHING_PLANNED
from registry.worklist.paging import mine as my_lines
from registry.worklist.rules import CAN_BE_OVERDUE, IN_CARE, UNANSWERED_STATES
from registry.worklist.tables import RegistryLine, Task
from registry.worklist.task_list import TASKS, TaskFilter, TaskLine, task_conditions, task_line
from registry.worklist.tasks import REPLIES

SHORT: Final = 20


class SafetyLine(msgspec.Struct, frozen=True):
    event_id: UUID
    code: str
    tier: int
    is_drill: bool
    opened_at: datetime
    acknowledge_by: datetime
    patient_id: UUID | None
    family_name: str | None
    given_name: str | None
    responsible_name: str | None


class OverdueLine(msgspec.Struct, frozen=True):
    episode_id: UUID
    patient_id: UUID
    family_name: str
    given_name: str
    next_contact_at: datetime | None
    next_contact_mode: str | None
    overdue_since: datetime


class UnansweredLine(msgspec.Struct, frozen=True):
    episode_id: UUID
    patient_id: UUID
    family_name: str
    given_name: str
    check_in_state: str | None
    since: datetime | None
    no_answer_count: int


class DueLine(msgspec.Struct, frozen=True):
    """A contact planned for the day."""

    episode_id: UUID
    patient_id: UUID
    family_name: str
    given_name: str
    next_contact_at: datetime
    next_contact_mode: str | None


class ReferralLine(msgspec.Struct, frozen=True):
    """Referred, and not yet enrolled."""

    episode_id: UUID
    patient_id: UUID
    family_name: str
    given_name: str
    referred_at: datetime


class Today(msgspec.Struct, frozen=True):
    """Lists of at most 20 with their full counts. `due`: contacts of `day`, the clinic's local date, that are not overdue.
    `unplanned`: in care without a next contact. `going_out` counts the check-ins due on `day` of patients who have not
    opted out."""

    day: date
    safety: tuple[SafetyLine, ...]
    safety_count: int
    overdue: tuple[OverdueLine, ...]
    overdue_count: int
    due: tuple[DueLine, ...]
    due_count: int
    referrals: tuple[ReferralLine, ...]
    referrals_count: int
    waiting: tuple[TaskLine, ...]
    waiting_count: int
    replies_count: int
    unanswered: tuple[UnansweredLine, ...]
    unanswered_count: int
    unplanned: tuple[OverdueLine, ...]
    unplanned_count: int
    going_out: int


async def today(
    tx: Tx, viewer: Actor, *, now: datetime, mine: bool = False, covering: Collection[UUID] = ()
) -> Today:
    """What the viewer's clinic needs now. `mine` narrows contacts, tasks and check-ins to the viewer's own and to those
    of colleagues in `covering`; safety is everybody's, and a referral that nobody has taken is every care manager's."""
    clinic_id = require(viewer, *CLINICAL)
    zone = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    day = zones.local_date(now, zone)
    wheres = _wheres(clinic_id, viewer, mine, covering, day, zone, now)
    counts = await tx.first(
        select(*(_count(model, where).label(name) for name, (model, where) in wheres.items()))
    )
    assert counts is not None
    found = Today(
        day=day,
        safety=await _safety(tx, wheres["safety"][1]),
        safety_count=counts.safety,
        overdue=await _overdue(tx, wheres["overdue"][1]),
        overdue_count=counts.overdue,
        due=await _due(tx, wheres["due"][1]),
        due_count=counts.due,
        referrals=await _referrals(tx, wheres["referrals"][1]),
        referrals_count=counts.referrals,
        waiting=await _waiting(tx, wheres["waiting"][1], now),
        waiting_count=counts.waiting,
        replies_count=counts.replies,
        unanswered=await _unanswered(tx, wheres["unanswered"][1]),
        unanswered_count=counts.unanswered,
        unplanned=await _overdue(tx, wheres["unplanned"][1]),
        unplanned_count=counts.unplanned,
        going_out=counts.going_out,
    )
    lists = (
        found.safety,
        found.overdue,
        found.due,
        found.referrals,
        found.waiting,
        found.unanswered,
        found.unplanned,
    )
    shown = sum(map(len, lists))
    await record(tx, viewer, "today.read", "clinic", clinic_id, now=now, count=shown)
    return found


_Where = Sequence[ColumnElement[bool]]


def _wheres(
    clinic_id: UUID,
    viewer: Actor,
    mine: bool,
    covering: Collection[UUID],
    day: date,
    zone: str,
    now: datetime,
) -> dict[str, tuple[Any, _Where]]:
    line = RegistryLine
    own = [my_lines(viewer, covering)] if mine else []
    in_care = [line.clinic_id == clinic_id, line.status.in_(IN_CARE), *own]
    waiting = [
        Task.clinic_id == clinic_id,
        Task.kind != "safety_event",  # stands in the safety list
        *task_conditions(TaskFilter(mine=mine), viewer, covering),
    ]
    asked = or_(line.check_in_state.in_(UNANSWERED_STATES), line.no_answer_count > 0)
    return {
        "safety": (
            RiskEvent,
            [RiskEvent.clinic_id == clinic_id, RiskEvent.state == "open", RiskEvent.is_canary == false()],
        ),
        "overdue": (line, [line.clinic_id == clinic_id, line.overdue_since <= now, *own]),
        "waiting": (Task, waiting),
        "replies": (Task, [*waiting, Task.kind.in_(REPLIES)]),
        "due": (line, [line.clinic_id == clinic_id, *_planned_on(day, zone), line.overdue_since > now, *own]),
        "referrals": (line, [line.clinic_id == clinic_id, line.status == "referred", *_takes(viewer, own)]),
        "unanswered": (line, [*in_care, asked]),
        "unplanned": (line, [*in_care, NOTHING_PLANNED]),
        "going_out": (line, [*in_care, line.next_check_in_on == day, line.opted_out == false()]),
    }


def _planned_on(day: date, zone: str) -> _Where:
    start = datetime.combine(day, time(), zones.zone(zone)).astimezone(UTC)
    return [
        RegistryLine.next_contact_at >= start,
        RegistryLine.next_contact_at < local_midnight_after(start, 1, zone),
        RegistryLine.status.in_(sorted(CAN_BE_OVERDUE)),
    ]


def _takes(viewer: Actor, own: _Where) -> _Where:
    """Among one's own: a care manager has those that nobody has taken yet too."""
    if not own or not viewer.has("care_manager"):
        return own
    return [or_(RegistryLine.care_manager_id.is_(None), *own)]


def _count(model: Any, where: _Where) -> Any:
    return select(func.count()).select_from(model).where(*where).scalar_subquery()


async def _safety(tx: Tx, where: _Where) -> tuple[SafetyLine, ...]:
    event = RiskEvent
    rows = await tx.all(
        select(
            event.id.label("event_id"), event.code, event.tier, event.is_drill, event.opened_at, event.acknowledge_by,
            event.patient_id,
            Patient.family_name, Patient.given_name, Staff.name.label("responsible_name"),
        )
        .outerjoin(Patient, Patient.id == event.patient_id)
        .outerjoin(Staff, Staff.id == event.responsible_id)
        .where(*where)
        .order_by(event.opened_at, event.id)
        .limit(SHORT)
    )  # fmt: skip
    return tuple(SafetyLine(**row._mapping) for row in rows)


async def _overdue(tx: Tx, where: _Where) -> tuple[OverdueLine, ...]:
    columns = [getattr(RegistryLine, name) for name in OverdueLine.__struct_fields__]
    ordered = select(*columns).where(*where).order_by(
        RegistryLine.overdue_since, RegistryLine.name_key, RegistryLine.episode_id
    )  # fmt: skip
    return tuple(OverdueLine(**row._mapping) for row in await tx.all(ordered.limit(SHORT)))


async def _due(tx: Tx, where: _Where) -> tuple[DueLine, ...]:
    columns = [getattr(RegistryLine, name) for name in DueLine.__struct_fields__]
    ordered = select(*columns).where(*where).order_by(RegistryLine.next_contact_at, RegistryLine.episode_id)
    return tuple(DueLine(**row._mapping) for row in await tx.all(ordered.limit(SHORT)))


async def _referrals(tx: Tx, where: _Where) -> tuple[ReferralLine, ...]:
    columns = [getattr(RegistryLine, name) for name in ReferralLine.__struct_fields__]
    ordered = select(*columns).where(*where).order_by(RegistryLine.referred_at, RegistryLine.episode_id)
    return tuple(ReferralLine(**row._mapping) for row in await tx.all(ordered.limit(SHORT)))


async def _waiting(tx: Tx, where: _Where, now: datetime) -> tuple[TaskLine, ...]:
    rows = await tx.all(TASKS.where(*where).order_by(Task.due_at, Task.id).limit(SHORT))
    return tuple(task_line(row, now) for row in rows)


async def _unanswered(tx: Tx, where: _Where) -> tuple[UnansweredLine, ...]:
    line = RegistryLine
    rows = await tx.all(
        select(
            line.episode_id, line.patient_id, line.family_name, line.given_name, line.check_in_state,
            line.check_in_at.label("since"), line.no_answer_count,
        )
        .where(*where)
        .order_by(line.check_in_at.asc().nulls_last(), line.episode_id)
        .limit(SHORT)
    )  # fmt: skip
    return tuple(UnansweredLine(**row._mapping) for row in rows)
