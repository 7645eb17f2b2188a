"""Tasks, and the landing page: what cannot wait, what is late, what waits for an answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, false, func, or_, select

from kernel.audit import Actor, record
from kernel.db import Tx
from registry import zones
from registry.access import CLINICAL, require
from registry.organisation.tables import Clinic, Staff
from registry.patients.tables import Patient
from registry.safety.tables import RiskEvent
from registry.worklist.filters import NOTHING_PLANNED
from registry.worklist.paging import mine as my_lines
from registry.worklist.rules import IN_CARE, UNANSWERED_STATES
from registry.worklist.tables import RegistryLine, Task
from registry.worklist.tasks import KINDS, REPLIES, TaskKind

SHORT: Final = 20
MAX_TASKS: Final = 200


class TaskFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`mine`: owned by the viewer or by nobody. `done`: the closed ones instead, newest first."""

    mine: bool = False
    owner_id: UUID | None = None
    patient_id: UUID | None = None
    kinds: frozenset[TaskKind] = frozenset()
    replies: bool = False
    done: bool = False


class TaskLine(msgspec.Struct, frozen=True):
    """`patient_id` None: an unknown number, or a matter of the clinic."""

    id: UUID
    kind: TaskKind
    label: str
    by_hand: bool
    reply: bool
    opened_at: datetime
    due_at: datetime
    late: bool
    owner_id: UUID | None
    owner_name: str | None
    patient_id: UUID | None
    family_name: str | None
    given_name: str | None
    ref_kind: str | None
    ref_id: UUID | None
    detail: dict[str, Any]
    done_at: datetime | None
    outcome: str | None


class Tasks(msgspec.Struct, frozen=True):
    """`next` is the `after` of the next page, None on the last."""

    tasks: tuple[TaskLine, ...]
    next: UUID | None


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


class Today(msgspec.Struct, frozen=True):
    """Lists of at most 20 with their full counts. `unplanned`: in or before care without a next contact. `going_out` counts the check-ins due on `day`, the clinic's local
    date, of patients who have not opted out."""

    day: date
    safety: tuple[SafetyLine, ...]
    safety_count: int
    overdue: tuple[OverdueLine, ...]
    overdue_count: int
    waiting: tuple[TaskLine, ...]
    waiting_count: int
    replies_count: int
    unanswered: tuple[UnansweredLine, ...]
    unanswered_count: int
    unplanned: tuple[OverdueLine, ...]
    unplanned_count: int
    going_out: int


_TASKS: Final[Select[*tuple[Any, ...]]] = (
    select(Task.__table__, Staff.name.label("owner_name"), Patient.family_name, Patient.given_name)
    .outerjoin(Patient, Patient.id == Task.patient_id)
    .outerjoin(Staff, Staff.id == Task.owner_id)
)


async def tasks(
    tx: Tx, viewer: Actor, wanted: TaskFilter, after: UUID | None, limit: int, *, now: datetime
) -> Tasks:
    """Soonest due first. At most 200 a page; `after` is the last page's `next`."""
    clinic_id = require(viewer, *CLINICAL)
    size = max(1, min(limit, MAX_TASKS))
    statement = _TASKS.where(Task.clinic_id == clinic_id, *_task_conditions(wanted, viewer))
    moment = Task.done_at if wanted.done else Task.due_at
    if after is not None:
        there = select(moment).where(Task.id == after, Task.clinic_id == clinic_id).scalar_subquery()
        beyond = moment < there if wanted.done else moment > there
        statement = statement.where(or_(beyond, and_(moment == there, Task.id > after)))
    rows = await tx.all(statement.order_by(moment.desc() if wanted.done else moment, Task.id).limit(size + 1))
    lines = tuple(_task(row, now) for row in rows[:size])
    await record(
        tx, viewer, "tasks.read", "task", None, now=now, patient_id=wanted.patient_id, count=len(lines)
    )
    return Tasks(lines, lines[-1].id if len(rows) > size else None)


async def today(
    tx: Tx, viewer: Actor, *, now: datetime, mine: bool = False, covering: Collection[UUID] = ()
) -> Today:
    """What the viewer's clinic needs now. `mine` narrows contacts, tasks and check-ins to the viewer's own and to those
    of colleagues in `covering`; safety is everybody's."""
    clinic_id = require(viewer, *CLINICAL)
    zone = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    day = zones.local_date(now, zone)
    wheres = _wheres(clinic_id, viewer, mine, covering, day, now)
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
        waiting=await _waiting(tx, wheres["waiting"][1], now),
        waiting_count=counts.waiting,
        replies_count=counts.replies,
        unanswered=await _unanswered(tx, wheres["unanswered"][1]),
        unanswered_count=counts.unanswered,
        unplanned=await _overdue(tx, wheres["unplanned"][1]),
        unplanned_count=counts.unplanned,
        going_out=counts.going_out,
    )
    lists = (found.safety, found.overdue, found.waiting, found.unanswered, found.unplanned)
    shown = sum(map(len, lists))
    await record(tx, viewer, "today.read", "clinic", clinic_id, now=now, count=shown)
    return found


_Where = Sequence[ColumnElement[bool]]


def _wheres(
    clinic_id: UUID, viewer: Actor, mine: bool, covering: Collection[UUID], day: date, now: datetime
) -> dict[str, tuple[Any, _Where]]:
    line = RegistryLine
    own = [my_lines(viewer, covering)] if mine else []
    in_care = [line.clinic_id == clinic_id, line.status.in_(IN_CARE), *own]
    waiting = [
        Task.clinic_id == clinic_id,
        Task.kind != "safety_event",  # stands in the safety list
        *_task_conditions(TaskFilter(mine=mine), viewer, covering),
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
        "unanswered": (line, [*in_care, asked]),
        "unplanned": (line, [line.clinic_id == clinic_id, NOTHING_PLANNED, *own]),
        "going_out": (line, [*in_care, line.next_check_in_on == day, line.opted_out == false()]),
    }


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


async def _waiting(tx: Tx, where: _Where, now: datetime) -> tuple[TaskLine, ...]:
    rows = await tx.all(_TASKS.where(*where).order_by(Task.due_at, Task.id).limit(SHORT))
    return tuple(_task(row, now) for row in rows)


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


def _task_conditions(
    wanted: TaskFilter, viewer: Actor, covering: Collection[UUID] = ()
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [Task.done_at.is_not(None) if wanted.done else Task.done_at.is_(None)]
    if wanted.mine:
        own = [Task.owner_id == viewer.id, Task.owner_id.is_(None)]
        found.append(or_(*own, *([Task.owner_id.in_(sorted(covering))] if covering else [])))
    if wanted.owner_id is not None:
        found.append(Task.owner_id == wanted.owner_id)
    if wanted.patient_id is not None:
        found.append(Task.patient_id == wanted.patient_id)
    if wanted.kinds:
        found.append(Task.kind.in_(sorted(wanted.kinds)))
    if wanted.replies:
        found.append(Task.kind.in_(REPLIES))
    return found


def _task(row: Row[Any], now: datetime) -> TaskLine:
    kind = KINDS[row.kind]
    stored = (
        name for name in TaskLine.__struct_fields__ if name not in ("label", "by_hand", "reply", "late")
    )
    return TaskLine(
        **{name: getattr(row, name) for name in stored},
        label=kind.label,
        by_hand=kind.by_hand,
        reply=kind.reply,
        late=row.done_at is None and row.due_at < now,
    )
