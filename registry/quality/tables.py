"""The signed monthly review of a clinic's figures, and what licensed measures need from other systems."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, same_clinic


class MonthlyReview(ClinicRow, Base):
    """The figures as they stood when somebody signed them. Written once."""

    __tablename__ = "monthly_review"
    __table_args__ = (clinic_key(), UniqueConstraint("clinic_id", "month"))

    month: Mapped[str]  # YYYY-MM
    figures: Mapped[list[Any]]
    note_sealed: Mapped[str]
    signed_by_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    signed_at: Mapped[datetime]


class ImportedEvent(ClinicRow, Base):
    """A visit, a diagnosis or a reason for exclusion from another system, for licensed measures alone."""

    __tablename__ = "imported_event"
    __table_args__ = (
        same_clinic("patient_id", "patient"),
        UniqueConstraint("patient_id", "kind", "code", "started_on"),
        Index("ix_imported_event_clinic", "clinic_id", "kind"),
        one_of("kind", "encounter", "condition", "other"),
    )

    patient_id: Mapped[UUID]
    kind: Mapped[str]
    code: Mapped[str]
    status: Mapped[str]
    started_on: Mapped[date]
    ended_on: Mapped[date | None]
    imported_at: Mapped[datetime]


class ValueSet(ClinicRow, Base):
    """Codes of one named value set, as the measure's publisher gives them."""

    __tablename__ = "value_set"
    __table_args__ = (UniqueConstraint("clinic_id", "name"),)

    name: Mapped[str]
    version: Mapped[str]
    source: Mapped[str]
    codes: Mapped[list[Any]]
    imported_at: Mapped[datetime]
