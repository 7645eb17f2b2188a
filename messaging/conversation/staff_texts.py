"""A text that a member of staff writes to a patient."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound
from messaging.consent import numbers
from messaging.consent import service as consent
from messaging.conversation import thread
from messaging.conversation.tables import SmsThread
from messaging.conversation.turns import sender_of
from messaging.delivery import service as delivery
from messaging.delivery.service import Message
from messaging.schedule.windows import LIVE_EXCHANGE
from registry.access import CARE, require
from registry.organisation import queries as organisation
from registry.patients import queries as patients
from registry.patients.rules import PhoneFacts, TextingFacts, hindrance_to_texts

MOST_CHARACTERS: Final = 480  # three segments
LIFE: Final = timedelta(hours=24)
TEMPLATE: Final = "staff_text@1"


async def staff_text(tx: Tx, actor: Actor, patient_id: UUID, body: str, *, now: datetime) -> UUID:
    """Queues it for the patient's current number; it leaves in the patient's window, or within 30 minutes of a text
    of theirs. What they wrote counts as read. Raises Invalid, NotFound, and Conflict with why they can't be texted."""
    clinic_id = require(actor, *CARE)
    words = body.strip()
    if not words or len(words) > MOST_CHARACTERS:
        raise Invalid.field("body", f"needs 1 to {MOST_CHARACTERS} characters")
    facts = await patients.texting_facts(tx, patient_id)
    if facts is None or facts.clinic_id != clinic_id:
        raise NotFound("patient")
    phone = await _may_text(tx, facts, now)
    sender_id, last_inbound_at = await sender_for(tx, clinic_id, phone.key)
    text_id = tx.new_id()
    message = Message(
        clinic_id=clinic_id,
        kind="staff_text",
        dedupe_key=f"staff_text:{text_id}",
        to=phone.number,
        body=words,
        template=TEMPLATE,
        not_before=now,
        not_after=now + LIFE,
        sender_id=sender_id,
        phone_id=phone.id,
        patient_id=patient_id,
        staff_id=actor.id if actor.kind == "staff" else None,
        live_until=None if last_inbound_at is None else last_inbound_at + LIVE_EXCHANGE,
    )
    outbox_id = await delivery.enqueue(tx, message, now=now)
    if outbox_id is None:
        raise Conflict("this text was queued already")
    await thread.seen(tx, actor, patient_id, "answered", now=now)
    await audit.record(tx, actor, "text.written", "outbox", outbox_id, now=now, patient_id=patient_id)
    return outbox_id


async def why_not(tx: Tx, clinic_id: UUID, patient_id: UUID, *, now: datetime) -> str | None:
    """The reason code for which `staff_text` would refuse; None when the patient can be texted. Without audit: the
    caller's page shows the patient under its own."""
    facts = await patients.texting_facts(tx, patient_id)
    if facts is None or facts.clinic_id != clinic_id:
        raise NotFound("patient")
    return await _reason(tx, facts, now)


async def _may_text(tx: Tx, facts: TextingFacts, now: datetime) -> PhoneFacts:
    reason = await _reason(tx, facts, now)
    if reason is not None or facts.phone is None:
        raise Conflict(f"the patient can't be texted: {reason or 'no_phone'}", code="cannot_be_texted")
    return facts.phone


async def _reason(tx: Tx, facts: TextingFacts, now: datetime) -> str | None:
    clinic = await organisation.clinic(tx, facts.clinic_id)
    hindrance = hindrance_to_texts(facts, clinic.local_date(now))
    if hindrance is not None or facts.phone is None:
        return hindrance or "no_phone"
    if await consent.content_level(tx, facts.patient_id) is None:
        return "no_consent"
    state = await numbers.state(tx, facts.phone.key, facts.clinic_id)
    if state.stopped or state.paused:
        return "opted_out" if state.stopped else "texts_paused"
    return None


async def sender_for(tx: Tx, clinic_id: UUID, phone_key: str) -> tuple[UUID, datetime | None]:
    """The number the patient last wrote to, else the clinic's first; and when that was."""
    row = await tx.first(
        select(SmsThread.sender_id, SmsThread.last_inbound_at)
        .where(SmsThread.clinic_id == clinic_id, SmsThread.phone_key == phone_key)
        .order_by(func.coalesce(SmsThread.last_inbound_at, SmsThread.created_at).desc())
        .limit(1)
    )
    if row is not None:
        return row.sender_id, row.last_inbound_at
    sender_id = await sender_of(tx, clinic_id)
    if sender_id is None:
        raise Conflict("the clinic has no number to text from", code="no_sender")
    return sender_id, None
