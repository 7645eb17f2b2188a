"""Referrals of a patient, of a clinic, and whether a handover still keeps an episode open."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, exists, select

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.referrals.rules import OPEN, ReferralKind, ReferralState, ReferralStep
from registry.referrals.tables import Referral, ReferralEvent

LIMIT: Final = 200


class ReferralEventLine(msgspec.Struct, frozen=True):
    step: ReferralStep
    on: date | None
    note: str | None
    at: datetime
    by: str | None


class ReferralLine(msgspec.Struct, frozen=True):
    """`seen` is None until somebody knows. `events` oldest first."""

    id: UUID
    patient_id: UUID
    family_name: str
    given_name: str
    kind: ReferralKind
    to: str
    why: str
    sent_on: date
    hands_over: bool
    state: ReferralState
    state_since: datetime
    appointment_on: date | None
    seen: bool | None
    result_on: date | None
    next_at: datetime | None
    version: int
    events: tuple[ReferralEventLine, ...]


async def of_patient(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> tuple[ReferralLine, ...]:
    """Newest first. Raises `NotFound` for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    known = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(known) is None:
        raise NotFound("patient")
    found = await _lines(tx, Referral.patient_id == patient_id)
    await record(
        tx, viewer, "referrals.read", "patient", patient_id, now=now, patient_id=patient_id, count=len(found)
    )
    return found


async def under_way(tx: Tx, viewer: Actor, *, now: datetime) -> tuple[ReferralLine, ...]:
    """The clinic's referrals that are not complete or called off: first what is to be asked after first."""
    clinic_id = require(viewer, *CLINICAL)
    found = await _lines(tx, (Referral.clinic_id == clinic_id) & Referral.state.in_(OPEN), by_due=True)
    await record(tx, viewer, "referrals.read", "clinic", clinic_id, now=now, count=len(found))
    return found


async def handover_under_way(tx: Tx, episode_id: UUID) -> bool:
    """A patient who moves on stays on the registry until the other side has them."""
    found: bool = await tx.scalar(
        select(
            exists().where(
                Referral.episode_id == episode_id, Referral.hands_over.is_(True), Referral.state.in_(OPEN)
            )
        )
    )
    return bool(found)


async def _lines(tx: Tx, which: Any, *, by_due: bool = False) -> tuple[ReferralLine, ...]:
    """Newest first, or by the next moment somebody is asked; those nobody is asked about last."""
    due = (Referral.next_at.is_(None), Referral.next_at) if by_due else ()
    rows = await tx.all(
        select(Referral.__table__, Patient.family_name, Patient.given_name)
        .join(Patient, Patient.id == Referral.patient_id)
        .where(which)
        .order_by(*due, Referral.created_at.desc(), Referral.id)
        .limit(LIMIT)
    )
    if not rows:
        return ()
    events: dict[UUID, list[ReferralEventLine]] = {}
    found = await tx.all(
        select(ReferralEvent.__table__, Staff.name)
        .outerjoin(Staff, Staff.id == ReferralEvent.by_id)
        .where(ReferralEvent.referral_id.in_([row.id for row in rows]))
        .order_by(ReferralEvent.at, ReferralEvent.id)
    )
    for event in found:
        events.setdefault(event.referral_id, []).append(_event(tx, event))
    return tuple(_line(tx, row, tuple(events.get(row.id, ()))) for row in rows)


def _event(tx: Tx, row: Row[Any]) -> ReferralEventLine:
    return ReferralEventLine(
        cast(ReferralStep, row.step), row.on, tx.vault.open_or_none(row.note_sealed), row.at, row.name
    )


def _line(tx: Tx, row: Row[Any], events: tuple[ReferralEventLine, ...]) -> ReferralLine:
    known = [event.step for event in events if event.step in ("seen", "not_seen")]
    return ReferralLine(
        id=row.id,
        patient_id=row.patient_id,
        family_name=row.family_name,
        given_name=row.given_name,
        kind=cast(ReferralKind, row.kind),
        to=tx.vault.open(row.to_sealed),
        why=tx.vault.open(row.why_sealed),
        sent_on=row.sent_on,
        hands_over=row.hands_over,
        state=cast(ReferralState, row.state),
        state_since=row.state_since,
        appointment_on=row.appointment_on,
        seen=None if not known else known[-1] == "seen",
        result_on=row.result_on,
        next_at=row.next_at,
        version=row.version,
        events=events,
    )
