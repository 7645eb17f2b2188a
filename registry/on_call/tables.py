"""Who is on call when, and whether the monthly test alert reached them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, partial_index


class OnCallShift(ClinicRow, Base):
    """A stretch of time of one person. A swap or cover ends this row and writes others, so the past stays true."""

    __tablename__ = "on_call_shift"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="order"),
        Index("ix_on_call_shift_time", "clinic_id", "ends_at", "starts_at"),
    )

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    zone: Mapped[str]  # in which the hours were written
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    replaces_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    removed_at: Mapped[datetime | None]
    removed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))


class AlertTest(ClinicRow, Base):
    """The monthly test alert of everyone who may be paged. `answered_at`: by the code in it, or in the console."""

    __tablename__ = "alert_test"
    __table_args__ = (
        UniqueConstraint("clinic_id", "staff_id", "month"),
        partial_index("ix_alert_test_due", "due_at", where="answered_at IS NULL AND missed_at IS NULL"),
    )

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    month: Mapped[date]  # its first day
    sent_at: Mapped[datetime]
    due_at: Mapped[datetime]  # when an unanswered one becomes a task
    answered_at: Mapped[datetime | None]
    missed_at: Mapped[datetime | None]
