"""Plans as screens show them: the newest version of each, and what changed from one to the next."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.orm import aliased

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.care_plans import contents
from registry.care_plans.contents import Content, Difference, PlanKind
from registry.care_plans.tables import CarePlan
from registry.episodes.tables import Episode
from registry.organisation.tables import Staff
from registry.patients.tables import Patient

MOST: Final = 50


class PlanVersion(msgspec.Struct, frozen=True):
    """`changes` is what this version changed against the one before; `signed_by` None until a clinician has signed."""

    id: UUID
    kind: PlanKind
    version: int
    content: Content
    changes: tuple[Difference, ...]
    agreed_on: date | None
    created_at: datetime
    created_by: str | None
    signed_at: datetime | None
    signed_by: str | None
    sign_note: str | None


_author, _signer = aliased(Staff), aliased(Staff)
_NEWEST_EPISODE = (
    select(Episode.id)
    .where(Episode.patient_id == bindparam("patient"), Episode.clinic_id == bindparam("clinic"))
    .order_by(Episode.status == "ended", Episode.created_at.desc(), Episode.id.desc())
    .limit(1)
    .scalar_subquery()
)
_VERSIONS = (
    select(CarePlan.__table__, _author.name.label("created_by"), _signer.name.label("signed_by"))
    .outerjoin(_author, _author.id == CarePlan.created_by_id)
    .outerjoin(_signer, _signer.id == CarePlan.signed_by_id)
    .where(CarePlan.episode_id == _NEWEST_EPISODE, CarePlan.kind == bindparam("kind"))
    .order_by(CarePlan.version.desc())
    .limit(MOST)
)
_TYPES: Final[dict[PlanKind, type[Content]]] = {
    "care": contents.CareContent,
    "relapse": contents.RelapseContent,
    "safety": contents.SafetyContent,
}


async def versions(
    tx: Tx, viewer: Actor, patient_id: UUID, kind: PlanKind, *, now: datetime
) -> tuple[PlanVersion, ...]:
    """Of the present episode, newest first, at most 50. Raises NotFound for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    known = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(known) is None:
        raise NotFound("patient")
    rows = await tx.all(_VERSIONS, {"patient": patient_id, "clinic": clinic_id, "kind": kind})
    await record(
        tx, viewer, "care_plans.read", "patient", patient_id,
        now=now, patient_id=patient_id, kind=kind, count=len(rows),
    )  # fmt: skip
    found = [msgspec.json.decode(tx.vault.open(row.content_sealed), type=_TYPES[kind]) for row in rows]
    before = [*found[1:], contents.empty(kind)][: len(found)]
    return tuple(
        _version(tx, kind, row, content, earlier)
        for row, content, earlier in zip(rows, found, before, strict=True)
    )


def _version(tx: Tx, kind: PlanKind, row: Any, content: Content, earlier: Content) -> PlanVersion:
    # The oldest of fifty shown is compared with nothing only when it is the first of all.
    whole = row.version == 1 or earlier != contents.empty(kind)
    return PlanVersion(
        id=row.id,
        kind=kind,
        version=row.version,
        content=content,
        changes=contents.differences(earlier, content) if whole else (),
        agreed_on=row.agreed_on,
        created_at=row.created_at,
        created_by=row.created_by,
        signed_at=row.signed_at,
        signed_by=row.signed_by,
        sign_note=tx.vault.open_or_none(row.sign_note_sealed),
    )
