"""Alerts to staff about risk events: by text and by e-mail at once, again and to more people until one acknowledges.

No alert holds a patient's facts: a code, and where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, exists, or_, select

from kernel import log
from kernel.db import Database, Tx
from messaging.delivery import service as delivery
from messaging.delivery.service import Message
from messaging.delivery.tables import Outbox
from messaging.escalation.rules import ALERT_LIFE, SECOND_LOOK, Audience, next_step, quiet_first_look
from registry.organisation.tables import Sender, Staff, StaffRole
from registry.safety import service as safety
from registry.safety.tables import RiskEvent
from registry.worklist import service as worklist

LIMIT = 200
TEMPLATE = "staff_alert@1"

_EVENT = select(
    RiskEvent.id,
    RiskEvent.clinic_id,
    RiskEvent.patient_id,
    RiskEvent.episode_id,
    RiskEvent.code,
    RiskEvent.tier,
    RiskEvent.state,
    RiskEvent.step,
    RiskEvent.version,
    RiskEvent.is_drill,
    RiskEvent.responsible_id,
    RiskEvent.next_action_at,
)


class FirstAlert:
    """Implements `registry.ports.Alerts`."""

    async def first_alert(self, tx: Tx, event_id: UUID, *, now: datetime) -> None:
        event = await tx.first(_EVENT.where(RiskEvent.id == event_id))
        if event is not None:
            await _tell(tx, event, "responsible", now)


ALERTS = FirstAlert()


async def _tell(tx: Tx, event: Row[Any], audience: Audience, now: datetime) -> int:
    people = await _people(tx, event, audience)
    if not people and audience == "responsible":
        people = await _people(tx, event, "everyone")
    sender_id = await tx.scalar(
        select(Sender.id)
        .where(Sender.clinic_id == event.clinic_id, Sender.active)
        .order_by(Sender.id)
        .limit(1)
    )
    messages = [m for person in people for m in _messages(tx, event, person, sender_id, now)]
    if not messages:
        await _nobody(tx, event, now)
        return 0
    await delivery.enqueue_many(tx, messages, now=now)
    tx.ring("dispatch")
    return len(messages)


async def _people(tx: Tx, event: Row[Any], audience: Audience) -> Sequence[Row[Any]]:
    wanted = Staff.id == event.responsible_id
    if audience == "everyone":
        at_clinic = exists().where(
            and_(
                StaffRole.staff_id == Staff.id,
                StaffRole.clinic_id == event.clinic_id,
                StaffRole.role.in_(("care_manager", "clinic_lead")),
            )
        )
        wanted = or_(wanted, at_clinic)
    return await tx.all(
        select(Staff.id, Staff.email, Staff.phone_sealed, Staff.phone_verified_at)
        .where(wanted, Staff.disabled_at.is_(None))
        .order_by(Staff.id)
    )


def _messages(
    tx: Tx, event: Row[Any], person: Row[Any], sender_id: UUID | None, now: datetime
) -> list[Message]:
    drill = "DRILL " if event.is_drill else ""
    body = f"{drill}Safety alert {event.code} - open console"
    key = f"risk:{event.id}:v{event.version}:step{event.step}:user:{person.id}"
    made = [_message(event, person, f"{key}:email", "email", person.email, body, None, now)]
    if person.phone_sealed is not None and person.phone_verified_at is not None and sender_id is not None:
        number = tx.vault.open(person.phone_sealed)
        made.append(_message(event, person, f"{key}:sms", "sms", number, body, sender_id, now))
    return made


def _message(
    event: Row[Any],
    person: Row[Any],
    key: str,
    channel: delivery.Channel,
    to: str,
    body: str,
    sender_id: UUID | None,
    now: datetime,
) -> Message:
    return Message(
        clinic_id=event.clinic_id,
        kind="alert",
        channel=channel,
        dedupe_key=key,
        to=to,
        body=body,
        template=TEMPLATE,
        not_before=now,
        not_after=now + ALERT_LIFE,
        sender_id=sender_id,
        staff_id=person.id,
        event_id=event.id,
    )


async def _nobody(tx: Tx, event: Row[Any], now: datetime) -> None:
    log.get().error("alert.nobody", clinic_id=str(event.clinic_id), code=event.code)
    await worklist.open_task(
        tx,
        clinic_id=event.clinic_id,
        patient_id=event.patient_id,
        episode_id=event.episode_id,
        kind="alert_undeliverable",
        dedupe_key=f"alert_undeliverable:{event.id}",
        ref_kind="risk_event",
        ref_id=event.id,
        now=now,
    )


async def repeat_alerts(database: Database, now: datetime) -> dict[str, int]:
    """Due events, each in its own transaction so that one that raises never silences the others."""
    async with database.begin() as tx:
        due = await tx.execute(
            select(RiskEvent.id)
            .where(RiskEvent.state != "closed", RiskEvent.next_action_at <= now)
            .order_by(RiskEvent.next_action_at)
            .limit(LIMIT)
        )
        ids = list(due.scalars())
    told = 0
    for event_id in ids:
        try:
            async with database.begin() as tx:
                told += await _repeat(tx, event_id, now)
        except Exception as error:
            log.get().error("alert.repeat_failed", event_id=str(event_id), exc_info=error)
    return {"due": len(ids), "queued": told}


async def _repeat(tx: Tx, event_id: UUID, now: datetime) -> int:
    lapsed = await safety.lapse(tx, event_id, now=now)
    event = await tx.first(_EVENT.where(RiskEvent.id == event_id).with_for_update())
    if event is None or event.state != "open" or (event.next_action_at > now and not lapsed):
        return 0
    accepted = await _was_accepted(tx, event)
    if quiet_first_look(event.step, accepted):
        await safety.escalated(tx, event_id, step=1, next_action_at=now + SECOND_LOOK)
        return 0
    hours = await worklist.working_time(tx, event.clinic_id)
    step = next_step(event.step, event.tier, accepted, now, hours)
    await safety.escalated(tx, event_id, step=event.step + 1, next_action_at=step.next_at)
    event = await tx.first(_EVENT.where(RiskEvent.id == event_id))
    return 0 if event is None else await _tell(tx, event, step.audience, now)


async def _was_accepted(tx: Tx, event: Row[Any]) -> bool:
    """Whether a provider took an alert of the present round; one of an earlier round tells nobody anything now."""
    found = await tx.scalar(
        select(Outbox.id)
        .where(
            Outbox.event_id == event.id,
            Outbox.dedupe_key.startswith(f"risk:{event.id}:v{event.version}:"),
            Outbox.state == "accepted",
        )
        .limit(1)
    )
    return found is not None
