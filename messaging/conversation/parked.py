"""A text that could not be handled: kept for a person, with what the opt-out and crisis scans say about it.

Both scans look at words alone, so they can't be the part that failed. While item 9 was open, a text that is no plain 0
is a signal as well; so is a number while item 9 waits on the secure page or for a call, and a row of numbers that ends
in an item 9 above 0.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, update

from kernel import audit, log
from kernel.db import Tx
from messaging.consent import numbers
from messaging.consent.numbers import Stop
from messaging.consent.words import opt_out_in
from messaging.conversation import filing
from messaging.conversation.apply import LIFE, Ports
from messaging.conversation.copy import phone_words, render
from messaging.conversation.crisis import CrisisHit, crisis_list_version, signals_in
from messaging.conversation.inbound import Inbound, InboundResult, store
from messaging.conversation.meaning import Context, Reply
from messaging.conversation.normalise import see
from messaging.conversation.replies import PARSER_VERSION, default_labels, understand
from messaging.conversation.rules import context_of
from messaging.conversation.script import Script, items_of
from messaging.conversation.state import Asking, Confirming, Paused, from_json
from messaging.conversation.tables import InboundMessage, SmsThread
from messaging.delivery import service as delivery
from messaging.delivery.service import Message
from messaging.escalation import replies as staff_phones
from messaging.schedule.tables import CheckIn
from registry.organisation.tables import Clinic
from registry.patients import queries as patients
from registry.patients.tables import Patient
from registry.safety import signals
from registry.safety.rules import Signal, Tier, Toward, Trigger
from registry.worklist import service as worklist


async def park(tx: Tx, inbound: Inbound, error_name: str, *, now: datetime, ports: Ports) -> InboundResult:
    """Quarantined: never tried again, never dropped. The thread is left as it is."""
    own = (await store(tx, inbound, "parked")).id
    if own is None:
        return InboundResult(None, "duplicate")
    seen = see(inbound.body)
    opt_out, crisis = opt_out_in(seen), signals_in(seen).crisis
    patient_id = await _patient(tx, inbound)
    await _note(tx, inbound, own, patient_id, crisis is not None, opt_out)
    if crisis is not None:
        found = [await _raise(tx, inbound, own, patient_id, one, ports, now) for one in _crisis_found(crisis)]
        event_id = found[-1]
        if opt_out != "stop":
            await _say_crisis(tx, inbound, own, patient_id, event_id, now)
    else:
        await _hear_item9(tx, inbound, own, ports, now)
    if opt_out == "stop" or (opt_out == "stop?" and crisis is None):
        await _stop(tx, inbound, own, "opt_out" if opt_out == "stop" else "paused", now)
        await staff_phones.heard_stop(tx, inbound.clinic_id, tx.vault.lookup(inbound.from_), now=now)
    await for_a_person(tx, inbound.clinic_id, own, patient_id, error_name, now)
    tx.ring("dispatch")
    return InboundResult(own, "parked", patient_id=patient_id)


async def keep(tx: Tx, inbound: Inbound, error_name: str, *, now: datetime) -> InboundResult:
    """When even that raises: the text and its task alone."""
    own = (await store(tx, inbound, "parked")).id
    if own is None:
        return InboundResult(None, "duplicate")
    patient_id = await _patient(tx, inbound)
    await for_a_person(tx, inbound.clinic_id, own, patient_id, error_name, now)
    return InboundResult(own, "parked", patient_id=patient_id)


async def for_a_person(
    tx: Tx, clinic_id: UUID, own: UUID, patient_id: UUID | None, error_name: str, now: datetime
) -> None:
    await worklist.open_task(
        tx,
        clinic_id=clinic_id,
        patient_id=patient_id,
        episode_id=None,
        kind="parked_text",
        dedupe_key=f"parked_text:{own}",
        ref_kind="inbound_message",
        ref_id=own,
        detail={"error": error_name},
        now=now,
    )
    await audit.record(
        tx, audit.system(clinic_id, "conversation"), "text.parked", "inbound_message", own,
        now=now, patient_id=patient_id, error=error_name,
    )  # fmt: skip


async def _patient(tx: Tx, inbound: Inbound) -> UUID | None:
    owners = await patients.owners_of_number(tx, inbound.clinic_id, tx.vault.lookup(inbound.from_))
    return owners[0].patient_id if len(owners) == 1 and not owners[0].shared else None


async def _note(
    tx: Tx, inbound: Inbound, own: UUID, patient_id: UUID | None, crisis: bool, opt_out: str | None
) -> None:
    found = [*(["stop"] if opt_out == "stop" else []), *(["crisis"] if crisis else [])]
    thread_id = await tx.scalar(
        select(SmsThread.id).where(
            SmsThread.phone_key == tx.vault.lookup(inbound.from_), SmsThread.sender_id == inbound.sender_id
        )
    )
    await tx.execute(
        update(InboundMessage)
        .where(InboundMessage.id == own)
        .values(
            patient_id=patient_id,
            thread_id=thread_id,
            classified_as="+".join(found) or opt_out,
            parser_version=PARSER_VERSION,
        )
    )


class _Found(msgspec.Struct, frozen=True):
    trigger: Trigger
    tier: Tier
    toward: Toward
    value: int | None
    rule_version: str


def _crisis_found(hit: CrisisHit) -> list[_Found]:
    """At least one; the one about the patient last, which the reply then belongs to."""
    ways: tuple[tuple[Toward, bool], ...] = (("others", hit.toward_others), ("self", hit.toward_self))
    return [_Found("crisis_text", hit.tier, way, None, crisis_list_version()) for way, meant in ways if meant]


def _item9_found(body: str, where: Context) -> _Found | None:
    """For a text that came while item 9 was open or ahead. What can't even be read is no plain 0 either."""
    open_here = where.place == "item9"
    try:
        reply = understand(body, context=where, language="en", labels=default_labels())
    except Exception as error:
        log.get().error("inbound.unreadable", exc_info=error)
        reply = Reply("ask", risk=open_here)
    if not (reply.risk or (open_here and reply.kind == "command" and reply.detail == "skip")):
        return None
    # Of a row of numbers nothing is filed, so how high its last one is stays for a person to read.
    row = not open_here and reply.value is None
    tier: Tier = 2 if row or (reply.value or 0) >= 2 else 1
    return _Found("item9_unreadable", tier, "self", reply.value, PARSER_VERSION)


async def _hear_item9(tx: Tx, inbound: Inbound, own: UUID, ports: Ports, now: datetime) -> None:
    asked = await _asked(tx, inbound)
    found = None if asked is None else _item9_found(inbound.body, asked[1])
    if asked is None or found is None:
        return
    patient_id = asked[0]
    event_id = await _raise(tx, inbound, own, patient_id, found, ports, now)
    if found.value or found.tier == 2:
        await _say_crisis(tx, inbound, own, patient_id, event_id, now)


async def _asked(tx: Tx, inbound: Inbound) -> tuple[UUID, Context] | None:
    """The patient whom this thread asks now, and where the text stands. None also when the thread itself can't be
    read: it may be what failed, and the text must be kept all the same."""
    row = await tx.first(
        select(SmsThread.state, CheckIn.id, CheckIn.patient_id)
        .join(CheckIn, CheckIn.id == SmsThread.active_check_in_id)
        .where(
            SmsThread.phone_key == tx.vault.lookup(inbound.from_), SmsThread.sender_id == inbound.sender_id
        )
    )
    if row is None:
        return None
    try:
        async with tx.conn.begin_nested():
            sheet = await filing.load_sheet(tx, row.id)
        items = items_of(sheet, filing.shown_in(sheet, "en"))
        match from_json(row.state):
            case Asking() | Confirming() | Paused() as state:
                script = Script(language="en", name="", phone="", hours="", items=items)
                return row.patient_id, context_of(state, script)
            case _:
                return None
    except Exception as error:
        log.get().error("inbound.thread_unreadable", exc_info=error)
        return None


async def _raise(
    tx: Tx,
    inbound: Inbound,
    own: UUID,
    patient_id: UUID | None,
    found: _Found,
    ports: Ports,
    now: datetime,
) -> UUID:
    signal = Signal(
        clinic_id=inbound.clinic_id,
        patient_id=patient_id,
        episode_id=None,
        trigger=found.trigger,
        tier=found.tier,
        toward=found.toward,
        value=found.value,
        source_kind="inbound",
        source_id=own,
        channel="sms",
        rule_version=found.rule_version,
    )
    return (await signals.signal(tx, signal, now=now, alerts=ports.alerts)).event_id


async def _stop(tx: Tx, inbound: Inbound, own: UUID, kind: numbers.StopKind, now: datetime) -> None:
    stopped = Stop(
        clinic_id=inbound.clinic_id,
        phone_key=tx.vault.lookup(inbound.from_),
        kind=kind,
        by="patient",
        wording=inbound.body,
        source_id=own,
        classifier_version=PARSER_VERSION,
    )
    await numbers.stop(tx, stopped, now=now)


async def _say_crisis(
    tx: Tx, inbound: Inbound, own: UUID, patient_id: UUID | None, event_id: UUID, now: datetime
) -> None:
    clinic = await tx.first(
        select(Clinic.text_name, Clinic.support_phone, Clinic.hours_text).where(
            Clinic.id == inbound.clinic_id
        )
    )
    if clinic is None:
        return
    language = await tx.scalar(select(Patient.language).where(Patient.id == patient_id))
    words = render(
        "crisis", language or "en",
        name=clinic.text_name, phone=phone_words(clinic.support_phone), hours=clinic.hours_text,
    )  # fmt: skip
    message = Message(
        clinic_id=inbound.clinic_id,
        kind="crisis",
        dedupe_key=f"reply:{own}",
        to=inbound.from_,
        body=words.body,
        template=words.template,
        not_before=now,
        not_after=now + LIFE["crisis"],
        sender_id=inbound.sender_id,
        patient_id=patient_id,
        event_id=event_id,
    )
    await delivery.enqueue(tx, message, now=now)
