"""The outbox: every text and alert that should leave, and what became of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, partial_unique

OUTBOX_STATES = (
    "pending",
    "sending",
    "unknown",
    "accepted",
    "simulated",
    "suppressed",
    "expired",
    "failed",
)


class Outbox(ClinicRow, Base):
    __tablename__ = "outbox"
    __table_args__ = (
        clinic_key(),
        partial_index("ix_outbox_next", "next_at", "priority", where="next_at IS NOT NULL"),
        partial_index("ix_outbox_pending_patient", "patient_id", where="state = 'pending'"),
        Index("ix_outbox_recipient", "recipient_key", "created_at"),
        Index("ix_outbox_patient", "patient_id", "created_at"),
        # One class A text in flight per number: keeps order, and keeps reconciliation unambiguous.
        partial_unique(
            "uq_outbox_in_flight",
            "recipient_key",
            where="message_class = 'A' AND state IN ('sending', 'unknown')",
        ),
        one_of("message_class", "A", "B", "C", "D"),
        partial_index("ix_outbox_event", "event_id", "created_at", where="event_id IS NOT NULL"),
        one_of("channel", "sms", "email", "voice"),
        one_of("state", *OUTBOX_STATES),
    )

    message_class: Mapped[str]
    kind: Mapped[str]  # see messaging/delivery/kinds.py
    channel: Mapped[str]
    dedupe_key: Mapped[str] = mapped_column(unique=True)
    recipient_key: Mapped[str]
    to_sealed: Mapped[str]
    body_sealed: Mapped[str]
    body_hash: Mapped[str]
    segments: Mapped[int]
    template: Mapped[str]  # id@version of the approved wording
    sender_id: Mapped[UUID | None]
    phone_id: Mapped[UUID | None]  # the contact version it was written for
    patient_id: Mapped[UUID | None]
    staff_id: Mapped[UUID | None]
    thread_id: Mapped[UUID | None]
    turn: Mapped[int | None]
    check_in_id: Mapped[UUID | None]
    event_id: Mapped[UUID | None]
    prompts_patient: Mapped[bool]  # an unasked-for text: counts toward one a day, needs the window
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    live_until: Mapped[datetime | None]  # a live exchange may go on outside the window until then
    priority: Mapped[int]  # lower leaves first
    state: Mapped[str]
    reason: Mapped[str | None]
    next_at: Mapped[datetime | None]  # when a sweep must look at it again; null when nothing is owed
    claim_token: Mapped[UUID | None]
    claim_expires_at: Mapped[datetime | None]
    attempt: Mapped[int]
    attempted_at: Mapped[datetime | None]
    reads: Mapped[int]  # healthy reads of the provider's list while unknown
    resends: Mapped[int]  # times it was proven not sent and put back; class A gets one
    failures: Mapped[int]  # times our own processing raised
    accepted_at: Mapped[datetime | None]
    provider_sid: Mapped[str | None] = mapped_column(unique=True)
    provider_status: Mapped[str | None]
    status_rank: Mapped[int]
    polls: Mapped[int]
    error_code: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class MessageStatusEvent(ClinicRow, Base):
    """Each status the provider reported, as it came. Append-only."""

    __tablename__ = "message_status_event"
    __table_args__ = (
        UniqueConstraint("provider_sid", "status"),
        Index("ix_message_status_event_outbox", "outbox_id"),
    )

    outbox_id: Mapped[UUID | None]
    provider_sid: Mapped[str]
    status: Mapped[str]
    error_code: Mapped[str | None]
    received_at: Mapped[datetime]


class Dispatcher(Base):
    """One row: whether the dispatcher may send, and until when the provider asked for a pause."""

    __tablename__ = "dispatcher"

    name: Mapped[str] = mapped_column(primary_key=True)
    paused_until: Mapped[datetime | None]
    paused_reason: Mapped[str | None]
    inbound_swept_to: Mapped[datetime | None]
    updated_at: Mapped[datetime]
