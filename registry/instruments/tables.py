"""Instruments that the organisation or one clinic added. No patient data: no clinic wall."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base


class AddedInstrument(Base):
    """One version in one language, exactly as it was checked. Rows are never changed: a response points at them."""

    __tablename__ = "added_instrument"
    __table_args__ = (UniqueConstraint("instrument_id", "language", "version"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    instrument_id: Mapped[str]
    language: Mapped[str]
    version: Mapped[str]
    clinic_id: Mapped[UUID | None] = mapped_column(ForeignKey("clinic.id"))  # null: every clinic
    content: Mapped[str]  # the content file
    added_at: Mapped[datetime]
