"""From the bytes of an Excel workbook (.xlsx) to the lines of one sheet. Work for a thread: a full sheet takes seconds.

What a cell says is what its CSV would say: whole numbers without a decimal point, record numbers with the zeros that
their format shows, dates as dates. A value that can't be known is a `Fault` and never blank.
"""

from __future__ import annotations

import io
import math
import re
import warnings
import zipfile
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import repeat
from operator import is_not
from typing import Any, Final, NamedTuple

from kernel.errors import Invalid
from registry.imports.lines import MAX_COLUMNS, Cell, Fault, Line, refuse_more

ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"
_PROTECTED: Final = "EncryptedPackage".encode("utf-16-le")
# A workbook is a zip of XML: what it may become unpacked is bounded before any of it is parsed.
MAX_UNPACKED: Final = 48 * 1024 * 1024
MOST_PARTS: Final = 1000
MOST_TAGS: Final = 2_000_000
MOST_TAGS_A_ROW: Final = 100_000  # a row is held whole while it is parsed
LAST_ROW: Final = 1_048_576  # Excel's own
_CHUNK: Final = 64 * 1024
_PLAIN_ZIP: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[ />]")
_ROW: Final = re.compile(rb"<(?:\w+:)?row[ />]")
_ERRORS: Final = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"})
_UNSHOWN: Final = re.compile(r"\[[^\]]*\]|_.|\*.")  # colours and conditions, and the width of a sign
MOST_EXACT: Final = 10**15  # Excel keeps 15 digits


class Sheet(NamedTuple):
    """`usual`: the first one that is shown, which is read when none is named."""

    title: str
    usual: bool
    lines: tuple[Line, ...]


def refuse_old(content: bytes) -> None:
    """Raises Invalid for what Excel wrote before 2007, and for a workbook behind a password: both come in its wrapping."""
    if content.startswith(_OLE):
        raise Invalid.field(
            "file",
            "is protected by a password: save a copy without one"
            if _PROTECTED in content
            else "is in Excel's old format (.xls): save it as an Excel workbook (.xlsx)",
        )


def sheet_of(content: bytes, name: str | None) -> Sheet:
    """Of the sheet of that name, hidden or not; without one, of the first sheet that is shown. Raises Invalid for a
    file that is no workbook, is damaged, or is larger than is read."""
    formulas = _weighed(content)
    # openpyxl tells of each extension that it passes over, and of dates out of range with their values.
    warnings.filterwarnings("ignore", module=r"openpyxl\.")
    try:
        return _read(content, name, formulas)
    except Invalid:
        raise
    except Exception:  # whatever a damaged file makes the parsers raise
        raise _unreadable() from None


def _unreadable() -> Invalid:
    return Invalid.field("file", "can't be read as an Excel workbook (.xlsx)")


def _weighed(content: bytes) -> bool:
    """Raises Invalid for more than is read; tells whether any sheet has formulas."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
                raise _too_much()
            if any(part.flag_bits & 1 for part in parts):
                raise Invalid.field("file", "is protected by a password: save a copy without one")
            if any(part.compress_type not in _PLAIN_ZIP for part in parts):
                raise _unreadable()
            return _tags_weighed(
                archive, [part for part in parts if part.filename.endswith((".xml", ".rels"))]
            )
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError):
        raise _unreadable() from None


def _too_much() -> Invalid:
    return Invalid.field("file", "is too large unpacked: keep the one sheet in a workbook of its own")


def _tags_weighed(archive: zipfile.ZipFile, parts: Collection[zipfile.ZipInfo]) -> bool:
    tags, formulas = 0, False
    for part in parts:
        sheet, row, tail = "worksheets/" in part.filename, 0, b""
        with archive.open(part) as source:
            while chunk := source.read(_CHUNK):
                of_rows = [piece.count(b"<") for piece in _ROW.split(chunk)]
                of_rows[0] += row
                row, tags = of_rows[-1], tags + chunk.count(b"<")
                if tags > MOST_TAGS or (sheet and max(of_rows) > MOST_TAGS_A_ROW):
                    raise _too_much()
                formulas = formulas or (sheet and _FORMULA.search(tail + chunk) is not None)
                tail = chunk[-32:]
    return formulas


def _read(content: bytes, name: str | None, formulas: bool) -> Sheet:
    book = _opened(content, values=True)
    chosen, usual = _chosen(book, name)
    places = _formulas(content, chosen.title) if formulas else frozenset()
    found: list[Line] = []
    for number, row in _rows(chosen):
        line = Line(number, _trimmed([_cell(cell, places, number, at) for at, cell in enumerate(row, 1)]))
        if line.blank:
            continue
        if len(line.cells) > MAX_COLUMNS:
            raise Invalid.field("file", f"holds more than {MAX_COLUMNS} columns")
        found.append(line)
        refuse_more(len(found) - 1)
    return Sheet(chosen.title, usual, tuple(found))


def _trimmed(cells: list[Cell]) -> tuple[Cell, ...]:
    while cells and cells[-1] == "":
        cells.pop()
    return tuple(cells)


def _opened(content: bytes, *, values: bool) -> Any:
    from openpyxl import load_workbook  # not before a workbook comes: it would cost every start

    return load_workbook(io.BytesIO(content), read_only=True, data_only=values, keep_links=False)


def _chosen(book: Any, name: str | None) -> tuple[Any, bool]:
    shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if name is None:
        if not shown:
            raise Invalid.field("file", "shows no sheet")
        return shown[0], True
    for sheet in book.worksheets:
        if sheet.title.strip().casefold() == name.strip().casefold():
            return sheet, sheet in shown[:1]
    raise Invalid.field("sheet", "is the name of no sheet in the workbook")


def _rows(sheet: Any) -> Iterator[tuple[int, Sequence[Any]]]:
    """Row number and cells of rows that have any, one cell more than may be used. The size that a sheet gives of itself
    is not believed."""
    sheet.reset_dimensions()
    blank: object = None
    for number, row in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1), 1):
        if number > LAST_ROW:
            raise _unreadable()
        # Missing cells are one and the same, and so are missing rows: a sheet may have a million of them.
        if row is blank:
            continue
        if any(map(is_not, row, repeat(row[-1]))):
            yield number, row
        else:
            blank = row


def _formulas(content: bytes, title: str) -> frozenset[tuple[int, int]]:
    sheet = _opened(content, values=False)[title]
    return frozenset(
        (number, at)
        for number, row in _rows(sheet)
        for at, cell in enumerate(row, 1)
        if cell.data_type == "f"
    )


def _cell(cell: Any, formulas: Collection[tuple[int, int]], row: int, column: int) -> Cell:
    value, kind = cell.value, cell.data_type
    if kind == "e":
        return _fault(f"holds the error {value if value in _ERRORS else 'of a formula'}", row, column)
    if value is None:
        # A formula that came to an empty text was saved as one.
        if kind != "str" and (row, column) in formulas:
            return _fault("is a formula that was saved without its value", row, column)
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found = number_text(value, cell.number_format)
        return _fault(found.reason, row, column) if isinstance(found, Fault) else found
    return _plain(value)


def _fault(reason: str, row: int, column: int) -> Fault:
    letters = ""
    while column:
        column, at = divmod(column - 1, 26)
        letters = chr(ord("A") + at) + letters
    return Fault(f"{reason} (cell {letters}{row})")


def _plain(value: object) -> Cell:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case datetime():
            bare = value.time() == time()
            return value.date() if bare else f"{value.date().isoformat()} {_clock(value.time())}"
        case date():
            return value
        case time():
            return _clock(value)
        case timedelta():
            return str(value)
        case _:
            return str(value).replace("_x000D_", "").strip()


def _clock(value: time) -> str:
    return value.isoformat("seconds" if value.second else "minutes")


def number_text(value: float, shown_as: str) -> str | Fault:
    """A number as its cell shows it, but never rounded. `shown_as`: Excel's number format."""
    if not math.isfinite(value) or abs(value) >= MOST_EXACT:
        return Fault("has more digits than Excel keeps: it must be text")
    form = _UNSHOWN.sub("", shown_as.split(";")[0])
    if "%" in form:
        return f"{format(value * 100, '.15g')}%"
    whole = value == int(value)
    digits = form.partition(".")[0].partition("E")[0]
    if whole and value >= 0 and form and not form.strip("0"):
        return str(int(value)).zfill(len(form))
    if digits.count("0") > 1 or '"' in form or "\\" in form:
        return Fault("is a number that its format shows as something else: it must be text")
    return str(int(value)) if whole else format(value, ".15g")
