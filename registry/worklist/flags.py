"""Which rules a registry line meets today, each in words with its inputs. Only complete totals count; a rule that
can't be judged is not raised, and a missing score has a rule of its own, so that silence never reads as "fine".

Not improved at 8 weeks: Bao et al. 2016, Psychiatric Services, appi.ps.201400577, and Sowa et al. 2018 (neither
PHQ-9 below 10 nor at least 50% lower). Response: University of Washington, Collaborative Care in Oncology workflow.
A rise of 5 points on the PHQ-9 is its smallest difference that matters (CMS159, citing Trivedi 2009). The other
numbers are this project's defaults.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal, Protocol

import msgspec

from questionnaires.change import DEFINITIONS, evaluate, mhip_improved
from registry.worklist.rules import IN_CARE

Raised = Literal["not_improving", "worse", "relapse", "no_score", "long", "new", "response"]

STALL_AFTER: Final = timedelta(weeks=8)
STALL_BELOW: Final = 10
NEW_FOR: Final = timedelta(days=14)
WORSE_BY: Final = 5
RELAPSE_FROM: Final = 10
NO_SCORE_FOR: Final = timedelta(days=28)
NO_SCORE_FOR_RELAPSE_PREVENTION: Final = timedelta(days=56)
LONG_AFTER: Final = timedelta(days=274)  # nine months
STALL_RULE: Final = (
    "Not improving: 8 weeks or more in treatment, and the last PHQ-9 is neither below 10 nor at least 50% lower than"
    " the first (R-STALL-B, version 1)."
)


class Flagged(Protocol):
    """What of a registry line the rules look at."""

    @property
    def status(self) -> str: ...
    @property
    def enrolled_on(self) -> date | None: ...
    @property
    def phq9_first(self) -> int | None: ...
    @property
    def phq9_last(self) -> int | None: ...
    @property
    def phq9_series(self) -> list[int]: ...
    @property
    def gad7_first(self) -> int | None: ...
    @property
    def gad7_last(self) -> int | None: ...


class Why(msgspec.Struct, frozen=True):
    """A rule that is met, and why in words."""

    flag: Raised
    words: str


def flags(line: Flagged, last_score_on: date | None, today: date) -> tuple[Why, ...]:
    """`today` and `last_score_on` are dates of the clinic; the latter is the last complete PHQ-9's."""
    if line.status not in IN_CARE or line.enrolled_on is None:
        return ()
    found = [
        _relapse(line) if line.status == "relapse_prevention" else _worse(line),
        _stall(line, line.enrolled_on, today),
        _no_score(line, last_score_on, line.enrolled_on, today),
        _response(line),
        _new(line.enrolled_on, today),
        _long(line.enrolled_on, today),
    ]
    return tuple(why for why in found if why is not None)


def stalls_from(today: date) -> date:
    """Patients enrolled on this date or before have had 8 weeks."""
    return today - STALL_AFTER


def _stall(line: Flagged, enrolled_on: date, today: date) -> Why | None:
    first, last = line.phq9_first, line.phq9_last
    if first is None or last is None or enrolled_on > stalls_from(today):
        return None
    if mhip_improved(first, last, STALL_BELOW):
        return None
    weeks = (today - enrolled_on).days // 7
    words = f"PHQ-9 went from {first} to {last} in {weeks} weeks: neither below 10 nor halved (R-STALL-B, version 1)."
    return Why("not_improving", words)


def _worse(line: Flagged) -> Why | None:
    series = line.phq9_series
    if len(series) < 2 or series[-1] - min(series[:-1]) < WORSE_BY:
        return None
    words = f"PHQ-9 rose from {min(series[:-1])} to {series[-1]}, by {WORSE_BY} points or more (R-WORSE, version 1)."
    return Why("worse", words)


def _relapse(line: Flagged) -> Why | None:
    series = line.phq9_series
    if not series:
        return None
    rose = len(series) > 1 and series[-1] - min(series[:-1]) >= WORSE_BY
    if series[-1] < RELAPSE_FROM and not rose:
        return None
    words = f"In relapse prevention, PHQ-9 is {series[-1]}: {RELAPSE_FROM} or more, or {WORSE_BY} points higher (R-RELAPSE, version 1)."
    return Why("relapse", words)


def _no_score(line: Flagged, last_on: date | None, enrolled_on: date, today: date) -> Why | None:
    allowed = NO_SCORE_FOR_RELAPSE_PREVENTION if line.status == "relapse_prevention" else NO_SCORE_FOR
    since = max(enrolled_on, last_on) if last_on is not None else enrolled_on
    if today - since < allowed:
        return None
    return Why("no_score", f"No complete PHQ-9 for {(today - since).days} days (R-NOSCORE, version 1).")


def _response(line: Flagged) -> Why | None:
    """On the PHQ-9, and on the GAD-7 too when it began at 10 or more."""
    definition = DEFINITIONS["target_met"]
    phq9 = evaluate(definition, "phq9", line.phq9_first, line.phq9_last)
    if not phq9.met:
        return None
    if line.gad7_first is not None and line.gad7_first >= definition.numbers["gad7"]:
        gad7 = evaluate(definition, "gad7", line.gad7_first, line.gad7_last)
        return Why("response", f"{phq9.sentence} {gad7.sentence} (R-RESP, version 1)") if gad7.met else None
    return Why("response", f"{phq9.sentence} (R-RESP, version 1)")


def _new(enrolled_on: date, today: date) -> Why | None:
    if today - enrolled_on > NEW_FOR:
        return None
    days = (today - enrolled_on).days
    ago = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    return Why("new", f"Enrolled {ago} (R-NEW, version 1).")


def _long(enrolled_on: date, today: date) -> Why | None:
    if today - enrolled_on < LONG_AFTER:
        return None
    return Why("long", f"In care for {(today - enrolled_on).days // 30} months (R-LONG, version 1).")
