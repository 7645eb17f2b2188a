"""Closed months: nothing is logged into them, corrected in them or moved out of them until one is opened again.

The fact lives with the time log, so that every way of logging time meets it; who closes a month and what is kept of
it is billing's business. An open month and a close at the same moment are put in order by the clinic's row.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid
from registry import zones
from registry.access import require
from registry.organisation.tables import Clinic, Staff
from registry.time_log.months import Month
from registry.time_log.tables import ClosedMonth

CLOSERS: tuple[audit.Role, ...] = ("biller", "clinic_lead")


class Closed(msgspec.Struct, frozen=True):
    id: UUID
    month: Month
    closed_at: datetime
    closed_by: str


async def close_month(tx: Tx, actor: Actor, month: Month, *, now: datetime) -> UUID:
    """Closing twice is closing once: the second gives the first one's id. Waits for entries that are being saved.
    Raises Forbidden without a billing role."""
    clinic_id = require(actor, *CLOSERS)
    await tx.first(select(Clinic.id).where(Clinic.id == clinic_id).with_for_update())
    known = await closed(tx, clinic_id, month)
    if known is not None:
        return known.id
    closed_id = tx.new_id()
    await tx.execute(
        insert(ClosedMonth),
        {
            "id": closed_id,
            "clinic_id": clinic_id,
            "month": str(month),
            "closed_at": now,
            "closed_by_id": actor.id,
            "reopened_at": None,
            "reopened_by_id": None,
            "reopen_reason": None,
        },
    )
    await audit.record(tx, actor, "month.closed", "closed_month", closed_id, now=now, month=str(month))
    return closed_id


async def reopen_month(tx: Tx, actor: Actor, month: Month, reason: str, *, now: datetime) -> UUID:
    """Lets entries of a closed month be corrected until it is closed again; what was closed stays as it is. Raises
    Invalid without a reason, Conflict when the month is not closed."""
    clinic_id = require(actor, *CLOSERS)
    if not reason.strip():
        raise Invalid.field("reason", "is needed")
    await tx.first(select(Clinic.id).where(Clinic.id == clinic_id).with_for_update())
    known = await closed(tx, clinic_id, month)
    if known is None:
        raise Conflict("the month is not closed", code="month_open")
    await tx.execute(
        update(ClosedMonth)
        .where(ClosedMonth.id == known.id)
        .values(reopened_at=now, reopened_by_id=actor.id, reopen_reason=reason.strip())
    )
    await audit.record(tx, actor, "month.reopened", "closed_month", known.id, now=now, month=str(month))
    return known.id


async def closed(tx: Tx, clinic_id: UUID, month: Month) -> Closed | None:
    """The close that stands, None while the month is open."""
    row = await tx.first(
        select(ClosedMonth.id, ClosedMonth.closed_at, Staff.name)
        .outerjoin(Staff, Staff.id == ClosedMonth.closed_by_id)
        .where(
            ClosedMonth.clinic_id == clinic_id,
            ClosedMonth.month == str(month),
            ClosedMonth.reopened_at.is_(None),
        )
    )
    return None if row is None else Closed(row.id, month, row.closed_at, row.name or "the system")


async def zone_while_open(tx: Tx, clinic_id: UUID) -> tzinfo:
    """The clinic's zone. Until the transaction ends no month of the clinic can be closed by another."""
    name: str = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id).with_for_update(read=True))
    return zones.zone(name)


async def require_open(tx: Tx, clinic_id: UUID, spans: Iterable[tuple[datetime, int]], zone: tzinfo) -> None:
    """Raises Conflict, with the way to correct it, when a stretch (start, seconds) touches a closed month."""
    touched = {month for start, seconds in spans for month in _months(start, seconds, zone)}
    for month in sorted(touched):
        known = await closed(tx, clinic_id, month)
        if known is not None:
            day = known.closed_at.astimezone(zone).date().isoformat()
            raise Conflict(
                f"{month} was closed on {day} by {known.closed_by}; nothing was saved. A biller or clinic lead can "
                "open it again with a reason on the month's billing page; what changes then becomes an adjustment.",
                code="month_closed",
            )


def _months(start: datetime, seconds: int, zone: tzinfo) -> set[Month]:
    last = start + timedelta(seconds=max(0, seconds - 1))
    return {Month.at(start, zone), Month.at(last, zone)}
