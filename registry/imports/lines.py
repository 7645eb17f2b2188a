"""What any file becomes before its columns are mapped: numbered lines of cells."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

import msgspec

from kernel.errors import Invalid

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_ROWS: Final = 5000
MAX_COLUMNS: Final = 200


class Fault(msgspec.Struct, frozen=True):
    """A cell whose value can't be known, and why; the reason ends with the cell's place."""

    reason: str


# A date stays one until the mapping says how dates are written: a workbook's own dates have no spelling.
Cell = str | date | Fault


class Line(NamedTuple):
    """`number` as an editor counts it, where the line ends; in a workbook the sheet's row."""

    number: int
    cells: tuple[Cell, ...]

    @property
    def blank(self) -> bool:
        return not any(cell.strip() if isinstance(cell, str) else True for cell in self.cells)


def refuse_more(rows: int) -> None:
    """`rows` below the heading."""
    if rows > MAX_ROWS:
        raise Invalid.field("file", f"holds more than {MAX_ROWS} rows")
