"""Registry rules as tables: what each says, and where each begins."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from registry.worklist.flags import flags

TODAY = date(2026, 3, 2)


class Line(msgspec.Struct, frozen=True):
    status: str = "active"
    enrolled_on: date | None = TODAY - timedelta(days=60)
    phq9_first: int | None = 16
    phq9_last: int | None = 12
    phq9_series: list[int] = msgspec.field(default_factory=lambda: [16, 12])
    gad7_first: int | None = None
    gad7_last: int | None = None


def raised(scored_days_ago: int | None = 3, **values: Any) -> set[str]:
    on = None if scored_days_ago is None else TODAY - timedelta(days=scored_days_ago)
    return {why.flag for why in flags(Line(**values), on, TODAY)}


@pytest.mark.parametrize(
    ("days", "first", "last", "stalls"),
    [
        (55, 16, 12, False),
        (56, 16, 12, True),
        (56, 16, 10, True),
        (56, 16, 9, False),
        (56, 20, 10, False),  # halved
        (56, 21, 11, True),
        (400, 0, 12, True),  # a first total of 0 can't be halved
    ],
)
def test_not_improving_begins_at_eight_weeks_and_ends_below_10_or_halved(
    days: int, first: int, last: int, stalls: bool
) -> None:
    found = raised(enrolled_on=TODAY - timedelta(days=days), phq9_first=first, phq9_last=last)
    assert ("not_improving" in found) == stalls


@pytest.mark.parametrize(
    ("series", "worse"),
    [([16, 12], False), ([12, 16], False), ([12, 17], True), ([16, 12, 17], True), ([17], False)],
)
def test_worse_is_a_rise_of_five_from_the_best(series: list[int], worse: bool) -> None:
    assert ("worse" in raised(phq9_series=series)) == worse


@pytest.mark.parametrize(("last", "relapses"), [(9, False), (10, True)])
def test_relapse_begins_at_10_in_relapse_prevention(last: int, relapses: bool) -> None:
    found = raised(status="relapse_prevention", phq9_first=20, phq9_last=last, phq9_series=[20, 8, last])
    assert ("relapse" in found) == relapses


@pytest.mark.parametrize(
    ("status", "days", "missing"),
    [
        ("active", 27, False),
        ("active", 28, True),
        ("relapse_prevention", 55, False),
        ("relapse_prevention", 56, True),
    ],
)
def test_a_missing_score_is_named_and_never_reads_as_fine(status: str, days: int, missing: bool) -> None:
    enrolled = TODAY - timedelta(days=200)
    assert ("no_score" in raised(days, status=status, enrolled_on=enrolled)) == missing
    assert "no_score" in raised(
        None, status=status, enrolled_on=enrolled, phq9_first=None, phq9_last=None, phq9_series=[]
    )


@pytest.mark.parametrize(
    ("gad7", "responds"), [((None, None), True), ((9, 9), True), ((12, 5), True), ((12, 9), False)]
)
def test_a_response_is_asked_of_every_measure_that_began_high(
    gad7: tuple[int | None, int | None], responds: bool
) -> None:
    found = raised(phq9_first=16, phq9_last=8, phq9_series=[16, 8], gad7_first=gad7[0], gad7_last=gad7[1])
    assert ("response" in found) == responds


def test_new_lasts_fourteen_days_and_long_begins_after_nine_months() -> None:
    assert "new" in raised(enrolled_on=TODAY - timedelta(days=14))
    assert "new" not in raised(enrolled_on=TODAY - timedelta(days=15))
    assert "long" not in raised(enrolled_on=TODAY - timedelta(days=273))
    assert "long" in raised(enrolled_on=TODAY - timedelta(days=274))


@pytest.mark.parametrize("status", ["referred", "on_hold", "inactive_disengaged", "ended"])
def test_nobody_outside_care_is_flagged_by_a_rule(status: str) -> None:
    assert raised(None, status=status, enrolled_on=TODAY - timedelta(days=400)) == set()


def test_each_reason_names_its_rule_and_its_numbers() -> None:
    why = next(w for w in flags(Line(), TODAY, TODAY) if w.flag == "not_improving")
    assert (
        why.words
        == "PHQ-9 went from 16 to 12 in 8 weeks: neither below 10 nor halved (R-STALL-B, version 1)."
    )
