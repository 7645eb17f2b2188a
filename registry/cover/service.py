"""Assigning cover, and calling it off."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Forbidden, Invalid, NotFound
from registry.access import CLINICAL, require
from registry.cover import queries, rules
from registry.cover.rules import CoverForm
from registry.cover.tables import Cover
from registry.organisation import queries as organisation


async def assign(tx: Tx, actor: Actor, form: CoverForm, *, now: datetime) -> UUID:
    """For oneself, or by the clinic lead for anybody. Raises `Invalid` with every problem, `Forbidden`."""
    clinic_id = require(actor, *CLINICAL)
    _own_or_lead(actor, form.absent_id)
    clinic = await organisation.clinic(tx, clinic_id)
    today = clinic.local_date(now)
    roles = await organisation.roles_of_staff(tx, clinic_id, (form.absent_id, form.covering_id))
    existing = await queries.current_and_planned(tx, clinic_id, today)
    problems = rules.check(form, today, roles, existing)
    if problems:
        raise Invalid(*problems)
    cover_id = tx.new_id()
    values = {
        "id": cover_id,
        "clinic_id": clinic_id,
        "absent_id": form.absent_id,
        "covering_id": form.covering_id,
        "from_on": form.from_on,
        "until_on": form.until_on,
        "set_by_id": actor.id if actor.kind == "staff" else None,
        "set_at": now,
        "ended_at": None,
    }
    await tx.execute(insert(Cover), values)
    await audit.record(tx, actor, "cover.assigned", "cover", cover_id, now=now)
    return cover_id


async def call_off(tx: Tx, actor: Actor, cover_id: UUID, *, now: datetime) -> None:
    """Raises `NotFound` when it is over, called off or another clinic's."""
    clinic_id = require(actor, *CLINICAL)
    clinic = await organisation.clinic(tx, clinic_id)
    current = await queries.current_and_planned(tx, clinic_id, clinic.local_date(now))
    cover = next((one for one in current if one.id == cover_id), None)
    if cover is None:
        raise NotFound("cover")
    _own_or_lead(actor, cover.absent_id, cover.covering_id)
    await tx.execute(update(Cover).where(Cover.id == cover_id).values(ended_at=now))
    await audit.record(tx, actor, "cover.called_off", "cover", cover_id, now=now)


def _own_or_lead(actor: Actor, *own: UUID) -> None:
    if actor.kind != "system" and actor.id not in own and not actor.has("clinic_lead"):
        raise Forbidden("the clinic lead arranges cover for others")
