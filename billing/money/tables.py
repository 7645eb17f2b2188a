"""What a clinic enters to see its money and its staffing: fees, denials, working hours."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, same_clinic


class Fee(ClinicRow, Base):
    """What a payer is expected to pay for one unit of a code, in cents. An empty payer is everyone without a fee of
    their own; only that row may hold the clinic's own charge, which goes on the lines."""

    __tablename__ = "fee"
    __table_args__ = (
        UniqueConstraint("clinic_id", "payer", "code"),
        CheckConstraint("expected_cents >= 0", name="expected_cents"),
    )

    payer: Mapped[str]
    code: Mapped[str]
    expected_cents: Mapped[int]
    updated_at: Mapped[datetime]
    updated_by_id: Mapped[UUID | None]


class Denial(ClinicRow, Base):
    """A payer's refusal, as its letter or remittance says. A later outcome is written into its own columns once."""

    __tablename__ = "denial"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        Index("ix_denial_month", "clinic_id", "month"),
        one_of("outcome", "open", "paid_after_correction", "appealed", "written_off"),
        CheckConstraint("amount_cents >= 0", name="amount_cents"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    month: Mapped[str]
    payer: Mapped[str]
    code: Mapped[str]
    reason_code: Mapped[str]
    rule_id: Mapped[str]
    amount_cents: Mapped[int]
    denied_on: Mapped[date]
    note_sealed: Mapped[str | None]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[UUID | None]
    outcome: Mapped[str]
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[UUID | None]


class StaffingPlan(ClinicRow, Base):
    """How a clinic plans its care managers' weeks. One row a clinic."""

    __tablename__ = "staffing_plan"
    __table_args__ = (UniqueConstraint("clinic_id"),)

    contact_minutes: Mapped[int]
    buffer_percent: Mapped[int]
    panel_target: Mapped[int]
    updated_at: Mapped[datetime]


class CareHours(ClinicRow, Base):
    """Minutes a week a care manager has for patients of this clinic."""

    __tablename__ = "care_hours"
    __table_args__ = (UniqueConstraint("clinic_id", "staff_id"),)

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    weekly_minutes: Mapped[int]
    updated_at: Mapped[datetime]
