"""Starting in a clinic: the checklist of the first thirty days, and a pilot that grows in steps."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_unique, same_clinic


class LaunchTick(ClinicRow, Base):
    """Something on the checklist that only a person can know."""

    __tablename__ = "launch_tick"
    __table_args__ = (UniqueConstraint("clinic_id", "item"),)

    item: Mapped[str]
    done_by_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    done_at: Mapped[datetime]


class Pilot(ClinicRow, Base):
    """A limit on the patients in care, raised step by step."""

    __tablename__ = "pilot"
    __table_args__ = (clinic_key(), partial_unique("uq_pilot_open", "clinic_id", where="ended_on IS NULL"))

    started_on: Mapped[date]
    steps: Mapped[list[Any]]  # limits, rising
    step: Mapped[int]  # which of them holds, from 0
    step_since: Mapped[date]
    started_by_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    ended_on: Mapped[date | None]


class PilotReport(ClinicRow, Base):
    """The figures of a step with a signed decision. Written once."""

    __tablename__ = "pilot_report"
    __table_args__ = (
        same_clinic("pilot_id", "pilot"),
        UniqueConstraint("pilot_id", "step", "day"),
        one_of("decision", "go", "no_go"),
    )

    pilot_id: Mapped[UUID]
    step: Mapped[int]
    day: Mapped[int]  # 7 or 14
    figures: Mapped[list[Any]]
    decision: Mapped[str]
    note_sealed: Mapped[str]
    signed_by_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    signed_at: Mapped[datetime]
