"""Proposals that wait for a decision, and what was decided before."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row, ScalarSelect, Select, and_, exists, func, or_, select

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.episodes.tables import Episode
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.review.rules import OFFER_WITHIN
from registry.review.tables import CaseReview, ReviewItem
from registry.stepped_care.rules import LABELS_OF, Kind
from registry.stepped_care.tables import StepProposal
from registry.worklist.paging import mine
from registry.worklist.tables import RegistryLine

LIMIT: Final = 100
LATE_START: Final = timedelta(days=1)  # a meeting that nobody opened by then takes nothing up
State = Literal["open", "accepted", "declined", "settled"]


class ProposalLine(msgspec.Struct, frozen=True):
    """`sentence` says why, `inputs` what it was judged by. To be done from `from_on`, at the latest on `due_on`.
    `settled`: what it asked for has come about, or no longer holds. `review_at`: the case review, open or planned within
    a month, on whose agenda the case of an open step up stands; to discuss it there accepts the step."""

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
    review_at: datetime | None = None


def _lines(now: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(
            StepProposal.__table__,
            Patient.family_name,
            Patient.given_name,
            Staff.name.label("decided_by"),
            _review_at(now).label("review_at"),
        )
        .join(Patient, Patient.id == StepProposal.patient_id)
        .join(Episode, Episode.id == StepProposal.episode_id)
        .outerjoin(Staff, Staff.id == StepProposal.decided_by_id)
    )


def _review_at(now: datetime) -> ScalarSelect[Any]:
    """Whoever does worse or does not improve stands on every agenda of the caseload by rule; once a meeting is open its
    agenda is fixed, and a patient it passed over stands on it no more."""
    listed = exists().where(
        ReviewItem.review_id == CaseReview.id,
        ReviewItem.patient_id == StepProposal.patient_id,
        ReviewItem.state == "listed",
    )
    ahead = (
        CaseReview.state == "planned",
        CaseReview.starts_at > now - LATE_START,
        CaseReview.starts_at < now + OFFER_WITHIN,
        or_(
            CaseReview.care_manager_id.is_(None),
            Episode.care_manager_id.is_(None),
            CaseReview.care_manager_id == Episode.care_manager_id,
        ),
    )
    return (
        select(func.min(CaseReview.starts_at))
        .where(
            CaseReview.clinic_id == StepProposal.clinic_id,
            StepProposal.kind == "step_up",
            StepProposal.state == "open",
            or_(and_(CaseReview.state == "open", listed), and_(*ahead)),
        )
        .correlate(StepProposal, Episode)
        .scalar_subquery()
    )


async def waiting(
    tx: Tx,
    viewer: Actor,
    *,
    now: datetime,
    own: bool = False,
    covering: Collection[UUID] = (),
    beside_agenda: bool = False,
) -> tuple[ProposalLine, ...]:
    """Open ones of the clinic, soonest due first; `own`: of the viewer's patients and of those stood in for.
    `beside_agenda`: without those that a case review will take up."""
    clinic_id = require(viewer, *CLINICAL)
    wanted = _lines(now).where(StepProposal.clinic_id == clinic_id, StepProposal.state == "open")
    if own:
        line = RegistryLine
        wanted = wanted.join(line, line.episode_id == StepProposal.episode_id).where(mine(viewer, covering))
    if beside_agenda:
        wanted = wanted.where(_review_at(now).is_(None))
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
        _lines(now)
        .where(StepProposal.patient_id == patient_id, StepProposal.clinic_id == clinic_id)
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
