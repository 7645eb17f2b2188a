"""CMS159, Depression Remission at Twelve Months (CBE 0710e; FHIR v0.3.000, measurement period 2026; steward: MN
Community Measurement), by its CQL in cqframework/ecqm-content-qicore-2025, CMS159FHIRDepressionRemissionatTwelveMonths.

It needs visits and diagnoses from the health record and the publisher's value sets; both are imported. Without them it
is not computable, and says what is missing. Only complete whole-number totals count; prorated ones never.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from registry.flags.facts import Score, day
from registry.flags.rules import months_after
from registry.quality.facts import Evidence

Stratum = Literal["12-17", "18+"]
VERSION: Final = "FHIR v0.3.000"
# The value sets the CQL names, by what they are for.
ENCOUNTER: Final = "Contact or Office Visit"
DEPRESSION: Final = "Major Depression Including Remission and Dysthymia"
EXCLUDED_AT_ANY_TIME: Final = (
    "Bipolar Disorder",
    "Personality Disorder Emotionally Labile",
    "Schizophrenia or Psychotic Disorder",
    "Pervasive Developmental Disorder",
)
EXCLUDED_FROM_IDENTIFICATION: Final = ("Hospice", "Palliative Care")
NEEDED: Final = (ENCOUNTER, DEPRESSION, *EXCLUDED_AT_ANY_TIME, *EXCLUDED_FROM_IDENTIFICATION)
FINISHED: Final = "finished"
CONFIRMED: Final = "active"
BEFORE_VISIT: Final = timedelta(days=7)
AROUND: Final = timedelta(days=60)
OVER: Final = 9
REMISSION: Final = 5
LEAST_AGE: Final = 12


class Event(msgspec.Struct, frozen=True):
    """A visit, diagnosis or other event. `status`: finished for a visit, active for a confirmed diagnosis."""

    kind: Literal["encounter", "condition", "other"]
    code: str
    status: str
    started_on: date
    ended_on: date | None = None

    def overlaps(self, first: date, last: date) -> bool:
        return self.started_on <= last and (self.ended_on is None or self.ended_on >= first)


class Person(msgspec.Struct, frozen=True):
    """`phq9`: complete totals of the PHQ-9 or PHQ-9M that stand, oldest first."""

    patient_id: str
    birth_date: date | None
    deceased_on: date | None
    phq9: tuple[Score, ...]
    events: tuple[Event, ...]


class Remission(msgspec.Struct, frozen=True, kw_only=True):
    """`computable` False: `missing` says what has to be imported, and there is no number. `strata`: numerator and
    denominator by age at the index. `left_out`: patients who can't be judged for what the record lacks; they are in
    no other count, and their evidence says why."""

    measure: Literal["CMS159"] = "CMS159"
    version: str = VERSION
    period: int
    computable: bool
    missing: tuple[str, ...]
    numerator: int
    denominator: int
    excluded: int
    left_out: int
    strata: dict[Stratum, tuple[int, int]]
    evidence: tuple[Evidence, ...]


def remission_at_twelve_months(
    people: tuple[Person, ...], value_sets: Mapping[str, frozenset[str]], year: int
) -> Remission:
    """For the measurement period of a calendar year."""
    missing = [f"value set: {name}" for name in NEEDED if not value_sets.get(name)]
    if not any(event.kind == "encounter" for person in people for event in person.events):
        missing.append("visits from the health record")
    strata: dict[Stratum, tuple[int, int]] = {"12-17": (0, 0), "18+": (0, 0)}
    if missing:
        return Remission(
            period=year, computable=False, missing=tuple(missing), numerator=0, denominator=0, excluded=0,
            left_out=0, strata=strata, evidence=(),
        )  # fmt: skip
    evidence: list[Evidence] = []
    for person in people:
        judged = _judge(person, value_sets, year)
        if judged is None:
            continue
        found, stratum = judged
        evidence.append(found)
        if stratum is not None and found.place != "excluded":
            met, of = strata[stratum]
            strata[stratum] = (met + (found.place == "numerator"), of + 1)
    return Remission(
        period=year,
        computable=True,
        missing=(),
        numerator=sum(met for met, _ in strata.values()),
        denominator=sum(of for _, of in strata.values()),
        excluded=sum(one.place == "excluded" for one in evidence),
        left_out=sum(one.place == "left_out" for one in evidence),
        strata=strata,
        evidence=tuple(evidence),
    )


def identification_period(year: int) -> tuple[date, date]:
    """From 14 months before the measurement period up to, not including, 2 months before it: first and last day."""
    start = date(year, 1, 1)
    return months_after(start, -14), months_after(start, -2) - timedelta(days=1)


def _judge(
    person: Person, value_sets: Mapping[str, frozenset[str]], year: int
) -> tuple[Evidence, Stratum | None] | None:
    """None outside the initial population; no stratum for one who is left out."""
    first, last = identification_period(year)
    if not person.events:
        return _unknown_to_the_record(person, first, last)
    index = _index(person, value_sets, first, last)
    if index is None:
        return None
    if person.birth_date is None:
        lacks = f"No date of birth, so no age at the index PHQ-9 of {day(index.on)}."
        return Evidence(person.patient_id, "left_out", lacks), None
    age = _age(person.birth_date, index.on)
    if age < LEAST_AGE:
        return None
    stratum: Stratum = "12-17" if age < 18 else "18+"
    anniversary = months_after(index.on, 12)
    opens, closes = anniversary - AROUND, anniversary + AROUND
    why = _exclusion(person, value_sets, first, closes)
    if why is not None:
        return Evidence(person.patient_id, "excluded", why), stratum
    began = f"Index PHQ-9 {index.total} on {day(index.on)}"
    window = f"{day(opens)} to {day(closes)}"
    inside = [score for score in person.phq9 if opens <= score.on <= closes]
    if not inside:
        return Evidence(person.patient_id, "denominator", f"{began}; no PHQ-9 from {window}."), stratum
    newest = inside[-1]
    met = newest.total < REMISSION
    words = f"{began}; PHQ-9 {newest.total} on {day(newest.on)}."
    return Evidence(person.patient_id, "numerator" if met else "denominator", words), stratum


def _unknown_to_the_record(person: Person, first: date, last: date) -> tuple[Evidence, None] | None:
    """Somebody whose PHQ-9 might be an index, if a visit had been imported."""
    high = [score for score in person.phq9 if first - BEFORE_VISIT <= score.on <= last and score.total > OVER]
    if not high:
        return None
    why = f"PHQ-9 {high[0].total} on {day(high[0].on)}, but no visit or diagnosis was imported."
    return Evidence(person.patient_id, "left_out", why), None


def _index(person: Person, value_sets: Mapping[str, frozenset[str]], first: date, last: date) -> Score | None:
    """The first PHQ-9 above 9 from a week before a depression visit to its end. It never moves to a later one."""
    visits = [
        (visit.started_on - BEFORE_VISIT, visit.ended_on or visit.started_on)
        for visit in person.events
        if visit.kind == "encounter"
        and visit.status == FINISHED
        and visit.code in value_sets[ENCOUNTER]
        and first <= (visit.ended_on or visit.started_on) <= last
        and _depressed(person, value_sets, visit.started_on, visit.ended_on or visit.started_on)
    ]
    found = (
        score
        for score in person.phq9
        if score.total > OVER and any(opens <= score.on <= closes for opens, closes in visits)
    )
    return next(found, None)


def _depressed(person: Person, value_sets: Mapping[str, frozenset[str]], first: date, last: date) -> bool:
    return any(
        event.kind == "condition"
        and event.status == CONFIRMED
        and event.code in value_sets[DEPRESSION]
        and event.overlaps(first, last)
        for event in person.events
    )


def _exclusion(
    person: Person, value_sets: Mapping[str, frozenset[str]], first: date, closes: date
) -> str | None:
    if person.deceased_on is not None and person.deceased_on <= closes:
        return f"Died on {day(person.deceased_on)}."
    for name in EXCLUDED_FROM_IDENTIFICATION:
        if any(e.code in value_sets[name] and e.overlaps(first, closes) for e in person.events):
            return f"{name}."
    for name in EXCLUDED_AT_ANY_TIME:
        if any(
            e.kind == "condition" and e.code in value_sets[name] and e.started_on <= closes
            for e in person.events
        ):
            return f"{name}."
    return None


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
