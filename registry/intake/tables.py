"""What was found out when care began."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, same_clinic


class Intake(ClinicRow, Base):
    """One version; a correction is a new one."""

    __tablename__ = "intake"
    __table_args__ = (
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        UniqueConstraint("episode_id", "version"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    version: Mapped[int]
    content_sealed: Mapped[str]
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
