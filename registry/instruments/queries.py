"""Which instruments a clinic may use, and getting to know those that were added."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec
from sqlalchemy import or_, select

from kernel.db import Tx
from questionnaires import catalog
from questionnaires.catalog import INSTRUMENT_IDS
from registry.instruments.tables import AddedInstrument


class Offered(msgspec.Struct, frozen=True):
    """`title` is for staff, short enough for a table; `languages` those in which it may be asked."""

    id: str
    title: str
    languages: tuple[str, ...]
    shipped: bool


async def ensure(tx: Tx, instrument_ids: Iterable[str]) -> None:
    """Call before an instrument is loaded from the catalogue: whatever of these was added is known here afterwards.
    Costs nothing for those that ship. An id that exists nowhere is left for the load to refuse."""
    added = sorted({id_ for id_ in instrument_ids if not catalog.is_shipped(id_)})
    if added:
        rows = await tx.all(select(AddedInstrument.content).where(AddedInstrument.instrument_id.in_(added)))
        catalog.know(catalog.parse_addition(row.content.encode()) for row in rows)


async def may_use(tx: Tx, clinic_id: UUID, instrument_id: str) -> bool:
    """Whether the clinic may ask it; afterwards it is known here."""
    return catalog.is_shipped(instrument_id) or instrument_id in {i.id for i in await offered(tx, clinic_id)}


async def offered(tx: Tx, clinic_id: UUID) -> tuple[Offered, ...]:
    """In asking order: those that ship, then the organisation's and the clinic's own by id."""
    rows = await tx.all(
        select(AddedInstrument.instrument_id)
        .where(or_(AddedInstrument.clinic_id.is_(None), AddedInstrument.clinic_id == clinic_id))
        .distinct()
        .order_by(AddedInstrument.instrument_id)
    )
    added = [row.instrument_id for row in rows]
    await ensure(tx, added)
    return tuple(_offered(id_) for id_ in (*INSTRUMENT_IDS, *added))


def _offered(instrument_id: str) -> Offered:
    spoken = catalog.languages(instrument_id)
    language = "en" if "en" in spoken else spoken[0]
    return Offered(
        instrument_id, catalog.load(instrument_id, language).title, spoken, catalog.is_shipped(instrument_id)
    )
