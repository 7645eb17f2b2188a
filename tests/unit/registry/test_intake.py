"""What may be written down when care begins, and how the chart says it."""

from datetime import UTC, datetime

import pytest

from registry.filing.text import Heading
from registry.intake.chart import intake_text
from registry.intake.contents import LONGEST, IntakeContent, check
from registry.intake.service import IntakeFacts

WHEN = datetime(2026, 3, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize("screen", ["bipolar", "ptsd"])
def test_a_screen_that_applies_to_everybody_can_t_be_left_out_as_not_applicable(screen: str) -> None:
    [problem] = check(IntakeContent(**{screen: "not_applicable"}))
    assert (problem.field, problem.message) == (
        screen,
        "applies to everybody: considered, or not documented",
    )


def test_pregnancy_may_not_apply() -> None:
    assert check(IntakeContent(pregnancy="not_applicable", pregnancy_note="Hysterectomy in 2019")) == []


@pytest.mark.parametrize("screen", ["bipolar", "ptsd", "pregnancy"])
def test_a_finding_goes_with_having_considered_it(screen: str) -> None:
    assert check(IntakeContent(**{screen: "considered", f"{screen}_note": "Three of five"})) == []
    assert [p.field for p in check(IntakeContent(**{f"{screen}_note": "Three of five"}))] == [
        f"{screen}_note"
    ]


@pytest.mark.parametrize("name", ["history", "substances", "ptsd_note"])
def test_what_is_too_long_is_named(name: str) -> None:
    content = IntakeContent(ptsd="considered", **{name: "x" * (LONGEST + 1)})
    assert [p.field for p in check(content)] == [name]


def test_the_chart_says_of_each_screen_what_was_found_or_that_nobody_wrote_it_down() -> None:
    content = IntakeContent(ptsd="considered", ptsd_note="Two of five, not pursued")
    text = intake_text(
        IntakeFacts(1, content, WHEN, "Dana Moss"), Heading("Rivera", "Ana", None, "100200"), "UTC"
    )
    assert "PTSD: Considered: Two of five, not pursued" in text
    assert "Bipolar disorder: Not documented" in text
