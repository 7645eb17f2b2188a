"""Whether to go on trying to reach a patient: when to ask, and what a person decided."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, same_clinic


class ClosingWatch(ClinicRow, Base):
    """One for each episode with tries that reached nobody. `next_at` is when the clinic's rule is looked at again."""

    __tablename__ = "closing_watch"
    __table_args__ = (
        same_clinic("episode_id", "episode"),
        partial_index("ix_closing_watch_due", "next_at", where="next_at IS NOT NULL"),
    )

    episode_id: Mapped[UUID] = mapped_column(unique=True)
    next_at: Mapped[datetime | None]


class ClosingDecision(ClinicRow, Base):
    """What a person decided about a patient who is not reached, with what stood then. Append-only."""

    __tablename__ = "closing_decision"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        Index("ix_closing_decision_episode", "episode_id", "at"),
        one_of("decision", "close", "keep"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    decision: Mapped[str]
    at: Mapped[datetime]
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    attempts: Mapped[int]
    channels: Mapped[int]
    first_attempt_at: Mapped[datetime | None]
    note_sealed: Mapped[str]
    reentry_sealed: Mapped[str | None]
    told_clinician_on: Mapped[date | None]
    letter_on: Mapped[date | None]
    clinician_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("staff.id")
    )  # decided despite item 9 above 0
    clinician_said_sealed: Mapped[str | None]
    keep_until: Mapped[date | None]
