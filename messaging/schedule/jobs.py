"""Due work for the sweep loop: batches first; when one raises, row by row, and the row that raised is put off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import exists, select, update

from kernel import log
from kernel.db import Database, Tx
from messaging.schedule import contacts, occurrences, service
from messaging.schedule.facts import IN_CARE
from messaging.schedule.ports import Outgoing
from messaging.schedule.tables import CheckIn, ContactReminder
from registry.episodes.tables import Episode
from registry.patients.tables import Patient
from registry.plans.tables import MeasurePlan

Counts = dict[str, int]
Table = type[CheckIn] | type[ContactReminder]
Sweep = Callable[[Tx, int, UUID | None], Awaitable[Mapping[str, int]]]

BATCH: Final = 500
ROUNDS: Final = 20  # a backlog is worked off over several sweeps, so that no other sweep starves
PUT_OFF: Final = timedelta(hours=1)
GAPS_PER_PAGE: Final = 200


async def due_check_ins(
    database: Database, now: datetime, *, out: Outgoing, batch: int = BATCH, rounds: int = ROUNDS
) -> Counts:
    """Invitations, reminders, calls, ends. `poison` counts rows that raised and were put off by an hour."""

    async def sweep(tx: Tx, limit: int, only: UUID | None) -> Mapping[str, int]:
        return await service.sweep_due(tx, now=now, out=out, limit=limit, only=only)

    return await _drain(database, now, CheckIn, sweep, batch, rounds)


async def contact_reminders(
    database: Database, now: datetime, *, batch: int = BATCH, rounds: int = ROUNDS
) -> Counts:
    """Plans reminders of the coming contacts, takes back those of moved ones, and queues what is due."""
    planned = await database.run(lambda tx: contacts.plan_contact_reminders(tx, now=now, limit=batch))
    dropped = await database.run(lambda tx: contacts.drop_moved(tx, now=now, limit=batch))

    async def sweep(tx: Tx, limit: int, only: UUID | None) -> Mapping[str, int]:
        return await contacts.sweep_contact_reminders(tx, now=now, limit=limit, only=only)

    done = await _drain(database, now, ContactReminder, sweep, batch, rounds)
    return {"planned": planned, "dropped": dropped, **done}


async def plan_gaps(database: Database, now: datetime) -> Counts:
    """Patients in care who have a plan and no check-in ahead get their next one, if they may be asked: whatever
    changed without anybody planning again (START after STOP, a signed policy) is caught here. Hourly is enough."""
    done: Counter[str] = Counter(looked_at=0, planned=0, failed=0)
    after: UUID | None = None
    while True:
        page = await database.run(lambda tx, after=after: _gaps(tx, after))  # type: ignore[misc]
        if not page:
            return dict(done)
        for episode_id, patient_id in page:
            done["looked_at"] += 1
            done[await _plan_one(database, patient_id, now)] += 1
            after = episode_id


async def _plan_one(database: Database, patient_id: UUID, now: datetime) -> str:
    try:
        on = await database.run(lambda tx: occurrences.materialise(tx, patient_id, now=now))
    except Exception as raised:
        log.get().error("schedule.gap_failed", patient_id=str(patient_id), exc_info=raised)
        return "failed"
    return "planned" if on is not None else "not_asked"


async def _gaps(tx: Tx, after: UUID | None) -> list[tuple[UUID, UUID]]:
    statement = select(Episode.id, Episode.patient_id).join(Patient, Patient.id == Episode.patient_id)
    statement = statement.where(
        Episode.status.in_(IN_CARE),
        Patient.channel != "none",
        exists().where(MeasurePlan.patient_id == Episode.patient_id, MeasurePlan.replaced_at.is_(None)),
        ~exists().where(CheckIn.patient_id == Episode.patient_id, CheckIn.state == "scheduled"),
    )
    if after is not None:
        statement = statement.where(Episode.id > after)
    rows = await tx.all(statement.order_by(Episode.id).limit(GAPS_PER_PAGE))
    return [(row.id, row.patient_id) for row in rows]


async def _drain(
    database: Database, now: datetime, table: Table, sweep: Sweep, batch: int, rounds: int
) -> Counts:
    done: Counter[str] = Counter()
    for _ in range(rounds):
        try:
            counts = await database.run(lambda tx: sweep(tx, batch, None))
        except Exception as raised:
            log.get().error("schedule.batch_failed", table=table.__tablename__, exc_info=raised)
            done.update(await _one_by_one(database, now, table, sweep, batch))
            break
        done.update(counts)
        if counts.get("taken", 0) < batch:
            break
    return dict(done)


async def _one_by_one(
    database: Database, now: datetime, table: Table, sweep: Sweep, batch: int
) -> Counter[str]:
    done: Counter[str] = Counter()
    for row_id in await database.run(lambda tx: _due_ids(tx, table, now, batch)):
        try:
            done.update(await database.run(lambda tx, row_id=row_id: sweep(tx, 1, row_id)))  # type: ignore[misc]
        except Exception as raised:
            log.get().error(
                "schedule.poison_row", table=table.__tablename__, row=str(row_id), exc_info=raised
            )
            await database.run(lambda tx, row_id=row_id: _put_off(tx, table, row_id, now))  # type: ignore[misc]
            done["poison"] += 1
    return done


async def _due_ids(tx: Tx, table: Table, now: datetime, limit: int) -> list[UUID]:
    rows = await tx.all(
        select(table.id).where(table.next_at <= now).order_by(table.next_at, table.id).limit(limit)
    )
    return [row.id for row in rows]


async def _put_off(tx: Tx, table: Any, row_id: UUID, now: datetime) -> None:
    await tx.execute(
        update(table).where(table.id == row_id, table.next_at.is_not(None)).values(next_at=now + PUT_OFF)
    )
