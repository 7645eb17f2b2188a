"""A patient as a person sees them, and as messaging needs them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import and_, bindparam, exists, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import NotFound
from registry import zones
from registry.access import CLINICAL, require
from registry.episodes.queries import EarlierEpisode, EpisodeFacts, episodes_of
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic
from registry.patients.forms import (
    Address,
    Channel,
    EmergencyContact,
    SecondChannel,
    Sex,
    Subscriber,
    SubscriberName,
)
from registry.patients.rules import PhoneFacts, TextingFacts, age_on
from registry.patients.tables import Coverage, Patient, PatientPhone

MOST_COVERAGES: Final = 50


class CoverageLine(msgspec.Struct, frozen=True):
    id: UUID
    rank: int
    payer: str
    payer_id: str | None
    plan: str | None
    member_id: str | None
    subscriber: Subscriber
    valid_from: date
    valid_to: date | None
    subscriber_family: str = ""
    subscriber_given: str = ""


class PatientPage(msgspec.Struct, frozen=True):
    """`clinical` is False for a biller, who gets what the bill needs: no emergency contact and no clinical text.
    `phone` is the current number; `age` in whole years on the clinic's date."""

    id: UUID
    version: int
    clinical: bool
    family_name: str
    given_name: str
    mrn: str | None
    birth_date: date | None
    age: int | None
    sex: Sex | None
    address: Address | None
    emergency: EmergencyContact | None
    phone: PhoneFacts | None
    language: str
    zone: str | None
    channel: Channel
    second_channel: SecondChannel | None
    window_start: time | None
    window_end: time | None
    deceased_on: date | None
    is_test: bool
    coverage: tuple[CoverageLine, ...]
    episode: EpisodeFacts | None
    earlier_episodes: tuple[EarlierEpisode, ...]
    code_word: str | None = None
    interpreter: bool = False


class NumberOwner(msgspec.Struct, frozen=True):
    """A patient whose current number this is; `in_care` while an episode is open and the patient lives."""

    patient_id: UUID
    phone_id: UUID
    shared: bool
    in_care: bool


_PHONE_COLUMNS = (
    PatientPhone.id.label("phone_id"),
    PatientPhone.phone_sealed,
    PatientPhone.phone_key,
    PatientPhone.state.label("phone_state"),
    PatientPhone.shared,
    PatientPhone.safe_to_text,
    PatientPhone.voicemail_ok,
)
_CURRENT_PHONE = and_(PatientPhone.patient_id == Patient.id, PatientPhone.replaced_at.is_(None))
_PATIENT = (
    select(Patient.__table__, *_PHONE_COLUMNS, Clinic.zone.label("clinic_zone"))
    .join(Clinic, Clinic.id == Patient.clinic_id)
    .outerjoin(PatientPhone, _CURRENT_PHONE)
    .where(Patient.id == bindparam("patient"), Patient.clinic_id == bindparam("clinic"))
)
_COVERAGE = (
    select(Coverage.__table__)
    .where(Coverage.patient_id == bindparam("patient"))
    .order_by(Coverage.rank, Coverage.valid_from.desc(), Coverage.id)
    .limit(MOST_COVERAGES)
)
_TEXTING = (
    select(
        Patient.id,
        Patient.clinic_id,
        Patient.language,
        Patient.zone,
        Patient.birth_date,
        Patient.channel,
        Patient.second_channel,
        Patient.window_start,
        Patient.window_end,
        Patient.deceased_on,
        Patient.is_test,
        Episode.id.label("episode_id"),
        Episode.status,
        Episode.enrolled_on,
        Episode.care_manager_id,
        Clinic.minor_policy_signed_on,
        *_PHONE_COLUMNS,
    )
    .join(Clinic, Clinic.id == Patient.clinic_id)
    .outerjoin(PatientPhone, _CURRENT_PHONE)
    .outerjoin(Episode, and_(Episode.patient_id == Patient.id, Episode.status != "ended"))
    .where(Patient.id.in_(bindparam("patients", expanding=True)))
)
_IN_CARE = exists().where(Episode.patient_id == Patient.id, Episode.status != "ended")
_OWNERS = (
    select(
        PatientPhone.patient_id,
        PatientPhone.id,
        PatientPhone.shared,
        and_(_IN_CARE, Patient.deceased_on.is_(None)).label("in_care"),
    )
    .join(Patient, Patient.id == PatientPhone.patient_id)
    .where(
        PatientPhone.clinic_id == bindparam("clinic"),
        PatientPhone.phone_key == bindparam("key"),
        PatientPhone.replaced_at.is_(None),
        PatientPhone.state != "wrong",
    )
    .order_by(PatientPhone.id)
)


async def patient(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> PatientPage:
    """Raises `NotFound` for another clinic's patient, `Forbidden` for an administrator."""
    clinic_id = require(viewer, *CLINICAL, "biller")
    clinical = viewer.kind == "system" or viewer.has(*CLINICAL)
    row = await tx.first(_PATIENT, {"patient": patient_id, "clinic": clinic_id})
    if row is None:
        raise NotFound("patient")
    coverage = await tx.all(_COVERAGE, {"patient": patient_id})
    episode, earlier = await episodes_of(tx, patient_id, clinical=clinical, zone=row.clinic_zone, now=now)
    today = zones.local_date(now, row.clinic_zone)
    await audit.record(tx, viewer, "patient.read", "patient", patient_id, now=now, patient_id=patient_id)
    return PatientPage(
        id=row.id,
        version=row.version,
        clinical=clinical,
        family_name=row.family_name,
        given_name=row.given_name,
        mrn=row.mrn,
        birth_date=row.birth_date,
        age=None if row.birth_date is None else age_on(row.birth_date, today),
        sex=row.sex,
        address=_address(tx, row),
        emergency=_emergency(tx, row) if clinical else None,
        phone=_phone(tx, row),
        language=row.language,
        zone=row.zone,
        channel=cast(Channel, row.channel),
        second_channel=row.second_channel,
        window_start=row.window_start,
        window_end=row.window_end,
        deceased_on=row.deceased_on,
        is_test=row.is_test,
        coverage=tuple(_coverage(tx, line) for line in coverage),
        episode=episode,
        earlier_episodes=earlier,
        code_word=tx.vault.open_or_none(row.code_word_sealed) if clinical else None,
        interpreter=bool(row.interpreter),
    )


async def texting_facts(tx: Tx, patient_id: UUID) -> TextingFacts | None:
    """None for an unknown patient. Without audit: no person sees it."""
    return (await texting_facts_of(tx, [patient_id])).get(patient_id)


async def texting_facts_of(tx: Tx, patient_ids: Sequence[UUID]) -> dict[UUID, TextingFacts]:
    """The same for a batch, in one statement."""
    rows = await tx.all(_TEXTING, {"patients": list(patient_ids)})
    return {row.id: _texting(tx, row) for row in rows}


async def owners_of_number(tx: Tx, clinic_id: UUID, phone_key: str) -> tuple[NumberOwner, ...]:
    """Whose current number this is in a clinic; more than one when the phone is shared. Without audit, as above."""
    rows = await tx.all(_OWNERS, {"clinic": clinic_id, "key": phone_key})
    return tuple(NumberOwner(row.patient_id, row.id, row.shared, bool(row.in_care)) for row in rows)


def _texting(tx: Tx, row: Any) -> TextingFacts:
    return TextingFacts(
        patient_id=row.id,
        clinic_id=row.clinic_id,
        language=row.language,
        zone=row.zone,
        birth_date=row.birth_date,
        channel=cast(Channel, row.channel),
        second_channel=row.second_channel,
        window_start=row.window_start,
        window_end=row.window_end,
        phone=_phone(tx, row),
        episode_id=row.episode_id,
        episode_status=row.status,
        enrolled_on=row.enrolled_on,
        care_manager_id=row.care_manager_id,
        deceased=row.deceased_on is not None,
        is_test=row.is_test,
        minor_policy_signed_on=row.minor_policy_signed_on,
    )


def _phone(tx: Tx, row: Any) -> PhoneFacts | None:
    if row.phone_id is None:
        return None
    return PhoneFacts(
        id=row.phone_id,
        number=tx.vault.open(row.phone_sealed),
        key=row.phone_key,
        state=row.phone_state,
        shared=row.shared,
        safe_to_text=row.safe_to_text,
        voicemail_ok=row.voicemail_ok,
    )


def _address(tx: Tx, row: Any) -> Address | None:
    if row.address_sealed is None:
        return None
    return msgspec.json.decode(tx.vault.open(row.address_sealed), type=Address)


def _emergency(tx: Tx, row: Any) -> EmergencyContact | None:
    if row.emergency_name_sealed is None:
        return None
    return EmergencyContact(
        name=tx.vault.open(row.emergency_name_sealed),
        relation=row.emergency_relation,
        phone=tx.vault.open(row.emergency_phone_sealed),
    )


def subscriber_name(tx: Tx, sealed: str | None) -> SubscriberName | None:
    return None if sealed is None else msgspec.json.decode(tx.vault.open(sealed), type=SubscriberName)


def _coverage(tx: Tx, row: Any) -> CoverageLine:
    name = subscriber_name(tx, row.subscriber_name_sealed) or SubscriberName("", "")
    return CoverageLine(
        id=row.id,
        rank=row.rank,
        payer=row.payer,
        payer_id=row.payer_id,
        plan=row.plan,
        member_id=tx.vault.open_or_none(row.member_id_sealed),
        subscriber=cast(Subscriber, row.subscriber),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        subscriber_family=name.family,
        subscriber_given=name.given,
    )
