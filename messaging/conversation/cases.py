"""A clinic's own examples of replies, checked against the parser before anyone is texted."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from messaging.conversation.meaning import Context, UnknownContext, parse_context
from messaging.conversation.replies import default_labels, understand

COLUMNS: Final = ("text", "language", "context", "expected")
LANGUAGES: Final = ("en", "es")


class InvalidCases(ValueError):
    """A file that can't be checked; the message names the line and the column, never the text."""


class Mismatch(msgspec.Struct, frozen=True):
    line: int  # where the row begins; the header is line 1
    context: str
    expected: str
    got: str


class _Row(NamedTuple):
    line: int
    text: str
    language: str
    context: Context
    context_name: str
    expected: str


def check_cases(path: Path) -> list[Mismatch]:
    """Rows whose result differs from `expected`, in file order; empty when all agree.

    The file is UTF-8 CSV with the header text,language,context,expected. Raises InvalidCases for anything
    that is not, and OSError when the file can't be read.
    """
    labels = default_labels()
    mismatches = []
    for row in _rows(_content(path)):
        got = understand(row.text, context=row.context, language=row.language, labels=labels).notation
        if got != row.expected:
            mismatches.append(Mismatch(row.line, row.context_name, row.expected, got))
    return mismatches


def _content(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidCases(f"line {line}: the file is not UTF-8") from None


def _rows(content: str) -> Iterator[_Row]:
    reader = csv.reader(content.splitlines(keepends=True), strict=True)
    line = 1
    try:
        header = next(reader, [])
        _check_header(header)
        line = reader.line_num + 1
        for cells in reader:
            if cells:  # a blank line is no row
                yield _row(cells, line)
            line = reader.line_num + 1
    except csv.Error:
        raise InvalidCases(f"line {line}: not a CSV row; is a quotation mark left open?") from None


def _check_header(header: list[str]) -> None:
    for place, name in enumerate(COLUMNS, start=1):
        found = header[place - 1] if place <= len(header) else ""
        if found != name:
            raise InvalidCases(f"line 1, column {place}: the header says {found!r} where {name!r} belongs")
    if len(header) > len(COLUMNS):
        raise InvalidCases(f"line 1, column {len(COLUMNS) + 1}: there are only {len(COLUMNS)} columns")


def _row(cells: list[str], line: int) -> _Row:
    if len(cells) < len(COLUMNS):
        raise InvalidCases(f"line {line}, column {COLUMNS[len(cells)]}: missing")
    if len(cells) > len(COLUMNS):
        raise InvalidCases(f"line {line}: {len(cells)} cells; a text with a comma needs quotation marks")
    text, language, context_name, expected = cells
    if language not in LANGUAGES:
        raise InvalidCases(f"line {line}, column language: {language!r} is none of {', '.join(LANGUAGES)}")
    if not expected:
        raise InvalidCases(f"line {line}, column expected: empty")
    try:
        context = parse_context(context_name)
    except UnknownContext as error:
        raise InvalidCases(f"line {line}, column context: {error}") from None
    return _Row(line, text, language, context, context_name, expected)
