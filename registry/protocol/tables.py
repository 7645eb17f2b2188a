"""Versions of a clinic's safety policy and who signed them. A version in force is never edited, only followed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_unique, same_clinic


class SafetyProtocol(ClinicRow, Base):
    __tablename__ = "safety_protocol"
    __table_args__ = (
        clinic_key(),
        UniqueConstraint("clinic_id", "version"),
        partial_unique("uq_safety_protocol_active", "clinic_id", where="state = 'active'"),
        partial_unique("uq_safety_protocol_draft", "clinic_id", where="state = 'draft'"),
        one_of("state", "draft", "active", "retired"),
    )

    version: Mapped[int]
    state: Mapped[str]
    policy: Mapped[dict[str, Any]]  # registry/protocol/policy.py
    content_hash: Mapped[str]  # of the policy: a signature counts for this text alone
    created_at: Mapped[datetime]
    created_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    activated_at: Mapped[datetime | None]
    activated_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    retired_at: Mapped[datetime | None]


class ProtocolSignature(ClinicRow, Base):
    """Append-only. `approval`: one of the two who put it into force. `training`: has read it and was trained."""

    __tablename__ = "protocol_signature"
    __table_args__ = (
        same_clinic("protocol_id", "safety_protocol"),
        UniqueConstraint("protocol_id", "staff_id", "kind", "content_hash"),
        one_of("kind", "approval", "training"),
    )

    protocol_id: Mapped[UUID]
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    kind: Mapped[str]
    content_hash: Mapped[str]
    signed_at: Mapped[datetime]
