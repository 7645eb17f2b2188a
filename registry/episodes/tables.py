"""One course of collaborative care: who is responsible, where it stands, what was agreed, what comes next."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, partial_unique, same_clinic


class Episode(ClinicRow, Base):
    __tablename__ = "episode"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        Index("ix_episode_patient", "clinic_id", "patient_id"),
        partial_unique("uq_episode_open", "patient_id", where="status <> 'ended'"),
        partial_index("ix_episode_next_contact", "next_contact_at", where="next_contact_at IS NOT NULL"),
        one_of(
            "status", "referred", "active", "relapse_prevention", "on_hold", "inactive_disengaged", "ended"
        ),
    )

    patient_id: Mapped[UUID]
    status: Mapped[str]
    referred_at: Mapped[datetime]
    referred_by: Mapped[str]
    referral_reason_sealed: Mapped[str]
    enrolled_on: Mapped[date | None]
    target_condition: Mapped[str | None]  # ICD-10-CM
    treating_clinician_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    care_manager_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    consultant_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    initiating_visit_on: Mapped[date | None]
    initiating_visit_code: Mapped[str | None]
    next_contact_at: Mapped[datetime | None]
    next_contact_mode: Mapped[str | None]  # phone | video | in_person | portal
    next_contact_purpose_sealed: Mapped[str | None]
    ended_on: Mapped[date | None]
    end_reason: Mapped[str | None]
    status_before_hold: Mapped[str | None]
    hold_review_on: Mapped[date | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class StatusChange(ClinicRow, Base):
    """Append-only. Inpatient and jail spans come from here, so each has its from-date."""

    __tablename__ = "status_change"
    __table_args__ = (
        same_clinic("episode_id", "episode"),
        Index("ix_status_change_episode", "episode_id", "at"),
    )

    episode_id: Mapped[UUID]
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    reason: Mapped[
        str
    ]  # hospital | jail | other_hold | consent_withdrawn | deceased | completed | ... | undo
    from_date: Mapped[date]
    review_on: Mapped[date | None]
    note_sealed: Mapped[str | None]
    by_id: Mapped[UUID | None]
    at: Mapped[datetime]
    undone_by_id: Mapped[UUID | None]


class CareConsent(ClinicRow, Base):
    """Agreement to collaborative care with the words that were used. Append-only; withdrawal is its own row."""

    __tablename__ = "care_consent"
    __table_args__ = (
        same_clinic("episode_id", "episode"),
        Index("ix_care_consent_episode", "episode_id", "given_at"),
        one_of("method", "verbal", "written", "portal"),
        one_of("kind", "given", "withdrawn"),
    )

    episode_id: Mapped[UUID]
    kind: Mapped[str]
    method: Mapped[str]
    given_at: Mapped[datetime]
    recorded_by: Mapped[str]  # name of the person who obtained it
    recorded_by_id: Mapped[UUID | None]
    wording_version: Mapped[str]
    language: Mapped[str]
    created_at: Mapped[datetime]
