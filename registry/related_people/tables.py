"""People who may act for a patient, or read along: who, for how long, and how far (FHIR's RelatedPerson)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, same_clinic


class RelatedPerson(ClinicRow, Base):
    """A patient agreed to it, or the law gives it. Revoking writes a date; nothing is deleted."""

    __tablename__ = "related_person"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        Index("ix_related_person_patient", "patient_id"),
        partial_index("ix_related_person_phone", "phone_key", where="revoked_at IS NULL"),
        one_of("basis", "patient_agreed", "legal_authority"),
    )

    patient_id: Mapped[UUID]
    name_sealed: Mapped[str]
    relation: Mapped[str]
    basis: Mapped[str]
    phone_sealed: Mapped[str]
    phone_key: Mapped[str]
    scope: Mapped[list[Any]]  # of registry/related_people/rules.py: contacts, plan, messages, check_ins
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]  # last day, on the patient's calendar
    agreed_on: Mapped[date | None]  # when and how the patient, or the paper, gave the permission
    agreed_how: Mapped[str | None]  # verbal | written | document
    replaces_id: Mapped[UUID | None]  # the row this one took the place of: a change is a new row
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]  # patient | staff
