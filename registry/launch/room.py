"""The limit that a pilot sets on the patients in care."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select

from kernel.db import Tx
from kernel.errors import Conflict
from registry.launch.tables import Pilot
from registry.worklist.rules import IN_CARE
from registry.worklist.tables import RegistryLine


async def check_room(tx: Tx, clinic_id: UUID) -> None:
    """Raises `Conflict` when a pilot runs and its limit is reached. Locks the pilot, so that two enrolments at once
    can't both take the last place."""
    row = await tx.first(
        select(Pilot.steps, Pilot.step)
        .where(Pilot.clinic_id == clinic_id, Pilot.ended_on.is_(None))
        .with_for_update()
    )
    if row is None:
        return
    limit = int(row.steps[row.step])
    held = select(func.count()).where(RegistryLine.clinic_id == clinic_id, RegistryLine.status.in_(IN_CARE))
    if int(await tx.scalar(held)) >= limit:
        raise Conflict(
            f"the pilot holds {limit} patients: sign the report of the step to raise the limit",
            code="panel_full",
        )
