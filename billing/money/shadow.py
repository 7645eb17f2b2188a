"""Shadow month: a clinic's own bill beside ours, each difference explained. Nothing of the bill is stored."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from billing import codes
from billing.statement.rules import StatementRow
from kernel.errors import Invalid, Problem
from registry.time_log.reasons import REASON_TEXT

COLUMNS: Final = ("mrn", "code", "units")
MOST_ROWS: Final = 20_000
MOST_PROBLEMS: Final = 20
_CODE: Final = re.compile(r"[A-Z0-9]{5}", re.ASCII)
_UNITS: Final = re.compile(r"[1-9][0-9]?", re.ASCII)

Bill = Mapping[str, Mapping[str, int]]  # record number -> code -> units


class Difference(msgspec.Struct, frozen=True):
    """`patient_id` is empty for a record number nobody here has. `theirs` and `ours` are lines as `99492x1`."""

    patient_id: str
    name: str
    mrn: str
    kind: Literal["only_theirs", "only_ours", "other_lines", "unknown_patient"]
    theirs: str
    ours: str
    why: str


class Shadow(msgspec.Struct, frozen=True):
    agreeing: int
    differences: tuple[Difference, ...]


def read(text: str) -> Bill:
    """A CSV with the columns mrn, code, units in any order and others beside them. Units of the same patient and
    code add up. Raises Invalid naming line and column, up to twenty problems at once."""
    rows = csv.reader(io.StringIO(text.lstrip("\ufeff")))
    try:
        header = [name.strip().casefold() for name in next(rows, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise Invalid.field("csv", f"the header lacks {', '.join(missing)}")
        return _bill(rows, {name: header.index(name) for name in COLUMNS})
    except csv.Error as error:
        raise Invalid.field("csv", f"line {rows.line_num} is not readable as CSV: {error}") from error


def _bill(rows: Iterable[list[str]], place: Mapping[str, int]) -> Bill:
    bill: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    problems: list[Problem] = []
    for line, cells in enumerate(rows, start=2):
        if line > MOST_ROWS + 1:
            raise Invalid.field("csv", f"holds more than {MOST_ROWS} rows")
        if not any(cell.strip() for cell in cells):
            continue
        given = {name: cells[at].strip() if at < len(cells) else "" for name, at in place.items()}
        wrong = _wrong(given)
        if wrong is not None:
            problems.append(Problem("csv", f"line {line}, {wrong}"))
            if len(problems) == MOST_PROBLEMS:
                break
        else:
            bill[given["mrn"]][given["code"].upper()] += int(given["units"])
    if problems:
        raise Invalid(*problems)
    return bill


def _wrong(given: Mapping[str, str]) -> str | None:
    if not given["mrn"]:
        return "mrn: is empty"
    if _CODE.fullmatch(given["code"].upper()) is None:
        return "code: needs five letters or digits"
    if _UNITS.fullmatch(given["units"]) is None:
        return "units: needs a whole number from 1 to 99"
    return None


def compare(bill: Bill, rows: Iterable[StatementRow]) -> Shadow:
    """Codes of collaborative care and general integration only: a bill holds other services too."""
    ours = {row.facts.mrn: row for row in rows if row.facts.mrn}
    unnumbered = [row for row in rows if not row.facts.mrn and row.lines]
    theirs = {mrn: _known(lines) for mrn, lines in bill.items()}
    found: list[Difference] = []
    agreeing = 0
    for mrn in sorted({*ours, *theirs}):
        row, billed = ours.get(mrn), theirs.get(mrn, {})
        if row is None:
            if billed:
                found.append(_unknown(mrn, billed))
        elif _lines(row) == billed:
            agreeing += 1
        else:
            found.append(_differs(row, billed))
    found += [_differs(row, {}) for row in unnumbered]
    return Shadow(agreeing, tuple(found))


def _known(lines: Mapping[str, int]) -> dict[str, int]:
    return {code: units for code, units in lines.items() if codes.find(code) is not None}


def _lines(row: StatementRow) -> dict[str, int]:
    return {line.code: line.units for line in row.lines}


def _text(lines: Mapping[str, int]) -> str:
    return ";".join(f"{code}x{lines[code]}" for code in sorted(lines)) or "none"


def _unknown(mrn: str, billed: Mapping[str, int]) -> Difference:
    why = "No patient with time in this month has this record number."
    return Difference("", "", mrn, "unknown_patient", _text(billed), "none", why)


def _differs(row: StatementRow, billed: Mapping[str, int]) -> Difference:
    facts, mine = row.facts, _lines(row)
    kind: Literal["only_theirs", "only_ours", "other_lines"] = (
        "only_ours" if not billed else "only_theirs" if not mine else "other_lines"
    )
    return Difference(
        facts.patient_id,
        f"{facts.family_name}, {facts.given_name}",
        facts.mrn or "",
        kind,
        _text(billed),
        _text(mine),
        " ".join(_why(row, billed, mine)),
    )


def _why(row: StatementRow, billed: Mapping[str, int], mine: Mapping[str, int]) -> list[str]:
    """Which codes differ, what ours rest on, what did not count, and what holds the line."""
    said = [
        f"{code}: billed {billed.get(code, 0)}, ours {mine.get(code, 0)}."
        for code in sorted({*billed, *mine})
        if billed.get(code, 0) != mine.get(code, 0)
    ]
    if {"99492", "99493"} & set(billed) != {"99492", "99493"} & set(mine) and row.month_type:
        said.append(f"Ours is {row.month_type}: {row.month_type_reason}")
    said.append(f"{row.minutes} {'minute' if row.minutes == 1 else 'minutes'} counted under {row.rule_id}.")
    said += [
        f"{seconds // 60} min not counted: {REASON_TEXT[reason]}"
        for reason, seconds in row.excluded_seconds.items()
    ]
    said.append(row.decision_text)
    said += [f"On hold: {note.words}" for note in row.holds]
    return said
