"""Reading the log for counting: entries with the window in which a patient's time may count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import structs
from sqlalchemy import Row, select

from kernel.db import Tx, among
from registry import zones
from registry.episodes.tables import CareConsent, Episode, StatusChange
from registry.time_log.entries import touching
from registry.time_log.persons import elsewhere
from registry.time_log.rules import Count, CountingPolicy, Elsewhere, Entry, Month, Stay, Window, count
from registry.time_log.tables import TimeEntry

# An entry may run eight hours, so one that ends inside the month can begin this much earlier.
BEFORE: Final = timedelta(hours=9)
_READ: Final = (
    TimeEntry.id, TimeEntry.patient_id, TimeEntry.episode_id, TimeEntry.staff_id, TimeEntry.role, TimeEntry.activity,
    TimeEntry.started_at, TimeEntry.seconds, TimeEntry.created_at, TimeEntry.modality, TimeEntry.separately_reported,
)  # fmt: skip
INPATIENT: Final = frozenset({"hospital"})


class EpisodeLog(msgspec.Struct, frozen=True):
    """One episode's month: its entries, and when its time may count. `note`s are not read for counting."""

    episode_id: UUID
    patient_id: UUID
    window: Window
    entries: tuple[Entry, ...]

    def counted(self, policy: CountingPolicy, month: Month, zone: tzinfo) -> Count:
        return count(self.entries, self.window, policy, month, zone)


async def month_log(
    tx: Tx,
    clinic_id: UUID,
    month: Month,
    zone_name: str,
    episode_id: UUID | None = None,
    also: Collection[UUID] = (),
) -> list[EpisodeLog]:
    """Every episode of the clinic with time in the month (or the one asked for, even without), and those of `also`,
    by id. Entries around the month are read for where people were; no patient-month has them."""
    by_episode: dict[UUID, list[Entry]] = defaultdict(list)
    for row in await tx.all(_entries(clinic_id, month, zone_name, episode_id)):
        by_episode[row.episode_id].append(_entry(row))
    own = {
        found: touching(entries, *month.bounds(zones.zone(zone_name)))
        for found, entries in by_episode.items()
    }
    in_month = {found for found, entries in own.items() if entries}
    wanted = sorted(in_month | set(also) | ({episode_id} if episode_id is not None else set()))
    episodes = await windows(tx, clinic_id, wanted, zone_name)
    if episode_id is None:
        taken = elsewhere((str(owner), each) for owner, found in by_episode.items() for each in found)
    else:
        people = {UUID(each.staff_id) for each in by_episode[episode_id]}
        taken = await _taken(tx, clinic_id, month, zone_name, people)
    return [
        EpisodeLog(
            found,
            episodes[found].patient_id,
            structs.replace(episodes[found].window, elsewhere=taken.get(str(found), ())),
            own.get(found, ()),
        )
        for found in wanted
        if found in episodes
    ]


def _entries(clinic_id: UUID, month: Month, zone_name: str, episode_id: UUID | None = None) -> Any:
    start, end = month.bounds(zones.zone(zone_name))
    statement = select(*_READ).where(
        TimeEntry.clinic_id == clinic_id,
        TimeEntry.started_at >= start - BEFORE,
        TimeEntry.started_at < end + BEFORE,
        TimeEntry.superseded_at.is_(None),
        TimeEntry.seconds > 0,
    )
    if episode_id is not None:
        statement = statement.where(TimeEntry.episode_id == episode_id)
    return statement.order_by(TimeEntry.started_at, TimeEntry.id)


async def entries_of(tx: Tx, clinic_id: UUID, episodes: Sequence[UUID]) -> dict[UUID, list[Entry]]:
    """Every entry of these episodes that stands, by its start."""
    statement = (
        select(*_READ)
        .where(
            TimeEntry.clinic_id == clinic_id,
            among(tx, TimeEntry.episode_id, episodes),
            TimeEntry.superseded_at.is_(None),
            TimeEntry.seconds > 0,
        )
        .order_by(TimeEntry.started_at, TimeEntry.id)
    )
    found: dict[UUID, list[Entry]] = defaultdict(list)
    for row in await tx.all(statement):
        found[row.episode_id].append(_entry(row))
    return found


async def _taken(
    tx: Tx, clinic_id: UUID, month: Month, zone_name: str, people: Collection[UUID]
) -> dict[str, tuple[Elsewhere, ...]]:
    """For one episode the other entries of its people are read too."""
    if not people:
        return {}
    rows = await tx.all(_entries(clinic_id, month, zone_name).where(TimeEntry.staff_id.in_(people)))
    return elsewhere((str(row.episode_id), _entry(row)) for row in rows)


class EpisodeWindow(msgspec.Struct, frozen=True):
    patient_id: UUID
    window: Window


async def windows(
    tx: Tx, clinic_id: UUID, episode_ids: Sequence[UUID], zone_name: str
) -> dict[UUID, EpisodeWindow]:
    """When each episode's time may count: from consent and enrolment to the end, less inpatient stays.

    Dates are the clinic's: enrolment counts from that day's first moment, the end until that day's last.
    """
    zone = zones.zone(zone_name)
    episodes = await tx.all(
        select(Episode.id, Episode.patient_id, Episode.enrolled_on, Episode.ended_on).where(
            Episode.clinic_id == clinic_id, Episode.id.in_(episode_ids)
        )
    )
    consents = await _grouped(
        tx,
        select(CareConsent.episode_id, CareConsent.kind, CareConsent.given_at)
        .where(CareConsent.clinic_id == clinic_id, CareConsent.episode_id.in_(episode_ids))
        .order_by(CareConsent.given_at, CareConsent.id),
    )
    changes = await _grouped(
        tx,
        select(StatusChange.episode_id, StatusChange.to_status, StatusChange.reason, StatusChange.from_date)
        .where(
            StatusChange.clinic_id == clinic_id,
            StatusChange.episode_id.in_(episode_ids),
            StatusChange.undone_by_id.is_(None),
        )
        .order_by(StatusChange.at, StatusChange.id),
    )
    return {
        row.id: EpisodeWindow(row.patient_id, _window(row, consents[row.id], changes[row.id], zone))
        for row in episodes
    }


async def _grouped(tx: Tx, statement: Any) -> dict[UUID, list[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in await tx.all(statement):
        found[row.episode_id].append(row)
    return found


def _window(
    episode: Row[Any], consents: Iterable[Row[Any]], changes: Iterable[Row[Any]], zone: tzinfo
) -> Window:
    consents = list(consents)
    given = next((row.given_at for row in consents if row.kind == "given"), None)
    withdrawn = next((row.given_at for row in reversed(consents) if row.kind == "withdrawn"), None)
    again = next((row.given_at for row in reversed(consents) if row.kind == "given"), None)
    ended = episode.ended_on
    return Window(
        consent_at=given,
        # Without an enrolment nothing counts: a window that opens after all time.
        enrolled_at=_midnight(episode.enrolled_on, zone)
        if episode.enrolled_on is not None
        else datetime.max.replace(tzinfo=UTC),
        ended_at=None if ended is None else _midnight(ended + timedelta(days=1), zone),
        consent_ended_at=withdrawn
        if withdrawn is not None and (again is None or again < withdrawn)
        else None,
        stays=_stays(changes, zone),
    )


def _stays(changes: Iterable[Row[Any]], zone: tzinfo) -> tuple[Stay, ...]:
    """Each hold for a hospital stay runs from its own from-date to the next change's. What was undone is not among
    `changes`, and its undoing changed nothing either."""
    stays: list[Stay] = []
    since: datetime | None = None
    for change in changes:
        if change.reason == "undo":
            continue
        at = _midnight(change.from_date, zone)
        if since is not None:
            if at > since:
                stays.append(Stay(since, at))
            since = None
        if change.to_status == "on_hold" and change.reason in INPATIENT:
            since = at
    if since is not None:
        stays.append(Stay(since))
    return tuple(stays)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=str(row.id),
        patient_id=str(row.patient_id),
        staff_id=str(row.staff_id),
        role=row.role,
        activity=row.activity,
        started_at=row.started_at,
        seconds=row.seconds,
        created_at=row.created_at,
        modality=row.modality,
        separately_reported=row.separately_reported,
    )
