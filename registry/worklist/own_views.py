"""A person's own views of the registry: filters under a name."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import Conflict, Invalid, NotFound
from registry.access import CLINICAL, require
from registry.worklist.beside import MAX_VIEWS
from registry.worklist.tables import SavedView

MAX_NAME = 40
_INSERT = insert_or_skip(SavedView, "clinic_id", "staff_id", "name")


async def save_view(tx: Tx, actor: Actor, name: str, query: dict[str, str], *, now: datetime) -> UUID:
    """`query`: fields of the registry's address, checked by the caller. Raises `Conflict` for a name in use."""
    clinic_id = require(actor, *CLINICAL)
    if actor.kind != "staff" or actor.id is None:
        raise Invalid.field("name", "a view belongs to a person")
    title = " ".join(name.split())
    if not title or len(title) > MAX_NAME:
        raise Invalid.field("name", f"needs 1 to {MAX_NAME} characters")
    mine = (SavedView.clinic_id == clinic_id, SavedView.staff_id == actor.id)
    if int(await tx.scalar(select(func.count()).select_from(SavedView).where(*mine))) >= MAX_VIEWS:
        raise Conflict(f"there are {MAX_VIEWS} views already: delete one first", code="too_many_views")
    view_id = tx.new_id()
    values = {
        "id": view_id,
        "clinic_id": clinic_id,
        "staff_id": actor.id,
        "name": title,
        "query": query,
        "created_at": now,
    }
    if not await tx.insert_once(pick(tx, _INSERT), values):
        raise Conflict("a view of this name exists already", code="name_taken")
    await audit.record(tx, actor, "view.saved", "saved_view", view_id, now=now)
    return view_id


async def delete_view(tx: Tx, actor: Actor, view_id: UUID, *, now: datetime) -> None:
    """Raises `NotFound` for a view that is somebody else's."""
    clinic_id = require(actor, *CLINICAL)
    gone = await tx.execute(
        delete(SavedView).where(
            SavedView.id == view_id, SavedView.clinic_id == clinic_id, SavedView.staff_id == actor.id
        )
    )
    if gone.rowcount == 0:
        raise NotFound("view")
    await audit.record(tx, actor, "view.deleted", "saved_view", view_id, now=now)
