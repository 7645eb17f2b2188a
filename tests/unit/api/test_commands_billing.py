"""`evenkeel billing explain` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.__main__ import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["billing", "explain", *arguments])


def test_the_lines_stand_first_then_the_next_then_every_rule() -> None:
    lines = run("--month-type", "initial", "--minutes", "86").stdout.splitlines()
    assert lines[0] == "99492x1;99494x1"
    assert lines[1] == "next: 99494x2 at 116 minutes, 30 from here"
    assert lines[2] == "rule: cpt_midpoint@1"
    assert all(line.startswith("- ") for line in lines[3:])


@pytest.mark.parametrize(
    ("month_type", "minutes", "rule_set", "text", "to_next"),
    [
        ("initial", 15, "cpt_midpoint", "none", 1),
        ("initial", 35, "cpt_midpoint", "G2214x1", 1),
        ("subsequent", 95, "cpt_midpoint", "99493x1;99494x1", 11),
        ("initial", 69, "full_threshold", "G2214x1", 1),
        ("subsequent", 89, "full_threshold@1", "99493x1", 1),
    ],
)
def test_json_has_the_lines_and_the_minutes_to_the_next(
    month_type: str, minutes: int, rule_set: str, text: str, to_next: int
) -> None:
    answer = run("--month-type", month_type, "--minutes", str(minutes), "--rule-set", rule_set, "--json")
    found = json.loads(answer.stdout)
    assert (found["text"], found["minutes_to_next"]) == (text, to_next)
    assert ";".join(f"{line['code']}x{line['units']}" for line in found["lines"]) == (
        "" if text == "none" else text
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--month-type", "initial", "--minutes", "-5"), "--minutes: must be from 0 to 99999"),
        (("--month-type", "initial", "--minutes", "44.5"), "'44.5' is not a valid integer"),
        (("--month-type", "first", "--minutes", "44"), "'first' is not one of"),
        (
            ("--month-type", "initial", "--minutes", "44", "--rule-set", "mine"),
            "--rule-set: 'mine' is none of",
        ),
        (("--minutes", "44"), "--month-type is missing"),
        (("--check", "/nowhere/x.csv"), "file: can't be read"),
    ],
)
def test_bad_input_is_named_and_exits_with_2(arguments: tuple[str, ...], reason: str) -> None:
    answer = run(*arguments)
    assert answer.exit_code == 2
    assert reason in answer.stderr


def test_worked_cases_are_compared_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(
        "month_type,minutes,rule_set,expected\ninitial,36,cpt_midpoint,99492x1\ninitial,35,cpt_midpoint,99492x1\n",
        encoding="utf-8",
    )
    answer = run("--check", str(path))
    assert answer.exit_code == 1
    assert answer.stdout == "line 3: initial 35 cpt_midpoint@1: expected 99492x1, got G2214x1\n"
    assert json.loads(run("--check", str(path), "--json").stdout)["agrees"] is False


def test_a_month_with_its_history_and_payer_answers_with_the_id_of_every_rule() -> None:
    answer = run(
        "--month", "2026-11", "--served", "2026-10", "--minutes", "166", "--payer", "NC Medicaid", "--json"
    )
    found = json.loads(answer.stdout)
    assert (found["text"], found["month_type"], found["rule_id"]) == (
        "99493x1;99494x4", "subsequent", "nc_medicaid@1",
    )  # fmt: skip
    assert [step["rule_id"] for step in found["steps"]] == [
        "nc_medicaid@1/continuing", "nc_medicaid@1/99493", "nc_medicaid@1/99494", "nc_medicaid@1/G2214",
    ]  # fmt: skip


def test_single_settings_and_other_codes_can_be_tried() -> None:
    short = ("--month-type", "initial", "--minutes", "20")
    assert run(*short).stdout.splitlines()[0] == "G2214x1"
    tried = run(*short, "--set", "g2214_min=30").stdout.splitlines()
    assert (tried[0], tried[2]) == ("none", "rule: cpt_midpoint+g2214_min=30@1")
    beside = run("--month-type", "initial", "--minutes", "40", "--beside", "99484").stdout
    assert "held: Collaborative care and general integration are never reported" in beside
    assert "--set: nonsense: write a setting" in run(*short, "--set", "nonsense=1").stderr


def test_a_rule_set_is_checked_without_a_database_and_each_wrong_field_is_named(tmp_path: Path) -> None:
    given = {
        "id": "own_evergreen", "version": 1, "title": "Evergreen", "author": "Harbor Clinic", "source": "Manual",
        "effective_from": "2026-01-01", "reviewed_through": "2026-12-31", "time_rule": "cpt_midpoint", "g2214_min": 30,
    }  # fmt: skip
    path = tmp_path / "rules.json"

    def checked(**changes: object) -> Result:
        path.write_text(json.dumps(given | changes), encoding="utf-8")
        return CliRunner().invoke(main, ["billing", "rules", str(path)])

    assert (checked().exit_code, checked().stdout) == (0, "own_evergreen@1 can be read\n")
    wrong = checked(id="cpt_midpoint", g2214_min=40)
    assert wrong.exit_code == 1
    assert [line.split(":")[0] for line in wrong.stdout.splitlines()] == ["id", "g2214_min"]
    assert (checked(g2214_min="30").exit_code, checked(g2214_min="30").stderr) == (
        2, "Error: g2214_min: must be int, got str\n",
    )  # fmt: skip
    path.write_bytes(b"\xff")
    assert CliRunner().invoke(main, ["billing", "rules", str(path)]).exit_code == 2
    assert CliRunner().invoke(main, ["billing", "rules", str(path), "--dry-run"]).exit_code == 2
