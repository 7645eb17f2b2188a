"""Recommendations and each step they took. What they say is sealed; where they stand is not."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, same_clinic


class Recommendation(ClinicRow, Base):
    __tablename__ = "recommendation"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        same_clinic("review_item_id", "review_item"),
        Index("ix_recommendation_patient", "patient_id", "created_at"),
        partial_index(
            "ix_recommendation_recipient",
            "clinic_id",
            "recipient_id",
            "stage",
            where="stage NOT IN ('done', 'declined', 'withdrawn')",
        ),
        partial_index("ix_recommendation_next", "next_at", where="next_at IS NOT NULL"),
        one_of("stage", "waiting", "accepted", "ordered", "told", "done", "declined", "withdrawn"),
        one_of("urgency", "today", "this_week", "routine"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    review_item_id: Mapped[UUID | None]
    author_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    recipient_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    parts_sealed: Mapped[str]  # JSON of rules.RecommendationPart
    if_then_sealed: Mapped[str | None]
    target_on: Mapped[date | None]
    urgency: Mapped[str]
    stage: Mapped[str]
    stage_since: Mapped[datetime]
    overdue_at: Mapped[datetime | None]
    next_at: Mapped[datetime | None]  # when the sweep looks at it again; None once nothing more is awaited
    created_at: Mapped[datetime]
    version: Mapped[int]


class RecommendationStep(ClinicRow, Base):
    """Append-only."""

    __tablename__ = "recommendation_step"
    __table_args__ = (
        same_clinic("recommendation_id", "recommendation"),
        Index("ix_recommendation_step_of", "recommendation_id", "at"),
    )

    recommendation_id: Mapped[UUID]
    step: Mapped[str]
    at: Mapped[datetime]
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))  # None: the sweep
    via: Mapped[str | None]  # where a decision was given
    who_sealed: Mapped[str | None]  # who gave it, or who ordered, when not the person who wrote it down
    on: Mapped[date | None]
    read_back: Mapped[bool]
    text_sealed: Mapped[str | None]  # reason, what instead, what was ordered, what the patient was told
