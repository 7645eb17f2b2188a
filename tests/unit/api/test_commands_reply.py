"""`evenkeel reply` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.__main__ import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["reply", *arguments])


@pytest.mark.parametrize(
    ("arguments", "notation"),
    [
        (("2",), "answer:2"),
        (("sevral days",), "answer:1;echo"),
        (("dos", "--language", "es", "--context", "item"), "answer:2"),
        (("012103100", "--context", "bulk9"), "bulk:0,1,2,1,0,3,1,0,0"),
        (("YES", "--context", "optin"), "start"),
        (("Stop please",), "stop"),
    ],
)
def test_the_meaning_is_one_line(arguments: tuple[str, ...], notation: str) -> None:
    answer = run(*arguments)
    assert (answer.exit_code, answer.stdout) == (0, notation + "\n")


@pytest.mark.parametrize("text", ["-1", "--", "-", "-2 or 3", "--stop", "-x"])
def test_a_text_that_starts_with_a_dash_is_data(text: str) -> None:
    with_dashes = run("--", text)
    assert with_dashes.exit_code == 0
    if text != "--":
        assert run(text).stdout == with_dashes.stdout


def test_an_empty_text_is_asked_again() -> None:
    assert run("").stdout == "ask:unclear\n"


def test_json_has_the_parts_of_the_meaning_and_not_the_text() -> None:
    found = json.loads(run("1 but it comes and goes", "--json").stdout)
    assert found["kind"] == "answer"
    assert found["value"] == 1
    assert "comes and goes" not in json.dumps(found)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("2", "--context", "nowhere"), "--context: context 'nowhere' is none of item, item9"),
        (("2", "--language", "fr"), "--language: must be one of en, es"),
        ((), "TEXT is missing; or give --check FILE"),
        (("2", "--check", "x.csv"), "give either TEXT or --check FILE"),
        (("--check", "/nowhere/x.csv"), "can't be read"),
    ],
)
def test_bad_input_is_named_and_exits_with_2(arguments: tuple[str, ...], reason: str) -> None:
    answer = run(*arguments)
    assert answer.exit_code == 2
    assert reason in answer.stderr


def cases(tmp_path: Path, *rows: str) -> str:
    path = tmp_path / "cases.csv"
    path.write_text("text,language,context,expected\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


def test_a_file_that_agrees_exits_with_0(tmp_path: Path) -> None:
    answer = run("--check", cases(tmp_path, "2,en,item,answer:2", "-1,en,item,ask:range"))
    assert (answer.exit_code, answer.stdout) == (0, "every row agrees\n")


def test_each_mismatch_is_named_by_its_line_and_exits_with_1(tmp_path: Path) -> None:
    path = cases(tmp_path, "2,en,item,answer:2", "secret words here,en,idle,answer:0")
    answer = run("--check", path)
    assert answer.exit_code == 1
    assert answer.stdout == "line 3: idle: expected answer:0, got free_text\n"
    found = json.loads(run("--check", path, "--json").stdout)
    assert found == {
        "agrees": False,
        "mismatches": [{"line": 3, "context": "idle", "expected": "answer:0", "got": "free_text"}],
    }


def test_a_file_that_is_no_such_file_exits_with_2(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    answer = run("--check", str(path))
    assert answer.exit_code == 2
    assert "line 1, column 1" in answer.stderr
