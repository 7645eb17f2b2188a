"""Amending a saved contact: what was written before stays readable beside what holds now. Minutes have their own
correction in the time log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Forbidden, Invalid, NotFound
from registry.access import CARE, CLINICAL, require
from registry.contacts import rules
from registry.contacts.forms import Adherence, AmendmentForm, ContactOutcome, SideEffects, Skill
from registry.contacts.tables import Contact, ContactAmendment
from registry.disengagement.service import look_after_history
from registry.episodes import records as episode_records
from registry.filing import service as filing
from registry.organisation.tables import Staff
from registry.patients import records as patient_records
from registry.patients.service import refuse
from registry.worklist import service as worklist

PLAIN: Final = ("outcome", "adherence", "side_effects", "skill")
SEALED: Final = ("note", "adherence_note", "side_effects_note", "homework")


class EarlierVersion(msgspec.Struct, frozen=True):
    """What a contact's record said until `amended_at`, and why it was amended. `number` counts from 1, the record as it
    was saved first."""

    number: int
    outcome: ContactOutcome
    note: str
    adherence: Adherence | None
    adherence_note: str | None
    side_effects: SideEffects | None
    side_effects_note: str | None
    skill: Skill | None
    homework: str | None
    amended_at: datetime
    amended_by: str | None
    reason: str


async def amend(
    tx: Tx, actor: Actor, patient_id: UUID, contact_id: UUID, form: AmendmentForm, *, now: datetime
) -> UUID:
    """The amendment's id. Registry, tries and the last contact follow an outcome that changes; a copy in the EHR is
    asked for again.

    Raises `Forbidden` for anybody but whose contact it was, who wrote it down and the clinic lead; `Invalid` with every
    problem, or when nothing differs; `NotFound`; `Conflict` when somebody amended it meanwhile.
    """
    clinic_id = require(actor, *CARE)
    await patient_records.locked(tx, clinic_id, patient_id)
    row = await _locked(tx, clinic_id, patient_id, contact_id)
    leads = actor.kind == "system" or actor.has("clinic_lead")
    if not rules.may_amend(row.staff_id, row.recorded_by_id, episode_records.staff_id(actor), leads=leads):
        raise Forbidden(
            "only whose contact it was, who wrote it or the clinic lead can amend it", code="not_yours"
        )
    patient_records.refuse_stale(row.amendments, form.version)
    refuse(rules.check_amendment(row.kind, form))
    changed = _changed(tx, row, form)
    if not changed:
        raise Invalid.field("reason", "is given, but nothing differs from what is saved")
    amendment_id = await _keep(tx, actor, row, form, now)
    spoken = rules.is_contact(row.kind, form.outcome)
    values = _values(tx, form) | {"spoken": spoken, "amendments": row.amendments + 1}
    await tx.execute(update(Contact).where(Contact.id == contact_id).values(**values))
    if spoken != row.spoken:
        await _tell_registry(tx, row, now)
    await _ask_for_copy(tx, row, form, spoken, now)
    await audit.record(
        tx, actor, "contact.amended", "contact", contact_id,
        now=now, patient_id=patient_id, number=row.amendments + 1, fields=changed,
    )  # fmt: skip
    return amendment_id


async def earlier_versions(
    tx: Tx, viewer: Actor, patient_id: UUID, contact_id: UUID, *, now: datetime
) -> tuple[EarlierVersion, ...]:
    """The newest first; empty for a contact that was never amended. Raises NotFound."""
    clinic_id = require(viewer, *CLINICAL)
    mine = (
        Contact.id == contact_id,
        Contact.patient_id == patient_id,
        Contact.clinic_id == clinic_id,
    )
    if await tx.first(select(Contact.id).where(*mine)) is None:
        raise NotFound("contact")
    rows = await tx.all(
        select(ContactAmendment.__table__, Staff.name.label("amended_by"))
        .outerjoin(Staff, Staff.id == ContactAmendment.amended_by_id)
        .where(ContactAmendment.contact_id == contact_id, ContactAmendment.clinic_id == clinic_id)
        .order_by(ContactAmendment.number.desc())
        .limit(rules.MOST_AMENDMENTS)
    )
    await audit.record(
        tx, viewer, "contact_versions.read", "contact", contact_id,
        now=now, patient_id=patient_id, count=len(rows),
    )  # fmt: skip
    return tuple(_version(tx, row) for row in rows)


async def _locked(tx: Tx, clinic_id: UUID, patient_id: UUID, contact_id: UUID) -> Any:
    row = await tx.first(
        select(Contact.__table__)
        .where(Contact.id == contact_id, Contact.patient_id == patient_id, Contact.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("contact")
    return row


async def _keep(tx: Tx, actor: Actor, row: Any, form: AmendmentForm, now: datetime) -> UUID:
    amendment_id = tx.new_id()
    was = {name: getattr(row, name) for name in PLAIN}
    was |= {f"{name}_sealed": getattr(row, f"{name}_sealed") for name in SEALED}
    values = was | {
        "id": amendment_id,
        "clinic_id": row.clinic_id,
        "contact_id": row.id,
        "patient_id": row.patient_id,
        "number": row.amendments + 1,
        "reason_sealed": tx.vault.seal(form.reason.strip()),
        "amended_at": now,
        "amended_by_id": episode_records.staff_id(actor),
    }
    await tx.execute(insert(ContactAmendment), values)
    return amendment_id


async def _tell_registry(tx: Tx, row: Any, now: datetime) -> None:
    """Two people spoke after all, or did not: the last contact and the tries are counted anew."""
    last = await tx.scalar(
        select(func.max(Contact.occurred_at)).where(
            Contact.episode_id == row.episode_id, Contact.spoken.is_(True)
        )
    )
    await worklist.set_last_contact(tx, row.episode_id, last, now)
    await look_after_history(tx, row.clinic_id, row.patient_id, row.episode_id, now=now)


async def _ask_for_copy(tx: Tx, row: Any, form: AmendmentForm, spoken: bool, now: datetime) -> None:
    if await filing.changed(tx, row.clinic_id, "contact", row.id, now=now):
        return
    if form.note.strip() or spoken:
        await filing.offer(
            tx,
            row.clinic_id,
            row.patient_id,
            row.episode_id,
            "contact",
            row.id,
            owner_id=row.staff_id,
            now=now,
        )


def _changed(tx: Tx, row: Any, form: AmendmentForm) -> list[str]:
    """Names of what differs."""
    found = [name for name in PLAIN if getattr(row, name) != getattr(form, name)]
    for name in SEALED:
        stored = tx.vault.open_or_none(getattr(row, f"{name}_sealed")) or ""
        if stored != rules.tidy(getattr(form, name)):
            found.append(name)
    return found


def _values(tx: Tx, form: AmendmentForm) -> dict[str, Any]:
    texts = {name: rules.tidy(getattr(form, name)) for name in SEALED}
    return {name: getattr(form, name) for name in PLAIN} | {
        f"{name}_sealed": tx.vault.seal(text) if text else None for name, text in texts.items()
    }


def _version(tx: Tx, row: Any) -> EarlierVersion:
    texts = {name: tx.vault.open_or_none(getattr(row, f"{name}_sealed")) for name in SEALED}
    return EarlierVersion(
        number=row.number,
        outcome=cast(ContactOutcome, row.outcome),
        note=texts["note"] or "",
        adherence=cast(Adherence | None, row.adherence),
        adherence_note=texts["adherence_note"],
        side_effects=cast(SideEffects | None, row.side_effects),
        side_effects_note=texts["side_effects_note"],
        skill=cast(Skill | None, row.skill),
        homework=texts["homework"],
        amended_at=row.amended_at,
        amended_by=row.amended_by,
        reason=tx.vault.open(row.reason_sealed),
    )
