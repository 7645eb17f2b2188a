"""What was recommended, where it stands and for how long: for the clinician who decides and for everyone who waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, and_, or_, select
from sqlalchemy.orm import aliased

from kernel.audit import Actor, record
from kernel.db import Tx, among
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.cover import queries as cover
from registry.episodes.tables import Episode
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.recommendations.rules import OPEN, RecommendationPart, Stage, Step, Urgency, turn
from registry.recommendations.tables import Recommendation, RecommendationStep

LIMIT: Final = 200
_AUTHOR, _RECIPIENT, _MANAGER = aliased(Staff), aliased(Staff), aliased(Staff)


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
    """A recommendation as lists show it. `overdue` is judged at the moment of reading; `care_manager` is the patient's
    present one, None when nobody is."""

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
    care_manager_id: UUID | None = None
    care_manager: str | None = None


class RecommendationPage(msgspec.Struct, frozen=True):
    """`why` is the reason that was sent with it; one that came out of a case review has it there, at `review_item_id`."""

    line: RecommendationLine
    if_then: str | None
    steps: tuple[StepTaken, ...]
    why: str | None = None
    review_item_id: UUID | None = None


async def waiting_for(tx: Tx, viewer: Actor, *, now: datetime) -> tuple[RecommendationLine, ...]:
    """What waits for this person, and for the absent colleagues whom they cover: to decide and to order what was sent to
    them, to tell and to ask the patients whose care they manage; what no care manager has, waits for each of them.
    Longest overdue first. Nothing of an episode that has ended."""
    clinic_id = require(viewer, *CLINICAL)
    if viewer.id is None:
        return ()
    today = (await organisation.clinic(tx, clinic_id)).local_date(now)
    who = {viewer.id, *await cover.covered_by(tx, clinic_id, viewer.id, today)}
    managed: ColumnElement[bool] = Episode.care_manager_id.in_(who)
    if viewer.has("care_manager"):
        managed = or_(managed, Episode.care_manager_id.is_(None))
    theirs = or_(
        and_(Recommendation.stage.in_(("waiting", "accepted")), Recommendation.recipient_id.in_(who)),
        and_(Recommendation.stage.in_(("accepted", "ordered", "told")), managed),
    )
    found = await _lines(tx, viewer, clinic_id, theirs, Episode.status != "ended", now=now)
    return tuple(line for line in found if is_turn_of(line, who, viewer.has("care_manager")))


def is_turn_of(line: RecommendationLine, who: Collection[UUID], manages: bool) -> bool:
    """Whether one of `who` takes the next step; `manages`: a care manager, who has what nobody has."""
    match turn(line.stage, {part.kind for part in line.parts}):
        case "recipient":
            return line.recipient_id in who
        case "care_manager":
            return manages if line.care_manager_id is None else line.care_manager_id in who
        case "nobody":
            return False


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
            Episode.care_manager_id,
            _MANAGER.name.label("care_manager"),
        )
        .join(Patient, Patient.id == Recommendation.patient_id)
        .join(Episode, Episode.id == Recommendation.episode_id)
        .outerjoin(_MANAGER, _MANAGER.id == Episode.care_manager_id)
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
        care_manager_id=row.care_manager_id,
        care_manager=row.care_manager,
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
        select(Recommendation.id, Recommendation.if_then_sealed, Recommendation.review_item_id).where(
            Recommendation.id.in_(ids)
        )
    )
    beside = {row.id: row for row in words}
    steps: dict[UUID, list[StepTaken]] = {}
    for row in rows:
        steps.setdefault(row.recommendation_id, []).append(_taken(tx, row))
    return tuple(
        RecommendationPage(
            line,
            _opened(tx, beside[line.id].if_then_sealed),
            tuple(steps.get(line.id, ())),
            next((step.text for step in steps.get(line.id, ()) if step.step == "sent"), None),
            beside[line.id].review_item_id,
        )
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
