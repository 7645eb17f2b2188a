"""Bringing in a file. Template `setup/imports.html`.

Gets: `/setup/imports` (mapping: id of a saved one). Posts: `/setup/imports/check` and `/setup/imports` (kind, name,
dates, columns, csv or file with file_name, sheet).
"""

from msgspec import Struct

from staff_console.formats import Moment
from staff_console.formstate import Choice, FormState


class RowVerdict(Struct, frozen=True):
    """`said` is "Can be used" or each column with its reason."""

    line: int
    usable: bool
    said: str


class PastLine(Struct, frozen=True):
    kind: str
    mapping: str
    rows: int
    by: str
    at: Moment


class ImportPage(Struct, frozen=True):
    """`verdicts` None before the file was checked; `ready` when every row can be used. `saved` as (link, label).
    `sheet`: which of a workbook was read."""

    form: FormState
    kinds: tuple[Choice, ...]
    dates: tuple[Choice, ...]
    fields: tuple[tuple[str, str, str], ...]
    saved: tuple[tuple[str, str], ...]
    past: tuple[PastLine, ...]
    sheet: str | None
    verdicts: tuple[RowVerdict, ...] | None
    usable: int
    ready: bool
