"""What every table shares: naming, column types, the clinic wall."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import (
    JSON,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Time,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every time column refuses a moment without a zone and gives UTC back, on both databases."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012
        datetime: DateTimeUTC(),
        date: Date(),
        time: Time(),
        UUID: Uuid(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
        str: String(),
    }


class ClinicRow:
    """A row that belongs to one clinic. On PostgreSQL row-level security keeps other clinics out of it."""

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(index=False)


def clinic_key() -> UniqueConstraint:
    """Lets other tables point here with (clinic, id), so that a foreign clinic's id can't be stored."""
    return UniqueConstraint("clinic_id", "id")


def same_clinic(column: str, table: str) -> ForeignKeyConstraint:
    """`column` points to a row of `table` in the same clinic."""
    return ForeignKeyConstraint(["clinic_id", column], [f"{table}.clinic_id", f"{table}.id"])


def one_of(column: str, *values: str) -> CheckConstraint:
    allowed = ", ".join(f"'{v}'" for v in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def partial_unique(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, unique=True, postgresql_where=text(where), sqlite_where=text(where))


def partial_index(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


class Heartbeat(Base):
    """Last run of each sweep. An old row here is how a stuck worker is seen."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    last_run_at: Mapped[datetime]
    duration_ms: Mapped[int]
    counts: Mapped[dict[str, Any]]
    last_error: Mapped[str | None]
    last_error_at: Mapped[datetime | None]
