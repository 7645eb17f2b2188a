"""What a signed-in patient and the care team write to each other: the same thread, tasks and scans as texts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from kernel import audit
from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from messaging.consent import numbers
from messaging.consent.numbers import Stop
from messaging.consent.words import opt_out_in
from messaging.conversation.crisis import CrisisHit, crisis_list_version, signals_in
from messaging.conversation.normalise import see
from messaging.conversation.replies import PARSER_VERSION
from messaging.conversation.tables import InboundMessage
from messaging.conversation.turns import sender_of
from messaging.delivery.tables import Outbox
from messaging.escalation import replies as staff_phones
from messaging.patient_access.sessions import SignedIn
from registry.patients.tables import PatientPhone
from registry.ports import Alerts
from registry.related_people.tables import RelatedPerson
from registry.safety import signals
from registry.safety.rules import Signal, Toward
from registry.worklist import service as worklist

LONGEST: Final = 2000
PER_DAY: Final = 20
SHOWN: Final = 50
VIA: Final = "portal"
CHANNEL: Final = "portal"
_STORE = insert_or_skip(InboundMessage, "provider_sid")


class Line(msgspec.Struct, frozen=True):
    """`by_team`: written by a person of the care team; automatic texts and answers to questions are left out."""

    id: UUID
    at: datetime
    by_team: bool
    body: str


class Written(msgspec.Struct, frozen=True):
    """`crisis`: the words call for the help lines, which the page or app shows at once."""

    id: UUID
    crisis: bool


async def thread(tx: Tx, signed_in: SignedIn, *, now: datetime) -> tuple[Line, ...]:
    """Oldest first, the newest fifty. Raises Forbidden for a related person: the patient's words are the patient's."""
    if not signed_in.own:
        raise Forbidden("only the patient may read this", code="not_the_patient")
    mine = await tx.all(
        select(InboundMessage.id, InboundMessage.received_at, InboundMessage.body_sealed)
        .where(
            InboundMessage.patient_id == signed_in.patient_id,
            InboundMessage.clinic_id == signed_in.clinic_id,
            InboundMessage.check_in_id.is_(None),
        )
        .order_by(InboundMessage.received_at.desc(), InboundMessage.id.desc())
        .limit(SHOWN)
    )
    theirs = await tx.all(
        select(Outbox.id, Outbox.created_at, Outbox.body_sealed)
        .where(
            Outbox.patient_id == signed_in.patient_id,
            Outbox.clinic_id == signed_in.clinic_id,
            Outbox.kind == "staff_text",
        )
        .order_by(Outbox.created_at.desc(), Outbox.id.desc())
        .limit(SHOWN)
    )
    lines = [Line(r.id, r.received_at, False, tx.vault.open(r.body_sealed)) for r in mine]
    lines += [Line(r.id, r.created_at, True, tx.vault.open(r.body_sealed)) for r in theirs]
    lines.sort(key=lambda line: (line.at, line.id))
    await audit.record(
        tx, signed_in.actor, "thread.read", "patient", signed_in.patient_id,
        now=now, patient_id=signed_in.patient_id, count=len(lines[-SHOWN:]),
    )  # fmt: skip
    return tuple(lines[-SHOWN:])


async def write(
    tx: Tx, signed_in: SignedIn, body: str, *, key: str | None = None, now: datetime, alerts: Alerts
) -> Written:
    """Stored, scanned for crisis words and for an end to texts, and given to a person the same day. The same `key` and
    words of this session again give the same message. Raises Invalid for length, TooMany after twenty of this person's
    in a day, Conflict where it can't be stored; after any of them the caller lets `hear_refused` listen. Crisis words
    are never too many."""
    words = body.strip()
    if not words or len(words) > LONGEST:
        raise Invalid.field("body", f"needs 1 to {LONGEST} characters")
    if "messages" not in signed_in.scope:
        raise Forbidden("messages are not part of what was agreed", code="scope_missing")
    seen = see(words)
    crisis, stop = signals_in(seen).crisis, opt_out_in(seen) == "stop"
    text = words if signed_in.own else await _by_related(tx, signed_in, words)
    own_id = tx.new_id()
    sid = f"{VIA}:{own_id}" if key is None else f"{VIA}:{signed_in.id}:{key}"
    known = await _known(tx, sid, text)
    if known is not None:
        return known
    if crisis is None:
        await _limit(tx, signed_in, now)
    await _store(tx, signed_in, own_id, sid, text, _classified(crisis, stop), now)
    if crisis is not None:
        await _alarm(tx, signed_in, own_id, crisis, now, alerts)
    if stop and signed_in.own:
        await stop_texts(tx, signed_in, now=now, wording=words, source_id=own_id)
    await _for_a_person(tx, signed_in, own_id, now)
    await audit.record(
        tx, signed_in.actor, "message.written", "inbound_message", own_id,
        now=now, patient_id=signed_in.patient_id,
    )  # fmt: skip
    return Written(own_id, crisis is not None)


async def hear_refused(tx: Tx, signed_in: SignedIn, body: str, *, now: datetime, alerts: Alerts) -> bool:
    """For a message that `write` refused, in a transaction of its own: whether crisis words stood in it. They open or
    join a risk event, and a person is told, although no message was kept."""
    crisis = signals_in(see(body)).crisis
    if crisis is None:
        return False
    source = tx.new_id()  # no message was stored that could be named
    await _alarm(tx, signed_in, source, crisis, now, alerts)
    await _for_a_person(tx, signed_in, None, now)
    await audit.record(
        tx, signed_in.actor, "message.refused", "patient", signed_in.patient_id,
        now=now, patient_id=signed_in.patient_id, crisis=True,
    )  # fmt: skip
    return True


async def _known(tx: Tx, sid: str, text: str) -> Written | None:
    row = await tx.first(
        select(InboundMessage.id, InboundMessage.classified_as, InboundMessage.body_hash).where(
            InboundMessage.provider_sid == sid
        )
    )
    if row is None:
        return None
    if row.body_hash != tx.vault.lookup(text):
        raise Conflict("this key was used for another message", code="key_reused")
    return Written(row.id, "crisis" in (row.classified_as or ""))


async def _for_a_person(tx: Tx, signed_in: SignedIn, message_id: UUID | None, now: datetime) -> None:
    await worklist.open_task(
        tx,
        clinic_id=signed_in.clinic_id,
        patient_id=signed_in.patient_id,
        episode_id=None,
        kind="inbound_text",
        dedupe_key=f"inbound_text:{signed_in.patient_id}",
        ref_kind=None if message_id is None else "inbound_message",
        ref_id=message_id,
        now=now,
    )


async def stop_texts(
    tx: Tx,
    signed_in: SignedIn,
    *,
    now: datetime,
    wording: str | None = None,
    source_id: UUID | None = None,
) -> None:
    """The same effect as STOP, in this transaction (47 CFR 64.1200(a)(10): any reasonable means)."""
    if not signed_in.own:
        raise Forbidden("only the patient may end texts", code="not_the_patient")
    stopped = Stop(
        clinic_id=signed_in.clinic_id,
        phone_key=signed_in.phone_key,
        kind="opt_out",
        by="patient",
        wording=wording,
        source_id=source_id,
        classifier_version=None if wording is None else PARSER_VERSION,
    )
    await numbers.stop(tx, stopped, now=now)
    await staff_phones.heard_stop(tx, signed_in.clinic_id, signed_in.phone_key, now=now)


def _classified(
    crisis: CrisisHit | None, stop: bool
) -> Literal["stop+crisis", "crisis", "stop", "free_text"]:
    if crisis is not None:
        return "stop+crisis" if stop else "crisis"
    return "stop" if stop else "free_text"


async def _limit(tx: Tx, signed_in: SignedIn, now: datetime) -> None:
    """Counted by the number that signed in, so that a related person uses up nothing of the patient's."""
    count = await tx.scalar(
        select(func.count()).where(
            InboundMessage.patient_id == signed_in.patient_id,
            InboundMessage.phone_key == signed_in.phone_key,
            InboundMessage.via == VIA,
            InboundMessage.received_at > now - timedelta(days=1),
        )
    )
    if count >= PER_DAY:
        raise TooMany("twenty messages in a day is the most; call the clinic", code="too_many_messages")


async def _by_related(tx: Tx, signed_in: SignedIn, words: str) -> str:
    """The care team must see at once that these are not the patient's own words."""
    row = await tx.first(
        select(RelatedPerson.name_sealed, RelatedPerson.relation).where(
            RelatedPerson.id == signed_in.account.related_person_id
        )
    )
    if row is None:
        raise NotFound("person")
    return f"[{tx.vault.open(row.name_sealed)}, {row.relation}]\n{words}"


async def _store(
    tx: Tx, signed_in: SignedIn, own_id: UUID, sid: str, text: str, classified: str, now: datetime
) -> None:
    sender_id = await sender_of(tx, signed_in.clinic_id)
    if sender_id is None:
        raise Conflict("the clinic can't take messages now; call it", code="no_sender")
    new = await tx.insert_once(
        pick(tx, _STORE),
        {
            "id": own_id,
            "clinic_id": signed_in.clinic_id,
            "provider_sid": sid,
            "thread_id": None,
            "sender_id": sender_id,
            "phone_key": signed_in.phone_key,
            "phone_sealed": await _number(tx, signed_in),
            "patient_id": signed_in.patient_id,
            "body_sealed": tx.vault.seal(text),
            "body_hash": tx.vault.lookup(text),
            "media_count": 0,
            "received_at": now,
            "via": VIA,
            "state": "applied",
            "classified_as": classified,
            "parser_version": PARSER_VERSION,
            "applied_turn": None,
            "check_in_id": None,
            "staff_seen_at": None,
        },
    )
    if not new:
        raise Conflict("this message was sent a moment ago", code="sent_already")


async def _number(tx: Tx, signed_in: SignedIn) -> str:
    if signed_in.own:
        statement = select(PatientPhone.phone_sealed).where(
            PatientPhone.patient_id == signed_in.patient_id, PatientPhone.replaced_at.is_(None)
        )
    else:
        statement = select(RelatedPerson.phone_sealed).where(
            RelatedPerson.id == signed_in.account.related_person_id
        )
    return str(await tx.scalar(statement))


async def _alarm(
    tx: Tx, signed_in: SignedIn, source: UUID, hit: CrisisHit, now: datetime, alerts: Alerts
) -> None:
    """An event for each direction that the words point to, as with a text."""
    ways: tuple[tuple[Toward, bool], ...] = (("others", hit.toward_others), ("self", hit.toward_self))
    for toward in (way for way, meant in ways if meant):
        signal = Signal(
            clinic_id=signed_in.clinic_id,
            patient_id=signed_in.patient_id,
            episode_id=None,
            trigger="crisis_text",
            tier=hit.tier,
            toward=toward,
            value=None,
            source_kind="inbound",
            source_id=source,
            channel=CHANNEL,
            rule_version=crisis_list_version(),
        )
        await signals.signal(tx, signal, now=now, alerts=alerts)
