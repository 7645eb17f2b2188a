"""People in care, how they can be reached, and who pays."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, partial_unique, same_clinic


class Patient(ClinicRow, Base):
    """Names, birth date and record number stay plain so that the registry can sort and search; volumes are encrypted."""

    __tablename__ = "patient"
    __table_args__ = (
        clinic_key(),
        partial_unique("uq_patient_mrn", "clinic_id", "mrn", where="mrn IS NOT NULL"),
        Index("ix_patient_name_key", "clinic_id", "name_key"),
        one_of("channel", "sms_link", "sms_items", "portal", "phone", "none"),
    )

    family_name: Mapped[str]
    given_name: Mapped[str]
    name_key: Mapped[str]  # "family given", case and accents folded
    mrn: Mapped[str | None]
    birth_date: Mapped[date | None]
    sex: Mapped[str | None]  # F | M | U, as the payer's form needs it
    language: Mapped[str]  # en | es | other BCP-47 tags: phone only
    zone: Mapped[str | None]  # IANA; unknown = the moment must suit every candidate zone
    channel: Mapped[str]
    second_channel: Mapped[str | None]
    window_start: Mapped[time | None]
    window_end: Mapped[time | None]
    address_sealed: Mapped[str | None]
    emergency_name_sealed: Mapped[str | None]
    emergency_relation: Mapped[str | None]
    emergency_phone_sealed: Mapped[str | None]
    deceased_on: Mapped[date | None]
    code_word_sealed: Mapped[str | None]  # agreed with the patient: who calls says it, so that both know
    interpreter: Mapped[bool | None]  # asked for, with a language in which no questionnaire is approved
    is_test: Mapped[bool]  # drills and canaries: in no clinical or billing number
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int]


class PatientPhone(ClinicRow, Base):
    """A version of a patient's number. A change writes a new row; what was sent to an old one is known for ever."""

    __tablename__ = "patient_phone"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        partial_unique("uq_patient_phone_current", "patient_id", where="replaced_at IS NULL"),
        # One live owner per number and clinic, unless the phone is marked as shared.
        partial_unique(
            "uq_patient_phone_owner",
            "clinic_id",
            "phone_key",
            where="replaced_at IS NULL AND shared = false AND state <> 'wrong'",
        ),
        partial_index("ix_patient_phone_key", "clinic_id", "phone_key", where="replaced_at IS NULL"),
        one_of("state", "unverified", "verified", "wrong", "unreachable"),
    )

    patient_id: Mapped[UUID]
    phone_sealed: Mapped[str]
    phone_key: Mapped[str]
    state: Mapped[str]
    shared: Mapped[bool]
    safe_to_text: Mapped[bool]
    voicemail_ok: Mapped[bool]
    created_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    replaced_at: Mapped[datetime | None]


class Coverage(ClinicRow, Base):
    """Who pays, from when to when. Gaps, overlaps and changes inside a month hold the month's lines."""

    __tablename__ = "coverage"
    __table_args__ = (same_clinic("patient_id", "patient"), Index("ix_coverage_patient", "patient_id"))

    patient_id: Mapped[UUID]
    rank: Mapped[int]  # 1 = primary
    payer: Mapped[str]
    payer_id: Mapped[str | None]
    plan: Mapped[str | None]
    member_id_sealed: Mapped[str | None]
    subscriber: Mapped[str]  # self | spouse | child | other
    subscriber_name_sealed: Mapped[str | None]  # a SubscriberName, where it is not the patient
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    created_at: Mapped[datetime]
