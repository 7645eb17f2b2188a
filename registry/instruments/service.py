"""Adding an instrument as data, on the server."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden
from questionnaires import catalog
from questionnaires.additions import same_form
from questionnaires.instrument import Instrument
from registry.instruments.tables import AddedInstrument


async def add(tx: Tx, actor: Actor, raw: bytes, clinic_id: UUID | None, *, now: datetime) -> Instrument:
    """For one clinic, or with None for all. Raises `InvalidContent` with everything that is wrong, and `Conflict` for a
    version that is there, an id that belongs to others, or a language that asks something else than its sisters."""
    if actor.kind != "system":
        raise Forbidden("is added on the server with the `evenkeel` command")
    instrument = catalog.parse_addition(raw)
    others = await tx.all(
        select(AddedInstrument.__table__)
        .where(AddedInstrument.instrument_id == instrument.id)
        .order_by(AddedInstrument.added_at, AddedInstrument.id)
    )
    for other in others:
        if other.clinic_id != clinic_id:
            raise Conflict(f"{instrument.id} belongs to another clinic or to all; choose another id")
        if (other.language, other.version) == (instrument.language, instrument.version):
            raise Conflict(f"{instrument.id} {instrument.version} in {instrument.language} is there already")
        sister = catalog.parse_addition(other.content.encode())
        if other.version == instrument.version and not same_form(sister, instrument):
            raise Conflict(f"differs from {other.language} in more than its words; give it a new version")
    row_id = tx.new_id()
    row = {
        "id": row_id,
        "instrument_id": instrument.id,
        "language": instrument.language,
        "version": instrument.version,
        "clinic_id": clinic_id,
        "content": raw.decode(),
        "added_at": now,
    }
    await tx.execute(insert(AddedInstrument), row)
    await audit.record(
        tx, actor, "instrument.added", "added_instrument", row_id,
        now=now, instrument=instrument.id, language=instrument.language, version=instrument.version,
    )  # fmt: skip
    return instrument
