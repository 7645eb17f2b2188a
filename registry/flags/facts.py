"""What the rules look at, and what they say."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal

import msgspec

RuleId = Literal[
    "R-SAFETY",
    "R-SEVERE",
    "R-WORSE",
    "R-RELAPSE",
    "R-STALL-A",
    "R-STALL-B",
    "R-NOSCORE",
    "R-NOCONTACT",
    "R-REVIEW",
    "R-RESP",
    "R-LONG",
    "R-NEW",
]
Outcome = Literal["met", "not_met", "unknown", "not_applicable"]
Measure = Literal["phq9", "gad7"]
LABELS: Final[dict[Measure, str]] = {"phq9": "PHQ-9", "gad7": "GAD-7"}


class Score(msgspec.Struct, frozen=True):
    """A complete total with the clinic's local date it was taken on."""

    on: date
    total: int


class Facts(msgspec.Struct, frozen=True):
    """One episode. Scores are complete totals alone, oldest first; `planned` are the measures that the plan asks.
    `phq9_incomplete_on` and `gad7_incomplete_on`: the date of that measure's newest form when it has no total.
    `changed_on`: the last treatment change. `last_contact_on`: the last contact in which somebody was reached.
    `open_risk`: the highest open tier, 0 for none."""

    status: str
    enrolled_on: date | None
    phq9: tuple[Score, ...] = ()
    gad7: tuple[Score, ...] = ()
    planned: tuple[Measure, ...] = ()
    phq9_incomplete_on: date | None = None
    gad7_incomplete_on: date | None = None
    changed_on: date | None = None
    last_contact_on: date | None = None
    last_review_on: date | None = None
    open_risk: int = 0

    def scores(self, measure: Measure) -> tuple[Score, ...]:
        return self.phq9 if measure == "phq9" else self.gad7

    def incomplete_on(self, measure: Measure) -> date | None:
        return self.phq9_incomplete_on if measure == "phq9" else self.gad7_incomplete_on


class Result(msgspec.Struct, frozen=True):
    """What one rule says today. `unknown` is not "fine": the sentence says what is missing. `inputs` holds the
    numbers and dates (ISO) it was judged by."""

    rule: RuleId
    version: str
    outcome: Outcome
    sentence: str
    inputs: dict[str, int | str | None] = {}


def day(on: date) -> str:
    """`23-Nov-2026`, whatever the machine's language."""
    return f"{on.day:02d}-{_MONTHS[on.month - 1]}-{on.year}"


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
