"""What was brought in from another registry, how its columns were read, and what it said about earlier bills."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from kernel.tables import Base, ClinicRow, clinic_key, one_of, same_clinic


class ImportMapping(ClinicRow, Base):
    """Which column of a file holds what, kept by name for the next file."""

    __tablename__ = "import_mapping"
    __table_args__ = (
        one_of("kind", "patients", "scores", "contacts", "billed_months"),
        one_of("dates", "iso", "us"),
        UniqueConstraint("clinic_id", "kind", "name"),
    )

    kind: Mapped[str]
    name: Mapped[str]
    columns: Mapped[dict[str, Any]]  # field -> heading of the column
    dates: Mapped[str]
    saved_at: Mapped[datetime]


class ImportRun(ClinicRow, Base):
    """One file that was brought in whole. The file itself is not kept."""

    __tablename__ = "import_run"
    __table_args__ = (
        clinic_key(),
        one_of("kind", "patients", "scores", "contacts", "billed_months"),
        UniqueConstraint("clinic_id", "kind", "digest"),
    )

    kind: Mapped[str]
    digest: Mapped[str]  # SHA-256 of the file's bytes: the same file twice is refused
    mapping: Mapped[str]
    rows: Mapped[int]
    by_id: Mapped[UUID | None]
    by_name: Mapped[str]
    at: Mapped[datetime]


class CarriedEpisode(ClinicRow, Base):
    """What the other registry knew of an episode's bills. `last_billed` is YYYY-MM or `none`; null: it did not say."""

    __tablename__ = "carried_episode"
    __table_args__ = (
        same_clinic("episode_id", "episode"),
        same_clinic("run_id", "import_run"),
        UniqueConstraint("clinic_id", "episode_id"),
    )

    episode_id: Mapped[UUID]
    run_id: Mapped[UUID]
    started_on: Mapped[date | None]
    last_billed: Mapped[str | None]
    imported_on: Mapped[date]


class BilledMonth(ClinicRow, Base):
    """A month that was billed before, elsewhere."""

    __tablename__ = "billed_month"
    __table_args__ = (
        same_clinic("episode_id", "episode"),
        same_clinic("run_id", "import_run"),
        one_of("month_type", "initial", "subsequent"),
        UniqueConstraint("clinic_id", "episode_id", "month"),
    )

    episode_id: Mapped[UUID]
    run_id: Mapped[UUID]
    month: Mapped[str]  # YYYY-MM
    month_type: Mapped[str | None]
