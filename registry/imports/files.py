"""From the bytes of a CSV file or a workbook, and a mapping of its columns, to rows of text by field. Nothing is
guessed: a file that can't be read whole is refused whole."""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, NamedTuple, assert_never

import msgspec
from msgspec import Meta

from kernel.errors import Invalid, Problem
from registry.imports.lines import MAX_BYTES, Cell, Fault, Line, refuse_more
from registry.imports.workbook import ZIP, refuse_old, sheet_of

ImportKind = Literal["patients", "scores", "contacts", "billed_months"]
DateStyle = Literal["iso", "us"]
WORKBOOKS: Final = frozenset({".xlsx", ".xlsm"})
SPREADSHEETS: Final = WORKBOOKS | {".xls", ".xlsb", ".ods"}
LONGEST_CELL: Final = 300
LONGEST_NOTE: Final = 4000
LONGEST_NAME: Final = 60

# Field -> whether a mapping must name a column for it.
FIELDS: Final[Mapping[ImportKind, Mapping[str, bool]]] = {
    "patients": {
        "mrn": True,
        "family_name": True,
        "given_name": True,
        "birth_date": True,
        "clinician": True,
        "care_manager": True,
        "consultant": True,
        "condition": True,
        "payer": True,
        "consent_on": True,
        "consent_by": True,
        "consent_method": False,
        "consent_wording": False,
        "started_on": False,
        "last_billed": False,
        "phone": False,
        "language": False,
        "zone": False,
        "sex": False,
        "payer_from": False,
        "plan": False,
        "member_id": False,
        "visit_on": False,
        "visit_code": False,
        "referred_by": False,
    },
    "scores": {
        "mrn": True,
        "instrument": True,
        "taken_on": True,
        "total": False,
        "item9": False,
        "language": False,
        **{f"item_{number}": False for number in range(1, 21)},
    },
    "contacts": {
        "mrn": True,
        "on": True,
        "mode": True,
        "outcome": True,
        "by": True,
        "time": False,
        "channel": False,
        "minutes": False,
        "note": False,
        "next_on": False,
        "next_time": False,
        "next_mode": False,
        "next_purpose": False,
    },
    "billed_months": {"mrn": True, "month": True, "month_type": False},
}


class ColumnMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`columns`: field -> heading of its column. `dates` are written 2026-11-05 (`iso`) or 11/5/2026 (`us`)."""

    name: Annotated[str, Meta(max_length=LONGEST_NAME)]
    columns: dict[str, str]
    dates: DateStyle = "iso"


class ImportFile(msgspec.Struct, frozen=True):
    """`digest`: SHA-256 in hex of the file's bytes; of a sheet other than the first shown, of the bytes, a zero byte
    and the sheet's name, because one workbook may hold several tables. `lines`: the heading first. `sheet`: of a workbook, which one was read."""

    digest: str
    lines: tuple[Line, ...]
    sheet: str | None = None


class Row(NamedTuple):
    """`line` as an editor counts it, where the row ends; in a workbook the sheet's row. `cells` by field, blank where
    the file says nothing; `faults` by field, of cells whose value can't be known."""

    line: int
    cells: Mapping[str, str]
    faults: Mapping[str, str] = {}


def check_mapping(kind: ImportKind, mapping: ColumnMapping) -> list[Problem]:
    """Every fault of a mapping, each naming its field."""
    known = FIELDS[kind]
    found = [] if mapping.name.strip() else [Problem("name", "is needed")]
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in mapping.name):
        found.append(Problem("name", "holds characters that can't be seen"))
    found += [
        Problem(f"columns.{field}", f"is no field of {kind.replace('_', ' ')}")
        for field in mapping.columns
        if field not in known
    ]
    found += [
        Problem(f"columns.{field}", "is needed: which column holds it?")
        for field, needed in known.items()
        if needed and not mapping.columns.get(field, "").strip()
    ]
    if kind == "scores" and not {"total", "item_1"} & set(mapping.columns):
        found.append(Problem("columns.total", "is needed, or the items from item_1 on"))
    return found


def read_file(content: bytes, *, name: str = "", sheet: str | None = None) -> ImportFile:
    """Work for a thread. `name` as the file is called, where it has one: its ending must tell the truth. `sheet`: of a
    workbook, or the first that is shown.

    A text has commas, semicolons or tabs, whichever the heading has most of, in UTF-8 with or without a mark. Raises
    Invalid for a file that can't be read.
    """
    if len(content) > MAX_BYTES:
        raise Invalid.field("file", f"is larger than {MAX_BYTES // 1024 // 1024} MB")
    refuse_old(content)
    workbook, ending = content.startswith(ZIP), PurePath(name).suffix.lower()
    if not workbook and ending in SPREADSHEETS:
        raise Invalid.field("file", f"is named {ending} but is no Excel workbook")
    if workbook and ending and ending not in WORKBOOKS:
        raise Invalid.field("file", f"is named {ending} but is no text: an Excel workbook is named .xlsx")
    digest = hashlib.sha256(content)
    if not workbook:
        if sheet:
            raise Invalid.field("sheet", "can be named of a workbook alone")
        return ImportFile(digest.hexdigest(), _lines(content))
    found = sheet_of(content, sheet or None)
    if not found.usual:
        digest.update(b"\0" + found.title.encode())
    return ImportFile(digest.hexdigest(), found.lines, found.title)


def rows_of(file: ImportFile, kind: ImportKind, mapping: ColumnMapping) -> tuple[Row, ...]:
    """Raises Invalid for a mapping or a file that can't be used."""
    problems = check_mapping(kind, mapping)
    if problems:
        raise Invalid(*problems)
    headings = file.lines[0].cells if file.lines else ()
    places = _places(headings, mapping)
    if len(file.lines) < 2:
        raise Invalid.field("file", "holds no row below the heading")
    return tuple(_row(line, places, mapping.dates) for line in file.lines[1:])


def _lines(content: bytes) -> tuple[Line, ...]:
    text = _text(content)
    heading = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=heading.count), strict=True)
    try:
        return tuple(_filled(reader))
    except csv.Error as error:
        raise Invalid.field("file", f"line {reader.line_num} can't be read as CSV: {error}") from None


def _filled(reader: Any) -> Iterator[Line]:
    """The first line whatever it holds, and those below it that hold something."""
    yield Line(1, tuple(next(reader, [])))
    rows = 0
    for cells in reader:
        line = Line(reader.line_num, tuple(cells))
        if not line.blank:
            rows += 1
            refuse_more(rows)
            yield line


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid.field("file", "is not UTF-8: save it as CSV UTF-8") from None


def _places(headings: Sequence[Cell], mapping: ColumnMapping) -> dict[str, int]:
    names = [_shown(cell, mapping.dates).casefold() for cell in headings]
    places: dict[str, int] = {}
    problems = []
    for field, heading in mapping.columns.items():
        wanted = heading.strip().casefold()
        if not wanted:
            continue
        if names.count(wanted) != 1:
            count = "no column" if wanted not in names else "more than one column"
            problems.append(Problem("file", f"{count} is headed as the mapping says for {field}"))
        else:
            places[field] = names.index(wanted)
    if problems:
        raise Invalid(*problems)
    return places


def _row(line: Line, places: Mapping[str, int], style: DateStyle) -> Row:
    found = {field: line.cells[at] if at < len(line.cells) else "" for field, at in places.items()}
    faults = {field: cell.reason for field, cell in found.items() if isinstance(cell, Fault)}
    return Row(line.number, {field: _shown(cell, style) for field, cell in found.items()}, faults)


def _shown(cell: Cell, style: DateStyle) -> str:
    match cell:
        case str():
            return cell.strip()
        case date():
            return cell.isoformat() if style == "iso" else f"{cell.month}/{cell.day}/{cell.year}"
        case Fault():
            return ""
        case _ as never:
            assert_never(never)
