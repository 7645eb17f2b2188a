"""Changes of treatment, for the score trend, the timeline and the one-page summary."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.treatment_changes.rules import KINDS, Change
from registry.treatment_changes.tables import TreatmentChange

LIMIT: Final = 200


async def changes(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> tuple[Change, ...]:
    """Oldest first, of every episode, numbered from 1; the newest 200. Withdrawn ones are left out. Raises NotFound
    for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    known = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(known) is None:
        raise NotFound("patient")
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
        )
        for number, row in enumerate(reversed(rows), start=1)
    )
