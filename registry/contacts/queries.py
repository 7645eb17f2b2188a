"""Contacts as screens and the chart show them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import aliased

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.contacts.forms import Adherence, ContactKind, ContactOutcome, SideEffects, Skill
from registry.contacts.tables import Contact
from registry.episodes.forms import ContactMode
from registry.organisation.tables import Staff
from registry.patients.tables import Patient

LIMIT: Final = 200


class ContactFacts(msgspec.Struct, frozen=True):
    """`staff_name` is whose contact it was, `recorded_by` who wrote it down; `spoken`: two people spoke. `source` import:
    brought in from another registry, of which `recorded_at` is the day. `amendments` counts how often the record was amended."""

    id: UUID
    patient_id: UUID
    episode_id: UUID
    kind: ContactKind
    outcome: ContactOutcome
    channel: str
    spoken: bool
    occurred_at: datetime
    recorded_at: datetime
    staff_id: UUID | None
    staff_name: str | None
    recorded_by: str | None
    source: Literal["console", "api", "import"]
    identity_checked: bool
    note: str
    adherence: Adherence | None
    adherence_note: str | None
    side_effects: SideEffects | None
    side_effects_note: str | None
    skill: Skill | None
    homework: str | None
    medication: str | None
    seconds: int | None
    next_contact_at: datetime | None
    next_contact_mode: ContactMode | None
    next_contact_purpose: str | None
    discuss: bool
    question: str | None
    amendments: int = 0
    recorded_by_id: UUID | None = None
    time_entry_id: UUID | None = None


_author, _writer = aliased(Staff), aliased(Staff)
_CONTACTS: Final[Select[*tuple[Any, ...]]] = (
    select(Contact.__table__, _author.name.label("staff_name"), _writer.name.label("recorded_by"))
    .outerjoin(_author, _author.id == Contact.staff_id)
    .outerjoin(_writer, _writer.id == Contact.recorded_by_id)
    .where(Contact.clinic_id == bindparam("clinic"), Contact.patient_id == bindparam("patient"))
)


async def contacts(
    tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime, limit: int = 50
) -> tuple[ContactFacts, ...]:
    """Newest first, at most 200. Raises NotFound for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    known = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(known) is None:
        raise NotFound("patient")
    rows = await tx.all(
        _CONTACTS.order_by(Contact.occurred_at.desc(), Contact.id.desc()).limit(max(1, min(limit, LIMIT))),
        {"clinic": clinic_id, "patient": patient_id},
    )
    await record(
        tx, viewer, "contacts.read", "patient", patient_id, now=now, patient_id=patient_id, count=len(rows)
    )
    return tuple(_facts(tx, row) for row in rows)


async def contact(
    tx: Tx, viewer: Actor, patient_id: UUID, contact_id: UUID, *, now: datetime
) -> ContactFacts:
    clinic_id = require(viewer, *CLINICAL)
    row = await tx.first(
        _CONTACTS.where(Contact.id == contact_id), {"clinic": clinic_id, "patient": patient_id}
    )
    if row is None:
        raise NotFound("contact")
    await record(tx, viewer, "contact.read", "contact", contact_id, now=now, patient_id=patient_id)
    return _facts(tx, row)


_SEALED: Final = (
    "adherence_note", "side_effects_note", "homework", "medication", "next_contact_purpose", "question"
)  # fmt: skip


def _facts(tx: Tx, row: Row[Any]) -> ContactFacts:
    opened: dict[str, Any] = {name: tx.vault.open_or_none(getattr(row, f"{name}_sealed")) for name in _SEALED}
    plain: dict[str, Any] = {
        name: getattr(row, name)
        for name in ContactFacts.__struct_fields__
        if name not in opened and name not in ("note", "next_contact_mode")
    }
    return ContactFacts(
        **plain,
        **opened,
        note=tx.vault.open_or_none(row.note_sealed) or "",
        next_contact_mode=cast(ContactMode | None, row.next_contact_mode),
    )
