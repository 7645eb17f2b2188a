"""Writing down what became of attempts, and doing what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never, cast
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select, update

from kernel import log
from kernel.db import Tx
from messaging.consent import emails, numbers
from messaging.delivery import prompts
from messaging.delivery.claims import Claimed
from messaging.delivery.kinds import MessageClass
from messaging.delivery.outcomes import Accepted, Outcome, Rejected
from messaging.delivery.pause import pause_dispatcher
from messaging.delivery.settle import HALT_WAIT, PAUSE_WAIT, Attempt, Effect, Settled, settle
from messaging.delivery.statuses import rank
from messaging.delivery.tables import Outbox
from messaging.escalation import replies as staff_phones
from registry.safety import service as safety
from registry.worklist import service as worklist


class Finished(msgspec.Struct, frozen=True):
    """One attempt and its outcome; `chance` in [0, 1) spreads a retry. `at` is when this call came back: a patient
    may answer a text before the slowest call of its group has ended."""

    row: Claimed
    outcome: Outcome
    chance: float
    at: datetime


# Compare-and-set on our own token: a callback that was quicker, or a later claim, is never overwritten.
_SETTLE = (
    update(Outbox)
    .where(
        Outbox.id == bindparam("row_id"), Outbox.claim_token == bindparam("token"), Outbox.state == "sending"
    )
    .values(
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        next_at=bindparam("new_next_at"),
        accepted_at=bindparam("new_accepted_at"),
        provider_sid=bindparam("new_sid"),
        provider_status=bindparam("new_status"),
        status_rank=bindparam("new_rank"),
        error_code=bindparam("new_error"),
        updated_at=bindparam("at"),
    )
)


async def record_outcomes(tx: Tx, finished: Sequence[Finished], *, now: datetime) -> int:
    """Settles attempts in one statement, then does what each asks for. Gives how many were accepted."""
    if not finished:
        return 0
    settled = [(item, _settle(item, now)) for item in finished]
    await tx.execute(_SETTLE, [_values(item, decision, now) for item, decision in settled])
    for item, decision in settled:
        if decision.effects:
            await apply_effects(tx, item.row.outbox_id, decision.effects, _code(item.outcome), now=now)
    ended = [item.row.outbox_id for item, decision in settled if decision.state in ("failed", "expired")]
    await _mail_refused(tx, [i.row for i, d in settled if d.state == "failed" and _bounced(i.outcome)], now)
    await prompts.lost(tx, ended, now=now)
    accepted = sum(decision.state == "accepted" for _, decision in settled)
    if accepted:
        tx.ring("held")  # an answer may wait for exactly this acceptance
    return accepted


async def _mail_refused(tx: Tx, rows: Sequence[Claimed], now: datetime) -> None:
    """The relay takes nothing for this address: it is not tried again until somebody records one anew."""
    for row in rows:
        if row.channel == "email" and row.patient_id is not None:
            await emails.bounced(tx, row.patient_id, now=now)


def _bounced(outcome: Outcome) -> bool:
    return isinstance(outcome, Rejected) and outcome.bad_address


def _settle(item: Finished, now: datetime) -> Settled:
    attempt = Attempt(cast(MessageClass, item.row.class_), item.row.attempt, item.row.not_after)
    return settle(item.outcome, attempt, now, item.chance)


def _values(item: Finished, decision: Settled, now: datetime) -> dict[str, Any]:
    accepted = item.outcome if isinstance(item.outcome, Accepted) else None
    code = _code(item.outcome)
    # The simulator and the mail relay have no later status to ask for.
    ends_here = accepted is not None and not accepted.sid.startswith(("SM", "MM"))
    return {
        "row_id": item.row.outbox_id,
        "token": item.row.token,
        "new_state": decision.state,
        "new_reason": decision.reason,
        "new_next_at": None if ends_here else decision.next_at,
        "new_accepted_at": min(item.at, now) if accepted else None,
        "new_sid": accepted.sid if accepted else None,
        "new_status": accepted.status if accepted else None,
        "new_rank": rank(accepted.status) if accepted else -1,
        "new_error": None if code is None else str(code),
        "at": now,
    }


def _code(outcome: Outcome) -> int | None:
    return (outcome.code or outcome.http_status) if isinstance(outcome, Rejected) else None


async def apply_effects(
    tx: Tx, outbox_id: UUID, effects: Sequence[Effect], code: int | None, *, now: datetime
) -> None:
    """What an outcome asks for besides the row's own state."""
    row = await tx.first(
        select(
            Outbox.clinic_id,
            Outbox.patient_id,
            Outbox.recipient_key,
            Outbox.kind,
            Outbox.channel,
            Outbox.event_id,
        ).where(Outbox.id == outbox_id)
    )
    if row is None:
        return
    for effect in effects:
        match effect:
            case "record_opt_out":
                await numbers.carrier_opt_out(tx, row.clinic_id, row.recipient_key, outbox_id, now=now)
                if row.kind == "alert":
                    await staff_phones.heard_stop(tx, row.clinic_id, row.recipient_key, now=now)
            case "invalidate_contact":
                await numbers.contact_invalid(
                    tx, row.clinic_id, row.patient_id, row.recipient_key, outbox_id, now=now
                )
            case "count_soft_failure":
                await numbers.soft_failure(tx, row.clinic_id, row.patient_id, row.recipient_key, now=now)
            case "staff_task":
                await _task(tx, row, outbox_id, code, now)
            case "alert_operator":
                log.get().error("delivery.operator_needed", outbox_id=str(outbox_id), code=code)
            case "halt_dispatcher":
                await pause_dispatcher(tx, now + HALT_WAIT, "halted", now=now)
            case "pause_dispatcher":
                await pause_dispatcher(tx, now + PAUSE_WAIT, "provider_cap", now=now)
            case "second_channel":
                if row.event_id is not None:
                    await safety.look_again(tx, row.event_id, now=now)
                    tx.ring("alerts")
            case "slow_down":
                continue  # back-off already slows the row
            case _:
                assert_never(effect)


async def _task(tx: Tx, row: Any, outbox_id: UUID, code: int | None, now: datetime) -> None:
    await worklist.open_task(
        tx,
        clinic_id=row.clinic_id,
        patient_id=row.patient_id,
        episode_id=None,
        kind="alert_undeliverable" if row.kind == "alert" else "delivery_problem",
        dedupe_key=f"delivery:{row.recipient_key}:{code}",
        ref_kind="outbox",
        ref_id=outbox_id,
        detail={"code": code},
        now=now,
    )
