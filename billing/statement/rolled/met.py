"""What other patients' entries take from a person's time. The database finds the few entries that begin before an
earlier one of the same person has ended; only those, and what lies around them, are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Integer, Row, Uuid, cast, column, extract, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from billing.statement.rolled.rows import START, entry_of
from kernel.db import Tx
from registry.time_log.exclusions import EPOCH
from registry.time_log.persons import elsewhere
from registry.time_log.rules import MAX_ENTRY_SECONDS
from registry.time_log.tables import TimeEntry


async def met(tx: Tx, clinic_id: UUID) -> dict[str, Any]:
    """By episode, as text: see `persons.elsewhere`."""
    late = _late(clinic_id)
    rows: Sequence[Any] = (
        await _in_two_steps(tx, clinic_id, late)
        if tx.is_postgres
        else await tx.all(_beside(clinic_id, aliased(TimeEntry), late))
    )
    return elsewhere((str(row[1]), entry_of(row)) for row in rows)


def _late(clinic_id: UUID) -> Any:
    """Person, start and end of each entry that begins before an earlier one has ended; seconds since 1970."""
    end = START + TimeEntry.seconds
    reach = func.max(end).over(
        partition_by=TimeEntry.staff_id, order_by=(TimeEntry.started_at, TimeEntry.id), rows=(None, -1)
    )
    starts = (
        select(TimeEntry.staff_id, START.label("start"), end.label("end"), reach.label("reach"))
        .where(
            TimeEntry.clinic_id == clinic_id,
            TimeEntry.superseded_at.is_(None),
            TimeEntry.seconds > literal(0, Integer),
        )
        .subquery()
    )
    return (
        select(starts.c.staff_id, starts.c.start, starts.c.end)
        .where(starts.c.start < starts.c.reach)
        .subquery()
    )


def _beside(clinic_id: UUID, near: Any, late: Any) -> Any:
    """Every entry that touches a late one of the same person, once, in the columns of `entry_of`."""
    start = cast(extract("epoch", near.started_at), BigInteger)
    return (
        select(
            near.patient_id, near.episode_id, start, near.seconds, near.role, near.activity, near.separately_reported,
            near.id, near.staff_id, near.modality,
        )
        .distinct()
        .join(late, late.c.staff_id == near.staff_id)
        .where(
            near.clinic_id == clinic_id,
            near.superseded_at.is_(None),
            near.seconds > 0,
            start <= late.c.end,
            start + near.seconds >= late.c.start,
        )
    )  # fmt: skip


async def _in_two_steps(tx: Tx, clinic_id: UUID, late: Any) -> Sequence[Row[Any]]:
    """With bounds that the index on person and start can use. In one step PostgreSQL expects a third of all entries
    to be late, and compares each with every other of the same person."""
    found = await tx.all(select(late))
    if not found:
        return ()
    near, bounds = aliased(TimeEntry), _bounds(found)
    return await tx.all(
        _beside(clinic_id, near, bounds).where(
            near.started_at >= bounds.c.low, near.started_at <= bounds.c.high
        )
    )


def _bounds(late: Sequence[Row[Any]]) -> Any:
    """`late` as a table again, with the moments between which an entry that touches it begins."""
    longest = timedelta(seconds=MAX_ENTRY_SECONDS)
    columns: tuple[tuple[str, Any, list[Any]], ...] = (
        ("staff_id", Uuid(), [row.staff_id for row in late]),
        ("start", BigInteger(), [row.start for row in late]),
        ("end", BigInteger(), [row.end for row in late]),
        ("low", DateTime(timezone=True), [EPOCH + timedelta(seconds=row.start) - longest for row in late]),
        ("high", DateTime(timezone=True), [EPOCH + timedelta(seconds=row.end) for row in late]),
    )
    arrays = (literal(values, ARRAY(kind)) for _, kind, values in columns)
    return (
        func.unnest(*arrays).table_valued(*(column(name, kind) for name, kind, _ in columns)).render_derived()
    )
