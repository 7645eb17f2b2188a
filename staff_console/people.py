"""Flags, waits and names as several pages show them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from registry.safety.rules import Trigger
from registry.worklist.queries import Line
from registry.worklist.rules import CAN_BE_OVERDUE
from staff_console import formats, marks, words
from staff_console.marks import Flag

if TYPE_CHECKING:
    from staff_console.pages import Visit  # the frame shows the timer's patient by these functions

UNKNOWN = "Unknown number"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


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
    found += [flag for flag in rule_flags(line, page) if flag.kind not in {other.kind for other in found}]
    if line.next_contact_at is None and line.status in CAN_BE_OVERDUE:
        found.append(marks.flag("nothing_planned", "No next contact is planned.", f"{page}#next"))
    return tuple(found)


def rule_flags(line: Line, page: str) -> list[Flag]:
    """One flag a rule, and one for all that could not be judged: what is not known never looks like all is well.

    Several rules miss the same score: it is said once, with the rules that wait for it.
    """
    found: list[Flag] = []
    unknown: dict[str, list[str]] = {}
    for result in line.rules:
        rule = f"{result['rule']}, version {result['version']}"
        why = f"{result['sentence']} ({rule})"
        if result["outcome"] == "unknown":
            for missing in _SENTENCE_END.split(result["sentence"]):
                unknown.setdefault(missing, []).append(rule)
        elif result["rule"] in marks.OF_RULE:
            found.append(marks.flag(marks.OF_RULE[result["rule"]], why, f"{page}#scores"))
    if unknown:
        said = (f"{missing} ({'; '.join(dict.fromkeys(rules))})" for missing, rules in unknown.items())
        found.append(marks.flag("not_judged", " ".join(said), f"{page}#scores"))
    return found


def clock(visit: Visit, by: datetime, what: str) -> tuple[str, bool]:
    """(the limit in words, whether it has passed): `acknowledge by 14:23 PST`, with the date when it isn't today."""
    shown = visit.at(by)
    day = "" if shown.day.iso == visit.today.isoformat() else f"{shown.day.text} "
    late = by < visit.now - timedelta(seconds=59)
    return f"{what} {'was due' if late else 'by'} {day}{shown.time} {shown.zone}", late
