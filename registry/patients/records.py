"""Rows of people and phones, written for this room's commands and for enrolment. No audit of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, NotFound
from registry.episodes.tables import Episode
from registry.patients import rules
from registry.patients.forms import PersonForm, PhoneForm, PreferencesForm
from registry.patients.tables import Patient, PatientPhone
from registry.phones import e164

MRN_TAKEN: Final = "mrn: another patient of this clinic has this record number"
PHONE_TAKEN: Final = "phone: another patient of this clinic has this number; mark it as shared if both use it"
STALE: Final = "someone else changed this meanwhile; look at it again"


class WrittenPhone(msgspec.Struct, frozen=True):
    """`changed`: the number, or anything that is known about it."""

    id: UUID
    number_changed: bool
    changed: bool = True


async def locked(tx: Tx, clinic_id: UUID, patient_id: UUID) -> Any:
    """The patient's row, locked until the end of the transaction. Another clinic's patient is `NotFound`."""
    row = await tx.first(
        select(Patient.__table__)
        .where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("patient")
    return row


def refuse_stale(stored: int, seen: int | None) -> None:
    """`seen` is the version the caller looked at; None when the caller edits without having looked."""
    if seen is not None and seen != stored:
        raise Conflict(STALE, code="stale")


async def insert_patient(
    tx: Tx, clinic_id: UUID, person: dict[str, Any], wishes: dict[str, Any], *, is_test: bool, now: datetime
) -> UUID:
    patient_id = tx.new_id()
    fresh = {
        "id": patient_id,
        "clinic_id": clinic_id,
        "deceased_on": None,
        "is_test": is_test,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    await refuse_taken_mrn(tx, clinic_id, patient_id, person["mrn"])
    try:
        await tx.execute(insert(Patient), fresh | person | wishes)
    except IntegrityError:
        raise Conflict(MRN_TAKEN, code="mrn_taken") from None
    return patient_id


async def update_patient(tx: Tx, row: Any, values: dict[str, Any], now: datetime) -> list[str]:
    """Writes what differs and gives the names of those columns; the version rises in any case."""
    if "mrn" in values:
        await refuse_taken_mrn(tx, row.clinic_id, row.id, values["mrn"])
    changed = differing(tx, row, values)
    kept = {name: values[name] for name in changed}
    try:
        await tx.execute(
            update(Patient)
            .where(Patient.id == row.id)
            .values(**kept, updated_at=now, version=Patient.version + 1)
        )
    except IntegrityError:
        raise Conflict(MRN_TAKEN, code="mrn_taken") from None
    return sorted(changed)


def differing(tx: Tx, row: Any, values: Mapping[str, Any]) -> list[str]:
    """Columns that would change; sealed ones are compared open."""
    return [
        name
        for name, value in values.items()
        if _opened(tx, name, getattr(row, name)) != _opened(tx, name, value)
    ]


async def refuse_taken_mrn(tx: Tx, clinic_id: UUID, patient_id: UUID, mrn: str | None) -> None:
    if mrn is None:
        return
    other = select(Patient.id).where(
        Patient.clinic_id == clinic_id, Patient.mrn == mrn, Patient.id != patient_id
    )
    if await tx.first(other) is not None:
        raise Conflict(MRN_TAKEN, code="mrn_taken")


async def write_phone(
    tx: Tx, actor: Actor, clinic_id: UUID, patient_id: UUID, form: PhoneForm, now: datetime
) -> WrittenPhone:
    """The current number, as a new version unless it stays the same.

    Another patient in care with this number makes it a `Conflict`, unless the form says that it is shared: then
    both rows are marked. A number that only people no longer in care had is taken from them, since a text from it
    would otherwise belong to nobody for certain.
    """
    number = e164(form.phone)
    key = tx.vault.lookup(number)
    await _settle_with_others(tx, actor, clinic_id, patient_id, key, form.phone_shared, now)
    current = await current_phone(tx, patient_id)
    marks = {
        "shared": form.phone_shared,
        "safe_to_text": form.safe_to_text,
        "voicemail_ok": form.voicemail_ok,
    }
    if current is not None and current.phone_key == key:
        state = "unverified" if current.state in {"wrong", "unreachable"} else current.state
        values = marks | {"state": state}
        changed = any(getattr(current, name) != value for name, value in values.items())
        await _write_row(tx, update(PatientPhone).where(PatientPhone.id == current.id).values(**values))
        return WrittenPhone(current.id, False, changed)
    if current is not None:
        await tx.execute(update(PatientPhone).where(PatientPhone.id == current.id).values(replaced_at=now))
    phone_id = tx.new_id()
    fresh = {
        "id": phone_id,
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "phone_sealed": tx.vault.seal(number),
        "phone_key": key,
        "state": "unverified",
        "created_at": now,
        "verified_at": None,
        "replaced_at": None,
    }
    await _write_row(tx, insert(PatientPhone).values(**fresh, **marks))
    return WrittenPhone(phone_id, True)


async def current_phone(tx: Tx, patient_id: UUID) -> Any:
    return await tx.first(
        select(PatientPhone.__table__).where(
            PatientPhone.patient_id == patient_id, PatientPhone.replaced_at.is_(None)
        )
    )


async def current_phone_form(tx: Tx, patient_id: UUID) -> PhoneForm | None:
    row = await current_phone(tx, patient_id)
    if row is None:
        return None
    return PhoneForm(tx.vault.open(row.phone_sealed), row.shared, row.safe_to_text, row.voicemail_ok)


def person_values(tx: Tx, form: PersonForm) -> dict[str, Any]:
    """Columns of a checked form; address and emergency contact are sealed."""
    family, given = form.family_name.strip(), form.given_name.strip()
    emergency = form.emergency
    return {
        "family_name": family,
        "given_name": given,
        "name_key": rules.name_key(family, given),
        "mrn": rules.clean(form.mrn),
        "birth_date": form.birth_date,
        "sex": form.sex,
        "address_sealed": None
        if form.address is None
        else tx.vault.seal(msgspec.json.encode(form.address).decode()),
        "emergency_name_sealed": None if emergency is None else tx.vault.seal(emergency.name.strip()),
        "emergency_relation": None if emergency is None else emergency.relation.strip(),
        "emergency_phone_sealed": None if emergency is None else tx.vault.seal(e164(emergency.phone)),
    }


def wish_values(form: PreferencesForm) -> dict[str, Any]:
    return {
        "language": form.language,
        "zone": form.zone,
        "channel": form.channel,
        "second_channel": form.second_channel,
        "window_start": form.window_start,
        "window_end": form.window_end,
    }


def _opened(tx: Tx, column: str, value: Any) -> Any:
    # Sealing the same text twice gives two different values.
    return tx.vault.open_or_none(value) if column.endswith("_sealed") else value


async def _write_row(tx: Tx, statement: Any) -> None:
    try:
        await tx.execute(statement)
    except IntegrityError:
        raise Conflict(PHONE_TAKEN, code="phone_taken") from None


async def _settle_with_others(
    tx: Tx, actor: Actor, clinic_id: UUID, patient_id: UUID, key: str, shared: bool, now: datetime
) -> None:
    in_care = exists().where(Episode.patient_id == Patient.id, Episode.status != "ended")
    holders = await tx.all(
        select(PatientPhone.id, PatientPhone.patient_id, Patient.deceased_on, in_care.label("in_care"))
        .join(Patient, Patient.id == PatientPhone.patient_id)
        .where(
            PatientPhone.clinic_id == clinic_id,
            PatientPhone.phone_key == key,
            PatientPhone.replaced_at.is_(None),
            PatientPhone.state != "wrong",
            PatientPhone.patient_id != patient_id,
        )
        .order_by(PatientPhone.id)
    )
    live = [holder for holder in holders if holder.in_care and holder.deceased_on is None]
    if live and not shared:
        raise Conflict(PHONE_TAKEN, code="phone_taken")
    for holder in holders:
        marked = {"shared": True} if holder in live else {"replaced_at": now}
        action = "phone.marked_shared" if holder in live else "phone.released"
        await tx.execute(update(PatientPhone).where(PatientPhone.id == holder.id).values(**marked))
        await audit.record(
            tx, actor, action, "patient_phone", holder.id, now=now, patient_id=holder.patient_id
        )
