"""What the monthly figures are worked out from, and what a figure is."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from registry.flags.facts import Measure, Score

MeasureId = Literal[
    "Q-CONTACT",
    "Q-FIRST-CONTACT",
    "Q-FOLLOW-UP-DAYS",
    "Q-RHYTHM",
    "Q-RESPONSE",
    "Q-REMISSION",
    "Q-IMPROVED-8",
    "Q-IMPROVED-24",
    "Q-REVIEW-MONTH",
    "Q-REVIEWED-STALLED",
    "Q-FRESH",
    "Q-CHECK-INS",
]
# `left_out`: nobody can tell where they belong, since the record lacks something; `because` says what.
Place = Literal["numerator", "denominator", "excluded", "left_out"]


class Phase(msgspec.Struct, frozen=True):
    """From this day on the episode had this status."""

    on: date
    status: str


class ContactFact(msgspec.Struct, frozen=True):
    """`reached`: two people spoke. `recorded_after`: whole days between the contact and its note; None where another
    registry kept the note."""

    on: date
    reached: bool
    recorded_after: int | None


class Asked(msgspec.Struct, frozen=True):
    """A line of the patient's plan: from this day on, and until the day it was taken out (None: it stands)."""

    measure: Measure
    since: date
    until: date | None


class CheckInFact(msgspec.Struct, frozen=True):
    """A check-in that was sent or asked in the month. `channel` as people read it; `still_open`: it can be answered yet."""

    patient_id: str
    channel: str
    completed: bool
    still_open: bool = False


class Timeline(msgspec.Struct, frozen=True):
    """One episode. Scores are complete totals, oldest first; days are the clinic's local dates. `phases` oldest first;
    `ended_on` is the last day of care."""

    patient_id: str
    enrolled_on: date
    ended_on: date | None = None
    phases: tuple[Phase, ...] = ()
    phq9: tuple[Score, ...] = ()
    gad7: tuple[Score, ...] = ()
    asked: tuple[Asked, ...] = ()
    contacts: tuple[ContactFact, ...] = ()
    reviews: tuple[date, ...] = ()

    def status_on(self, day: date) -> str:
        before = [phase.status for phase in self.phases if phase.on <= day]
        return before[-1] if before else "active"

    def scores(self, measure: Measure) -> tuple[Score, ...]:
        return self.phq9 if measure == "phq9" else self.gad7

    def asked_on(self, day: date) -> frozenset[Measure]:
        return frozenset(
            one.measure for one in self.asked if one.since <= day and (one.until is None or day < one.until)
        )


class Evidence(msgspec.Struct, frozen=True):
    """A patient behind a number. `denominator`: counted and not met. `because` names the dates and totals."""

    patient_id: str
    place: Place
    because: str


class Figure(msgspec.Struct, frozen=True):
    """One figure of a month. A rate is `numerator` of `denominator`; a median has `value` in days over `denominator`
    patients. `group`: a channel, empty for the whole clinic. `definition` says it in words."""

    measure: MeasureId
    version: str
    title: str
    definition: str
    unit: Literal["patients", "contacts", "check-ins", "days"]
    numerator: int
    denominator: int
    excluded: int
    value: float | None
    evidence: tuple[Evidence, ...]
    group: str = ""

    @property
    def percent(self) -> int | None:
        """Rounded, halves up; None without a denominator, never 0% or 100% of nothing."""
        if self.denominator == 0 or self.unit == "days":
            return None
        return (200 * self.numerator + self.denominator) // (2 * self.denominator)
