"""A person's own log: what they worked on in a month, for all patients, with what of it counts."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, tzinfo
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import aliased

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, NotFound
from registry import zones
from registry.access import CLINICAL, require
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient
from registry.time_log import activities
from registry.time_log.ledger import month_log
from registry.time_log.queries import why_not
from registry.time_log.rules import CountingPolicy, Month, Slice, is_late
from registry.time_log.service import Modality
from registry.time_log.tables import TimeEntry


class OwnEntry(msgspec.Struct, frozen=True):
    """`before_seconds` and `reason` say what a correction changed, None for an entry as first logged; `role` is the
    role it was worked in. `late`: written down on a later day of the clinic than the work."""

    id: UUID
    staff_id: UUID
    patient_id: UUID
    family_name: str
    given_name: str
    role: str
    activity: str
    activity_label: str
    started_at: datetime
    created_at: datetime
    seconds: int
    counted_seconds: int
    why_not: tuple[tuple[str, str, int], ...]
    modality: Modality | None
    contact: str | None
    relationship: str | None
    separately_reported: bool
    late: bool
    note: str | None
    before_seconds: int | None
    reason: str | None


class OwnMonth(msgspec.Struct, frozen=True):
    """Entries newest first. Voided and replaced ones are left out."""

    month: Month
    zone: str
    logged_seconds: int
    counted_seconds: int
    entries: tuple[OwnEntry, ...]


_before: Final = aliased(TimeEntry)
_OWN = (
    select(
        TimeEntry.id, TimeEntry.staff_id, TimeEntry.patient_id, Patient.family_name, Patient.given_name, TimeEntry.role,
        TimeEntry.activity, TimeEntry.started_at, TimeEntry.created_at, TimeEntry.seconds, TimeEntry.note_sealed,
        TimeEntry.modality, TimeEntry.contact_sealed, TimeEntry.relationship, TimeEntry.separately_reported,
        _before.seconds.label("before_seconds"), TimeEntry.reason,
    )
    .join(Patient, Patient.id == TimeEntry.patient_id)
    .outerjoin(_before, _before.id == TimeEntry.supersedes_id)
    .where(
        TimeEntry.clinic_id == bindparam("clinic"),
        TimeEntry.superseded_at.is_(None),
        TimeEntry.seconds > 0,
    )
)  # fmt: skip
_MONTH = _OWN.where(
    TimeEntry.staff_id == bindparam("staff"),
    TimeEntry.started_at >= bindparam("start"),
    TimeEntry.started_at < bindparam("end"),
).order_by(TimeEntry.started_at.desc(), TimeEntry.id)
_ENTRY = _OWN.where(TimeEntry.id == bindparam("entry"))


async def own_month(
    tx: Tx,
    viewer: Actor,
    month: Month | None,
    *,
    now: datetime,
    policy: CountingPolicy = CountingPolicy(),  # noqa: B008  frozen
) -> OwnMonth:
    """The viewer's entries that began in a month of the clinic, the present one by default."""
    clinic_id = require(viewer, *CLINICAL)
    zone_name: str = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    zone = zones.zone(zone_name)
    wanted = month or Month.at(now, zone)
    start, end = wanted.bounds(zone)
    rows = await tx.all(_MONTH, {"clinic": clinic_id, "staff": viewer.id, "start": start, "end": end})
    slices: dict[str, list[Slice]] = defaultdict(list)
    for log in await month_log(tx, clinic_id, wanted, zone_name):
        for part in log.counted(policy, wanted, zone).slices:
            slices[part.entry_id].append(part)
    entries = tuple(_entry(tx, row, slices[str(row.id)], zone) for row in rows)
    await audit.record(
        tx, viewer, "time_log.read", "staff", viewer.id, now=now, month=str(wanted), count=len(entries)
    )
    return OwnMonth(
        wanted,
        zone_name,
        sum(entry.seconds for entry in entries),
        sum(entry.counted_seconds for entry in entries),
        entries,
    )


async def entry(tx: Tx, viewer: Actor, entry_id: UUID, *, now: datetime) -> OwnEntry:
    """One entry that stands, for correcting it. Raises NotFound for another person's, unless the viewer leads, and
    Conflict for one that was corrected already."""
    clinic_id = require(viewer, *CLINICAL)
    statement = _ENTRY if viewer.has("clinic_lead") else _ENTRY.where(TimeEntry.staff_id == viewer.id)
    row = await tx.first(statement, {"clinic": clinic_id, "entry": entry_id})
    if row is None:
        await _refuse_corrected(tx, viewer, clinic_id, entry_id)
        raise NotFound("the time entry")
    await audit.record(
        tx, viewer, "time_entry.read", "time_entry", entry_id, now=now, patient_id=row.patient_id
    )
    zone_name: str = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    return _entry(tx, row, [], zones.zone(zone_name))


async def _refuse_corrected(tx: Tx, viewer: Actor, clinic_id: UUID, entry_id: UUID) -> None:
    gone = select(TimeEntry.id).where(
        TimeEntry.id == entry_id, TimeEntry.clinic_id == clinic_id, TimeEntry.superseded_at.is_not(None)
    )
    if not viewer.has("clinic_lead"):
        gone = gone.where(TimeEntry.staff_id == viewer.id)
    if await tx.first(gone) is not None:
        raise Conflict("the entry was corrected meanwhile", code="stale")


def _entry(tx: Tx, row: Row[Any], parts: list[Slice], zone: tzinfo) -> OwnEntry:
    return OwnEntry(
        id=row.id,
        staff_id=row.staff_id,
        patient_id=row.patient_id,
        family_name=row.family_name,
        given_name=row.given_name,
        role=row.role,
        activity=row.activity,
        activity_label=getattr(activities.find(row.activity), "label", row.activity),
        started_at=row.started_at,
        created_at=row.created_at,
        seconds=row.seconds,
        counted_seconds=sum(part.seconds for part in parts if part.counted),
        why_not=why_not(parts),
        modality=cast(Any, row.modality),
        contact=tx.vault.open_or_none(row.contact_sealed),
        relationship=row.relationship,
        separately_reported=row.separately_reported,
        late=is_late(row.started_at, row.seconds, row.created_at, zone),
        note=tx.vault.open_or_none(row.note_sealed),
        before_seconds=row.before_seconds,
        reason=row.reason,
    )
