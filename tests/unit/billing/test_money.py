"""What a month is worth, who worked it, whether next week fits, and how another bill differs from ours."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from billing.money.rules import (
    DenialFacts,
    Plan,
    denial_groups,
    fee,
    minutes_by_person,
    revenue,
    under,
    week,
)
from billing.money.shadow import Shadow, compare, read
from billing.statement.derivation import Inputs
from kernel.errors import Invalid
from registry.time_log.rules import Entry, Window
from tests.unit.billing.test_statement import FACTS, NOVEMBER, RULES, TODAY, row, rules, with_

FEES = {("", "99492"): 16010, ("", "99494"): 5800, ("Payer", "99494"): 6005}
SINCE = datetime(2025, 1, 1, tzinfo=UTC)


def test_a_payers_own_fee_comes_before_everybody_elses_and_a_missing_one_is_said():
    assert [fee(FEES, payer, "99494") for payer in ("Payer", "Another")] == [6005, 5800]
    found = revenue([row(minutes=120), row(minutes=40), row(minutes=20)], FEES)
    assert [(line.code, line.units, line.cents) for line in found.lines] == [
        ("99492", 2, 32020), ("99494", 2, 12010),
    ]  # fmt: skip
    assert (found.expected_cents, found.without_fee) == (44030, ())
    assert revenue([row()], {}).without_fee == (("Payer", "99492"), ("Payer", "99494"))


def test_held_lines_are_a_sum_apart_and_lines_not_paid_apart_are_worth_nothing():
    held = revenue([row(with_(consent=None))], FEES)
    assert (held.lines, held.expected_cents, held.held_cents) == ((), 0, 22015)
    assert revenue([row(rule_set=rules(separately_paid=False))], FEES).expected_cents == 0


def entry(name: str, staff: str, minutes: int, activity: str = "patient_contact", day: int = 10) -> Entry:
    return Entry(
        id=name, patient_id="p1", staff_id=staff, role="care_manager", activity=activity,
        started_at=datetime(2026, 11, day, 15, tzinfo=UTC), seconds=minutes * 60, created_at=SINCE,
    )  # fmt: skip


def inputs(*entries: Entry) -> Inputs:
    return Inputs(
        month=NOVEMBER, zone="America/New_York", today=TODAY, prepared_by="Tom", rule_set=RULES, facts=FACTS,
        window=Window(consent_at=SINCE, enrolled_at=SINCE), entries=entries,
    )  # fmt: skip


def test_minutes_are_told_by_person_counted_and_not():
    found = minutes_by_person(
        [
            inputs(
                entry("a", "dana", 30),
                entry("b", "dana", 10, "clerical", 11),
                entry("c", "ruben", 40, day=12),
            )
        ]
    )
    assert [(each.staff_id, each.counted_seconds, each.not_counted_seconds, each.patients) for each in found] == [
        ("ruben", 2400, 0, 1), ("dana", 1800, 600, 1),
    ]  # fmt: skip


def test_months_that_reached_no_line_say_what_is_missing_and_why_nearest_first():
    near, far = under([row(minutes=2), row(minutes=12), row(minutes=60)])
    assert [(each.minutes, each.missing, each.next_line) for each in (near, far)] == [
        (12, 4, "G2214x1"), (2, 14, "G2214x1"),
    ]  # fmt: skip
    assert near.why == ("All time counted; there was too little of it.",)


WEEKS = [
    (10, 8 * 60, 300, 0),
    (10, 4 * 60, 300, 60),
    (0, 60, 0, 0),
    (3, None, 90, 0),
]


@pytest.mark.parametrize(("contacts", "available", "needed", "short"), WEEKS)
def test_next_weeks_contacts_and_a_buffer_stand_against_the_hours_there_are(
    contacts, available, needed, short
):
    hours = {} if available is None else {"dana": available}
    [line] = week({"dana": contacts}, {"dana": 61}, hours, Plan(25, 20, 80))
    assert (line.needed, line.available, line.short, line.panel) == (needed, available, short, 61)


def test_needed_minutes_are_rounded_up_once_after_the_buffer():
    [line] = week({"dana": 1}, {}, {}, Plan(25, 1, 80))
    assert line.needed == 26


def test_denials_are_grouped_by_payer_reason_and_rule_the_largest_first():
    same = DenialFacts("Payer", "CO-16", "cpt_midpoint@1", 5000, "open")
    settled = msgspec.structs.replace(same, amount_cents=1000, outcome="written_off")
    other = msgspec.structs.replace(same, reason_code="CO-18", amount_cents=7000)
    assert [(g.reason_code, g.count, g.cents, g.open) for g in denial_groups([same, settled, other])] == [
        ("CO-18", 1, 7000, 1), ("CO-16", 2, 6000, 1),
    ]  # fmt: skip


def test_a_bill_that_agrees_has_no_difference_and_other_services_on_it_are_left_alone():
    bill = read("Code,MRN,Units,Charge\r\n99492,00123,1,162.40\r\n99494,00123,1,60\r\n99213,00123,1,80\r\n")
    assert compare(bill, [row()]) == Shadow(1, ())


DIFFERENT = [
    ("99493,00123,1", "other_lines", "Ours is initial"),
    ("99492,00123,1", "other_lines", "99494: billed 0, ours 1."),
    ("99492,777,1", "unknown_patient", "No patient with time in this month has this record number."),
    ("99213,00123,1", "only_ours", "90 minutes counted under cpt_midpoint@1."),
]


@pytest.mark.parametrize(("line", "kind", "words"), DIFFERENT)
def test_each_difference_of_a_bill_is_explained(line, kind, words):
    found = compare(read(f"code,mrn,units\r\n{line}\r\n"), [row()]).differences
    [difference] = [each for each in found if each.kind == kind]
    assert words in difference.why


def test_a_line_we_do_not_have_says_what_did_not_count_and_what_holds():
    [difference] = compare(read("mrn,code,units\r\n00123,99492,1\r\n"), [row(minutes=3)]).differences
    assert (difference.kind, difference.ours) == ("only_theirs", "none")
    held = compare(read("mrn,code,units\r\n00123,99492,1\r\n"), [row(with_(consent=None))]).differences[0]
    assert "On hold: Consent to collaborative care" in held.why


WRONG = [
    ("", "the header lacks mrn, code, units"),
    ("mrn,code\r\n", "the header lacks units"),
    ("mrn,code,units\r\n,99492,1\r\n", "line 2, mrn: is empty"),
    ("mrn,code,units\r\n1,9949,1\r\n", "line 2, code: needs five letters or digits"),
    ("mrn,code,units\r\n\r\n1,99492,0\r\n", "line 3, units: needs a whole number from 1 to 99"),
    ("mrn,code,units\r\n1,99492,1.5\r\n2,99492,-1\r\n", "line 3, units: needs a whole number from 1 to 99"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_bill_that_cant_be_read_names_line_and_column(text, words):
    with pytest.raises(Invalid) as refused:
        read(text)
    assert words in [problem.message for problem in refused.value.problems]
