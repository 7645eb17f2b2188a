"""First month, later month, or a person decides."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from billing.rule_sets import shipped
from billing.rules import History, Override, PreviousEpisode, month_type
from registry.time_log.months import Month

RULES = shipped()["cpt_midpoint@1"]
YEARLY = msgspec.structs.replace(RULES, initial_repeat_rule="once_per_calendar_year")


def months(*texts: str) -> tuple[Month, ...]:
    return tuple(Month.parse(text) for text in texts)


def history(started: str, *served: str, **fields: object) -> History:
    return History(episode_started_on=date.fromisoformat(started), service_months=months(*served), **fields)


def ended(on: str, end: str) -> PreviousEpisode:
    return PreviousEpisode(date.fromisoformat(on), end)


JAN = "2026-01-15"
TABLE = [
    # month, history, rule set, kind, reason, index, gap
    ("2026-01", history(JAN), RULES, "initial", "first_service_month", 1, None),
    # Enrolled late in January, first time in February: February is the first month of the work.
    ("2026-02", history("2026-01-29"), RULES, "initial", "first_service_month", 1, None),
    ("2026-02", history(JAN, "2026-01"), RULES, "subsequent", "continuing", 2, 0),
    ("2026-04", history(JAN, "2026-01", "2026-02", "2026-03"), RULES, "subsequent", "continuing", 4, 0),
    # 15 January to 31 July: five whole months between. To 3 August: six.
    ("2026-07", history(JAN, "2026-01"), RULES, "subsequent", "returned_after_short_gap", 7, 5),
    ("2026-08", history(JAN, "2026-01"), RULES, "initial", "gap_long_enough", 1, 6),
    ("2026-09", history(JAN, "2026-01", "2026-08"), RULES, "subsequent", "continuing", 2, 0),
    ("2026-08", history(JAN, "2026-01"), YEARLY, "subsequent", "initial_already_this_year", 1, 6),
    ("2027-01", history(JAN, "2026-01"), YEARLY, "initial", "gap_long_enough", 1, 11),
    # A month in the future, or the month itself, is no history.
    ("2026-01", history(JAN, "2026-01", "2026-02"), RULES, "initial", "first_service_month", 1, None),
    # Goals met in March, back in May: silent sources, a person decides.
    (
        "2026-05",
        history("2026-05-04", "2026-02", "2026-03", previous=ended("2026-03-20", "goals_met")),
        RULES,
        None,
        "return_needs_decision",
        None,
        1,
    ),
    (
        "2026-05",
        history("2026-05-04", "2026-03", previous=ended("2026-03-20", "referred_to_psychiatric_care")),
        RULES,
        None,
        "return_needs_decision",
        None,
        1,
    ),
    # A late look at a month before the new episode: it belongs to the old one.
    (
        "2026-03",
        history("2026-05-04", "2026-02", previous=ended("2026-03-20", "goals_met")),
        RULES,
        "subsequent",
        "continuing",
        2,
        0,
    ),
    # Moved away and came back: the gap does not begin a new episode.
    (
        "2026-05",
        history("2026-05-04", "2026-03", previous=ended("2026-03-20", "other")),
        RULES,
        "subsequent",
        "returned_after_short_gap",
        3,
        1,
    ),
    (
        "2026-10",
        history("2026-10-04", "2026-03", previous=ended("2026-03-20", "goals_met")),
        RULES,
        "initial",
        "gap_long_enough",
        1,
        6,
    ),
    # Once the first month back was decided, the next ones follow from it.
    (
        "2026-06",
        history(
            "2026-05-04",
            "2026-03",
            "2026-05",
            initial_months=months("2026-03", "2026-05"),
            episode_months=months("2026-05"),
            previous=ended("2026-03-20", "goals_met"),
        ),
        RULES,
        "subsequent",
        "continuing",
        2,
        0,
    ),
    (
        "2026-06",
        history(
            "2026-05-04",
            "2026-03",
            "2026-05",
            episode_months=months("2026-05"),
            previous=ended("2026-03-20", "goals_met"),
        ),
        RULES,
        "subsequent",
        "continuing",
        4,
        0,
    ),
    # Goals met on 20 February, back on the 25th, first time in March: February's time was the old episode's.
    (
        "2026-03",
        history("2026-02-25", "2026-01", "2026-02", previous=ended("2026-02-20", "goals_met")),
        RULES,
        None,
        "return_needs_decision",
        None,
        0,
    ),
]


@pytest.mark.parametrize(("month", "past", "rule_set", "kind", "reason", "index", "gap"), TABLE)
def test_the_month_type_follows_from_the_history(month, past, rule_set, kind, reason, index, gap):
    decided = month_type(Month.parse(month), past, rule_set)
    assert (decided.kind, decided.reason) == (kind, reason)
    assert (decided.episode_month_index, decided.gap_months) == (index, gap)
    assert decided.reason_text


def test_the_order_and_repetition_of_months_are_irrelevant():
    there = history(JAN, "2026-01", "2026-03", "2026-02")
    back = history(JAN, "2026-03", "2026-02", "2026-01", "2026-01")
    assert month_type(Month(2026, 4), there, RULES) == month_type(Month(2026, 4), back, RULES)


def test_a_persons_decision_stands_and_is_named():
    override = Override(
        kind="initial", by="Rosa Vale", reason="first month never billed", at=datetime(2026, 3, 2, tzinfo=UTC)
    )
    decided = month_type(Month(2026, 2), history(JAN, "2026-01", override=override), RULES)
    assert (decided.kind, decided.reason, decided.episode_month_index) == ("initial", "override", 1)
    assert decided.reason_text == "Decided by Rosa Vale: first month never billed"


def test_a_payer_may_ask_for_a_longer_gap():
    year = msgspec.structs.replace(RULES, episode_gap_months=12)
    assert month_type(Month(2026, 8), history(JAN, "2026-01"), year).kind == "subsequent"
