"""`evenkeel score` from the outside."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from api.__main__ import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["score", *arguments])


def test_a_complete_form_has_a_total_and_a_band() -> None:
    answer = run("phq9", "1,2,0,1,3,1,0,0,2", "--json")
    assert answer.exit_code == 0
    assert json.loads(answer.stdout) == {
        "instrument": "phq9", "version": "1", "language": "en", "total": 10, "complete": True, "prorated": None,
        "band": "moderate", "band_label": "Moderate", "item9": "2", "answered": 9, "items": 9,
    }  # fmt: skip


def test_a_missing_item_leaves_no_total_and_an_estimate_for_display() -> None:
    found = json.loads(run("PHQ-9", "1,2,0,-,3,1,0,0,0", "--json").stdout)
    assert (found["total"], found["complete"], found["prorated"], found["band"]) == (None, False, 8, None)


def test_an_unanswered_item_9_is_unknown_and_never_zero() -> None:
    assert json.loads(run("phq9", "0,0,0,0,0,0,0,0,-", "--json").stdout)["item9"] == "unknown"
    assert json.loads(run("gad7", "0,0,0,0,0,0,0", "--json").stdout)["item9"] == "not_asked"


def test_words_say_the_same() -> None:
    assert run("phq9", "1,2,0,1,3,1,0,0,2").stdout.splitlines() == [
        "total: 10",
        "complete: yes (9 of 9 answered)",
        "band: moderate (Moderate)",
        "item9: 2",
    ]


def test_answers_may_begin_with_a_missing_item() -> None:
    assert run("phq2", "-,1").exit_code == 0
    assert run("phq2", "--", "-,1").stdout == run("phq2", "-,1").stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("phq9", "1,2"), "phq9 takes 9 (or 10 with the unscored ones) answers separated by commas; 2 given"),
        (
            ("phq9", "4,0,0,0,0,0,0,0,0"),
            "answer 1 of phq9 must be one of 0, 1, 2, 3, or - when it is missing",
        ),
        (("phq10", "1"), "there is no instrument 'phq10'"),
        (("phq9", "0,0,0,0,0,0,0,0,0", "--language", "fr"), "phq9 is not available in 'fr'"),
    ],
)
def test_what_cannot_be_scored_is_named_and_exits_with_2(arguments: tuple[str, ...], reason: str) -> None:
    answer = run(*arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert reason in answer.stderr
