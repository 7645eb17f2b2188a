"""The demo clinic's signed safety policy, its on-call weeks without a gap, and this month's answered test alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from api.demo.people import ClinicPlan
from kernel.audit import Actor, Role
from kernel.db import Tx
from registry.access import CLINICAL
from registry.on_call import service as on_call
from registry.on_call.rules import ShiftForm
from registry.protocol import service as protocol

SPAN: Final = 26  # weeks that one form lays
SPANS: Final = 3  # from the founding to half a year after the opening
MIDNIGHT: Final = time(0)


async def put_in_force(
    tx: Tx, plan: ClinicPlan, clinic_id: UUID, staff: Mapping[str, UUID], now: datetime
) -> None:
    """Nothing for a clinic without a lead who could sign: it goes by the template."""
    people = {
        person.key: Actor("staff", staff[person.key], clinic_id, frozenset({person.role}), person.name)
        for person in plan.staff
    }
    lead = _first(people, "clinic_lead")
    consultant = _first(people, "consultant")
    if lead is None or consultant is None:
        return
    version = await protocol.start_draft(tx, lead, now=now)
    for who in (lead, consultant):
        await protocol.sign(tx, who, version, "approval", now=now)
    for who in people.values():
        if who.has(*CLINICAL):
            await protocol.sign(tx, who, version, "training", now=now)
    await _calendar(tx, lead, (staff["care_manager"], staff["care_manager_2"]), plan.zone, now)
    await protocol.activate(tx, lead, version, now=now)


async def _calendar(tx: Tx, lead: Actor, pair: tuple[UUID, UUID], zone: str, now: datetime) -> None:
    """One has Monday to Thursday, the other Friday to Sunday."""
    today = now.astimezone(ZoneInfo(zone)).date()
    monday = today - timedelta(days=today.weekday())
    for span in range(SPANS):
        first = monday + timedelta(weeks=span * SPAN)
        for who, offset, days in ((pair[0], 0, 4), (pair[1], 4, 3)):
            form = ShiftForm(who, zone, first + timedelta(days=offset), MIDNIGHT, MIDNIGHT, days, SPAN)
            await on_call.add_shifts(tx, lead, form, now=now)


async def answer_tests(
    tx: Tx, plan: ClinicPlan, clinic_id: UUID, staff: Mapping[str, UUID], opening: date, now: datetime
) -> None:
    """Everyone who may be paged has answered this month's test alert."""
    for staff_id in [staff[person.key] for person in plan.staff if person.role in CLINICAL]:
        test_id = await on_call.send_test(
            tx, clinic_id, staff_id, opening.replace(day=1), due_at=now + timedelta(days=3), now=now
        )
        if test_id is not None:
            await on_call.answer_test(tx, Actor("staff", staff_id, clinic_id), test_id, now=now)


def _first(people: Mapping[str, Actor], role: Role) -> Actor | None:
    return next((who for who in people.values() if who.has(role)), None)
