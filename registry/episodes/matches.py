"""Who is known already of those a referral may mean: one person has one record, and care that ended goes on in it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import and_, or_, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict
from registry.access import CARE, require
from registry.episodes.forms import ReferralForm
from registry.episodes.tables import Episode
from registry.patients import rules as patients
from registry.patients.tables import Patient, PatientPhone
from registry.phones import BadNumber, e164

Standing = Literal["referred", "in_care", "paused", "ended", "died"]
By = Literal["mrn", "name", "phone"]
MOST: Final = 5
KNOWN: Final = (
    "another_person: a patient of this clinic has this name and date of birth; look them up, refer them by their "
    "patient_id when their care has ended, or say that this is another person"
)
_COLUMNS: Final = (
    Patient.id,
    Patient.family_name,
    Patient.given_name,
    Patient.birth_date,
    Patient.mrn,
    Patient.deceased_on,
)


class Match(msgspec.Struct, frozen=True):
    """`by`: what the two have in common. Only somebody `ended` is referred again."""

    patient_id: UUID
    family_name: str
    given_name: str
    birth_date: date | None
    standing: Standing
    by: By


def standing_of(status: str | None, died: bool) -> Standing:
    """From the newest episode's status; a patient without any counts as ended: a new referral is what is missing."""
    if died:
        return "died"
    match status:
        case "referred":
            return "referred"
        case "active" | "relapse_prevention":
            return "in_care"
        case "on_hold" | "inactive_disengaged":
            return "paused"
        case _:
            return "ended"


async def matches(tx: Tx, viewer: Actor, form: ReferralForm, *, now: datetime) -> tuple[Match, ...]:
    """By record number, by name and date of birth, by number: at most 5 of each, each patient once."""
    clinic_id = require(viewer, *CARE, "consultant")
    rows: dict[UUID, tuple[By, Any]] = {}
    for by, where in _ways(tx, form):
        query = (
            select(*_COLUMNS).where(Patient.clinic_id == clinic_id, where).order_by(Patient.id).limit(MOST)
        )
        for row in await tx.all(query):
            rows.setdefault(row.id, (by, row))
    statuses = await _statuses(tx, list(rows))
    found = tuple(_match(by, row, statuses.get(row.id)) for by, row in rows.values())
    for one in found:
        await audit.record(
            tx, viewer, "patient.matched", "patient", one.patient_id,
            now=now, patient_id=one.patient_id, by=one.by,
        )  # fmt: skip
    return found


async def refuse_known(tx: Tx, clinic_id: UUID, form: ReferralForm) -> None:
    """Raises `Conflict` when somebody of the clinic has the name and the date of birth. Where either date of birth is
    missing, the name alone is enough to ask."""
    query = select(Patient.id).where(Patient.clinic_id == clinic_id, _same_name(form)).limit(1)
    if await tx.first(query) is not None:
        raise Conflict(KNOWN, code="known_patient")


def _ways(tx: Tx, form: ReferralForm) -> list[tuple[By, Any]]:
    ways: list[tuple[By, Any]] = []
    if (mrn := patients.clean(form.mrn)) is not None:
        ways.append(("mrn", Patient.mrn == mrn))
    ways.append(("name", _same_name(form)))
    try:
        key = tx.vault.lookup(e164(form.phone or ""))
    except BadNumber:
        return ways
    same = select(PatientPhone.patient_id).where(
        PatientPhone.phone_key == key, PatientPhone.replaced_at.is_(None), PatientPhone.state != "wrong"
    )
    return [*ways, ("phone", Patient.id.in_(same))]


def _same_name(form: ReferralForm) -> Any:
    key = patients.name_key(form.family_name.strip(), form.given_name.strip())
    named = Patient.name_key == key
    if form.birth_date is None:
        return named
    return and_(named, or_(Patient.birth_date == form.birth_date, Patient.birth_date.is_(None)))


async def _statuses(tx: Tx, patient_ids: list[UUID]) -> dict[UUID, str]:
    """Of each one's open episode, else `ended`."""
    rows = await tx.all(
        select(Episode.patient_id, Episode.status)
        .where(Episode.patient_id.in_(patient_ids))
        .order_by(Episode.status != "ended")
    )
    return {row.patient_id: row.status for row in rows}


def _match(by: By, row: Any, status: str | None) -> Match:
    return Match(
        patient_id=row.id,
        family_name=row.family_name,
        given_name=row.given_name,
        birth_date=row.birth_date,
        standing=standing_of(status, row.deceased_on is not None),
        by=by,
    )
