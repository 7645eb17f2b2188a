"""Writing down what was found out when care began, and reading it again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict
from registry.access import CARE, CLINICAL, require
from registry.episodes import records as episode_records
from registry.intake import contents
from registry.intake.contents import IntakeContent
from registry.intake.tables import Intake
from registry.organisation.tables import Staff
from registry.patients import records as patient_records
from registry.patients.service import refuse

STALE = "somebody else saved a newer version meanwhile"


class IntakeFacts(msgspec.Struct, frozen=True):
    version: int
    content: IntakeContent
    at: datetime
    by: str | None


async def save_intake(
    tx: Tx, actor: Actor, patient_id: UUID, content: IntakeContent, *, base: int, now: datetime
) -> UUID:
    """A new version for the open episode. Raises `Invalid` with every problem, `Conflict` (stale) when `base` is not
    the newest version."""
    clinic_id = require(actor, *CARE)
    await patient_records.locked(tx, clinic_id, patient_id)
    episode = await episode_records.open_episode(tx, patient_id)
    refuse(contents.check(content))
    newest = await _newest(tx, episode.id)
    if (0 if newest is None else newest.version) != base:
        raise Conflict(STALE, code="stale")
    intake_id = tx.new_id()
    values = {
        "id": intake_id,
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "episode_id": episode.id,
        "version": base + 1,
        "content_sealed": tx.vault.seal(msgspec.json.encode(content).decode()),
        "created_at": now,
        "created_by_id": episode_records.staff_id(actor),
    }
    try:
        await tx.execute(insert(Intake), values)
    except IntegrityError:
        raise Conflict(STALE, code="stale") from None
    await audit.record(tx, actor, "intake.saved", "intake", intake_id, now=now, patient_id=patient_id)
    return intake_id


async def intake(
    tx: Tx, viewer: Actor, patient_id: UUID, episode_id: UUID, *, now: datetime
) -> IntakeFacts | None:
    """The newest version of an episode; None when nothing was written down, or for another clinic's."""
    clinic_id = require(viewer, *CLINICAL)
    row = await _newest(tx, episode_id)
    await audit.record(tx, viewer, "intake.read", "episode", episode_id, now=now, patient_id=patient_id)
    if row is None or row.clinic_id != clinic_id or row.patient_id != patient_id:
        return None
    content = msgspec.json.decode(tx.vault.open(row.content_sealed), type=IntakeContent)
    return IntakeFacts(row.version, content, row.created_at, row.name)


async def _newest(tx: Tx, episode_id: UUID) -> Any:
    return await tx.first(
        select(Intake.__table__, Staff.name)
        .outerjoin(Staff, Staff.id == Intake.created_by_id)
        .where(Intake.episode_id == episode_id)
        .order_by(Intake.version.desc())
        .limit(1)
    )
