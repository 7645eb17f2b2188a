"""The statement as a workbook in which no cell is a formula, a link or a date by accident.

Text is written as text whatever it starts with (ASVS 5.0, 1.2.10), characters that XML can't hold are left out,
and nothing of the moment of writing is in the bytes but `made_at`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import xlsxwriter

from billing.export.csv import Cell

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Sheet = tuple[str, Sequence[str], Sequence[Sequence[Cell]]]
LONGEST_CELL: Final = 32_767
# Outside what XML 1.0 can hold: control characters but TAB, LF and CR, surrogates and non-characters.
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TEXT_ONLY: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def workbook(sheets: Sequence[Sheet], made_at: datetime) -> bytes:
    """Sheets as (name, header, rows). Same arguments, same bytes."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, _TEXT_ONLY) as book:
        book.set_properties({"created": made_at.replace(tzinfo=None), "title": "Evenkeel statement"})
        bold = book.add_format({"bold": True})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        amount = book.add_format({"num_format": "0.00"})
        for name, header, rows in sheets:
            sheet = book.add_worksheet(name)
            for place, label in enumerate(header):
                sheet.write_string(0, place, text(label), bold)
            for line, row in enumerate(rows, start=1):
                for place, cell in enumerate(row):
                    _write(sheet, line, place, cell, day, amount)
            sheet.freeze_panes(1, 0)
    return target.getvalue()


def text(value: str) -> str:
    """What a cell can hold of a text."""
    return _NOT_XML.sub("", value)[:LONGEST_CELL]


def _write(
    sheet: xlsxwriter.worksheet.Worksheet, line: int, place: int, cell: Cell, day: object, amount: object
) -> None:
    match cell:
        case None:
            pass
        case str():
            sheet.write_string(line, place, text(cell))
        case Decimal():
            sheet.write_number(line, place, float(cell), amount)
        case int():
            sheet.write_number(line, place, cell)
        case date():
            sheet.write_datetime(line, place, cell, day)
