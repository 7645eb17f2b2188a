"""Keys for integrations: one clinic, one role, shown once, stored as a hash."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from kernel import audit
from kernel.audit import Actor, Role
from kernel.crypto import token_hash
from kernel.db import Tx
from kernel.errors import Invalid, NotFound, Problem
from registry.access import require
from registry.organisation.tables import ApiToken, Clinic

PREFIX: Final = "evk_"  # lets scanners recognise one that was pasted somewhere


class NewToken(msgspec.Struct, frozen=True):
    """`token` exists only here; the database keeps its hash."""

    id: UUID
    token: str


async def issue_token(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    name: str,
    role: Role,
    *,
    expires_at: datetime | None,
    new_token: Callable[[], str],
    now: datetime,
) -> NewToken:
    """Raises `Invalid` for an empty name or an end in the past."""
    if actor.kind != "system" and require(actor, "administrator") != clinic_id:
        raise NotFound("clinic")
    if await tx.first(select(Clinic.id).where(Clinic.id == clinic_id)) is None:
        raise NotFound("clinic")
    problems = [Problem("name", "is empty")] if not name.strip() else []
    if expires_at is not None and expires_at <= now:
        problems.append(Problem("expires_at", "is in the past"))
    if problems:
        raise Invalid(*problems)
    issued = NewToken(tx.new_id(), PREFIX + new_token())
    values = {
        "id": issued.id,
        "name": name.strip(),
        "clinic_id": clinic_id,
        "role": role,
        "token_hash": token_hash(issued.token),
        "created_at": now,
        "expires_at": expires_at,
        "revoked_at": None,
        "last_used_at": None,
    }
    await tx.execute(insert(ApiToken), values)
    await audit.record(tx, actor, "token.issued", "api_token", issued.id, now=now, role=role)
    return issued


async def revoke_token(tx: Tx, actor: Actor, token_id: UUID, *, now: datetime) -> None:
    """From the next request on it is refused. Raises `NotFound` for another clinic's, or one that was revoked."""
    clinic_id = require(actor, "administrator")
    mine = (ApiToken.id == token_id, ApiToken.clinic_id == clinic_id, ApiToken.revoked_at.is_(None))
    done = await tx.execute(update(ApiToken).where(*mine).values(revoked_at=now))
    if done.rowcount != 1:
        raise NotFound("token")
    await audit.record(tx, actor, "token.revoked", "api_token", token_id, now=now)
