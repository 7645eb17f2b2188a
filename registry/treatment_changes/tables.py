"""Dated changes of treatment, so that stalled patients and score trends are judged from the right day."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, same_clinic


class TreatmentChange(ClinicRow, Base):
    """Append-only; one entered by mistake is withdrawn and stays visible as such."""

    __tablename__ = "treatment_change"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        Index("ix_treatment_change_episode", "episode_id", "on"),
        one_of("source", "contact", "review", "elsewhere"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    on: Mapped[date]  # the clinic's local date from which it holds
    kind: Mapped[str]  # see registry/treatment_changes/rules.py
    what_sealed: Mapped[str]
    new_antidepressant: Mapped[bool]
    source: Mapped[str]
    source_id: Mapped[UUID | None]  # the contact or the recommendation it came with
    recorded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    recorded_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    withdrawn_why_sealed: Mapped[str | None]
