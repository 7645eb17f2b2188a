"""Decisions about patients who were not reached, as their closing notes show them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import select

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.disengagement.tables import ClosingDecision
from registry.filing.text import Heading, day_text, document, moment_text
from registry.organisation.tables import Staff

MOST: Final = 20


class ClosingNote(msgspec.Struct, frozen=True):
    id: UUID
    decision: Literal["close", "keep"]
    at: datetime
    by: str | None
    attempts: int
    channels: int
    first_attempt_at: datetime | None
    note: str
    reentry: str | None
    told_clinician_on: date | None
    letter_on: date | None
    clinician_said: str | None
    keep_until: date | None


async def decisions(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> tuple[ClosingNote, ...]:
    """Newest first, at most 20, of every episode."""
    clinic_id = require(viewer, *CLINICAL)
    rows = await tx.all(
        select(ClosingDecision.__table__, Staff.name)
        .outerjoin(Staff, Staff.id == ClosingDecision.by_id)
        .where(ClosingDecision.patient_id == patient_id, ClosingDecision.clinic_id == clinic_id)
        .order_by(ClosingDecision.at.desc(), ClosingDecision.id.desc())
        .limit(MOST)
    )
    await record(
        tx,
        viewer,
        "closing_notes.read",
        "patient",
        patient_id,
        now=now,
        patient_id=patient_id,
        count=len(rows),
    )
    return tuple(
        ClosingNote(
            id=row.id,
            decision=row.decision,
            at=row.at,
            by=row.name,
            attempts=row.attempts,
            channels=row.channels,
            first_attempt_at=row.first_attempt_at,
            note=tx.vault.open(row.note_sealed),
            reentry=tx.vault.open_or_none(row.reentry_sealed),
            told_clinician_on=row.told_clinician_on,
            letter_on=row.letter_on,
            clinician_said=tx.vault.open_or_none(row.clinician_said_sealed),
            keep_until=row.keep_until,
        )
        for row in rows
    )


async def decision(
    tx: Tx, viewer: Actor, patient_id: UUID, decision_id: UUID, *, now: datetime
) -> ClosingNote:
    found = await decisions(tx, viewer, patient_id, now=now)
    note = next((note for note in found if note.id == decision_id), None)
    if note is None:
        raise NotFound("closing note")
    return note


def closing_text(note: ClosingNote, whose: Heading, zone: str) -> str:
    """For pasting into an EHR."""
    first = "" if note.first_attempt_at is None else moment_text(note.first_attempt_at, zone)
    facts = (
        ("When", moment_text(note.at, zone)),
        ("By", note.by or ""),
        ("Tries without reaching the patient", f"{note.attempts} by {note.channels} ways"),
        ("First of them", first),
        (
            "Treating clinician told",
            "" if note.told_clinician_on is None else day_text(note.told_clinician_on),
        ),
        ("Letter sent", "" if note.letter_on is None else day_text(note.letter_on)),
        ("Decided by a clinician", note.clinician_said or ""),
        ("Way back", note.reentry or ""),
    )
    return document("Collaborative care: closing note", whose, facts, note.note)
