"""Changes to a patient's details, phone, wishes and payers. (Enrolment is in the episodes' room.)"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Invalid, NotFound, Problem
from questionnaires import catalog
from registry.access import CARE, require
from registry.patients import records, rules
from registry.patients.forms import (
    CoverageForm,
    PersonForm,
    PhoneForm,
    PhoneState,
    PreferencesForm,
    SubscriberName,
    Untexted,
)
from registry.patients.tables import Coverage, PatientPhone
from registry.ports import Outreach, TextingConsentForm

# What a check-in asks; a language needs both in approved wording before it can be written to.
CHECK_IN_INSTRUMENTS: Final = ("phq9", "gad7")


def approved_languages() -> frozenset[str]:
    """Languages in which every check-in instrument has approved wording."""
    spoken = [frozenset(catalog.languages(instrument)) for instrument in CHECK_IN_INSTRUMENTS]
    return frozenset.intersection(*spoken)


async def change_phone(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    form: PhoneForm,
    *,
    texting_consent: TextingConsentForm | None = None,
    otherwise: Untexted | None = None,
    version: int | None = None,
    now: datetime,
    outreach: Outreach,
) -> bool:
    """False when the form says what is on record already: nothing is written then. Consent belongs to a number: while the patient is texted, a new number needs its
    own, given here or on file, or `otherwise` says how check-ins are answered without. What is queued for the old
    number is dropped and check-ins that were offered there end. `Conflict` when another patient in care has the number
    and it isn't marked shared."""
    clinic_id = require(actor, *CARE)
    row = await records.locked(tx, clinic_id, patient_id)
    records.refuse_stale(row.version, version)
    refuse([*rules.check_phone(form), *_consent_problems(texting_consent)])
    phone = await records.write_phone(tx, actor, clinic_id, patient_id, form, now)
    if texting_consent is not None:
        await outreach.record_texting_consent(tx, actor, patient_id, texting_consent, now=now)
    wishes = _wishes_of(row)
    texted = form.safe_to_text and await outreach.texting_consent(tx, patient_id) is not None
    if not texted and otherwise is not None:
        wishes = rules.without_texts(wishes, otherwise)
    await _check_wishes(tx, patient_id, wishes, form, outreach)
    values = records.wish_values(wishes)
    if not phone.changed and texting_consent is None and not records.differing(tx, row, values):
        return False
    changed = await records.update_patient(tx, row, values, now)
    await outreach.contact_changed(tx, patient_id, now=now)
    if changed:
        await _changed(tx, actor, patient_id, changed, now)
    await audit.record(
        tx,
        actor,
        "phone.changed",
        "patient_phone",
        phone.id,
        now=now,
        patient_id=patient_id,
        new_number=phone.number_changed,
    )
    return True


async def set_phone_state(
    tx: Tx, actor: Actor, patient_id: UUID, phone_id: UUID, state: PhoneState, *, now: datetime
) -> None:
    """What became known about a number: answered, wrong person, or not reachable. Suppressing what is queued for it
    is messaging's. A replaced version is `NotFound`."""
    clinic_id = require(actor, *CARE)
    values: dict[str, Any] = {"state": state}
    if state == "verified":
        values["verified_at"] = now
    done = await tx.execute(
        update(PatientPhone)
        .where(
            PatientPhone.id == phone_id,
            PatientPhone.patient_id == patient_id,
            PatientPhone.clinic_id == clinic_id,
            PatientPhone.replaced_at.is_(None),
        )
        .values(**values)
    )
    if done.rowcount != 1:
        raise NotFound("phone")
    await audit.record(
        tx, actor, "phone.state_set", "patient_phone", phone_id, now=now, patient_id=patient_id, state=state
    )


async def set_language(tx: Tx, actor: Actor, patient_id: UUID, language: str, *, now: datetime) -> None:
    """The patient's own wish, by text or on a page: only the language, so that no staff role is needed."""
    if language not in approved_languages():
        raise Invalid.field("language", "has no approved questionnaire")
    if actor.clinic_id is None:
        raise NotFound("patient")
    row = await records.locked(tx, actor.clinic_id, patient_id)
    changed = await records.update_patient(tx, row, {"language": language}, now)
    await _changed(tx, actor, patient_id, changed, now)


async def add_coverage(tx: Tx, actor: Actor, patient_id: UUID, form: CoverageForm, *, now: datetime) -> UUID:
    """Gaps and overlaps are allowed here; they hold the month's lines until a biller has looked."""
    clinic_id = require(actor, *CARE, "biller")
    row = await records.locked(tx, clinic_id, patient_id)
    refuse(rules.check_coverage(form, row.birth_date))
    coverage_id = await insert_coverage(tx, clinic_id, patient_id, form, now)
    await audit.record(
        tx, actor, "coverage.added", "coverage", coverage_id, now=now, patient_id=patient_id, rank=form.rank
    )
    return coverage_id


async def change_coverage(
    tx: Tx, actor: Actor, patient_id: UUID, coverage_id: UUID, form: CoverageForm, *, now: datetime
) -> None:
    clinic_id = require(actor, *CARE, "biller")
    patient = await records.locked(tx, clinic_id, patient_id)
    refuse(rules.check_coverage(form, patient.birth_date))
    mine = (Coverage.id == coverage_id, Coverage.patient_id == patient_id, Coverage.clinic_id == clinic_id)
    row = await tx.first(select(Coverage.__table__).where(*mine))
    if row is None:
        raise NotFound("coverage")
    values = _coverage_values(tx, form)
    changed = sorted(
        name for name, value in values.items() if not name.endswith("_sealed") and getattr(row, name) != value
    )
    if tx.vault.open_or_none(row.member_id_sealed) != tx.vault.open_or_none(values["member_id_sealed"]):
        changed.append("member_id")
    if tx.vault.open_or_none(row.subscriber_name_sealed) != tx.vault.open_or_none(
        values["subscriber_name_sealed"]
    ):
        changed.append("subscriber_name")
    await tx.execute(update(Coverage).where(Coverage.id == coverage_id).values(**values))
    await audit.record(
        tx, actor, "coverage.changed", "coverage", coverage_id, now=now, patient_id=patient_id, fields=changed
    )


async def insert_coverage(
    tx: Tx, clinic_id: UUID, patient_id: UUID, form: CoverageForm, now: datetime
) -> UUID:
    """A checked form's row, without audit: enrolment writes its own."""
    coverage_id = tx.new_id()
    fixed = {"id": coverage_id, "clinic_id": clinic_id, "patient_id": patient_id, "created_at": now}
    await tx.execute(insert(Coverage), fixed | _coverage_values(tx, form))
    return coverage_id


def kept_problems(row: Any, form: PersonForm) -> list[Problem]:
    """What enrolment asked for can be corrected, not taken away."""
    return [
        Problem(field, "can't be removed")
        for field in ("birth_date", "mrn")
        if getattr(row, field) is not None and getattr(form, field) is None
    ]


def refuse(problems: list[Problem]) -> None:
    """Raises `Invalid` with all of them; the same problem found twice is told once."""
    if problems:
        raise Invalid(*dict.fromkeys(problems))


async def _check_wishes(
    tx: Tx, patient_id: UUID, form: PreferencesForm, phone: PhoneForm | None, outreach: Outreach
) -> None:
    may_text = await outreach.texting_consent(tx, patient_id)
    refuse(rules.check_preferences(form, phone=phone, may_text=may_text, languages=approved_languages()))


def _consent_problems(consent: TextingConsentForm | None) -> list[Problem]:
    return [] if consent is None else rules.check_texting_consent(consent)


def _wishes_of(row: Any) -> PreferencesForm:
    return PreferencesForm(
        language=row.language,
        zone=row.zone,
        channel=row.channel,
        second_channel=row.second_channel,
        window_start=row.window_start,
        window_end=row.window_end,
    )


def _coverage_values(tx: Tx, form: CoverageForm) -> dict[str, Any]:
    member = rules.clean(form.member_id)
    return {
        "rank": form.rank,
        "payer": form.payer.strip(),
        "payer_id": rules.clean(form.payer_id),
        "plan": rules.clean(form.plan),
        "member_id_sealed": None if member is None else tx.vault.seal(member),
        "subscriber": form.subscriber,
        "subscriber_name_sealed": _subscriber(tx, form),
        "valid_from": form.valid_from,
        "valid_to": form.valid_to,
    }


def _subscriber(tx: Tx, form: CoverageForm) -> str | None:
    """Nothing of somebody else is kept for a patient who has the policy."""
    name = SubscriberName(rules.clean(form.subscriber_family) or "", rules.clean(form.subscriber_given) or "")
    if form.subscriber == "self" or not (name.family or name.given):
        return None
    return tx.vault.seal(msgspec.json.encode(name).decode())


async def _changed(tx: Tx, actor: Actor, patient_id: UUID, fields: list[str], now: datetime) -> None:
    await audit.record(
        tx, actor, "patient.changed", "patient", patient_id, now=now, patient_id=patient_id, fields=fields
    )
