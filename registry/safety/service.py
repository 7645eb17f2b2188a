"""Risk events: what may be done about them, and by whom. `signals` opens them, `handling` is the work of people."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import select, update

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound, Problem
from registry.access import CLINICAL, require
from registry.patients.tables import Patient
from registry.ports import Alerts
from registry.protocol import queries as protocols
from registry.protocol.rules import deadlines
from registry.safety.assessing import log_assessment, lower_tier
from registry.safety.handling import (
    Acknowledgement,
    acknowledge,
    add_note,
    close,
    log_attempt,
    note_problem,
    record_disposition,
    refuse,
    restart_clock,
)
from registry.safety.rules import Signal, SignalResult, Tier, Toward
from registry.safety.signals import act, new_round, signal, task_key
from registry.safety.steps import decide, take_step
from registry.safety.tables import RiskEvent
from registry.worklist import service as worklist

__all__ = [
    "Acknowledgement",
    "Signal",
    "SignalResult",
    "acknowledge",
    "add_note",
    "close",
    "close_canary",
    "decide",
    "escalated",
    "lapse",
    "log_assessment",
    "log_attempt",
    "lower_tier",
    "record_disposition",
    "signal",
    "staff_concern",
    "take_step",
]

CONCERN_RULE: Final = "staff-1"


async def staff_concern(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    *,
    tier: Tier,
    note: str,
    toward: Toward = "self",
    now: datetime,
    alerts: Alerts,
) -> SignalResult:
    """A member of staff is worried, whatever any answer said. Raises NotFound for another clinic's patient."""
    clinic_id = require(actor, *CLINICAL)
    known = await tx.scalar(
        select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    )
    if known is None:
        raise NotFound("patient")
    refuse(None if note.strip() else Problem("note", "is needed"), note_problem(note))
    result = await signal(
        tx,
        Signal(
            clinic_id=clinic_id,
            patient_id=patient_id,
            episode_id=None,
            trigger="staff_concern",
            tier=tier,
            toward=toward,
            value=None,
            source_kind="staff",
            source_id=tx.new_id(),
            channel="staff",
            rule_version=CONCERN_RULE,
        ),
        now=now,
        alerts=alerts,
    )
    await act(tx, clinic_id, result.event_id, "note", actor.id, now, note=note)
    await record(
        tx, actor, "risk_event.concern_raised", "risk_event", result.event_id, now=now, patient_id=patient_id
    )
    return result


async def escalated(
    tx: Tx, event_id: UUID, *, step: int, next_action_at: datetime, rung_at: datetime | None = None
) -> None:
    """The alerting room has looked, and will look again at `next_action_at`; `rung_at` when it sent a rung."""
    values: dict[str, object] = {"step": step, "next_action_at": next_action_at}
    if rung_at is not None:
        values["rung_at"] = rung_at
    await tx.execute(
        update(RiskEvent).where(RiskEvent.id == event_id, RiskEvent.state == "open").values(**values)
    )


async def close_canary(
    tx: Tx, event_id: UUID, outcome: Literal["arrived", "lost", "switched_off"], *, now: datetime
) -> None:
    """Only what the machine made for itself is closed by the machine."""
    closed = await tx.execute(
        update(RiskEvent)
        .where(RiskEvent.id == event_id, RiskEvent.is_canary.is_(True), RiskEvent.state != "closed")
        .values(
            state="closed",
            closed_at=now,
            disposition_sealed=tx.vault.seal("drill"),
            version=RiskEvent.version + 1,
        )
    )
    if closed.rowcount == 1:
        clinic_id = await tx.scalar(select(RiskEvent.clinic_id).where(RiskEvent.id == event_id))
        await act(tx, clinic_id, event_id, "closed", None, now, outcome=outcome)


async def look_again(tx: Tx, event_id: UUID, *, now: datetime) -> None:
    """An alert about the event failed: whoever repeats alerts looks now instead of later."""
    await tx.execute(
        update(RiskEvent)
        .where(RiskEvent.id == event_id, RiskEvent.state == "open", RiskEvent.next_action_at > now)
        .values(next_action_at=now)
    )


async def lapse(tx: Tx, event_id: UUID, *, now: datetime) -> bool:
    """For an event somebody has taken and whose clock ran out. True when it is open again and must be alerted:
    an acknowledgement after which nothing was found out. An assessed event stays with its people, and its clock
    starts anew."""
    event = await tx.first(select(RiskEvent.__table__).where(RiskEvent.id == event_id).with_for_update())
    if event is None or event.next_action_at > now or event.state not in ("acknowledged", "assessed"):
        return False
    if event.state == "assessed":
        await restart_clock(tx, event, now)
        return False
    protocol = await protocols.of_event(tx, event.clinic_id, event.protocol_id)
    limits = deadlines(protocol, event.tier, now)
    fresh = msgspec.structs.asdict(limits) | new_round(now)
    await tx.execute(update(RiskEvent).where(RiskEvent.id == event_id).values(**fresh))
    await worklist.assign_task(
        tx, event.clinic_id, task_key(event_id), event.responsible_id, limits.acknowledge_by
    )
    await act(tx, event.clinic_id, event_id, "lapsed", event.acknowledged_by_id, now)
    return True
