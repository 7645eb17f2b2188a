"""Texts from colleagues' phones: a reply code takes an event or answers a test; STOP is an alarm, not silence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select

from kernel import audit, log
from kernel.audit import Actor
from kernel.db import Tx
from messaging.delivery import service as delivery
from messaging.delivery.service import Message, OnFile
from messaging.escalation import audience, words
from messaging.escalation.audience import Person
from messaging.escalation.service import sender_of
from registry.access import CLINICAL
from registry.on_call import service as on_call
from registry.on_call.tables import AlertTest
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff, StaffRole
from registry.safety import service as safety
from registry.safety.tables import RiskEvent
from registry.worklist import service as worklist

MOST: Final = 200
LIFE: Final = timedelta(minutes=30)
_CODE: Final = re.compile(
    rf"\W*(?:ack|take|reply|ok)?\W*([{words.LETTERS}]{{{words.LENGTH}}})\W*", re.IGNORECASE
)


def code_in(body: str) -> str | None:
    """A reply code alone, or after a word such as `take`."""
    found = _CODE.fullmatch(body.strip())
    return None if found is None else found.group(1).upper()


async def hear(
    tx: Tx, clinic_id: UUID, sender_id: UUID, number: OnFile, body: str, *, now: datetime
) -> str | None:
    """What a colleague's code did, in a word for the inbound row; None for every other text, which is then handled as
    usual: a code that is nobody's may be a patient's word."""
    code = code_in(body)
    if code is None:
        return None
    for person in await _owners(tx, clinic_id, number.key):
        done = await _answer_test(tx, clinic_id, person, number, code, now) or await _take(
            tx, clinic_id, person, number, code, now
        )
        if done is not None:
            said, mark = done
            await _reply(tx, clinic_id, sender_id, number, person, said, now)
            return mark
    return None


async def heard_stop(tx: Tx, clinic_id: UUID, phone_key: str, *, now: datetime) -> None:
    """Somebody stopped texts from a colleague's phone: their alerts go by the second channels from now on, and the
    clinic's leads are told."""
    for owner in await _owners(tx, clinic_id, phone_key):
        log.get().error("alert.stopped_by_staff", staff_id=str(owner.id))
        opened = await worklist.open_task(
            tx,
            clinic_id=clinic_id,
            patient_id=None,
            episode_id=None,
            kind="staff_stopped_alerts",
            dedupe_key=f"staff_stopped_alerts:{owner.id}",
            ref_kind="staff",
            ref_id=owner.id,
            now=now,
        )
        if opened is not None:
            await _tell_leads(tx, clinic_id, owner.id, opened, now)


async def _owners(tx: Tx, clinic_id: UUID, phone_key: str) -> Sequence[Row[Any]]:
    """Clinical staff here whose verified phone this is; two may share one."""
    return await tx.all(
        select(Staff.id, Staff.name)
        .where(
            Staff.phone_key == phone_key,
            Staff.phone_verified_at.is_not(None),
            Staff.disabled_at.is_(None),
            Staff.id.in_(
                select(StaffRole.staff_id).where(
                    StaffRole.clinic_id == clinic_id, StaffRole.role.in_(CLINICAL)
                )
            ),
        )
        .order_by(Staff.id)
    )


async def _take(
    tx: Tx, clinic_id: UUID, person: Row[Any], number: OnFile, code: str, now: datetime
) -> tuple[str, str] | None:
    events = await tx.all(
        select(RiskEvent.id, RiskEvent.code)
        .where(RiskEvent.clinic_id == clinic_id, RiskEvent.state != "closed")
        .order_by(RiskEvent.opened_at.desc())
        .limit(MOST)
    )
    meant = [event for event in events if words.reply_code(tx.vault, event.id, person.id, number.key) == code]
    if len(meant) != 1:
        return None if not meant else ("Two alerts have this code: open the console.", "staff:ambiguous")
    actor = await organisation.actor_for(tx, person.id, clinic_id)
    assert actor is not None  # the owner was found by a clinical role
    taken = await safety.acknowledge(tx, actor, meant[0].id, now=now)
    label = meant[0].code
    if taken.won:
        return f"{label} is yours. Open the console and log what you do.", "staff:taken"
    holder = "you" if taken.by_id == person.id else taken.by_name
    return f"{label} was taken before, by {holder}.", "staff:taken_before"


async def _answer_test(
    tx: Tx, clinic_id: UUID, person: Row[Any], number: OnFile, code: str, now: datetime
) -> tuple[str, str] | None:
    tests = await tx.all(
        select(AlertTest.id)
        .where(
            AlertTest.clinic_id == clinic_id,
            AlertTest.staff_id == person.id,
            AlertTest.answered_at.is_(None),
        )
        .order_by(AlertTest.sent_at.desc())
        .limit(3)
    )
    for test in tests:
        if words.reply_code(tx.vault, test.id, person.id, number.key) == code:
            actor = Actor("staff", person.id, clinic_id, frozenset(), person.name)
            await on_call.answer_test(tx, actor, test.id, now=now)
            return "Thank you: safety alerts reach you here.", "staff:test"
    return None


async def _reply(
    tx: Tx,
    clinic_id: UUID,
    sender_id: UUID,
    number: OnFile,
    person: Row[Any],
    said: str,
    now: datetime,
) -> None:
    await delivery.enqueue(
        tx,
        Message(
            clinic_id=clinic_id,
            kind="alert",
            dedupe_key=f"staff_reply:{tx.new_id()}",
            to=number,
            body=said,
            template=words.NOTICE_TEMPLATE,
            not_before=now,
            not_after=now + LIFE,
            sender_id=sender_id,
            staff_id=person.id,
        ),
        now=now,
    )
    tx.ring("dispatch")


async def _tell_leads(tx: Tx, clinic_id: UUID, staff_id: UUID, task_id: UUID, now: datetime) -> None:
    people = await audience.contacts(tx, clinic_id, frozenset({staff_id}), frozenset({"clinic_lead"}))
    said = "A colleague's phone stopped safety alerts - open console"
    await notify(tx, clinic_id, people, f"staff_stopped:{task_id}", said, now)
    await audit.record(
        tx, audit.system(clinic_id, "escalation"), "alerts.stopped", "staff", staff_id, now=now
    )


async def notify(
    tx: Tx, clinic_id: UUID, people: Sequence[Person], cause: str, said: str, now: datetime
) -> None:
    """Tells colleagues about the alerting itself, by e-mail and by text; names nobody."""
    sender_id = await sender_of(tx, clinic_id)
    messages = []
    for person in people:
        common = {
            "clinic_id": clinic_id,
            "kind": "alert",
            "body": said,
            "template": words.NOTICE_TEMPLATE,
            "not_before": now,
            "not_after": now + LIFE,
            "staff_id": person.id,
        }
        key = f"{cause}:user:{person.id}"
        messages.append(Message(**common, channel="email", dedupe_key=f"{key}:email", to=person.email))  # type: ignore[arg-type]
        if person.phone is not None and not person.stopped and sender_id is not None:
            messages.append(
                Message(**common, dedupe_key=f"{key}:sms", to=person.phone, sender_id=sender_id)  # type: ignore[arg-type]
            )
    if messages:
        await delivery.enqueue_many(tx, messages, now=now)
        tx.ring("dispatch")
