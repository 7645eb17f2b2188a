"""What somebody has typed and not saved yet. Replaced as they type, gone when the form is saved."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, same_clinic


class Draft(ClinicRow, Base):
    """One per author and place. It may hold clinical text, so it is sealed."""

    __tablename__ = "draft"
    __table_args__ = (
        same_clinic("patient_id", "patient"),
        UniqueConstraint("clinic_id", "staff_id", "place"),
    )

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    place: Mapped[str]  # the form: reply:<patient>, enrol, enrol:<patient>
    patient_id: Mapped[UUID | None]
    fields_sealed: Mapped[str]
    updated_at: Mapped[datetime]
