"""Patients who sign in: codes, sessions, devices. Only hashes are stored; no clinic wall, since a cookie or a token must
be found before its clinic is known."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, one_of, partial_index


class CodeNumber(Base):
    """A number for which a code was asked, known to us or not: its row is the lock under which requests are counted."""

    __tablename__ = "code_number"

    phone_key: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class CodeRequest(Base):
    """One asked-for code. Whoever asked holds the secret, and only they can answer. `patient_id` None: a number that
    can't sign in; the row is made all the same."""

    __tablename__ = "code_request"
    __table_args__ = (
        Index("ix_code_request_number", "phone_key", "created_at"),
        partial_index("ix_code_request_waiting", "created_at", where="code_hash = ''"),
        one_of("purpose", "sign_in", "new_number"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    secret_hash: Mapped[str] = mapped_column(unique=True)
    code_hash: Mapped[str]  # keyed, and bound to this request; empty until the code is made
    phone_key: Mapped[str]
    phone_sealed: Mapped[str | None]  # a new number, until it is confirmed
    clinic_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None]
    related_person_id: Mapped[UUID | None]
    tries: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PatientSession(Base):
    """A signed-in browser, or a device of the mobile API. A device's family of refresh tokens hangs on it."""

    __tablename__ = "patient_session"
    __table_args__ = (
        partial_index("ix_patient_session_patient", "patient_id", where="ended_at IS NULL"),
        one_of("kind", "browser", "device"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    access_hash: Mapped[str] = mapped_column(unique=True)  # of the cookie, or of the access token in force
    access_expires_at: Mapped[datetime | None]  # a browser's session ends by idling
    csrf: Mapped[str]
    clinic_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    related_person_id: Mapped[UUID | None]
    phone_key: Mapped[str]  # the number that was proven; a patient's other number ends it
    name: Mapped[str]  # of the device, as its owner called it
    language: Mapped[str | None]
    push_platform: Mapped[str | None]
    push_sealed: Mapped[str | None]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]


class RefreshToken(Base):
    """Used once. A second use means that two hold it, so the whole family ends."""

    __tablename__ = "refresh_token"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SubmittedAnswers(Base):
    """What an `Idempotency-Key` of the mobile API has filed: the same key and body give the same outcome again."""

    __tablename__ = "submitted_answers"

    patient_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_hash: Mapped[str]
    outcome: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
