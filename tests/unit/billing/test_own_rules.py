"""What a clinic's own rule set must be, which version of it holds when, and what it would change."""

from __future__ import annotations

import json
from datetime import date

import msgspec
import pytest

from billing.explain import WhatIf, explain
from billing.own_rules.rules import check, parse, text_of
from billing.own_rules.trial import with_set
from billing.rule_sets import RuleBook, RuleSet, in_force, shipped
from kernel.errors import Invalid
from registry.time_log.months import Month

GIVEN = {
    "id": "own_evergreen", "version": 1, "title": "Evergreen Health Plan", "author": "Harbor Clinic",
    "source": "Evergreen Health Plan, provider manual 2026, page 14", "payer": "Evergreen Health Plan",
    "effective_from": "2026-01-01", "reviewed_through": "2026-12-31", "time_rule": "cpt_midpoint", "g2214_min": 30,
}  # fmt: skip


def document(**changes: object) -> str:
    return json.dumps({name: value for name, value in (GIVEN | changes).items() if value is not ...})


def own(**changes: object) -> RuleSet:
    return parse(document(**changes))


def kept_out(given: str, *known: RuleSet) -> set[str]:
    try:
        return {problem.field for problem in check(parse(given), known)}
    except Invalid as error:
        return {problem.field for problem in error.problems}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "nc_medicaid"}, "id"),
        ({"id": "evergreen"}, "id"),
        ({"id": "own_Evergreen 1"}, "id"),
        ({"version": 2}, "version"),
        ({"version": 0}, "version"),
        ({"source": ...}, "source"),
        ({"source": "  "}, "source"),
        ({"author": ""}, "author"),
        ({"title": "x" * 121}, "title"),
        ({"payer": " Evergreen"}, "payer"),
        ({"payer": ..., "plan": "Gold"}, "plan"),
        ({"effective_from": "January"}, "effective_from"),
        ({"effective_to": "2025-12-31"}, "effective_to"),
        ({"reviewed_through": "2025-12-31"}, "reviewed_through"),
        ({"time_rule": "generous"}, "time_rule"),
        ({"g2214_min": "30"}, "g2214_min"),
        ({"g2214_min": 31}, "g2214_min"),
        ({"g2214_min": 60, "time_rule": "full_threshold"}, "g2214_min"),
        ({"g2214_min": 15}, "g2214_min"),
        ({"min_99484": 10}, "min_99484"),
        ({"min_99484": 44_641}, "min_99484"),
        ({"g0512_first_min": 35}, "g0512_first_min"),
        ({"title": "Evergreen\x00"}, "title"),
        ({"author": "Harbor\nClinic"}, "author"),
        ({"month_code": "99999"}, "month_code"),
        ({"month_code": "G0512", "effective_from": "2017-01-01"}, "month_code"),
        ({"month_code": "G0512", "g0512_first_min": 71}, "g0512_first_min"),
        ({"pos": "00"}, "pos"),
        ({"pos": "eleven"}, "pos"),
        ({"episode_gap_months": 121}, "episode_gap_months"),
        ({"prior_auth_after_months": 0}, "prior_auth_after_months"),
        ({"consent_methods": ["shouted"]}, "consent_methods"),
        ({"g2214_minimum": 30}, "g2214_minimum"),
    ],
)
def test_what_keeps_a_rule_set_out_is_named_by_its_field(changes: dict[str, object], field: str) -> None:
    assert kept_out(document(**changes)) == {field}


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 9000, '{"id": "\ud800"}', "x" * 20_001])
def test_what_is_no_document_is_refused_as_one(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(text)
    assert [problem.field for problem in refused.value.problems] == ["document"]


def test_a_document_written_out_reads_as_the_same_rule_set() -> None:
    assert kept_out(document()) == set()
    assert kept_out(document(source="Evergreen, manual 2026\nPage 14")) == set()
    assert parse(text_of(own())) == own()
    assert all(parse(text_of(each)) == each for each in shipped().values())


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, {"effective_from"}),
        ({"effective_from": "2026-07-01", "reviewed_through": "2027-01-01"}, {"effective_from"}),
        ({"effective_from": "2025-01-01", "effective_to": "2025-12-31"}, set()),
        ({"plan": "Gold"}, set()),
        ({"payer": "Another"}, set()),
        ({"payer": ...}, set()),
    ],
)
def test_two_ids_for_one_payer_and_plan_may_not_hold_at_once(
    changes: dict[str, object], fields: set[str]
) -> None:
    assert kept_out(document(id="own_other", **changes), own()) == fields


def test_a_correction_is_the_next_version_and_ends_those_before_it() -> None:
    shorter = own(version=2, effective_to="2026-06-30")
    assert kept_out(document(version=3), own(), shorter) == set()
    assert kept_out(document(), own()) == {"version"}
    held = {
        str(month): in_force([own(), shorter], "own_evergreen", month)
        for month in (Month(2026, 6), Month(2026, 7))
    }
    assert held == {"2026-06": shorter, "2026-07": None}
    other = document(id="own_other", effective_from="2026-07-01")
    assert kept_out(other, own(), shorter) == set()


NOVEMBER = Month(2026, 11)
CHOICES = [
    (RuleBook(), "Evergreen Health Plan", "cpt_midpoint@1"),
    (RuleBook((own(),)), "Evergreen Health Plan", "own_evergreen@1"),
    (RuleBook((own(), own(version=2))), "Evergreen Health Plan", "own_evergreen@2"),
    (RuleBook((own(), own(version=2, effective_from="2026-12-01"))), "Evergreen Health Plan", "own_evergreen@1"),
    (RuleBook((own(payer="NC Medicaid", effective_from="2024-01-01"),)), "NC Medicaid", "own_evergreen@1"),
    (RuleBook((own(),)), "Another", "cpt_midpoint@1"),
    (RuleBook((own(payer=...),), assigned={"Another": "own_evergreen"}), "Another", "own_evergreen@1"),
    (RuleBook((own(),), assigned={"Evergreen Health Plan": "full_threshold"}), "Evergreen Health Plan", "full_threshold@1"),
    (RuleBook((own(payer=...),), default="own_evergreen"), None, "own_evergreen@1"),
    (RuleBook(assigned={"Rural": "medicare_rhc_fqhc"}), "Rural", "medicare_rhc_fqhc@2"),
]  # fmt: skip


@pytest.mark.parametrize(("book", "payer", "chosen"), CHOICES)
def test_the_clinics_own_set_comes_before_a_shipped_one(
    book: RuleBook, payer: str | None, chosen: str
) -> None:
    assert book.of(NOVEMBER, payer, None).rule_id == chosen


def test_an_assigned_set_holds_in_the_version_of_the_month() -> None:
    book = RuleBook(assigned={"Rural": "medicare_rhc_fqhc"})
    assert book.of(Month(2025, 12), "Rural", None).rule_id == "medicare_rhc_fqhc@1"
    gone = RuleBook((own(effective_to="2026-06-30", payer=...),), assigned={"Rural": "own_evergreen"})
    assert gone.standing(NOVEMBER, "Rural", None) is None
    assert gone.of(NOVEMBER, "Rural", None).rule_id == "own_evergreen@1"  # out of force: the row says so


def test_a_trial_book_holds_the_set_and_who_would_get_it() -> None:
    book = with_set(RuleBook(assigned={"B": "full_threshold"}), own(payer=...), ("A", " B "))
    assert book.assigned == {"A": "own_evergreen", "B": "own_evergreen"}
    assert book.of(NOVEMBER, "A", None) == own(payer=...)


def test_a_what_if_knows_the_clinics_own_sets() -> None:
    book = RuleBook((own(),))
    asked = WhatIf(minutes=29, month_type="initial", month="2026-11", payer="Evergreen Health Plan")
    assert (explain(asked).text, explain(asked, book).text) == ("G2214x1", "none")
    assert explain(asked, book).rule_id == "own_evergreen@1"
    late = msgspec.structs.replace(own(), effective_from=date(2026, 12, 1))
    assert explain(asked, RuleBook((late,))).rule_id == "cpt_midpoint@1"
