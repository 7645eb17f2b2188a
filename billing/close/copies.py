"""Copies of closed months for the EHR: offered to the care manager with the close, asked for as one task a month, whatever
the caseload, and listed in one place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, exists, select, update

from billing.close.rules import Frozen
from billing.close.tables import ClosedPatientMonth
from kernel import audit
from kernel.audit import Actor
from kernel.db import Database, Tx, among
from registry.access import CLINICAL, require
from registry.episodes.tables import Episode
from registry.filing import service as filing
from registry.filing.service import Note
from registry.filing.tables import ChartCopy
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.time_log.months import Month
from registry.worklist import service as worklist
from registry.worklist.tables import Task

MOST: Final = 2000
_OF_A_MONTH: Final = (ChartCopy.kind == "month", ClosedPatientMonth.id == ChartCopy.ref_id)


class MonthCopy(msgspec.Struct, frozen=True):
    """`ref_id` stays the same whatever versions of the month follow. `changed_at`: what is in the EHR is out of date."""

    ref_id: UUID
    patient_id: UUID
    family_name: str
    given_name: str
    owner: str | None
    filed_at: datetime | None
    filed_by: str | None
    changed_at: datetime | None


async def offer(
    tx: Tx, clinic_id: UUID, month: Month, rows: Sequence[tuple[Frozen, bool]], *, now: datetime
) -> None:
    """With a close or an adjustment, whose rows are stored already: a copy of each patient-month with a line, and again of
    one that is in the EHR and changed. `rows`: what the version stored, and whether it stands no longer."""
    refs = await _refs(tx, ClosedPatientMonth.clinic_id == clinic_id, ClosedPatientMonth.month == str(month))
    known = await _known(tx, clinic_id, list(refs.values()))
    fresh = []
    for frozen, removed in rows:
        ref_id = refs[UUID(frozen.episode_id)]
        if ref_id in known:
            await filing.changed(tx, clinic_id, "month", ref_id, now=now)
        elif frozen.row.lines and not removed:
            fresh.append((frozen, ref_id))
    owners = await _owners(tx, [UUID(frozen.episode_id) for frozen, _ in fresh])
    notes = [
        Note(UUID(frozen.row.facts.patient_id), UUID(frozen.episode_id), ref_id, owners[UUID(frozen.episode_id)])
        for frozen, ref_id in fresh
    ]  # fmt: skip
    await filing.offer_many(tx, clinic_id, "month", notes, now=now)


async def ref_of(tx: Tx, clinic_id: UUID, patient_id: UUID, month: Month) -> UUID | None:
    """The copy of one patient's month, of the newest episode with one; None when none was offered."""
    return await tx.scalar(  # type: ignore[no-any-return]
        select(ChartCopy.ref_id)
        .join(ClosedPatientMonth, ClosedPatientMonth.id == ChartCopy.ref_id)
        .where(
            ChartCopy.kind == "month",
            ChartCopy.clinic_id == clinic_id,
            ChartCopy.patient_id == patient_id,
            ClosedPatientMonth.month == str(month),
        )
        .order_by(ChartCopy.made_at.desc(), ChartCopy.id.desc())
        .limit(1)
    )


async def copies(
    tx: Tx, viewer: Actor, month: Month, *, mine: bool = False, now: datetime
) -> tuple[MonthCopy, ...]:
    """Those to file first, then by name; `mine`: of which the viewer is the owner, or nobody. At most 2,000."""
    clinic_id = require(viewer, *CLINICAL)
    filer = Staff.__table__.alias("filer")
    wanted = (
        select(
            ChartCopy.ref_id, ChartCopy.patient_id, Patient.family_name, Patient.given_name,
            Staff.name.label("owner"), ChartCopy.filed_at, filer.c.name.label("filed_by"), ChartCopy.changed_at,
        )
        .join(ClosedPatientMonth, ClosedPatientMonth.id == ChartCopy.ref_id)
        .join(Patient, Patient.id == ChartCopy.patient_id)
        .outerjoin(Staff, Staff.id == ChartCopy.owner_id)
        .outerjoin(filer, filer.c.id == ChartCopy.filed_by_id)
        .where(ChartCopy.kind == "month", ChartCopy.clinic_id == clinic_id)
        .where(ClosedPatientMonth.month == str(month))
        .order_by(ChartCopy.filed_at.is_not(None), Patient.name_key, ChartCopy.id)
        .limit(MOST)
    )  # fmt: skip
    if mine:
        wanted = wanted.where(ChartCopy.owner_id.is_(None) | (ChartCopy.owner_id == viewer.id))
    rows = await tx.all(wanted)
    await audit.record(
        tx, viewer, "month_copies.read", "clinic", clinic_id, now=now, month=str(month), count=len(rows)
    )
    return tuple(MonthCopy(**row._mapping) for row in rows)


async def mark(tx: Tx, actor: Actor, patient_id: UUID, ref_id: UUID, *, filed: bool, now: datetime) -> None:
    """The tick, or taking it back; the month's task goes with its last copy."""
    await filing.mark(tx, actor, patient_id, "month", ref_id, filed=filed, now=now)
    if actor.clinic_id is not None:
        await _close_done(tx, now, Task.clinic_id == actor.clinic_id)


async def ask_for_months(database: Database, now: datetime, *, limit: int = MOST) -> dict[str, int]:
    """What nobody has filed by the next business day becomes one task for each month and care manager, and goes when the
    last copy is filed or is somebody else's."""

    async def body(tx: Tx) -> int:
        rows = await tx.all(
            select(ChartCopy.id, ChartCopy.clinic_id, ChartCopy.owner_id, ClosedPatientMonth.month)
            .join(ClosedPatientMonth, ClosedPatientMonth.id == ChartCopy.ref_id)
            .where(ChartCopy.kind == "month", ChartCopy.next_at <= now)
            .order_by(ChartCopy.next_at, ChartCopy.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=ChartCopy)
        )
        groups = sorted({(row.clinic_id, row.month, row.owner_id) for row in rows}, key=str)
        for clinic_id, month, owner_id in groups:
            await worklist.open_task(
                tx, clinic_id=clinic_id, patient_id=None, episode_id=None, kind="unfiled_months",
                dedupe_key=f"file:month:{month}:{owner_id}", due_at=now, owner_id=owner_id,
                detail={"month": month}, now=now,
            )  # fmt: skip
        if rows:
            asked = among(tx, ChartCopy.id, [row.id for row in rows])
            await tx.execute(update(ChartCopy).where(asked).values(next_at=None))
        await _close_done(tx, now)
        return len(rows)

    return {"asked": await database.run(body)}


async def _close_done(tx: Tx, now: datetime, *which: ColumnElement[bool]) -> None:
    tasks = await tx.all(
        select(Task.clinic_id, Task.dedupe_key, Task.owner_id, Task.detail).where(
            Task.kind == "unfiled_months", Task.done_at.is_(None), *which
        )
    )
    for task in tasks:
        left = exists().where(
            *_OF_A_MONTH,
            ChartCopy.clinic_id == task.clinic_id,
            ChartCopy.filed_at.is_(None),
            ChartCopy.owner_id.is_not_distinct_from(task.owner_id),
            ClosedPatientMonth.month == task.detail["month"],
        )
        if not await tx.scalar(select(left)):
            await worklist.close_tasks(tx, task.clinic_id, task.dedupe_key, "filed", now)


async def _refs(tx: Tx, *which: ColumnElement[bool]) -> dict[UUID, UUID]:
    """By episode the row of the first version that named it."""
    rows = await tx.all(
        select(ClosedPatientMonth.id, ClosedPatientMonth.episode_id)
        .where(*which)
        .order_by(ClosedPatientMonth.version.desc())
    )
    return {row.episode_id: row.id for row in rows}


async def _known(tx: Tx, clinic_id: UUID, ref_ids: Sequence[UUID]) -> set[UUID]:
    rows = await tx.all(
        select(ChartCopy.ref_id).where(
            ChartCopy.clinic_id == clinic_id, ChartCopy.kind == "month", among(tx, ChartCopy.ref_id, ref_ids)
        )
    )
    return {row.ref_id for row in rows}


async def _owners(tx: Tx, episode_ids: Sequence[UUID]) -> dict[UUID, Any]:
    rows = await tx.all(select(Episode.id, Episode.care_manager_id).where(among(tx, Episode.id, episode_ids)))
    return {row.id: row.care_manager_id for row in rows}
