"""Rule sets are data: readable, versioned, sourced, and refused when wrong."""

from datetime import date

import msgspec
import pytest

from billing.codes import CODES, conflicts, find, in_force
from billing.rule_sets import DEFAULT, choose, newest, parse, shipped
from kernel.errors import Invalid
from registry.time_log.months import Month
from registry.time_log.rules import CountingPolicy

MIDPOINT = shipped()["cpt_midpoint@1"]

TEXT = """
id = "plan_x"
version = 2
title = "Plan X"
source = "letter of the plan"
author = "Clinic"
effective_from = 2026-01-01
reviewed_through = 2026-12-31
time_rule = "cpt_midpoint"
g2214_min = 30
consent_methods = ["written"]
"""


def test_the_default_set_is_shipped_and_counts_as_documented():
    assert {"cpt_midpoint@1", "full_threshold@1", "nc_medicaid@1", "texas_medicaid@1"} <= set(shipped())
    assert MIDPOINT.counting == CountingPolicy()
    assert (MIDPOINT.g2214_min, shipped()["full_threshold@1"].g2214_min) == (16, 30)
    assert shipped()["texas_medicaid@1"].counting.exclude_inpatient is False


def test_every_shipped_set_names_its_source_and_author():
    assert all(rule_set.source.strip() and rule_set.author for rule_set in shipped().values())


def test_a_rule_set_is_read_from_text():
    read = parse(TEXT)
    assert (read.rule_id, read.g2214_min, read.consent_methods) == ("plan_x@2", 30, ("written",))


def test_every_counting_setting_reaches_the_counting():
    other = CountingPolicy(
        count_consultant_solo=True,
        count_pcp_bhcm_time=False,
        count_pcp_oversight=True,
        exclude_inpatient=False,
        month_cross="reject",
    )
    turned = msgspec.structs.replace(MIDPOINT, **msgspec.structs.asdict(other))
    assert turned.counting == other


WRONG = [
    (TEXT.replace('"cpt_midpoint"', '"thirds"'), "time_rule"),
    (TEXT.replace("g2214_min = 30", "g2214_min = 0"), "g2214_min"),
    (TEXT.replace("g2214_min = 30", ""), "g2214_min"),
    (TEXT + "g2214_minimum = 16\n", "g2214_minimum"),
    (TEXT + "effective_to = 2025-12-31\n", "effective_to"),
    (TEXT + "max_99494_units = -1\n", "max_99494_units"),
    (TEXT.replace('["written"]', "[]"), "consent_methods"),
    (TEXT + "id = 'again'\n", "TOML"),
]


@pytest.mark.parametrize(("text", "named"), WRONG)
def test_a_wrong_rule_set_names_its_field(text: str, named: str):
    with pytest.raises(Invalid, match=named):
        parse(text)


def sets(**changes: dict[str, object]):
    return [msgspec.structs.replace(MIDPOINT, id=id, **fields) for id, fields in changes.items()] + [MIDPOINT]


NOVEMBER = Month(2026, 11)
CHOICES = [
    ({"a": {"payer": "Payer"}}, "Payer", "Gold", "a"),
    ({"a": {"payer": "Payer"}, "b": {"payer": "Payer", "plan": "Gold"}}, "Payer", "Gold", "b"),
    ({"a": {"payer": "Payer"}, "b": {"payer": "Payer", "plan": "Gold"}}, "Payer", "Silver", "a"),
    ({"b": {"payer": "Payer", "plan": "Gold"}}, "Payer", None, DEFAULT),
    ({"a": {"payer": "Payer"}}, "Other", None, DEFAULT),
    ({"a": {"payer": "Payer"}}, None, None, DEFAULT),
    ({"a": {"payer": "Payer", "effective_from": date(2026, 11, 2)}}, "Payer", None, DEFAULT),
    ({"a": {"payer": "Payer", "effective_to": date(2026, 11, 29)}}, "Payer", None, DEFAULT),
    ({"a": {"payer": "P"}, "b": {"payer": "P", "effective_from": date(2026, 11, 1)}}, "P", None, "b"),
]


@pytest.mark.parametrize(("changes", "payer", "plan", "chosen"), CHOICES)
def test_the_closest_rule_set_in_force_is_chosen(changes, payer, plan, chosen):
    assert choose(sets(**changes), NOVEMBER, payer=payer, plan=plan).id == chosen


def test_no_rule_set_in_force_is_nobodys_guess():
    assert choose(sets(), Month(2020, 12), payer=None, plan=None) is None


def test_the_highest_version_of_an_id_is_meant_unless_one_is_named():
    second = msgspec.structs.replace(MIDPOINT, version=2)
    assert newest([second, MIDPOINT], "cpt_midpoint") is second
    assert newest([second, MIDPOINT], "cpt_midpoint@1") is MIDPOINT
    assert newest([second, MIDPOINT], "cpt_midpoint@3") is None


def test_codes_are_known_by_year():
    assert "G2214" not in {code.id for code in in_force(Month(2020, 12))}
    assert {"99492", "99493", "99494", "G2214", "99484"} <= {code.id for code in in_force(NOVEMBER)}
    assert "G0511" in {code.id for code in in_force(Month(2025, 9))}
    assert "G0511" not in {code.id for code in in_force(Month(2025, 10))}
    assert "G0568" not in {code.id for code in in_force(Month(2025, 12))}
    assert all(find(code.id) is code and code.label and code.source for code in CODES)


CONFLICTS = [
    ({"99492"}, {"99484"}, True),
    ({"99484"}, {"99493"}, True),
    ({"99493", "99494"}, {"G0569"}, True),
    ({"99492"}, {"99490"}, False),
    ({"99492"}, {"99214"}, False),
    ({"99492"}, {"99493"}, True),  # a second practitioner reports the month
    ({"99484"}, {"99484"}, True),
    ({"99493"}, {"G0512"}, True),
    ({"99493"}, {"G0557"}, True),
    ({"G0569"}, {"99493"}, True),
    ({"G0569"}, {"G0557"}, False),
    (set(), {"99484"}, False),
]


@pytest.mark.parametrize(("ours", "others", "found"), CONFLICTS)
def test_codes_that_exclude_each_other_in_a_month_are_known(ours, others, found):
    assert bool(conflicts(frozenset(ours), frozenset(others))) is found


@pytest.mark.parametrize(
    ("month", "payer", "plan", "chosen"),
    [
        ("2026-11", "Wisconsin Medicaid", None, "wisconsin_medicaid@1"),
        ("2026-11", "Michigan Medicaid", "Blue", "michigan_medicaid@1"),
        ("2026-11", "Independence Blue Cross", "Commercial", "independence_commercial@1"),
        ("2026-11", "Independence Blue Cross", "Medicare Advantage", "cpt_midpoint@1"),
        ("2024-06", "NC Medicaid", None, "cpt_midpoint@1"),
        ("2024-07", "NC Medicaid", None, "nc_medicaid@1"),
        ("2020-12", "NC Medicaid", None, None),
    ],
)
def test_shipped_sets_hold_for_their_payer_plan_and_dates(month, payer, plan, chosen):
    found = choose(shipped().values(), Month.parse(month), payer=payer, plan=plan)
    assert (found.rule_id if found else None) == chosen


def test_the_wrapper_of_rural_clinics_ends_where_individual_codes_begin():
    first, second = shipped()["medicare_rhc_fqhc@1"], shipped()["medicare_rhc_fqhc@2"]
    assert (first.covers(Month(2025, 12)), first.covers(Month(2026, 1))) == (True, False)
    assert (second.covers(Month(2025, 12)), second.covers(Month(2026, 1))) == (False, True)
