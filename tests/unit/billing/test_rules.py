"""From minutes to lines, as tables; the boundary cases live in tests/data/billing_cases.csv."""

from pathlib import Path

import msgspec
import pytest

from billing.cases import check_cases, read_cases
from billing.rule_sets import shipped
from billing.rules import lines_for, minutes_needed

CASES = Path(__file__).parents[2] / "data" / "billing_cases.csv"
MIDPOINT = shipped()["cpt_midpoint@1"]
FULL = shipped()["full_threshold@1"]


def test_every_worked_case_comes_out_as_written():
    assert check_cases(CASES) == []
    assert len(read_cases(CASES)) == len(CASES.read_text("utf-8").splitlines()) - 1 > 50


def changed(**fields: object):
    return msgspec.structs.replace(MIDPOINT, **fields)


NEXT = [
    # month type, minutes, rule set, minutes to the next line, at, the line
    ("initial", 0, MIDPOINT, 16, 16, "G2214x1"),
    ("initial", 15, MIDPOINT, 1, 16, "G2214x1"),
    ("initial", 16, MIDPOINT, 20, 36, "99492x1"),
    ("initial", 44, MIDPOINT, 42, 86, "99494x1"),
    ("subsequent", 44, MIDPOINT, 32, 76, "99494x1"),
    ("subsequent", 76, MIDPOINT, 30, 106, "99494x2"),
    ("subsequent", 105, MIDPOINT, 1, 106, "99494x2"),
    ("initial", 30, FULL, 40, 70, "99492x1"),
    ("initial", 70, FULL, 30, 100, "99494x1"),
    ("general", 5, MIDPOINT, 15, 20, "99484x1"),
    ("general", 20, MIDPOINT, None, None, None),
    ("initial", 10, changed(g2214_enabled=False), 26, 36, "99492x1"),
    ("initial", 10, changed(g2214_min=30), 20, 30, "G2214x1"),
    ("initial", 116, changed(truncate_99494=True), None, None, None),
    ("general", 10, changed(min_99484=11), 1, 11, "99484x1"),
]


@pytest.mark.parametrize(("kind", "minutes", "rule_set", "to_next", "at", "line"), NEXT)
def test_the_next_line_and_its_minutes_are_named(kind, minutes, rule_set, to_next, at, line):
    result = lines_for(kind, minutes, rule_set)
    assert (result.minutes_to_next, result.next_at, result.next_line) == (to_next, at, line)


SETTINGS = [
    ("initial", 20, {"g2214_min": 30}, "none"),
    ("initial", 30, {"g2214_min": 30}, "G2214x1"),
    ("subsequent", 30, {"g2214_enabled": False}, "none"),
    ("initial", 206, {"max_99494_units": 4}, "99492x1;99494x5"),
    ("initial", 206, {"max_99494_units": 4, "truncate_99494": True}, "99492x1;99494x4"),
    ("initial", 206, {"max_99494_units": 0, "truncate_99494": True}, "99492x1"),
]


@pytest.mark.parametrize(("kind", "minutes", "fields", "text"), SETTINGS)
def test_a_payers_settings_change_the_lines(kind, minutes, fields, text):
    assert lines_for(kind, minutes, changed(**fields)).text == text


WARNINGS = [
    ("initial", 145, {}, []),
    ("initial", 146, {}, ["over_max_99494_units"]),
    ("initial", 146, {"max_99494_units": 4}, []),
    ("initial", 206, {"max_99494_units": 4, "truncate_99494": True}, ["over_max_99494_units"]),
    ("initial", 15, {}, []),
    ("initial", 16, {}, ["g2214_minimum_contested"]),
    ("initial", 29, {}, ["g2214_minimum_contested"]),
    ("initial", 30, {}, []),
    ("initial", 36, {}, []),
    ("general", 600, {}, []),
]


@pytest.mark.parametrize(("kind", "minutes", "fields", "codes"), WARNINGS)
def test_what_a_biller_should_look_at_is_a_warning(kind, minutes, fields, codes):
    assert [warning.code for warning in lines_for(kind, minutes, changed(**fields)).warnings] == codes


def test_the_full_minutes_stay_when_units_are_cut():
    cut = lines_for("initial", 206, changed(truncate_99494=True))
    assert cut.minutes == 206
    assert "5 units" in cut.warnings[0].words


STEPS = [
    ("initial", 44, [("99492", True), ("99494", False), ("G2214", None)]),
    ("initial", 86, [("99492", True), ("99494", True), ("G2214", None)]),
    ("initial", 20, [("99492", False), ("99494", None), ("G2214", True)]),
    ("subsequent", 5, [("99493", False), ("99494", None), ("G2214", False)]),
    ("general", 25, [("99484", True)]),
]


@pytest.mark.parametrize(("kind", "minutes", "steps"), STEPS)
def test_every_rule_says_whether_it_passed(kind, minutes, steps):
    result = lines_for(kind, minutes, MIDPOINT)
    assert [(step.rule, step.passed) for step in result.steps] == steps
    assert all(step.words for step in result.steps)


def test_the_reason_is_in_words_with_the_rule_and_its_version():
    result = lines_for("initial", 20, MIDPOINT)
    assert result.reason_text == (
        "99492 takes 36 minutes in a first month: 20 counted, not reached. "
        "G2214 takes 16 minutes: 20 counted, reached."
    )
    assert result.rule_id == "cpt_midpoint@1"
    assert "not taken by this payer" in lines_for("initial", 20, changed(g2214_enabled=False)).reason_text


def test_negative_minutes_are_refused():
    with pytest.raises(ValueError, match=r"^minutes: "):
        lines_for("initial", -1, MIDPOINT)


NEEDED = [
    ("initial", "99492", MIDPOINT, 36),
    ("subsequent", "99493", MIDPOINT, 31),
    ("initial", "99494", MIDPOINT, 86),
    ("subsequent", "99494", FULL, 90),
    ("initial", "G2214", FULL, 30),
    ("general", "99484", MIDPOINT, 20),
]


@pytest.mark.parametrize(("kind", "code", "rule_set", "minutes"), NEEDED)
def test_the_minimum_of_a_line_can_be_asked(kind, code, rule_set, minutes):
    assert minutes_needed(kind, code, rule_set) == minutes
