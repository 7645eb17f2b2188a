"""Drafts of forms, kept on the server per author and given back after signing in again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, delete, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.drafts.tables import Draft
from registry.patients.tables import Patient

KEPT_FOR: Final = timedelta(days=7)
Fields = Sequence[tuple[str, str]]

_INSERT = insert_or_skip(Draft, "clinic_id", "staff_id", "place")


class Kept(msgspec.Struct, frozen=True):
    fields: tuple[tuple[str, str], ...]
    at: datetime


async def keep(
    tx: Tx, actor: Actor, place: str, fields: Fields, *, patient_id: UUID | None = None, now: datetime
) -> None:
    """Replaces the author's draft of this place. Raises NotFound for another clinic's patient."""
    clinic_id = require(actor, *CLINICAL)
    if patient_id is not None:
        known = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
        if await tx.first(known) is None:
            raise NotFound("patient")
    values = {"fields_sealed": tx.vault.seal(msgspec.json.encode(list(fields)).decode()), "updated_at": now}
    changed = await tx.execute(update(Draft).where(*_mine(actor, clinic_id, place)).values(**values))
    if changed.rowcount == 0:
        fresh = {"id": tx.new_id(), "clinic_id": clinic_id, "staff_id": actor.id, "place": place}
        await tx.insert_once(pick(tx, _INSERT), fresh | values | {"patient_id": patient_id})
    await tx.execute(
        delete(Draft).where(
            Draft.clinic_id == clinic_id, Draft.staff_id == actor.id, Draft.updated_at < now - KEPT_FOR
        )
    )
    await audit.record(tx, actor, "draft.kept", "draft", None, now=now, patient_id=patient_id)


async def kept(tx: Tx, viewer: Actor, place: str, *, now: datetime) -> Kept | None:
    """The viewer's own draft of a place, at most seven days old."""
    clinic_id = require(viewer, *CLINICAL)
    row = await tx.first(
        select(Draft.fields_sealed, Draft.updated_at, Draft.patient_id).where(
            *_mine(viewer, clinic_id, place), Draft.updated_at >= now - KEPT_FOR
        )
    )
    if row is None:
        return None
    await audit.record(tx, viewer, "draft.read", "draft", None, now=now, patient_id=row.patient_id)
    fields = msgspec.json.decode(tx.vault.open(row.fields_sealed), type=tuple[tuple[str, str], ...])
    return Kept(fields, row.updated_at)


async def drop(tx: Tx, actor: Actor, place: str) -> None:
    """The form was saved."""
    clinic_id = require(actor, *CLINICAL)
    await tx.execute(delete(Draft).where(*_mine(actor, clinic_id, place)))


def _mine(actor: Actor, clinic_id: UUID, place: str) -> tuple[ColumnElement[bool], ...]:
    return (Draft.clinic_id == clinic_id, Draft.staff_id == actor.id, Draft.place == place)
