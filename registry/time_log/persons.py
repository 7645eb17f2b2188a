"""A person's minute counts for one patient: where two patients' entries meet, the work that began first keeps it.

Work of a kind that is never counted (office work, software) takes nothing from anyone. Stretches for one patient that
touch or overlap are one, so cutting an entry in two changes nothing.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, NamedTuple

from registry.time_log import activities
from registry.time_log.entries import Elsewhere, Entry
from registry.time_log.exclusions import EPOCH, span
from registry.time_log.intervals import Interval, merged

_TAKES_NOTHING: Final = frozenset({"clerical", "automated"})


class _Run(NamedTuple):
    start: int
    first_id: str
    end: int
    owner: str


def elsewhere(entries: Iterable[tuple[str, Entry]]) -> dict[str, tuple[Elsewhere, ...]]:
    """What each owner (an episode) loses of its people's time, given every owner's entries of these people: a
    stretch in which the same person had already begun to work for another owner, ties by the smallest id."""
    by_person: dict[str, dict[str, list[Entry]]] = {}
    for owner, entry in entries:
        if entry.seconds and not entry.superseded and _takes_time(entry):
            by_person.setdefault(entry.staff_id, {}).setdefault(owner, []).append(entry)
    lost: dict[str, list[Elsewhere]] = {}
    for staff_id, owners in by_person.items():
        if len(owners) > 1:
            for owner, intervals in _lost(owners).items():
                lost.setdefault(owner, []).extend(_said(staff_id, each) for each in intervals)
    return {owner: tuple(found) for owner, found in lost.items()}


def _takes_time(entry: Entry) -> bool:
    activity = activities.find(entry.activity)
    return activity is not None and activity.kind not in _TAKES_NOTHING


def _lost(owners: dict[str, list[Entry]]) -> dict[str, list[Interval]]:
    runs = sorted(run for owner, entries in owners.items() for run in _runs(owner, entries))
    found: dict[str, list[Interval]] = {}
    running: list[_Run] = []
    for run in runs:
        running = [earlier for earlier in running if earlier.end > run.start]
        for earlier in running:
            if earlier.owner != run.owner:
                found.setdefault(run.owner, []).append((run.start, min(run.end, earlier.end)))
        running.append(run)
    return {owner: merged(intervals) for owner, intervals in found.items()}


def _runs(owner: str, entries: list[Entry]) -> list[_Run]:
    spans = sorted((*span(entry), entry.id) for entry in entries)
    return [
        _Run(start, min(id for low, high, id in spans if start <= low and high <= end), end, owner)
        for start, end in merged((low, high) for low, high, _ in spans)
    ]


def _said(staff_id: str, interval: Interval) -> Elsewhere:
    start, end = interval
    return Elsewhere(staff_id, EPOCH + timedelta(seconds=start), end - start)
