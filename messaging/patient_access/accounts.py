"""Whose number it is that asks to sign in. A number that stands for more than one person signs in nobody: a code would
reach both, and neither may read what is the other's."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, exists, or_, select

from kernel.db import Tx
from messaging.patient_access.rules import Account
from messaging.schedule.facts import IN_CARE
from registry.episodes.tables import Episode
from registry.organisation import queries as organisation
from registry.patients import queries as patients
from registry.patients import rules as patient_rules
from registry.patients.tables import Patient, PatientPhone
from registry.related_people.rules import in_force
from registry.related_people.tables import RelatedPerson
from registry.zones import ANYWHERE, local_date

_IN_CARE: ColumnElement[bool] = exists().where(
    Episode.patient_id == Patient.id, Episode.status.in_(IN_CARE), Patient.deceased_on.is_(None)
)
_PATIENTS = (
    select(
        Patient.clinic_id,
        Patient.id,
        Patient.language,
        PatientPhone.id.label("phone_id"),
        PatientPhone.shared,
    )
    .join(PatientPhone, PatientPhone.patient_id == Patient.id)
    .where(
        PatientPhone.phone_key == bindparam("key"),
        PatientPhone.replaced_at.is_(None),
        PatientPhone.state == "verified",
        PatientPhone.safe_to_text,
        _IN_CARE,
    )
    .limit(3)
)
_RELATED = (
    select(Patient.clinic_id, Patient.id, Patient.language, Patient.zone, RelatedPerson.id.label("related_id"),
           RelatedPerson.valid_from, RelatedPerson.valid_to)
    .join(RelatedPerson, RelatedPerson.patient_id == Patient.id)
    .where(
        RelatedPerson.phone_key == bindparam("key"),
        RelatedPerson.revoked_at.is_(None),
        or_(RelatedPerson.valid_to.is_(None), RelatedPerson.valid_to >= bindparam("recent")),
        _IN_CARE,
    )
    .limit(3)
)  # fmt: skip


async def account_of(tx: Tx, phone_key: str, *, now: datetime) -> tuple[Account, UUID | None] | None:
    """The one account of a number with the phone it is on file as, None for a related person's. Needs a transaction
    that sees every clinic; without audit, since nobody sees it."""
    mine = await tx.all(_PATIENTS, {"key": phone_key})
    theirs = [
        row
        for row in await tx.all(_RELATED, {"key": phone_key, "recent": (now - ANYWHERE).date()})
        if await _in_force(tx, row, now)
    ]
    if len(mine) + len(theirs) != 1 or any(row.shared for row in mine):
        return None
    row = (*mine, *theirs)[0]
    related_id = row.related_id if theirs else None
    account = Account(row.clinic_id, row.id, related_id, row.language)
    if not await _may_sign_in(tx, account, now):
        return None
    return account, row.phone_id if mine else None


async def number_of(tx: Tx, account: Account, phone_id: UUID | None) -> str:
    """In E.164, as it is on file for an account that `account_of` found."""
    if account.related_person_id is not None:
        held = select(RelatedPerson.phone_sealed).where(RelatedPerson.id == account.related_person_id)
    else:
        held = select(PatientPhone.phone_sealed).where(PatientPhone.id == phone_id)
    return tx.vault.open(await tx.scalar(held))


async def _in_force(tx: Tx, row: Any, now: datetime) -> bool:
    zone = row.zone or (await organisation.clinic(tx, row.clinic_id)).zone
    return in_force(row.valid_from, row.valid_to, local_date(now, zone))


async def _may_sign_in(tx: Tx, account: Account, now: datetime) -> bool:
    """A minor's own page waits for the clinic's signed adolescent policy, as a minor's texts do."""
    facts = await patients.texting_facts(tx, account.patient_id)
    if facts is None:
        return False
    today = (await organisation.clinic(tx, account.clinic_id)).local_date(now)
    found = patient_rules.hindrance_to_care(facts, today)
    return found is None or (found == "minor_without_policy" and account.related_person_id is not None)
