"""Which rows of the record speak for each required element.

Contacts, plans, scores and reviews speak for themselves; logged work speaks by its kind. Time spent on a care plan is
not the plan itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from billing.statement.facts import Contacted, Dated, Evidence
from kernel.db import Tx, among
from registry.care_plans.tables import CarePlan
from registry.contacts.past import IMPORTED
from registry.contacts.tables import Contact
from registry.measures.tables import MeasureResult
from registry.organisation.tables import StaffRole
from registry.recommendations.tables import Recommendation
from registry.review.tables import ReviewItem
from registry.time_log.rules import Entry

# A recommendation that was accepted changes the plan; one that waits or was declined does not.
TAKEN_UP: Final = frozenset({"accepted", "ordered", "told", "done"})


class Found(msgspec.Struct, frozen=True):
    """Rows by episode; `consultants` are the clinic's psychiatric consultants, as ids in words."""

    scales: dict[UUID, list[Row[Any]]]
    plans: dict[UUID, list[Row[Any]]]
    contacts: dict[UUID, list[Row[Any]]]
    reviews: dict[UUID, list[Row[Any]]]
    recommendations: dict[UUID, list[Row[Any]]]
    consultants: frozenset[str]


async def found_for(tx: Tx, clinic_id: UUID, episodes: Sequence[UUID]) -> Found:
    """Six statements for any number of episodes."""
    scales = select(MeasureResult.id, MeasureResult.episode_id, MeasureResult.taken_at).where(
        MeasureResult.clinic_id == clinic_id,
        among(tx, MeasureResult.episode_id, episodes),
        MeasureResult.is_complete,
        MeasureResult.replaced_at.is_(None),
    )
    plans = select(CarePlan.id, CarePlan.episode_id, CarePlan.kind, CarePlan.created_at).where(
        CarePlan.clinic_id == clinic_id, among(tx, CarePlan.episode_id, episodes)
    )
    contacts = select(
        Contact.id,
        Contact.episode_id,
        Contact.spoken,
        Contact.skill,
        Contact.occurred_at,
        Contact.recorded_at,
    ).where(
        # What another registry documented was that record's to bill from.
        Contact.clinic_id == clinic_id,
        among(tx, Contact.episode_id, episodes),
        Contact.source != IMPORTED,
    )
    reviews = select(
        ReviewItem.id,
        ReviewItem.episode_id,
        ReviewItem.discussed_at,
        ReviewItem.changed_sealed,
        ReviewItem.people,
    ).where(
        ReviewItem.clinic_id == clinic_id,
        among(tx, ReviewItem.episode_id, episodes),
        ReviewItem.state == "discussed",
        ReviewItem.discussed_at.is_not(None),
    )
    recommendations = select(
        Recommendation.id, Recommendation.episode_id, Recommendation.stage, Recommendation.created_at
    ).where(
        Recommendation.clinic_id == clinic_id,
        among(tx, Recommendation.episode_id, episodes),
        Recommendation.stage != "withdrawn",
    )
    consultants = select(StaffRole.staff_id).where(
        StaffRole.clinic_id == clinic_id, StaffRole.role == "consultant"
    )
    return Found(
        scales=_by_episode(await tx.all(scales)),
        plans=_by_episode(await tx.all(plans)),
        contacts=_by_episode(await tx.all(contacts)),
        reviews=_by_episode(await tx.all(reviews)),
        recommendations=_by_episode(await tx.all(recommendations)),
        consultants=frozenset(str(row.staff_id) for row in await tx.all(consultants)),
    )


def evidence_of(
    found: Found,
    episode: Row[Any],
    worked: Sequence[Entry],
    authorisations: tuple[Dated, ...],
    zone: tzinfo,
) -> Evidence:
    """One episode's rows, each with its clinic-local day. An element without rows shows as missing."""
    plans = found.plans.get(episode.id, [])
    contacts = found.contacts.get(episode.id, [])

    def work(*names: str) -> tuple[Dated, ...]:
        return tuple(
            Dated(each.id, _day(each.started_at, zone), "time_entry")
            for each in worked
            if each.activity in names
        )

    def plan(kind: str) -> tuple[Dated, ...]:
        return tuple(
            Dated(str(row.id), _day(row.created_at, zone), "care_plan") for row in plans if row.kind == kind
        )

    def met(*, skill: bool = False) -> tuple[Dated, ...]:
        return tuple(
            Dated(str(row.id), _day(row.occurred_at, zone), "contact")
            for row in contacts
            if row.skill is not None or not skill
        )

    reviews = [
        (Dated(str(row.id), _day(row.discussed_at, zone), "case_review"), row.changed_sealed is not None)
        for row in found.reviews.get(episode.id, ())
        # A talk without a psychiatric consultant is not the consultant's review, whoever wrote it down.
        if found.consultants.intersection(row.people)
    ]
    told = [
        (Dated(str(row.id), _day(row.created_at, zone), "recommendation"), row.stage in TAKEN_UP)
        for row in found.recommendations.get(episode.id, ())
    ]
    return Evidence(
        directions=()
        if episode.treating_clinician_id is None
        else (Dated(str(episode.id), _day(episode.referred_at, zone), "episode"),),
        scales=tuple(
            Dated(str(row.id), _day(row.taken_at, zone), "measure_result")
            for row in found.scales.get(episode.id, ())
        ),
        care_plans=plan("care"),
        registry_updates=(*met(), *work("registry_review", "measure_review")),
        consultant_reviews=(
            *(review for review, _ in reviews),
            *(
                Dated(each.id, _day(each.started_at, zone), "time_entry")
                for each in worked
                if each.role == "consultant" and each.activity in ("case_review", "consultant_review")
            ),
        ),
        review_outcomes=(*(review for review, said in reviews if said), *(each for each, _ in told)),
        plan_changes_called_for=tuple(each for each, taken_up in told if taken_up),
        contacts=tuple(
            Contacted(str(row.id), _day(row.occurred_at, zone), _day(row.recorded_at, zone))
            for row in contacts
            if row.spoken
        ),
        caseload_consultations=(*(review for review, _ in reviews), *work("case_review")),
        brief_interventions=(*met(skill=True), *work("brief_intervention")),
        clinician_collaborations=work("care_coordination"),
        relapse_plans=(*plan("relapse"), *work("relapse_prevention")),
        prior_authorisations=authorisations,
    )


def _by_episode(rows: Iterable[Row[Any]]) -> dict[UUID, list[Row[Any]]]:
    grouped: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        grouped[row.episode_id].append(row)
    return grouped


def _day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date()
