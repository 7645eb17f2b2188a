"""Who stands in for an absent colleague, and from when to when."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow


class Cover(ClinicRow, Base):
    """Both dates belong to it, on the clinic's calendar. The absent colleague's patients stay theirs."""

    __tablename__ = "cover"
    __table_args__ = (Index("ix_cover_covering", "clinic_id", "covering_id", "until_on"),)

    absent_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    covering_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    from_on: Mapped[date]
    until_on: Mapped[date]
    set_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    set_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # called off before its last day
