"""The line a patient's minutes have reached this month, and the minutes of the next one, for the registry's bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    Date,
    Row,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from billing.month_types import History, MonthType, month_type
from billing.own_rules.book import book_from
from billing.own_rules.tables import ClinicRuleSet
from billing.rule_sets import RuleBook, RuleSet
from billing.rules import lines_for
from billing.statement.record import previous_episode
from kernel.db import Tx
from registry import zones
from registry.episodes.tables import CareConsent, Episode
from registry.imports.carried import Carried, carried, together
from registry.imports.tables import BilledMonth, CarriedEpisode
from registry.organisation.tables import Clinic
from registry.patients.tables import Coverage
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


async def next_lines(
    tx: Tx, clinic_id: UUID, minutes: Mapping[UUID, int], month: Month, zone_name: str
) -> dict[UUID, NextLine]:
    """By episode, each under its payer's rule set of the month, in one statement; a second one only for patients who
    are back after a break under a payer that takes one first month a year. Without audit: it reads minutes and dates
    the caller shows under its own."""
    if not minutes:
        return {}
    zone = zones.zone(zone_name)
    start, _ = month.bounds(zone)
    days = {"start": start, "first_day": month.first_day, "last_day": month.last_day}
    rows = await tx.all(_ROWS, days | {"clinic": clinic_id, "ids": list(minutes), "carrier": min(minutes)})
    book = _book(rows)
    by_patient: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        by_patient.setdefault(row.patient_id, []).append(row)
    rules = {paid: book.of(month, *paid) for paid in {(row.payer, row.plan) for row in rows}}
    asked = [
        _Asked(row, tuple(by_patient[row.patient_id]), month, zone, rules[row.payer, row.plan])
        for row in rows
        if row.id in minutes
    ]
    between = await _between(tx, clinic_id, asked, month, zone)
    return {
        each.row.id: _next(
            _kind(each, between.get(each.row.patient_id, frozenset())), minutes[each.row.id], each.rules
        )
        for each in asked
    }


class _Asked:
    """One episode, those beside it, and the rule set of its payer in the month."""

    def __init__(
        self, row: Row[Any], episodes: tuple[Row[Any], ...], month: Month, zone: tzinfo, rules: RuleSet
    ) -> None:
        self.row, self.episodes, self.month, self.zone, self.rules = row, episodes, month, zone, rules

    def served(self, row: Row[Any]) -> set[Month]:
        """Of the earlier service months of an episode the first and the last."""
        return {Month.at(at, self.zone) for at in (row.first, row.last) if at is not None}

    @property
    def known(self) -> set[Month]:
        return {month for row in self.episodes for month in self.served(row)}

    @property
    def asks_the_year(self) -> bool:
        """Only then does it matter what lies between the first month and the last."""
        known = sorted(self.known)
        return (
            self.rules.initial_repeat_rule == "once_per_calendar_year"
            and bool(known)
            and self.month.months_since(known[-1]) > self.rules.episode_gap_months
        )


def _worked() -> ColumnElement[bool]:
    """Time before the month, which begins at `start`, that may count; outreach before the agreement begins no billing
    episode."""
    return and_(
        TimeEntry.episode_id == Episode.id,
        TimeEntry.superseded_at.is_(None),
        TimeEntry.seconds > 0,
        TimeEntry.started_at < bindparam("start"),
        TimeEntry.activity.not_in(NEVER_COUNTED),
        TimeEntry.started_at
        >= select(func.min(CareConsent.given_at))
        .where(CareConsent.episode_id == Episode.id, CareConsent.kind == "given")
        .scalar_subquery(),
    )


def _cover(column: InstrumentedAttribute[Any]) -> ScalarSelect[Any]:
    """Of the first primary coverage in the month's days of care, as `elements.primary_coverages` has it."""
    first_day, last_day = bindparam("first_day", type_=Date()), bindparam("last_day", type_=Date())
    return (
        select(column)
        .where(
            Coverage.clinic_id == Episode.clinic_id,
            Coverage.patient_id == Episode.patient_id,
            Coverage.rank == 1,
            Coverage.valid_from <= last_day,
            or_(
                Episode.ended_on.is_(None),
                Episode.ended_on < first_day,
                Coverage.valid_from <= Episode.ended_on,
            ),
            or_(Coverage.valid_to.is_(None), Coverage.valid_to >= first_day),
        )
        .order_by(Coverage.valid_from, Coverage.id)
        .limit(1)
        .correlate(Episode)
        .scalar_subquery()
    )


def _rows() -> Select[*tuple[Any, ...]]:
    """Built once: a page asks it for each of its patients at a time."""
    asked, clinic_id = aliased(Episode), bindparam("clinic", type_=Episode.clinic_id.type)
    elsewhere = (BilledMonth.clinic_id == Episode.clinic_id) & (BilledMonth.episode_id == Episode.id)
    # The rule book comes with one row alone; a line for each of the clinic's own sets.
    carrier = Episode.id == bindparam("carrier")
    settings = select(cast(Clinic.settings, String)).where(Clinic.id == clinic_id).scalar_subquery()
    own = (
        select(func.aggregate_strings(cast(ClinicRuleSet.content, String), "\n"))
        .where(ClinicRuleSet.clinic_id == clinic_id)
        .scalar_subquery()
    )
    return (
        select(
            Episode.id, Episode.patient_id, Episode.enrolled_on, Episode.referred_at, Episode.ended_on,
            Episode.end_reason, func.min(TimeEntry.started_at).label("first"), func.max(TimeEntry.started_at).label("last"),
            CarriedEpisode.started_on.label("carried_from"), CarriedEpisode.last_billed, CarriedEpisode.imported_on,
            select(func.min(BilledMonth.month)).where(elsewhere).scalar_subquery().label("billed_first"),
            select(func.max(BilledMonth.month)).where(elsewhere).scalar_subquery().label("billed_last"),
            _cover(Coverage.payer).label("payer"), _cover(Coverage.plan).label("plan"),
            case((carrier, settings)).label("settings"), case((carrier, own)).label("own"),
        )
        .select_from(Episode)
        .outerjoin(TimeEntry, _worked())
        .outerjoin(
            CarriedEpisode,
            (CarriedEpisode.clinic_id == Episode.clinic_id) & (CarriedEpisode.episode_id == Episode.id),
        )
        .where(
            Episode.clinic_id == clinic_id,
            Episode.patient_id.in_(select(asked.patient_id).where(asked.id.in_(bindparam("ids", expanding=True)))),
        )
        .group_by(
            Episode.id, Episode.patient_id, Episode.enrolled_on, Episode.referred_at, Episode.ended_on,
            Episode.end_reason, Episode.clinic_id, CarriedEpisode.started_on, CarriedEpisode.last_billed, CarriedEpisode.imported_on,
        )
    )  # fmt: skip


_ROWS: Final = _rows()


def _book(rows: Sequence[Row[Any]]) -> RuleBook:
    carrier = next((row for row in rows if row.settings is not None), None)
    if carrier is None:
        return RuleBook()
    own = tuple(msgspec.json.decode(line, type=RuleSet) for line in (carrier.own or "").splitlines())
    return book_from(own, msgspec.json.decode(carrier.settings))


async def _between(
    tx: Tx, clinic_id: UUID, asked: Sequence[_Asked], month: Month, zone: tzinfo
) -> dict[UUID, frozenset[Month]]:
    """Every earlier service month, by patient, of those for whom it matters."""
    patients = {each.row.patient_id for each in asked if each.asks_the_year}
    if not patients:
        return {}
    rows = await tx.all(
        select(Episode.patient_id, TimeEntry.started_at)
        .join(TimeEntry, _worked())
        .where(Episode.clinic_id == clinic_id, Episode.patient_id.in_(patients)),
        {"start": month.bounds(zone)[0]},
    )
    found: dict[UUID, set[Month]] = {}
    for row in rows:
        found.setdefault(row.patient_id, set()).add(Month.at(row.started_at, zone))
    return {patient: frozenset(months) for patient, months in found.items()}


def _kind(asked: _Asked, between: frozenset[Month]) -> MonthType | None:
    row, own = asked.row, asked.served(asked.row)
    known = asked.known | between
    before = together([_carried(each) for each in asked.episodes])
    history = History(
        episode_started_on=row.enrolled_on or row.referred_at.astimezone(asked.zone).date(),
        service_months=tuple(sorted(known | set(before.months))),
        initial_months=before.initial_months,
        episode_months=tuple(sorted(own | set(_carried(row).months))),
        unknown_before=before.unknown and not any(earlier < asked.month for earlier in known),
        previous=previous_episode(row, asked.episodes),
    )
    return month_type(asked.month, history, asked.rules).kind


def _carried(row: Row[Any]) -> Carried:
    """Of the months billed elsewhere the first and the last."""
    billed: dict[Month, str | None] = {
        Month.parse(text): None for text in (row.billed_first, row.billed_last) if text
    }
    if row.imported_on is None:
        return Carried(tuple(sorted(billed)))
    return carried(row.carried_from, row.last_billed, row.imported_on, billed)


@lru_cache(4096)  # months, minutes and rule sets of a page repeat
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
