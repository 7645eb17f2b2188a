"""The clinic's own sentence under every recommendation and set of minutes. Newest version holds, earlier ones stay.

The default is in our own words, after the AIMS Center's example for psychiatric consultants (2023): advice rests on
consultation and the registry, nobody was examined, the treating clinician decides. It is untested in court.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import insert, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid
from registry.access import CLINICAL, require
from registry.episodes.records import staff_id
from registry.review.tables import ReviewWording

LONGEST: Final = 2_000
DEFAULT: Final = (
    "This advice rests on talking with the care manager and on what the registry shows. The psychiatric consultant has "
    "not seen or examined the patient. The treating clinician knows the patient's history and present state, decides "
    "what to do with it, and can call the consultant with questions."
)


class Wording(msgspec.Struct, frozen=True):
    """`version` 0 is the shipped default."""

    body: str
    version: int


async def wording(tx: Tx, clinic_id: UUID) -> Wording:
    row = await tx.first(
        select(ReviewWording.body, ReviewWording.version)
        .where(ReviewWording.clinic_id == clinic_id)
        .order_by(ReviewWording.version.desc())
        .limit(1)
    )
    return Wording(DEFAULT, 0) if row is None else Wording(row.body, row.version)


async def set_wording(tx: Tx, actor: Actor, body: str, *, version: int, now: datetime) -> int:
    """By the clinic lead; `version` is that of the text they changed. Raises `Conflict` when another was saved."""
    clinic_id = require(actor, "clinic_lead")
    if not body.strip() or len(body) > LONGEST:
        raise Invalid.field("body", f"needs 1 to {LONGEST} characters")
    current = await wording(tx, clinic_id)
    if current.version != version:
        raise Conflict("somebody else changed the wording", code="stale")
    row_id = tx.new_id()
    await tx.execute(
        insert(ReviewWording),
        {
            "id": row_id,
            "clinic_id": clinic_id,
            "version": version + 1,
            "body": body.strip(),
            "created_at": now,
            "created_by_id": staff_id(actor),
        },
    )
    await audit.record(tx, actor, "review_wording.set", "review_wording", row_id, now=now)
    return version + 1


async def shown_to(tx: Tx, viewer: Actor) -> Wording:
    return await wording(tx, require(viewer, *CLINICAL))
