"""Which measures are asked, and how often. (The written care plan has its own rows later in this room.)"""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy.orm import Mapped

from kernel.tables import Base, ClinicRow, clinic_key, partial_unique, same_clinic


class MeasurePlan(ClinicRow, Base):
    """One row per patient and measure; a change replaces the row (new version), never the past."""

    __tablename__ = "measure_plan"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        partial_unique("uq_measure_plan_current", "patient_id", "instrument_id", where="replaced_at IS NULL"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    instrument_id: Mapped[str]
    every_days: Mapped[int]
    local_time: Mapped[time]
    anchor_on: Mapped[date]  # first due date; later ones lie every_days apart from it
    version: Mapped[int]
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None]
    replaced_at: Mapped[datetime | None]
