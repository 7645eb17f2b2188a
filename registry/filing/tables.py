"""Copies for the chart: what a clinic also keeps in its EHR, and whether it has got there."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, one_of, partial_index, same_clinic


class ChartCopy(ClinicRow, Base):
    """One for each note, plan, review or month. `next_at` is when somebody is asked to file it, None once that was
    done or nothing is left to ask."""

    __tablename__ = "chart_copy"
    __table_args__ = (
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        UniqueConstraint("clinic_id", "kind", "ref_id"),
        partial_index("ix_chart_copy_due", "next_at", where="next_at IS NOT NULL"),
        Index("ix_chart_copy_patient", "patient_id", "made_at"),
        one_of(
            "kind",
            "contact",
            "care_plan",
            "relapse_plan",
            "safety_plan",
            "closing_note",
            "case_review",
            "month",
        ),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    kind: Mapped[str]
    ref_id: Mapped[UUID]
    made_at: Mapped[datetime]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    next_at: Mapped[datetime | None]
    filed_at: Mapped[datetime | None]
    filed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    changed_at: Mapped[datetime | None]  # the note changed after it was filed; None once it is filed again
