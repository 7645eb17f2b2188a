"""A slice's patient-months decided and written, from entries in the order of patient and start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from billing.decisions import rules as decisions
from billing.month_types import History, month_type
from billing.rule_sets import RuleSet
from billing.rules import MonthType
from billing.statement.record import previous_episode
from billing.statement.rolled.book import Book, MonthFrame
from billing.statement.rolled.rows import Slice, entry_of
from registry.imports.carried import NOTHING, together
from registry.time_log.exclusions import Frame, frame_always, in_month
from registry.time_log.months import Month
from registry.time_log.rules import Window, count
from registry.time_log.tally import Reasons, Tally, Work, ordinary


def written(rows: Sequence[Any], about: Slice, book: Book, first: Month, last: Month) -> Iterable[str]:
    """Rows of the slice's patient-months, from entries in the order of patient and start."""
    patient: UUID | None = None
    months: dict[tuple[UUID, MonthFrame], list[Any]] = {}
    low = high = 0
    month: MonthFrame | None = None
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
    months: dict[tuple[UUID, MonthFrame], list[Any]],
    about: Slice,
    book: Book,
    first: Month,
    last: Month,
) -> Iterable[str]:
    served: list[Month] = []
    here: dict[UUID, list[Month]] = {}
    episodes = {row.id: row for row in about.episodes.get(patient, ())}
    covers = about.covers.get(patient, ())
    frames: dict[tuple[UUID, str], Frame] = {}
    ordered: Iterable[tuple[tuple[UUID, MonthFrame], list[Any]]] = months.items()
    if len(episodes) > 1:
        ordered = sorted(ordered, key=lambda item: (item[0][1].low, str(item[0][0])))
    names = {episode: f"{patient},{episode}" for episode in episodes}
    for (episode, when), rows in ordered:
        month = when.month
        ended = episodes[episode].ended_on
        until = when.last if ended is None else max(when.first, min(when.last, ended.toordinal()))
        cover = next((c for c in covers if c.first <= until and c.last >= when.first), None)
        chosen = book.rules(month, cover)
        window = about.windows[episode].window
        frame = frames.get((episode, chosen.rule_id))
        if frame is None:
            frame = frames[episode, chosen.rule_id] = frame_always(window, chosen.counting)
        sums = _sums(rows, frame, window, when, book.zone, chosen.reasons)
        kind = _kind(episodes[episode], about, month, served, here, chosen.rules, book.zone)
        if sums.counted_seconds and (not served or served[-1] != month):
            served.append(month)
        if sums.counted_seconds and len(episodes) > 1:
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
    rows: Sequence[Any], always: Frame, window: Window, when: MonthFrame, zone: tzinfo, reasons: Reasons
) -> Tally:
    work: list[Work] = [row[2:7] for row in rows]
    frame = in_month(always, when.low, when.high)
    staff = [str(row[8]) for row in rows] if frame.elsewhere else []
    found = ordinary(work, frame, reasons, staff)
    if found is not None:
        return found
    full = count([entry_of(row) for row in rows], window, reasons.policy, when.month, zone)
    return Tally(full.counted_seconds, full.excluded_by_reason)


def _kind(
    episode: Row[Any],
    about: Slice,
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
