"""The on-call calendar: laying shifts, handing them over, and the monthly test of everyone's contact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from registry.access import CLINICAL, require
from registry.on_call import rules
from registry.on_call.rules import Shift, ShiftForm, Stretch
from registry.on_call.tables import AlertTest, OnCallShift
from registry.protocol import queries as protocols

_TEST = insert_or_skip(AlertTest, "clinic_id", "staff_id", "month")


async def add_shifts(tx: Tx, actor: Actor, form: ShiftForm, *, now: datetime) -> tuple[UUID, ...]:
    """Overlaps are fine: both are told. Raises Invalid for a person who may not be put on call, naming why."""
    clinic_id = require(actor, "clinic_lead")
    problems = rules.check_shift(form)
    if problems:
        raise Invalid(*problems)
    await _may_be_on_call(tx, clinic_id, form.staff_id, "staff_id")
    stretches = rules.stretches(form)
    if any(start >= end or end - start > rules.LONGEST for start, end in stretches):
        raise Invalid.field("end", "makes a shift that is empty or longer than eight days")
    if stretches[-1][1] <= now:
        raise Invalid.field("on", "is in the past")
    made = await _insert(tx, actor, clinic_id, form.staff_id, form.zone, stretches, None, now)
    await audit.record(
        tx,
        actor,
        "on_call.added",
        "on_call_shift",
        made[0],
        now=now,
        count=len(made),
        staff=str(form.staff_id),
    )
    return made


async def remove_shift(tx: Tx, actor: Actor, shift_id: UUID, *, now: datetime) -> None:
    """From now on; what was served stays on record. A gap that this opens is an alarm at once."""
    clinic_id = require(actor, "clinic_lead")
    shift = await _live(tx, clinic_id, shift_id, now)
    await _end(tx, actor, shift, now)
    served = (shift.starts_at, now)
    if served[0] < served[1]:
        await _insert(tx, actor, clinic_id, shift.staff_id, shift.zone, [served], shift.id, now)
    await audit.record(tx, actor, "on_call.removed", "on_call_shift", shift_id, now=now)


async def cover_shift(
    tx: Tx,
    actor: Actor,
    shift_id: UUID,
    by_id: UUID,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    now: datetime,
) -> None:
    """Somebody else takes a shift or part of it; by a clinic lead, by whose shift it is, or by who takes it."""
    clinic_id = require(actor, *CLINICAL)
    shift = await _live(tx, clinic_id, shift_id, now)
    _own_or_lead(actor, {shift.staff_id, by_id})
    await _may_be_on_call(tx, clinic_id, by_id, "by_id")
    parts = rules.cover(_facts(shift), max(start or shift.starts_at, now), end or shift.ends_at)
    if isinstance(parts, Problem):
        raise Invalid(parts)
    kept, taken = parts
    await _end(tx, actor, shift, now)
    await _insert(tx, actor, clinic_id, shift.staff_id, shift.zone, kept, shift.id, now)
    await _insert(tx, actor, clinic_id, by_id, shift.zone, [taken], shift.id, now)
    await audit.record(tx, actor, "on_call.covered", "on_call_shift", shift_id, now=now, by=str(by_id))


async def swap_shifts(tx: Tx, actor: Actor, first_id: UUID, second_id: UUID, *, now: datetime) -> None:
    """Two people change places; by a clinic lead or one of the two. Both shifts lie ahead."""
    clinic_id = require(actor, *CLINICAL)
    if first_id == second_id:
        raise Invalid.field("second_id", "is the same shift")
    one, other = [await _live(tx, clinic_id, shift_id, now) for shift_id in sorted((first_id, second_id))]
    _own_or_lead(actor, {one.staff_id, other.staff_id})
    if min(one.starts_at, other.starts_at) <= now:
        raise Conflict("a shift that has begun is covered, not swapped")
    for shift, staff_id in ((one, other.staff_id), (other, one.staff_id)):
        await _may_be_on_call(tx, clinic_id, staff_id, "second_id")
        await _end(tx, actor, shift, now)
        await _insert(
            tx, actor, clinic_id, staff_id, shift.zone, [(shift.starts_at, shift.ends_at)], shift.id, now
        )
    await audit.record(tx, actor, "on_call.swapped", "on_call_shift", first_id, now=now, other=str(second_id))


async def send_test(
    tx: Tx, clinic_id: UUID, staff_id: UUID, month: date, *, due_at: datetime, now: datetime
) -> UUID | None:
    """Notes that this month's test goes out to somebody; None when it did already."""
    test_id = tx.new_id()
    row = {
        "id": test_id,
        "clinic_id": clinic_id,
        "staff_id": staff_id,
        "month": month,
        "sent_at": now,
        "due_at": due_at,
        "answered_at": None,
        "missed_at": None,
    }
    return test_id if await tx.insert_once(pick(tx, _TEST), row) else None


async def answer_test(tx: Tx, actor: Actor, test_id: UUID, *, now: datetime) -> None:
    """By the person it was sent to; answering twice changes nothing."""
    answered = await tx.execute(
        update(AlertTest)
        .where(
            AlertTest.id == test_id,
            AlertTest.clinic_id == actor.clinic_id,
            AlertTest.staff_id == actor.id,
            AlertTest.answered_at.is_(None),
        )
        .values(answered_at=now)
    )
    if answered.rowcount == 0:
        known = select(AlertTest.id).where(
            AlertTest.id == test_id, AlertTest.clinic_id == actor.clinic_id, AlertTest.staff_id == actor.id
        )
        if await tx.first(known) is None:
            raise NotFound("test alert")
        return
    await audit.record(tx, actor, "alert_test.answered", "alert_test", test_id, now=now)


async def _may_be_on_call(tx: Tx, clinic_id: UUID, staff_id: UUID, field: str) -> None:
    """A working clinical account here, a verified phone, and a signature under the version to be trained on."""
    version = await protocols.to_be_trained_on(tx, clinic_id)
    person = (await protocols.contacts(tx, clinic_id, version)).get(staff_id)
    if person is None or not person.working or person.roles.isdisjoint(CLINICAL):
        raise Invalid.field(field, "has no working clinical account in this clinic")
    if not person.phone_verified:
        raise Invalid.field(field, f"{person.name}'s phone is not verified")
    if not person.trained:
        raise Invalid.field(field, f"{person.name} has not signed the safety policy as read and trained")


def _own_or_lead(actor: Actor, people: set[UUID]) -> None:
    if actor.kind != "system" and not actor.has("clinic_lead") and actor.id not in people:
        raise Forbidden("only a clinic lead hands over other people's shifts")


async def _live(tx: Tx, clinic_id: UUID, shift_id: UUID, now: datetime) -> Row[Any]:
    row = await tx.first(
        select(OnCallShift.__table__)
        .where(OnCallShift.id == shift_id, OnCallShift.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("shift")
    if row.removed_at is not None:
        raise Conflict("the shift was removed or handed over before")
    if row.ends_at <= now:
        raise Conflict("the shift is over")
    return row


async def _end(tx: Tx, actor: Actor, shift: Row[Any], now: datetime) -> None:
    by = actor.id if actor.kind == "staff" else None
    await tx.execute(
        update(OnCallShift).where(OnCallShift.id == shift.id).values(removed_at=now, removed_by_id=by)
    )


async def _insert(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    staff_id: UUID,
    zone: str,
    stretches: Sequence[Stretch],
    replaces_id: UUID | None,
    now: datetime,
) -> tuple[UUID, ...]:
    made = tuple(tx.new_id() for _ in stretches)
    rows = [
        {
            "id": shift_id,
            "clinic_id": clinic_id,
            "staff_id": staff_id,
            "zone": zone,
            "starts_at": start,
            "ends_at": end,
            "replaces_id": replaces_id,
            "created_at": now,
            "created_by_id": actor.id if actor.kind == "staff" else None,
            "removed_at": None,
            "removed_by_id": None,
        }
        for shift_id, (start, end) in zip(made, stretches, strict=True)
    ]
    if rows:
        await tx.execute(insert(OnCallShift), rows)
    return made


def _facts(row: Row[Any]) -> Shift:
    return Shift(row.id, row.staff_id, row.starts_at, row.ends_at, row.zone)
