"""Writing to the outbox. A row is made in the transaction of its cause and leaves only after the commit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, update

from kernel.db import Tx, fixed, insert_many_or_skip, insert_or_skip, pick
from kernel.errors import Invalid
from messaging.delivery.kinds import KIND_RULES, Kind, MessageClass, class_of
from messaging.delivery.rules import SuppressReason
from messaging.delivery.segments import segments
from messaging.delivery.tables import Outbox

MAX_CHARACTERS = 1600  # the provider refuses more

Channel = Literal["sms", "email", "voice"]

# What a row says of its way before the first attempt.
UNSENT: Final[dict[str, Any]] = {
    "state": "pending",
    "reason": None,
    "claim_token": None,
    "claim_expires_at": None,
    "attempt": 0,
    "attempted_at": None,
    "reads": 0,
    "resends": 0,
    "failures": 0,
    "accepted_at": None,
    "provider_sid": None,
    "provider_status": None,
    "status_rank": -1,
    "polls": 0,
    "error_code": None,
}


class OnFile(msgspec.Struct, frozen=True):
    """A number as it is on file: what is sealed already need not be opened and sealed again."""

    sealed: str
    key: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A text (or staff e-mail) that should leave between `not_before` and `not_after`.

    `to` is E.164, an e-mail address or a number on file; `template` names the approved wording and its version.
    `dedupe_key` is the cause: the same cause never makes a second row.
    """

    clinic_id: UUID
    kind: Kind
    dedupe_key: str
    to: str | OnFile
    body: str
    template: str
    not_before: datetime
    not_after: datetime
    channel: Channel = "sms"
    sender_id: UUID | None = None
    phone_id: UUID | None = None
    patient_id: UUID | None = None
    staff_id: UUID | None = None
    thread_id: UUID | None = None
    turn: int | None = None
    check_in_id: UUID | None = None
    event_id: UUID | None = None
    live_until: datetime | None = None

    @property
    def class_(self) -> MessageClass:
        return class_of(self.kind)


_INSERT = insert_or_skip(Outbox, "dedupe_key")
_INSERT_MANY = insert_many_or_skip(Outbox, "dedupe_key")


def body_hash(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


async def enqueue(tx: Tx, message: Message, *, now: datetime) -> UUID | None:
    """Writes the row; None when its cause already has one. Raises Invalid when the text is empty or too long."""
    if not message.body.strip() or len(message.body) > MAX_CHARACTERS:
        raise Invalid.field("body", f"needs 1 to {MAX_CHARACTERS} characters")
    values = _same(now) | _values(tx, message)
    outbox_id: UUID = values["id"]
    if not await tx.insert_once(pick(tx, _INSERT), values):
        return None
    if message.not_before <= now:
        tx.ring("dispatch")
    return outbox_id


async def enqueue_many(tx: Tx, messages: Sequence[Message], *, now: datetime) -> None:
    """Many rows in one statement; rows whose cause already has one are skipped."""
    await enqueue_sealed(tx, seal(tx, messages), now=now)


def seal(tx: Tx, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Rows for `enqueue_sealed`; no statement is made."""
    return [_values(tx, message) for message in messages]


async def enqueue_sealed(tx: Tx, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    await tx.insert_many(_INSERT_MANY, rows, _same(now))


def _same(now: datetime) -> dict[str, Any]:
    return UNSENT | {"created_at": now, "updated_at": now}


def _values(tx: Tx, message: Message) -> dict[str, Any]:
    rule = KIND_RULES[message.kind]
    to = message.to
    on_file = to if isinstance(to, OnFile) else OnFile(tx.vault.seal(to), tx.vault.lookup(to))
    return {
        "id": tx.new_id(),
        "clinic_id": message.clinic_id,
        "message_class": rule.class_,
        "kind": message.kind,
        "channel": message.channel,
        "dedupe_key": message.dedupe_key,
        "recipient_key": on_file.key,
        "to_sealed": on_file.sealed,
        "body_sealed": tx.vault.seal(message.body),
        "body_hash": body_hash(message.body),
        "segments": segments(message.body).count if message.channel == "sms" else 0,
        "template": message.template,
        "sender_id": message.sender_id,
        "phone_id": message.phone_id,
        "patient_id": message.patient_id,
        "staff_id": message.staff_id,
        "thread_id": message.thread_id,
        "turn": message.turn,
        "check_in_id": message.check_in_id,
        "event_id": message.event_id,
        "prompts_patient": rule.once_a_day,
        "not_before": message.not_before,
        "not_after": message.not_after,
        "live_until": message.live_until,
        "priority": rule.priority,
        "next_at": message.not_before,
    }


async def suppress(
    tx: Tx,
    *,
    reason: SuppressReason,
    now: datetime,
    patient_id: UUID | None = None,
    phone_key: str | None = None,
    check_in_id: UUID | None = None,
    thread_id: UUID | None = None,
    kinds: tuple[Kind, ...] | None = None,
    spare: tuple[Kind, ...] = ("stop_confirmation", "alert", "crisis"),
) -> int:
    """Ends pending rows that match every given criterion; gives how many. Rows already on their way are left to the
    claim's own checks and to the settle step. Staff alerts, safety replies and the STOP confirmation are spared."""
    where: list[ColumnElement[bool]] = [Outbox.state.in_(fixed("pending"))]
    for column, wanted in (
        (Outbox.patient_id, patient_id),
        (Outbox.recipient_key, phone_key),
        (Outbox.check_in_id, check_in_id),
        (Outbox.thread_id, thread_id),
    ):
        if wanted is not None:
            where.append(column == wanted)
    if len(where) == 1:
        raise ValueError("suppress needs a patient, a number, a check-in or a thread")
    if kinds is not None:
        where.append(Outbox.kind.in_(kinds))
    elif spare:
        where.append(Outbox.kind.not_in(spare))
    result = await tx.execute(
        update(Outbox).where(*where).values(state="suppressed", reason=reason, next_at=None, updated_at=now)
    )
    return result.rowcount
