"""What the rules propose about a course of care, and what a person decided."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, same_clinic


class StepProposal(ClinicRow, Base):
    """One for each occasion: the key names the score or the change that gave rise to it, so that what was declined is
    not proposed again until something new happens."""

    __tablename__ = "step_proposal"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        UniqueConstraint("episode_id", "occasion"),
        partial_index("ix_step_proposal_open", "clinic_id", "due_on", where="state = 'open'"),
        one_of("state", "open", "accepted", "declined", "settled"),
        one_of("kind", "step_up", "step_down", "graduate", "relapse", "side_effects", "score"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    kind: Mapped[str]
    occasion: Mapped[str]
    rule: Mapped[str]
    rule_version: Mapped[str]
    sentence: Mapped[str]
    inputs: Mapped[dict[str, Any]]
    from_on: Mapped[date]
    due_on: Mapped[date]
    state: Mapped[str]  # settled: what it asked for has come about, or no longer holds
    proposed_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    reason_sealed: Mapped[str | None]
