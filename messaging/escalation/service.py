"""Alerts to staff about risk events: up the ladder of the clinic's policy, again and to more people until one
acknowledges. No alert holds a patient's facts: a code, and where to look.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from kernel import log
from kernel.db import Database, Tx
from messaging.delivery import service as delivery
from messaging.delivery.service import Message
from messaging.delivery.tables import Outbox
from messaging.escalation import audience, words
from messaging.escalation.audience import Person
from messaging.escalation.rules import (
    ALERT_LIFE,
    Decision,
    Situation,
    Standing,
    Told,
    after_sending,
    decide,
    rung_at,
)
from registry.organisation.tables import Sender
from registry.protocol import queries as protocols
from registry.protocol.policy import AlertChannel, Protocol, Rung
from registry.safety import service as safety
from registry.safety.tables import RiskEvent
from registry.worklist import service as worklist

LIMIT: Final = 200
ARRIVED: Final = ("delivered", "read")
LOST: Final = ("undelivered", "failed", "canceled")

_EVENT = select(
    RiskEvent.id,
    RiskEvent.clinic_id,
    RiskEvent.patient_id,
    RiskEvent.episode_id,
    RiskEvent.code,
    RiskEvent.tier,
    RiskEvent.toward,
    RiskEvent.state,
    RiskEvent.step,
    RiskEvent.round_at,
    RiskEvent.rung_at,
    RiskEvent.version,
    RiskEvent.is_drill,
    RiskEvent.is_canary,
    RiskEvent.responsible_id,
    RiskEvent.protocol_id,
    RiskEvent.next_action_at,
)


class FirstAlert(msgspec.Struct, frozen=True):
    """Implements `registry.ports.Alerts`. `calls`: staff can be called."""

    calls: bool = False

    async def first_alert(self, tx: Tx, event_id: UUID, *, now: datetime) -> None:
        event = await tx.first(_EVENT.where(RiskEvent.id == event_id))
        if event is None:
            return
        protocol = await protocols.of_event(tx, event.clinic_id, event.protocol_id)
        _, step = await _climb(tx, event, protocol, now, calls=self.calls)
        at = after_sending(_situation(event, protocol, ()), now)
        await safety.escalated(tx, event_id, step=step, next_action_at=at, rung_at=now)


ALERTS = FirstAlert()


async def repeat_alerts(database: Database, now: datetime, *, calls: bool = False) -> dict[str, int]:
    """Due events, each in its own transaction so that one that raises never silences the others."""
    async with database.begin() as tx:
        due = await tx.execute(
            select(RiskEvent.id)
            .where(
                RiskEvent.state != "closed", RiskEvent.next_action_at <= now, RiskEvent.is_canary.is_(False)
            )
            .order_by(RiskEvent.next_action_at)
            .limit(LIMIT)
        )
        ids = list(due.scalars())
    told = 0
    for event_id in ids:
        try:
            async with database.begin() as tx:
                told += await _repeat(tx, event_id, now, calls=calls)
        except Exception as error:
            log.get().error("alert.repeat_failed", event_id=str(event_id), exc_info=error)
    return {"due": len(ids), "queued": told}


async def _repeat(tx: Tx, event_id: UUID, now: datetime, *, calls: bool) -> int:
    lapsed = await safety.lapse(tx, event_id, now=now)
    event = await tx.first(_EVENT.where(RiskEvent.id == event_id).with_for_update())
    if event is None or event.state != "open" or (event.next_action_at > now and not lapsed):
        return 0
    protocol = await protocols.of_event(tx, event.clinic_id, event.protocol_id)
    decision = decide(_situation(event, protocol, await _told(tx, event)), now)
    if decision.rung is None:
        queued = await _second(tx, event, protocol, decision, now, calls=calls)
        await safety.escalated(tx, event_id, step=decision.step, next_action_at=decision.next_at)
        return queued
    queued, step = await _climb(tx, event, protocol, now, calls=calls)
    await safety.escalated(tx, event_id, step=step, next_action_at=decision.next_at, rung_at=now)
    return queued


def _situation(event: Row[Any], protocol: Protocol, told: tuple[Told, ...]) -> Situation:
    policy = protocol.policy
    return Situation(
        ladder=policy.ladder(event.tier, cast(Literal["self", "others"], event.toward)),
        after_hours=policy.tier(event.tier).after_hours,
        hours=policy.hours,
        round_at=event.round_at,
        step=event.step,
        rung_at=event.rung_at,
        told=told,
    )


async def _climb(
    tx: Tx, event: Row[Any], protocol: Protocol, now: datetime, *, calls: bool
) -> tuple[int, int]:
    """Sends the next rung that has anybody; gives how many alerts, and how many rungs are done with it."""
    ladder = _situation(event, protocol, ()).ladder
    for step in range(event.step, max(event.step + 1, len(ladder.rungs))):
        rung = rung_at(ladder, step)
        people = await audience.people_for(tx, event, protocol, rung, now)
        sent = await _tell(tx, event, step, [(one, _channels(one, rung, calls)) for one in people], now)
        if sent:
            return sent, step + 1
    await _nobody(tx, event, now)
    return 0, event.step + 1


async def _second(
    tx: Tx, event: Row[Any], protocol: Protocol, decision: Decision, now: datetime, *, calls: bool
) -> int:
    if not decision.second:
        return 0
    step = event.step - 1
    rung = rung_at(_situation(event, protocol, ()).ladder, step)
    people = await audience.contacts(tx, event.clinic_id, frozenset(decision.second))
    return await _tell(tx, event, step, [(one, _usable(one, rung.second, calls)) for one in people], now)


def _channels(person: Person, rung: Rung, calls: bool) -> tuple[AlertChannel, ...]:
    """Whose phone takes no texts is reached through the second channels at once."""
    wanted = (*rung.channels, *rung.second) if person.stopped and "sms" in rung.channels else rung.channels
    return _usable(person, wanted, calls) or _usable(person, ("email",), calls)


def _usable(person: Person, wanted: Iterable[AlertChannel], calls: bool) -> tuple[AlertChannel, ...]:
    can = {
        "email": True,
        "sms": person.phone is not None and not person.stopped,
        "voice": person.phone is not None and calls,
    }
    return tuple(channel for channel in wanted if can[channel])


async def _tell(
    tx: Tx,
    event: Row[Any],
    step: int,
    people: list[tuple[Person, tuple[AlertChannel, ...]]],
    now: datetime,
) -> int:
    sender_id = await sender_of(tx, event.clinic_id)
    messages = [
        _message(tx, event, step, person, channel, sender_id, now)
        for person, channels in people
        for channel in channels
        if channel == "email" or sender_id is not None
    ]
    if messages:
        await delivery.enqueue_many(tx, messages, now=now)
        tx.ring("dispatch")
    return len(messages)


async def sender_of(tx: Tx, clinic_id: UUID) -> UUID | None:
    found: UUID | None = await tx.scalar(
        select(Sender.id).where(Sender.clinic_id == clinic_id, Sender.active).order_by(Sender.id).limit(1)
    )
    return found


def _message(
    tx: Tx,
    event: Row[Any],
    step: int,
    person: Person,
    channel: AlertChannel,
    sender_id: UUID | None,
    now: datetime,
) -> Message:
    return Message(
        clinic_id=event.clinic_id,
        kind="alert",
        channel=channel,
        dedupe_key=f"risk:{event.id}:v{event.version}:step{step}:user:{person.id}:{channel}",
        to=person.email if channel == "email" else person.phone or "",
        body=_body(tx, event, person, channel),
        template=words.TEMPLATE,
        not_before=now,
        not_after=now + ALERT_LIFE,
        sender_id=None if channel == "email" else sender_id,
        staff_id=person.id,
        event_id=event.id,
    )


def _body(tx: Tx, event: Row[Any], person: Person, channel: AlertChannel) -> str:
    match channel:
        case "email":
            return words.alert(event.code, is_drill=event.is_drill)
        case "voice":
            return words.alert_spoken(event.code, is_drill=event.is_drill)
        case "sms":
            reply = words.reply_code(tx.vault, event.id, person.id, person.phone_key)
            return words.alert_by_text(event.code, reply, is_drill=event.is_drill)


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


async def _told(tx: Tx, event: Row[Any]) -> tuple[Told, ...]:
    """What became of the alerts of the present rung; those of an earlier one tell nobody anything now."""
    if event.rung_at is None:
        return ()
    rows = await tx.all(
        select(Outbox.staff_id, Outbox.channel, Outbox.state, Outbox.provider_status, Outbox.attempt)
        .where(
            Outbox.event_id == event.id,
            Outbox.created_at >= event.rung_at,
            Outbox.kind == "alert",
            Outbox.staff_id.is_not(None),
        )
        .limit(LIMIT * 3)
    )
    return tuple(
        Told(row.staff_id, row.channel, standing(row.channel, row.state, row.provider_status, row.attempt))
        for row in rows
    )


def standing(channel: str, state: str, provider_status: str | None, attempt: int) -> Standing:
    """What is known of one alert. One put back after an attempt was refused for now; e-mail has no later report."""
    match state:
        case "accepted":
            if provider_status in LOST:
                return "refused"
            return "delivered" if channel == "email" or provider_status in ARRIVED else "taken"
        case "unknown":
            return "doubt"
        case "pending":
            return "refused" if attempt else "waiting"
        case "sending":
            return "waiting"
        case _:
            return "refused"
