"""Sessions and idempotency keys: what both entries need to know about a caller."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base


class WebSession(Base):
    """A staff session. The cookie holds the id, this row only its hash; unknown ids are never adopted."""

    __tablename__ = "web_session"

    id_hash: Mapped[str] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(index=True)
    clinic_id: Mapped[UUID | None]
    stage: Mapped[str]  # password | full
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """`Idempotency-Key` of a POST: the same key and body give the same resource, another body is refused."""

    __tablename__ = "idempotency_key"

    caller: Mapped[str] = mapped_column(primary_key=True)  # token id
    key: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str]
    body_hash: Mapped[str]
    status: Mapped[int]
    resource_id: Mapped[UUID]
    created_at: Mapped[datetime]
