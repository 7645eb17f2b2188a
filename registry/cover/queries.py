"""Who covers whom. None of it is about patients, so these reads leave no audit row."""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import aliased

from kernel.db import Tx
from registry.cover.rules import CoverFacts
from registry.cover.tables import Cover
from registry.organisation.tables import Staff

LIMIT: Final = 200
_ABSENT, _COVERING = aliased(Staff), aliased(Staff)
_COVERED = select(Cover.absent_id).where(
    Cover.clinic_id == bindparam("clinic"),
    Cover.covering_id == bindparam("who"),
    Cover.until_on >= bindparam("day"),
    Cover.from_on <= bindparam("day"),
    Cover.ended_at.is_(None),
)
_STANDS_IN = select(Cover.covering_id).where(
    Cover.clinic_id == bindparam("clinic"),
    Cover.absent_id == bindparam("who"),
    Cover.until_on >= bindparam("day"),
    Cover.from_on <= bindparam("day"),
    Cover.ended_at.is_(None),
)
_FACTS: Final[Select[*tuple[Any, ...]]] = (
    select(
        Cover.id, Cover.absent_id, _ABSENT.name.label("absent_name"),
        Cover.covering_id, _COVERING.name.label("covering_name"), Cover.from_on, Cover.until_on,
    )
    .join(_ABSENT, _ABSENT.id == Cover.absent_id)
    .join(_COVERING, _COVERING.id == Cover.covering_id)
    .where(Cover.ended_at.is_(None))
)  # fmt: skip


async def covered_by(tx: Tx, clinic_id: UUID, staff_id: UUID, on: date) -> frozenset[UUID]:
    """The absent colleagues for whom this person stands in on the clinic's local date."""
    rows = await tx.all(_COVERED, {"clinic": clinic_id, "who": staff_id, "day": on})
    return frozenset(row.absent_id for row in rows)


async def stands_in(tx: Tx, clinic_id: UUID, absent_id: UUID, on: date) -> UUID | None:
    """Who covers this person on the clinic's local date; None when nobody does."""
    found: UUID | None = await tx.scalar(_STANDS_IN, {"clinic": clinic_id, "who": absent_id, "day": on})
    return found


async def current_and_planned(tx: Tx, clinic_id: UUID, today: date) -> tuple[CoverFacts, ...]:
    rows = await tx.all(
        _FACTS.where(Cover.clinic_id == clinic_id, Cover.until_on >= today)
        .order_by(Cover.from_on, Cover.id)
        .limit(LIMIT)
    )
    return tuple(CoverFacts(**row._mapping) for row in rows)
