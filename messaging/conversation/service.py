"""One inbound text is one transaction: stored, understood, decided, done. And what starts or resumes a conversation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select, update

from kernel import audit, log
from kernel.audit import Actor
from kernel.db import Database, Tx
from kernel.errors import Conflict, NotFound, Unavailable
from messaging.conversation import apply as effects
from messaging.conversation import filing, limits, parked, turns
from messaging.conversation.apply import Cause, Ports, TurnMoved, patient_actor
from messaging.conversation.copy import Rendered
from messaging.conversation.decision import Hold, Line, Opened, OptInAsked, Received, Say
from messaging.conversation.inbound import Inbound, InboundResult, store
from messaging.conversation.meaning import Reply
from messaging.conversation.replies import PARSER_VERSION, understand
from messaging.conversation.rules import context_of, labels_of, step
from messaging.conversation.staff_texts import staff_text
from messaging.conversation.state import Asking, Confirming
from messaging.conversation.tables import InboundMessage, SmsThread
from messaging.conversation.turns import Turn
from messaging.conversation.wording import compose
from messaging.escalation import replies as staff_phones
from messaging.schedule.tables import CheckIn
from registry.patients.tables import PatientPhone

__all__ = [
    "Conversation",
    "Inbound",
    "InboundResult",
    "Ports",
    "ask_opt_in",
    "open_check_in",
    "receive",
    "receive_safely",
    "reminder_text",
    "staff_text",
]

ATTEMPTS: Final = 3
_CLASSIFY = (
    update(InboundMessage)
    .where(InboundMessage.id == bindparam("own"))
    .values(
        thread_id=bindparam("new_thread"),
        patient_id=bindparam("new_patient"),
        check_in_id=bindparam("new_check_in"),
        state=bindparam("new_state"),
        classified_as=bindparam("new_class"),
        parser_version=PARSER_VERSION,
        applied_turn=bindparam("new_turn"),
    )
)
_FROM_COLLEAGUE = (
    update(InboundMessage)
    .where(InboundMessage.id == bindparam("own"))
    .values(classified_as=bindparam("new_class"), parser_version=PARSER_VERSION)
)
_TAKE_THREAD = (
    update(SmsThread)
    .where(SmsThread.id == bindparam("thread"), SmsThread.active_check_in_id.is_(None))
    .values(active_check_in_id=bindparam("check_in"))
)
_BEHIND = (
    update(CheckIn)
    .where(CheckIn.id == bindparam("key"))
    .values(state="scheduled", queued_behind=True, next_at=CheckIn.not_after, prompts=0)
)


def no_probe(name: str) -> None:
    """Crash points exist in test builds only."""


async def receive(
    tx: Tx, inbound: Inbound, *, now: datetime, ports: Ports, probe: Callable[[str], None] = no_probe
) -> InboundResult:
    """A text that was stored before changes nothing. Whatever raises here is for `receive_safely` to park."""
    stored = await store(tx, inbound, "applied")
    if stored.id is None:
        return InboundResult(None, "duplicate")
    probe("inbound.after_insert")
    colleague = await staff_phones.hear(
        tx, inbound.clinic_id, inbound.sender_id, stored.number, inbound.body, now=now
    )
    if colleague is not None:
        await tx.execute(_FROM_COLLEAGUE, {"own": stored.id, "new_class": colleague})
        return InboundResult(stored.id, "applied", colleague)
    thread_id = await turns.lock_for_inbound(tx, inbound.clinic_id, inbound.sender_id, stored.number, now)
    turn = await turns.load(
        tx, thread_id, now=now, received_at=inbound.received_at, own=stored.id, body_hash=stored.body_hash
    )
    cause = Cause(stored.id, inbound.body, inbound.received_at, stored.body)
    result = await handle(tx, turn, inbound, stored.id, cause, now=now, ports=ports)
    if (result.classified_as or "").startswith("stop"):
        await staff_phones.heard_stop(tx, inbound.clinic_id, stored.number.key, now=now)
    tx.ring("dispatch")
    probe("inbound.before_commit")
    return result


async def handle(
    tx: Tx, turn: Turn, inbound: Inbound, own: UUID, cause: Cause, *, now: datetime, ports: Ports
) -> InboundResult:
    """Understands a stored text where its thread stands and does what follows."""
    reply = understand(
        inbound.body,
        context=context_of(turn.state, turn.script),
        language=turn.script.language,
        labels=labels_of(turn.state, turn.script),
    )
    turn = await limits.with_limits(tx, turn, reply, now=now)
    script = msgspec.structs.replace(turn.script, confirms_stop=_confirms_stop(ports, inbound.body))
    turn = msgspec.structs.replace(turn, script=script)
    event = Received(reply, turn.standing, turn.duplicate, media=inbound.media_count > 0)
    decision = step(turn.state, event, script, now)
    held = Hold() in decision.effects
    after = await effects.apply(tx, turn, decision, cause, ports, now=now)
    await classify(tx, turn, own, reply, held=held, after=after, now=now)
    return InboundResult(own, "held" if held else "applied", reply.notation, turn.patient_id)


# The provider's own filter answers exactly these words; it does not know "please stop texting me".
PROVIDER_STOPS: Final = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
)


def _confirms_stop(ports: Ports, body: str) -> bool:
    return ports.optout_reply == "app" or body.strip().upper() not in PROVIDER_STOPS


async def classify(
    tx: Tx, turn: Turn, own: UUID, reply: Reply, *, held: bool, after: int, now: datetime
) -> None:
    await tx.execute(
        _CLASSIFY,
        {
            "own": own,
            "new_thread": turn.thread_id,
            "new_patient": turn.patient_id,
            "new_check_in": turn.check_in_id,
            "new_state": "held" if held else "applied",
            "new_class": reply.notation,
            "new_turn": None if held else after,
        },
    )
    await audit.record(
        tx,
        patient_actor(turn),
        "text.received",
        "inbound_message",
        own,
        now=now,
        patient_id=turn.patient_id,
        held=held,
    )


async def receive_safely(
    database: Database,
    inbound: Inbound,
    *,
    now: datetime,
    ports: Ports,
    probe: Callable[[str], None] = no_probe,
) -> InboundResult:
    """Never loses a text: what can't be handled is parked for a person. Raises Unavailable only when the database
    can't store it, so that the provider comes again."""

    async def body(tx: Tx) -> InboundResult:
        return await receive(tx, inbound, now=now, ports=ports, probe=probe)

    reason = "turn_moved"
    for _ in range(ATTEMPTS):
        try:
            return await database.run(body)
        except TurnMoved:
            continue
        except Unavailable:
            raise
        except Exception as error:
            log.get().error("inbound.parked", kind=inbound.via, exc_info=error)
            reason = type(error).__name__
            break
    return await _park(database, inbound, reason, now, ports)


async def _park(
    database: Database, inbound: Inbound, reason: str, now: datetime, ports: Ports
) -> InboundResult:
    async def parking(tx: Tx) -> InboundResult:
        return await parked.park(tx, inbound, reason, now=now, ports=ports)

    async def bare(tx: Tx) -> InboundResult:
        return await parked.keep(tx, inbound, reason, now=now)

    try:
        return await database.run(parking)
    except Unavailable:
        raise
    except Exception as error:
        log.get().error("inbound.parked_bare", kind=inbound.via, exc_info=error)
        return await database.run(bare)


async def open_check_in(tx: Tx, check_in_id: UUID, *, now: datetime, ports: Ports) -> bool:
    """The first question, with the measure's opening words. False when the phone is busy with another check-in: then
    this one waits behind it. Raises NotFound, and Conflict when there is no number to ask on."""
    facts = await filing.check_in(tx, check_in_id, now=now)
    row = await tx.first(
        select(PatientPhone.phone_sealed).where(
            PatientPhone.patient_id == facts.patient_id, PatientPhone.replaced_at.is_(None)
        )
    )
    sender_id = await turns.sender_of(tx, facts.clinic_id)
    if row is None or sender_id is None:
        raise Conflict("there is no number to ask on", code="no_phone")
    thread_id = await turns.lock_or_make(tx, facts.clinic_id, sender_id, tx.vault.open(row.phone_sealed), now)
    taken = await tx.execute(_TAKE_THREAD, {"thread": thread_id, "check_in": check_in_id})
    if taken.rowcount == 0:
        await tx.execute(_BEHIND, {"key": check_in_id})
        return False
    turn = await turns.load(tx, thread_id, now=now, received_at=now, own=None, body_hash="")
    decision = step(turn.state, Opened(), turn.script, now)
    await effects.apply(tx, turn, decision, Cause(), ports, now=now)
    tx.ring("dispatch")
    return True


async def reminder_text(tx: Tx, check_in_id: UUID, *, now: datetime) -> Rendered | None:
    """The open question again with the progress; None when no question is open on the thread."""
    thread_id = await tx.scalar(select(SmsThread.id).where(SmsThread.active_check_in_id == check_in_id))
    if thread_id is None:
        return None
    turn = await turns.load(tx, thread_id, now=now, received_at=now, own=None, body_hash="")
    match turn.state:
        case Asking(at=at):
            return compose(Say("reminder", (Line("reminder_started"),), ask=at), turn.script)
        case Confirming(at=at):
            return compose(Say("reminder", (Line("reminder_started"),), ask=at), turn.script)
        case _:
            return None


async def ask_opt_in(tx: Tx, actor: Actor, patient_id: UUID, *, now: datetime, ports: Ports) -> None:
    """Our own question, once: may we text you? YES lifts an opt-out, NO is one. Raises NotFound and Conflict."""
    row = await tx.first(
        select(PatientPhone.clinic_id, PatientPhone.phone_sealed).where(
            PatientPhone.patient_id == patient_id, PatientPhone.replaced_at.is_(None)
        )
    )
    if row is None or row.clinic_id != actor.clinic_id:
        raise NotFound("phone")
    sender_id = await turns.sender_of(tx, row.clinic_id)
    if sender_id is None:
        raise Conflict("the clinic has no number to text from", code="no_sender")
    thread_id = await turns.lock_or_make(tx, row.clinic_id, sender_id, tx.vault.open(row.phone_sealed), now)
    turn = await turns.load(tx, thread_id, now=now, received_at=now, own=None, body_hash="")
    if turn.check_in_id is not None:
        raise Conflict("a check-in is open on this phone", code="check_in_open")
    decision = step(turn.state, OptInAsked(), turn.script, now)
    await effects.apply(tx, turn, decision, Cause(), ports, now=now)
    await audit.record(tx, actor, "opt_in.asked", "sms_thread", thread_id, now=now, patient_id=patient_id)


class Conversation(msgspec.Struct, frozen=True):
    """What the schedule asks of this room (`messaging.schedule.ports.Conversation`)."""

    ports: Ports

    async def open_check_in(self, tx: Tx, check_in_id: UUID, *, now: datetime) -> bool:
        return await open_check_in(tx, check_in_id, now=now, ports=self.ports)

    async def reminder_text(self, tx: Tx, check_in_id: UUID, *, now: datetime) -> Rendered | None:
        return await reminder_text(tx, check_in_id, now=now)
