"""Which measures are asked of a patient."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, func, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.patients.tables import Patient
from registry.plans.rules import PlanLine
from registry.plans.tables import MeasurePlan


class PlanFacts(msgspec.Struct, frozen=True):
    """`version` rises with every change, also with one that only drops a line; 0 before the first plan."""

    lines: tuple[PlanLine, ...]
    version: int


# Lines written together are asked in the order they were given; ids grow with time.
_CURRENT = (
    select(
        MeasurePlan.instrument_id,
        MeasurePlan.every_days,
        MeasurePlan.local_time,
        MeasurePlan.anchor_on,
    )
    .where(MeasurePlan.patient_id == bindparam("patient"), MeasurePlan.replaced_at.is_(None))
    .order_by(MeasurePlan.id)
)


# Rows are only added or closed, so their number and the number of closed ones together never fall.
_VERSION = select(func.count() + func.count(MeasurePlan.replaced_at)).where(
    MeasurePlan.patient_id == bindparam("patient")
)


async def current_plan(tx: Tx, patient_id: UUID) -> tuple[PlanLine, ...]:
    """Without audit: for scheduling, which shows it to nobody."""
    rows = await tx.all(_CURRENT, {"patient": patient_id})
    return tuple(PlanLine(row.instrument_id, row.every_days, row.local_time, row.anchor_on) for row in rows)


async def plan_facts(tx: Tx, patient_id: UUID) -> PlanFacts:
    """The plan with its version, without audit."""
    return PlanFacts(
        await current_plan(tx, patient_id), int(await tx.scalar(_VERSION, {"patient": patient_id}))
    )


async def plan(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> PlanFacts:
    """Raises `NotFound` for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    known = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(known) is None:
        raise NotFound("patient")
    found = await plan_facts(tx, patient_id)
    await audit.record(tx, viewer, "plan.read", "patient", patient_id, now=now, patient_id=patient_id)
    return found
