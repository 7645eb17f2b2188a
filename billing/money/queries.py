"""A month in money, minutes and people, for those who answer for the bill."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from billing.close import record
from billing.money import rules, shadow
from billing.money.rules import (
    DenialFacts,
    DenialGroup,
    FeeTable,
    Outcome,
    PersonMinutes,
    Plan,
    Revenue,
    Under,
    WeekLine,
)
from billing.money.shadow import Bill, Shadow
from billing.money.tables import CareHours, Denial, Fee, StaffingPlan
from billing.statement.derivation import Inputs, derive
from billing.statement.rules import StatementRow, lines_text
from billing.statement.service import EXPORTERS, month_inputs
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from registry.access import require
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic, Staff, StaffRole
from registry.patients.tables import Patient
from registry.time_log.months import Month

IN_CARE: Final = ("active", "relapse_prevention", "on_hold", "inactive_disengaged")
AHEAD: Final = timedelta(days=7)
MOST_DENIALS: Final = 1_000


class PatientMinutes(msgspec.Struct, frozen=True):
    patient_id: str
    episode_id: str
    family_name: str
    given_name: str
    counted_minutes: int
    lines: str
    payer: str


class DenialLine(msgspec.Struct, frozen=True):
    id: UUID
    patient_id: UUID
    family_name: str
    given_name: str
    month: str
    payer: str
    code: str
    reason_code: str
    rule_id: str
    amount_cents: int
    denied_on: date
    outcome: Outcome
    note: str


class FeeTables(msgspec.Struct, frozen=True):
    """Fees are (payer, code, cents a unit), charges (code, cents). An empty payer is everyone else's."""

    fees: tuple[tuple[str, str, int], ...]
    charges: tuple[tuple[str, int], ...]


class Staffing(msgspec.Struct, frozen=True):
    """`weekly_minutes` of care by member of staff."""

    plan: Plan
    weekly_minutes: dict[UUID, int]


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """`closed` says whether the month's figures are those that were closed, or computed now. Fees are (payer, code,
    cents a unit), charges (code, cents)."""

    month: str
    closed: bool
    revenue: Revenue
    patients: tuple[PatientMinutes, ...]
    people: tuple[PersonMinutes, ...]
    under: tuple[Under, ...]
    denials: tuple[DenialLine, ...]
    denial_groups: tuple[DenialGroup, ...]
    fees: tuple[tuple[str, str, int], ...]
    charges: tuple[tuple[str, int], ...]
    plan: Plan
    week: tuple[WeekLine, ...]
    names: dict[str, str]


async def money(tx: Tx, viewer: Actor, month: Month, *, now: datetime) -> Money:
    """Raises Forbidden without a billing role."""
    clinic_id = require(viewer, *EXPORTERS)
    inputs, rows, closed = await _month(tx, clinic_id, month, now, viewer.name)
    tables = await _fee_tables(tx, clinic_id)
    fees = {(payer, code): cents for payer, code, cents in tables.fees}
    denied = await _denials(tx, clinic_id)
    plan = await _plan(tx, clinic_id)
    await audit.record(
        tx, viewer, "money.read", "clinic", clinic_id, now=now, month=str(month), rows=len(rows)
    )
    return Money(
        month=str(month),
        closed=closed,
        revenue=rules.revenue(rows, fees),
        patients=tuple(_patient(row) for row in rows),
        people=rules.minutes_by_person(inputs),
        under=rules.under(rows),
        denials=denied,
        denial_groups=rules.denial_groups(
            [DenialFacts(d.payer, d.reason_code, d.rule_id, d.amount_cents, d.outcome) for d in denied]
        ),
        fees=tables.fees,
        charges=tables.charges,
        plan=plan,
        week=await _week(tx, clinic_id, plan, now),
        names=await _names(tx, clinic_id),
    )


async def fee_tables(tx: Tx, viewer: Actor) -> FeeTables:
    """As entered; nothing in it is about a patient, so without audit."""
    clinic_id = require(viewer, *EXPORTERS)
    return await _fee_tables(tx, clinic_id)


async def denials(tx: Tx, viewer: Actor, *, now: datetime) -> tuple[DenialLine, ...]:
    """The newest first, at most 1,000."""
    clinic_id = require(viewer, *EXPORTERS)
    found = await _denials(tx, clinic_id)
    await audit.record(tx, viewer, "denials.read", "clinic", clinic_id, now=now, rows=len(found))
    return found


async def staffing(tx: Tx, viewer: Actor) -> Staffing:
    """The plan and the hours next week is held against; no patient is named, so without audit."""
    clinic_id = require(viewer, *EXPORTERS)
    return Staffing(await _plan(tx, clinic_id), await _hours(tx, clinic_id))


async def shadow_month(tx: Tx, viewer: Actor, month: Month, bill: Bill, *, now: datetime) -> Shadow:
    """A bill beside ours. Raises Forbidden without a billing role."""
    clinic_id = require(viewer, *EXPORTERS)
    _, rows, _ = await _month(tx, clinic_id, month, now, viewer.name)
    found = shadow.compare(bill, rows)
    await audit.record(
        tx, viewer, "money.shadow", "clinic", clinic_id, now=now, month=str(month), rows=len(rows),
        differences=len(found.differences),
    )  # fmt: skip
    return found


async def _month(
    tx: Tx, clinic_id: UUID, month: Month, now: datetime, by: str
) -> tuple[list[Inputs], list[StatementRow], bool]:
    standing = await record.standing(tx, clinic_id, month)
    if standing or await record.versions(tx, clinic_id, month):
        frozen = [each.frozen for each in standing.values()]
        return [each.inputs for each in frozen], [each.row for each in frozen], True
    inputs = await month_inputs(tx, clinic_id, month, now=now, prepared_by=by)
    return inputs, [derive(each).row for each in inputs], False


async def _fees(tx: Tx, clinic_id: UUID) -> FeeTable:
    rows = await tx.all(select(Fee.payer, Fee.code, Fee.expected_cents).where(Fee.clinic_id == clinic_id))
    return {(row.payer, row.code): row.expected_cents for row in rows}


async def _fee_tables(tx: Tx, clinic_id: UUID) -> FeeTables:
    fees = await _fees(tx, clinic_id)
    settings: dict[str, Any] = await tx.scalar(select(Clinic.settings).where(Clinic.id == clinic_id))
    return FeeTables(
        tuple((payer, code, cents) for (payer, code), cents in sorted(fees.items())),
        tuple(sorted((code, int(cents)) for code, cents in settings.get("fees_cents", {}).items())),
    )


async def _hours(tx: Tx, clinic_id: UUID) -> dict[UUID, int]:
    rows = await tx.all(
        select(CareHours.staff_id, CareHours.weekly_minutes).where(CareHours.clinic_id == clinic_id)
    )
    return {row.staff_id: row.weekly_minutes for row in rows}


async def _denials(tx: Tx, clinic_id: UUID) -> tuple[DenialLine, ...]:
    """The newest first."""
    rows = await tx.all(
        select(*Denial.__table__.c, Patient.family_name, Patient.given_name)
        .join(Patient, Patient.id == Denial.patient_id)
        .where(Denial.clinic_id == clinic_id)
        .order_by(Denial.denied_on.desc(), Denial.id.desc())
        .limit(MOST_DENIALS)
    )
    return tuple(
        DenialLine(
            id=row.id,
            patient_id=row.patient_id,
            family_name=row.family_name,
            given_name=row.given_name,
            month=row.month,
            payer=row.payer,
            code=row.code,
            reason_code=row.reason_code,
            rule_id=row.rule_id,
            amount_cents=row.amount_cents,
            denied_on=row.denied_on,
            outcome=cast(Outcome, row.outcome),
            note=tx.vault.open_or_none(row.note_sealed) or "",
        )
        for row in rows
    )


async def _plan(tx: Tx, clinic_id: UUID) -> Plan:
    row = await tx.first(
        select(StaffingPlan.contact_minutes, StaffingPlan.buffer_percent, StaffingPlan.panel_target).where(
            StaffingPlan.clinic_id == clinic_id
        )
    )
    return Plan() if row is None else Plan(*row)


async def _week(tx: Tx, clinic_id: UUID, plan: Plan, now: datetime) -> tuple[WeekLine, ...]:
    """Care managers with patients, hours or the role."""
    open_episodes = (
        Episode.clinic_id == clinic_id,
        Episode.status.in_(IN_CARE),
        Episode.care_manager_id.is_not(None),
    )
    due = await tx.all(
        select(Episode.care_manager_id, func.count().label("n"))
        .where(*open_episodes, Episode.next_contact_at < now + AHEAD)
        .group_by(Episode.care_manager_id)
    )
    panel = await tx.all(
        select(Episode.care_manager_id, func.count().label("n"))
        .where(*open_episodes)
        .group_by(Episode.care_manager_id)
    )
    hours = await _hours(tx, clinic_id)
    managers = await tx.all(
        select(StaffRole.staff_id)
        .join(Staff, Staff.id == StaffRole.staff_id)
        .where(
            StaffRole.clinic_id == clinic_id, StaffRole.role == "care_manager", Staff.disabled_at.is_(None)
        )
    )
    panels = {str(row.staff_id): 0 for row in managers} | {str(row.care_manager_id): row.n for row in panel}
    return rules.week(
        {str(row.care_manager_id): row.n for row in due},
        panels,
        {str(staff_id): minutes for staff_id, minutes in hours.items()},
        plan,
    )


async def _names(tx: Tx, clinic_id: UUID) -> dict[str, str]:
    rows = await tx.all(
        select(Staff.id, Staff.name)
        .join(StaffRole, StaffRole.staff_id == Staff.id)
        .where(StaffRole.clinic_id == clinic_id)
    )
    return {str(row.id): row.name for row in rows}


def _patient(row: StatementRow) -> PatientMinutes:
    facts = row.facts
    return PatientMinutes(
        facts.patient_id,
        facts.episode.id,
        facts.family_name,
        facts.given_name,
        row.minutes,
        lines_text(row),
        row.coverage.payer if row.coverage else "",
    )
