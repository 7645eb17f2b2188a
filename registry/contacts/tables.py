"""Contacts with patients and tries at them, and the clinic's note templates."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, same_clinic


class Contact(ClinicRow, Base):
    """What holds now; earlier wordings are in `contact_amendment`. `occurred_at` against `recorded_at` is how fresh the
    registry is kept."""

    __tablename__ = "contact"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        same_clinic("time_entry_id", "time_entry"),
        one_of("kind", "phone", "video", "portal", "text", "in_person", "no_show", "attempt"),
        Index("ix_contact_episode", "episode_id", "occurred_at"),
        Index("ix_contact_clinic", "clinic_id", "occurred_at"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    kind: Mapped[str]
    outcome: Mapped[str]
    channel: Mapped[str]
    spoken: Mapped[bool]  # two people spoke: see rules.is_contact
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))  # whose contact it was
    recorded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    identity_checked: Mapped[bool]
    note_sealed: Mapped[str | None]
    adherence: Mapped[str | None]
    adherence_note_sealed: Mapped[str | None]
    side_effects: Mapped[str | None]
    side_effects_note_sealed: Mapped[str | None]
    skill: Mapped[str | None]
    homework_sealed: Mapped[str | None]
    time_entry_id: Mapped[UUID | None]
    seconds: Mapped[int | None]
    treatment_change_id: Mapped[UUID | None]
    medication_sealed: Mapped[str | None]
    next_contact_at: Mapped[datetime | None]
    next_contact_mode: Mapped[str | None]
    next_contact_purpose_sealed: Mapped[str | None]
    discuss: Mapped[bool]
    question_sealed: Mapped[str | None]
    source: Mapped[str]  # console | api | import
    amendments: Mapped[int] = mapped_column(server_default="0")  # how many are in `contact_amendment`


class ContactAmendment(ClinicRow, Base):
    """What a contact's record said until it was amended, and why, by whom and when it was. Rows are only added: the
    first holds the record as it was saved, `contact` what holds now. Minutes have their own correction."""

    __tablename__ = "contact_amendment"
    __table_args__ = (
        same_clinic("contact_id", "contact"),
        UniqueConstraint("contact_id", "number"),
        Index("ix_contact_amendment_patient", "patient_id"),
    )

    contact_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    number: Mapped[int]  # 1, 2, ...: the version it replaced
    reason_sealed: Mapped[str]
    amended_at: Mapped[datetime]
    amended_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    outcome: Mapped[str]
    note_sealed: Mapped[str | None]
    adherence: Mapped[str | None]
    adherence_note_sealed: Mapped[str | None]
    side_effects: Mapped[str | None]
    side_effects_note_sealed: Mapped[str | None]
    skill: Mapped[str | None]
    homework_sealed: Mapped[str | None]


class NoteTemplate(ClinicRow, Base):
    """What a note starts with, by kind of contact. The newest version holds; earlier ones stay."""

    __tablename__ = "note_template"
    __table_args__ = (UniqueConstraint("clinic_id", "kind", "version"),)

    kind: Mapped[str]
    version: Mapped[int]
    body: Mapped[str]
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
