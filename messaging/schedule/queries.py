"""Reads about check-ins: what comes next, what goes out today, and one patient's history."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import NotFound
from messaging.schedule.tables import CheckIn, ContactReminder
from messaging.schedule.zones import local_date, to_utc
from registry.access import CLINICAL, require
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient
from registry.worklist.paging import mine
from registry.worklist.tables import RegistryLine

MOST: Final = 500


class CheckInLine(msgspec.Struct, frozen=True):
    """`content` is how it was offered (items, link, portal, call), None before that."""

    id: UUID
    patient_id: UUID
    local_due_date: date
    local_time: time
    zone: str
    instruments: tuple[str, ...]
    state: str
    origin: str
    content: str | None
    next_at: datetime | None
    waits_for_phone: bool
    invited_at: datetime | None
    first_answer_at: datetime | None
    expires_at: datetime | None
    closed_at: datetime | None
    close_reason: str | None


class Outgoing(msgspec.Struct, frozen=True):
    """One text or call that is to go out. `what` is an invitation, a reminder of a check-in, or of a contact."""

    what: Literal["invitation", "reminder", "contact_reminder"]
    patient_id: UUID
    family_name: str
    given_name: str
    at: datetime
    instruments: tuple[str, ...]
    contact_at: datetime | None


class NextCheckIn(msgspec.Struct, frozen=True):
    id: UUID
    local_due_date: date
    at: datetime
    instruments: tuple[str, ...]


_COLUMNS: Final = (
    CheckIn.id,
    CheckIn.patient_id,
    CheckIn.local_due_date,
    CheckIn.local_time,
    CheckIn.zone,
    CheckIn.instruments,
    CheckIn.state,
    CheckIn.origin,
    CheckIn.content,
    CheckIn.next_at,
    CheckIn.queued_behind,
    CheckIn.invited_at,
    CheckIn.first_answer_at,
    CheckIn.expires_at,
    CheckIn.closed_at,
    CheckIn.close_reason,
)


async def next_check_in(tx: Tx, patient_id: UUID) -> NextCheckIn | None:
    """The earliest one that was not offered yet. For other rooms and for texts; a screen asks `check_ins`."""
    row = await tx.first(
        select(CheckIn.id, CheckIn.local_due_date, CheckIn.next_at, CheckIn.due_at, CheckIn.instruments)
        .where(CheckIn.patient_id == patient_id, CheckIn.state == "scheduled")
        .order_by(CheckIn.local_due_date)
        .limit(1)
    )
    if row is None:
        return None
    return NextCheckIn(row.id, row.local_due_date, row.next_at or row.due_at, tuple(row.instruments))


async def check_ins(
    tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime, limit: int = 50
) -> tuple[CheckInLine, ...]:
    """One patient's, newest first. Raises NotFound for a patient of another clinic."""
    clinic_id = require(viewer, *CLINICAL)
    known = await tx.scalar(
        select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    )
    if known is None:
        raise NotFound("the patient")
    rows = await tx.all(
        select(*_COLUMNS)
        .where(CheckIn.patient_id == patient_id, CheckIn.clinic_id == clinic_id)
        .order_by(CheckIn.local_due_date.desc())
        .limit(min(limit, MOST))
    )
    await audit.record(
        tx, viewer, "check_ins.read", "patient", patient_id, now=now, patient_id=patient_id, count=len(rows)
    )
    return tuple(_line(row) for row in rows)


async def going_out_today(
    tx: Tx,
    viewer: Actor,
    *,
    now: datetime,
    own: bool = False,
    covering: Collection[UUID] = (),
    limit: int = 200,
) -> tuple[Outgoing, ...]:
    """What is to leave before the clinic's midnight, earliest first; what is late counts. `own`: to the viewer's
    patients and those of the colleagues the viewer stands in for."""
    clinic_id = require(viewer, *CLINICAL)
    zone: str = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    midnight = to_utc(local_date(now, zone) + timedelta(days=1), time(0), zone)
    theirs = select(RegistryLine.patient_id).where(
        RegistryLine.clinic_id == clinic_id, mine(viewer, covering)
    )
    return await _outgoing(tx, viewer, midnight, min(limit, MOST), now, theirs if own else None)


async def _outgoing(
    tx: Tx, viewer: Actor, until: datetime, limit: int, now: datetime, theirs: Select[UUID] | None
) -> tuple[Outgoing, ...]:
    clinic_id = require(viewer, *CLINICAL)
    asked_of = () if theirs is None else (CheckIn.patient_id.in_(theirs),)
    reminded = () if theirs is None else (ContactReminder.patient_id.in_(theirs),)
    asked = await tx.all(
        select(
            CheckIn.patient_id,
            CheckIn.state,
            CheckIn.next_at,
            CheckIn.instruments,
            CheckIn.expires_at,
            Patient.family_name,
            Patient.given_name,
        )
        .join(Patient, Patient.id == CheckIn.patient_id)
        .where(CheckIn.clinic_id == clinic_id, CheckIn.next_at < until, ~CheckIn.queued_behind, *asked_of)
        .order_by(CheckIn.next_at, CheckIn.id)
        .limit(limit)
    )
    contacts = await tx.all(
        select(
            ContactReminder.patient_id,
            ContactReminder.next_at,
            ContactReminder.contact_at,
            Patient.family_name,
            Patient.given_name,
        )
        .join(Patient, Patient.id == ContactReminder.patient_id)
        .where(ContactReminder.clinic_id == clinic_id, ContactReminder.next_at < until, *reminded)
        .order_by(ContactReminder.next_at, ContactReminder.id)
        .limit(limit)
    )
    lines = [_check_in(row) for row in asked if not _only_ends(row)] + [_contact(row) for row in contacts]
    lines.sort(key=lambda line: (line.at, line.what, line.patient_id))
    await audit.record(tx, viewer, "outgoing.read", "clinic", clinic_id, now=now, count=len(lines[:limit]))
    return tuple(lines[:limit])


def _only_ends(row: Row[Any]) -> bool:
    """The next moment of a begun check-in may be its end, when nothing goes out."""
    return bool(row.state == "in_progress" and row.next_at == row.expires_at)


def _check_in(row: Row[Any]) -> Outgoing:
    return Outgoing(
        what="invitation" if row.state == "scheduled" else "reminder",
        patient_id=row.patient_id,
        family_name=row.family_name,
        given_name=row.given_name,
        at=row.next_at,
        instruments=tuple(row.instruments),
        contact_at=None,
    )


def _contact(row: Row[Any]) -> Outgoing:
    return Outgoing(
        what="contact_reminder",
        patient_id=row.patient_id,
        family_name=row.family_name,
        given_name=row.given_name,
        at=row.next_at,
        instruments=(),
        contact_at=row.contact_at,
    )


def _line(row: Row[Any]) -> CheckInLine:
    values = {name: getattr(row, name) for name in CheckInLine.__struct_fields__ if name != "waits_for_phone"}
    values["instruments"] = tuple(row.instruments)
    return CheckInLine(**values, waits_for_phone=row.queued_behind)
