"""Who took over whose patients, and what was told."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow


class Handover(ClinicRow, Base):
    """Append-only. `moved` counts what changed hands."""

    __tablename__ = "handover"
    __table_args__ = (Index("ix_handover_from", "clinic_id", "from_staff_id", "at"),)

    from_staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    to_staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    note_sealed: Mapped[str]
    moved: Mapped[dict[str, Any]]
    texted: Mapped[int]
    at: Mapped[datetime]
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
