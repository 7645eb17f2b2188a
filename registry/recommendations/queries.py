"""What was recommended, where it stands and for how long: for the clinician who decides and for everyone who waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import aliased

from kernel.audit import Actor, record
from kernel.db import Tx, among
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.cover import queries as cover
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.recommendations.rules import OPEN, RecommendationPart, Stage, Step, Urgency
from registry.recommendations.tables import Recommendation, RecommendationStep

LIMIT: Final = 200
_AUTHOR, _RECIPIENT = aliased(Staff), aliased(Staff)


class StepTaken(msgspec.Struct, frozen=True):
    """One step. `who` gave the decision or the order when `by` only wrote it down; `by` None is the machine."""

    step: Step
    at: datetime
    by: str | None
    via: str | None
    who: str | None
    on: date | None
    read_back: bool
    text: str | None


class RecommendationLine(msgspec.Struct, frozen=True):
    """A recommendation as lists show it. `overdue` is judged at the moment of reading."""

    id: UUID
    patient_id: UUID
    family_name: str
    given_name: str
    parts: tuple[RecommendationPart, ...]
    urgency: Urgency
    target_on: date | None
    stage: Stage
    stage_since: datetime
    overdue: bool
    created_at: datetime
    author: str
    recipient: str
    recipient_id: UUID
    version: int


class RecommendationPage(msgspec.Struct, frozen=True):
    line: RecommendationLine
    if_then: str | None
    steps: tuple[StepTaken, ...]


async def waiting_for(tx: Tx, viewer: Actor, *, now: datetime) -> tuple[RecommendationLine, ...]:
    """What this clinician has to decide, and what absent colleagues have whom they cover; most urgent first."""
    clinic_id = require(viewer, *CLINICAL)
    if viewer.id is None:
        return ()
    today = (await organisation.clinic(tx, clinic_id)).local_date(now)
    covered = await cover.covered_by(tx, clinic_id, viewer.id, today)
    mine = Recommendation.recipient_id.in_({viewer.id, *covered})
    return await _lines(tx, viewer, clinic_id, mine, Recommendation.stage == "waiting", now=now)


async def under_way(tx: Tx, viewer: Actor, *, now: datetime) -> tuple[RecommendationLine, ...]:
    """Everything of the clinic that is not finished, whoever's move it is; longest overdue first."""
    clinic_id = require(viewer, *CLINICAL)
    return await _lines(tx, viewer, clinic_id, Recommendation.stage.in_(OPEN), now=now)


async def of_patient(
    tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime
) -> tuple[RecommendationPage, ...]:
    """Newest first, with their steps. Raises `NotFound` for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    known = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(known) is None:
        raise NotFound("patient")
    lines = await _lines(tx, viewer, clinic_id, Recommendation.patient_id == patient_id, now=now)
    newest = sorted(lines, key=lambda line: (line.created_at, line.id), reverse=True)
    return await _whole(tx, newest)


async def of_items(
    tx: Tx, viewer: Actor, items: Sequence[UUID], *, now: datetime
) -> dict[UUID, tuple[RecommendationPage, ...]]:
    """What was recommended about these items of a case review, by patient."""
    clinic_id = require(viewer, *CLINICAL)
    if not items:
        return {}
    lines = await _lines(tx, viewer, clinic_id, among(tx, Recommendation.review_item_id, items), now=now)
    found: dict[UUID, tuple[RecommendationPage, ...]] = {}
    for whole in await _whole(tx, lines):
        found[whole.line.patient_id] = (*found.get(whole.line.patient_id, ()), whole)
    return found


async def recommendation(
    tx: Tx, viewer: Actor, recommendation_id: UUID, *, now: datetime
) -> RecommendationPage:
    clinic_id = require(viewer, *CLINICAL)
    lines = await _lines(tx, viewer, clinic_id, Recommendation.id == recommendation_id, now=now)
    if not lines:
        raise NotFound("recommendation")
    return (await _whole(tx, lines))[0]


async def _lines(
    tx: Tx, viewer: Actor, clinic_id: UUID, *which: ColumnElement[bool], now: datetime
) -> tuple[RecommendationLine, ...]:
    rows = await tx.all(
        select(
            Recommendation.__table__,
            Patient.family_name,
            Patient.given_name,
            _AUTHOR.name.label("author"),
            _RECIPIENT.name.label("recipient"),
        )
        .join(Patient, Patient.id == Recommendation.patient_id)
        .join(_AUTHOR, _AUTHOR.id == Recommendation.author_id)
        .join(_RECIPIENT, _RECIPIENT.id == Recommendation.recipient_id)
        .where(Recommendation.clinic_id == clinic_id, *which)
        .order_by(Recommendation.overdue_at, Recommendation.created_at, Recommendation.id)
        .limit(LIMIT)
    )
    await record(
        tx, viewer, "recommendations.read", "recommendation", rows[0].id if len(rows) == 1 else None,
        now=now, patient_id=rows[0].patient_id if len({r.patient_id for r in rows}) == 1 else None,
        count=len(rows),
    )  # fmt: skip
    return tuple(_line(tx, row, now) for row in rows)


def _line(tx: Tx, row: Row[Any], now: datetime) -> RecommendationLine:
    return RecommendationLine(
        id=row.id,
        patient_id=row.patient_id,
        family_name=row.family_name,
        given_name=row.given_name,
        parts=msgspec.json.decode(tx.vault.open(row.parts_sealed), type=tuple[RecommendationPart, ...]),
        urgency=cast(Urgency, row.urgency),
        target_on=row.target_on,
        stage=cast(Stage, row.stage),
        stage_since=row.stage_since,
        overdue=row.overdue_at is not None and row.overdue_at <= now,
        created_at=row.created_at,
        author=row.author,
        recipient=row.recipient,
        recipient_id=row.recipient_id,
        version=row.version,
    )


async def _whole(
    tx: Tx, lines: list[RecommendationLine] | tuple[RecommendationLine, ...]
) -> tuple[RecommendationPage, ...]:
    if not lines:
        return ()
    ids = [line.id for line in lines]
    rows = await tx.all(
        select(RecommendationStep.__table__, Staff.name)
        .outerjoin(Staff, Staff.id == RecommendationStep.by_id)
        .where(RecommendationStep.recommendation_id.in_(ids))
        .order_by(RecommendationStep.at, RecommendationStep.id)
    )
    words = await tx.all(
        select(Recommendation.id, Recommendation.if_then_sealed).where(Recommendation.id.in_(ids))
    )
    if_then = {row.id: row.if_then_sealed for row in words}
    steps: dict[UUID, list[StepTaken]] = {}
    for row in rows:
        steps.setdefault(row.recommendation_id, []).append(_taken(tx, row))
    return tuple(
        RecommendationPage(line, _opened(tx, if_then[line.id]), tuple(steps.get(line.id, ())))
        for line in lines
    )


def _taken(tx: Tx, row: Row[Any]) -> StepTaken:
    return StepTaken(
        step=cast(Step, row.step),
        at=row.at,
        by=row.name,
        via=row.via,
        who=_opened(tx, row.who_sealed),
        on=row.on,
        read_back=row.read_back,
        text=_opened(tx, row.text_sealed),
    )


def _opened(tx: Tx, sealed: str | None) -> str | None:
    return None if sealed is None else tx.vault.open(sealed)


async def may_decide(tx: Tx, viewer: Actor, line: RecommendationLine, *, now: datetime) -> bool:
    """Whether the person decides this one: it was sent to them, or to somebody they cover today."""
    clinic_id = require(viewer, *CLINICAL)
    if viewer.id is None:
        return False
    today = (await organisation.clinic(tx, clinic_id)).local_date(now)
    return line.recipient_id in {viewer.id, *await cover.covered_by(tx, clinic_id, viewer.id, today)}
