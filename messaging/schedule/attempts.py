"""Every attempt to reach a patient about a check-in: by which channel, when, and what is known of its outcome.

What staff tried beside it (their own calls and texts) is in the contacts of the record.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import NotFound
from messaging.conversation.thread import delivery_of
from messaging.delivery.prompts import PROMPTS
from messaging.delivery.tables import Outbox
from messaging.schedule.tables import CheckIn
from registry.access import CLINICAL, require
from registry.patients.tables import Patient
from registry.worklist.tables import Task

MOST: Final = 200
CALLS: Final = ("call_and_ask", "unanswered_check_in")

Outcome = Literal[
    "waiting", "sent", "delivered", "unknown", "failed", "not_sent", "simulated", "shown", "done"
]


class OutreachAttempt(msgspec.Struct, frozen=True):
    """`page`: the check-in stood on the patient's page and nothing was sent. `sent` is the provider's word, `delivered`
    the carrier's; `unknown` is never counted as either. `reason` says why it failed or never left, or how a call
    ended. `answered`: this check-in was begun, by whichever attempt."""

    check_in_id: UUID
    at: datetime
    channel: Literal["text", "email", "page", "call"]
    what: Literal["invitation", "reminder", "call"]
    outcome: Outcome
    reason: str | None
    answered: bool


async def outreach_attempts(
    tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime, limit: int = MOST
) -> tuple[OutreachAttempt, ...]:
    """Newest first; raises NotFound for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    mine = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(mine) is None:
        raise NotFound("patient")
    wanted = max(1, min(limit, MOST))
    found = [*await _sent(tx, patient_id, wanted), *await _shown(tx, patient_id, wanted)]
    found += await _calls(tx, patient_id, wanted)
    found.sort(key=lambda attempt: (attempt.at, attempt.check_in_id, attempt.what), reverse=True)
    kept = tuple(found[:wanted])
    await audit.record(
        tx, viewer, "outreach.read", "patient", patient_id, now=now, patient_id=patient_id, count=len(kept)
    )
    return kept


async def _sent(tx: Tx, patient_id: UUID, limit: int) -> list[OutreachAttempt]:
    rows = await tx.all(
        select(
            Outbox.check_in_id, Outbox.channel, Outbox.kind, Outbox.created_at, Outbox.attempted_at,
            Outbox.state, Outbox.reason, Outbox.provider_status, Outbox.error_code, CheckIn.first_answer_at,
        )
        .join(CheckIn, CheckIn.id == Outbox.check_in_id)
        .where(Outbox.patient_id == patient_id, Outbox.kind.in_(PROMPTS))
        .order_by(Outbox.created_at.desc(), Outbox.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [_prompt(row) for row in rows]


def _prompt(row: Row[Any]) -> OutreachAttempt:
    outcome = _outcome(row.state, row.provider_status)
    told = outcome in ("failed", "not_sent", "unknown")
    return OutreachAttempt(
        check_in_id=row.check_in_id,
        at=row.attempted_at or row.created_at,
        channel="email" if row.channel == "email" else "text",
        what=row.kind,
        outcome=outcome,
        reason=(row.error_code or row.reason) if told else None,
        answered=row.first_answer_at is not None,
    )


def _outcome(state: str, provider_status: str | None) -> Outcome:
    known = delivery_of(state, provider_status)
    match known:
        case "waiting" | "sending":
            return "waiting"
        case "accepted":
            return "sent"
        case "suppressed" | "expired":
            return "not_sent"
        case "delivered" | "unknown" | "failed" | "simulated":
            return known


async def _shown(tx: Tx, patient_id: UUID, limit: int) -> list[OutreachAttempt]:
    rows = await tx.all(
        select(CheckIn.id, CheckIn.invited_at, CheckIn.first_answer_at)
        .where(CheckIn.patient_id == patient_id, CheckIn.content == "portal", CheckIn.invited_at.is_not(None))
        .order_by(CheckIn.invited_at.desc())
        .limit(limit)
    )
    return [
        OutreachAttempt(
            row.id, row.invited_at, "page", "invitation", "shown", None, row.first_answer_at is not None
        )
        for row in rows
    ]


async def _calls(tx: Tx, patient_id: UUID, limit: int) -> list[OutreachAttempt]:
    """Asked of staff; `done` once they have closed the task."""
    rows = await tx.all(
        select(Task.ref_id, Task.opened_at, Task.done_at, Task.outcome, CheckIn.first_answer_at)
        .join(CheckIn, CheckIn.id == Task.ref_id)
        .where(Task.patient_id == patient_id, Task.kind.in_(CALLS), Task.ref_kind == "check_in")
        .order_by(Task.opened_at.desc())
        .limit(limit)
    )
    return [
        OutreachAttempt(
            check_in_id=row.ref_id,
            at=row.opened_at,
            channel="call",
            what="call",
            outcome="waiting" if row.done_at is None else "done",
            reason=row.outcome,
            answered=row.first_answer_at is not None,
        )
        for row in rows
    ]
