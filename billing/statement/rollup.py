"""Many months at once: one row per patient-month, summed and turned into lines while they stream past.

Patients are read in slices of a few hundred, so memory stays flat however large the clinic. The sums agree with the
statement's own; a law and a test hold them together. Rows carry ids and numbers alone, no name and no text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billing.own_rules.book import rule_book
from billing.statement.rolled.book import Book
from billing.statement.rolled.met import met
from billing.statement.rolled.months import written
from billing.statement.rolled.rows import ROWS, patients_after, plain_rows, slice_of
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from registry import zones
from registry.access import require
from registry.organisation.tables import Clinic
from registry.time_log.months import Month
from registry.time_log.tables import TimeEntry

EXPORTERS: Final[tuple[audit.Role, ...]] = ("biller", "clinic_lead")
HEADER: Final = (
    "month,patient_id,episode_id,entries,logged_seconds,counted_seconds,counted_minutes,excluded_seconds_by_reason,"
    "month_type,lines,rule_set\r\n"
)


async def roll_up(tx: Tx, viewer: Actor, first: Month, last: Month, *, now: datetime) -> AsyncIterator[bytes]:
    """CSV of the months from `first` to `last`, by patient, then month, in pieces of some hundred rows. Earlier time
    is read too, for which month is a first one. Raises Forbidden without a billing role."""
    clinic_id = require(viewer, *EXPORTERS)
    await audit.record(
        tx, viewer, "statement.rolled_up", "clinic", clinic_id, now=now, first=str(first), last=str(last)
    )
    clinic = await tx.first(select(Clinic.zone, Clinic.settings).where(Clinic.id == clinic_id))
    assert clinic is not None
    book = Book(zones.zone(clinic.zone), await rule_book(tx, clinic_id, clinic.settings))
    taken = await met(tx, clinic_id)
    yield HEADER.encode()
    after: UUID | None = None
    while True:
        patients = await patients_after(tx, clinic_id, after)
        if not patients:
            return
        about = await slice_of(tx, clinic_id, clinic.zone, patients, book.zone, taken)
        rows = await plain_rows(
            tx,
            ROWS.where(
                TimeEntry.clinic_id == clinic_id,
                TimeEntry.patient_id >= patients[0],
                TimeEntry.patient_id <= patients[-1],
            ),
        )
        text = "".join(written(rows, about, book, first, last))
        if text:
            yield text.encode()
        after = patients[-1]
