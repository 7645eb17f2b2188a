"""Flags, waits and names as several pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from registry.safety import rules as safety_rules
from registry.safety.rules import Tier, Trigger
from registry.working_time import WorkingTime
from registry.worklist.flags import flags as rule_flags
from registry.worklist.queries import Line
from staff_console import formats, marks, words
from staff_console.marks import Flag
from staff_console.pages import Visit

UNKNOWN = "Unknown number"


def name(family: str | None, given: str | None) -> str:
    return formats.formal_name(family or "", given or "") or UNKNOWN


def patient_href(patient_id: UUID | None) -> str:
    return "" if patient_id is None else f"/patients/{patient_id}"


def minutes_since(moment: datetime, now: datetime) -> int:
    return max(0, int((now - moment).total_seconds() // 60))


def age(moment: datetime, now: datetime) -> str:
    return formats.waited(minutes_since(moment, now))


def triggers(found: Sequence[Trigger]) -> str:
    return "; ".join(words.shown(words.TRIGGERS, trigger) for trigger in found)


def flags(visit: Visit, line: Line, *, on_page: bool = False) -> tuple[Flag, ...]:
    """What a line's rules and people say, safety first. `on_page`: links lead to places of the patient's own page."""
    page = "" if on_page else f"/patients/{line.patient_id}"
    found: list[Flag] = []
    if line.open_risk:
        found.append(marks.flag("safety", f"An open safety event of tier {line.open_risk}.", "/safety"))
    elif line.safety_flag:
        found.append(marks.flag("safety", "Marked for safety by a colleague.", f"{page}#scores"))
    if line.severe_flag:
        found.append(marks.flag("severe", "A severe PHQ-9 total waits to be reviewed.", f"{page}#answers"))
    if line.discuss_flag:
        found.append(marks.flag("discuss", "Marked for the case review.", f"{page}#next"))
    if line.overdue and line.next_contact_at is not None:
        due = visit.at(line.next_contact_at).day
        late = (visit.today - date.fromisoformat(due.iso)).days
        found.append(marks.flag("overdue", f"Next contact was due {due.text}.", f"{page}#next", f"{late} d"))
    last_on = None if line.phq9_last_at is None else visit.at(line.phq9_last_at).day.iso
    scored = None if last_on is None else date.fromisoformat(last_on)
    for why in rule_flags(line, scored, visit.today):
        found.append(marks.flag(why.flag, why.words, f"{page}#scores"))
    return tuple(found)


def acknowledge_by(tier: int, opened_at: datetime, hours: WorkingTime) -> datetime:
    limit: Tier = 3 if tier >= 3 else 2 if tier == 2 else 1
    return safety_rules.acknowledge_by(limit, opened_at, hours)


def clock(visit: Visit, by: datetime, what: str) -> tuple[str, bool]:
    """(the limit in words, whether it has passed): `acknowledge by 14:23 PST`, with the date when it isn't today."""
    shown = visit.at(by)
    day = "" if shown.day.iso == visit.today.isoformat() else f"{shown.day.text} "
    late = by < visit.now - timedelta(seconds=59)
    return f"{what} {'was due' if late else 'by'} {day}{shown.time} {shown.zone}", late
