"""A patient's way into care, who is responsible, and what comes next. Changes of status are in `status.py`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid
from registry.access import CARE, require
from registry.episodes import records, rules
from registry.episodes.forms import (
    CareConsentForm,
    ContactMode,
    CourseForm,
    EnrolmentForm,
    InitiatingVisit,
    ReferralForm,
    TeamForm,
)
from registry.episodes.matches import refuse_known
from registry.episodes.status import change_status, mark_deceased, undo_deceased
from registry.episodes.tables import Episode
from registry.launch.room import check_room
from registry.organisation import queries as organisation
from registry.organisation.rules import ClinicFacts
from registry.patients import records as patient_records
from registry.patients import rules as patient_rules
from registry.patients.forms import Channel, PersonForm, PhoneForm, PreferencesForm
from registry.patients.rules import Hindrance
from registry.patients.service import approved_languages, insert_coverage, refuse
from registry.patients.tables import Coverage
from registry.phones import BadNumber, e164
from registry.plans import service as plans
from registry.ports import ContentLevel, Outreach
from registry.working_time import noon
from registry.worklist import service as worklist

__all__ = [
    "Enrolled",
    "change_course",
    "change_status",
    "enrol",
    "mark_deceased",
    "record_care_consent",
    "refer",
    "set_next_contact",
    "undo_deceased",
]

IN_CARE_ALREADY = "the patient is in care already"


class Enrolled(msgspec.Struct, frozen=True):
    """`held`: why nothing automatic goes out yet, e.g. a minor before the adolescent policy is signed."""

    patient_id: UUID
    episode_id: UUID
    held: Hindrance | None


async def refer(tx: Tx, actor: Actor, form: ReferralForm, *, now: datetime) -> UUID:
    """The patient's id. Raises `Invalid` with every problem; `Conflict` for a record number or phone in use, for a name
    and date of birth that are known (`known_patient`), or for somebody who waits or is in care already."""
    clinic_id = require(actor, *CARE, "consultant")
    clinic = await organisation.clinic(tx, clinic_id)
    refuse(rules.check_referral(form, clinic.local_date(now)))
    phone = (
        None if patient_rules.clean(form.phone) is None else PhoneForm(form.phone or "", form.phone_shared)
    )
    if form.patient_id is None:
        if not form.another_person:
            await refuse_known(tx, clinic_id, form)
        channel: Channel = "none" if phone is None else "phone"
        patient_id = await patient_records.insert_patient(
            tx,
            clinic_id,
            patient_records.person_values(tx, _person_of(form)),
            patient_records.wish_values(PreferencesForm(form.language, None, channel)),
            is_test=form.is_test,
            now=now,
        )
    else:
        patient_id = await _free_patient(tx, clinic_id, form.patient_id)
    if phone is not None:
        await patient_records.write_phone(tx, actor, clinic_id, patient_id, phone, now)
    episode_id = await _insert_episode(
        tx, clinic_id, patient_id, {"status": "referred"}, form.referred_by, form.reason, now
    )
    await records.note_status(
        tx, actor, (clinic_id, episode_id), (None, "referred", "referred"), clinic.local_date(now), now=now
    )
    await worklist.refresh(tx, episode_id, now=now)
    await audit.record(tx, actor, "patient.referred", "episode", episode_id, now=now, patient_id=patient_id)
    return patient_id


async def enrol(
    tx: Tx,
    actor: Actor,
    form: EnrolmentForm,
    *,
    now: datetime,
    outreach: Outreach,
    started_on: date | None = None,
) -> Enrolled:
    """Completes a referral, or takes somebody into care directly. All or nothing. `started_on`: the clinic date on
    which care began for somebody who is brought in from another registry; what is recorded now stays dated now.

    Raises `Invalid` with every missing or contradictory item; `Conflict` when the record number or the phone is
    another patient's, the patient is in care already or has died, `version` is stale, or a pilot has no place left.
    """
    clinic_id = require(actor, *CARE)
    clinic = await organisation.clinic(tx, clinic_id)
    patient, episode = await _waiting(tx, clinic_id, form)
    form, on_file = await _with_known_phone(tx, form, outreach)
    today = clinic.local_date(now)
    staff = await organisation.roles_of_staff(tx, clinic_id, _team_ids(form.team))
    refuse(
        rules.check_enrolment(
            form,
            now=now,
            today=today,
            has_referral=episode is not None,
            on_file=on_file,
            staff=staff,
            languages=approved_languages(),
        )
    )
    if started_on is not None and started_on > today:
        raise Invalid.field("started_on", "is in the future")
    if not form.is_test:
        await check_room(tx, clinic_id)
    patient_id = await _write_patient(tx, actor, clinic_id, patient, form, now)
    since = today if started_on is None else started_on
    referred_at = now if since == today else noon(since, clinic.zone)
    episode_id = await _write_episode(
        tx, actor, clinic_id, patient_id, episode, form, since, now, referred_at
    )
    if form.texting_consent is not None:
        await outreach.record_texting_consent(tx, actor, patient_id, form.texting_consent, now=now)
    if patient is not None:
        await outreach.contact_changed(tx, patient_id, now=now)
    await worklist.refresh_patient(tx, patient_id, now=now)
    await audit.record(
        tx,
        actor,
        "patient.enrolled",
        "episode",
        episode_id,
        now=now,
        patient_id=patient_id,
        consent=form.care_consent.wording_version,
    )
    return Enrolled(patient_id, episode_id, _held(form, clinic, today))


async def change_course(tx: Tx, actor: Actor, patient_id: UUID, form: CourseForm, *, now: datetime) -> None:
    """The team, the target condition and the initiating visit, all of them as the form says."""
    clinic_id = require(actor, *CARE)
    patient = await patient_records.locked(tx, clinic_id, patient_id)
    row = await records.open_episode(tx, patient_id)
    patient_records.refuse_stale(row.version, form.version)
    clinic = await organisation.clinic(tx, clinic_id)
    staff = await organisation.roles_of_staff(tx, clinic_id, _team_ids(form.team))
    problems = rules.check_team(form.team, staff) + rules.check_condition(form.target_condition)
    problems += rules.check_visit(form.initiating_visit, patient.birth_date, clinic.local_date(now))
    refuse(problems)
    values = _course_values(form.team, form.target_condition, form.initiating_visit)
    changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
    await records.change_episode(tx, row.id, values, now)
    await worklist.refresh(tx, row.id, now=now)
    await audit.record(
        tx, actor, "episode.changed", "episode", row.id, now=now, patient_id=patient_id, fields=changed
    )


async def record_care_consent(
    tx: Tx, actor: Actor, patient_id: UUID, form: CareConsentForm, *, now: datetime
) -> UUID:
    """Agreement given again or in newer words; earlier rows stay."""
    clinic_id = require(actor, *CARE)
    patient = await patient_records.locked(tx, clinic_id, patient_id)
    row = await records.open_episode(tx, patient_id)
    refuse(rules.check_care_consent(form, patient.birth_date, now=now))
    consent_id = await records.insert_consent(tx, actor, clinic_id, row.id, "given", form, now)
    await audit.record(
        tx, actor, "care_consent.recorded", "care_consent", consent_id, now=now, patient_id=patient_id
    )
    return consent_id


async def set_next_contact(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    at: datetime | None,
    mode: ContactMode | None,
    purpose: str | None,
    *,
    version: int | None = None,
    now: datetime,
) -> None:
    """When and how somebody speaks with the patient next, and about what. Without a moment (`as needed`) the purpose
    must say why. It stays on the episode when that is paused or ends: readers look at the status too."""
    clinic_id = require(actor, *CARE, "consultant")
    await patient_records.locked(tx, clinic_id, patient_id)
    row = await records.open_episode(tx, patient_id)
    patient_records.refuse_stale(row.version, version)
    refuse(rules.check_next_contact(at, mode, purpose, now))
    about = patient_rules.clean(purpose)
    values = {
        "next_contact_at": at,
        "next_contact_mode": mode if at is not None else None,
        "next_contact_purpose_sealed": None if about is None else tx.vault.seal(about),
    }
    await records.change_episode(tx, row.id, values, now)
    await worklist.refresh(tx, row.id, now=now)
    await audit.record(
        tx,
        actor,
        "next_contact.set",
        "episode",
        row.id,
        now=now,
        patient_id=patient_id,
        planned=at is not None,
    )


async def _free_patient(tx: Tx, clinic_id: UUID, patient_id: UUID) -> UUID:
    """Somebody who was in care before and is not now."""
    row = await patient_records.locked(tx, clinic_id, patient_id)
    if row.deceased_on is not None:
        raise Conflict("the patient has died", code="deceased")
    episode = await records.newest(tx, patient_id)
    if episode is not None and episode.status != "ended":
        raise Conflict(IN_CARE_ALREADY, code="in_care")
    return patient_id


async def _waiting(tx: Tx, clinic_id: UUID, form: EnrolmentForm) -> tuple[Any, Any]:
    """(patient, referral) rows the form names, each None when there is none."""
    if form.patient_id is None:
        return None, None
    patient = await patient_records.locked(tx, clinic_id, form.patient_id)
    patient_records.refuse_stale(patient.version, form.version)
    if patient.deceased_on is not None:
        raise Conflict("the patient has died", code="deceased")
    episode = await records.newest(tx, form.patient_id)
    if episode is None or episode.status == "ended":
        return patient, None
    if episode.status == "on_hold" and episode.status_before_hold == "referred":
        raise Conflict("the referral is on hold: resume it first", code="on_hold")
    if episode.status != "referred":
        raise Conflict(IN_CARE_ALREADY, code="in_care")
    return patient, episode


async def _with_known_phone(
    tx: Tx, form: EnrolmentForm, outreach: Outreach
) -> tuple[EnrolmentForm, ContentLevel | None]:
    """The form with the number on file when it names none, and what a consent for that same number allows."""
    if form.patient_id is None:
        return form, None
    known = await patient_records.current_phone_form(tx, form.patient_id)
    if known is None:
        return form, None
    if form.phone is None:
        form = msgspec.structs.replace(form, phone=known)
    same = form.phone is not None and _number(form.phone) == known.phone
    patient_id = form.patient_id
    return form, await outreach.texting_consent(tx, patient_id) if same and patient_id is not None else None


async def _write_patient(
    tx: Tx, actor: Actor, clinic_id: UUID, row: Any, form: EnrolmentForm, now: datetime
) -> UUID:
    person = patient_records.person_values(tx, form.person)
    wishes = patient_records.wish_values(form.preferences)
    if row is None:
        patient_id = await patient_records.insert_patient(
            tx, clinic_id, person, wishes, is_test=form.is_test, now=now
        )
    else:
        patient_id = row.id
        await patient_records.update_patient(tx, row, person | wishes, now)
        await plans.retire(tx, patient_id, now=now)
    if form.phone is not None:
        await patient_records.write_phone(tx, actor, clinic_id, patient_id, form.phone, now)
    known = {
        (line.rank, line.payer, line.valid_from)
        for line in await tx.all(select(Coverage.__table__).where(Coverage.patient_id == patient_id))
    }
    for line in form.coverage:
        if (line.rank, line.payer.strip(), line.valid_from) not in known:
            await insert_coverage(tx, clinic_id, patient_id, line, now)
    return patient_id


async def _write_episode(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    patient_id: UUID,
    referral: Any,
    form: EnrolmentForm,
    since: date,
    now: datetime,
    referred_at: datetime,
) -> UUID:
    values: dict[str, Any] = {"status": "active", "enrolled_on": since}
    values |= _course_values(form.team, form.target_condition, form.initiating_visit)
    if referral is None:
        by, reason = form.referred_by or "", form.referral_reason or ""
        values["referred_at"] = referred_at
        episode_id = await _insert_episode(tx, clinic_id, patient_id, values, by, reason, now)
    else:
        episode_id = referral.id
        await records.change_episode(tx, episode_id, values, now)
    before = None if referral is None else "referred"
    change = (before, "active", "enrolled")
    await records.note_status(tx, actor, (clinic_id, episode_id), change, since, now=now)
    await records.insert_consent(tx, actor, clinic_id, episode_id, "given", form.care_consent, now)
    return episode_id


async def _insert_episode(
    tx: Tx, clinic_id: UUID, patient_id: UUID, values: dict[str, Any], by: str, reason: str, now: datetime
) -> UUID:
    episode_id = tx.new_id()
    fresh = dict.fromkeys(c.name for c in Episode.__table__.columns if c.nullable) | {
        "id": episode_id,
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "referred_at": now,
        "referred_by": by.strip(),
        "referral_reason_sealed": tx.vault.seal(reason.strip()),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    try:
        await tx.execute(insert(Episode), fresh | values)
    except IntegrityError:
        raise Conflict(IN_CARE_ALREADY, code="in_care") from None
    return episode_id


def _course_values(team: TeamForm, condition: str, visit: InitiatingVisit | None) -> dict[str, Any]:
    return {
        "target_condition": rules.icd10(condition),
        "treating_clinician_id": team.treating_clinician_id,
        "care_manager_id": team.care_manager_id,
        "consultant_id": team.consultant_id,
        "initiating_visit_on": None if visit is None else visit.on,
        "initiating_visit_code": None if visit is None else visit.code,
    }


def _held(form: EnrolmentForm, clinic: ClinicFacts, today: date) -> Hindrance | None:
    signed = clinic.minor_policy_signed_on
    if patient_rules.is_minor(form.person.birth_date, today) and (signed is None or signed > today):
        return "minor_without_policy"
    return None


def _person_of(form: ReferralForm) -> PersonForm:
    return PersonForm(form.family_name, form.given_name, form.birth_date, patient_rules.clean(form.mrn))


def _team_ids(team: TeamForm) -> tuple[UUID, ...]:
    return (team.treating_clinician_id, team.care_manager_id, team.consultant_id)


def _number(form: PhoneForm) -> str | None:
    try:
        return e164(form.phone)
    except BadNumber:
        return None
