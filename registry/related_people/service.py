"""Adding a person who may act for a patient, and ending it: by staff, or by the patient."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, cast
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, NotFound
from registry.access import CARE, CLINICAL, require
from registry.organisation import queries as organisation
from registry.patients.service import refuse
from registry.patients.tables import Patient
from registry.phones import e164
from registry.related_people import rules
from registry.related_people.rules import Agreed, Basis, RelatedPersonForm, Scope
from registry.related_people.tables import RelatedPerson
from registry.zones import local_date


class RelatedPersonLine(msgspec.Struct, frozen=True):
    """`revoked_at` None and a date inside the term: may sign in now. `replaced`: a changed row took its place."""

    id: UUID
    name: str
    relation: str
    basis: Basis
    phone: str
    scope: tuple[Scope, ...]
    valid_from: date
    valid_to: date | None
    revoked_at: datetime | None
    revoked_by: Literal["patient", "staff"] | None
    agreed_on: date | None = None
    agreed_how: Agreed | None = None
    replaced: bool = False


async def add(tx: Tx, actor: Actor, patient_id: UUID, form: RelatedPersonForm, *, now: datetime) -> UUID:
    """Raises Invalid with every problem, NotFound, Conflict beyond ten in force."""
    clinic_id = require(actor, *CARE)
    refuse(rules.check(form, await _local_date(tx, clinic_id, patient_id, now)))
    if sum(line.revoked_at is None for line in await _lines(tx, clinic_id, patient_id)) >= rules.MOST:
        raise Conflict("ten people may act for this patient already; end one first", code="too_many")
    person_id = await _insert(tx, actor, clinic_id, patient_id, form, None, now)
    await audit.record(
        tx, actor, "related_person.added", "related_person", person_id,
        now=now, patient_id=patient_id, scope=list(form.scope), basis=form.basis,
    )  # fmt: skip
    return person_id


async def change(
    tx: Tx, actor: Actor, patient_id: UUID, person_id: UUID, form: RelatedPersonForm, *, now: datetime
) -> UUID:
    """The id of the row that holds from now on; the earlier one stays as what held before, and the person signs in
    anew. Raises Invalid with every problem, NotFound, Conflict when somebody ended or changed it meanwhile."""
    clinic_id = require(actor, *CARE)
    today = await _local_date(tx, clinic_id, patient_id, now)
    row = await _locked(tx, clinic_id, patient_id, person_id)
    if row.revoked_at is not None:
        raise Conflict("somebody else changed or ended this meanwhile; look at it again", code="stale")
    refuse(rules.check(form, today))
    await _end(tx, person_id, "staff", now)
    changed_id = await _insert(tx, actor, clinic_id, patient_id, form, person_id, now)
    await audit.record(
        tx, actor, "related_person.changed", "related_person", changed_id,
        now=now, patient_id=patient_id, scope=list(form.scope), basis=form.basis,
    )  # fmt: skip
    return changed_id


async def revoke(tx: Tx, actor: Actor, patient_id: UUID, person_id: UUID, *, now: datetime) -> None:
    """By staff, or by the patient, whose agreement it was; a legal authority is ended by staff. At once: the person's
    next request finds no session. Ending it twice changes nothing."""
    own = actor.kind == "patient" and actor.id == patient_id
    clinic_id = _clinic_of_patient(actor) if own else require(actor, *CARE)
    row = await _locked(tx, clinic_id, patient_id, person_id)
    if own and row.basis != "patient_agreed":
        raise Forbidden("only the clinic can end this", code="legal_authority")
    if row.revoked_at is not None:
        return
    by = "patient" if own else "staff"
    await _end(tx, person_id, by, now)
    await audit.record(
        tx, actor, "related_person.revoked", "related_person", person_id,
        now=now, patient_id=patient_id, by=by,
    )  # fmt: skip


async def related_people(
    tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime
) -> tuple[RelatedPersonLine, ...]:
    """Those whose term has ended too, the newest first. For staff and for the patient; raises NotFound."""
    own = viewer.kind == "patient" and viewer.id == patient_id
    clinic_id = _clinic_of_patient(viewer) if own else require(viewer, *CLINICAL)
    known = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(known) is None:
        raise NotFound("patient")
    found = await _lines(tx, clinic_id, patient_id)
    await audit.record(
        tx, viewer, "related_people.read", "patient", patient_id,
        now=now, patient_id=patient_id, count=len(found),
    )  # fmt: skip
    return found


def _clinic_of_patient(actor: Actor) -> UUID:
    if actor.clinic_id is None:
        raise NotFound("patient")
    return actor.clinic_id


async def _local_date(tx: Tx, clinic_id: UUID, patient_id: UUID, now: datetime) -> date:
    """The patient's date, with the patient locked. Raises NotFound."""
    mine = (Patient.id == patient_id, Patient.clinic_id == clinic_id)
    row = await tx.first(select(Patient.zone).where(*mine).with_for_update())
    if row is None:
        raise NotFound("patient")
    return local_date(now, row.zone or (await organisation.clinic(tx, clinic_id)).zone)


async def _locked(tx: Tx, clinic_id: UUID, patient_id: UUID, person_id: UUID) -> Any:
    row = await tx.first(
        select(RelatedPerson.id, RelatedPerson.basis, RelatedPerson.revoked_at)
        .where(
            RelatedPerson.id == person_id,
            RelatedPerson.patient_id == patient_id,
            RelatedPerson.clinic_id == clinic_id,
        )
        .with_for_update()
    )
    if row is None:
        raise NotFound("person")
    return row


async def _end(tx: Tx, person_id: UUID, by: str, now: datetime) -> None:
    await tx.execute(
        update(RelatedPerson).where(RelatedPerson.id == person_id).values(revoked_at=now, revoked_by=by)
    )


async def _insert(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    patient_id: UUID,
    form: RelatedPersonForm,
    replaces_id: UUID | None,
    now: datetime,
) -> UUID:
    number, person_id = e164(form.phone), tx.new_id()
    await tx.execute(
        insert(RelatedPerson),
        {
            "id": person_id,
            "clinic_id": clinic_id,
            "patient_id": patient_id,
            "name_sealed": tx.vault.seal(form.name.strip()),
            "relation": form.relation.strip(),
            "basis": form.basis,
            "phone_sealed": tx.vault.seal(number),
            "phone_key": tx.vault.lookup(number),
            "scope": list(form.scope),
            "valid_from": form.valid_from,
            "valid_to": form.valid_to,
            "agreed_on": form.agreed_on,
            "agreed_how": form.agreed_how,
            "replaces_id": replaces_id,
            "created_at": now,
            "created_by_id": actor.id if actor.kind == "staff" else None,
            "revoked_at": None,
            "revoked_by": None,
        },
    )
    return person_id


async def _lines(tx: Tx, clinic_id: UUID, patient_id: UUID) -> tuple[RelatedPersonLine, ...]:
    rows = await tx.all(
        select(RelatedPerson.__table__)
        .where(RelatedPerson.patient_id == patient_id, RelatedPerson.clinic_id == clinic_id)
        .order_by(RelatedPerson.created_at.desc(), RelatedPerson.id)
        .limit(100)
    )
    replaced = {row.replaces_id for row in rows}
    return tuple(_line(tx, row, row.id in replaced) for row in rows)


def _line(tx: Tx, row: Any, replaced: bool) -> RelatedPersonLine:
    return RelatedPersonLine(
        id=row.id,
        name=tx.vault.open(row.name_sealed),
        relation=row.relation,
        basis=cast(Basis, row.basis),
        phone=tx.vault.open(row.phone_sealed),
        scope=tuple(row.scope),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        agreed_on=row.agreed_on,
        agreed_how=row.agreed_how,
        replaced=replaced,
    )
