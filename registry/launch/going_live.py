"""What keeps a clinic in simulation, and the step out of it: the record's own items, a safety protocol in force, and one
drill that reached somebody in time under it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select

from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Problem
from registry.drills import queries as drills
from registry.organisation import queries, service
from registry.organisation.rules import Deployment
from registry.protocol.tables import SafetyProtocol


async def missing(tx: Tx, clinic_id: UUID, deployment: Deployment) -> tuple[Problem, ...]:
    """Everything, all at once; also what the set-up page shows. Raises NotFound."""
    return await queries.missing_for_live(tx, clinic_id, deployment) + await unrehearsed(tx, clinic_id)


async def unrehearsed(tx: Tx, clinic_id: UUID) -> tuple[Problem, ...]:
    """A drill counts when it was held under a version that was in force, whatever is in force by now, and was
    acknowledged and contacted within that version's clocks."""
    in_force = exists().where(SafetyProtocol.clinic_id == clinic_id, SafetyProtocol.state == "active")
    found = []
    if not await tx.scalar(select(in_force)):
        found.append(
            Problem("safety_protocol", "needs a version that was approved, signed and put into force")
        )
    if await drills.passed_under_protocol(tx, clinic_id) == 0:
        found.append(
            Problem("drill", "needs one under the protocol in force, acknowledged and contacted in time")
        )
    return tuple(found)


async def go_live(tx: Tx, actor: Actor, clinic_id: UUID, deployment: Deployment, *, now: datetime) -> None:
    """From here on patients get real texts. Raises Invalid with everything that is missing, all at once."""
    also = await unrehearsed(tx, clinic_id)
    await service.go_live(tx, actor, clinic_id, deployment, also_missing=also, now=now)
