"""The facts behind a month, read from the record in a handful of statements whatever the number of patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, select

from billing.month_types import History, PreviousEpisode
from billing.statement.facts import (
    Consent,
    Coverage,
    Dated,
    Diagnosis,
    Evidence,
    InitiatingVisit,
    PatientFacts,
    Practice,
)
from billing.statement.facts import Episode as EpisodeFacts
from kernel.db import Tx
from registry.episodes.tables import CareConsent, Episode
from registry.measures.tables import MeasureResult
from registry.organisation.tables import Staff
from registry.patients.tables import Coverage as CoverageTable
from registry.patients.tables import Patient
from registry.time_log.ledger import EpisodeLog
from registry.time_log.months import Month
from registry.time_log.tables import TimeEntry

END_KINDS = {
    "completed": "goals_met",
    "graduated": "goals_met",
    "referred_to_specialty": "referred_to_psychiatric_care",
}


async def facts_of(
    tx: Tx, clinic_id: UUID, clinic: Row[Any], logs: Sequence[EpisodeLog], month: Month, zone: tzinfo
) -> dict[UUID, PatientFacts]:
    """Everything but the minutes, for all episodes in a handful of statements."""
    patients = sorted({log.patient_id for log in logs})
    people = {row.id: row for row in await _people(tx, clinic_id, patients)}
    episodes = await _episodes(tx, clinic_id, patients)
    by_patient = _grouped(episodes, "patient_id")
    consents = _grouped(await _consents(tx, clinic_id, [row.id for row in episodes]), "episode_id")
    coverages = _grouped(await _coverages(tx, clinic_id, patients), "patient_id")
    scales = _grouped(await _scales(tx, clinic_id, patients), "episode_id")
    worked = _grouped(await _worked(tx, clinic_id, patients), "episode_id")
    found = {row.id: row for row in episodes}
    return {
        log.episode_id: _patient_facts(
            tx,
            people[log.patient_id],
            found[log.episode_id],
            by_patient[log.patient_id],
            clinic,
            consents[log.episode_id],
            coverages[log.patient_id],
            scales[log.episode_id],
            worked[log.episode_id],
            zone,
        )
        for log in logs
    }


def _grouped(rows: Iterable[Row[Any]], key: str) -> dict[UUID, list[Row[Any]]]:
    grouped: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        grouped[getattr(row, key)].append(row)
    return grouped


async def _people(tx: Tx, clinic_id: UUID, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(
            Patient.id, Patient.family_name, Patient.given_name, Patient.mrn, Patient.birth_date, Patient.sex
        ).where(Patient.clinic_id == clinic_id, Patient.id.in_(ids))
    )


async def _episodes(tx: Tx, clinic_id: UUID, patients: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(*Episode.__table__.c, Staff.npi.label("clinician_npi"))
        .outerjoin(Staff, Staff.id == Episode.treating_clinician_id)
        .where(Episode.clinic_id == clinic_id, Episode.patient_id.in_(patients))
        .order_by(Episode.referred_at)
    )


async def _consents(tx: Tx, clinic_id: UUID, episodes: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(*CareConsent.__table__.c)
        .where(CareConsent.clinic_id == clinic_id, CareConsent.episode_id.in_(episodes))
        .order_by(CareConsent.given_at)
    )


async def _coverages(tx: Tx, clinic_id: UUID, patients: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(*CoverageTable.__table__.c)
        .where(CoverageTable.clinic_id == clinic_id, CoverageTable.patient_id.in_(patients))
        .order_by(CoverageTable.rank, CoverageTable.valid_from)
    )


async def _scales(tx: Tx, clinic_id: UUID, patients: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(MeasureResult.id, MeasureResult.episode_id, MeasureResult.taken_at).where(
            MeasureResult.clinic_id == clinic_id,
            MeasureResult.patient_id.in_(patients),
            MeasureResult.is_complete,
            MeasureResult.replaced_at.is_(None),
        )
    )


async def _worked(tx: Tx, clinic_id: UUID, patients: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(
            TimeEntry.id, TimeEntry.episode_id, TimeEntry.activity, TimeEntry.role, TimeEntry.started_at
        ).where(
            TimeEntry.clinic_id == clinic_id,
            TimeEntry.patient_id.in_(patients),
            TimeEntry.superseded_at.is_(None),
            TimeEntry.seconds > 0,
        )
    )


def _patient_facts(
    tx: Tx,
    person: Row[Any],
    episode: Row[Any],
    episodes: Sequence[Row[Any]],
    clinic: Row[Any],
    consents: Sequence[Row[Any]],
    coverages: Sequence[Row[Any]],
    scales: Sequence[Row[Any]],
    worked: Sequence[Row[Any]],
    zone: tzinfo,
) -> PatientFacts:
    started = episode.enrolled_on or _day(episode.referred_at, zone)
    fees = clinic.settings.get("fees_cents", {})
    return PatientFacts(
        patient_id=str(person.id),
        family_name=person.family_name,
        given_name=person.given_name,
        mrn=person.mrn,
        birth_date=person.birth_date,
        sex=person.sex,
        episode=EpisodeFacts(
            id=str(episode.id),
            started_on=started,
            ended_on=episode.ended_on,
            in_relapse_prevention=episode.status == "relapse_prevention",
        ),
        history=History(
            episode_started_on=started,
            service_months=tuple(sorted({Month.of(_day(row.started_at, zone)) for row in worked})),
            previous=previous_episode(episode, episodes),
        ),
        practice=Practice(
            billing_npi=clinic.npi,
            billing_tin=clinic.tax_id,
            rendering_npi=episode.clinician_npi,
            fees={code: int(cents) for code, cents in fees.items()},
        ),
        consent=_consent(consents, zone),
        # Whether the patient was new is not recorded apart; the visit on file settles it, its absence holds the line.
        visit_required=True,
        initiating_visit=None
        if episode.initiating_visit_on is None
        else InitiatingVisit(str(episode.id), episode.initiating_visit_on, episode.initiating_visit_code),
        diagnoses=()
        if episode.target_condition is None
        else (Diagnosis(str(episode.id), episode.target_condition),),
        coverages=tuple(_coverage(tx, row) for row in coverages),
        evidence=_evidence(scales, worked, zone),
    )


def previous_episode(episode: Row[Any], episodes: Sequence[Row[Any]]) -> PreviousEpisode | None:
    earlier = [
        row
        for row in episodes
        if row.ended_on is not None and row.id != episode.id and row.referred_at < episode.referred_at
    ]
    if not earlier:
        return None
    last = max(earlier, key=lambda row: row.ended_on)
    return PreviousEpisode(last.ended_on, cast(Any, END_KINDS.get(last.end_reason, "other")))


def _consent(rows: Sequence[Row[Any]], zone: tzinfo) -> Consent | None:
    given = [row for row in rows if row.kind == "given"]
    if not given:
        return None
    withdrawn = [row for row in rows if row.kind == "withdrawn"]
    latest = withdrawn[-1] if withdrawn and withdrawn[-1].given_at > given[-1].given_at else None
    return Consent(
        id=str(given[0].id),
        given_on=_day(given[0].given_at, zone),
        method=given[0].method,
        recorded_by=given[0].recorded_by,
        withdrawn_on=None if latest is None else _day(latest.given_at, zone),
    )


def _coverage(tx: Tx, row: Row[Any]) -> Coverage:
    return Coverage(
        id=str(row.id),
        rank=row.rank,
        payer=row.payer,
        payer_id=row.payer_id,
        plan=row.plan,
        member_id=tx.vault.open_or_none(row.member_id_sealed),
        subscriber=row.subscriber,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _evidence(scales: Sequence[Row[Any]], worked: Sequence[Row[Any]], zone: tzinfo) -> Evidence:
    """What the record holds: scores, and logged work by its kind. An element without rows shows as missing; time spent
    on a care plan is not the plan itself."""
    reviews = tuple(
        Dated(str(row.id), _day(row.started_at, zone))
        for row in worked
        if row.role == "consultant" and row.activity in ("case_review", "consultant_review")
    )

    def of(*names: str) -> tuple[Dated, ...]:
        return tuple(
            Dated(str(row.id), _day(row.started_at, zone)) for row in worked if row.activity in names
        )

    return Evidence(
        scales=tuple(Dated(str(row.id), _day(row.taken_at, zone)) for row in scales),
        registry_updates=of("registry_review", "measure_review"),
        consultant_reviews=reviews,
        caseload_consultations=of("case_review"),
        brief_interventions=of("brief_intervention"),
        clinician_collaborations=of("care_coordination"),
        relapse_plans=of("relapse_prevention"),
    )


def _day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date()
