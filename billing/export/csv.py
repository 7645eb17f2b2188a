"""CSV as RFC 4180 writes it, guarded against cells a spreadsheet would run.

Guard: OWASP ASVS 5.0, 1.2.10 and OWASP, CSV Injection (a cell that starts a formula, and text that starts
one once a separator or a quote inside it opens a new cell). Phone numbers and the like begin with `+`, so a
clearing house gets a second, unguarded profile, and each file says in its first column which it is.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal, assert_never

import msgspec

Cell = str | int | Decimal | date | None
Profile = Literal["spreadsheet", "machine"]

PROFILE_COLUMN: Final = "file_profile"
PROFILE_LABEL: Final[dict[Profile, str]] = {
    "spreadsheet": "spreadsheet",
    "machine": "machine - do not open in a spreadsheet",
}

# What a spreadsheet may skip before it looks for a formula: blanks of any width, quotes, byte-order marks.
_SKIPPED: Final = "[\\s\"'`\u2018\u2019\u201c\u201d\ufeff\ufffe\u200b-\u200f\u2060\x00-\x20]*"
_STARTS: Final = "=+\\-@|%\uff1d\uff0b\uff0d\uff20\u2212\ufe62\ufe63\ufe66\ufe6b"
_FORMULA: Final = re.compile(f"{_SKIPPED}[{_STARTS}]")
_CONTROL_START: Final = re.compile("[\t\r\n\x00\ufeff]")
# A separator inside the text, then the start of a formula: with another separator setting, a new cell.
_INNER: Final = re.compile(f"([,;\t\r\n\x00]{_SKIPPED})(?=[{_STARTS}])")
_MUST_QUOTE: Final = re.compile("[\",;\t\r\n\x00']|^\\s|\\s$")


class CsvFile(msgspec.Struct, frozen=True):
    name: str
    media_type: str
    content: bytes


def csv_file(stem: str, header: Sequence[str], rows: Iterable[Sequence[Cell]], profile: Profile) -> CsvFile:
    """A labelled file: `stem` gets the profile's name, every row its label. UTF-8; the spreadsheet profile
    begins with a byte-order mark, without which spreadsheets misread accents. Same rows, same bytes.
    Raises ValueError when a row is not as wide as the header, TypeError for a truth value, a moment or NaN."""
    label = PROFILE_LABEL[profile]
    text = written([(PROFILE_COLUMN, *header), *((label, *row) for row in rows)], profile)
    mark = "\ufeff" if profile == "spreadsheet" else ""
    return CsvFile(
        name=f"{stem}.{profile}.csv",
        media_type="text/csv; charset=utf-8; header=present",
        content=(mark + text).encode("utf-8"),
    )


def written(rows: Sequence[Sequence[Cell]], profile: Profile) -> str:
    """Rows as RFC 4180 text: comma, CRLF after every row, quotes doubled. Numbers and dates are written bare
    (a minus sign there is a number's), text is guarded in the spreadsheet profile."""
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ValueError("row: every row must be as wide as the header")
    return "".join(",".join(_field(cell, profile) for cell in row) + "\r\n" for row in rows)


def guarded(text: str) -> str:
    """The text with `'` before anything a spreadsheet would take as the start of a formula."""
    inner = _INNER.sub(r"\1'", text)
    return f"'{inner}" if _FORMULA.match(text) or _CONTROL_START.match(text) else inner


def _field(cell: Cell, profile: Profile) -> str:
    if isinstance(cell, bool | datetime):
        raise TypeError("cell: give yes or no as text and a moment as text with its zone")
    match cell:
        case None:
            return ""
        case str():
            return _quoted(guarded(cell) if profile == "spreadsheet" else cell)
        case int():
            return str(cell)
        case Decimal():
            return _number(cell)
        case date():
            return cell.isoformat()
        case _:
            assert_never(cell)


def _number(cell: Decimal) -> str:
    if not cell.is_finite():
        raise TypeError("cell: a number must be finite")
    return format(cell, "f")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _MUST_QUOTE.search(text) else text
