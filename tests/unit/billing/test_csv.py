"""CSV that a spreadsheet can't be made to run and a parser reads back."""

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.export.csv import PROFILE_LABEL, csv_file, guarded, written

PAYLOADS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\0=1",
    '=HYPERLINK("//example.test","open")',
    "=cmd|'/C calc'!A0",
    "%0A=",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    " =1",
    "\u00a0=1",
    '"=1',
    "'=1",
    "\ufeff=1",
    "\u200b=1",
    ";=1",
    '",=1',
    "name;=1",
    "name\t+1",
    "name\n=1",
    'name",=1',
    "\tplain",
    "\rplain",
    "\nplain",
    "\0plain",
    "|calc",
]
PLAIN = ["", "Vale", "O'Neil", "Ana-Luz", "F32.1;F41.1", "a = b", "3-4 pm", "José", "x, y", 'say "hi"']

# What a spreadsheet may take for a formula once it has passed over what it ignores.
FORMULA = re.compile('[\\s"\ufeff\u200b\x00]*[=+\\-@%|＝＋－＠]')


def read(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_cell_of_the_spreadsheet_profile_starts_a_formula(payload: str):
    ((cell, last),) = read(written([(payload, "end")], "spreadsheet"))
    assert last == "end"
    assert not FORMULA.match(cell)
    assert cell[0] not in "\t\r\n\0\ufeff"
    assert cell.replace("'", "") == payload.replace("'", "")


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_other_separator_setting_uncovers_a_formula(payload: str, delimiter: str):
    for row in read(written([("first", payload, "end")], "spreadsheet"), delimiter):
        assert not any(FORMULA.match(cell) for cell in row)


@pytest.mark.parametrize("payload", PAYLOADS + PLAIN)
def test_the_machine_profile_gives_every_text_back_unchanged(payload: str):
    assert read(written([("a", payload, "b")], "machine")) == [["a", payload, "b"]]


@pytest.mark.parametrize("text", PLAIN)
def test_ordinary_text_is_left_alone(text: str):
    assert guarded(text) == text


def test_numbers_dates_and_nothing_are_written_bare():
    row = (3, -5, Decimal("162.40"), Decimal("-0.5"), date(2026, 11, 30), None)
    assert written([row], "spreadsheet") == "3,-5,162.40,-0.5,2026-11-30,\r\n"
    assert written([(Decimal("1E+3"),)], "machine") == "1000\r\n"


def test_a_phone_number_is_text_and_only_the_spreadsheet_guards_it():
    assert written([("+12065550123",)], "spreadsheet") == '"\'+12065550123"\r\n'
    assert written([("+12065550123",)], "machine") == "+12065550123\r\n"


@pytest.mark.parametrize(
    "cell", [True, 1.5, datetime(2026, 11, 30, tzinfo=UTC), Decimal("NaN"), Decimal("Infinity"), b"x"]
)
def test_a_cell_of_another_type_is_refused(cell: object):
    with pytest.raises((TypeError, AssertionError)):
        written([(cell,)], "machine")


def test_a_row_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r"^row: "):
        csv_file("month", ("a", "b"), [("x",)], "machine")


def test_a_file_says_in_its_name_and_in_every_row_which_profile_it_is():
    rows = [("=1",), ("Vale",)]
    sheet, machine = (csv_file("month", ("name",), rows, profile) for profile in ("spreadsheet", "machine"))
    assert (sheet.name, machine.name) == ("month.spreadsheet.csv", "month.machine.csv")
    assert sheet.content.startswith(b"\xef\xbb\xbf")
    assert read(sheet.content.decode("utf-8-sig")) == [
        ["file_profile", "name"],
        ["spreadsheet", "'=1"],
        ["spreadsheet", "Vale"],
    ]
    assert read(machine.content.decode("utf-8")) == [
        ["file_profile", "name"],
        [PROFILE_LABEL["machine"], "=1"],
        [PROFILE_LABEL["machine"], "Vale"],
    ]


def test_headers_are_guarded_too():
    assert b"'=1" in csv_file("month", ("=1",), [], "spreadsheet").content
