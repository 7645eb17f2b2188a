"""Answers and results. Append-only: a correction is a new revision, with who and why."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_unique, same_clinic


class MeasureRun(ClinicRow, Base):
    """One instrument asked once, in the exact version and language shown."""

    __tablename__ = "measure_run"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        UniqueConstraint("check_in_id", "instrument_id"),
        Index("ix_measure_run_patient", "patient_id", "instrument_id"),
        one_of("state", "open", "completed", "closed_partial"),
        one_of("source", "check_in", "staff_items", "staff_total"),
    )

    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    check_in_id: Mapped[UUID | None]  # owned by messaging/schedule; null when staff enter a paper form
    instrument_id: Mapped[str]
    instrument_version: Mapped[str]
    language: Mapped[str]
    position: Mapped[int]  # order inside the check-in, from 1
    state: Mapped[str]
    source: Mapped[str]
    entry_source: Mapped[str | None]  # paper | phone | ehr, for staff entry
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Answer(ClinicRow, Base):
    __tablename__ = "answer"
    __table_args__ = (
        same_clinic("run_id", "measure_run"),
        UniqueConstraint("run_id", "item_no", "revision"),
        partial_unique("uq_answer_current", "run_id", "item_no", where="replaced_at IS NULL"),
        one_of("kind", "value", "declined"),
        one_of("channel", "sms", "portal", "staff", "api"),
    )

    run_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    item_no: Mapped[int]
    revision: Mapped[int]
    kind: Mapped[str]
    value: Mapped[int | None]
    raw_sealed: Mapped[str | None]
    channel: Mapped[str]
    source_id: Mapped[UUID | None]  # inbound message, portal visit or member of staff
    answered_at: Mapped[datetime]
    received_at: Mapped[datetime | None]  # null: as it was given; later where a device was offline
    replaced_at: Mapped[datetime | None]


class MeasureResult(ClinicRow, Base):
    """The score that stands. `total` is null unless every scored item was answered."""

    __tablename__ = "measure_result"
    __table_args__ = (
        same_clinic("run_id", "measure_run"),
        partial_unique("uq_measure_result_current", "run_id", where="replaced_at IS NULL"),
        Index("ix_measure_result_patient", "patient_id", "instrument_id", "taken_at"),
    )

    run_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    instrument_id: Mapped[str]
    taken_at: Mapped[datetime]  # last answer, or the date of the paper form
    raw_sum: Mapped[int]
    n_answered: Mapped[int]
    n_items: Mapped[int]
    is_complete: Mapped[bool]
    total: Mapped[int | None]
    prorated_total: Mapped[int | None]
    band: Mapped[str | None]
    item9: Mapped[str]  # "0".."3", declined, not_asked, unknown
    channel: Mapped[str]
    scoring_version: Mapped[str]
    filed_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]
    replaced_reason_sealed: Mapped[str | None]
