"""What patients change about themselves on their own pages. Each call is by the patient, about the patient."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, Invalid
from registry.patients import records, rules
from registry.patients.forms import Channel, PhoneForm, PreferencesForm
from registry.patients.service import approved_languages, refuse
from registry.patients.tables import Patient, PatientPhone
from registry.ports import Outreach

LONGEST_CODE_WORD: Final = 40


class OwnWishes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`language`: a tag such as es; one without an approved questionnaire needs channel `phone`, and an interpreter is
    asked for with it. The window is on the patient's clock."""

    language: str
    channel: Channel
    window_start: time | None = None
    window_end: time | None = None


async def change_wishes(
    tx: Tx, actor: Actor, patient_id: UUID, form: OwnWishes, *, now: datetime, outreach: Outreach
) -> None:
    """Raises Invalid naming each field; a texting channel needs an agreement in force."""
    row = await _own(tx, actor, patient_id)
    approved = approved_languages()
    second = None if row.second_channel == form.channel or form.channel == "none" else row.second_channel
    if second in rules.TEXTING and form.channel in rules.TEXTING:
        second = None
    spoken = form.language in approved
    if not spoken and second not in rules.SPOKEN:
        second = None
    whole = PreferencesForm(form.language, row.zone, form.channel, second, form.window_start, form.window_end)
    phone = await records.current_phone_form(tx, patient_id)
    may_text = await outreach.texting_consent(tx, patient_id)
    refuse(rules.check_preferences(whole, phone=phone, may_text=may_text, languages=approved))
    values = records.wish_values(whole) | {"interpreter": None if spoken else True}
    changed = await records.update_patient(tx, row, values, now)
    await outreach.contact_changed(tx, patient_id, now=now)
    await _note(tx, actor, patient_id, changed, now)


async def change_number(
    tx: Tx, actor: Actor, patient_id: UUID, number: str, *, now: datetime, outreach: Outreach
) -> UUID:
    """`number` in E.164, proven by the patient a moment ago; it is on file as confirmed. Raises Conflict when it can't
    be the patient's alone, without saying whose it is."""
    row = await _own(tx, actor, patient_id)
    before = await records.current_phone_form(tx, patient_id)
    form = PhoneForm(number, voicemail_ok=before is not None and before.voicemail_ok)
    try:
        phone = await records.write_phone(tx, actor, row.clinic_id, patient_id, form, now)
    except Conflict:
        raise Conflict("this number can't be used here; call the clinic", code="number_unusable") from None
    await tx.execute(
        update(PatientPhone).where(PatientPhone.id == phone.id).values(state="verified", verified_at=now)
    )
    await records.update_patient(tx, row, {}, now)
    await outreach.contact_changed(tx, patient_id, now=now)
    await audit.record(
        tx, actor, "phone.changed", "patient_phone", phone.id,
        now=now, patient_id=patient_id, new_number=phone.number_changed,
    )  # fmt: skip
    return phone.id


async def set_code_word(tx: Tx, actor: Actor, patient_id: UUID, word: str | None, *, now: datetime) -> None:
    """A word that whoever calls from the clinic says first; None takes it back. Sealed, and in no audit row."""
    row = await _own(tx, actor, patient_id)
    clean = rules.clean(word)
    if clean is not None and (len(clean) > LONGEST_CODE_WORD or not clean.isprintable()):
        raise Invalid.field("code_word", f"needs at most {LONGEST_CODE_WORD} characters")
    sealed = None if clean is None else tx.vault.seal(clean)
    await tx.execute(update(Patient).where(Patient.id == row.id).values(code_word_sealed=sealed))
    await _note(tx, actor, patient_id, ["code_word"], now)


async def set_safe_to_text(tx: Tx, actor: Actor, patient_id: UUID, safe: bool, *, now: datetime) -> None:
    """Whether nobody who may not know reads along. Only the patient's own word makes a number unsafe here; that it is
    safe again, staff record after asking."""
    await _own(tx, actor, patient_id)
    if safe:
        raise Forbidden("tell the clinic that texts are safe again", code="ask_the_clinic")
    await tx.execute(
        update(PatientPhone)
        .where(PatientPhone.patient_id == patient_id, PatientPhone.replaced_at.is_(None))
        .values(safe_to_text=False)
    )
    await _note(tx, actor, patient_id, ["safe_to_text"], now)


async def _own(tx: Tx, actor: Actor, patient_id: UUID) -> Any:
    if actor.kind != "patient" or actor.id != patient_id or actor.clinic_id is None:
        raise Forbidden("only the patient may change this", code="not_the_patient")
    return await records.locked(tx, actor.clinic_id, patient_id)


async def _note(tx: Tx, actor: Actor, patient_id: UUID, fields: list[str], now: datetime) -> None:
    await audit.record(
        tx, actor, "patient.changed", "patient", patient_id, now=now, patient_id=patient_id, fields=fields
    )
