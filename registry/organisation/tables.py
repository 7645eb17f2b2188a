"""Clinics, the numbers they text from, and the people who work there. No patient data: no clinic wall."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, one_of


class Organisation(Base):
    """Exactly one row: a database serves one organisation. `kind` keeps demo and real data apart."""

    __tablename__ = "organisation"
    __table_args__ = (one_of("kind", "demo", "standard"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    created_at: Mapped[datetime]


class Clinic(Base):
    __tablename__ = "clinic"
    __table_args__ = (
        one_of("texting_mode", "simulation", "live"),
        one_of("item9_channel", "sms", "link_only", "staff_call"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    text_name: Mapped[str]  # how texts name the sender: neutral, GSM-7, no speciality
    zone: Mapped[str]
    support_phone: Mapped[str]
    hours_text: Mapped[str]  # staffed hours in words, as patients read them
    privacy_url: Mapped[str | None]
    texting_mode: Mapped[str]
    item9_channel: Mapped[str]
    bulk_answers: Mapped[bool]
    after_positive_item9: Mapped[str]  # stop | continue
    staffed_hours: Mapped[dict[str, Any]]  # weekday "0".."6" -> list of ["09:00", "17:00"], clinic zone
    window_start: Mapped[time]
    window_end: Mapped[time]
    minor_policy_signed_on: Mapped[date | None]
    item9_policy_signed_on: Mapped[date | None]
    default_responsible_id: Mapped[UUID | None]  # who is alerted when an episode names nobody
    settings: Mapped[dict[str, Any]]
    npi: Mapped[str | None]
    tax_id: Mapped[str | None]
    created_at: Mapped[datetime]


class Holiday(Base):
    __tablename__ = "holiday"
    __table_args__ = (UniqueConstraint("clinic_id", "on"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinic.id"))
    on: Mapped[date]
    name: Mapped[str]


class Sender(Base):
    """A number we text from. It belongs to one clinic, so a text to it reaches that clinic whoever wrote it."""

    __tablename__ = "sender"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinic.id"))
    number: Mapped[str] = mapped_column(unique=True)  # E.164
    messaging_service_sid: Mapped[str | None]
    active: Mapped[bool]


class Staff(Base):
    __tablename__ = "staff"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    credentials: Mapped[str | None]
    email: Mapped[str] = mapped_column(unique=True)  # lower case
    phone_sealed: Mapped[str | None]
    phone_key: Mapped[str | None] = mapped_column(index=True)  # so that a text from it is known
    phone_verified_at: Mapped[datetime | None]
    npi: Mapped[str | None]
    password_hash: Mapped[str | None]
    totp_sealed: Mapped[str | None]
    totp_last_step: Mapped[int | None]  # a code is accepted once
    totp_confirmed_at: Mapped[datetime | None]
    failed_count: Mapped[int]
    locked_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class StaffRole(Base):
    __tablename__ = "staff_role"
    __table_args__ = (
        one_of("role", "care_manager", "clinician", "consultant", "clinic_lead", "biller", "administrator"),
    )

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinic.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)


class RecoveryCode(Base):
    __tablename__ = "recovery_code"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    code_hash: Mapped[str]
    used_at: Mapped[datetime | None]


class ApiToken(Base):
    """A key for integrations: shown once, stored as a hash, one clinic, one role."""

    __tablename__ = "api_token"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinic.id"))
    role: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
