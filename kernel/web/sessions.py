"""Staff sessions: rows in the database, cookies that hold only an id.

An id the database doesn't know is never adopted, and the id changes at sign-in, after the second factor and at a
change of clinic (ASVS 5.0, 7.2.4). Idle 15 minutes, absolute 12 hours.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from kernel.crypto import token_hash
from kernel.db import Tx
from kernel.web.tables import WebSession

IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=1)
Stage = Literal["password", "full"]


class Session(msgspec.Struct, frozen=True):
    id_hash: str
    staff_id: UUID
    clinic_id: UUID | None
    stage: Stage
    csrf: str
    created_at: datetime
    last_seen_at: datetime

    def ends_at(self) -> datetime:
        return min(self.last_seen_at + IDLE, self.created_at + ABSOLUTE)


async def start(
    tx: Tx,
    staff_id: UUID,
    clinic_id: UUID | None,
    stage: Stage,
    *,
    secret: str,
    csrf: str,
    now: datetime,
    created_at: datetime | None = None,
) -> None:
    """`secret` goes into the cookie; `created_at` keeps the absolute limit when a session is rotated."""
    await tx.execute(
        insert(WebSession),
        {
            "id_hash": token_hash(secret),
            "staff_id": staff_id,
            "clinic_id": clinic_id,
            "stage": stage,
            "csrf": csrf,
            "created_at": created_at or now,
            "last_seen_at": now,
            "ended_at": None,
        },
    )


async def load(tx: Tx, secret: str, *, now: datetime) -> Session | None:
    row = await tx.first(
        select(
            WebSession.id_hash,
            WebSession.staff_id,
            WebSession.clinic_id,
            WebSession.stage,
            WebSession.csrf,
            WebSession.created_at,
            WebSession.last_seen_at,
        ).where(WebSession.id_hash == token_hash(secret), WebSession.ended_at.is_(None))
    )
    if row is None:
        return None
    session = Session(
        row.id_hash, row.staff_id, row.clinic_id, row.stage, row.csrf, row.created_at, row.last_seen_at
    )
    return session if now < session.ends_at() else None


async def touch(tx: Tx, session: Session, *, now: datetime) -> None:
    """Extends the idle time, at most one write a minute."""
    if now - session.last_seen_at >= TOUCH_EVERY:
        await tx.execute(
            update(WebSession).where(WebSession.id_hash == session.id_hash).values(last_seen_at=now)
        )


async def end(tx: Tx, id_hash: str, *, now: datetime) -> None:
    await tx.execute(update(WebSession).where(WebSession.id_hash == id_hash).values(ended_at=now))


async def end_all(tx: Tx, staff_id: UUID, *, now: datetime) -> None:
    """Disabling a person, or a new password, ends every session of theirs at once."""
    await tx.execute(
        update(WebSession)
        .where(WebSession.staff_id == staff_id, WebSession.ended_at.is_(None))
        .values(ended_at=now)
    )


async def rotate(
    tx: Tx, session: Session, *, clinic_id: UUID | None, stage: Stage, secret: str, csrf: str, now: datetime
) -> None:
    """The same person under a new id, the old id dead."""
    await end(tx, session.id_hash, now=now)
    await start(
        tx,
        session.staff_id,
        clinic_id,
        stage,
        secret=secret,
        csrf=csrf,
        now=now,
        created_at=session.created_at,
    )
