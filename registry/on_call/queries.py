"""Who is on call, for the alerting room and for the calendar page. Nothing here is about a patient."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, select

from kernel.audit import Actor
from kernel.db import Tx
from registry.access import CLINICAL, require
from registry.on_call import rules
from registry.on_call.rules import AHEAD, Shift, Stretch
from registry.on_call.tables import AlertTest, OnCallShift
from registry.organisation.tables import Staff, StaffRole
from registry.protocol import queries as protocols
from registry.protocol.policy import Policy
from registry.protocol.rules import Coverage, needs_on_call

MOST: Final = 500
_SHIFT = (
    OnCallShift.id,
    OnCallShift.staff_id,
    OnCallShift.starts_at,
    OnCallShift.ends_at,
    OnCallShift.zone,
)
_WORKS_HERE = (
    select(StaffRole.staff_id)
    .where(StaffRole.clinic_id == bindparam("clinic"), StaffRole.role.in_(CLINICAL))
    .scalar_subquery()
)
_BETWEEN = (
    select(*_SHIFT, Staff.name)
    .join(Staff, Staff.id == OnCallShift.staff_id)
    .where(
        OnCallShift.clinic_id == bindparam("clinic"),
        OnCallShift.removed_at.is_(None),
        OnCallShift.ends_at > bindparam("start"),
        OnCallShift.starts_at < bindparam("end"),
        Staff.disabled_at.is_(None),
        OnCallShift.staff_id.in_(_WORKS_HERE),
    )
    .order_by(OnCallShift.starts_at, OnCallShift.id)
    .limit(MOST)
)


class OnCall(msgspec.Struct, frozen=True):
    """Somebody on call, until when."""

    staff_id: UUID
    name: str
    until: datetime


class ShiftLine(msgspec.Struct, frozen=True):
    id: UUID
    staff_id: UUID
    name: str
    starts_at: datetime
    ends_at: datetime
    zone: str


class Calendar(msgspec.Struct, frozen=True):
    """`gaps` of the next 14 days; empty where the policy pages nobody after hours."""

    shifts: tuple[ShiftLine, ...]
    gaps: tuple[Stretch, ...]
    on_call_now: tuple[OnCall, ...]


async def on_call_at(tx: Tx, clinic_id: UUID, moment: datetime) -> tuple[OnCall, ...]:
    """People with a shift at the moment and a working clinical account, the earliest shift first."""
    rows = await _rows(tx, clinic_id, moment, moment + timedelta(microseconds=1))
    found: dict[UUID, OnCall] = {}
    for row in rows:
        known = found.get(row.staff_id)
        until = row.ends_at if known is None else max(known.until, row.ends_at)
        found[row.staff_id] = OnCall(row.staff_id, row.name, until)
    return tuple(found.values())


async def gaps(tx: Tx, clinic_id: UUID, now: datetime) -> tuple[Stretch, ...]:
    """Uncovered off-hours of the next 14 days, by the policy in force."""
    policy = (await protocols.active(tx, clinic_id)).policy
    return (await coverage(tx, clinic_id, policy, now)).gaps


async def coverage(tx: Tx, clinic_id: UUID, policy: Policy, now: datetime) -> Coverage:
    """For this policy's hours; it has no gaps where the policy pages nobody after hours."""
    end = now + AHEAD
    rows = await _rows(tx, clinic_id, now, end)
    people = frozenset(row.staff_id for row in rows)
    if not needs_on_call(policy):
        return Coverage(people)
    return Coverage(people, rules.gaps([_shift(row) for row in rows], now, end, policy.hours))


async def calendar(tx: Tx, viewer: Actor, start: datetime, end: datetime, *, now: datetime) -> Calendar:
    """Shifts that touch [start, end), at most 500."""
    clinic_id = require(viewer, *protocols.READERS)
    rows = await _rows(tx, clinic_id, start, end)
    lines = tuple(
        ShiftLine(row.id, row.staff_id, row.name, row.starts_at, row.ends_at, row.zone) for row in rows
    )
    return Calendar(lines, await gaps(tx, clinic_id, now), await on_call_at(tx, clinic_id, now))


async def open_test(tx: Tx, viewer: Actor) -> UUID | None:
    """The viewer's own monthly test that is not answered yet."""
    found: UUID | None = await tx.scalar(
        select(AlertTest.id)
        .where(
            AlertTest.clinic_id == viewer.clinic_id,
            AlertTest.staff_id == viewer.id,
            AlertTest.answered_at.is_(None),
        )
        .order_by(AlertTest.sent_at.desc())
        .limit(1)
    )
    return found


async def _rows(tx: Tx, clinic_id: UUID, start: datetime, end: datetime) -> list[Row[Any]]:
    return list(await tx.all(_BETWEEN, {"clinic": clinic_id, "start": start, "end": end}))


def _shift(row: Row[Any]) -> Shift:
    return Shift(row.id, row.staff_id, row.starts_at, row.ends_at, row.zone)
