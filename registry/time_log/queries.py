"""Time as a person reads it: each entry with what of it counts, and one reason for whatever doesn't."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, tzinfo
from uuid import UUID

import msgspec
from sqlalchemy import select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import NotFound
from registry import zones
from registry.access import CLINICAL, require
from registry.organisation.tables import Clinic, Staff
from registry.patients.tables import Patient
from registry.time_log import activities
from registry.time_log.ledger import month_log
from registry.time_log.rules import CountingPolicy, Month, Slice, is_late
from registry.time_log.tables import TimeEntry

READERS = (*CLINICAL, "biller")


class EntryLine(msgspec.Struct, frozen=True):
    """`why_not` holds each reason once with its seconds; empty when every second counts."""

    id: UUID
    staff_id: UUID
    staff_name: str
    role: str
    activity: str
    activity_label: str
    started_at: datetime
    seconds: int
    counted_seconds: int
    why_not: tuple[tuple[str, str, int], ...]  # reason, words, seconds
    source: str
    late: bool
    corrects: UUID | None


class MonthTime(msgspec.Struct, frozen=True):
    month: str
    zone: str
    counted_seconds: int
    minutes: int
    logged_seconds: int
    entries: tuple[EntryLine, ...]


async def patient_month(
    tx: Tx,
    viewer: Actor,
    patient_id: UUID,
    month: Month | None,
    *,
    now: datetime,
    policy: CountingPolicy = CountingPolicy(),  # noqa: B008  frozen
) -> MonthTime:
    """A patient's month, the present one by default. Raises NotFound for another clinic's patient."""
    clinic_id = require(viewer, *READERS)
    known = await tx.scalar(
        select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    )
    if known is None:
        raise NotFound("the patient")
    zone_name: str = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    zone = zones.zone(zone_name)
    wanted = month or Month.at(now, zone)
    await audit.record(
        tx, viewer, "time_log.read", "patient", patient_id, now=now, patient_id=patient_id, month=str(wanted)
    )
    counts = [
        log.counted(policy, wanted, zone)
        for log in await month_log(tx, clinic_id, wanted, zone_name)
        if log.patient_id == patient_id
    ]
    slices: dict[str, list[Slice]] = defaultdict(list)
    for counted in counts:
        for part in counted.slices:
            slices[part.entry_id].append(part)
    seconds = sum(c.counted_seconds for c in counts)
    return MonthTime(
        month=str(wanted),
        zone=zone_name,
        counted_seconds=seconds,
        minutes=seconds // 60,
        logged_seconds=sum(c.logged_seconds for c in counts),
        entries=await _lines(tx, [UUID(entry_id) for entry_id in slices], slices, zone),
    )


async def _lines(
    tx: Tx, ids: list[UUID], slices: dict[str, list[Slice]], zone: tzinfo
) -> tuple[EntryLine, ...]:
    rows = await tx.all(
        select(
            TimeEntry.id,
            TimeEntry.staff_id,
            Staff.name,
            TimeEntry.role,
            TimeEntry.activity,
            TimeEntry.started_at,
            TimeEntry.seconds,
            TimeEntry.source,
            TimeEntry.created_at,
            TimeEntry.supersedes_id,
        )
        .join(Staff, Staff.id == TimeEntry.staff_id)
        .where(TimeEntry.id.in_(ids))
        .order_by(TimeEntry.started_at, TimeEntry.id)
    )
    return tuple(
        EntryLine(
            id=row.id,
            staff_id=row.staff_id,
            staff_name=row.name,
            role=row.role,
            activity=row.activity,
            activity_label=getattr(activities.find(row.activity), "label", row.activity),
            started_at=row.started_at,
            seconds=row.seconds,
            counted_seconds=sum(part.seconds for part in slices[str(row.id)] if part.counted),
            why_not=why_not(slices[str(row.id)]),
            source=row.source,
            late=is_late(row.started_at, row.seconds, row.created_at, zone),
            corrects=row.supersedes_id,
        )
        for row in rows
        if row.seconds
    )


def why_not(parts: list[Slice]) -> tuple[tuple[str, str, int], ...]:
    reasons: dict[tuple[str, str], int] = defaultdict(int)
    for part in parts:
        if not part.counted and part.reason is not None:
            reasons[part.reason, part.reason_text or ""] += part.seconds
    return tuple((reason, words, seconds) for (reason, words), seconds in reasons.items())
