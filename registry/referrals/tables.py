"""Referrals out of the practice and each step they took."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, same_clinic


class Referral(ClinicRow, Base):
    __tablename__ = "referral"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        Index("ix_referral_patient", "patient_id", "created_at"),
        partial_index("ix_referral_next", "next_at", where="next_at IS NOT NULL"),
        one_of("state", "sent", "appointment", "seen", "not_seen", "complete", "cancelled"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    kind: Mapped[str]
    to_sealed: Mapped[str]
    why_sealed: Mapped[str]
    sent_on: Mapped[date]
    hands_over: Mapped[bool]
    state: Mapped[str]
    state_since: Mapped[datetime]
    appointment_on: Mapped[date | None]
    result_on: Mapped[date | None]
    next_at: Mapped[datetime | None]  # when somebody is asked to follow up
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    version: Mapped[int]


class ReferralEvent(ClinicRow, Base):
    """Append-only."""

    __tablename__ = "referral_event"
    __table_args__ = (
        same_clinic("referral_id", "referral"),
        Index("ix_referral_event_of", "referral_id", "at"),
    )

    referral_id: Mapped[UUID]
    step: Mapped[str]
    on: Mapped[date | None]
    note_sealed: Mapped[str | None]
    at: Mapped[datetime]
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
