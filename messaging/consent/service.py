"""Agreement to be texted: what was said, in which words, for which number. Rows are only added."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, NotFound
from messaging.consent.tables import TextingConsent
from registry.patients.tables import Patient, PatientPhone
from registry.ports import ContentLevel, TextingConsentForm


class ConsentFacts(msgspec.Struct, frozen=True):
    """The newest row. `kind` withdrawn means no texts, whatever was agreed before."""

    kind: str
    basis: str
    content_level: ContentLevel
    phone_key: str
    language: str
    wording_version: str
    risk_ack_version: str | None
    method: str
    recorded_at: datetime

    def in_force_for(self, phone_key: str | None) -> bool:
        return self.kind == "given" and self.phone_key == phone_key


async def record(tx: Tx, actor: Actor, patient_id: UUID, form: TextingConsentForm, *, now: datetime) -> UUID:
    """For the patient's current number. Raises Conflict when there is no number to agree for."""
    phone_key = await _current_key(tx, patient_id)
    if phone_key is None:
        raise Conflict("the patient has no current number", code="no_phone")
    return await _add(tx, actor, patient_id, "given", phone_key, form, now)


async def withdraw(tx: Tx, actor: Actor, patient_id: UUID, *, method: str, now: datetime) -> bool:
    """Staff recorded that the patient no longer wants texts; false when none were agreed to."""
    found = await current(tx, patient_id)
    if found is None or found.kind == "withdrawn":
        return False
    form = TextingConsentForm(
        basis="consent",
        content_level=found.content_level,
        method="verbal" if method not in ("written", "portal", "sms") else method,  # type: ignore[arg-type]
        wording_version=found.wording_version,
        language=found.language,
        risk_ack_version=found.risk_ack_version,
    )
    await _add(tx, actor, patient_id, "withdrawn", found.phone_key, form, now)
    return True


async def current(tx: Tx, patient_id: UUID) -> ConsentFacts | None:
    row = await tx.first(
        select(
            TextingConsent.kind,
            TextingConsent.basis,
            TextingConsent.content_level,
            TextingConsent.phone_key,
            TextingConsent.language,
            TextingConsent.wording_version,
            TextingConsent.risk_ack_version,
            TextingConsent.method,
            TextingConsent.recorded_at,
        )
        .where(TextingConsent.patient_id == patient_id)
        .order_by(TextingConsent.recorded_at.desc(), TextingConsent.id.desc())
        .limit(1)
    )
    if row is None:
        return None
    return ConsentFacts(
        row.kind,
        row.basis,
        row.content_level,
        row.phone_key,
        row.language,
        row.wording_version,
        row.risk_ack_version,
        row.method,
        row.recorded_at,
    )


async def content_level(tx: Tx, patient_id: UUID) -> ContentLevel | None:
    """What the current number may be texted; None without a consent in force."""
    found = await current(tx, patient_id)
    if found is None or not found.in_force_for(await _current_key(tx, patient_id)):
        return None
    return found.content_level


async def _current_key(tx: Tx, patient_id: UUID) -> str | None:
    key: str | None = await tx.scalar(
        select(PatientPhone.phone_key).where(
            PatientPhone.patient_id == patient_id, PatientPhone.replaced_at.is_(None)
        )
    )
    return key


async def _add(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    kind: str,
    phone_key: str,
    form: TextingConsentForm,
    now: datetime,
) -> UUID:
    clinic_id = await tx.scalar(select(Patient.clinic_id).where(Patient.id == patient_id))
    if clinic_id is None:
        raise NotFound("the patient")
    consent_id = tx.new_id()
    await tx.execute(
        insert(TextingConsent),
        {
            "id": consent_id,
            "clinic_id": clinic_id,
            "patient_id": patient_id,
            "kind": kind,
            "phone_key": phone_key,
            "basis": form.basis,
            "content_level": form.content_level,
            "method": form.method,
            "wording_version": form.wording_version,
            "risk_ack_version": form.risk_ack_version,
            "language": form.language,
            "recorded_by_id": actor.id if actor.kind == "staff" else None,
            "recorded_at": now,
        },
    )
    await audit.record(
        tx,
        actor,
        f"texting_consent.{kind}",
        "texting_consent",
        consent_id,
        now=now,
        patient_id=patient_id,
        content_level=form.content_level,
        wording_version=form.wording_version,
    )
    return consent_id
