"""Plans with the patient: the care plan, the plan against relapse, the safety plan."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, same_clinic


class CarePlan(ClinicRow, Base):
    """One version. Written once; only the sign-off is added later. Two people who write at once meet at the key."""

    __tablename__ = "care_plan"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        UniqueConstraint("episode_id", "kind", "version"),
        one_of("kind", "care", "relapse", "safety"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    kind: Mapped[str]
    version: Mapped[int]
    content_sealed: Mapped[str]
    agreed_on: Mapped[date | None]  # the day the patient agreed to this version
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    signed_at: Mapped[datetime | None]
    signed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    sign_note_sealed: Mapped[str | None]
