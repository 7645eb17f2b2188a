"""Which logged seconds of a patient's calendar month count, and why the others do not.

Every second of every entry is either counted or carries exactly one reason; nothing is rounded before the
month's seconds are summed. `CountingPolicy` holds what payers disagree about.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from kernel.errors import Problem
from registry.time_log import activities
from registry.time_log.activities import Role
from registry.time_log.entries import (
    Count,
    CountingPolicy,
    DoubleBooking,
    Elsewhere,
    Entry,
    Slice,
    Stay,
    Window,
)
from registry.time_log.exclusions import EPOCH, SECOND, Piece, cut, frame_of, span
from registry.time_log.months import Month
from registry.time_log.overlap import settle
from registry.time_log.reasons import REASON_TEXT, Reason

__all__ = [
    "EARLIEST",
    "MAX_ENTRY_SECONDS",
    "Count",
    "CountingPolicy",
    "DoubleBooking",
    "Elsewhere",
    "Entry",
    "Month",
    "Reason",
    "Role",
    "Slice",
    "Stay",
    "Window",
    "count",
    "double_bookings",
    "is_late",
    "moment_reached",
    "month_cross_error",
    "validate_entry",
]

MAX_ENTRY_SECONDS: Final = 8 * 3600
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


def count(
    entries: Iterable[Entry], window: Window, policy: CountingPolicy, month: Month, zone: tzinfo
) -> Count:
    """Counts one patient's month in the clinic's zone.

    Overlap: stretches of the same person, role and activity that touch or overlap are one run; among runs
    that may count, the one that started first keeps the time, ties by id. So the counted seconds are the
    length of the union of everything that may count, and cutting an entry in two changes nothing. For the
    same attribution in both months of an entry cut at midnight, pass also entries that touch the month.

    Raises ValueError naming the field when entries mix patients, repeat an id or last less than no time.
    """
    known = sorted(entries, key=lambda entry: (entry.started_at, entry.id))
    _require_one_patient(known)
    known = [entry for entry in known if entry.seconds]
    frame = frame_of(window, policy, month, zone)
    pieces = settle([piece for entry in known for piece in cut(entry, frame)], known, policy)
    return _summed(known, pieces, month)


def moment_reached(result: Count, minutes: int) -> datetime | None:
    """When the month's counted time first came to `minutes` whole minutes; None if it never did."""
    missing = minutes * 60
    for part in sorted((part for part in result.slices if part.counted), key=lambda part: part.start):
        if part.seconds >= missing:
            return part.start + timedelta(seconds=missing)
        missing -= part.seconds
    return None


def validate_entry(entry: Entry, now: datetime) -> tuple[Problem, ...]:
    """Everything wrong with a new entry, each naming its field; empty when it can be stored."""
    problems = (
        _activity_problem(entry),
        _started_problem(entry, now),
        _length_problem(entry.seconds),
    )
    return tuple(problem for problem in problems if problem is not None)


def month_cross_error(entry: Entry, policy: CountingPolicy, zone: tzinfo) -> Problem | None:
    """Refuses an entry that runs past midnight at the month's end where the payer wants two entries."""
    last = entry.started_at + timedelta(seconds=entry.seconds) - SECOND
    if policy.month_cross == "split" or Month.at(entry.started_at, zone) == Month.at(last, zone):
        return None
    return Problem("seconds", "The entry runs past midnight at the month's end; enter it as two.")


def is_late(started_at: datetime, seconds: int, written_at: datetime, zone: tzinfo) -> bool:
    """Whether an entry was written down on a later day of the clinic than the one its work ended on."""
    ended = started_at + timedelta(seconds=seconds)
    return written_at.astimezone(zone).date() > ended.astimezone(zone).date()


def double_bookings(entries: Iterable[Entry]) -> tuple[DoubleBooking, ...]:
    """Overlapping entries of one person for different patients, in the order of the later entry's start."""
    found: list[DoubleBooking] = []
    open_entries: dict[str, list[Entry]] = {}
    for later in sorted(entries, key=lambda entry: (entry.started_at, entry.id)):
        if later.superseded:
            continue
        start, end = span(later)
        earlier = [entry for entry in open_entries.get(later.staff_id, []) if span(entry)[1] > start]
        found.extend(
            DoubleBooking(later.staff_id, entry.id, later.id, min(end, span(entry)[1]) - start)
            for entry in earlier
            if entry.patient_id != later.patient_id
        )
        open_entries[later.staff_id] = [*earlier, later]
    return tuple(found)


def _activity_problem(entry: Entry) -> Problem | None:
    activity = activities.find(entry.activity)
    if activity is None:
        return Problem("activity", "This is not one of the known activities.")
    if entry.role not in activity.roles:
        return Problem("activity", "This activity is not one this role logs.")
    return None


def _started_problem(entry: Entry, now: datetime) -> Problem | None:
    started = entry.started_at
    if started.tzinfo is None:
        return Problem("started_at", "The start needs a time zone.")
    if started.microsecond:
        return Problem("started_at", "The start must be a whole second.")
    if started < EARLIEST:
        return Problem("started_at", "The start is before the year 2000.")
    if started > now - timedelta(seconds=min(max(entry.seconds, 0), MAX_ENTRY_SECONDS)):
        return Problem(
            "started_at", "The entry ends in the future. Log it when the work is done, or correct its start."
        )
    return None


def _length_problem(seconds: int) -> Problem | None:
    if seconds <= 0:
        return Problem("seconds", "The end must be after the start; correct one of the two.")
    if seconds > MAX_ENTRY_SECONDS:
        return Problem("seconds", "One entry lasts at most 8 hours; enter longer work as two.")
    return None


def _require_one_patient(entries: Sequence[Entry]) -> None:
    if len({entry.patient_id for entry in entries}) > 1:
        raise ValueError("patient_id: a month is counted for one patient")
    if len({entry.id for entry in entries}) < len(entries):
        raise ValueError("id: the same entry was given twice")
    if any(entry.seconds < 0 for entry in entries):
        raise ValueError("seconds: no entry may last less than no time")


def _summed(entries: Sequence[Entry], pieces: Sequence[Piece], month: Month) -> Count:
    place = {entry.id: index for index, entry in enumerate(entries)}
    ordered = _joined(sorted(pieces, key=lambda piece: (place[piece.entry.id], piece.start)))
    counted = sum(piece.end - piece.start for piece in ordered if piece.reason is None)
    excluded: Counter[Reason] = Counter()
    for piece in ordered:
        if piece.reason is not None:
            excluded[piece.reason] += piece.end - piece.start
    return Count(
        month=month,
        counted_seconds=counted,
        minutes=counted // 60,
        logged_seconds=sum(entry.seconds for entry in entries),
        slices=tuple(_slice_of(piece) for piece in ordered),
        excluded_by_reason={reason: excluded[reason] for reason in REASON_TEXT if reason in excluded},
    )


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Joins neighbouring pieces of one entry with one outcome."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and last.entry is piece.entry and last.reason == piece.reason and last.end == piece.start:
            joined[-1] = last._replace(end=piece.end)
        else:
            joined.append(piece)
    return joined


def _slice_of(piece: Piece) -> Slice:
    return Slice(
        entry_id=piece.entry.id,
        start=EPOCH + timedelta(seconds=piece.start),
        seconds=piece.end - piece.start,
        counted=piece.reason is None,
        reason=piece.reason,
        reason_text=None if piece.reason is None else REASON_TEXT[piece.reason],
    )
