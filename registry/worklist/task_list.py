"""Tasks as the task list and the landing page show them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, or_, select

from kernel.audit import Actor, record
from kernel.db import Tx
from registry.access import CLINICAL, require
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.worklist.tables import Task
from registry.worklist.tasks import KINDS, REPLIES, TaskKind

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


TASKS: Final[Select[*tuple[Any, ...]]] = (
    select(Task.__table__, Staff.name.label("owner_name"), Patient.family_name, Patient.given_name)
    .outerjoin(Patient, Patient.id == Task.patient_id)
    .outerjoin(Staff, Staff.id == Task.owner_id)
)


async def tasks(
    tx: Tx,
    viewer: Actor,
    wanted: TaskFilter,
    after: UUID | None,
    limit: int,
    *,
    now: datetime,
    covering: Collection[UUID] = (),
) -> Tasks:
    """Soonest due first. At most 200 a page; `after` is the last page's `next`. What is `mine` takes in that of colleagues
    in `covering`."""
    clinic_id = require(viewer, *CLINICAL)
    size = max(1, min(limit, MAX_TASKS))
    statement = TASKS.where(Task.clinic_id == clinic_id, *task_conditions(wanted, viewer, covering))
    moment = Task.done_at if wanted.done else Task.due_at
    if after is not None:
        there = select(moment).where(Task.id == after, Task.clinic_id == clinic_id).scalar_subquery()
        beyond = moment < there if wanted.done else moment > there
        statement = statement.where(or_(beyond, and_(moment == there, Task.id > after)))
    rows = await tx.all(statement.order_by(moment.desc() if wanted.done else moment, Task.id).limit(size + 1))
    lines = tuple(task_line(row, now) for row in rows[:size])
    await record(
        tx, viewer, "tasks.read", "task", None, now=now, patient_id=wanted.patient_id, count=len(lines)
    )
    return Tasks(lines, lines[-1].id if len(rows) > size else None)


def task_conditions(
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


def waits_since(line: TaskLine) -> datetime:
    """When the matter began that a task is about: it can be older than the task that was opened when it was late."""
    since = line.detail.get("since")
    return datetime.fromisoformat(since) if isinstance(since, str) else line.opened_at


def task_line(row: Row[Any], now: datetime) -> TaskLine:
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
