"""Proposals that wait for a decision, and what was decided before."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, select

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.stepped_care.rules import LABELS_OF, Kind
from registry.stepped_care.tables import StepProposal
from registry.worklist.paging import mine
from registry.worklist.tables import RegistryLine

LIMIT: Final = 100
State = Literal["open", "accepted", "declined", "settled"]


class ProposalLine(msgspec.Struct, frozen=True):
    """`sentence` says why, `inputs` what it was judged by. To be done from `from_on`, at the latest on `due_on`.
    `settled`: what it asked for has come about, or no longer holds."""

    id: UUID
    patient_id: UUID
    family_name: str
    given_name: str
    kind: Kind
    label: str
    rule: str
    rule_version: str
    sentence: str
    inputs: dict[str, Any]
    from_on: date
    due_on: date
    state: State
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None


_LINES: Final[Select[*tuple[Any, ...]]] = (
    select(StepProposal.__table__, Patient.family_name, Patient.given_name, Staff.name.label("decided_by"))
    .join(Patient, Patient.id == StepProposal.patient_id)
    .outerjoin(Staff, Staff.id == StepProposal.decided_by_id)
)


async def waiting(
    tx: Tx, viewer: Actor, *, now: datetime, own: bool = False, covering: Collection[UUID] = ()
) -> tuple[ProposalLine, ...]:
    """Open ones of the clinic, soonest due first; `own`: of the viewer's patients and of those stood in for."""
    clinic_id = require(viewer, *CLINICAL)
    wanted = _LINES.where(StepProposal.clinic_id == clinic_id, StepProposal.state == "open")
    if own:
        line = RegistryLine
        wanted = wanted.join(line, line.episode_id == StepProposal.episode_id).where(mine(viewer, covering))
    rows = await tx.all(wanted.order_by(StepProposal.due_on, StepProposal.id).limit(LIMIT))
    await record(tx, viewer, "steps.read", "step_proposal", None, now=now, count=len(rows))
    return tuple(_line(tx, row) for row in rows)


async def of_patient(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> tuple[ProposalLine, ...]:
    """Open ones first, then the newest decisions. Raises `NotFound` for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    known = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(known) is None:
        raise NotFound("patient")
    rows = await tx.all(
        _LINES.where(StepProposal.patient_id == patient_id, StepProposal.clinic_id == clinic_id)
        .order_by(StepProposal.state != "open", StepProposal.proposed_at.desc(), StepProposal.id)
        .limit(LIMIT)
    )
    await record(
        tx, viewer, "steps.read", "patient", patient_id, now=now, patient_id=patient_id, count=len(rows)
    )
    return tuple(_line(tx, row) for row in rows)


async def patient_of(tx: Tx, clinic_id: UUID, proposal_id: UUID) -> UUID | None:
    """Whose proposal it is; None for another clinic's."""
    found: UUID | None = await tx.scalar(
        select(StepProposal.patient_id).where(
            StepProposal.id == proposal_id, StepProposal.clinic_id == clinic_id
        )
    )
    return found


def _line(tx: Tx, row: Row[Any]) -> ProposalLine:
    stored = (n for n in ProposalLine.__struct_fields__ if n not in ("label", "reason"))
    return ProposalLine(
        **{name: getattr(row, name) for name in stored},
        label=LABELS_OF[row.kind],
        reason=tx.vault.open_or_none(row.reason_sealed),
    )
