"""Many months at once: one row per patient-month, summed and turned into lines while they stream past.

Patients are read in slices of a few hundred, so memory stays flat however large the clinic. The sums agree with the
statement's own; a law and a test hold them together. Rows carry ids and numbers alone, no name and no text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Integer, Row, cast, extract, func, literal, select
from sqlalchemy.orm import aliased

from billing import rule_sets
from billing.decisions import rules as decisions
from billing.decisions.rules import Decision
from billing.decisions.service import of_episodes
from billing.month_types import History, month_type
from billing.rule_sets import RuleSet, choose, newest, shipped
from billing.rules import MonthType, lines_for
from billing.statement.record import previous_episode
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx, among
from registry import zones
from registry.access import require
from registry.episodes.tables import Episode
from registry.imports.carried import NOTHING, Carried, carried_of, together
from registry.organisation.tables import Clinic
from registry.patients.tables import Coverage
from registry.time_log.exclusions import EPOCH, Frame, frame_always, in_month
from registry.time_log.ledger import EpisodeWindow, windows
from registry.time_log.months import Month
from registry.time_log.persons import elsewhere
from registry.time_log.rules import MAX_ENTRY_SECONDS, CountingPolicy, Entry, Window, count
from registry.time_log.tables import TimeEntry
from registry.time_log.tally import Reasons, Tally, Work, ordinary

EXPORTERS: Final[tuple[audit.Role, ...]] = ("biller", "clinic_lead")
HEADER: Final = (
    "month,patient_id,episode_id,entries,logged_seconds,counted_seconds,counted_minutes,excluded_seconds_by_reason,"
    "month_type,lines,rule_set\r\n"
)
PATIENTS: Final = 150  # a slice: some tens of thousands of entries at most
_START: Final = cast(extract("epoch", TimeEntry.started_at), BigInteger)
# As the driver gives them, in the order of the index on patient and start.
_ROWS: Final = (
    select(
        TimeEntry.patient_id, TimeEntry.episode_id, _START, TimeEntry.seconds, TimeEntry.role, TimeEntry.activity,
        TimeEntry.separately_reported, TimeEntry.id, TimeEntry.staff_id, TimeEntry.modality,
    )
    .where(TimeEntry.superseded_at.is_(None), TimeEntry.seconds > 0)
    .order_by(TimeEntry.patient_id, TimeEntry.started_at, TimeEntry.id)
)  # fmt: skip


_DEFAULT: Final = CountingPolicy()


class _Payer(msgspec.Struct, frozen=True):
    payer: str
    plan: str | None
    first: int
    last: int


class _Month(msgspec.Struct, frozen=True, eq=False):
    """A calendar month in the clinic's zone: seconds since 1970, and its days as ordinals."""

    low: int
    high: int
    month: Month
    text: str
    first: int
    last: int


class _Rules(msgspec.Struct, frozen=True, eq=False):
    rules: RuleSet
    rule_id: str
    counting: CountingPolicy
    reasons: Reasons
    lines: dict[tuple[MonthType, int], str]

    def text(self, kind: MonthType, minutes: int) -> str:
        found = self.lines.get((kind, minutes))
        if found is None:
            found = self.lines[kind, minutes] = lines_for(kind, minutes, self.rules).text
        return found


class _Book:
    """What is worked out once and asked for every month: frames of months, reasons, rule sets, lines."""

    def __init__(self, zone: tzinfo, settings: dict[str, Any]) -> None:
        self.zone = zone
        self.known = tuple(shipped().values())
        self.default = settings.get("rule_set", rule_sets.DEFAULT)
        self.assigned: dict[str, str] = settings.get("payer_rule_sets", {})
        self.reasons = Reasons(_DEFAULT)
        self._chosen: dict[tuple[Month, str | None, str | None], _Rules] = {}
        self._by_id: dict[str, _Rules] = {}
        self._months: dict[Month, _Month] = {}
        self._latest: list[_Month] = []

    def month_at(self, start: int) -> _Month:
        for known in self._latest:
            if known.low <= start < known.high:
                return known
        return self.month(Month.at(EPOCH + timedelta(seconds=start), self.zone))

    def month(self, month: Month) -> _Month:
        found = self._months.get(month)
        if found is None:
            low, high = (_seconds(edge) for edge in month.bounds(self.zone))
            days = month.first_day.toordinal(), month.last_day.toordinal()
            found = self._months[month] = _Month(low, high, month, str(month), *days)
            self._latest.append(found)
        return found

    def rules(self, month: Month, cover: _Payer | None) -> _Rules:
        key = (month, None, None) if cover is None else (month, cover.payer, cover.plan)
        found = self._chosen.get(key)
        if found is None:
            named = self.assigned.get(cover.payer) if cover is not None else None
            chosen = newest(self.known, named) if named else choose(
                self.known, month, payer=key[1], plan=key[2], default=self.default
            )  # fmt: skip
            chosen = chosen or newest(self.known, self.default)
            assert chosen is not None
            found = self._chosen[key] = self._prepared(chosen)
        return found

    def _prepared(self, rules: RuleSet) -> _Rules:
        found = self._by_id.get(rules.rule_id)
        if found is None:
            counting = rules.counting
            found = self._by_id[rules.rule_id] = _Rules(rules, rules.rule_id, counting, Reasons(counting), {})
        return found


class _Slice(msgspec.Struct, frozen=True):
    """What a slice of patients needs besides its entries."""

    windows: dict[UUID, EpisodeWindow]
    episodes: dict[UUID, list[Row[Any]]]
    decided: dict[UUID, list[Decision]]
    covers: dict[UUID, list[_Payer]]
    carried: dict[UUID, Carried]


async def roll_up(tx: Tx, viewer: Actor, first: Month, last: Month, *, now: datetime) -> AsyncIterator[bytes]:
    """CSV of the months from `first` to `last`, by patient, then month, in pieces of some hundred rows. Earlier time
    is read too, for which month is a first one. Raises Forbidden without a billing role."""
    clinic_id = require(viewer, *EXPORTERS)
    await audit.record(
        tx, viewer, "statement.rolled_up", "clinic", clinic_id, now=now, first=str(first), last=str(last)
    )
    clinic = await tx.first(select(Clinic.zone, Clinic.settings).where(Clinic.id == clinic_id))
    assert clinic is not None
    book = _Book(zones.zone(clinic.zone), clinic.settings)
    taken = await _met(tx, clinic_id)
    yield HEADER.encode()
    after: UUID | None = None
    while True:
        patients = await _patients(tx, clinic_id, after)
        if not patients:
            return
        about = await _slice(tx, clinic_id, clinic.zone, patients, book.zone, taken)
        rows = await _plain(
            tx,
            _ROWS.where(
                TimeEntry.clinic_id == clinic_id,
                TimeEntry.patient_id >= patients[0],
                TimeEntry.patient_id <= patients[-1],
            ),
        )
        text = "".join(_written(rows, about, book, first, last))
        if text:
            yield text.encode()
        after = patients[-1]


async def _plain(tx: Tx, statement: Any) -> Sequence[Any]:
    """Rows as the driver gives them: on PostgreSQL a second object for each of millions of rows costs more than the
    counting. The statement runs on the transaction's own connection."""
    if not tx.is_postgres:
        return await tx.all(statement)
    compiled = statement.compile(dialect=tx.conn.dialect)
    values = [compiled.params[name] for name in compiled.positiontup or ()]
    raw = await tx.conn.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    found: Sequence[Any] = await driver.fetch(compiled.string, *values)
    return found


async def _patients(tx: Tx, clinic_id: UUID, after: UUID | None) -> list[UUID]:
    """The next patients with an episode, in the order of their ids."""
    statement = select(Episode.patient_id).where(Episode.clinic_id == clinic_id)
    if after is not None:
        statement = statement.where(Episode.patient_id > after)
    rows = await tx.all(statement.distinct().order_by(Episode.patient_id).limit(PATIENTS))
    return [row.patient_id for row in rows]


async def _slice(
    tx: Tx, clinic_id: UUID, zone_name: str, patients: Sequence[UUID], zone: tzinfo, taken: dict[str, Any]
) -> _Slice:
    episodes = await tx.all(
        select(Episode.id, Episode.patient_id, Episode.enrolled_on, Episode.referred_at, Episode.ended_on,
               Episode.end_reason)
        .where(Episode.clinic_id == clinic_id, among(tx, Episode.patient_id, patients))
        .order_by(Episode.referred_at)
    )  # fmt: skip
    ids = [row.id for row in episodes]
    known = await windows(tx, clinic_id, ids, zone_name)
    lost = {each: taken[str(each)] for each in ids if str(each) in taken}
    covers = await tx.all(
        select(Coverage.patient_id, Coverage.payer, Coverage.plan, Coverage.valid_from, Coverage.valid_to)
        .where(Coverage.clinic_id == clinic_id, among(tx, Coverage.patient_id, patients), Coverage.rank == 1)
        .order_by(Coverage.valid_from, Coverage.id)
    )
    by_patient: dict[UUID, list[Row[Any]]] = {}
    for row in episodes:
        by_patient.setdefault(row.patient_id, []).append(row)
    paid: dict[UUID, list[_Payer]] = {}
    for row in covers:
        last = 10**7 if row.valid_to is None else row.valid_to.toordinal()
        paid.setdefault(row.patient_id, []).append(
            _Payer(row.payer, row.plan, row.valid_from.toordinal(), last)
        )
    return _Slice(
        {
            each: msgspec.structs.replace(
                found, window=msgspec.structs.replace(found.window, elsewhere=lost[each])
            )
            if each in lost
            else found
            for each, found in known.items()
        },
        by_patient,
        await of_episodes(tx, clinic_id, ids),
        paid,
        await carried_of(tx, clinic_id, ids),
    )


def _written(rows: Sequence[Any], about: _Slice, book: _Book, first: Month, last: Month) -> Iterable[str]:
    """Rows of the slice's patient-months, from entries in the order of patient and start."""
    patient: UUID | None = None
    months: dict[tuple[UUID, _Month], list[Any]] = {}
    low = high = 0
    month: _Month | None = None
    for row in rows:
        owner, start = row[0], row[2]
        if owner != patient:
            if patient is not None:
                yield from _patient(patient, months, about, book, first, last)
            patient, months = owner, {}
        if month is None or not low <= start < high:
            month = book.month_at(start)
            low, high = month.low, month.high
        key = (row[1], month)
        found = months.get(key)
        if found is None:
            months[key] = [row]
        else:
            found.append(row)
        if start + row[3] > high:  # past midnight at the month's end: it touches the next month too
            months.setdefault((row[1], book.month(month.month.plus(1))), []).append(row)
    if patient is not None:
        yield from _patient(patient, months, about, book, first, last)


def _patient(
    patient: UUID,
    months: dict[tuple[UUID, _Month], list[Any]],
    about: _Slice,
    book: _Book,
    first: Month,
    last: Month,
) -> Iterable[str]:
    served: list[Month] = []
    here: dict[UUID, list[Month]] = {}
    episodes = {row.id: row for row in about.episodes.get(patient, ())}
    covers = about.covers.get(patient, ())
    frames: dict[tuple[UUID, str], Frame] = {}
    ordered: Iterable[tuple[tuple[UUID, _Month], list[Any]]] = months.items()
    if len(episodes) > 1:
        ordered = sorted(ordered, key=lambda item: (item[0][1].low, str(item[0][0])))
    names = {episode: f"{patient},{episode}" for episode in episodes}
    for (episode, when), rows in ordered:
        month = when.month
        cover = next((c for c in covers if c.first <= when.last and c.last >= when.first), None)
        chosen = book.rules(month, cover)
        window = about.windows[episode].window
        frame = frames.get((episode, chosen.rule_id))
        if frame is None:
            frame = frames[episode, chosen.rule_id] = frame_always(window, chosen.counting)
        sums = _sums(rows, frame, window, when, book.zone, chosen.reasons)
        kind = _kind(episodes[episode], about, month, served, here, chosen.rules, book.zone)
        # A service month counts by the default policy, as it does in the statement.
        counted = sums
        if chosen.counting is not _DEFAULT and chosen.counting != _DEFAULT:
            counted = _sums(rows, frame_always(window, _DEFAULT), window, when, book.zone, book.reasons)
        if counted.counted_seconds and (not served or served[-1] != month):
            served.append(month)
        if counted.counted_seconds and len(episodes) > 1:
            here.setdefault(episode, []).append(month)
        if not first <= month <= last:
            continue
        minutes = sums.counted_seconds // 60
        lines = "undecided" if kind is None else chosen.text(kind, minutes)
        reasons = ";".join([f"{reason} {seconds}" for reason, seconds in sums.excluded.items()])
        yield (
            f"{when.text},{names[episode]},{len(rows)},{sum([row[3] for row in rows])},{sums.counted_seconds},{minutes},"
            f"{reasons},{kind or 'undecided'},{lines},{chosen.rule_id}\r\n"
        )


def _sums(
    rows: Sequence[Any], always: Frame, window: Window, when: _Month, zone: tzinfo, reasons: Reasons
) -> Tally:
    work: list[Work] = [row[2:7] for row in rows]
    found = ordinary(work, in_month(always, when.low, when.high), reasons)
    if found is not None:
        return found
    full = count([_entry(row) for row in rows], window, reasons.policy, when.month, zone)
    return Tally(full.counted_seconds, full.excluded_by_reason)


def _kind(
    episode: Row[Any],
    about: _Slice,
    month: Month,
    served: list[Month],
    here: Mapping[UUID, Sequence[Month]],
    rules: RuleSet,
    zone: tzinfo,
) -> MonthType | None:
    """`served` in the order of time, `here` by episode where there are several. The month after another needs no more than that; any other asks the rule."""
    others = about.episodes[episode.patient_id]
    if len(others) == 1 and episode.id not in about.decided and episode.id not in about.carried:
        if not served:
            return "initial"
        if month.months_since(served[-1]) <= rules.episode_gap_months:
            return "subsequent"
    said = about.decided.get(episode.id, [])
    bearing = decisions.standing(said, month)
    if decisions.programme_of(bearing) == "general_integration":
        return "general"
    decided = [each for row in others for each in about.decided.get(row.id, ())]
    firsts = [
        d.month for d in decided if d.kind == "month_type" and d.value == "initial" and d.month is not None
    ]
    before = together([about.carried.get(row.id, NOTHING) for row in others])
    history = History(
        episode_started_on=episode.enrolled_on or episode.referred_at.astimezone(zone).date(),
        service_months=(*before.months, *served),
        initial_months=(*before.initial_months, *firsts),
        episode_months=(*about.carried.get(episode.id, NOTHING).months, *here.get(episode.id, ())),
        unknown_before=before.unknown and not any(earlier < month for earlier in served),
        previous=previous_episode(episode, others),
        override=decisions.override_of(bearing, month),
    )
    return month_type(month, history, rules).kind


def _entry(row: Any) -> Entry:
    started = EPOCH + timedelta(seconds=row[2])
    return Entry(
        id=str(row[7]), patient_id=str(row[0]), staff_id=str(row[8]), role=row[4], activity=row[5], started_at=started,
        seconds=row[3], created_at=started, modality=row[9], separately_reported=row[6],
    )  # fmt: skip


def _seconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)


async def _met(tx: Tx, clinic_id: UUID) -> dict[str, Any]:
    """What other patients' entries take from a person's time. The database finds the few entries that begin before
    an earlier one of the same person has ended; only those, and what lies around them, are read."""
    end = _START + TimeEntry.seconds
    reach = func.max(end).over(
        partition_by=TimeEntry.staff_id, order_by=(TimeEntry.started_at, TimeEntry.id), rows=(None, -1)
    )
    standing = (
        TimeEntry.clinic_id == clinic_id,
        TimeEntry.superseded_at.is_(None),
        TimeEntry.seconds > literal(0, Integer),
    )
    starts = (
        select(TimeEntry.staff_id, _START.label("start"), end.label("end"), reach.label("reach"))
        .where(*standing)
        .subquery()
    )
    late = select(starts).where(starts.c.start < starts.c.reach).subquery()
    near = aliased(TimeEntry)
    start = cast(extract("epoch", near.started_at), BigInteger)
    rows: Sequence[Any] = await tx.all(
        select(
            near.patient_id, near.episode_id, start, near.seconds, near.role, near.activity, near.separately_reported,
            near.id, near.staff_id, near.modality,
        )
        .distinct()
        .join(late, late.c.staff_id == near.staff_id)
        .where(
            near.clinic_id == clinic_id,
            near.superseded_at.is_(None),
            near.seconds > 0,
            start <= late.c.end,
            start + near.seconds >= late.c.start,
            start > late.c.start - MAX_ENTRY_SECONDS - 1,
        )
    )  # fmt: skip
    return elsewhere((str(row[1]), _entry(row)) for row in rows)
