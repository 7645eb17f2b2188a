"""While the month lasts: which required elements are missing for whom, and who can mend them.

Minutes stand beside it as they are. Nothing here asks anyone to add time, and nobody is listed for being short of a
line alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from billing.statement.derivation import Inputs, derive
from billing.statement.elements import Element
from billing.statement.rules import StatementRow
from billing.statement.service import READERS, month_inputs
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from registry.access import require
from registry.episodes.tables import Episode
from registry.time_log.months import Month

# Whoever is in care this month is listed, with or without time so far.
IN_CARE: Final = ("active", "relapse_prevention", "on_hold")
MOST: Final = 2000


class OpenPoint(msgspec.Struct, frozen=True):
    """`missing` are the failed elements, those that hold first; `next_at` the minutes at which the line changes."""

    patient_id: str
    episode_id: str
    family_name: str
    given_name: str
    minutes: int
    next_at: int | None
    minutes_to_next: int | None
    missing: tuple[Element, ...]


async def open_points(
    tx: Tx, viewer: Actor, month: Month, *, now: datetime, mine: bool = False
) -> tuple[OpenPoint, ...]:
    """By family name; patients who lack nothing are left out. `mine`: only what one of the viewer's roles can mend."""
    clinic_id = require(viewer, *READERS)
    in_care = await _in_care(tx, clinic_id)
    inputs = await month_inputs(tx, clinic_id, month, now=now, prepared_by=viewer.name, also=in_care)
    await audit.record(
        tx, viewer, "open_points.read", "clinic", clinic_id, now=now, month=str(month), rows=len(inputs)
    )
    points = (_point(each, derive(each).row, viewer if mine else None) for each in inputs)
    return tuple(point for point in points if point.missing)


async def _in_care(tx: Tx, clinic_id: UUID) -> list[UUID]:
    rows = await tx.all(
        select(Episode.id)
        .where(Episode.clinic_id == clinic_id, Episode.status.in_(IN_CARE))
        .order_by(Episode.id)
        .limit(MOST)
    )
    return [row.id for row in rows]


def _point(inputs: Inputs, row: StatementRow, viewer: Actor | None) -> OpenPoint:
    facts = inputs.facts
    failed = [element for element in row.elements if element.state == "failed"]
    if viewer is not None:
        failed = [element for element in failed if viewer.has(*element.fixers)]
    return OpenPoint(
        facts.patient_id,
        facts.episode.id,
        facts.family_name,
        facts.given_name,
        row.minutes,
        None if row.decision is None else row.decision.next_at,
        None if row.decision is None else row.decision.minutes_to_next,
        tuple(sorted(failed, key=lambda element: not element.holds)),
    )
