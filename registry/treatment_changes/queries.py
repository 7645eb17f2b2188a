"""Changes of treatment, for the score trend, the timeline and the one-page summary."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.treatment_changes.rules import KINDS, Change, WithdrawnChange
from registry.treatment_changes.tables import TreatmentChange

LIMIT: Final = 200


async def changes(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> tuple[Change, ...]:
    """Oldest first, of every episode, numbered from 1; the newest 200. Withdrawn ones are left out. Raises NotFound
    for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    await _known(tx, clinic_id, patient_id)
    change = TreatmentChange
    rows = await tx.all(
        select(change.__table__, Staff.name.label("recorded_by"))
        .outerjoin(Staff, Staff.id == change.recorded_by_id)
        .where(change.patient_id == patient_id, change.clinic_id == clinic_id, change.withdrawn_at.is_(None))
        .order_by(change.on.desc(), change.recorded_at.desc(), change.id.desc())
        .limit(LIMIT)
    )
    await record(
        tx, viewer, "treatment_changes.read", "patient", patient_id,
        now=now, patient_id=patient_id, count=len(rows),
    )  # fmt: skip
    return tuple(
        Change(
            id=row.id,
            number=number,
            on=row.on,
            kind=row.kind,
            label=KINDS[row.kind],
            what=tx.vault.open(row.what_sealed),
            new_antidepressant=row.new_antidepressant,
            source=row.source,
            source_id=row.source_id,
            recorded_by=row.recorded_by,
            recorded_by_id=row.recorded_by_id,
            recorded_at=row.recorded_at,
        )
        for number, row in enumerate(reversed(rows), start=1)
    )


async def withdrawn(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> tuple[WithdrawnChange, ...]:
    """What was entered and taken back, the newest withdrawal first; at most 200. Raises NotFound as above."""
    clinic_id = require(viewer, *CLINICAL)
    await _known(tx, clinic_id, patient_id)
    change, entered, taken_back = TreatmentChange, aliased(Staff), aliased(Staff)
    rows = await tx.all(
        select(change.__table__, entered.name.label("recorded_by"), taken_back.name.label("withdrawn_by"))
        .outerjoin(entered, entered.id == change.recorded_by_id)
        .outerjoin(taken_back, taken_back.id == change.withdrawn_by_id)
        .where(
            change.patient_id == patient_id, change.clinic_id == clinic_id, change.withdrawn_at.is_not(None)
        )
        .order_by(change.withdrawn_at.desc(), change.id)
        .limit(LIMIT)
    )
    await record(
        tx, viewer, "withdrawn_changes.read", "patient", patient_id,
        now=now, patient_id=patient_id, count=len(rows),
    )  # fmt: skip
    return tuple(
        WithdrawnChange(
            id=row.id,
            on=row.on,
            label=KINDS[row.kind],
            what=tx.vault.open(row.what_sealed),
            recorded_by=row.recorded_by,
            withdrawn_at=row.withdrawn_at,
            withdrawn_by=row.withdrawn_by,
            reason=tx.vault.open_or_none(row.withdrawn_why_sealed),
        )
        for row in rows
    )


async def _known(tx: Tx, clinic_id: UUID, patient_id: UUID) -> None:
    known = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(known) is None:
        raise NotFound("patient")
