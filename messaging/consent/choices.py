"""What a person at the clinic records about texting for a patient who said it by phone, by letter or in the room."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, select

from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, NotFound
from messaging.consent import numbers, service
from messaging.consent.numbers import Stop, StopKind
from messaging.links import birth
from messaging.schedule import occurrences
from registry.access import CARE, require
from registry.patients import service as patients
from registry.patients.tables import Patient, PatientPhone
from registry.ports import TextingConsentForm

Said = Literal["verbal", "written", "portal"]
# A person has now confirmed whose phone it is and that it answers. An opt-out is undone by its owner's START alone.
LIFTED_BY_CONFIRMING: tuple[StopKind, ...] = ("wrong_number", "invalid")


async def record_agreement(
    tx: Tx, actor: Actor, patient_id: UUID, form: TextingConsentForm, *, now: datetime
) -> None:
    """Agreement is given for a number that was read back to the patient, so the number counts as confirmed."""
    await service.record(tx, actor, patient_id, form, now=now)
    await confirm_number(tx, actor, patient_id, now=now)


async def confirm_number(
    tx: Tx, actor: Actor, patient_id: UUID, *, called: str | None = None, now: datetime
) -> None:
    """The current number is the patient's own and answers. `called` is the number (E.164) that was read back. Raises
    Conflict when there is none, or another one by now."""
    clinic_id = require(actor, *CARE)
    phone = await _current(tx, clinic_id, patient_id)
    if called is not None and tx.vault.lookup(called) != phone.phone_key:
        raise Conflict("the number was changed meanwhile: read the new one back", code="stale")
    await patients.set_phone_state(tx, actor, patient_id, phone.id, "verified", now=now)
    await numbers.lift(
        tx,
        clinic_id,
        phone.phone_key,
        kinds=LIFTED_BY_CONFIRMING,
        by="staff",
        source_id=None,
        actor=actor,
        now=now,
    )
    await birth.lift(tx, patient_id, now=now)
    await occurrences.materialise(tx, patient_id, now=now)


async def record_stop(
    tx: Tx, actor: Actor, patient_id: UUID, said: Said, *, wording: str | None = None, now: datetime
) -> None:
    """The patient no longer wants texts and said so by other means than a text (47 CFR 64.1200(a)(10): any
    reasonable means). The same effect as STOP; a later START opens a task instead of undoing it."""
    clinic_id = require(actor, *CARE)
    phone = await _current(tx, clinic_id, patient_id)
    await service.withdraw(tx, actor, patient_id, method=said, now=now)
    stopped = Stop(
        clinic_id=clinic_id, phone_key=phone.phone_key, kind="opt_out", by="staff", wording=wording
    )
    await numbers.stop(tx, stopped, now=now)


async def _current(tx: Tx, clinic_id: UUID, patient_id: UUID) -> Row[Any]:
    row = await tx.first(
        select(PatientPhone.id, PatientPhone.phone_key).where(
            PatientPhone.clinic_id == clinic_id,
            PatientPhone.patient_id == patient_id,
            PatientPhone.replaced_at.is_(None),
        )
    )
    if row is None:
        known = await tx.scalar(
            select(Patient.id).where(Patient.clinic_id == clinic_id, Patient.id == patient_id)
        )
        raise NotFound("patient") if known is None else Conflict("the patient has no number", code="no_phone")
    return row
