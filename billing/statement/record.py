"""The facts behind a month, read from the record in a handful of statements whatever the number of patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, tzinfo
from functools import cache, partial
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from billing.decisions import rules as decisions
from billing.decisions.rules import Decision
from billing.decisions.service import of_episodes
from billing.month_types import History, PreviousEpisode
from billing.rule_sets import RuleBook, RuleSet
from billing.statement.consents import ConsentRow, consent_for
from billing.statement.elements import primary_of
from billing.statement.evidence import Found, evidence_of, found_for
from billing.statement.facts import (
    Consent,
    Coverage,
    Diagnosis,
    InitiatingVisit,
    NextContact,
    PatientFacts,
    Practice,
)
from billing.statement.facts import Episode as EpisodeFacts
from kernel.db import Tx, among
from registry.episodes.tables import CareConsent, Episode
from registry.imports.carried import NOTHING, Carried, carried_of, together
from registry.organisation.tables import Staff
from registry.patients.tables import Coverage as CoverageTable
from registry.patients.tables import Patient
from registry.time_log.entries import CountingPolicy
from registry.time_log.ledger import EpisodeLog, EpisodeWindow, entries_of, windows
from registry.time_log.months import Month
from registry.time_log.rules import Entry
from registry.time_log.tally import counted_months

END_KINDS: Final = {
    "completed": "goals_met",
    "graduated": "goals_met",
    "referred_to_specialty": "referred_to_psychiatric_care",
}
# Looking back twelve months is the rule sets' default for the visit; a payer's own number is asked of the element.
VISIT_MONTHS: Final = 12


class _Read(msgspec.Struct, frozen=True):
    """Everything read, grouped by patient or by episode."""

    clinic: Row[Any]
    month: Month
    zone: tzinfo
    people: dict[UUID, Row[Any]]
    episodes: dict[UUID, list[Row[Any]]]
    consents: dict[UUID, list[Row[Any]]]
    coverages: dict[UUID, list[Row[Any]]]
    worked: dict[UUID, list[Entry]]
    windows: dict[UUID, EpisodeWindow]
    decided: dict[UUID, list[Decision]]
    found: Found
    carried: dict[UUID, Carried]
    ruled: Callable[[Month, str | None, str | None], RuleSet]


async def facts_of(
    tx: Tx,
    clinic_id: UUID,
    clinic: Row[Any],
    logs: Sequence[EpisodeLog],
    month: Month,
    zone: tzinfo,
    book: RuleBook,
    named: RuleSet | None = None,
) -> dict[UUID, PatientFacts]:
    """Everything but the month's minutes, by episode. Each month's payer decides by `book` what was a service month
    and which consent counts; `named` stands for the payer's rule set in this month alone."""
    patients = sorted({log.patient_id for log in logs})
    episodes = await _episodes(tx, clinic_id, patients)
    ids = [row.id for row in episodes]
    worked = await entries_of(tx, clinic_id, ids)
    read = _Read(
        clinic=clinic,
        month=month,
        zone=zone,
        people={row.id: row for row in await _people(tx, clinic_id, patients)},
        episodes=_grouped(episodes, "patient_id"),
        consents=_grouped(await _consents(tx, clinic_id, ids), "episode_id"),
        coverages=_grouped(await _coverages(tx, clinic_id, patients), "patient_id"),
        worked=worked,
        windows=await windows(tx, clinic_id, ids, clinic.zone),
        decided=await of_episodes(tx, clinic_id, ids),
        found=await found_for(tx, clinic_id, ids),
        carried=await carried_of(tx, clinic_id, ids),
        ruled=cache(book.of),
    )
    by_id = {row.id: row for row in episodes}
    return {log.episode_id: _patient_facts(tx, read, by_id[log.episode_id], named) for log in logs}


def _grouped(rows: Iterable[Row[Any]], key: str) -> dict[UUID, list[Row[Any]]]:
    grouped: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        grouped[getattr(row, key)].append(row)
    return grouped


async def _people(tx: Tx, clinic_id: UUID, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(
            Patient.id, Patient.family_name, Patient.given_name, Patient.mrn, Patient.birth_date, Patient.sex
        ).where(Patient.clinic_id == clinic_id, among(tx, Patient.id, ids))
    )


async def _episodes(tx: Tx, clinic_id: UUID, patients: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(*Episode.__table__.c, Staff.npi.label("clinician_npi"))
        .outerjoin(Staff, Staff.id == Episode.treating_clinician_id)
        .where(Episode.clinic_id == clinic_id, among(tx, Episode.patient_id, patients))
        .order_by(Episode.referred_at)
    )


async def _consents(tx: Tx, clinic_id: UUID, episodes: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(*CareConsent.__table__.c)
        .where(CareConsent.clinic_id == clinic_id, among(tx, CareConsent.episode_id, episodes))
        .order_by(CareConsent.given_at)
    )


async def _coverages(tx: Tx, clinic_id: UUID, patients: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.all(
        select(*CoverageTable.__table__.c)
        .where(CoverageTable.clinic_id == clinic_id, among(tx, CoverageTable.patient_id, patients))
        .order_by(CoverageTable.rank, CoverageTable.valid_from)
    )


def _patient_facts(tx: Tx, read: _Read, episode: Row[Any], named: RuleSet | None) -> PatientFacts:
    person, zone = read.people[episode.patient_id], read.zone
    started = episode.enrolled_on or _day(episode.referred_at, zone)
    said = decisions.standing(read.decided.get(episode.id, ()), read.month)
    visit_on = episode.initiating_visit_on
    return PatientFacts(
        patient_id=str(person.id),
        family_name=person.family_name,
        given_name=person.given_name,
        mrn=person.mrn,
        birth_date=person.birth_date,
        sex=person.sex,
        episode=EpisodeFacts(
            id=str(episode.id),
            programme=decisions.programme_of(said),
            started_on=started,
            ended_on=episode.ended_on,
            in_relapse_prevention=episode.status == "relapse_prevention",
        ),
        history=_history(read, episode, started),
        practice=_practice(read, episode, said),
        consent=_consent(read.consents.get(episode.id, ()), read.month, _rules(read, episode, named), zone),
        # The visit on file settles it; its absence holds the line unless somebody says that none was needed.
        visit_required=not decisions.seen_before(said, started, VISIT_MONTHS),
        initiating_visit=None
        if visit_on is None
        else InitiatingVisit(str(episode.id), visit_on, episode.initiating_visit_code),
        diagnoses=(
            *(
                ()
                if not episode.target_condition
                else (Diagnosis(str(episode.id), episode.target_condition),)
            ),
            *decisions.diagnoses_of(said),
        ),
        coverages=tuple(_coverage(tx, row) for row in read.coverages.get(episode.patient_id, ())),
        evidence=evidence_of(
            read.found, episode, read.worked.get(episode.id, ()), decisions.authorisations_of(said), zone
        ),
        next_contact=_next_contact(episode, zone),
        other_codes=decisions.values_of(said, "reported_code"),
        releases=decisions.releases_of(said),
    )


def _history(read: _Read, episode: Row[Any], started: date) -> History:
    """Months with time that counted for the payer of that month, in any of the patient's episodes: time before
    consent begins no billing episode."""
    episodes = read.episodes[episode.patient_id]
    by_episode = {
        each.id: counted_months(
            read.worked.get(each.id, ()),
            read.windows[each.id].window,
            partial(_counting, read, each),
            read.zone,
        )
        for each in episodes
    }
    served = {month for months in by_episode.values() for month in months}
    here = by_episode[episode.id] | set(read.carried.get(episode.id, NOTHING).months)
    said = [decision for each in episodes for decision in read.decided.get(each.id, ())]
    firsts = {
        d.month for d in said if d.kind == "month_type" and d.value == "initial" and d.month is not None
    }
    own = read.decided.get(episode.id, ())
    before = together([read.carried.get(each.id, NOTHING) for each in episodes])
    return History(
        episode_started_on=started,
        service_months=tuple(sorted(served | set(before.months))),
        initial_months=tuple(sorted(firsts | set(before.initial_months))),
        episode_months=tuple(sorted(here)),
        unknown_before=before.unknown and not any(earlier < read.month for earlier in served),
        previous=previous_episode(episode, episodes),
        override=decisions.override_of(decisions.standing(own, read.month), read.month),
    )


def _rules(read: _Read, episode: Row[Any], named: RuleSet | None, month: Month | None = None) -> RuleSet:
    """Of the month's payer."""
    if named is not None:
        return named
    of = month or read.month
    covers = primary_of(read.coverages.get(episode.patient_id, ()), of, episode.ended_on)
    cover = covers[0] if covers else None
    return read.ruled(of, cover.payer if cover else None, cover.plan if cover else None)


def _counting(read: _Read, episode: Row[Any], month: Month) -> CountingPolicy:
    return _rules(read, episode, None, month).counting


def _practice(read: _Read, episode: Row[Any], said: Sequence[Decision]) -> Practice:
    fees = read.clinic.settings.get("fees_cents", {})
    return Practice(
        billing_npi=read.clinic.npi,
        billing_tin=read.clinic.tax_id,
        rendering_npi=episode.clinician_npi,
        other_billing_npis=decisions.values_of(said, "other_practitioner"),
        fees={code: int(cents) for code, cents in fees.items()},
    )


def _next_contact(episode: Row[Any], zone: tzinfo) -> NextContact | None:
    if episode.next_contact_at is None:
        return None
    purpose = bool(episode.next_contact_purpose_sealed)
    return NextContact(str(episode.id), _day(episode.next_contact_at, zone), purpose)


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


def _consent(rows: Sequence[Row[Any]], month: Month, rules: RuleSet, zone: tzinfo) -> Consent | None:
    read = [
        ConsentRow(
            id=str(row.id),
            kind=row.kind,
            method=row.method,
            given_at=row.given_at,
            recorded_by=row.recorded_by,
        )
        for row in rows
    ]
    return consent_for(read, month, rules.consent_methods, zone)


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


def _day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date()
