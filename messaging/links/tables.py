"""Check-in links: a write-only capability for one check-in. Only hashes are stored; no clinic wall, since a token
must be found before its clinic is known."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow


class CheckInLink(Base):
    __tablename__ = "check_in_link"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    clinic_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    check_in_id: Mapped[UUID] = mapped_column(index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LinkVisit(Base):
    """The cookie a link was exchanged for: one browser, one check-in, 20 idle minutes."""

    __tablename__ = "link_visit"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    cookie_hash: Mapped[str] = mapped_column(unique=True)
    link_id: Mapped[UUID | None] = mapped_column(index=True)  # null: opened by the patient, signed in
    clinic_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    check_in_id: Mapped[UUID]
    csrf: Mapped[str]
    language: Mapped[str]
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    last_answer_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    birth_ok: Mapped[bool]  # nothing is asked before; true at once where the clinic checks no date of birth


class BirthCheck(ClinicRow, Base):
    """Tries at a patient's date of birth, over all links, browsers and addresses together."""

    __tablename__ = "birth_check"

    patient_id: Mapped[UUID] = mapped_column(unique=True)
    tries: Mapped[int]
    locked_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
