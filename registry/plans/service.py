"""Setting the measures that are asked of a patient. A change writes new rows; what was asked before stays known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict
from registry import zones
from registry.access import CARE, require
from registry.episodes import records as episode_records
from registry.instruments import queries as instruments
from registry.organisation import queries as organisation
from registry.organisation.rules import ClinicFacts
from registry.patients import records as patient_records
from registry.patients.service import refuse
from registry.plans import rules
from registry.plans.queries import PlanFacts, current_plan, plan_facts
from registry.plans.rules import PlanLine, PlanWishes
from registry.plans.tables import MeasurePlan
from registry.ports import Outreach
from registry.worklist import lines as lines_of_registry

__all__ = ["current_plan", "retire", "set_plan"]


async def set_plan(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    lines: Sequence[PlanLine],
    *,
    version: int | None = None,
    now: datetime,
    outreach: Outreach,
) -> PlanFacts:
    """The whole plan as it shall be from now on; no lines asks for nothing more. Unchanged lines keep their row.

    `version` is that of the plan the person looked at. Raises `Invalid` naming `lines[n].field`, `Conflict` when
    stale, or before enrolment and after the end of care.
    """
    clinic_id = require(actor, *CARE, "consultant")
    patient = await patient_records.locked(tx, clinic_id, patient_id)
    episode = await episode_records.open_episode(tx, patient_id)
    if episode.status == "referred":
        raise Conflict("the patient is not enrolled yet", code="not_enrolled")
    before = await plan_facts(tx, patient_id)
    patient_records.refuse_stale(before.version, version)
    clinic = await organisation.clinic(tx, clinic_id)
    languages = {one.id: one.languages for one in await instruments.offered(tx, clinic_id)}
    today = zones.local_date(now, patient.zone or clinic.zone)
    refuse(rules.check_plan(lines, _wishes(patient, clinic), languages, today))
    written = await _replace(tx, actor, (clinic_id, patient_id, episode.id), before, lines, now)
    after = await plan_facts(tx, patient_id)
    if written:
        await lines_of_registry.refresh(tx, episode.id, now)
        await outreach.plan_changed(tx, patient_id, now=now)
    await audit.record(
        tx,
        actor,
        "plan.set",
        "episode",
        episode.id,
        now=now,
        patient_id=patient_id,
        instruments=[line.instrument_id for line in after.lines],
    )
    return after


async def retire(tx: Tx, patient_id: UUID, *, now: datetime) -> None:
    """A new episode starts without the last one's plan."""
    await tx.execute(
        update(MeasurePlan)
        .where(MeasurePlan.patient_id == patient_id, MeasurePlan.replaced_at.is_(None))
        .values(replaced_at=now)
    )


async def _replace(
    tx: Tx,
    actor: Actor,
    whose: tuple[UUID, UUID, UUID],
    before: PlanFacts,
    lines: Sequence[PlanLine],
    now: datetime,
) -> bool:
    """Whether anything changed. `whose` is (clinic, patient, episode)."""
    clinic_id, patient_id, episode_id = whose
    dropped = [line.instrument_id for line in before.lines if line not in lines]
    fresh = [line for line in lines if line not in before.lines]
    if dropped:
        await tx.execute(
            update(MeasurePlan)
            .where(
                MeasurePlan.patient_id == patient_id,
                MeasurePlan.replaced_at.is_(None),
                MeasurePlan.instrument_id.in_(dropped),
            )
            .values(replaced_at=now)
        )
    version = await _newest_version(tx, patient_id) + 1
    rows: list[dict[str, Any]] = [
        {
            "id": tx.new_id(),
            "clinic_id": clinic_id,
            "patient_id": patient_id,
            "episode_id": episode_id,
            "instrument_id": line.instrument_id,
            "every_days": line.every_days,
            "local_time": line.local_time,
            "anchor_on": line.anchor_on,
            "version": version,
            "created_at": now,
            "created_by_id": episode_records.staff_id(actor),
            "replaced_at": None,
        }
        for line in fresh
    ]
    if rows:
        await tx.execute(insert(MeasurePlan), rows)
    return bool(rows or dropped)


async def _newest_version(tx: Tx, patient_id: UUID) -> int:
    newest = (
        select(MeasurePlan.version)
        .where(MeasurePlan.patient_id == patient_id)
        .order_by(MeasurePlan.version.desc())
        .limit(1)
    )
    return int(await tx.scalar(newest) or 0)


def _wishes(patient: Any, clinic: ClinicFacts) -> PlanWishes:
    channels = (
        (patient.channel,) if patient.second_channel is None else (patient.channel, patient.second_channel)
    )
    return PlanWishes(
        language=patient.language,
        channels=channels,
        window_start=patient.window_start or clinic.window_start,
        window_end=patient.window_end or clinic.window_end,
    )
