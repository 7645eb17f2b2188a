"""Tasks, and the columns of a registry line that other rooms own. Whoever changes a fact calls in here in the same
transaction."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final, cast
from uuid import UUID

from msgspec import UNSET, UnsetType
from sqlalchemy import Table, bindparam, select, update

from kernel.audit import Actor, record
from kernel.db import Tx, among, insert_or_skip, pick
from kernel.errors import Conflict, Invalid, NotFound
from registry.access import CARE, CLINICAL, require
from registry.organisation import queries as organisation
from registry.working_time import WorkingTime
from registry.worklist.lines import drift, find_lost, rebuild, refresh, refresh_patient
from registry.worklist.rules import sort_rank
from registry.worklist.tables import RegistryLine, Task
from registry.worklist.tasks import KINDS, REPLIES, TaskKind
from registry.worklist.tasks import due_at as due_by_rule

__all__ = [
    "assign_task",
    "close_task",
    "close_tasks",
    "drift",
    "find_lost",
    "open_task",
    "rebuild",
    "refresh",
    "refresh_patient",
    "set_check_in_state",
    "set_check_in_states",
    "set_flags",
    "set_last_contact",
    "set_last_review",
    "set_minutes",
    "set_next_check_in",
    "set_opted_out",
    "take_task",
    "working_time",
]

_OUTCOME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_LINE = cast(Table, RegistryLine.__table__)
_OPEN = insert_or_skip(Task, "clinic_id", "dedupe_key", where="done_at IS NULL")
_CLOSE = (
    update(Task)
    .where(Task.clinic_id == bindparam("clinic"), Task.done_at.is_(None))
    .values(done_at=bindparam("now"), done_by_id=bindparam("by"), outcome=bindparam("why"))
    .returning(Task.id, Task.patient_id, Task.kind)
)
_CLOSE_KEY = _CLOSE.where(Task.dedupe_key == bindparam("key"))
_CLOSE_ID = _CLOSE.where(Task.id == bindparam("task"))
_COUNT = (
    update(_LINE)
    .where(_LINE.c.patient_id == bindparam("patient"))
    .values(
        open_tasks=_LINE.c.open_tasks + bindparam("tasks"),
        waiting_replies=_LINE.c.waiting_replies + bindparam("replies"),
        updated_at=bindparam("now"),
    )
)


async def open_task(
    tx: Tx,
    *,
    clinic_id: UUID,
    patient_id: UUID | None,
    episode_id: UUID | None,
    kind: TaskKind,
    dedupe_key: str,
    due_at: datetime | None = None,
    owner_id: UUID | None = None,
    ref_kind: str | None = None,
    ref_id: UUID | None = None,
    detail: dict[str, Any] | None = None,
    now: datetime,
) -> UUID | None:
    """None when a task with this key is open already. Without `due_at` the kind's own rule decides, on the clinic's
    calendar. `detail` holds ids, counts and codes: it is not sealed."""
    if due_at is None:
        due_at = due_by_rule(KINDS[kind].due, now, await working_time(tx, clinic_id))
    task_id = tx.new_id()
    opened = await tx.insert_once(
        pick(tx, _OPEN),
        {
            "id": task_id,
            "clinic_id": clinic_id,
            "patient_id": patient_id,
            "episode_id": episode_id,
            "kind": kind,
            "dedupe_key": dedupe_key,
            "owner_id": owner_id,
            "opened_at": now,
            "due_at": due_at,
            "ref_kind": ref_kind,
            "ref_id": ref_id,
            "detail": detail or {},
            "done_at": None,
            "done_by_id": None,
            "outcome": None,
        },
    )
    if not opened:
        return None
    await _count(tx, patient_id, kind, 1, now)
    return task_id


async def close_task(tx: Tx, actor: Actor, task_id: UUID, outcome: str, now: datetime) -> None:
    """By hand. Raises Conflict when it is done already, or closes only with what it is about."""
    clinic_id = require(actor, *CLINICAL)
    if not _OUTCOME.fullmatch(outcome):
        raise Invalid.field("outcome", "must be a short code such as called or no_reply_needed")
    task = await tx.first(
        select(Task.kind, Task.done_at, Task.patient_id).where(
            Task.id == task_id, Task.clinic_id == clinic_id
        )
    )
    if task is None:
        raise NotFound("task")
    if not KINDS[task.kind].by_hand:
        raise Conflict("this task is closed by handling the safety event itself")
    values = {"clinic": clinic_id, "task": task_id, "now": now, "by": actor.id, "why": outcome}
    if await tx.first(_CLOSE_ID, values) is None:
        raise Conflict("the task is done already")
    await _count(tx, task.patient_id, task.kind, -1, now)
    await record(
        tx,
        actor,
        "task.closed",
        "task",
        task_id,
        now=now,
        patient_id=task.patient_id,
        kind=task.kind,
        result=outcome,
    )


async def close_tasks(
    tx: Tx,
    clinic_id: UUID,
    dedupe_key: str,
    outcome: str,
    now: datetime,
    *,
    opened_by: datetime | None = None,
) -> int:
    """By the rule that opened it: its cause is gone; with `opened_by` only one that was opened until then. 0 when no
    such task is open."""
    values = {"clinic": clinic_id, "key": dedupe_key, "now": now, "by": None, "why": outcome}
    wanted = _CLOSE_KEY if opened_by is None else _CLOSE_KEY.where(Task.opened_at <= opened_by)
    closed = await tx.all(wanted, values)
    for task in closed:
        await _count(tx, task.patient_id, task.kind, -1, now)
    return len(closed)


async def take_task(tx: Tx, actor: Actor, task_id: UUID, now: datetime) -> None:
    """Makes the actor its owner. Raises Conflict when it is done already."""
    clinic_id = require(actor, *CLINICAL)
    task = await tx.first(
        select(Task.patient_id, Task.done_at).where(Task.id == task_id, Task.clinic_id == clinic_id)
    )
    if task is None:
        raise NotFound("task")
    if task.done_at is not None:
        raise Conflict("the task is done already")
    await tx.execute(update(Task).where(Task.id == task_id).values(owner_id=actor.id))
    await record(tx, actor, "task.taken", "task", task_id, now=now, patient_id=task.patient_id)


async def assign_task(
    tx: Tx, clinic_id: UUID, dedupe_key: str, owner_id: UUID | None, due_at: datetime
) -> None:
    """Moves the open task with this key to another person and moment."""
    open_with_key = (Task.clinic_id == clinic_id, Task.dedupe_key == dedupe_key, Task.done_at.is_(None))
    await tx.execute(update(Task).where(*open_with_key).values(owner_id=owner_id, due_at=due_at))


async def _count(tx: Tx, patient_id: UUID | None, kind: str, by: int, now: datetime) -> None:
    """Adds to the counts instead of counting again: one statement, and right whoever else writes the line."""
    if patient_id is None:
        return
    if kind == "severe_score":
        await refresh_patient(tx, patient_id, now)
        return
    values = {"patient": patient_id, "tasks": by, "replies": by if kind in REPLIES else 0, "now": now}
    await tx.execute(_COUNT, values)


async def set_check_in_state(
    tx: Tx,
    episode_id: UUID,
    state: str,
    at: datetime,
    *,
    no_answer_count: int | None = None,
    next_check_in_on: date | UnsetType | None = UNSET,
    now: datetime,
) -> None:
    """`state` is a check-in's state, `at` when it came about. What is left out stays as it is."""
    await set_check_in_states(
        tx, [episode_id], state, at,
        no_answer_count=no_answer_count, next_check_in_on=next_check_in_on, now=now,
    )  # fmt: skip


async def set_check_in_states(
    tx: Tx,
    episode_ids: Collection[UUID],
    state: str,
    at: datetime,
    *,
    no_answer_count: int | None = None,
    next_check_in_on: date | UnsetType | None = UNSET,
    now: datetime,
) -> None:
    """The same for several episodes in one statement, as a sweep needs it."""
    values: dict[str, Any] = {"check_in_state": state, "check_in_at": at}
    if no_answer_count is not None:
        values["no_answer_count"] = no_answer_count
    if next_check_in_on is not UNSET:
        values["next_check_in_on"] = next_check_in_on
    await _set(tx, among(tx, _LINE.c.episode_id, episode_ids), values, now)


async def set_next_check_in(tx: Tx, episode_id: UUID, on: date | None, *, now: datetime) -> None:
    """`on` is the patient's local date; None when nothing is planned."""
    await _set(tx, _LINE.c.episode_id == episode_id, {"next_check_in_on": on}, now)


async def set_opted_out(tx: Tx, patient_id: UUID, opted_out: bool, now: datetime) -> None:
    await _set(tx, _LINE.c.patient_id == patient_id, {"opted_out": opted_out}, now)


async def set_minutes(tx: Tx, episode_id: UUID, month: str, counted_seconds: int, now: datetime) -> None:
    """Counted seconds of `month` (YYYY-MM in the clinic's zone); raises ValueError for another form of month."""
    if not _MONTH.fullmatch(month):
        raise ValueError("month: must be YYYY-MM")
    values = {"minutes_month": month, "counted_seconds": counted_seconds}
    await _set(tx, _LINE.c.episode_id == episode_id, values, now)


async def set_last_contact(tx: Tx, episode_id: UUID, at: datetime | None, now: datetime) -> None:
    """`at`: when somebody was last reached. The rules are judged again."""
    await _set(tx, _LINE.c.episode_id == episode_id, {"last_contact_at": at}, now)
    await refresh(tx, episode_id, now)


async def set_last_review(tx: Tx, episode_id: UUID, at: datetime | None, now: datetime) -> None:
    """`at`: when the case was last reviewed. The rules are judged again."""
    await _set(tx, _LINE.c.episode_id == episode_id, {"last_review_at": at}, now)
    await refresh(tx, episode_id, now)


async def set_flags(
    tx: Tx,
    actor: Actor,
    episode_id: UUID,
    *,
    safety: bool | None = None,
    discuss: bool | None = None,
    now: datetime,
) -> None:
    """The two flags that a person sets; None leaves one as it is. Raises NotFound."""
    clinic_id = require(actor, *CARE, "consultant")
    mine = (_LINE.c.episode_id == episode_id, _LINE.c.clinic_id == clinic_id)
    line = await tx.first(select(_LINE).where(*mine).with_for_update())
    if line is None:
        raise NotFound("registry line")
    safety_flag = line.safety_flag if safety is None else safety
    discuss_flag = line.discuss_flag if discuss is None else discuss
    rank = sort_rank(line.open_risk, safety_flag, line.severe_flag, discuss_flag)
    flags = {"safety_flag": safety_flag, "discuss_flag": discuss_flag}
    await _set(tx, _LINE.c.episode_id == episode_id, {**flags, "sort_rank": rank}, now)
    await record(
        tx, actor, "registry_line.flagged", "episode", episode_id,
        now=now, patient_id=line.patient_id, safety=safety_flag, discuss=discuss_flag,
    )  # fmt: skip


async def _set(tx: Tx, which: Any, values: dict[str, Any], now: datetime) -> None:
    await tx.execute(update(_LINE).where(which).values(**values, updated_at=now))


async def working_time(tx: Tx, clinic_id: UUID) -> WorkingTime:
    """Zone, staffed hours and holidays of a clinic. Raises NotFound."""
    facts = await organisation.clinic(tx, clinic_id)
    return WorkingTime(zone=facts.zone, staffed=facts.staffed, holidays=facts.holidays)
