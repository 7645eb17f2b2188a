"""Threads and what arrived. Everything that arrives is a row, handled by a rule or a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index


class SmsThread(ClinicRow, Base):
    """One phone and one of our numbers. At most one check-in is active on it; others wait behind."""

    __tablename__ = "sms_thread"
    __table_args__ = (
        clinic_key(),
        UniqueConstraint("phone_key", "sender_id"),
        partial_index("ix_sms_thread_wake", "wake_at", where="wake_at IS NOT NULL"),
        partial_index("ix_sms_thread_check_in", "active_check_in_id", where="active_check_in_id IS NOT NULL"),
    )

    phone_key: Mapped[str]
    phone_sealed: Mapped[str]
    sender_id: Mapped[UUID] = mapped_column(ForeignKey("sender.id"))
    active_check_in_id: Mapped[UUID | None]
    state: Mapped[dict[str, Any]]  # the engine's state, see messaging/conversation/rules.py
    turn: Mapped[int]
    wake_at: Mapped[datetime | None]
    wake_turn: Mapped[int | None]  # a wake-up of an older turn does nothing
    last_inbound_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class InboundMessage(ClinicRow, Base):
    __tablename__ = "inbound_message"
    __table_args__ = (
        clinic_key(),
        Index("ix_inbound_message_phone", "clinic_id", "phone_key", "received_at"),
        Index("ix_inbound_message_patient", "patient_id", "received_at"),
        partial_index("ix_inbound_message_held", "received_at", where="state = 'held'"),
        one_of("state", "applied", "held", "parked"),
    )

    provider_sid: Mapped[str] = mapped_column(unique=True)  # for ever: a replay after a year changes nothing
    thread_id: Mapped[UUID | None]
    sender_id: Mapped[UUID]
    phone_key: Mapped[str]
    phone_sealed: Mapped[str]
    patient_id: Mapped[UUID | None]  # null: unknown number, or a shared phone outside a check-in
    body_sealed: Mapped[str]
    body_hash: Mapped[str]
    media_count: Mapped[int]
    received_at: Mapped[datetime]
    via: Mapped[str]  # webhook | sweep | simulator
    state: Mapped[str]
    classified_as: Mapped[str | None]  # notation of the parser: answer:2;echo
    parser_version: Mapped[str | None]
    applied_turn: Mapped[int | None]
    check_in_id: Mapped[UUID | None]
    staff_seen_at: Mapped[datetime | None]
