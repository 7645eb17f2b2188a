"""The record behind a closed patient-month, read once for its packet. The packet's own audit row covers the read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, or_, select

from billing.close.rules import Frozen
from billing.packet.agreement import not_in_close
from billing.packet.contents import (
    ConsentWords,
    ContactNote,
    PlanVersion,
    Record,
    ReviewNote,
    Score,
    TreatmentNote,
    derivation,
    differences,
    time_log,
)
from kernel.db import Tx
from registry import zones
from registry.care_plans.tables import CarePlan
from registry.contacts.past import IMPORTED
from registry.contacts.tables import Contact
from registry.episodes.tables import CareConsent
from registry.measures.tables import MeasureResult
from registry.recommendations.rules import RecommendationPart
from registry.recommendations.tables import Recommendation, RecommendationStep
from registry.review.tables import ReviewItem
from registry.time_log.months import Month
from registry.treatment_changes.tables import TreatmentChange

Words = Callable[[str, str], str | None]  # version and language of a consent -> its text, None when not held


async def record_of(tx: Tx, frozen: Frozen, names: Mapping[UUID, str], month: Month, words: Words) -> Record:
    episode_id = UUID(frozen.episode_id)
    starts, ends = month.bounds(zones.zone(frozen.inputs.zone))
    plans = await _plans(tx, episode_id, names, ends)
    record = Record(
        consents=await _consents(tx, episode_id, words),
        scores=await _scores(tx, frozen, ends),
        plans=plans,
        plan_differences=differences(plans),
        contacts=await _contacts(tx, episode_id, names, starts, ends),
        reviews=await _reviews(tx, episode_id, names, starts, ends),
        treatment_changes=await _changes(tx, episode_id, names, month),
        time_log=time_log(frozen.inputs, {str(key): name for key, name in names.items()}),
        derivation=derivation(frozen.inputs),
    )
    return msgspec.structs.replace(record, not_in_close=not_in_close(frozen.inputs, record))


async def _consents(tx: Tx, episode_id: UUID, words: Words) -> tuple[ConsentWords, ...]:
    rows = await tx.all(
        select(*CareConsent.__table__.c)
        .where(CareConsent.episode_id == episode_id)
        .order_by(CareConsent.given_at, CareConsent.id)
    )
    return tuple(
        ConsentWords(
            id=str(row.id),
            kind=row.kind,
            method=row.method,
            given_at=row.given_at,
            recorded_by=row.recorded_by,
            wording_version=row.wording_version,
            language=row.language,
            words=words(row.wording_version, row.language) or "",
        )
        for row in rows
    )


async def _scores(tx: Tx, frozen: Frozen, ends: datetime) -> tuple[Score, ...]:
    """From the start of the episode to the month's end; one replaced since stays where the close rests on it."""
    named = [UUID(row.id) for row in frozen.inputs.facts.evidence.scales]
    rows = await tx.all(
        select(*MeasureResult.__table__.c)
        .where(
            MeasureResult.episode_id == UUID(frozen.episode_id),
            MeasureResult.taken_at < ends,
            or_(MeasureResult.replaced_at.is_(None), MeasureResult.id.in_(named)),
        )
        .order_by(MeasureResult.taken_at, MeasureResult.id)
    )
    return tuple(
        Score(str(row.id), row.instrument_id, row.taken_at, row.total, row.band, row.is_complete)
        for row in rows
    )


async def _plans(
    tx: Tx, episode_id: UUID, names: Mapping[UUID, str], ends: datetime
) -> tuple[PlanVersion, ...]:
    """Every version written by the month's end, oldest first."""
    rows = await tx.all(
        select(*CarePlan.__table__.c)
        .where(CarePlan.episode_id == episode_id, CarePlan.created_at < ends)
        .order_by(CarePlan.kind, CarePlan.version)
    )
    return tuple(
        PlanVersion(
            id=str(row.id),
            kind=row.kind,
            version=row.version,
            written_at=row.created_at,
            written_by=_name(names, row.created_by_id),
            signed_at=row.signed_at,
            lines=tuple(flat(msgspec.json.decode(tx.vault.open(row.content_sealed)))),
        )
        for row in rows
    )


def flat(value: Any, path: str = "") -> Sequence[tuple[str, str]]:
    """A plan's content as lines: the way to each value, and the value. Empty ones are left out."""
    if isinstance(value, dict):
        return [line for key, each in value.items() for line in flat(each, f"{path} {key}".strip())]
    if isinstance(value, list):
        return [
            line for nth, each in enumerate(value, start=1) for line in flat(each, f"{path} {nth}".strip())
        ]
    return [] if value in (None, "") else [(path.replace("_", " "), str(value))]


async def _contacts(
    tx: Tx, episode_id: UUID, names: Mapping[UUID, str], starts: datetime, ends: datetime
) -> tuple[ContactNote, ...]:
    rows = await tx.all(
        select(*Contact.__table__.c)
        .where(Contact.episode_id == episode_id, Contact.occurred_at >= starts, Contact.occurred_at < ends)
        .where(Contact.source != IMPORTED)
        .order_by(Contact.occurred_at, Contact.id)
    )
    return tuple(
        ContactNote(
            id=str(row.id),
            at=row.occurred_at,
            recorded_at=row.recorded_at,
            kind=row.kind,
            outcome=row.outcome,
            by=_name(names, row.staff_id),
            note=tx.vault.open_or_none(row.note_sealed) or "",
            next_contact_at=row.next_contact_at,
            next_contact_mode=row.next_contact_mode or "",
            next_contact_purpose=tx.vault.open_or_none(row.next_contact_purpose_sealed) or "",
        )
        for row in rows
    )


async def _reviews(
    tx: Tx, episode_id: UUID, names: Mapping[UUID, str], starts: datetime, ends: datetime
) -> tuple[ReviewNote, ...]:
    """Case reviews of the patient in the month, and advice given in it, oldest first."""
    talked = await tx.all(
        select(*ReviewItem.__table__.c).where(
            ReviewItem.episode_id == episode_id,
            ReviewItem.discussed_at >= starts,
            ReviewItem.discussed_at < ends,
        )
    )
    advised = await tx.all(
        select(*Recommendation.__table__.c).where(
            Recommendation.episode_id == episode_id,
            Recommendation.created_at >= starts,
            Recommendation.created_at < ends,
        )
    )
    steps = await _steps(tx, [row.id for row in advised], names)
    found = [
        *(_reviewed(tx, row, names) for row in talked),
        *(_advised(tx, row, names, steps[row.id]) for row in advised),
    ]
    return tuple(sorted(found, key=lambda note: (note.at, note.id)))


def _reviewed(tx: Tx, row: Row[Any], names: Mapping[UUID, str]) -> ReviewNote:
    parts = (
        ("Impression", tx.vault.open_or_none(row.impression_sealed)),
        ("Note", tx.vault.open_or_none(row.note_sealed)),
        ("What changed", tx.vault.open_or_none(row.changed_sealed)),
        ("Took part", ", ".join(_name(names, UUID(str(each))) for each in row.people)),
    )
    words = "Case review. " + " ".join(f"{label}: {text}." for label, text in parts if text)
    return ReviewNote(str(row.id), row.discussed_at, _name(names, row.by_id), words, ())


def _advised(tx: Tx, row: Row[Any], names: Mapping[UUID, str], steps: tuple[str, ...]) -> ReviewNote:
    parts = msgspec.json.decode(tx.vault.open(row.parts_sealed), type=tuple[RecommendationPart, ...])
    words = "Recommendation. " + " ".join(f"{part.kind.replace('_', ' ')}: {part.text}." for part in parts)
    after = tx.vault.open_or_none(row.if_then_sealed)
    return ReviewNote(
        str(row.id),
        row.created_at,
        _name(names, row.author_id),
        words + (f" {after}" if after else ""),
        steps,
    )


async def _steps(tx: Tx, ids: Sequence[UUID], names: Mapping[UUID, str]) -> dict[UUID, tuple[str, ...]]:
    found: dict[UUID, tuple[str, ...]] = dict.fromkeys(ids, ())
    rows = await tx.all(
        select(*RecommendationStep.__table__.c)
        .where(RecommendationStep.recommendation_id.in_(ids))
        .order_by(RecommendationStep.at, RecommendationStep.id)
    )
    for row in rows:
        text = tx.vault.open_or_none(row.text_sealed)
        line = f"{row.at:%Y-%m-%d %H:%M} UTC {row.step}, {_name(names, row.by_id)}" + (
            f": {text}" if text else ""
        )
        found[row.recommendation_id] = (*found[row.recommendation_id], line)
    return found


async def _changes(
    tx: Tx, episode_id: UUID, names: Mapping[UUID, str], month: Month
) -> tuple[TreatmentNote, ...]:
    rows = await tx.all(
        select(*TreatmentChange.__table__.c)
        .where(
            TreatmentChange.episode_id == episode_id,
            TreatmentChange.on >= month.first_day,
            TreatmentChange.on <= month.last_day,
        )
        .order_by(TreatmentChange.on, TreatmentChange.id)
    )
    return tuple(
        TreatmentNote(
            id=str(row.id),
            on=row.on,
            kind=row.kind,
            words=tx.vault.open(row.what_sealed),
            recorded_by=_name(names, row.recorded_by_id),
            withdrawn=row.withdrawn_at is not None,
        )
        for row in rows
    )


def _name(names: Mapping[UUID, str], staff_id: UUID | None) -> str:
    return "the system" if staff_id is None else names.get(staff_id, "someone of another clinic")
