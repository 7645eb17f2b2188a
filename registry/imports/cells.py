"""One row's cells, read with every problem noted at its column, and what they are judged against. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Final, Generic, TypeVar
from uuid import UUID

import msgspec

from kernel.errors import Invalid, Problem
from registry.imports.files import LONGEST_CELL, LONGEST_NOTE, DateStyle, Row
from registry.time_log.months import Month

T = TypeVar("T")
_ISO: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_US: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?(?: ?([ap])m)?", re.ASCII | re.IGNORECASE)
NOTES: Final = frozenset({"note"})  # may be long, and of several lines
_NUMBER: Final = re.compile(r"\d{1,3}", re.ASCII)


class Book(msgspec.Struct, frozen=True):
    """What is known here. `people`: e-mail or name in small letters -> id, None where two share the name. `patients`:
    record number -> patient; `scored`, `billed` and `met` (of a patient, kind and channel on a day: the clinic's times
    of day): what is on file already."""

    now: datetime
    today: date
    zone: str
    people: Mapping[str, UUID | None]
    patients: Mapping[str, UUID]
    scored: frozenset[tuple[UUID, str, date]] = frozenset()
    billed: frozenset[tuple[UUID, str]] = frozenset()
    met: Mapping[tuple[UUID, str, str, date], frozenset[time]] = msgspec.field(default_factory=dict)


class Judged(msgspec.Struct, Generic[T], frozen=True):
    """`said` None when the row can't be used."""

    line: int
    said: T | None
    problems: tuple[Problem, ...]


class Cells:
    """One row's cells, read with every problem noted at its field."""

    def __init__(self, row: Row, style: DateStyle) -> None:
        self.line = row.line
        self.cells = row.cells
        self.style = style
        self.problems = [Problem(field, reason) for field, reason in row.faults.items()]
        for field, cell in row.cells.items():
            if (wrong := _hostile(cell, note=field in NOTES)) is not None:
                self.wrong(field, wrong)

    def wrong(self, field: str, message: str) -> None:
        if not any(problem.field == field for problem in self.problems):
            self.problems.append(Problem(field, message))

    def text(self, field: str) -> str | None:
        return self.cells.get(field) or None

    def needed(self, field: str) -> str:
        found = self.text(field)
        if found is None:
            self.wrong(field, "is empty")
        return found or ""

    def day(self, field: str, *, needed: bool = False) -> date | None:
        text = self.needed(field) if needed else self.text(field)
        if not text:
            return None
        found = day_of(text, self.style)
        if found is None:
            self.wrong(field, f"is not a date such as {'2026-11-05' if self.style == 'iso' else '11/5/2026'}")
        return found

    def time(self, field: str) -> time | None:
        text = self.text(field)
        if text is None:
            return None
        found = _time_of(text)
        if found is None:
            self.wrong(field, "is not a time of day such as 14:30 or 2:30 PM")
        return found

    def number(self, field: str) -> int | None:
        text = self.text(field)
        if text is None:
            return None
        if _NUMBER.fullmatch(text) is None:
            self.wrong(field, "is not a whole number")
            return None
        return int(text)

    def one_of(self, field: str, otherwise: str, *known: str) -> str:
        text = (self.text(field) or otherwise).casefold()
        for each in known:
            if each.casefold() == text:
                return each
        self.wrong(field, f"must be one of {', '.join(known)}")
        return otherwise

    def month(self, field: str, text: str, latest: Month) -> str | None:
        try:
            month = Month.parse(text)
        except Invalid:
            self.wrong(field, "is not a month such as 2026-11")
            return None
        if month > latest:
            self.wrong(field, "is in the future")
        return str(month)


def _hostile(cell: str, *, note: bool) -> str | None:
    longest, layout = (LONGEST_NOTE, "\r\n\t") if note else (LONGEST_CELL, "")
    if len(cell) > longest:
        return f"is longer than {longest} characters"
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Cf", "Co") and sign not in layout for sign in cell):
        return "holds characters that can't be seen"
    return "is a formula, not a value" if cell[:1] in ("=", "@") else None


def day_of(text: str, style: DateStyle) -> date | None:
    found = (_ISO if style == "iso" else _US).fullmatch(text)
    if found is None:
        return None
    first, second, third = (int(part) for part in found.groups())
    try:
        return date(first, second, third) if style == "iso" else date(third, first, second)
    except ValueError:
        return None


def _time_of(text: str) -> time | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hour, minute, half = int(found[1]), int(found[2]), (found[3] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    hour = hour % 12 + 12 * (half == "p") if half else hour
    return time(hour, minute) if hour < 24 and minute < 60 else None


def judged(
    row: Row,
    parse: Callable[[Cells, Book], T],
    style: DateStyle,
    book: Book,
    seen: dict[str, int],
    key_of: Callable[[Mapping[str, str]], str],
) -> Judged[T]:
    cells = Cells(row, style)
    key = key_of(row.cells)
    if key.strip() and key in seen:
        cells.wrong("mrn", f"is in line {seen[key]} of this file already")
    seen.setdefault(key, row.line)
    said = parse(cells, book)
    return Judged(row.line, None if cells.problems else said, tuple(cells.problems))


def on_file(cells: Cells, book: Book) -> UUID:
    mrn = cells.needed("mrn")
    found = book.patients.get(mrn)
    if mrn and found is None:
        cells.wrong("mrn", "is the record number of nobody here: import the patients first")
    return found or UUID(int=0)
