"""Whoever steps down to relapse prevention without a plan against relapse is on a list until it is written.

The plan is filled in with the patient in the months before care ends (AIMS Center); no authority sets the days. Two weeks
reach the next contact of the phase.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import exists, select

from kernel.db import Tx
from registry import working_time
from registry.care_plans.tables import CarePlan
from registry.organisation.rules import ClinicFacts
from registry.worklist import service as worklist

WITHIN: Final = timedelta(days=14)


def key_of(episode_id: UUID) -> str:
    return f"relapse_plan:{episode_id}"


async def watch(
    tx: Tx, clinic: ClinicFacts, patient_id: UUID, episode: Any, status: str, now: datetime
) -> None:
    """With a change of the episode's status, `episode` being its row. A hold keeps the task, any other way out of the
    phase closes it."""
    if status == "on_hold":
        return
    if status != "relapse_prevention":
        await worklist.close_tasks(tx, clinic.id, key_of(episode.id), "left_phase", now)
        return
    written = exists().where(CarePlan.episode_id == episode.id, CarePlan.kind == "relapse")
    if await tx.scalar(select(written)):
        return
    await worklist.open_task(
        tx,
        clinic_id=clinic.id,
        patient_id=patient_id,
        episode_id=episode.id,
        kind="relapse_plan",
        dedupe_key=key_of(episode.id),
        due_at=working_time.noon(clinic.local_date(now) + WITHIN, clinic.zone),
        owner_id=episode.care_manager_id,
        now=now,
    )
