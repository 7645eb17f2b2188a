"""A clinic's figures of a month with the patients behind each, caseloads against guidance, and signed reviews."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import false, func, or_, select

from kernel.audit import Actor, record
from kernel.db import Tx
from registry import zones
from registry.access import CLINICAL, require
from registry.contacts.past import IMPORTED
from registry.contacts.tables import Contact
from registry.episodes.tables import Episode, StatusChange
from registry.flags.facts import Score
from registry.flags.measures import MEASURES
from registry.measures.tables import MeasureResult
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.plans.tables import MeasurePlan
from registry.quality.facts import Asked, ContactFact, Figure, Phase, Timeline
from registry.quality.measures import figures
from registry.quality.ports import CheckIns
from registry.quality.tables import MonthlyReview
from registry.review.tables import ReviewItem
from registry.time_log.months import Month
from registry.worklist.rules import IN_CARE
from registry.worklist.tables import RegistryLine

MAX_EPISODES: Final = 5000
LOOKS_BACK: Final = timedelta(weeks=24)
MAX_ROWS: Final = 200_000
# Patients per full-time care manager (AIMS Center, July 2020: commercially insured with adequate support, behavioural
# health only 90 to 120; Medicaid, uninsured or vulnerable 60 to 80; with medical conditions 80 to 100 and 50 to 75).
GUIDANCE: Final = (60, 120)
GUIDANCE_SETTING: Final = "caseload_guidance"


class Caseload(msgspec.Struct, frozen=True):
    """Patients in care of one care manager; `least` and `most` are the clinic's guidance for a full post."""

    staff_id: UUID | None
    name: str
    patients: int
    least: int
    most: int


class MonthFigures(msgspec.Struct, frozen=True):
    """`names`: patients behind the numbers, by id. `cut`: the clinic has more episodes than are looked at.
    `running_until`: the last day looked at of a month that is not over, the clinic's today."""

    month: str
    figures: tuple[Figure, ...]
    names: dict[str, str]
    cut: bool
    running_until: date | None = None


class SignedReview(msgspec.Struct, frozen=True):
    """`figures` as they stood when it was signed."""

    id: UUID
    month: str
    figures: list[Any]
    note: str
    signed_by: str
    signed_at: datetime


async def month_figures(
    tx: Tx, viewer: Actor, month: Month, *, now: datetime, check_ins: CheckIns
) -> MonthFigures:
    """Every figure of the month from the record as it stands now."""
    clinic_id = require(viewer, *CLINICAL)
    clinic = await organisation.clinic(tx, clinic_id)
    timelines, names, cut = await _timelines(tx, clinic_id, month, clinic.zone)
    asked = await check_ins.asked(tx, clinic_id, month.first_day, month.last_day)
    today = clinic.local_date(now)
    found = figures(timelines, asked, month, today=today)
    await record(
        tx, viewer, "quality.read", "clinic", clinic_id, now=now, month=str(month), count=len(timelines)
    )
    return MonthFigures(str(month), found, names, cut, None if month.last_day < today else today)


async def caseloads(tx: Tx, viewer: Actor) -> tuple[Caseload, ...]:
    """Every care manager's, by name, and the patients who have none. Counts alone, so no audit row."""
    clinic_id = require(viewer, *CLINICAL)
    clinic = await organisation.clinic(tx, clinic_id)
    least, most = clinic.settings.get(GUIDANCE_SETTING, GUIDANCE)
    line = RegistryLine
    rows = await tx.all(
        select(line.care_manager_id, func.count().label("patients"))
        .where(line.clinic_id == clinic_id, line.status.in_(IN_CARE))
        .group_by(line.care_manager_id)
    )
    counts = {row.care_manager_id: row.patients for row in rows}
    people = await organisation.holders(tx, clinic_id, "care_manager")
    found = [Caseload(who, name, counts.pop(who, 0), least, most) for who, name in people.items()]
    others = sum(counts.values())
    return (*found, *([Caseload(None, "Nobody in this role", others, 0, 0)] if others else []))


async def signed_reviews(
    tx: Tx, viewer: Actor, *, now: datetime, limit: int = 24
) -> tuple[SignedReview, ...]:
    """Newest month first."""
    clinic_id = require(viewer, *CLINICAL)
    rows = await tx.all(
        select(MonthlyReview.__table__, Staff.name.label("signed_by"))
        .join(Staff, Staff.id == MonthlyReview.signed_by_id)
        .where(MonthlyReview.clinic_id == clinic_id)
        .order_by(MonthlyReview.month.desc())
        .limit(limit)
    )
    return tuple(
        SignedReview(
            row.id, row.month, row.figures, tx.vault.open(row.note_sealed), row.signed_by, row.signed_at
        )
        for row in rows
    )


async def _timelines(
    tx: Tx, clinic_id: UUID, month: Month, zone: str
) -> tuple[list[Timeline], dict[str, str], bool]:
    """Episodes that were in care in the month or until 24 weeks before it, with everything that happened in them until
    now: who left before a day that a figure of this month looks at is listed as excluded, not dropped."""
    rows = await tx.all(
        select(
            Episode.id, Episode.patient_id, Episode.enrolled_on, Episode.ended_on,
            Patient.family_name, Patient.given_name,
        )
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Episode.clinic_id == clinic_id, Patient.is_test == false())
        .where(Episode.enrolled_on <= month.last_day)
        .where(or_(Episode.ended_on.is_(None), Episode.ended_on >= month.first_day - LOOKS_BACK))
        .order_by(Episode.enrolled_on, Episode.id)
        .limit(MAX_EPISODES + 1)
    )  # fmt: skip
    kept = rows[:MAX_EPISODES]
    parts = await _parts(tx, clinic_id, zone)
    timelines = [
        Timeline(
            patient_id=str(row.patient_id),
            enrolled_on=row.enrolled_on,
            ended_on=row.ended_on,
            phases=tuple(parts.phases.get(row.id, ())),
            phq9=tuple(parts.scores.get((row.id, "phq9"), ())),
            gad7=tuple(parts.scores.get((row.id, "gad7"), ())),
            asked=tuple(parts.asked.get(row.id, ())),
            contacts=tuple(parts.contacts.get(row.id, ())),
            reviews=tuple(parts.reviews.get(row.id, ())),
        )
        for row in kept
    ]
    names = {str(row.patient_id): f"{row.family_name.upper()}, {row.given_name}" for row in kept}
    return timelines, names, len(rows) > MAX_EPISODES


class _Parts(msgspec.Struct):
    phases: dict[UUID, list[Phase]]
    scores: dict[tuple[UUID, str], list[Score]]
    asked: dict[UUID, list[Asked]]
    contacts: dict[UUID, list[ContactFact]]
    reviews: dict[UUID, list[Any]]


async def _parts(tx: Tx, clinic_id: UUID, zone: str) -> _Parts:
    found = _Parts({}, {}, {}, {}, {})
    for row in await _of(tx, clinic_id, StatusChange, StatusChange.from_date, StatusChange.at):
        if row.undone_by_id is None and row.reason != "undo":
            found.phases.setdefault(row.episode_id, []).append(Phase(row.from_date, row.to_status))
    result = MeasureResult
    scored = select(result.episode_id, result.instrument_id, result.taken_at, result.total).where(
        result.clinic_id == clinic_id, result.replaced_at.is_(None), result.total.is_not(None)
    )
    for row in await tx.all(scored.order_by(result.taken_at, result.id).limit(MAX_ROWS)):
        score = Score(zones.local_date(row.taken_at, zone), row.total)
        found.scores.setdefault((row.episode_id, row.instrument_id), []).append(score)
    for row in await _of(tx, clinic_id, MeasurePlan, MeasurePlan.id):
        if row.instrument_id in MEASURES:
            until = None if row.replaced_at is None else zones.local_date(row.replaced_at, zone)
            since = zones.local_date(row.created_at, zone)
            found.asked.setdefault(row.episode_id, []).append(Asked(row.instrument_id, since, until))
    for row in await _of(tx, clinic_id, Contact, Contact.occurred_at, Contact.id):
        on, noted = zones.local_date(row.occurred_at, zone), zones.local_date(row.recorded_at, zone)
        fact = ContactFact(on, row.spoken, None if row.source == IMPORTED else (noted - on).days)
        found.contacts.setdefault(row.episode_id, []).append(fact)
    for row in await _of(tx, clinic_id, ReviewItem, ReviewItem.discussed_at, ReviewItem.id):
        if row.discussed_at is not None:
            on = zones.local_date(row.discussed_at, zone)
            found.reviews.setdefault(row.episode_id, []).append(on)
    return found


async def _of(tx: Tx, clinic_id: UUID, table: Any, *order: Any) -> Sequence[Any]:
    wanted = select(table.__table__).where(table.clinic_id == clinic_id).order_by(*order).limit(MAX_ROWS)
    return await tx.all(wanted)
