"""Starting a drill: the signal of a test patient, on the path that a real one takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select, update

from kernel import log
from kernel.audit import Actor, record, system
from kernel.db import Database, Tx, insert_or_skip, pick
from kernel.errors import Conflict, Invalid, NotFound
from registry import zones
from registry.access import CLINICAL, require
from registry.drills import rules
from registry.drills.rules import KEY, Origin, Schedule, Slot
from registry.drills.tables import Drill
from registry.drills.test_patients import test_patient
from registry.organisation.tables import Clinic
from registry.ports import Alerts
from registry.protocol import queries as protocols
from registry.protocol.tables import SafetyProtocol
from registry.safety.rules import Signal, Tier
from registry.safety.signals import signal
from registry.safety.tables import RiskEvent

TIER: Final[Tier] = 2  # the lowest that pages somebody at any hour
RULE: Final = "drill-1"
_ADD = insert_or_skip(Drill)


async def start_drill(tx: Tx, actor: Actor, *, now: datetime, alerts: Alerts) -> UUID:
    """By hand, in the slot that it is now. Gives the drill's risk event. Raises Conflict while one is running."""
    clinic_id = require(actor, *CLINICAL, "administrator")
    hours = (await protocols.active(tx, clinic_id)).policy.hours
    return await _start(
        tx, actor, clinic_id, rules.slot_at(now, hours), "by_hand",
        zones.local_date(now, hours.zone), now=now, alerts=alerts,
    )  # fmt: skip


async def set_schedule(tx: Tx, actor: Actor, wanted: Schedule, *, now: datetime) -> None:
    """Raises Invalid naming the field."""
    clinic_id = require(actor, "clinic_lead", "administrator")
    problems = rules.check_schedule(wanted)
    if problems:
        raise Invalid(*problems)
    row = await tx.first(select(Clinic.settings).where(Clinic.id == clinic_id).with_for_update())
    if row is None:
        raise NotFound("clinic")
    kept = {**row.settings, KEY: msgspec.to_builtins(wanted)}
    await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values(settings=kept))
    await record(
        tx, actor, "clinic.changed", "clinic", clinic_id,
        now=now, fields=[KEY], every_days=wanted.every_days, slots=list(wanted.slots),
    )  # fmt: skip


async def start_due_drills(database: Database, now: datetime, *, alerts: Alerts) -> dict[str, int]:
    """For clinics with a protocol in force, which is what a drill rehearses; each in its own transaction, so that one
    that raises never keeps the others from theirs."""
    async with database.begin() as tx:
        rows = await tx.all(
            select(Clinic.id, Clinic.settings)
            .join(SafetyProtocol, SafetyProtocol.clinic_id == Clinic.id)
            .where(SafetyProtocol.state == "active")
            .order_by(Clinic.id)
        )
        last = await _last_drills(tx)
    started = 0
    for row in rows:
        try:
            async with database.begin() as tx:
                started += await _start_if_due(tx, row.id, row.settings, last.get(row.id, {}), now, alerts)
        except Exception as error:
            log.get().error("drill.failed", clinic_id=str(row.id), exc_info=error)
    return {"started": started}


async def _last_drills(tx: Tx) -> Mapping[UUID, dict[Slot, date]]:
    found: dict[UUID, dict[Slot, date]] = {}
    rows = await tx.all(
        select(Drill.clinic_id, Drill.slot, func.max(Drill.local_day).label("day")).group_by(
            Drill.clinic_id, Drill.slot
        )
    )
    for row in rows:
        found.setdefault(row.clinic_id, {})[row.slot] = row.day
    return found


async def _start_if_due(
    tx: Tx,
    clinic_id: UUID,
    settings: Mapping[str, Any],
    last: Mapping[Slot, date],
    now: datetime,
    alerts: Alerts,
) -> int:
    hours = (await protocols.active(tx, clinic_id)).policy.hours
    slot = rules.is_due(rules.schedule_of(settings), last, hours, clinic_id, now)
    if slot is None or await _busy(tx, clinic_id):
        return 0
    on = zones.local_date(now, hours.zone)
    actor = system(clinic_id, "drills")
    await _start(tx, actor, clinic_id, slot, "scheduled", on, now=now, alerts=alerts)
    return 1


async def _busy(tx: Tx, clinic_id: UUID) -> bool:
    """People who are working on something real, or on the drill before, get no further one from the schedule."""
    found = await tx.first(
        select(RiskEvent.id)
        .where(RiskEvent.clinic_id == clinic_id, RiskEvent.state != "closed", RiskEvent.is_canary.is_(False))
        .limit(1)
    )
    return found is not None


async def _start(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    slot: Slot,
    origin: Origin,
    on: date,
    *,
    now: datetime,
    alerts: Alerts,
) -> UUID:
    # Of two at once the second waits here, and then finds the first one's drill running.
    await tx.first(select(Clinic.id).where(Clinic.id == clinic_id).with_for_update())
    patient_id = await test_patient(tx, clinic_id, "drill", now=now)
    drill_id = tx.new_id()
    made = await signal(tx, _signal(clinic_id, patient_id, drill_id), now=now, alerts=alerts)
    if not made.opened:
        raise Conflict("a drill is running already: acknowledge and close it first")
    values: dict[str, Any] = {"id": drill_id, "clinic_id": clinic_id, "event_id": made.event_id, "slot": slot}
    values |= {"origin": origin, "local_day": on, "started_at": now}
    values |= {"started_by_id": actor.id if actor.kind == "staff" else None}
    if not await tx.insert_once(pick(tx, _ADD), values):
        raise Conflict("the drill of this slot was started by another worker")
    await record(tx, actor, "drill.started", "risk_event", made.event_id, now=now, slot=slot, origin=origin)
    return made.event_id


def _signal(clinic_id: UUID, patient_id: UUID, drill_id: UUID) -> Signal:
    return Signal(
        clinic_id=clinic_id,
        patient_id=patient_id,
        episode_id=None,
        trigger="item9",
        tier=TIER,
        toward="self",
        value=2,
        source_kind="staff",
        source_id=drill_id,
        channel="staff",
        rule_version=RULE,
        is_drill=True,
    )
