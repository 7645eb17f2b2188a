"""Ticking the checklist, starting a pilot and deciding its steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import Conflict, Invalid, NotFound
from registry.access import require
from registry.launch import pilot, queries
from registry.launch.checklist import TICKED
from registry.launch.pilot import DAYS, MAX_NOTE, Decision
from registry.launch.tables import LaunchTick, Pilot, PilotReport
from registry.organisation import queries as organisation

_TICK = insert_or_skip(LaunchTick, "clinic_id", "item")
_PILOT = insert_or_skip(Pilot, "clinic_id", where="ended_on IS NULL")
_REPORT = insert_or_skip(PilotReport, "pilot_id", "step", "day")


async def tick(tx: Tx, actor: Actor, item: str, *, now: datetime) -> None:
    """Something only a person can know. Raises `NotFound` for an item that is worked out, or none."""
    clinic_id = require(actor, "administrator", "clinic_lead")
    if item not in TICKED:
        raise NotFound("item")
    values = {"id": tx.new_id(), "clinic_id": clinic_id, "item": item, "done_by_id": actor.id, "done_at": now}
    await tx.insert_once(pick(tx, _TICK), values)
    await audit.record(tx, actor, "launch.ticked", "clinic", clinic_id, now=now, item=item)


async def start_pilot(tx: Tx, actor: Actor, steps: Sequence[int], *, now: datetime) -> UUID:
    """Raises `Invalid` for limits that don't rise, `Conflict` when a pilot runs already."""
    clinic_id = require(actor, "clinic_lead")
    problems = pilot.check_steps(steps)
    if problems:
        raise Invalid(*problems)
    today = (await organisation.clinic(tx, clinic_id)).local_date(now)
    pilot_id = tx.new_id()
    values = {
        "id": pilot_id,
        "clinic_id": clinic_id,
        "started_on": today,
        "steps": list(steps),
        "step": 0,
        "step_since": today,
        "started_by_id": actor.id,
        "ended_on": None,
    }
    if not await tx.insert_once(pick(tx, _PILOT), values):
        raise Conflict("a pilot runs already", code="pilot_runs")
    await audit.record(tx, actor, "pilot.started", "pilot", pilot_id, now=now, count=len(steps))
    return pilot_id


async def sign_report(
    tx: Tx, actor: Actor, day: int, decision: Decision, note: str, *, now: datetime
) -> None:
    """Keeps the figures of the step as they stand, with the decision. A go on the last day raises the limit to the
    next step, or ends the pilot after the last one; a no-go leaves it. Raises `Conflict` when signed already."""
    clinic_id = require(actor, "clinic_lead")
    row = await _running(tx, clinic_id)
    today = (await organisation.clinic(tx, clinic_id)).local_date(now)
    if day not in DAYS or not pilot.due(day, row.step_since, today):
        raise Invalid.field(
            "day", f"can be signed on day {' and '.join(map(str, DAYS))} of the step, not before"
        )
    if not note.strip() or len(note) > MAX_NOTE:
        raise Invalid.field("note", f"says why, at most {MAX_NOTE} characters")
    figures = pilot.report(await queries.raw_figures(tx, clinic_id, row.step_since, now))
    values = {
        "id": tx.new_id(),
        "clinic_id": clinic_id,
        "pilot_id": row.id,
        "step": row.step,
        "day": day,
        "figures": [msgspec.to_builtins(figure) for figure in figures],
        "decision": decision,
        "note_sealed": tx.vault.seal(note.strip()),
        "signed_by_id": actor.id,
        "signed_at": now,
    }
    if not await tx.insert_once(pick(tx, _REPORT), values):
        raise Conflict("this report is signed already", code="signed")
    if decision == "go" and day == DAYS[-1]:
        last = row.step + 1 >= len(row.steps)
        change: dict[str, Any] = {"ended_on": today} if last else {"step": row.step + 1, "step_since": today}
        await tx.execute(update(Pilot).where(Pilot.id == row.id).values(**change))
    await audit.record(tx, actor, "pilot.reported", "pilot", row.id, now=now, day=day, decision=decision)


async def end_pilot(tx: Tx, actor: Actor, *, now: datetime) -> None:
    """The limit is lifted, or the clinic stops: either way nothing counts against it any more."""
    clinic_id = require(actor, "clinic_lead")
    row = await _running(tx, clinic_id)
    today = (await organisation.clinic(tx, clinic_id)).local_date(now)
    await tx.execute(update(Pilot).where(Pilot.id == row.id).values(ended_on=today))
    await audit.record(tx, actor, "pilot.ended", "pilot", row.id, now=now)


async def _running(tx: Tx, clinic_id: UUID) -> Any:
    row = await tx.first(
        select(Pilot.__table__)
        .where(Pilot.clinic_id == clinic_id, Pilot.ended_on.is_(None))
        .with_for_update()
    )
    if row is None:
        raise Conflict("no pilot runs", code="no_pilot")
    return row
