"""Minutes of work for a patient, exactly as worked. What counts is decided by rules, never by editing this."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, partial_unique, same_clinic


class TimeEntry(ClinicRow, Base):
    """Append-only: a correction is a new row that supersedes, a void is a row with zero seconds and a reason."""

    __tablename__ = "time_entry"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        CheckConstraint("seconds >= 0", name="seconds"),
        Index("ix_time_entry_clinic_start", "clinic_id", "started_at"),
        Index("ix_time_entry_patient_start", "patient_id", "started_at"),
        Index("ix_time_entry_staff_start", "staff_id", "started_at"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    role: Mapped[str]
    activity: Mapped[str]
    started_at: Mapped[datetime]
    seconds: Mapped[int]
    modality: Mapped[str | None]  # phone | video | in_person | portal | text | chart
    contact_sealed: Mapped[str | None]  # whom it was with, when not the patient
    relationship: Mapped[str | None]  # what that person is to the patient
    separately_reported: Mapped[bool]  # another code already reports this time
    note_sealed: Mapped[str | None]
    source: Mapped[str]  # console | api | contact | review | timer
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None]
    supersedes_id: Mapped[UUID | None] = mapped_column(
        unique=True
    )  # a row is corrected once; correct the correction
    superseded_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class ClosedMonth(ClinicRow, Base):
    """A month that was closed; opened again it keeps its row, with who and why, and the next close is a new one."""

    __tablename__ = "closed_month"
    __table_args__ = (
        clinic_key(),
        partial_unique("uq_closed_month", "clinic_id", "month", where="reopened_at IS NULL"),
    )

    month: Mapped[str]  # YYYY-MM
    closed_at: Mapped[datetime]
    closed_by_id: Mapped[UUID | None]
    reopened_at: Mapped[datetime | None]
    reopened_by_id: Mapped[UUID | None]
    reopen_reason: Mapped[str | None]


class RunningTimer(ClinicRow, Base):
    """A person's running timer: one at most, over all clinics. It ends as a time entry, or is dropped."""

    __tablename__ = "running_timer"
    __table_args__ = (
        same_clinic("patient_id", "patient"),
        UniqueConstraint("staff_id"),
    )

    patient_id: Mapped[UUID]
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    activity: Mapped[str]  # as the page suggested it; asked again when it stops
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # when the person last said, or showed, that they are still at it
    added_seconds: Mapped[int]  # minutes put in by hand (+5, +10, +15) before the start
