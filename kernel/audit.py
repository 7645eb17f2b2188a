"""Who saw or changed what. A row here shares the transaction of the read or write it tells of.

Rows hold ids and names of fields, never a person's data (45 CFR 164.312(b)). They can't be changed or deleted:
triggers of the first migration refuse it on both databases.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Identity, Index, Integer, insert
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Tx
from kernel.tables import Base

Role = Literal["care_manager", "clinician", "consultant", "clinic_lead", "biller", "administrator"]
ROLES: tuple[Role, ...] = (
    "care_manager",
    "clinician",
    "consultant",
    "clinic_lead",
    "biller",
    "administrator",
)
ActorKind = Literal["staff", "token", "patient", "related_person", "system", "anonymous"]


class Actor(msgspec.Struct, frozen=True):
    """Who acts, or who looks (`viewer`), inside one clinic."""

    kind: ActorKind
    id: UUID | None
    clinic_id: UUID | None
    roles: frozenset[Role] = frozenset()
    name: str = ""
    session: str | None = None
    request_id: str | None = None

    def has(self, *roles: Role) -> bool:
        return not self.roles.isdisjoint(roles)


def system(clinic_id: UUID | None, name: str = "worker") -> Actor:
    return Actor(kind="system", id=None, clinic_id=clinic_id, name=name)


class AuditEvent(Base):
    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_patient", "patient_id", "seq"),)

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), Identity(always=False), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(unique=True)
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_roles: Mapped[str]
    clinic_id: Mapped[UUID | None]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None]
    outcome: Mapped[str]
    detail: Mapped[dict[str, Any]]
    session: Mapped[str | None]
    request_id: Mapped[str | None]


_INSERT = insert(AuditEvent)


async def record(
    tx: Tx,
    actor: Actor,
    action: str,
    object_type: str,
    object_id: UUID | None,
    *,
    now: datetime,
    patient_id: UUID | None = None,
    outcome: str = "ok",
    **detail: str | int | bool | list[str] | None,
) -> None:
    """`detail` holds ids, counts and names of fields only. If this insert fails, so does the whole use case."""
    await tx.execute(
        _INSERT,
        {
            "id": tx.new_id(),
            "at": now,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_roles": ",".join(sorted(actor.roles)),
            "clinic_id": actor.clinic_id,
            "action": action,
            "object_type": object_type,
            "object_id": object_id,
            "patient_id": patient_id,
            "outcome": outcome,
            "detail": detail,
            "session": actor.session,
            "request_id": actor.request_id,
        },
    )
