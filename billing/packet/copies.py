"""The text of one closed patient-month for the EHR."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from billing.close import record
from billing.close.tables import ClosedPatientMonth
from billing.packet.chart import month_text, taken_back_text
from billing.packet.evidence import record_of
from billing.packet.service import names_of
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.time_log.months import Month


async def month_copy(tx: Tx, viewer: Actor, patient_id: UUID, ref_id: UUID, *, now: datetime) -> str:
    """As the month stands now. Raises NotFound for another patient's, Tampered when what was closed was changed."""
    clinic_id = require(viewer, *CLINICAL)
    row = await tx.first(
        select(ClosedPatientMonth.month, ClosedPatientMonth.episode_id).where(
            ClosedPatientMonth.id == ref_id,
            ClosedPatientMonth.patient_id == patient_id,
            ClosedPatientMonth.clinic_id == clinic_id,
        )
    )
    if row is None:
        raise NotFound("the closed patient-month")
    month = Month.parse(row.month)
    await audit.record(
        tx,
        viewer,
        "month_copy.read",
        "episode",
        row.episode_id,
        now=now,
        patient_id=patient_id,
        month=row.month,
    )
    standing = await record.standing(tx, clinic_id, month, episode_id=row.episode_id)
    if (found := standing.get(str(row.episode_id))) is None:
        gone = (await record.removed(tx, clinic_id, month))[str(row.episode_id)]
        return taken_back_text(gone.frozen)
    names = await names_of(tx, clinic_id, found.frozen)
    written = await record_of(tx, found.frozen, names, month, lambda version, language: None)
    return month_text(found.frozen, written, found.version)
