"""Recording and withdrawing decisions about a patient's billing. A closed month takes none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from billing.decisions.rules import DECIDERS, Decision, DecisionForm, check
from billing.decisions.tables import BillingDecision
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound
from registry.access import require
from registry.episodes.tables import Episode
from registry.time_log import closing
from registry.time_log.months import Month


async def decide(tx: Tx, actor: Actor, episode_id: UUID, form: DecisionForm, *, now: datetime) -> UUID:
    """Raises Invalid naming each field, NotFound for another clinic's episode, Conflict for a closed month."""
    clinic_id = require(actor, *DECIDERS)
    month = None if form.month is None else Month.parse(form.month)
    problems = check(form)
    if problems:
        raise Invalid(*problems)
    patient_id = await tx.scalar(
        select(Episode.patient_id).where(Episode.id == episode_id, Episode.clinic_id == clinic_id)
    )
    if patient_id is None:
        raise NotFound("the episode")
    await _require_open(tx, clinic_id, month)
    decision_id = tx.new_id()
    await tx.execute(
        insert(BillingDecision),
        {
            "id": decision_id,
            "clinic_id": clinic_id,
            "episode_id": episode_id,
            "month": form.month,
            "kind": form.kind,
            "value": form.value,
            "reason": form.reason.strip(),
            "by_id": actor.id,
            "by_name": actor.name,
            "at": now,
            "withdrawn_at": None,
            "withdrawn_by_id": None,
            "withdrawn_reason": None,
        },
    )
    await audit.record(
        tx,
        actor,
        "billing.decided",
        "billing_decision",
        decision_id,
        now=now,
        patient_id=patient_id,
        kind=form.kind,
        value=form.value,
    )
    return decision_id


async def withdraw(tx: Tx, actor: Actor, decision_id: UUID, reason: str, *, now: datetime) -> None:
    """The row stays, with who withdrew it and why. Withdrawing twice is refused as stale."""
    clinic_id = require(actor, *DECIDERS)
    if not reason.strip():
        raise Invalid.field("reason", "is needed")
    row = await tx.first(
        select(BillingDecision.month, BillingDecision.withdrawn_at, BillingDecision.episode_id)
        .where(BillingDecision.id == decision_id, BillingDecision.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("the decision")
    if row.withdrawn_at is not None:
        raise Conflict("it was withdrawn already", code="stale")
    await _require_open(tx, clinic_id, None if row.month is None else Month.parse(row.month))
    await tx.execute(
        update(BillingDecision)
        .where(BillingDecision.id == decision_id)
        .values(withdrawn_at=now, withdrawn_by_id=actor.id, withdrawn_reason=reason.strip())
    )
    patient_id = await tx.scalar(select(Episode.patient_id).where(Episode.id == row.episode_id))
    await audit.record(
        tx, actor, "billing.withdrawn", "billing_decision", decision_id, now=now, patient_id=patient_id
    )


async def of_episodes(tx: Tx, clinic_id: UUID, episodes: Collection[UUID]) -> dict[UUID, list[Decision]]:
    """Those that stand, oldest first. Without audit: part of a month that the caller reads under its own."""
    rows = await tx.all(
        select(*BillingDecision.__table__.c)
        .where(
            BillingDecision.clinic_id == clinic_id,
            BillingDecision.episode_id.in_(episodes),
            BillingDecision.withdrawn_at.is_(None),
        )
        .order_by(BillingDecision.at, BillingDecision.id)
    )
    found: dict[UUID, list[Decision]] = defaultdict(list)
    for row in rows:
        found[row.episode_id].append(_decision(row))
    return found


async def audit_read(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> None:
    await audit.record(
        tx, viewer, "billing.decisions_read", "patient", patient_id, now=now, patient_id=patient_id
    )


async def _require_open(tx: Tx, clinic_id: UUID, month: Month | None) -> None:
    if month is None:
        return
    zone = await closing.zone_while_open(tx, clinic_id)
    start, _ = month.bounds(zone)
    await closing.require_open(tx, clinic_id, [(start, 1)], zone)


def _decision(row: Row[Any]) -> Decision:
    return Decision(
        id=row.id,
        month=None if row.month is None else Month.parse(row.month),
        kind=cast(Any, row.kind),
        value=row.value,
        reason=row.reason,
        by=row.by_name,
        at=row.at,
    )
