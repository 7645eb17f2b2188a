"""After a pause in sending: check-ins that came due meanwhile and never had a row are put on file, marked as missed,
and at most the newest is still asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from kernel.db import Tx
from messaging.schedule import catch_up, closing, occurrences, rules
from messaging.schedule.advance import is_late
from messaging.schedule.due import Taken
from messaging.schedule.rules import Occurrence

MOST: Final = 60  # more than a year of weekly check-ins


async def make_up(tx: Tx, taken: Taken, *, now: datetime) -> int:
    """0 when nothing else came due; else ends this row, files the others, and gives how many were ended."""
    if taken.due.state != "scheduled" or not is_late(taken.due.next_at, now):
        return 0
    zone = taken.reach.zone
    if zone is None or taken.reach.refusal is not None:
        return 0
    following = _came_due(taken, now)
    if not following:
        return 0
    down_since = taken.due.next_at
    dues = [catch_up.Due(taken.due.local_due_date, down_since, taken.due.not_after)]
    moments = {}
    for occurrence in following:
        at = moments[occurrence.local_due_date] = occurrences.invitation_moment(
            taken.reach, occurrence.due_at
        )
        dues.append(catch_up.Due(occurrence.local_due_date, at, occurrences.too_late(taken.reach, at)))
    decided = catch_up.catch_up(
        tuple(dues),
        now,
        zone,
        taken.reach.hours,
        patient_key=str(taken.reach.patient_id),
        down_since=down_since,
    )
    ends = {missed.local_due_date: missed.state for missed in decided.missed}
    rows = []
    for occurrence in following:
        row = occurrences.new_row(
            tx,
            taken.reach,
            taken.row.episode_id,
            occurrence,
            now,
            invite_at=moments[occurrence.local_due_date],
        )
        rows.append(row | _outcome(occurrence, ends, decided.prompt, now))
    await occurrences.insert_many(tx, rows)
    await closing.close(
        tx, taken.due.id, state=ends.get(taken.due.local_due_date, "missed"), reason="outage", now=now
    )
    return len(ends)


def _outcome(
    occurrence: Occurrence,
    ends: dict[Any, catch_up.MissedState],
    prompt: catch_up.Prompt | None,
    now: datetime,
) -> dict[str, Any]:
    if prompt is not None and prompt.local_due_date == occurrence.local_due_date:
        return {"next_at": prompt.at}
    return {
        "state": ends.get(occurrence.local_due_date, "missed"),
        "next_at": None,
        "closed_at": now,
        "close_reason": "outage",
    }


def _came_due(taken: Taken, now: datetime) -> list[Occurrence]:
    """Dates of the plan after this row's whose invitation would have left by now."""
    found: list[Occurrence] = []
    asked = occurrences.last_asked(taken.history)
    after = max(other.local_due_date for other in taken.history)
    while len(found) < MOST:
        occurrence = rules.next_occurrence(
            taken.plan.lines, after, taken.reach.calendar, at=taken.plan.at, last_asked=asked
        )
        if occurrence is None or occurrence.due_at > now:
            break
        if occurrences.invitation_moment(taken.reach, occurrence.due_at) > now:
            break
        found.append(occurrence)
        after = occurrence.local_due_date
    return found
