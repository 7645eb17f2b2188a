"""What was closed, as it was closed. Rows here are added and read, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from kernel.tables import Base, ClinicRow, clinic_key, one_of, same_clinic


class StatementVersion(ClinicRow, Base):
    """One close of a month (version 1), or an adjustment of it (2 and on). The unique key makes closing twice once.
    `content_hash` covers every patient-month that stands after this version."""

    __tablename__ = "statement_version"
    __table_args__ = (
        clinic_key(),
        UniqueConstraint("clinic_id", "month", "version"),
        CheckConstraint("version >= 1", name="version"),
    )

    month: Mapped[str]
    version: Mapped[int]
    content_hash: Mapped[str]
    rule_ids: Mapped[list[Any]]
    patient_months: Mapped[int]
    reason_sealed: Mapped[str | None]  # why it was adjusted
    closed_at: Mapped[datetime]
    closed_by_id: Mapped[UUID | None]
    closed_by: Mapped[str]


class ClosedPatientMonth(ClinicRow, Base):
    """A patient-month as a version left it; a later version repeats only what changed. `content_sealed` is
    `billing.close.rules.Frozen`, and `removed` says that the patient-month stands no longer."""

    __tablename__ = "closed_patient_month"
    __table_args__ = (
        same_clinic("version_id", "statement_version"),
        same_clinic("patient_id", "patient"),
        same_clinic("episode_id", "episode"),
        UniqueConstraint("version_id", "episode_id"),
        Index("ix_closed_patient_month_month", "clinic_id", "month"),
    )

    version_id: Mapped[UUID]
    month: Mapped[str]
    version: Mapped[int]
    patient_id: Mapped[UUID]
    episode_id: Mapped[UUID]
    removed: Mapped[bool]
    content_hash: Mapped[str]
    content_sealed: Mapped[str]


class StatementFile(ClinicRow, Base):
    """Bytes of an export, stored when they were made: exporting again gives the same bytes. `episode_ids` are the
    patient-months a claim file holds; `number` is the claim file's interchange number."""

    __tablename__ = "statement_file"
    __table_args__ = (
        same_clinic("version_id", "statement_version"),
        UniqueConstraint("version_id", "kind"),
        UniqueConstraint("clinic_id", "number"),
        one_of(
            "kind", "csv_spreadsheet", "csv_machine", "xlsx", "summary_pdf", "institutional_csv",
            "delta_csv", "claims_837p",
        ),
    )  # fmt: skip

    version_id: Mapped[UUID]
    kind: Mapped[str]
    name: Mapped[str]
    media_type: Mapped[str]
    sha256: Mapped[str]
    content_sealed: Mapped[str]  # base64 under the seal
    made_at: Mapped[datetime]
    made_by_id: Mapped[UUID | None]
    episode_ids: Mapped[list[Any]]
    number: Mapped[int | None]
