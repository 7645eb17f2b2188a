"""What whoever calls a patient must know before speaking: the word that was agreed, and whether an interpreter is needed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import and_, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CARE, require
from registry.patients.tables import Patient, PatientPhone


class BeforeCalling(msgspec.Struct, frozen=True):
    """`code_word`: said first, so that the patient knows who calls; null for none. `safe_to_text` false: somebody else
    reads along. `interpreter`: asked for, with a language in which nobody can be asked in writing."""

    language: str
    interpreter: bool
    code_word: str | None
    safe_to_text: bool
    voicemail_ok: bool
    phone_shared: bool


async def before_calling(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> BeforeCalling:
    """For those who call patients. Raises `NotFound` for another clinic's patient."""
    clinic_id = require(viewer, *CARE)
    row = await tx.first(
        select(
            Patient.language,
            Patient.interpreter,
            Patient.code_word_sealed,
            PatientPhone.safe_to_text,
            PatientPhone.voicemail_ok,
            PatientPhone.shared,
        )
        .outerjoin(
            PatientPhone, and_(PatientPhone.patient_id == Patient.id, PatientPhone.replaced_at.is_(None))
        )
        .where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    )
    if row is None:
        raise NotFound("patient")
    await audit.record(
        tx, viewer, "before_calling.read", "patient", patient_id, now=now, patient_id=patient_id
    )
    return BeforeCalling(
        language=row.language,
        interpreter=bool(row.interpreter),
        code_word=tx.vault.open_or_none(row.code_word_sealed),
        safe_to_text=bool(row.safe_to_text),
        voicemail_ok=bool(row.voicemail_ok),
        phone_shared=bool(row.shared),
    )
