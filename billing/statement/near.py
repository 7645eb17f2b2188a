"""The line a patient's minutes have reached this month, and the minutes of the next one, for the registry's bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, and_, func, select
from sqlalchemy.orm import aliased

from billing.month_types import History, MonthType, month_type
from billing.rule_sets import DEFAULT, RuleSet, newest, shipped
from billing.rules import lines_for
from billing.statement.record import previous_episode
from kernel.db import Tx
from registry import zones
from registry.episodes.tables import CareConsent, Episode
from registry.imports.carried import Carried, carried, together
from registry.imports.tables import BilledMonth, CarriedEpisode
from registry.time_log.activities import ACTIVITIES
from registry.time_log.months import Month
from registry.time_log.tables import TimeEntry

NEVER_COUNTED: Final = tuple(
    each.id for each in ACTIVITIES if each.kind in ("clerical", "separately_reported", "automated")
)


class NextLine(msgspec.Struct, frozen=True):
    """`line` is empty while none is reached; `next_at` None when no further minute changes anything. `thresholds` are
    the minutes at which lines change up to `next_at`. `undecided`: a person must first say which month it is."""

    minutes: int
    line: str
    next_at: int | None
    thresholds: tuple[int, ...]
    undecided: bool = False


def rule_set() -> RuleSet:
    found = newest(shipped().values(), DEFAULT)
    assert found is not None
    return found


async def next_lines(
    tx: Tx, clinic_id: UUID, minutes: Mapping[UUID, int], month: Month, zone_name: str
) -> dict[UUID, NextLine]:
    """By episode, in one statement. Without audit: it reads minutes and dates the caller shows under its own."""
    if not minutes:
        return {}
    zone, rules = zones.zone(zone_name), rule_set()
    start, _ = month.bounds(zone)
    worked = and_(
        TimeEntry.episode_id == Episode.id,
        TimeEntry.superseded_at.is_(None),
        TimeEntry.seconds > 0,
        TimeEntry.started_at < start,
        TimeEntry.activity.not_in(NEVER_COUNTED),
        # Outreach before the agreement begins no billing episode.
        TimeEntry.started_at
        >= select(func.min(CareConsent.given_at))
        .where(CareConsent.episode_id == Episode.id, CareConsent.kind == "given")
        .scalar_subquery(),
    )
    asked = aliased(Episode)
    elsewhere = (BilledMonth.clinic_id == Episode.clinic_id) & (BilledMonth.episode_id == Episode.id)
    rows = await tx.all(
        select(
            Episode.id, Episode.patient_id, Episode.enrolled_on, Episode.referred_at, Episode.ended_on,
            Episode.end_reason, func.min(TimeEntry.started_at).label("first"), func.max(TimeEntry.started_at).label("last"),
            CarriedEpisode.started_on.label("carried_from"), CarriedEpisode.last_billed, CarriedEpisode.imported_on,
            select(func.min(BilledMonth.month)).where(elsewhere).scalar_subquery().label("billed_first"),
            select(func.max(BilledMonth.month)).where(elsewhere).scalar_subquery().label("billed_last"),
        )
        .select_from(Episode)
        .outerjoin(TimeEntry, worked)
        .outerjoin(
            CarriedEpisode,
            (CarriedEpisode.clinic_id == Episode.clinic_id) & (CarriedEpisode.episode_id == Episode.id),
        )
        .where(
            Episode.clinic_id == clinic_id,
            Episode.patient_id.in_(select(asked.patient_id).where(asked.id.in_(list(minutes)))),
        )
        .group_by(
            Episode.id, Episode.patient_id, Episode.enrolled_on, Episode.referred_at, Episode.ended_on,
            Episode.end_reason, Episode.clinic_id, CarriedEpisode.started_on, CarriedEpisode.last_billed, CarriedEpisode.imported_on,
        )
    )  # fmt: skip
    by_patient: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        by_patient.setdefault(row.patient_id, []).append(row)
    return {
        row.id: _next(_kind(row, by_patient[row.patient_id], month, zone_name, rules), minutes[row.id], rules)
        for row in rows
        if row.id in minutes
    }


def _kind(
    row: Row[Any], episodes: list[Row[Any]], month: Month, zone_name: str, rules: RuleSet
) -> MonthType | None:
    """Of the earlier service months only the first and the last are read: between them nothing changes the answer
    under a rule set that allows a first month once per episode."""
    zone = zones.zone(zone_name)
    known = {Month.at(at, zone) for at in (row.first, row.last) if at is not None}
    before = together([_carried(each) for each in episodes])
    history = History(
        episode_started_on=row.enrolled_on or zones.local_date(row.referred_at, zone_name),
        service_months=tuple(sorted(known | set(before.months))),
        initial_months=before.initial_months,
        episode_months=tuple(sorted(known | set(_carried(row).months))),
        unknown_before=before.unknown and not any(earlier < month for earlier in known),
        previous=previous_episode(row, episodes),
    )
    return month_type(month, history, rules).kind


def _carried(row: Row[Any]) -> Carried:
    """Of the months billed elsewhere the first and the last."""
    billed: dict[Month, str | None] = {
        Month.parse(text): None for text in (row.billed_first, row.billed_last) if text
    }
    if row.imported_on is None:
        return Carried(tuple(sorted(billed)))
    return carried(row.carried_from, row.last_billed, row.imported_on, billed)


def _next(kind: MonthType | None, minutes: int, rules: RuleSet) -> NextLine:
    if kind is None:
        return NextLine(minutes, "", None, (), undecided=True)
    reached = lines_for(kind, minutes, rules)
    thresholds: list[int] = []
    at = lines_for(kind, 0, rules).next_at
    while at is not None and at <= (reached.next_at or minutes):
        thresholds.append(at)
        at = lines_for(kind, at, rules).next_at
    names = " + ".join(
        line.code if line.units == 1 else f"{line.code} x{line.units}" for line in reached.lines
    )
    return NextLine(minutes, names, reached.next_at, tuple(thresholds))
