"""Runs worked cases through the rules: a CSV of month_type, minutes, rule_set and the lines expected."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, get_args

import msgspec

from billing import codes
from billing.month_types import MonthType
from billing.rule_sets import RuleSet, newest, shipped
from billing.rules import lines_for
from kernel.errors import Invalid

COLUMNS: Final = ("month_type", "minutes", "rule_set", "expected")
_MONTH_TYPES: Final[tuple[MonthType, ...]] = get_args(MonthType)
_LINE: Final = re.compile(r"([0-9A-Z]{5})x([1-9][0-9]{0,2})")


class Case(msgspec.Struct, frozen=True):
    """`line` is the line of the file the case ends on, the header being line 1."""

    line: int
    month_type: MonthType
    minutes: int
    rule_set: RuleSet
    expected: str


class Mismatch(msgspec.Struct, frozen=True):
    line: int
    month_type: MonthType
    minutes: int
    rule_set: str
    expected: str
    got: str
    reason_text: str


def check_cases(path: Path | str, rule_sets: Mapping[str, RuleSet] | None = None) -> list[Mismatch]:
    """The cases whose lines differ from those expected, in file order. `rule_set` names a rule id
    (`cpt_midpoint@1`) or an id, which stands for its highest version.

    Raises Invalid naming the line and the column of the first header or row that can't be read."""
    return [
        Mismatch(
            line=case.line,
            month_type=case.month_type,
            minutes=case.minutes,
            rule_set=case.rule_set.rule_id,
            expected=case.expected,
            got=got.text,
            reason_text=got.reason_text,
        )
        for case in read_cases(path, rule_sets)
        if (got := lines_for(case.month_type, case.minutes, case.rule_set)).text != case.expected
    ]


def read_cases(path: Path | str, rule_sets: Mapping[str, RuleSet] | None = None) -> list[Case]:
    """Every case of the file; blank lines are passed over. Raises Invalid as `check_cases` does, also when
    the file can't be opened or holds no case."""
    known = tuple((shipped() if rule_sets is None else rule_sets).values())
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            cases = list(_cases(file, known))
    except UnicodeDecodeError as error:
        raise Invalid.field("file", "is not UTF-8 text") from error
    except OSError as error:
        raise Invalid.field("file", f"can't be read ({error.strerror})") from error
    if not cases:
        raise Invalid.field("file", "holds no case")
    return cases


def _cases(text: Iterable[str], rule_sets: tuple[RuleSet, ...]) -> Iterator[Case]:
    rows = _rows(text)
    _check_header(next(rows, (1, [])))
    for line, cells in rows:
        if any(cell.strip() for cell in cells):
            yield _case(line, cells, rule_sets)


def _rows(text: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise _wrong(reader.line_num, "row", f"not readable as CSV: {error}") from error


def _check_header(row: tuple[int, list[str]]) -> None:
    line, cells = row
    for place, column in enumerate(COLUMNS):
        found = cells[place].strip() if place < len(cells) else ""
        if found != column:
            raise _wrong(line, column, f"the header must read {','.join(COLUMNS)}")
    if len(cells) > len(COLUMNS):
        raise _wrong(line, cells[len(COLUMNS)].strip() or "(unnamed)", "is one column too many")


def _case(line: int, cells: list[str], rule_sets: tuple[RuleSet, ...]) -> Case:
    if len(cells) < len(COLUMNS):
        raise _wrong(line, COLUMNS[len(cells)], "is missing")
    if len(cells) > len(COLUMNS):
        raise _wrong(line, f"{len(COLUMNS) + 1}", "is one column too many")
    kind, minutes, name, expected = (cell.strip() for cell in cells)
    return Case(
        line=line,
        month_type=_month_type(line, kind),
        minutes=_minutes(line, minutes),
        rule_set=_rule_set(line, name, rule_sets),
        expected=_expected(line, expected),
    )


def _month_type(line: int, text: str) -> MonthType:
    for known in _MONTH_TYPES:
        if text == known:
            return known
    raise _wrong(line, "month_type", f"must be one of {', '.join(_MONTH_TYPES)}")


def _minutes(line: int, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise _wrong(line, "minutes", "must be a whole number of minutes from 0 to 99999")
    return int(text)


def _rule_set(line: int, name: str, rule_sets: Iterable[RuleSet]) -> RuleSet:
    found = newest(rule_sets, name)
    if found is None:
        raise _wrong(line, "rule_set", "is not a known rule set")
    return found


def _expected(line: int, text: str) -> str:
    if text == "none":
        return text
    found = [_LINE.fullmatch(part) for part in text.split(";")]
    if not all(part is not None and codes.find(part[1]) is not None for part in found):
        raise _wrong(line, "expected", "must be none, or lines such as 99492x1;99494x2")
    return text


def _wrong(line: int, column: str, message: str) -> Invalid:
    return Invalid.field(f"line {line}, column {column}", message)
