"""The drill report: every drill of a span with its times, and a line a slot."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import Invalid, NotFound
from registry.access import CLINICAL, require
from registry.drills import rules
from registry.drills.rules import DrillFacts, Origin, Schedule, Slot, SlotReport
from registry.drills.tables import Drill
from registry.organisation.tables import Clinic, Staff
from registry.safety.tables import RiskAction, RiskEvent

MOST: Final = 500
SPAN: Final = timedelta(days=92)


class DrillLine(msgspec.Struct, frozen=True):
    """`acknowledged_by`: the first to take it. Seconds count from the start; None while it has not come to that."""

    event_id: UUID
    code: str
    slot: Slot
    origin: Origin
    started_at: datetime
    acknowledged_by: str
    to_acknowledge_s: int | None
    to_contact_s: int | None
    passed: bool
    closed: bool


class DrillReport(msgspec.Struct, frozen=True):
    """Drills begun from `since` to `until`, newest first; `slots` in a fixed order."""

    since: datetime
    until: datetime
    schedule: Schedule
    slots: tuple[SlotReport, ...]
    drills: tuple[DrillLine, ...]


async def report(
    tx: Tx, viewer: Actor, *, since: datetime | None = None, until: datetime | None = None, now: datetime
) -> DrillReport:
    """Of the last 92 days unless told otherwise. Holds nothing about a patient, since there is none. Raises Invalid
    for a span that ends before it begins."""
    clinic_id = require(viewer, *CLINICAL, "administrator")
    end, start = until or now, since or (until or now) - SPAN
    if start >= end:
        raise Invalid.field("since", "must be before until")
    settings = await tx.scalar(select(Clinic.settings).where(Clinic.id == clinic_id))
    if settings is None:
        raise NotFound("clinic")
    schedule = rules.schedule_of(settings)
    found = await _drills(tx, clinic_id, start, end)
    await record(tx, viewer, "drills.read", "drill", None, now=now, count=len(found))
    return DrillReport(
        since=start,
        until=end,
        schedule=schedule,
        slots=rules.report((facts for facts, _ in found), schedule, start, min(end, now)),
        drills=tuple(line for _, line in found),
    )


async def passed_under_protocol(tx: Tx, clinic_id: UUID) -> int:
    """How many of the clinic's newest 500 drills were held under a protocol that was in force and kept its clocks."""
    held = RiskEvent.protocol_id.is_not(None)
    return sum(rules.passed(facts) for facts, _ in await _read(tx, Drill.clinic_id == clinic_id, held))


async def _drills(
    tx: Tx, clinic_id: UUID, start: datetime, end: datetime
) -> list[tuple[DrillFacts, DrillLine]]:
    wanted = (Drill.clinic_id == clinic_id, Drill.started_at >= start, Drill.started_at <= end)
    return await _read(tx, *wanted)


async def _read(tx: Tx, *wanted: ColumnElement[bool]) -> list[tuple[DrillFacts, DrillLine]]:
    """The newest first."""
    rows = await tx.all(
        select(
            Drill.event_id, RiskEvent.code, Drill.slot, Drill.origin, Drill.started_at, RiskEvent.state,
            RiskEvent.acknowledge_by, RiskEvent.contact_by,
        )
        .join(RiskEvent, RiskEvent.id == Drill.event_id)
        .where(*wanted)
        .order_by(Drill.started_at.desc(), Drill.id)
        .limit(MOST)
    )  # fmt: skip
    done = await _done(tx, [row.event_id for row in rows])
    found = []
    for row in rows:
        taken, by, reached = done.get(row.event_id, (None, "", None))
        facts = DrillFacts(row.slot, row.started_at, taken, reached, row.acknowledge_by, row.contact_by)
        line = DrillLine(
            row.event_id, row.code, row.slot, row.origin, row.started_at, by,
            rules.seconds(row.started_at, taken), rules.seconds(row.started_at, reached),
            rules.passed(facts), row.state == "closed",
        )  # fmt: skip
        found.append((facts, line))
    return found


Done = tuple[datetime | None, str, datetime | None]


async def _done(tx: Tx, event_ids: list[UUID]) -> dict[UUID, Done]:
    """When each was first taken, by whom, and when somebody was first reached."""
    if not event_ids:
        return {}
    rows = await tx.all(
        select(RiskAction.event_id, RiskAction.kind, RiskAction.at, RiskAction.detail, Staff.name)
        .outerjoin(Staff, Staff.id == RiskAction.by_id)
        .where(RiskAction.event_id.in_(event_ids), RiskAction.kind.in_(("acknowledged", "attempt")))
        .order_by(RiskAction.at, RiskAction.id)
        .limit(MOST * 20)
    )
    found: dict[UUID, Done] = {}
    for row in rows:
        taken, by, reached = found.get(row.event_id, (None, "", None))
        if row.kind == "acknowledged" and taken is None:
            taken, by = row.at, row.name or ""
        if row.kind == "attempt" and reached is None and row.detail.get("outcome") == "reached":
            reached = row.at
        found[row.event_id] = (taken, by, reached)
    return found
