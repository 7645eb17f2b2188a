"""Which measures a plan may ask, how often and when. Which dates that means is messaging's to work out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from typing import Final

import msgspec

from kernel.errors import Problem
from registry.patients.forms import Channel
from registry.patients.rules import SPOKEN

# These ask about the last two weeks (PHQ-9, GAD-7 and their short forms): more often than weekly they would measure
# the same days again and again.
TWO_WEEK: Final = frozenset({"phq9", "gad7", "phq8", "phq2", "gad2", "phq4"})
LEAST_DAYS_TWO_WEEK: Final = 7
MOST_DAYS: Final = 366  # a longer rhythm is a typing error
FURTHEST_ANCHOR: Final = timedelta(days=366)
MOST_LINES: Final = 12
# Every two weeks while in active care, as measurement-based programmes do (GermanIMPACT protocol, Trials 2014;15:351).
EVERY_DAYS: Final = 14


class PlanLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask `instrument_id` on `anchor_on` and every `every_days` days from it, at `local_time` on the patient's clock."""

    instrument_id: str
    every_days: int
    local_time: time
    anchor_on: date


class PlanWishes(msgspec.Struct, frozen=True):
    """What of the patient a plan must suit. The window is the patient's own, else the clinic's."""

    language: str
    channels: tuple[Channel, ...]
    window_start: time
    window_end: time


def check_plan(
    lines: Sequence[PlanLine], wishes: PlanWishes, languages: Mapping[str, Sequence[str]], today: date
) -> list[Problem]:
    """Every problem, named like `lines[0].every_days`. `languages` lists each known instrument's; `today` is the
    patient's local date. An anchor in the past sets the rhythm only."""
    found = []
    if len(lines) > MOST_LINES:
        found.append(Problem("lines", f"has more than {MOST_LINES} measures"))
    seen: set[str] = set()
    for at, line in enumerate(lines):
        found += [
            Problem(f"lines[{at}].{problem.field}", problem.message)
            for problem in _check_line(line, wishes, languages, today)
        ]
        if line.instrument_id in seen:
            found.append(Problem(f"lines[{at}].instrument_id", "has a line already"))
        seen.add(line.instrument_id)
    return found


def least_days(instrument_id: str) -> int:
    return LEAST_DAYS_TWO_WEEK if instrument_id in TWO_WEEK else 1


def _check_line(
    line: PlanLine, wishes: PlanWishes, languages: Mapping[str, Sequence[str]], today: date
) -> list[Problem]:
    known = languages.get(line.instrument_id)
    if known is None:
        return [Problem("instrument_id", f"is not one of: {', '.join(sorted(languages))}")]
    found = []
    written = any(channel not in SPOKEN for channel in wishes.channels)
    if written and wishes.language not in known:
        found.append(Problem("instrument_id", "has no approved wording in the patient's language"))
    least = least_days(line.instrument_id)
    if not least <= line.every_days <= MOST_DAYS:
        found.append(Problem("every_days", f"must be from {least} to {MOST_DAYS}"))
    if line.local_time.tzinfo is not None:
        found.append(Problem("local_time", "is the patient's wall clock, without an offset"))
    elif not wishes.window_start <= line.local_time < wishes.window_end:
        window = f"{wishes.window_start:%H:%M} to {wishes.window_end:%H:%M}"
        found.append(Problem("local_time", f"is outside the sending window {window}"))
    if abs(line.anchor_on - today) > FURTHEST_ANCHOR:
        found.append(Problem("anchor_on", "is more than a year away"))
    return found
