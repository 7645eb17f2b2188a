"""What a session stands on, asked anew with every request: the number that was proven, still the one person's own.

Another number for the patient, a number that is no longer safe to text or has become somebody else's too, a related
person's end of term, the end of care or a death, and the session is over with the next request. It stands on no less
than a sign-in: a number of two people signs in nobody.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, bindparam, exists, or_, select
from sqlalchemy.orm import aliased

from kernel.db import Tx
from messaging.patient_access import rules
from messaging.patient_access.rules import Scope
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient, PatientPhone
from registry.related_people.rules import in_force
from registry.related_people.tables import RelatedPerson
from registry.zones import ANYWHERE, local_date

ALL: Final[frozenset[Scope]] = frozenset({"contacts", "plan", "messages"})
NOBODY: Final = UUID(int=0)

_OtherPhone, _Other, _OtherEpisode = aliased(PatientPhone), aliased(Patient), aliased(Episode)
_OtherRelated, _OtherCared, _OtherCare = aliased(RelatedPerson), aliased(Patient), aliased(Episode)
_OF_A_PATIENT = (
    exists()
    .where(
        _OtherPhone.phone_key == bindparam("phone"),
        _OtherPhone.replaced_at.is_(None),
        _OtherPhone.state == "verified",
        _OtherPhone.patient_id != bindparam("but_patient"),
        _Other.id == _OtherPhone.patient_id,
        _Other.deceased_on.is_(None),
        _OtherEpisode.patient_id == _Other.id,
        _OtherEpisode.status != "ended",
    )
    .label("of_a_patient")
)
_OF_A_RELATED = (
    exists()
    .where(
        _OtherRelated.phone_key == bindparam("phone"),
        _OtherRelated.id != bindparam("related"),
        _OtherRelated.revoked_at.is_(None),
        _OtherRelated.valid_from <= bindparam("today"),
        or_(_OtherRelated.valid_to.is_(None), _OtherRelated.valid_to >= bindparam("recent")),
        _OtherCared.id == _OtherRelated.patient_id,
        _OtherCared.deceased_on.is_(None),
        _OtherCare.patient_id == _OtherCared.id,
        _OtherCare.status != "ended",
    )
    .label("of_a_related")
)
_STANDING = (
    select(
        Patient.language,
        Patient.given_name,
        Patient.deceased_on,
        PatientPhone.phone_key,
        PatientPhone.state.label("phone_state"),
        PatientPhone.safe_to_text,
        PatientPhone.shared,
        Patient.zone.label("patient_zone"),
        Clinic.zone.label("clinic_zone"),
        RelatedPerson.phone_key.label("related_key"),
        RelatedPerson.scope,
        RelatedPerson.valid_from,
        RelatedPerson.valid_to,
        RelatedPerson.revoked_at,
        exists().where(Episode.patient_id == Patient.id, Episode.status != "ended").label("in_care"),
        _OF_A_PATIENT,
        _OF_A_RELATED,
    )
    .join(Clinic, Clinic.id == Patient.clinic_id)
    .outerjoin(PatientPhone, and_(PatientPhone.patient_id == Patient.id, PatientPhone.replaced_at.is_(None)))
    .outerjoin(
        RelatedPerson, and_(RelatedPerson.id == bindparam("related"), RelatedPerson.patient_id == Patient.id)
    )
    .where(Patient.id == bindparam("patient"), Patient.clinic_id == bindparam("clinic"))
)


async def standing(tx: Tx, row: Any, now: datetime) -> tuple[Any, frozenset[Scope]] | None:
    """The facts on which a session's row stands and the scope that it opens; None when it stands no longer. Enters its
    clinic; people of other clinics count where the transaction sees them, as it does when a device refreshes."""
    await tx.enter_clinic(row.clinic_id)
    key = {
        "patient": row.patient_id,
        "clinic": row.clinic_id,
        "related": row.related_person_id or NOBODY,
        "phone": row.phone_key,
        # A patient's own number is another's for who acts for them on it, and theirs alone for the patient.
        "but_patient": NOBODY if row.related_person_id is not None else row.patient_id,
        "today": now.date(),
        "recent": (now - ANYWHERE).date(),
    }
    facts = await tx.first(_STANDING, key)
    scope = None if facts is None else _scope(row, facts, now)
    return None if scope is None else (facts, scope)


def timed_out(row: Any, now: datetime) -> bool:
    if row.kind == "device":
        return row.access_expires_at is None or now >= row.access_expires_at
    return bool(now >= min(row.last_seen_at + rules.BROWSER_IDLE, row.created_at + rules.BROWSER_LIFE))


def _scope(row: Any, facts: Any, now: datetime) -> frozenset[Scope] | None:
    if not facts.in_care or facts.deceased_on is not None or facts.of_a_patient or facts.of_a_related:
        return None
    if row.related_person_id is None:
        safe = facts.safe_to_text and not facts.shared
        safe = safe and facts.phone_state in ("verified", "unverified")
        return ALL if safe and facts.phone_key == row.phone_key else None
    today = local_date(now, facts.patient_zone or facts.clinic_zone)
    if facts.related_key != row.phone_key or facts.revoked_at is not None:
        return None
    if not in_force(facts.valid_from, facts.valid_to, today):
        return None
    return frozenset(facts.scope) & ALL
