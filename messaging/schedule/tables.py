"""Occurrences: one check-in per patient and local date, and the reminders of next contacts."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, same_clinic

CHECK_IN_STATES = (
    "scheduled",
    "invited",
    "in_progress",
    "completed",
    "portal_completed",
    "partial_expired",
    "declined",
    "cancelled",
    "opted_out",
    "missed",
    "skipped_outage",
)
OPEN_STATES = ("scheduled", "invited", "in_progress")


class CheckIn(ClinicRow, Base):
    __tablename__ = "check_in"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        UniqueConstraint("patient_id", "local_due_date"),
        partial_index("ix_check_in_next", "next_at", "id", where="next_at IS NOT NULL"),
        Index("ix_check_in_patient_state", "patient_id", "state"),
        one_of("state", *CHECK_IN_STATES),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    local_due_date: Mapped[date]
    local_time: Mapped[time]
    zone: Mapped[str]
    instruments: Mapped[list[Any]]  # ids in asking order
    due_at: Mapped[datetime]
    not_after: Mapped[datetime]
    state: Mapped[str]
    origin: Mapped[str]  # plan | staff
    content: Mapped[str | None]  # items | link | email | portal | call: how it was invited
    next_at: Mapped[datetime | None]  # the one moment at which the sweep must look again; null when terminal
    prompts: Mapped[int]  # invitations and reminders that were queued
    queued_behind: Mapped[bool]  # the phone is busy with another check-in
    silenced_at: Mapped[datetime | None]  # from then on no reminder asks to go on: a person decides
    invited_at: Mapped[datetime | None]
    first_answer_at: Mapped[datetime | None]
    lost_ways: Mapped[list[Any] | None]  # ways whose last prompt surely or perhaps never arrived
    expires_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    close_reason: Mapped[str | None]
    created_at: Mapped[datetime]


class ContactReminder(ClinicRow, Base):
    """A reminder of one next contact. The key holds the contact's moment: a moved contact gets its own reminders."""

    __tablename__ = "contact_reminder"
    __table_args__ = (
        same_clinic("episode_id", "episode"),
        UniqueConstraint("episode_id", "contact_at", "kind"),
        partial_index("ix_contact_reminder_next", "next_at", where="next_at IS NOT NULL"),
        one_of("kind", "day_before", "same_morning"),
    )

    episode_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    contact_at: Mapped[datetime]
    kind: Mapped[str]
    due_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    state: Mapped[str]  # scheduled | queued | skipped
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
