"""Case reviews (the meetings) and what was said about each patient."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_unique, same_clinic


class CaseReview(ClinicRow, Base):
    """A meeting of care managers and the psychiatric consultant. `agenda` is built when it opens and stays."""

    __tablename__ = "case_review"
    __table_args__ = (
        clinic_key(),
        Index("ix_case_review_at", "clinic_id", "starts_at"),
        partial_unique("uq_case_review_open", "clinic_id", "consultant_id", where="state = 'open'"),
        one_of("state", "planned", "open", "closed", "cancelled"),
    )

    starts_at: Mapped[datetime]
    minutes: Mapped[int]  # planned length
    consultant_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    care_manager_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))  # None: the whole clinic's
    state: Mapped[str]
    created_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    note_sealed: Mapped[str | None]  # about the whole meeting
    version: Mapped[int]


class ReviewItem(ClinicRow, Base):
    """One patient in one meeting."""

    __tablename__ = "review_item"
    __table_args__ = (
        clinic_key(),
        same_clinic("review_id", "case_review"),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        UniqueConstraint("review_id", "patient_id"),
        Index("ix_review_item_episode", "episode_id", "discussed_at"),
        one_of("state", "listed", "discussed", "passed"),
    )

    review_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    position: Mapped[int]
    group: Mapped[str]  # why it stands where it stands: see registry/review/rules.py
    because: Mapped[list[Any]]  # rule ids and marks that put it there, as they were
    offered: Mapped[bool]  # within the time of the meeting when the agenda was built
    offer_by: Mapped[date | None]  # a patient who does not improve must be offered a place by then
    state: Mapped[str]
    discussion: Mapped[str | None]
    impression_sealed: Mapped[str | None]  # provisional diagnosis
    note_sealed: Mapped[str | None]
    changed_sealed: Mapped[str | None]  # what changed and why, for the month's record
    people: Mapped[list[Any]]  # id and minutes of each who took part; ids alone in what was written earlier
    minutes: Mapped[int | None]  # what they spent together
    discussed_at: Mapped[datetime | None]
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    passed_reason: Mapped[str | None]
    version: Mapped[int]


class ReviewWording(ClinicRow, Base):
    """The sentence under recommendations and minutes."""

    __tablename__ = "review_wording"
    __table_args__ = (UniqueConstraint("clinic_id", "version"),)

    version: Mapped[int]
    body: Mapped[str]
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
