"""Patients who came long before the story: checked as an enrolment is, then written table by table.

Recent enrolments go through the command itself; for these it would only cost the visitor time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert

from kernel.audit import Actor, AuditEvent, Role
from kernel.db import Tx
from kernel.errors import Invalid
from messaging.consent.tables import TextingConsent
from registry.episodes import rules
from registry.episodes.forms import EnrolmentForm
from registry.episodes.tables import CareConsent, Episode, StatusChange
from registry.patients import records
from registry.patients.service import approved_languages
from registry.patients.tables import Coverage, Patient, PatientPhone
from registry.phones import e164

# Each refers only to tables before it.
ORDER: Final = (
    Patient,
    PatientPhone,
    Coverage,
    Episode,
    StatusChange,
    CareConsent,
    TextingConsent,
    AuditEvent,
)


class Enrolments:
    """Gathers the rows of many enrolments."""

    def __init__(self, tx: Tx, clinic_id: UUID, staff: Mapping[UUID, frozenset[Role]]) -> None:
        self._tx = tx
        self._clinic_id = clinic_id
        self._staff = staff
        self._rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in ORDER}

    def add(self, actor: Actor, form: EnrolmentForm, now: datetime) -> tuple[UUID, UUID]:
        """(patient, episode). Raises Invalid for what an enrolment would be refused for."""
        problems = rules.check_enrolment(
            form, now=now, today=now.date(), has_referral=False, on_file=None, staff=self._staff,
            languages=approved_languages(),
        )  # fmt: skip
        if problems or form.phone is None:
            raise Invalid(*problems)
        patient_id = self._patient(form, now)
        episode_id = self._episode(actor, form, patient_id, now)
        self._put(
            AuditEvent, now, at=now, actor_kind=actor.kind, actor_id=actor.id, actor_roles="care_manager",
            action="patient.enrolled", object_type="episode", object_id=episode_id, patient_id=patient_id,
            outcome="ok", detail={"consent": form.care_consent.wording_version}, session=None, request_id=None,
        )  # fmt: skip
        return patient_id, episode_id

    async def write(self) -> None:
        for table, rows in self._rows.items():
            if rows:
                await self._tx.execute(insert(table), rows)

    def _patient(self, form: EnrolmentForm, now: datetime) -> UUID:
        assert form.phone is not None
        seal, number = self._tx.vault.seal, e164(form.phone.phone)
        phone_key = self._tx.vault.lookup(number)
        patient_id = self._put(
            Patient, now, **records.person_values(self._tx, form.person), **records.wish_values(form.preferences),
            deceased_on=None, is_test=False, updated_at=now, version=1,
        )  # fmt: skip
        self._put(
            PatientPhone, now, patient_id=patient_id, phone_sealed=seal(number), phone_key=phone_key,
            state="verified", shared=False, safe_to_text=True, voicemail_ok=form.phone.voicemail_ok,
            verified_at=now, replaced_at=None,
        )  # fmt: skip
        for line in form.coverage:
            self._put(
                Coverage, now, patient_id=patient_id, rank=line.rank, payer=line.payer, payer_id=line.payer_id,
                plan=line.plan, member_id_sealed=seal(line.member_id or ""), subscriber=line.subscriber,
                valid_from=line.valid_from, valid_to=line.valid_to,
            )  # fmt: skip
        texting = form.texting_consent
        if texting is not None:
            self._put(
                TextingConsent, None, patient_id=patient_id, kind="given", phone_key=phone_key,
                basis=texting.basis, content_level=texting.content_level, method=texting.method,
                wording_version=texting.wording_version, risk_ack_version=texting.risk_ack_version,
                language=texting.language, recorded_by_id=form.team.care_manager_id, recorded_at=now,
            )  # fmt: skip
        return patient_id

    def _episode(self, actor: Actor, form: EnrolmentForm, patient_id: UUID, now: datetime) -> UUID:
        visit, agreed = form.initiating_visit, form.care_consent
        blank = dict.fromkeys(column.name for column in Episode.__table__.columns if column.nullable)
        course = blank | {
            "patient_id": patient_id,
            "status": "active",
            "referred_at": now,
            "referred_by": form.referred_by,
            "referral_reason_sealed": self._tx.vault.seal(form.referral_reason or ""),
            "enrolled_on": now.date(),
            "target_condition": rules.icd10(form.target_condition),
            "treating_clinician_id": form.team.treating_clinician_id,
            "care_manager_id": form.team.care_manager_id,
            "consultant_id": form.team.consultant_id,
            "initiating_visit_on": None if visit is None else visit.on,
            "initiating_visit_code": None if visit is None else visit.code,
            "version": 1,
            "updated_at": now,
        }
        episode_id = self._put(Episode, now, **course)
        self._put(
            StatusChange, None, episode_id=episode_id, from_status=None, to_status="active", reason="enrolled",
            from_date=now.date(), review_on=None, note_sealed=None, by_id=actor.id, at=now, undone_by_id=None,
        )  # fmt: skip
        self._put(
            CareConsent, now, episode_id=episode_id, kind="given", method=agreed.method, given_at=agreed.given_at,
            recorded_by=agreed.recorded_by, recorded_by_id=actor.id, wording_version=agreed.wording_version,
            language=agreed.language,
        )  # fmt: skip
        return episode_id

    def _put(self, table: Any, created_at: datetime | None, **values: Any) -> UUID:
        row_id = self._tx.new_id()
        created = {} if created_at is None or table is AuditEvent else {"created_at": created_at}
        self._rows[table].append({"id": row_id, "clinic_id": self._clinic_id, **created, **values})
        return row_id
