"""Keeps registry lines equal to the facts. A line's lock is taken before its facts are read, so that of two use
cases at once the later one sees what the earlier one wrote."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Executable,
    Table,
    bindparam,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from kernel.db import Tx, among, insert_or_skip, pick
from registry import zones
from registry.episodes.tables import Episode
from registry.flags import thresholds
from registry.flags.facts import Facts
from registry.flags.thresholds import Thresholds
from registry.measures.tables import MeasureResult
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient
from registry.plans.tables import MeasurePlan
from registry.safety.tables import RiskEvent
from registry.treatment_changes.tables import TreatmentChange
from registry.worklist.rules import (
    COLUMNS,
    IN_CARE,
    Difference,
    EpisodeFacts,
    LineFacts,
    Lost,
    ScoreFact,
    Told,
    comparable,
    differences,
    line,
    rule_facts,
    rules_differ,
)
from registry.worklist.tables import RaisedRule, RegistryLine, Task
from registry.worklist.tasks import REPLIES

# A check-in date this long past is no plan any more: something upstream failed to move it on.
STALE_CHECK_IN: Final = timedelta(days=7)
_LINE = cast(Table, RegistryLine.__table__)


class _Scope(NamedTuple):
    """Three selects that take the same key."""

    lines: Any
    episodes: Any
    scores: Any


def _open_tasks(*more: ColumnElement[bool]) -> Any:
    return (
        select(func.count())
        .where(Task.patient_id == Episode.patient_id, Task.done_at.is_(None), *more)
        .correlate(Episode)
        .scalar_subquery()
    )


_OPEN_RISK = (
    select(func.coalesce(func.max(RiskEvent.tier), 0))
    .where(
        RiskEvent.patient_id == Episode.patient_id, RiskEvent.state != "closed", RiskEvent.is_drill == false()
    )
    .correlate(Episode)
    .scalar_subquery()
)
_CHANGED_ON = (
    select(func.max(TreatmentChange.on))
    .where(TreatmentChange.episode_id == Episode.id, TreatmentChange.withdrawn_at.is_(None))
    .correlate(Episode)
    .scalar_subquery()
)


def _asks(instrument_id: str) -> Any:
    """Whether the episode's plan asks this measure. A part of the same statement: a line is written on every fact."""
    return (
        select(MeasurePlan.id)
        .where(
            MeasurePlan.patient_id == Episode.patient_id,
            MeasurePlan.episode_id == Episode.id,
            MeasurePlan.instrument_id == instrument_id,
            MeasurePlan.replaced_at.is_(None),
        )
        .correlate(Episode)
        .exists()
    )


_EPISODES = (
    select(
        Episode.id.label("episode_id"), Episode.clinic_id, Episode.patient_id, Episode.status,
        Patient.name_key, Patient.family_name, Patient.given_name, Patient.mrn, Patient.birth_date,
        Episode.care_manager_id, Episode.treating_clinician_id, Episode.consultant_id,
        Episode.referred_at, Episode.enrolled_on, Episode.next_contact_at, Episode.next_contact_mode,
        Patient.is_test, Clinic.zone, Clinic.settings,
        _OPEN_RISK.label("open_risk"),
        _open_tasks().label("open_tasks"),
        _open_tasks(Task.kind.in_(REPLIES)).label("waiting_replies"),
        _open_tasks(Task.kind == "severe_score").label("severe_tasks"),
        _CHANGED_ON.label("changed_on"),
        _asks("phq9").label("asks_phq9"),
        _asks("gad7").label("asks_gad7"),
    )
    .join(Patient, Patient.id == Episode.patient_id)
    .join(Clinic, Clinic.id == Episode.clinic_id)
)  # fmt: skip
_SCORES = (
    select(
        MeasureResult.episode_id, MeasureResult.instrument_id, MeasureResult.taken_at,
        MeasureResult.total, MeasureResult.item9,
    )
    .where(MeasureResult.replaced_at.is_(None))
    .order_by(MeasureResult.taken_at, MeasureResult.filed_at, MeasureResult.id)
)  # fmt: skip


def _scope(line_key: Any, episode_key: Any, score_key: Any) -> _Scope:
    key = bindparam("key", type_=Episode.id.type)
    return _Scope(
        lines=select(_LINE).where(line_key == key).order_by(_LINE.c.episode_id),
        episodes=_EPISODES.where(episode_key == key).order_by(Episode.id),
        scores=_SCORES.where(score_key == key),
    )


_ONE: Final = _scope(_LINE.c.episode_id, Episode.id, MeasureResult.episode_id)
_PATIENT: Final = _scope(_LINE.c.patient_id, Episode.patient_id, MeasureResult.patient_id)
_CLINIC: Final = _scope(_LINE.c.clinic_id, Episode.clinic_id, MeasureResult.clinic_id)


def _several(tx: Tx, episode_ids: Collection[UUID]) -> _Scope:
    return _Scope(
        lines=select(_LINE).where(among(tx, _LINE.c.episode_id, episode_ids)).order_by(_LINE.c.episode_id),
        episodes=_EPISODES.where(among(tx, Episode.id, episode_ids)).order_by(Episode.id),
        scores=_SCORES.where(among(tx, MeasureResult.episode_id, episode_ids)),
    )


_INSERT = insert_or_skip(_LINE, "episode_id")
_UPDATE = update(_LINE).where(_LINE.c.episode_id == bindparam("key"))
_DELETE = delete(_LINE).where(_LINE.c.episode_id == bindparam("key"))
# What a new line says about facts that other rooms own and have not told yet.
_UNTOLD: Final[Mapping[str, Any]] = {
    "check_in_state": None,
    "check_in_at": None,
    "no_answer_count": 0,
    "opted_out": False,
    "next_check_in_on": None,
    "last_contact_at": None,
    "last_review_at": None,
    "steps_at": None,
    "minutes_month": None,
    "counted_seconds": 0,
    "safety_flag": False,
    "discuss_flag": False,
}


async def refresh(tx: Tx, episode_id: UUID, now: datetime) -> None:
    """Writes one episode's line anew from the facts of the record. Three statements when nothing changed."""
    await _write(tx, _ONE, episode_id, now)


async def refresh_many(tx: Tx, episode_ids: Collection[UUID], now: datetime) -> int:
    """The same for several episodes in a handful of statements, as a sweep needs it."""
    return await _write(tx, _several(tx, episode_ids), None, now)


async def facts_of(tx: Tx, episode_id: UUID) -> tuple[Facts, Thresholds, str, Told] | None:
    """What the rules look at, the clinic's numbers and zone, and what others told the line; None for a test patient."""
    rows = await _rows(tx, _ONE.lines, episode_id)
    row = await tx.first(_ONE.episodes, {"key": episode_id})
    if row is None or row.is_test:
        return None
    episode = EpisodeFacts(**row._mapping)
    scores = [
        ScoreFact(score.instrument_id, score.taken_at, score.total, score.item9)
        for score in await tx.all(_ONE.scores, {"key": episode_id})
    ]
    stored = rows.get(episode_id, _UNTOLD)
    told = Told(**{name: stored[name] for name in Told.__struct_fields__})
    return rule_facts(episode, scores, told), thresholds.of_clinic(episode.settings), episode.zone, told


async def judge(tx: Tx, rows: Mapping[UUID, Mapping[str, Any]], now: datetime) -> dict[UUID, list[Any]]:
    """The rules of these stored lines as of today, for lines that the sweep has not reached yet. Writes nothing."""
    expected = await _expected(tx, _several(tx, rows), None, rows, now)
    return {episode_id: facts.rules for episode_id, facts in expected.items()}


async def refresh_patient(tx: Tx, patient_id: UUID, now: datetime) -> None:
    """The same for every episode of a patient: for a name, a risk event or a task, which belong to the person."""
    await _write(tx, _PATIENT, patient_id, now)


async def rebuild(tx: Tx, clinic_id: UUID, now: datetime) -> int:
    """Writes every line of a clinic anew and removes lines without an episode. Returns how many were wrong."""
    return await _write(tx, _CLINIC, clinic_id, now)


async def drift(tx: Tx, clinic_id: UUID, now: datetime) -> list[Difference]:
    """What a rebuild would change, in order of episode and column. Missing and superfluous lines are `episode_id`."""
    rows = await _rows(tx, _CLINIC.lines, clinic_id)
    expected = await _expected(tx, _CLINIC, clinic_id, rows, None)
    found = [Difference(key, "episode_id") for key in rows.keys() ^ expected.keys()]
    for key in rows.keys() & expected.keys():
        columns = differences(rows[key], expected[key])
        left_out = () if comparable(rows[key]) else ("rules", "rules_on")
        found += [Difference(key, column) for column in columns if column not in left_out]
    return sorted(found, key=lambda difference: (difference.episode_id, difference.column))


async def find_lost(tx: Tx, clinic_id: UUID, now: datetime) -> list[Lost]:
    """Episodes in care with neither a next contact nor a next check-in; test patients left out.

    A missed contact is overdue, not lost. A check-in date more than a week past counts as none.
    """
    zone = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    if zone is None:
        return []
    stale = zones.local_date(now - STALE_CHECK_IN, zone)
    nothing_asked = or_(_LINE.c.next_check_in_on.is_(None), _LINE.c.next_check_in_on < stale)
    rows = await tx.all(
        select(Episode.id, Episode.patient_id, Episode.next_contact_purpose_sealed)
        .join(Patient, Patient.id == Episode.patient_id)
        .outerjoin(_LINE, _LINE.c.episode_id == Episode.id)
        .where(Episode.clinic_id == clinic_id, Episode.status.in_(IN_CARE), Patient.is_test == false())
        .where(Episode.next_contact_at.is_(None), nothing_asked)
        .order_by(Episode.id)
    )
    return [Lost(row.id, row.patient_id, row.next_contact_purpose_sealed is not None) for row in rows]


async def _write(tx: Tx, scope: _Scope, key: UUID | None, now: datetime) -> int:
    rows = await _rows(tx, scope.lines.with_for_update(), key)
    expected = await _expected(tx, scope, key, rows, now)
    changed = [k for k, facts in expected.items() if k in rows and differences(rows[k], facts)]
    missing = [k for k in expected if k not in rows]
    gone = [k for k in rows if k not in expected]
    if changed:
        await tx.execute(_UPDATE, [{"key": k, **_values(expected[k]), "updated_at": now} for k in changed])
    for k in missing:
        new = {**_UNTOLD, **_values(expected[k]), "episode_id": k, "updated_at": now}
        if not await tx.insert_once(pick(tx, _INSERT), new):
            await _write(tx, _ONE, k, now)  # someone else wrote the first line: lock it and look again
            expected.pop(k)
    if gone:
        await tx.execute(_DELETE, [{"key": k} for k in gone])
    turned = [k for k, facts in expected.items() if k not in rows or rules_differ(rows[k], facts)]
    await _raise(tx, turned, expected, gone)
    return len(changed) + len(missing) + len(gone)


async def _raise(
    tx: Tx, turned: Sequence[UUID], expected: Mapping[UUID, LineFacts], gone: Sequence[UUID]
) -> None:
    """Writes the rules of these lines once more, to filter and count by."""
    if not turned and not gone:
        return
    await tx.execute(delete(RaisedRule).where(among(tx, RaisedRule.episode_id, [*turned, *gone])))
    fresh = [
        {
            "id": tx.new_id(),
            "clinic_id": expected[k].clinic_id,
            "episode_id": k,
            "rule": result["rule"],
            "outcome": result["outcome"],
        }
        for k in turned
        for result in expected[k].rules
    ]
    if fresh:
        await tx.execute(insert(RaisedRule), fresh)


async def _rows(tx: Tx, statement: Executable, key: UUID | None) -> dict[UUID, Mapping[str, Any]]:
    return {row.episode_id: dict(row._mapping) for row in await tx.all(statement, _key(key))}


def _key(key: UUID | None) -> dict[str, UUID] | None:
    return None if key is None else {"key": key}


async def _expected(
    tx: Tx,
    scope: _Scope,
    key: UUID | None,
    rows: Mapping[UUID, Mapping[str, Any]],
    now: datetime | None,
) -> dict[UUID, LineFacts]:
    """Rules are judged as of `now`; without it as of the day for which the stored line was judged."""
    episodes = [EpisodeFacts(**row._mapping) for row in await tx.all(scope.episodes, _key(key))]
    scores: dict[UUID, list[ScoreFact]] = {}
    for row in await tx.all(scope.scores, _key(key)):
        scores.setdefault(row.episode_id, []).append(
            ScoreFact(row.instrument_id, row.taken_at, row.total, row.item9)
        )
    return {
        episode.episode_id: _line(
            episode, scores.get(episode.episode_id, ()), rows.get(episode.episode_id), now
        )
        for episode in episodes
        if not episode.is_test  # drills and canaries are in no caseload
    }


def _line(
    episode: EpisodeFacts, scores: Sequence[ScoreFact], row: Mapping[str, Any] | None, now: datetime | None
) -> LineFacts:
    stored = row or _UNTOLD
    told = Told(**{name: stored[name] for name in Told.__struct_fields__})
    if now is None:
        day = None if row is None else row["rules_on"]
        return line(episode, scores, told, day or episode.referred_at.date())
    return line(episode, scores, told, zones.local_date(now, episode.zone))


def _values(facts: LineFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in COLUMNS}
