"""Takes due check-ins and reads, in a handful of statements for the whole batch, all that deciding about them needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, and_, literal, or_, select

from kernel.db import Tx, among
from messaging.conversation.tables import SmsThread
from messaging.schedule import advance
from messaging.schedule.facts import PERSON_COLUMNS, PLAN, Reach, join_person, reach, sites
from messaging.schedule.occurrences import HISTORY, Plan, recent
from messaging.schedule.tables import CheckIn
from registry.episodes.tables import Episode
from registry.measures.tables import MeasureResult
from registry.patients.tables import Patient, PatientPhone
from registry.plans.tables import MeasurePlan

OFFERED: Final = ("invited", "in_progress")
ON_THE_PHONE: Final = ("items", "link")
_THREADS = select(
    SmsThread.id,
    SmsThread.clinic_id,
    SmsThread.phone_key,
    SmsThread.sender_id,
    SmsThread.active_check_in_id,
    SmsThread.turn,
    SmsThread.last_inbound_at,
)


class Taken(msgspec.Struct, frozen=True):
    """A due row that is ours, with its facts. `older` are the patient's earlier check-ins that were offered and not
    begun: they end when this one is offered."""

    row: Row[Any]
    due: advance.Due
    reach: Reach
    plan: Plan
    history: tuple[Row[Any], ...]
    older: tuple[UUID, ...]
    thread: Row[Any] | None


def due_statement(now: datetime, limit: int, only: UUID | None = None) -> Select[Any]:
    """The rows are locked in an inner statement, so that the planner never sorts or locks more than `limit`. That
    number is part of the text: a plan that is kept for any number reads whole tables."""
    inner = select(CheckIn).where(CheckIn.next_at <= now)
    if only is not None:
        inner = inner.where(CheckIn.id == only)
    due = (
        inner.order_by(CheckIn.next_at, CheckIn.id)
        .limit(literal(limit, literal_execute=True))
        .with_for_update(skip_locked=True)
        .subquery("due")
    )
    statement = (
        select(due, *PERSON_COLUMNS, Episode.status)
        .select_from(due)
        .join(Patient, Patient.id == due.c.patient_id)
        .join(Episode, Episode.id == due.c.episode_id)
    )
    return join_person(statement).order_by(due.c.next_at, due.c.id)


async def take(tx: Tx, now: datetime, limit: int, only: UUID | None = None) -> tuple[Taken, ...]:
    """A row whose thread is in another turn at this moment is left for the next sweep."""
    rows = await tx.all(due_statement(now, limit, only))
    if not rows:
        return ()
    known = await sites(tx, {row.clinic_id for row in rows})
    reaches = {row.id: reach(tx, row, known[row.clinic_id], now) for row in rows}
    patients = {row.patient_id for row in rows}
    plans = _grouped(await tx.all(PLAN.where(among(tx, MeasurePlan.patient_id, patients))))
    history = _grouped(await tx.all(HISTORY.where(among(tx, CheckIn.patient_id, patients), recent(now))))
    threads, locked_away = await _threads(tx, rows, reaches)
    busy = _Phones(threads.values(), await _shared(tx, rows))
    entered = await _entered(tx, rows)
    taken = []
    for row in rows:
        if row.phone_key is not None and (row.clinic_id, row.phone_key) in locked_away:
            continue
        own = tuple(history.get(row.patient_id, ()))
        older = _older(row, own)
        due = _due(row, own, older, reaches[row.id], busy, entered, now)
        if due.state == "scheduled" and not due.phone_busy and not due.superseded:
            busy.take(row)
        taken.append(
            Taken(
                row=row,
                due=due,
                reach=reaches[row.id],
                plan=Plan(plans.get(row.patient_id, ())),
                history=own,
                older=older,
                thread=threads.get((row.clinic_id, row.phone_key)),
            )
        )
    return tuple(taken)


def _due(
    row: Row[Any],
    own: Sequence[Row[Any]],
    older: tuple[UUID, ...],
    facts: Reach,
    busy: _Phones,
    entered: Collection[tuple[UUID, str]],
    now: datetime,
) -> advance.Due:
    others = [other for other in own if other.id != row.id]
    begun = any(other.state == "in_progress" for other in others)
    return advance.Due(
        id=row.id,
        state=row.state,
        content=row.content,
        local_due_date=row.local_due_date,
        not_after=row.not_after,
        next_at=row.next_at,
        prompts=row.prompts,
        invited_at=row.invited_at,
        first_answer_at=row.first_answer_at,
        expires_at=row.expires_at,
        superseded=any(_supersedes(other, row, now) for other in others),
        phone_busy=begun or (facts.way in ON_THE_PHONE and busy.with_another(row, facts, older)),
        entered=row.content == "call" and all((row.id, name) in entered for name in row.instruments),
        lost=tuple(row.lost_ways or ()),
        last_inbound_at=busy.last_inbound(row),
    )


def _supersedes(other: Row[Any], row: Row[Any], now: datetime) -> bool:
    """A newer check-in that was offered, or is due as well, takes the place of one nobody began."""
    if other.local_due_date <= row.local_due_date:
        return False
    if other.state in OFFERED:
        return True
    return bool(other.state == "scheduled" and other.next_at <= now)


def _older(row: Row[Any], own: Sequence[Row[Any]]) -> tuple[UUID, ...]:
    if row.state != "scheduled":
        return ()
    return tuple(
        other.id for other in own if other.state == "invited" and other.local_due_date < row.local_due_date
    )


class _Phones:
    """Which phones are in use by which check-in."""

    def __init__(self, threads: Iterable[Row[Any]], offered: Iterable[Row[Any]]) -> None:
        self._threads = {(t.clinic_id, t.phone_key): t for t in threads}
        self._users: dict[tuple[UUID, str], set[UUID]] = {}
        for row in offered:
            self._users.setdefault((row.clinic_id, row.phone_key), set()).add(row.id)

    def take(self, row: Row[Any]) -> None:
        if row.phone_key is not None:
            self._users.setdefault((row.clinic_id, row.phone_key), set()).add(row.id)

    def with_another(self, row: Row[Any], facts: Reach, older: tuple[UUID, ...]) -> bool:
        key = (row.clinic_id, row.phone_key)
        mine = {row.id, *older}
        thread = self._threads.get(key)
        if thread is not None and thread.active_check_in_id not in {None, *mine}:
            return True
        return facts.shared and not self._users.get(key, set()) <= mine

    def last_inbound(self, row: Row[Any]) -> datetime | None:
        thread = self._threads.get((row.clinic_id, row.phone_key))
        return thread.last_inbound_at if thread is not None and thread.active_check_in_id == row.id else None


async def _threads(
    tx: Tx, rows: Sequence[Row[Any]], reaches: dict[UUID, Reach]
) -> tuple[dict[tuple[UUID, str], Row[Any]], set[tuple[UUID, str]]]:
    """Threads of phones on which questions are or may be asked, locked. Links need no thread of their own.

    Never waits for a lock: an inbound turn holds its thread and may be waiting for a check-in that we hold.
    """
    keys = {
        row.phone_key
        for row in rows
        if row.phone_key is not None
        and (row.shared or row.content == "items" or reaches[row.id].way == "items")
    }
    if not keys:
        return {}, set()
    wanted = _THREADS.where(SmsThread.phone_key.in_(keys))
    seen = await tx.all(wanted)
    held = {row.id: row for row in await tx.all(wanted.with_for_update(skip_locked=True))}
    found: dict[tuple[UUID, str], Row[Any]] = {}
    for thread in sorted(held.values(), key=lambda t: t.active_check_in_id is not None):
        found[thread.clinic_id, thread.phone_key] = thread  # one in use comes last and stays
    return found, {(t.clinic_id, t.phone_key) for t in seen if t.id not in held}


async def _shared(tx: Tx, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """Check-ins under way on the shared phones of this batch, whoever's they are."""
    keys = {row.phone_key for row in rows if row.shared and row.phone_key is not None}
    if not keys:
        return ()
    return await tx.all(
        select(CheckIn.id, CheckIn.clinic_id, PatientPhone.phone_key)
        .join(
            PatientPhone,
            and_(PatientPhone.patient_id == CheckIn.patient_id, PatientPhone.replaced_at.is_(None)),
        )
        .where(
            PatientPhone.phone_key.in_(keys),
            CheckIn.state.in_(OFFERED),
            CheckIn.content.in_(ON_THE_PHONE),
        )
    )


async def _entered(tx: Tx, rows: Sequence[Row[Any]]) -> set[tuple[UUID, str]]:
    """(check-in, instrument) pairs of calls whose result somebody filed since the call was asked for."""
    calls = {row.patient_id: row for row in rows if row.content == "call" and row.invited_at is not None}
    if not calls:
        return set()
    since = or_(
        *(
            and_(MeasureResult.patient_id == patient, MeasureResult.filed_at >= row.invited_at)
            for patient, row in calls.items()
        )
    )
    found = await tx.all(select(MeasureResult.patient_id, MeasureResult.instrument_id).where(since))
    return {(calls[result.patient_id].id, result.instrument_id) for result in found}


def _grouped(rows: Sequence[Row[Any]]) -> dict[UUID, list[Row[Any]]]:
    groups: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        groups.setdefault(row.patient_id, []).append(row)
    return groups
