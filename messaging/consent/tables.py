"""Who agreed to be texted, in which words; and which numbers must not be texted. Both ledgers are append-only."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, one_of, partial_index, same_clinic


class TextingConsent(ClinicRow, Base):
    __tablename__ = "texting_consent"
    __table_args__ = (
        same_clinic("patient_id", "patient"),
        Index("ix_texting_consent_patient", "patient_id", "recorded_at"),
        one_of("kind", "given", "withdrawn"),
        one_of("basis", "consent", "exemption"),
        one_of("content_level", "link_only", "items_by_sms"),
        one_of("method", "verbal", "written", "portal", "sms"),
    )

    patient_id: Mapped[UUID]
    kind: Mapped[str]
    phone_key: Mapped[str]
    basis: Mapped[str]
    content_level: Mapped[str]  # items_by_sms only with the unencrypted-text acknowledgement
    method: Mapped[str]
    wording_version: Mapped[str]
    risk_ack_version: Mapped[str | None]
    language: Mapped[str]
    recorded_by_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime]


class EmailConsent(ClinicRow, Base):
    """Whether check-in links may go to an e-mail address: the newest row of a patient counts. `bounced`: the address
    took nothing, so it is not tried again."""

    __tablename__ = "email_consent"
    __table_args__ = (
        same_clinic("patient_id", "patient"),
        Index("ix_email_consent_patient", "patient_id", "recorded_at"),
        one_of("kind", "given", "withdrawn", "bounced"),
        one_of("method", "verbal", "written", "portal"),
    )

    patient_id: Mapped[UUID]
    kind: Mapped[str]
    address_sealed: Mapped[str]
    address_key: Mapped[str]
    method: Mapped[str]
    wording_version: Mapped[str]
    recorded_by_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime]


class NumberStop(Base):
    """A number that must not be texted: opt-out, wrong number or carrier block. Keyed by hash, for the whole
    organisation or one clinic; no patient is named here, so no clinic wall applies."""

    __tablename__ = "number_stop"
    __table_args__ = (
        partial_index("ix_number_stop_live", "phone_key", where="lifted_at IS NULL"),
        one_of("kind", "opt_out", "wrong_number", "carrier_opt_out", "paused", "invalid"),
        one_of("scope", "organisation", "clinic"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    phone_key: Mapped[str]
    kind: Mapped[str]
    scope: Mapped[str]
    clinic_id: Mapped[UUID | None]
    by: Mapped[str]  # patient | carrier | staff | household
    wording_sealed: Mapped[str | None]
    source_id: Mapped[UUID | None]
    classifier_version: Mapped[str | None]
    at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    lifted_source_id: Mapped[UUID | None] = mapped_column()
