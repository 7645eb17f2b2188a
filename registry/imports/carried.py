"""What a month's type may rest on of the bills before Evenkeel, and when only a person can say.

Whether a month is the first of its episode depends on months billed before (billing/month_types.py). Where the other
registry did not say them, the type is not guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select

from kernel.db import Tx, among
from registry.imports.rules import NEVER_BILLED
from registry.imports.tables import BilledMonth, CarriedEpisode
from registry.time_log.months import Month


class Carried(msgspec.Struct, frozen=True):
    """`months` were billed before; `initial_months` of them as a first month. `unknown`: what came before is not
    known, so the first month here is a person's to decide."""

    months: tuple[Month, ...] = ()
    initial_months: tuple[Month, ...] = ()
    unknown: bool = False


NOTHING = Carried()


def carried(
    started_on: date | None,
    last_billed: str | None,
    imported_on: date,
    billed: Mapping[Month, str | None],
) -> Carried:
    """Months that were named one by one stand alone. Without them every month from the start to the last billed one
    counts as served: a gap among them is not known.

    An episode that began in an earlier month and was never billed is unknown too: no source says whether the month
    after a first month below its threshold is a first or a later one.
    """
    last = None if last_billed in (None, NEVER_BILLED) else Month.parse(str(last_billed))
    firsts = tuple(sorted(month for month, kind in billed.items() if kind == "initial"))
    if billed:
        months = set(billed) | ({last} if last is not None else set())
        return Carried(tuple(sorted(months)), firsts, started_on is None)
    if started_on is None or last_billed is None:
        return Carried(() if last is None else (last,), (), True)
    start = Month.of(started_on)
    if last is None:
        return Carried(unknown=start < Month.of(imported_on))
    return Carried(tuple(start.plus(n) for n in range(last.months_since(start) + 1)), (start,), False)


def together(parts: Collection[Carried]) -> Carried:
    """Of all of a patient's episodes."""
    if not parts:
        return NOTHING
    return Carried(
        tuple(sorted({month for part in parts for month in part.months})),
        tuple(sorted({month for part in parts for month in part.initial_months})),
        any(part.unknown for part in parts),
    )


async def carried_of(tx: Tx, clinic_id: UUID, episodes: Collection[UUID]) -> dict[UUID, Carried]:
    """Of those episodes that were brought in or have months billed elsewhere. Two statements, without audit: part of
    a month that the caller reads under its own."""
    billed: dict[UUID, dict[Month, str | None]] = {}
    for row in await tx.all(
        select(BilledMonth.episode_id, BilledMonth.month, BilledMonth.month_type).where(
            BilledMonth.clinic_id == clinic_id, among(tx, BilledMonth.episode_id, list(episodes))
        )
    ):
        billed.setdefault(row.episode_id, {})[Month.parse(row.month)] = row.month_type
    found: dict[UUID, Carried] = {}
    for row in await tx.all(
        select(*CarriedEpisode.__table__.c).where(
            CarriedEpisode.clinic_id == clinic_id, among(tx, CarriedEpisode.episode_id, list(episodes))
        )
    ):
        months = billed.pop(row.episode_id, {})
        found[row.episode_id] = carried(row.started_on, row.last_billed, row.imported_on, months)
    for episode_id, months in billed.items():
        firsts = tuple(sorted(month for month, kind in months.items() if kind == "initial"))
        found[episode_id] = Carried(tuple(sorted(months)), firsts)
    return found
