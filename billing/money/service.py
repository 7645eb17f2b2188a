"""What a clinic enters about its money and its people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, select, update

from billing.close.queries import closed_patient_month
from billing.codes import CODES
from billing.money.rules import ANY_PAYER, DENIAL_REASONS, Outcome, Plan
from billing.money.tables import CareHours, Denial, Fee, StaffingPlan
from billing.statement.service import EXPORTERS
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound, Problem
from registry.access import require
from registry.organisation.tables import Clinic, StaffRole
from registry.time_log.months import Month

BILLABLE: Final = tuple(code.id for code in CODES if code.use != "seen_beside")
LARGEST_CENTS: Final = 10_000_000
WEEK_MINUTES: Final = 7 * 24 * 60


class FeeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cents for one unit; None takes the fee away. `charge_cents` is the clinic's own, the same for every payer, and
    belongs to the row without a payer."""

    code: str
    expected_cents: int | None
    payer: str = ANY_PAYER
    charge_cents: int | None = None


class DenialForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`reason_code` is one of `DENIAL_REASONS`. Payer and rule come from the closed patient-month."""

    month: str
    episode_id: UUID
    code: str
    reason_code: str
    amount_cents: int
    denied_on: date
    note: str | None = None


async def set_fee(tx: Tx, actor: Actor, form: FeeForm, *, now: datetime) -> None:
    """Raises Invalid naming the field. A charge changes lines of months that are not closed yet."""
    clinic_id = require(actor, *EXPORTERS)
    _refuse(_fee_problems(form))
    payer = form.payer.strip()
    await tx.execute(delete(Fee).where(Fee.clinic_id == clinic_id, Fee.payer == payer, Fee.code == form.code))
    if form.expected_cents is not None:
        await tx.execute(
            insert(Fee),
            {
                "id": tx.new_id(), "clinic_id": clinic_id, "payer": payer, "code": form.code,
                "expected_cents": form.expected_cents, "updated_at": now, "updated_by_id": actor.id,
            },
        )  # fmt: skip
    if payer == ANY_PAYER:
        await _set_charge(tx, clinic_id, form)
    await audit.record(tx, actor, "fee.changed", "clinic", clinic_id, now=now, code=form.code)


async def record_denial(tx: Tx, actor: Actor, form: DenialForm, *, now: datetime) -> UUID:
    """Of a closed patient-month. Raises NotFound when it is none, Invalid naming the field."""
    clinic_id = require(actor, *EXPORTERS)
    _refuse(_denial_problems(form, now))
    _, standing = await closed_patient_month(tx, clinic_id, Month.parse(form.month), form.episode_id)
    row = standing.frozen.row
    if form.code not in {line.code for line in row.lines}:
        raise Invalid.field("code", "is not a line of this month")
    denial_id, patient_id = tx.new_id(), UUID(row.facts.patient_id)
    await tx.execute(
        insert(Denial),
        {
            "id": denial_id, "clinic_id": clinic_id, "patient_id": patient_id, "episode_id": form.episode_id,
            "month": form.month, "payer": row.coverage.payer if row.coverage else "", "code": form.code,
            "reason_code": form.reason_code, "rule_id": row.rule_id, "amount_cents": form.amount_cents,
            "denied_on": form.denied_on, "note_sealed": tx.vault.seal(form.note) if form.note else None,
            "recorded_at": now, "recorded_by_id": actor.id, "outcome": "open", "settled_at": None,
            "settled_by_id": None,
        },
    )  # fmt: skip
    await audit.record(
        tx, actor, "denial.recorded", "denial", denial_id, now=now, patient_id=patient_id, month=form.month
    )
    return denial_id


async def settle_denial(tx: Tx, actor: Actor, denial_id: UUID, outcome: Outcome, *, now: datetime) -> None:
    """Once. Raises NotFound for another clinic's, Conflict when it was settled before."""
    clinic_id = require(actor, *EXPORTERS)
    row = await tx.first(
        select(Denial.patient_id, Denial.outcome)
        .where(Denial.id == denial_id, Denial.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("the denial")
    if outcome == "open":
        raise Invalid.field("outcome", "needs an outcome")
    if row.outcome != "open":
        raise Conflict("the denial was settled before", code="stale")
    await tx.execute(
        update(Denial)
        .where(Denial.id == denial_id)
        .values(outcome=outcome, settled_at=now, settled_by_id=actor.id)
    )
    await audit.record(
        tx,
        actor,
        "denial.settled",
        "denial",
        denial_id,
        now=now,
        patient_id=row.patient_id,
        outcome_is=outcome,
    )


async def set_staffing(
    tx: Tx, actor: Actor, plan: Plan, weekly_minutes: Mapping[UUID, int], *, now: datetime
) -> None:
    """Replaces the plan and everyone's hours. Raises Invalid naming the field."""
    clinic_id = require(actor, *EXPORTERS)
    _refuse(_plan_problems(plan, weekly_minutes))
    known = {
        row.staff_id
        for row in await tx.all(select(StaffRole.staff_id).where(StaffRole.clinic_id == clinic_id))
    }
    if not set(weekly_minutes) <= known:
        raise NotFound("the member of staff")
    for table in (StaffingPlan, CareHours):
        await tx.execute(delete(table).where(table.clinic_id == clinic_id))
    shared: dict[str, Any] = {"clinic_id": clinic_id, "updated_at": now}
    await tx.execute(insert(StaffingPlan), shared | {"id": tx.new_id()} | msgspec.structs.asdict(plan))
    hours = [
        shared | {"id": tx.new_id(), "staff_id": staff_id, "weekly_minutes": minutes}
        for staff_id, minutes in weekly_minutes.items()
    ]
    if hours:
        await tx.execute(insert(CareHours), hours)
    await audit.record(tx, actor, "staffing.changed", "clinic", clinic_id, now=now, people=len(hours))


async def _set_charge(tx: Tx, clinic_id: UUID, form: FeeForm) -> None:
    settings: dict[str, Any] = await tx.scalar(
        select(Clinic.settings).where(Clinic.id == clinic_id).with_for_update()
    )
    charges = dict(settings.get("fees_cents", {}))
    charges.pop(form.code, None)
    if form.charge_cents is not None:
        charges[form.code] = form.charge_cents
    await tx.execute(
        update(Clinic).where(Clinic.id == clinic_id).values(settings={**settings, "fees_cents": charges})
    )


def _fee_problems(form: FeeForm) -> list[Problem]:
    found = [] if form.code in BILLABLE else [Problem("code", f"must be one of {', '.join(BILLABLE)}")]
    found += [
        Problem(name, f"must be from 0 to {LARGEST_CENTS} cents")
        for name, cents in (("expected_cents", form.expected_cents), ("charge_cents", form.charge_cents))
        if cents is not None and not 0 <= cents <= LARGEST_CENTS
    ]
    if form.payer.strip() and form.charge_cents is not None:
        found.append(Problem("charge_cents", "is the same for every payer; leave the payer empty"))
    return found


def _denial_problems(form: DenialForm, now: datetime) -> list[Problem]:
    found = []
    if form.reason_code not in DENIAL_REASONS:
        found.append(Problem("reason_code", f"must be one of {', '.join(DENIAL_REASONS)}"))
    if not 0 <= form.amount_cents <= LARGEST_CENTS:
        found.append(Problem("amount_cents", f"must be from 0 to {LARGEST_CENTS} cents"))
    if form.denied_on > now.date():
        found.append(Problem("denied_on", "is in the future"))
    return found


def _plan_problems(plan: Plan, hours: Mapping[UUID, int]) -> list[Problem]:
    tests = (
        ("contact_minutes", 1 <= plan.contact_minutes <= 240, "must be from 1 to 240"),
        ("buffer_percent", 0 <= plan.buffer_percent <= 200, "must be from 0 to 200"),
        ("panel_target", 1 <= plan.panel_target <= 500, "must be from 1 to 500"),
    )
    found = [Problem(name, words) for name, right, words in tests if not right]
    found += [
        Problem(f"hours_{staff_id}", "must be from 0 to 168 hours a week")
        for staff_id, minutes in hours.items()
        if not 0 <= minutes <= WEEK_MINUTES
    ]
    return found


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Invalid(*problems)
