"""Bringing an assessment pack in. The command line does this: whoever may run it holds the licence for the words."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from kernel.audit import record, system
from kernel.db import Tx
from kernel.errors import Conflict, NotFound
from registry.safety.packs import SHIPPED, read_pack
from registry.safety.tables import AssessmentPack

OPERATOR = system(None, "operator")


async def import_pack(tx: Tx, raw: bytes, *, now: datetime) -> UUID:
    """The same file again changes nothing. Raises Invalid naming each place in the file, Conflict for another text
    under a version that is known."""
    pack = read_pack(raw)
    if pack.id == SHIPPED:
        raise Conflict(f"{SHIPPED} is the built-in pack: give this one another id")
    digest = hashlib.sha256(raw).hexdigest()
    known = await tx.first(
        select(AssessmentPack.id, AssessmentPack.sha256).where(
            AssessmentPack.pack_id == pack.id, AssessmentPack.version == pack.version
        )
    )
    if known is not None and known.sha256 != digest:
        raise Conflict(f"{pack.id} version {pack.version} is here already with another text")
    if known is not None:
        await tx.execute(update(AssessmentPack).where(AssessmentPack.id == known.id).values(retired_at=None))
        return known.id  # type: ignore[no-any-return]
    pack_id = tx.new_id()
    values: dict[str, Any] = {"id": pack_id, "pack_id": pack.id, "version": pack.version}
    values |= {"title": pack.title, "language": pack.language, "sha256": digest}
    values |= {"document": msgspec.to_builtins(pack), "imported_at": now, "retired_at": None}
    await tx.execute(insert(AssessmentPack), values)
    await record(tx, OPERATOR, "assessment_pack.imported", "assessment_pack", pack_id, now=now)
    return pack_id


async def retire_pack(tx: Tx, pack_id: str, *, now: datetime) -> None:
    """No longer offered; what was assessed with it stays readable. Raises NotFound."""
    changed = await tx.execute(
        update(AssessmentPack)
        .where(AssessmentPack.pack_id == pack_id, AssessmentPack.retired_at.is_(None))
        .values(retired_at=now)
    )
    if changed.rowcount == 0:
        raise NotFound("assessment pack")
    await record(tx, OPERATOR, "assessment_pack.retired", "assessment_pack", None, now=now)
