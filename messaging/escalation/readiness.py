"""Whether the alerting would reach somebody, before it has to: who is on call in the next 14 days, who signed what,
and whether the monthly test came through. What is wrong becomes a task, and an alert to the clinic's leads."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from kernel import log
from kernel.db import Database, Tx
from messaging.delivery import service as delivery
from messaging.delivery.service import Message
from messaging.escalation import audience, words
from messaging.escalation.audience import Person
from messaging.escalation.replies import notify
from messaging.escalation.service import sender_of
from registry import zones
from registry.access import CLINICAL
from registry.on_call import queries as on_call
from registry.on_call import service as calendar
from registry.on_call.tables import AlertTest
from registry.organisation.tables import Clinic
from registry.protocol import queries as protocols
from registry.protocol.policy import Clock, Protocol
from registry.protocol.rules import clock_ends
from registry.protocol.tables import SafetyProtocol
from registry.working_time import is_staffed
from registry.worklist import service as worklist

GAP_KEY: Final = "on_call_gap"
SOON: Final = timedelta(hours=24)  # a gap that begins sooner is told to the leads every day
TEST_ANSWER: Final = Clock(3, "business_days")
LIFE: Final = timedelta(hours=8)
LIMIT: Final = 500


async def check_readiness(database: Database, now: datetime) -> dict[str, int]:
    """Every clinic with a policy in force, each in its own transaction. Counts what is new."""
    async with database.begin() as tx:
        clinics = await tx.all(
            select(SafetyProtocol.clinic_id)
            .join(Clinic, Clinic.id == SafetyProtocol.clinic_id)
            .where(SafetyProtocol.state == "active")
            .order_by(SafetyProtocol.clinic_id)
        )
    done = {"gaps": 0, "unsigned": 0, "tests": 0, "missed": 0}
    for row in clinics:
        try:
            async with database.begin() as tx:
                found = await _check(tx, row.clinic_id, now)
        except Exception as error:
            log.get().error("readiness.failed", clinic_id=str(row.clinic_id), exc_info=error)
            continue
        done = {name: done[name] + found[name] for name in done}
    return done


async def _check(tx: Tx, clinic_id: UUID, now: datetime) -> dict[str, int]:
    protocol = await protocols.active(tx, clinic_id)
    return {
        "gaps": await _gaps(tx, clinic_id, protocol, now),
        "unsigned": await _unsigned(tx, clinic_id, protocol, now),
        "tests": await _tests(tx, clinic_id, protocol, now),
        "missed": await _missed(tx, clinic_id, now),
    }


async def _gaps(tx: Tx, clinic_id: UUID, protocol: Protocol, now: datetime) -> int:
    coverage = await on_call.coverage(tx, clinic_id, protocol.policy, now)
    if not coverage.gaps:
        await worklist.close_tasks(tx, clinic_id, GAP_KEY, "covered", now)
        return 0
    opened = await worklist.open_task(
        tx,
        clinic_id=clinic_id,
        patient_id=None,
        episode_id=None,
        kind="on_call_gap",
        dedupe_key=GAP_KEY,
        detail={"gaps": len(coverage.gaps)},
        now=now,
    )
    soon = coverage.gaps[0][0] - now <= SOON
    if opened is None and not soon:
        return 0
    today = zones.local_date(now, protocol.policy.zone)
    cause = f"on_call_gap:{clinic_id}:{today}" if soon else f"on_call_gap:{opened}"
    leads = await audience.contacts(tx, clinic_id, frozenset(), frozenset({"clinic_lead"}))
    await notify(tx, clinic_id, leads, cause, "On-call calendar has a gap - open console", now)
    return int(opened is not None)


async def _unsigned(tx: Tx, clinic_id: UUID, protocol: Protocol, now: datetime) -> int:
    """They stay on call: somebody untrained is better than nobody. But it is said."""
    people = await protocols.contacts(tx, clinic_id, protocol.id)
    on_duty = (await on_call.coverage(tx, clinic_id, protocol.policy, now)).on_call
    new = 0
    for staff_id, person in people.items():
        key = f"on_call_unsigned:{staff_id}"
        if staff_id not in on_duty or person.trained:
            await worklist.close_tasks(tx, clinic_id, key, "signed", now)
            continue
        opened = await worklist.open_task(
            tx,
            clinic_id=clinic_id,
            patient_id=None,
            episode_id=None,
            kind="on_call_unsigned",
            dedupe_key=key,
            owner_id=staff_id,
            ref_kind="staff",
            ref_id=staff_id,
            now=now,
        )
        new += opened is not None
    return new


async def _tests(tx: Tx, clinic_id: UUID, protocol: Protocol, now: datetime) -> int:
    """Once a month, while people are at work."""
    hours = protocol.policy.hours
    if not is_staffed(now, hours):
        return 0
    month = zones.local_date(now, hours.zone).replace(day=1)
    sent_to = {
        row.staff_id
        for row in await tx.all(
            select(AlertTest.staff_id).where(AlertTest.clinic_id == clinic_id, AlertTest.month == month)
        )
    }
    due = clock_ends(TEST_ANSWER, now, hours)
    sender_id = await sender_of(tx, clinic_id)
    sent = 0
    for person in await audience.contacts(tx, clinic_id, frozenset(), frozenset(CLINICAL)):
        if person.id not in sent_to:
            sent += await _test(tx, clinic_id, person, month, due, sender_id, now)
    return sent


async def _test(
    tx: Tx,
    clinic_id: UUID,
    person: Person,
    month: date,
    due_at: datetime,
    sender_id: UUID | None,
    now: datetime,
) -> int:
    """By the channel that an alert would take; whose phone is not verified gets it by e-mail."""
    test_id = await calendar.send_test(tx, clinic_id, person.id, month, due_at=due_at, now=now)
    if test_id is None:
        return 0
    reply = words.reply_code(tx.vault, test_id, person.id, person.phone_key)
    by_text = person.phone is not None and not person.stopped and sender_id is not None
    message = Message(
        clinic_id=clinic_id,
        kind="alert",
        channel="sms" if by_text else "email",
        dedupe_key=f"alert_test:{test_id}",
        to=(person.phone or "") if by_text else person.email,
        body=words.test_by_text(reply) if by_text else words.TEST_BY_MAIL,
        template=words.TEST_TEMPLATE,
        not_before=now,
        not_after=now + LIFE,
        sender_id=sender_id if by_text else None,
        staff_id=person.id,
    )
    await delivery.enqueue(tx, message, now=now)
    return 1


async def _missed(tx: Tx, clinic_id: UUID, now: datetime) -> int:
    rows = await tx.all(
        select(AlertTest.id, AlertTest.staff_id)
        .where(
            AlertTest.clinic_id == clinic_id,
            AlertTest.answered_at.is_(None),
            AlertTest.missed_at.is_(None),
            AlertTest.due_at <= now,
        )
        .limit(LIMIT)
    )
    for row in rows:
        await tx.execute(update(AlertTest).where(AlertTest.id == row.id).values(missed_at=now))
        await worklist.open_task(
            tx,
            clinic_id=clinic_id,
            patient_id=None,
            episode_id=None,
            kind="alert_test_missed",
            dedupe_key=f"alert_test_missed:{row.staff_id}",
            owner_id=row.staff_id,
            ref_kind="staff",
            ref_id=row.staff_id,
            now=now,
        )
    return len(rows)
