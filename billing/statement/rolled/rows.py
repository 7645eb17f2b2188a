"""What a roll-up reads of each slice of patients: their entries as the driver gives them, and what lies around these."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta, tzinfo
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Row, cast, extract, select

from billing.decisions.rules import Decision
from billing.decisions.service import of_episodes
from billing.statement.rolled.book import PaidBy
from kernel.db import Tx, among
from registry.episodes.tables import Episode
from registry.imports.carried import Carried, carried_of
from registry.patients.tables import Coverage
from registry.time_log.exclusions import EPOCH
from registry.time_log.ledger import EpisodeWindow, windows
from registry.time_log.rules import Entry
from registry.time_log.tables import TimeEntry

PATIENTS: Final = 150  # a slice: some tens of thousands of entries at most
START: Final = cast(extract("epoch", TimeEntry.started_at), BigInteger)
# As the driver gives them, in the order of the index on patient and start.
ROWS: Final = (
    select(
        TimeEntry.patient_id, TimeEntry.episode_id, START, TimeEntry.seconds, TimeEntry.role, TimeEntry.activity,
        TimeEntry.separately_reported, TimeEntry.id, TimeEntry.staff_id, TimeEntry.modality,
    )
    .where(TimeEntry.superseded_at.is_(None), TimeEntry.seconds > 0)
    .order_by(TimeEntry.patient_id, TimeEntry.started_at, TimeEntry.id)
)  # fmt: skip


class Slice(msgspec.Struct, frozen=True):
    """What a slice of patients needs besides its entries."""

    windows: dict[UUID, EpisodeWindow]
    episodes: dict[UUID, list[Row[Any]]]
    decided: dict[UUID, list[Decision]]
    covers: dict[UUID, list[PaidBy]]
    carried: dict[UUID, Carried]


async def plain_rows(tx: Tx, statement: Any) -> Sequence[Any]:
    """Rows as the driver gives them: on PostgreSQL a second object for each of millions of rows costs more than the
    counting. The statement runs on the transaction's own connection."""
    if not tx.is_postgres:
        return await tx.all(statement)
    compiled = statement.compile(dialect=tx.conn.dialect)
    values = [compiled.params[name] for name in compiled.positiontup or ()]
    raw = await tx.conn.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    found: Sequence[Any] = await driver.fetch(compiled.string, *values)
    return found


async def patients_after(tx: Tx, clinic_id: UUID, after: UUID | None) -> list[UUID]:
    """The next patients with an episode, in the order of their ids."""
    statement = select(Episode.patient_id).where(Episode.clinic_id == clinic_id)
    if after is not None:
        statement = statement.where(Episode.patient_id > after)
    rows = await tx.all(statement.distinct().order_by(Episode.patient_id).limit(PATIENTS))
    return [row.patient_id for row in rows]


async def slice_of(
    tx: Tx, clinic_id: UUID, zone_name: str, patients: Sequence[UUID], zone: tzinfo, taken: dict[str, Any]
) -> Slice:
    episodes = await tx.all(
        select(Episode.id, Episode.patient_id, Episode.enrolled_on, Episode.referred_at, Episode.ended_on,
               Episode.end_reason)
        .where(Episode.clinic_id == clinic_id, among(tx, Episode.patient_id, patients))
        .order_by(Episode.referred_at)
    )  # fmt: skip
    ids = [row.id for row in episodes]
    known = await windows(tx, clinic_id, ids, zone_name)
    lost = {each: taken[str(each)] for each in ids if str(each) in taken}
    covers = await tx.all(
        select(Coverage.patient_id, Coverage.payer, Coverage.plan, Coverage.valid_from, Coverage.valid_to)
        .where(Coverage.clinic_id == clinic_id, among(tx, Coverage.patient_id, patients), Coverage.rank == 1)
        .order_by(Coverage.valid_from, Coverage.id)
    )
    by_patient: dict[UUID, list[Row[Any]]] = {}
    for row in episodes:
        by_patient.setdefault(row.patient_id, []).append(row)
    paid: dict[UUID, list[PaidBy]] = {}
    for row in covers:
        last = 10**7 if row.valid_to is None else row.valid_to.toordinal()
        paid.setdefault(row.patient_id, []).append(
            PaidBy(row.payer, row.plan, row.valid_from.toordinal(), last)
        )
    return Slice(
        {
            each: msgspec.structs.replace(
                found, window=msgspec.structs.replace(found.window, elsewhere=lost[each])
            )
            if each in lost
            else found
            for each, found in known.items()
        },
        by_patient,
        await of_episodes(tx, clinic_id, ids),
        paid,
        await carried_of(tx, clinic_id, ids),
    )


def entry_of(row: Any) -> Entry:
    started = EPOCH + timedelta(seconds=row[2])
    return Entry(
        id=str(row[7]), patient_id=str(row[0]), staff_id=str(row[8]), role=row[4], activity=row[5], started_at=started,
        seconds=row[3], created_at=started, modality=row[9], separately_reported=row[6],
    )  # fmt: skip
