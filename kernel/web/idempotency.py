"""`Idempotency-Key` on a POST: the same key and body give the same resource again, another body is refused."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select

from kernel.db import Tx
from kernel.errors import Invalid
from kernel.web.tables import IdempotencyKey

MAX_LENGTH = 200


def body_hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


async def recall(tx: Tx, caller: str, key: str | None, route: str, body: str) -> UUID | None:
    """Id of the resource that this key already made; None for a new key. Raises Invalid for another body."""
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_LENGTH:
        raise Invalid.field("Idempotency-Key", f"needs 1 to {MAX_LENGTH} characters")
    row = await tx.first(
        select(IdempotencyKey.route, IdempotencyKey.body_hash, IdempotencyKey.resource_id).where(
            IdempotencyKey.caller == caller, IdempotencyKey.key == key
        )
    )
    if row is None:
        return None
    if (row.route, row.body_hash) != (route, body):
        raise Invalid.field("Idempotency-Key", "was used before with another request")
    resource: UUID = row.resource_id
    return resource


async def remember(
    tx: Tx,
    caller: str,
    key: str | None,
    route: str,
    body: str,
    *,
    status: int,
    resource_id: UUID,
    now: datetime,
) -> None:
    """In the transaction that made the resource; of two at once the second violates the primary key and rolls back."""
    if key is None:
        return
    await tx.execute(
        insert(IdempotencyKey),
        {
            "caller": caller,
            "key": key,
            "route": route,
            "body_hash": body,
            "status": status,
            "resource_id": resource_id,
            "created_at": now,
        },
    )
