"""From the bytes of a CSV file and a mapping of its columns to rows of text by field. Nothing is guessed: a file that
can't be read whole is refused whole."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from kernel.errors import Invalid, Problem

ImportKind = Literal["patients", "scores", "contacts", "billed_months"]
DateStyle = Literal["iso", "us"]
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_ROWS: Final = 5000
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


class Row(NamedTuple):
    """`line` as an editor counts it, where the row ends; `cells` by field, blank where the file says nothing."""

    line: int
    cells: Mapping[str, str]


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


def rows_of(content: bytes, kind: ImportKind, mapping: ColumnMapping) -> tuple[Row, ...]:
    """Raises Invalid for a mapping or a file that can't be used; empty rows are passed over.

    Commas, semicolons or tabs separate, whichever the heading has most of. UTF-8, with or without a mark.
    """
    problems = check_mapping(kind, mapping)
    if problems:
        raise Invalid(*problems)
    text = _text(content)
    heading = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=heading.count), strict=True)
    try:
        places = _places(next(reader, []), mapping)
        return tuple(_rows(((reader.line_num, cells) for cells in reader), places))
    except csv.Error as error:
        raise Invalid.field("csv", f"line {reader.line_num} can't be read as CSV: {error}") from None


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise Invalid.field("csv", f"is larger than {MAX_BYTES // 1024 // 1024} MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid.field("csv", "is not UTF-8: save it as CSV UTF-8") from None


def _places(headings: Sequence[str], mapping: ColumnMapping) -> dict[str, int]:
    names = [name.strip().casefold() for name in headings]
    places: dict[str, int] = {}
    problems = []
    for field, heading in mapping.columns.items():
        wanted = heading.strip().casefold()
        if not wanted:
            continue
        if names.count(wanted) != 1:
            count = "no column" if wanted not in names else "more than one column"
            problems.append(Problem("csv", f"{count} is headed as the mapping says for {field}"))
        else:
            places[field] = names.index(wanted)
    if problems:
        raise Invalid(*problems)
    return places


def _rows(lines: Iterable[tuple[int, list[str]]], places: Mapping[str, int]) -> list[Row]:
    found: list[Row] = []
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(found) == MAX_ROWS:
            raise Invalid.field("csv", f"holds more than {MAX_ROWS} rows")
        given = {field: cells[at].strip() if at < len(cells) else "" for field, at in places.items()}
        found.append(Row(line, given))
    if not found:
        raise Invalid.field("csv", "holds no row below the heading")
    return found
