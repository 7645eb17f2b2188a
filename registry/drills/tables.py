"""Rehearsals of the alert path: when each was due, and how long people took. Kept apart from what is clinical."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, one_of, partial_unique, same_clinic


class Drill(ClinicRow, Base):
    """One rehearsal of one slot. Its risk event holds the history; the moments here are copies for the report."""

    __tablename__ = "drill"
    __table_args__ = (
        same_clinic("event_id", "risk_event"),
        # The schedule makes a drill of a slot and day once, however many workers look.
        partial_unique("uq_drill_scheduled", "clinic_id", "slot", "local_day", where="origin = 'scheduled'"),
        Index("ix_drill_started", "clinic_id", "started_at"),
        one_of("slot", "staffed", "evening", "night", "weekend"),
        one_of("origin", "scheduled", "by_hand"),
    )

    event_id: Mapped[UUID]
    slot: Mapped[str]
    origin: Mapped[str]
    local_day: Mapped[date]  # in the clinic's zone
    started_at: Mapped[datetime]
    started_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
