"""What a plan must hold, how two versions differ, and how its copy for the chart reads."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from registry.care_plans import contents
from registry.care_plans.chart import plan_text
from registry.care_plans.contents import CareContent, Content, Difference, RelapseContent, SafetyContent
from registry.care_plans.queries import PlanVersion
from registry.filing.text import Heading

TODAY = date(2026, 3, 2)
PLAN = CareContent(problem="Low mood", goals=("Walk to school again",), rhythm="Every two weeks by phone")
SAFETY = SafetyContent(
    signs=("I stop eating",), by_myself=("Walk",), helpers=("Luis",), professionals=("988",)
)
RELAPSE = RelapseContent(warning_signs=("I sleep late",), what_helps=("Walks",), contacts=("Dana",))


def changed(plan: Content, **changes: Any) -> Content:
    import msgspec

    return msgspec.structs.replace(plan, **changes)


@pytest.mark.parametrize(
    ("plan", "fields"),
    [
        (PLAN, []),
        (SAFETY, []),
        (RELAPSE, []),
        (CareContent(), ["problem", "goals", "rhythm"]),
        (SafetyContent(), ["signs", "by_myself", "helpers", "professionals"]),
        (RelapseContent(), ["warning_signs", "what_helps", "contacts"]),
        (changed(PLAN, goals=("x",) * 31), ["goals"]),
        (changed(PLAN, goals=("x" * 2001,)), ["goals"]),
        (changed(PLAN, problem="x" * 2001), ["problem"]),
        (changed(PLAN, next_check_in_on=date(2026, 3, 1)), ["next_check_in_on"]),
        (changed(PLAN, next_check_in_on=TODAY), []),
    ],
)
def test_each_problem_names_its_field(plan: Content, fields: list[str]) -> None:
    assert [problem.field for problem in contents.check(plan, TODAY)] == fields


def test_what_is_stored_has_no_empty_lines_and_no_blanks_around() -> None:
    loose = changed(PLAN, goals=("  Walk   to school again ", "", " "), problem=" Low mood\r\n")
    assert contents.tidy(loose) == PLAN


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (PLAN, PLAN, ()),
        (PLAN, changed(PLAN, problem="Low mood, poor sleep"), (Difference("Problem", ("Low mood",), ("Low mood, poor sleep",)),)),
        (PLAN, changed(PLAN, goals=("Walk to school again", "Cook")), (Difference("Goals, in the patient's words", (), ("Cook",)),)),
        (changed(PLAN, goals=("a", "b")), changed(PLAN, goals=("b", "a")), ()),
        (changed(PLAN, goals=("a", "a")), changed(PLAN, goals=("a",)), (Difference("Goals, in the patient's words", ("a",), ()),)),
        (PLAN, changed(PLAN, next_review_on=TODAY), (Difference("Next case review", (), ("2026-03-02",)),)),
        (contents.empty("safety"), SAFETY, tuple(Difference(f.label, (), getattr(SAFETY, f.name)) for f in contents.FIELDS["safety"] if getattr(SAFETY, f.name))),
    ],
)  # fmt: skip
def test_the_difference_of_two_versions_reads_field_by_field(
    before: Content, after: Content, found: tuple[Difference, ...]
) -> None:
    assert contents.differences(before, after) == found


def test_plans_of_two_kinds_have_no_difference() -> None:
    with pytest.raises(ValueError, match="two kinds"):
        contents.differences(PLAN, SAFETY)


@pytest.mark.parametrize("kind", ["care", "relapse", "safety"])
def test_every_field_of_a_plan_has_a_place_on_the_form(kind: contents.PlanKind) -> None:
    assert tuple(f.name for f in contents.FIELDS[kind]) == type(contents.empty(kind)).__struct_fields__
    assert contents.kind_of(contents.empty(kind)) == kind


def test_the_copy_for_the_chart_names_version_signature_and_each_part() -> None:
    at = datetime(2026, 3, 2, 18, tzinfo=UTC)
    version = PlanVersion(
        UUID(int=1), "care", 2, changed(PLAN, next_review_on=date(2026, 3, 9)), (), TODAY,
        at, "Lee Park", at, "Ines Roth", "Agreed.",
    )  # fmt: skip
    text = plan_text(version, Heading("Aldercott", "Maren", None, "40117"), "America/Los_Angeles")
    assert text == (
        "CARE PLAN\nALDERCOTT, Maren, born not known, MRN 40117\n\n"
        "Version: 2 of 02-Mar-2026 10:00 PST\nBy: Lee Park\nAgreed with the patient: 02-Mar-2026\n"
        "Signed by the treating clinician: Ines Roth, 02-Mar-2026 10:00 PST\nNote of the clinician: Agreed.\n\n"
        "Problem:\n- Low mood\n\nGoals, in the patient's words:\n- Walk to school again\n\n"
        "Rhythm of contacts and check-ins:\n- Every two weeks by phone\n\nNext case review:\n- 09-Mar-2026\n"
    )
