"""One text after a missed appointment. What its answer asks for is in `call_back.py`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import Conflict, Invalid
from messaging.conversation import staff_texts
from messaging.conversation.copy import phone_words, render
from messaging.delivery import service as delivery
from messaging.delivery.service import Message
from messaging.schedule.tables import CheckIn
from registry.organisation import queries as organisation
from registry.patients import queries as patients

LIFE: Final = timedelta(hours=24)
FIELD: Final = "no_show_text"


async def ask(tx: Tx, actor: Actor, patient_id: UUID, contact_id: UUID, *, now: datetime) -> None:
    """Once for each missed appointment. Raises Invalid naming `no_show_text`."""
    facts = await patients.texting_facts(tx, patient_id)
    if facts is None or facts.phone is None:
        raise Invalid.field(FIELD, "can't go: there is no phone on record")
    if await _is_asked(tx, patient_id):
        raise Invalid.field(FIELD, "can't go: a check-in is being answered on this phone, so call instead")
    reason = await staff_texts.why_not(tx, facts.clinic_id, patient_id, now=now)
    if reason is not None:
        raise Invalid.field(FIELD, f"can't go: {reason.replace('_', ' ')}")
    try:
        sender_id, _ = await staff_texts.sender_for(tx, facts.clinic_id, facts.phone.key)
    except Conflict as error:
        raise Invalid.field(FIELD, f"can't go: {error.message}") from None
    clinic = await organisation.clinic(tx, facts.clinic_id)
    words = render("no_show", facts.language, name=clinic.text_name, phone=phone_words(clinic.support_phone))
    message = Message(
        clinic_id=facts.clinic_id,
        kind="no_show",
        dedupe_key=f"no_show:{contact_id}",
        to=facts.phone.number,
        body=words.body,
        template=words.template,
        not_before=now,
        not_after=now + LIFE,
        sender_id=sender_id,
        phone_id=facts.phone.id,
        patient_id=patient_id,
        staff_id=actor.id if actor.kind == "staff" else None,
    )
    outbox_id = await delivery.enqueue(tx, message, now=now)
    await record(tx, actor, "no_show_text.queued", "outbox", outbox_id, now=now, patient_id=patient_id)
    tx.ring("dispatch")


async def _is_asked(tx: Tx, patient_id: UUID) -> bool:
    """A 1 would be taken for an answer to the question that is open."""
    open_question = select(CheckIn.id).where(
        CheckIn.patient_id == patient_id, CheckIn.state.in_(("invited", "in_progress"))
    )
    return await tx.first(open_question.limit(1)) is not None
