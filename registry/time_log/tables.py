"""Minutes of work for a patient, exactly as worked. What counts is decided by rules, never by editing this."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, same_clinic


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
    note_sealed: Mapped[str | None]
    source: Mapped[str]  # console | api | contact | timer
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None]
    supersedes_id: Mapped[UUID | None] = mapped_column(
        unique=True
    )  # a row is corrected once; correct the correction
    superseded_at: Mapped[datetime | None]
    reason: Mapped[str | None]
