"""The registry's rules as tables: what each says, and the day and number at which each begins."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from registry.flags.facts import Facts, Outcome, Result, RuleId, Score
from registry.flags.rules import RULES, evaluate, months_after, raised
from registry.flags.thresholds import SETTINGS, Thresholds, changed, check, of_clinic
from registry.flags.words import explain

TODAY = date(2026, 3, 2)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def scores(*pairs: tuple[int, int]) -> tuple[Score, ...]:
    """(days ago, total), oldest first."""
    return tuple(Score(ago(days), total) for days, total in pairs)


def facts(**changes: Any) -> Facts:
    """Sixty days in care, asked and seen lately, nothing to say about."""
    base = Facts(
        status="active",
        enrolled_on=ago(60),
        phq9=scores((60, 16), (3, 9)),
        last_contact_on=ago(3),
        last_review_on=ago(3),
    )
    return msgspec.structs.replace(base, **changes)


def result(rule: RuleId, numbers: Thresholds | None = None, **changes: Any) -> Result:
    found = evaluate(facts(**changes), numbers or Thresholds(), TODAY)
    return next(one for one in found if one.rule == rule)


def says(rule: RuleId, **changes: Any) -> Outcome:
    return result(rule, **changes).outcome


def test_every_rule_is_judged_once_and_in_order() -> None:
    assert tuple(one.rule for one in evaluate(facts(), Thresholds(), TODAY)) == RULES


@pytest.mark.parametrize(("tier", "outcome"), [(0, "not_met"), (1, "met"), (3, "met")])
@pytest.mark.parametrize("status", ["active", "referred", "on_hold", "ended"])
def test_an_open_safety_event_is_raised_in_every_status(status: str, tier: int, outcome: Outcome) -> None:
    assert says("R-SAFETY", status=status, open_risk=tier) == outcome


@pytest.mark.parametrize("status", ["referred", "on_hold", "inactive_disengaged", "ended"])
def test_outside_care_no_other_rule_applies(status: str) -> None:
    found = evaluate(facts(status=status, phq9=()), Thresholds(), TODAY)
    assert {one.outcome for one in found if one.rule != "R-SAFETY"} == {"not_applicable"}
    assert raised(found) == ()


@pytest.mark.parametrize(
    ("phq9", "gad7", "outcome"),
    [
        (19, None, "not_met"),
        (20, None, "met"),
        (19, 14, "not_met"),
        (19, 15, "met"),
        (None, 14, "not_met"),
        (None, 15, "met"),
        (None, None, "unknown"),
    ],
)
def test_severe_begins_at_phq9_20_and_gad7_15(phq9: int | None, gad7: int | None, outcome: Outcome) -> None:
    given = {
        "phq9": () if phq9 is None else scores((3, phq9)),
        "gad7": () if gad7 is None else scores((3, gad7)),
    }
    assert says("R-SEVERE", **given) == outcome


@pytest.mark.parametrize(
    ("totals", "outcome"),
    [
        ((16, 12), "not_met"),
        ((12, 16), "not_met"),
        ((12, 17), "met"),
        ((16, 12, 17), "met"),
        ((12, 16, 16), "not_met"),
        ((12, 20, 17), "met"),  # from the best, though below the previous one
        ((17,), "unknown"),
        ((), "unknown"),
    ],
)
def test_worse_is_a_rise_of_five_from_the_best_or_the_previous(
    totals: tuple[int, ...], outcome: Outcome
) -> None:
    given = scores(*((60 - 7 * n, total) for n, total in enumerate(totals)))
    assert says("R-WORSE", phq9=given) == outcome


@pytest.mark.parametrize(("last", "outcome"), [(11, "not_met"), (12, "met")])
def test_gad7_is_worse_from_four_points(last: int, outcome: Outcome) -> None:
    assert says("R-WORSE", gad7=scores((30, 8), (3, last))) == outcome


@pytest.mark.parametrize(
    ("first_ago", "first", "last", "outcome"),
    [
        (27, 16, 14, "not_met"),  # too early
        (28, 16, 14, "met"),
        (28, 16, 12, "met"),  # 4 points
        (28, 16, 11, "not_met"),  # 5 points
        (28, 6, 4, "not_met"),  # in the range of remission
        (200, 16, 16, "met"),
    ],
)
def test_a_small_drop_since_the_baseline_stalls_from_day_28(
    first_ago: int, first: int, last: int, outcome: Outcome
) -> None:
    assert says("R-STALL-A", phq9=scores((first_ago, first), (1, last))) == outcome


@pytest.mark.parametrize(
    ("changed_ago", "at_change", "last", "outcome"),
    [
        (27, 20, 20, "not_met"),
        (28, 20, 16, "met"),
        (28, 20, 15, "not_met"),
        (40, 14, 11, "met"),  # from the change, not from the baseline of 24
    ],
)
def test_a_treatment_change_starts_the_count_anew(
    changed_ago: int, at_change: int, last: int, outcome: Outcome
) -> None:
    given = scores((100, 24), (changed_ago, at_change), (1, last))
    assert says("R-STALL-A", phq9=given, changed_on=ago(changed_ago)) == outcome


def test_without_a_score_since_the_change_the_drop_cannot_be_judged() -> None:
    found = result("R-STALL-A", phq9=scores((100, 24), (40, 20)), changed_on=ago(35))
    assert found.outcome == "unknown"
    assert found.sentence == "There is no complete PHQ-9 since the last treatment change on 26-Jan-2026."


@pytest.mark.parametrize(("drop", "outcome"), [(3, "met"), (4, "not_met")])
def test_gad7_stalls_below_four_points(drop: int, outcome: Outcome) -> None:
    assert says("R-STALL-A", phq9=(), gad7=scores((30, 14), (1, 14 - drop))) == outcome


@pytest.mark.parametrize(
    ("days", "first", "last", "outcome"),
    [
        (55, 16, 12, "not_met"),
        (56, 16, 12, "met"),
        (56, 16, 10, "met"),
        (56, 16, 9, "not_met"),
        (56, 20, 10, "not_met"),  # halved
        (56, 21, 11, "met"),
        (400, 0, 12, "met"),  # a first total of 0 can't be halved
    ],
)
def test_not_improving_begins_at_eight_weeks_and_ends_below_10_or_halved(
    days: int, first: int, last: int, outcome: Outcome
) -> None:
    given = {"enrolled_on": ago(days), "phq9": scores((days, first), (1, last))}
    assert says("R-STALL-B", **given) == outcome


def test_not_improving_needs_a_second_score_to_be_judged() -> None:
    assert says("R-STALL-B", phq9=scores((60, 16))) == "unknown"
    assert says("R-STALL-B", phq9=()) == "unknown"


@pytest.mark.parametrize(
    ("status", "days", "outcome"),
    [
        ("active", 27, "not_met"),
        ("active", 28, "met"),
        ("relapse_prevention", 55, "not_met"),
        ("relapse_prevention", 56, "met"),
    ],
)
def test_a_missing_score_is_named_from_day_28_or_56(status: str, days: int, outcome: Outcome) -> None:
    assert says("R-NOSCORE", status=status, enrolled_on=ago(300), phq9=scores((days, 12))) == outcome
    assert says("R-NOSCORE", status=status, enrolled_on=ago(days), phq9=()) == outcome


def test_an_incomplete_form_is_no_score_and_is_named() -> None:
    found = result("R-NOSCORE", enrolled_on=ago(40), phq9=(), phq9_incomplete_on=ago(10))
    assert found.outcome == "met"
    assert found.sentence == "No complete PHQ-9 for 40 days (the form of 20-Feb-2026 was not complete)."


BY_SCORE: tuple[RuleId, ...] = ("R-SEVERE", "R-WORSE", "R-STALL-A", "R-STALL-B", "R-RESP")


def test_a_planned_measure_that_never_was_complete_is_not_judged_by_the_other() -> None:
    given = {"phq9": (), "gad7": scores((60, 12), (3, 4)), "planned": ("phq9", "gad7")}
    assert says("R-RESP", **given | {"planned": ("gad7",)}) == "met"
    assert {says(rule, **given) for rule in BY_SCORE} == {"unknown"}
    assert result("R-SEVERE", **given).sentence == "There is no complete PHQ-9."
    assert says("R-SEVERE", **given | {"gad7": scores((3, 15))}) == "met"
    assert result("R-NOSCORE", **given).sentence == "No complete PHQ-9 for 60 days."


def test_an_older_total_does_not_speak_for_a_newer_form_without_one() -> None:
    given = {"phq9": scores((60, 14), (10, 6)), "phq9_incomplete_on": ago(2)}
    assert says("R-RESP", phq9=given["phq9"]) == "met"
    assert {says(rule, **given) for rule in BY_SCORE} == {"unknown"}
    assert says("R-RELAPSE", status="relapse_prevention", **given) == "unknown"
    assert result("R-SEVERE", **given).sentence == (
        "PHQ-9 was 6 on 20-Feb-2026, below 20. The newer PHQ-9 of 28-Feb-2026 was not complete."
    )
    assert says("R-SEVERE", **given | {"phq9": scores((10, 22))}) == "met"


def test_every_planned_measure_needs_its_own_score() -> None:
    """The GAD-7 began low and is no target; it is planned, so it is missed."""
    given = {"gad7": scores((60, 3)), "planned": ("phq9", "gad7")}
    assert result("R-NOSCORE", **given).sentence == "No complete GAD-7 for 60 days."


@pytest.mark.parametrize(("days", "outcome"), [(27, "not_met"), (28, "met")])
def test_no_contact_begins_at_28_days(days: int, outcome: Outcome) -> None:
    assert says("R-NOCONTACT", last_contact_on=ago(days)) == outcome
    assert says("R-NOCONTACT", last_contact_on=None, enrolled_on=ago(days)) == outcome


@pytest.mark.parametrize(
    ("status", "days", "outcome"),
    [
        ("active", 29, "not_met"),
        ("active", 30, "met"),
        ("relapse_prevention", 59, "not_met"),
        ("relapse_prevention", 60, "met"),
    ],
)
def test_a_review_is_due_at_30_days_or_60(status: str, days: int, outcome: Outcome) -> None:
    assert says("R-REVIEW", status=status, last_review_on=ago(days)) == outcome
    assert says("R-REVIEW", status=status, last_review_on=None, enrolled_on=ago(days)) == outcome


@pytest.mark.parametrize(
    ("today", "outcome"),
    [(date(2026, 3, 1), "not_met"), (date(2026, 3, 2), "met"), (date(2026, 5, 1), "met")],
)
def test_long_begins_nine_calendar_months_after_enrolment(today: date, outcome: Outcome) -> None:
    found = evaluate(facts(enrolled_on=date(2025, 6, 2)), Thresholds(), today)
    assert next(one for one in found if one.rule == "R-LONG").outcome == outcome


def test_a_month_without_that_day_ends_on_its_last() -> None:
    assert months_after(date(2025, 5, 31), 9) == date(2026, 2, 28)
    assert months_after(date(2025, 11, 30), 3) == date(2026, 2, 28)


@pytest.mark.parametrize(
    ("days", "reviewed", "outcome"),
    [(0, True, "met"), (14, True, "met"), (15, True, "not_met"), (15, False, "met"), (300, False, "met")],
)
def test_new_lasts_14_days_and_until_the_first_review(days: int, reviewed: bool, outcome: Outcome) -> None:
    given = {"enrolled_on": ago(days), "last_review_on": ago(0) if reviewed else None}
    assert says("R-NEW", **given) == outcome


@pytest.mark.parametrize(
    ("phq9", "gad7", "outcome"),
    [
        ((16, 8), None, "met"),
        ((16, 9), None, "not_met"),  # below 10, 44% lower
        ((22, 11), None, "not_met"),  # halved, not below 10
        ((18, 9), None, "met"),
        ((16, 8), (9, 9), "met"),  # GAD-7 began low: no target
        ((16, 8), (12, 6), "met"),
        ((16, 8), (12, 9), "not_met"),
        ((6, 6), (14, 7), "met"),  # only the GAD-7 began high
        ((0, 0), None, "unknown"),
    ],
)
def test_a_response_is_asked_of_every_measure_that_began_high(
    phq9: tuple[int, int], gad7: tuple[int, int] | None, outcome: Outcome
) -> None:
    given = {
        "phq9": scores((60, phq9[0]), (3, phq9[1])),
        "gad7": () if gad7 is None else scores((60, gad7[0]), (3, gad7[1])),
    }
    assert says("R-RESP", **given) == outcome


@pytest.mark.parametrize(
    ("totals", "outcome"),
    [
        ((20, 8, 9), "not_met"),
        ((20, 8, 10), "met"),
        ((20, 3, 7), "not_met"),
        ((20, 3, 8), "met"),
        ((), "unknown"),
    ],
)
def test_relapse_begins_at_10_or_a_rise_of_five(totals: tuple[int, ...], outcome: Outcome) -> None:
    given = scores(*((60 - 14 * n, total) for n, total in enumerate(totals)))
    assert says("R-RELAPSE", status="relapse_prevention", phq9=given) == outcome
    assert says("R-RELAPSE", status="active", phq9=given) == "not_applicable"


def test_what_could_not_be_judged_is_shown_beside_what_is_met() -> None:
    found = raised(evaluate(facts(phq9=(), enrolled_on=ago(60)), Thresholds(), TODAY))
    shown = {one.rule: one.outcome for one in found}
    assert shown["R-NOSCORE"] == "met"
    assert {shown[rule] for rule in ("R-SEVERE", "R-WORSE", "R-STALL-A", "R-STALL-B", "R-RESP")} == {
        "unknown"
    }


def test_each_result_carries_its_version_its_inputs_and_a_sentence() -> None:
    found = result("R-STALL-B", phq9=scores((60, 16), (3, 12)))
    assert found == Result(
        "R-STALL-B",
        "2",
        "met",
        "PHQ-9 went from 16 to 12 in 8 weeks: neither below 10 nor halved.",
        {"days": 60, "first": 16, "last": 12, "below": 10},
    )


def test_a_clinic_sets_its_own_numbers() -> None:
    numbers = of_clinic({"thresholds": {"stall_b_days": 70, "severe_phq9": 18}})
    late = facts(phq9=scores((60, 16), (3, 12)))
    assert next(one for one in evaluate(late, numbers, TODAY) if one.rule == "R-STALL-B").outcome == "not_met"
    assert result("R-SEVERE", numbers, phq9=scores((3, 18))).outcome == "met"
    assert changed(numbers) == {"stall_b_days": 70, "severe_phq9": 18}


def test_the_defaults_lie_within_their_limits_and_each_names_a_source() -> None:
    assert check(Thresholds()) == ()
    assert {setting.name for setting in SETTINGS} == set(Thresholds.__struct_fields__)
    assert all(setting.source for setting in SETTINGS)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"new_days": 0}, ["new_days"]),
        ({"stall_b_days": 200, "severe_gad7": 22}, ["stall_b_days", "severe_gad7"]),
        ({"change_contact_days": 7, "change_contact_young_days": 10}, ["change_contact_young_days"]),
    ],
)
def test_a_number_outside_its_limits_is_named(changes: dict[str, int], fields: list[str]) -> None:
    assert [problem.field for problem in check(Thresholds(**changes))] == fields


def test_every_rule_is_explained_with_the_clinics_numbers() -> None:
    told = {rule: explain(rule, Thresholds(severe_phq9=19)) for rule in RULES}
    assert told["R-SEVERE"] == "The last PHQ-9 is 19 or more, or the last GAD-7 15 or more."
    assert all(told.values())
