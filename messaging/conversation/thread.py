"""What was said with one patient, in both directions, and what is truly known about each text of ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, select, update

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from messaging.conversation.tables import InboundMessage
from messaging.delivery.tables import Outbox
from registry.access import CARE, CLINICAL, require
from registry.patients.tables import Patient
from registry.worklist import service as worklist
from registry.worklist.tasks import TaskKind

MOST: Final = 200
# Closed by reading: their whole content is the text.
# Alerts are not the patient's, and whoever reads a code could sign in with it.
HIDDEN: Final = ("alert", "passcode", "requested_code")
READ_BY_READING: Final[tuple[TaskKind, ...]] = ("inbound_text", "late_answer")

Delivery = Literal[
    "waiting", "sending", "accepted", "delivered", "unknown", "failed", "suppressed", "expired", "simulated"
]
InboundState = Literal["applied", "held", "parked"]


class TextLine(msgspec.Struct, frozen=True, kw_only=True):
    """One text, `body` in plain. Of an inbound text: `understood` in the parser's notation, `seen_at` when staff read
    it. Of ours: `staff_id` who wrote it, None for an automatic text; `delivery`, and `reason` why it was not sent or not delivered (a reason code or the provider's)."""

    id: UUID
    direction: Literal["in", "out"]
    at: datetime
    body: str
    kind: str = ""
    template: str = ""
    delivery: Delivery | None = None
    reason: str | None = None
    state: InboundState | None = None
    understood: str | None = None
    media_count: int = 0
    seen_at: datetime | None = None
    staff_id: UUID | None = None


class ReceivedText(msgspec.Struct, frozen=True):
    """`phone` in E.164: of an unknown number it is the only way to reach who wrote."""

    body: str
    phone: str


class Thread(msgspec.Struct, frozen=True):
    """Oldest first. `more`: there are earlier ones; ask with `before` = the first line's `at`."""

    patient_id: UUID
    lines: tuple[TextLine, ...]
    more: bool


_IN = (
    InboundMessage.id, InboundMessage.received_at, InboundMessage.body_sealed, InboundMessage.state,
    InboundMessage.classified_as, InboundMessage.media_count, InboundMessage.staff_seen_at,
)  # fmt: skip
_OUT = (
    Outbox.id, Outbox.created_at, Outbox.attempted_at, Outbox.body_sealed, Outbox.kind, Outbox.template,
    Outbox.state, Outbox.reason, Outbox.provider_status, Outbox.error_code, Outbox.staff_id,
)  # fmt: skip


async def messages(
    tx: Tx,
    viewer: Actor,
    patient_id: UUID,
    limit: int = 50,
    before: datetime | None = None,
    *,
    now: datetime,
) -> Thread:
    """Raises NotFound for another clinic's patient."""
    clinic_id = await _own_patient(tx, viewer, patient_id, CLINICAL)
    wanted = max(1, min(limit, MOST))
    received = select(*_IN).where(
        InboundMessage.patient_id == patient_id, InboundMessage.clinic_id == clinic_id
    )
    sent = select(*_OUT).where(
        Outbox.patient_id == patient_id, Outbox.clinic_id == clinic_id, Outbox.channel == "sms",
        Outbox.kind.not_in(HIDDEN),
    )  # fmt: skip
    if before is not None:
        received = received.where(InboundMessage.received_at < before)
        sent = sent.where(Outbox.created_at < before)
    ins = await tx.all(
        received.order_by(InboundMessage.received_at.desc(), InboundMessage.id.desc()).limit(wanted + 1)
    )
    outs = await tx.all(sent.order_by(Outbox.created_at.desc(), Outbox.id.desc()).limit(wanted + 1))
    lines = [*(_inbound(tx, row) for row in ins), *(_outbound(tx, row) for row in outs)]
    # At one moment the reply comes before the answer to it.
    lines.sort(key=lambda line: (line.at, line.direction != "in", line.id), reverse=True)
    kept = lines[:wanted]
    await record(
        tx, viewer, "thread.read", "patient", patient_id, now=now, patient_id=patient_id, count=len(kept)
    )
    return Thread(patient_id, tuple(reversed(kept)), more=len(lines) > wanted)


async def received_texts(
    tx: Tx, viewer: Actor, inbound_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, ReceivedText]:
    """Texts that tasks and safety events are about, those from unknown numbers too; at most 200. Other clinics' are
    left out."""
    clinic_id = require(viewer, *CLINICAL)
    if not inbound_ids:
        return {}
    mine = (InboundMessage.clinic_id == clinic_id, InboundMessage.id.in_(inbound_ids[:MOST]))
    rows = await tx.all(
        select(InboundMessage.id, InboundMessage.body_sealed, InboundMessage.phone_sealed).where(*mine)
    )
    await record(tx, viewer, "texts.read", "inbound_message", None, now=now, count=len(rows))
    return {
        row.id: ReceivedText(tx.vault.open(row.body_sealed), tx.vault.open(row.phone_sealed)) for row in rows
    }


async def mark_read(tx: Tx, actor: Actor, patient_id: UUID, *, now: datetime) -> int:
    """Staff have read everything that came in: gives how many texts were new. Tasks to read a text are done with it;
    those that ask for more (a call, another channel) stay."""
    await _own_patient(tx, actor, patient_id, CARE)
    return await seen(tx, actor, patient_id, "read", now=now)


async def seen(tx: Tx, actor: Actor, patient_id: UUID, outcome: str, *, now: datetime) -> int:
    clinic_id = actor.clinic_id
    done = await tx.execute(
        update(InboundMessage)
        .where(
            InboundMessage.patient_id == patient_id,
            InboundMessage.clinic_id == clinic_id,
            InboundMessage.staff_seen_at.is_(None),
        )
        .values(staff_seen_at=now)
    )
    for kind in READ_BY_READING:
        await worklist.close_tasks(tx, cast(UUID, clinic_id), f"{kind}:{patient_id}", outcome, now)
    if done.rowcount:
        await record(
            tx, actor, "thread.marked_read", "patient", patient_id,
            now=now, patient_id=patient_id, count=done.rowcount,
        )  # fmt: skip
    return done.rowcount


async def _own_patient(tx: Tx, actor: Actor, patient_id: UUID, roles: tuple[Any, ...]) -> UUID:
    clinic_id = require(actor, *roles)
    mine = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(mine) is None:
        raise NotFound("patient")
    return clinic_id


def _inbound(tx: Tx, row: Row[Any]) -> TextLine:
    return TextLine(
        id=row.id,
        direction="in",
        at=row.received_at,
        body=tx.vault.open(row.body_sealed),
        state=row.state,
        understood=row.classified_as,
        media_count=row.media_count,
        seen_at=row.staff_seen_at,
    )


def _outbound(tx: Tx, row: Row[Any]) -> TextLine:
    delivery = delivery_of(row.state, row.provider_status)
    return TextLine(
        id=row.id,
        direction="out",
        at=row.created_at,
        body=tx.vault.open(row.body_sealed),
        kind=row.kind,
        template=row.template,
        delivery=delivery,
        staff_id=row.staff_id,
        reason=row.error_code if delivery == "failed" and row.error_code else row.reason,
    )


def delivery_of(state: str, provider_status: str | None) -> Delivery:
    """Never more than is known: accepted is the provider's word, delivered the carrier's."""
    match state:
        case "pending":
            return "waiting"
        case "accepted":
            if provider_status in ("delivered", "read"):
                return "delivered"
            return "failed" if provider_status in ("failed", "undelivered", "canceled") else "accepted"
        case _:
            return cast(Delivery, state)
