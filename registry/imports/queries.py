"""What a file is judged against, and what was brought in before."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import select, true

from kernel.audit import Actor
from kernel.db import Tx, among
from registry import zones
from registry.access import require
from registry.contacts.tables import Contact
from registry.episodes.tables import Episode
from registry.imports.cells import Book
from registry.imports.files import ColumnMapping, DateStyle, ImportKind
from registry.imports.tables import BilledMonth, ImportMapping, ImportRun
from registry.measures.tables import MeasureResult
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff, StaffRole
from registry.patients.tables import Patient

MOST_SHOWN: Final = 50


class PastImport(msgspec.Struct, frozen=True):
    id: UUID
    kind: ImportKind
    mapping: str
    rows: int
    by: str
    at: datetime


class SavedMapping(msgspec.Struct, frozen=True):
    id: UUID
    kind: ImportKind
    mapping: ColumnMapping


async def book_of(tx: Tx, clinic_id: UUID, kind: ImportKind, mrns: Collection[str], *, now: datetime) -> Book:
    """Facts about the clinic and the patients that the file names. Without audit: the import has its own."""
    clinic = await organisation.clinic(tx, clinic_id)
    found = await tx.all(
        select(Patient.id, Patient.mrn).where(
            Patient.clinic_id == clinic_id, among(tx, Patient.mrn, sorted(set(mrns) - {""}))
        )
    )
    patients = {str(row.mrn): row.id for row in found}
    ids = sorted(patients.values())
    return Book(
        now=now,
        today=clinic.local_date(now),
        zone=clinic.zone,
        people=await _people(tx, clinic_id, kind) if kind in ("patients", "contacts") else {},
        patients=patients,
        scored=await _scored(tx, clinic_id, ids, clinic.zone) if kind == "scores" else frozenset(),
        billed=await _billed(tx, clinic_id, ids) if kind == "billed_months" else frozenset(),
        met=await _met(tx, clinic_id, ids, clinic.zone) if kind == "contacts" else {},
    )


async def digest_known(tx: Tx, clinic_id: UUID, kind: ImportKind, digest: str) -> bool:
    same = (ImportRun.clinic_id == clinic_id, ImportRun.kind == kind, ImportRun.digest == digest)
    return await tx.scalar(select(ImportRun.id).where(*same)) is not None


async def past_imports(tx: Tx, viewer: Actor) -> tuple[PastImport, ...]:
    """Newest first, the last fifty. Counts and names of staff alone: no audit row."""
    clinic_id = require(viewer, "clinic_lead")
    wanted = (
        select(
            ImportRun.id, ImportRun.kind, ImportRun.mapping, ImportRun.rows, ImportRun.by_name, ImportRun.at
        )
        .where(ImportRun.clinic_id == clinic_id)
        .order_by(ImportRun.at.desc(), ImportRun.id)
        .limit(MOST_SHOWN)
    )
    rows: list[Any] = list(await tx.all(wanted))
    return tuple(PastImport(*row) for row in rows)


async def saved_mappings(tx: Tx, viewer: Actor) -> tuple[SavedMapping, ...]:
    clinic_id = require(viewer, "clinic_lead")
    wanted = (
        select(*ImportMapping.__table__.c)
        .where(ImportMapping.clinic_id == clinic_id)
        .order_by(ImportMapping.kind, ImportMapping.name)
        .limit(MOST_SHOWN)
    )
    return tuple(
        SavedMapping(
            row.id,
            cast(ImportKind, row.kind),
            ColumnMapping(row.name, row.columns, cast(DateStyle, row.dates)),
        )
        for row in await tx.all(wanted)
    )


async def _people(tx: Tx, clinic_id: UUID, kind: ImportKind) -> dict[str, UUID | None]:
    """By e-mail and by name; None for a name that two share. A team is of people who can sign in; a contact of the
    past may be of somebody who no longer can."""
    rows = await tx.all(
        select(Staff.id, Staff.name, Staff.email).where(
            Staff.id.in_(select(StaffRole.staff_id).where(StaffRole.clinic_id == clinic_id)),
            Staff.disabled_at.is_(None) if kind == "patients" else true(),
        )
    )
    found: dict[str, UUID | None] = {}
    for row in rows:
        name = row.name.casefold()
        found[name] = None if name in found else row.id
    return found | {row.email.casefold(): row.id for row in rows}


async def _scored(
    tx: Tx, clinic_id: UUID, patients: list[UUID], zone: str
) -> frozenset[tuple[UUID, str, date]]:
    rows = await tx.all(
        select(MeasureResult.patient_id, MeasureResult.instrument_id, MeasureResult.taken_at).where(
            MeasureResult.clinic_id == clinic_id,
            among(tx, MeasureResult.patient_id, patients),
            MeasureResult.replaced_at.is_(None),
        )
    )
    return frozenset(
        (row.patient_id, row.instrument_id, zones.local_date(row.taken_at, zone)) for row in rows
    )


async def _billed(tx: Tx, clinic_id: UUID, patients: list[UUID]) -> frozenset[tuple[UUID, str]]:
    rows = await tx.all(
        select(Episode.patient_id, BilledMonth.month)
        .join(Episode, Episode.id == BilledMonth.episode_id)
        .where(BilledMonth.clinic_id == clinic_id, among(tx, Episode.patient_id, patients))
    )
    return frozenset((row.patient_id, row.month) for row in rows)


async def _met(
    tx: Tx, clinic_id: UUID, patients: list[UUID], zone: str
) -> dict[tuple[UUID, str, str, date], frozenset[time]]:
    rows = await tx.all(
        select(Contact.patient_id, Contact.kind, Contact.channel, Contact.occurred_at).where(
            Contact.clinic_id == clinic_id, among(tx, Contact.patient_id, patients)
        )
    )
    found: dict[tuple[UUID, str, str, date], set[time]] = {}
    for row in rows:
        local = row.occurred_at.astimezone(zones.zone(zone))
        at = local.time().replace(second=0, microsecond=0)
        found.setdefault((row.patient_id, row.kind, row.channel, local.date()), set()).add(at)
    return {key: frozenset(times) for key, times in found.items()}
