"""The case runner: what it finds, and how it names a file it can't read."""

from pathlib import Path

import pytest

from billing.cases import check_cases
from kernel.errors import Invalid

HEADER = "month_type,minutes,rule_set,expected\n"


def file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "cases.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_case_that_comes_out_otherwise_is_reported_with_its_line(tmp_path):
    text = HEADER + "initial,36,cpt_midpoint,99492x1\n\ninitial,36,full_threshold,99492x1\n"
    (found,) = check_cases(file(tmp_path, text))
    assert (found.line, found.minutes, found.rule_set) == (4, 36, "full_threshold@1")
    assert (found.expected, found.got) == ("99492x1", "G2214x1")
    assert "70 minutes" in found.reason_text


@pytest.mark.parametrize(
    "text", ["\ufeff" + HEADER, HEADER.replace("\n", "\r\n"), HEADER.replace(",", " , ")]
)
def test_a_spreadsheets_habits_are_taken(tmp_path, text):
    assert check_cases(file(tmp_path, text + "initial, 36 ,cpt_midpoint,99492x1\r\n")) == []


BAD = [
    ("", "line 1, column month_type"),
    ("month_type,minute,rule_set,expected\n", "line 1, column minutes"),
    ("month_type,minutes,rule_set\n", "line 1, column expected"),
    (HEADER.strip() + ",note\n", "line 1, column note"),
    (HEADER + "first,36,cpt_midpoint,none\n", "line 2, column month_type"),
    (HEADER + "initial,36.5,cpt_midpoint,none\n", "line 2, column minutes"),
    (HEADER + "initial,-1,cpt_midpoint,none\n", "line 2, column minutes"),
    (HEADER + "initial,٣٦,cpt_midpoint,none\n", "line 2, column minutes"),
    (HEADER + "initial,,cpt_midpoint,none\n", "line 2, column minutes"),
    (HEADER + "initial,36,midpoint,none\n", "line 2, column rule_set"),
    (HEADER + "initial,36,cpt_midpoint,\n", "line 2, column expected"),
    (HEADER + "initial,36,cpt_midpoint,99492\n", "line 2, column expected"),
    (HEADER + "initial,36,cpt_midpoint,12345x1\n", "line 2, column expected"),
    (HEADER + "initial,36,cpt_midpoint,99492x0\n", "line 2, column expected"),
    (HEADER + "initial,36,cpt_midpoint\n", "line 2, column expected"),
    (HEADER + "initial,36,cpt_midpoint,99492x1,x\n", "line 2, column 5"),
    (HEADER + "initial,36,cpt_midpoint,99492x1\ninitial,x,cpt_midpoint,none\n", "line 3, column minutes"),
    (HEADER + 'initial,36,"cpt_midpoint,none\n', "line 2, column row"),
    (HEADER, "file: holds no case"),
    (b"\xff\xfe\x00", "file: is not UTF-8"),
]


@pytest.mark.parametrize(("text", "named"), BAD)
def test_a_file_that_can_not_be_read_names_line_and_column(tmp_path, text, named):
    with pytest.raises(Invalid, match=named):
        check_cases(file(tmp_path, text))


def test_a_missing_file_is_named_without_a_traceback(tmp_path):
    with pytest.raises(Invalid, match="file: can't be read"):
        check_cases(tmp_path / "nowhere.csv")
