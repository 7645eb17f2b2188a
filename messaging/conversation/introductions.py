"""One text that tells a patient who their care manager is now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import Conflict
from messaging.conversation import staff_texts
from messaging.conversation.copy import phone_words, render
from messaging.delivery import service as delivery
from messaging.delivery.service import Message
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff
from registry.patients import queries as patients

LIFE: Final = timedelta(hours=72)  # over a weekend: it is no reminder of anything


async def introduce(tx: Tx, actor: Actor, patient_id: UUID, staff_id: UUID, *, now: datetime) -> bool:
    """False when the patient can't be texted: then somebody tells them by phone. What they wrote stays unread."""
    facts = await patients.texting_facts(tx, patient_id)
    if facts is None or facts.phone is None:
        return False
    if await staff_texts.why_not(tx, facts.clinic_id, patient_id, now=now) is not None:
        return False
    try:
        sender_id, _ = await staff_texts.sender_for(tx, facts.clinic_id, facts.phone.key)
    except Conflict:
        return False
    clinic = await organisation.clinic(tx, facts.clinic_id)
    name = str(await tx.scalar(select(Staff.name).where(Staff.id == staff_id)))
    words = render(
        "introduction",
        facts.language,
        name=clinic.text_name,
        person=name,
        phone=phone_words(clinic.support_phone),
    )
    message = Message(
        clinic_id=facts.clinic_id,
        kind="staff_text",
        dedupe_key=f"introduction:{patient_id}:{staff_id}:{now.isoformat()}",
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
    await record(tx, actor, "introduction.queued", "outbox", outbox_id, now=now, patient_id=patient_id)
    tx.ring("dispatch")
    return True
