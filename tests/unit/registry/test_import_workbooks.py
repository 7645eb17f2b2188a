"""What a workbook's cells say, and why a file is refused before any of it is believed."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from openpyxl.chart import BarChart
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from kernel.errors import Invalid
from registry.imports.files import ColumnMapping, DateStyle, Row, read_file, rows_of
from registry.imports.lines import MAX_BYTES, MAX_COLUMNS, MAX_ROWS, Fault
from registry.imports.workbook import MAX_UNPACKED, MOST_TAGS, MOST_TAGS_A_ROW, number_text

HEADINGS = ["Chart", "Month", "Type"]
MONTHS = ColumnMapping("bills", {"mrn": "Chart", "month": "Month", "month_type": "Type"})


def workbook(*rows: list[Any], change: Callable[[openpyxl.Workbook], None] = lambda book: None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    change(book)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def rows(content: bytes, dates: DateStyle = "iso", sheet: str | None = None) -> list[Row]:
    mapping = ColumnMapping("bills", MONTHS.columns, dates)
    return list(rows_of(read_file(content, name="bills.xlsx", sheet=sheet), "billed_months", mapping))


def reason(content: bytes, name: str = "bills.xlsx", sheet: str | None = None) -> str:
    with pytest.raises(Invalid) as refused:
        rows_of(read_file(content, name=name, sheet=sheet), "billed_months", MONTHS)
    [problem] = refused.value.problems
    return f"{problem.field} {problem.message}"


@pytest.mark.parametrize(
    ("value", "shown_as", "text"),
    [
        (12, "General", "12"),
        (12.0, "General", "12"),
        (12.5, "0", "12.5"),
        (0.1 + 0.2, "General", "0.3"),
        (-3.0, "0;[Red]-0", "-3"),
        (1234567.0, "#,##0", "1234567"),
        (12.0, "0_);\\(0\\)", "12"),
        (0.07, "0%", "7%"),
        (0.125, "0.0%", "12.5%"),
        (417.0, "000000", "000417"),
        (12.0, "@", "12"),
        (2065550123.0, "[<=9999999]###-####;(###) ###-####", "2065550123"),
        (999_999_999_999_999.0, "0", "999999999999999"),
    ],
)
def test_a_number_reads_as_its_cell_shows_it_and_is_never_rounded(
    value: float, shown_as: str, text: str
) -> None:
    assert number_text(value, shown_as) == text


@pytest.mark.parametrize(
    ("value", "shown_as"),
    [(1e15, "0"), (float("inf"), "General"), (12345.0, "000-00-0000"), (7.0, '"MRN "0'), (7.0, "\\A0")],
)
def test_a_number_that_shows_as_something_else_is_not_guessed(value: float, shown_as: str) -> None:
    assert isinstance(number_text(value, shown_as), Fault)


@pytest.mark.parametrize(
    ("value", "iso", "us"),
    [
        (date(2026, 11, 5), "2026-11-05", "11/5/2026"),
        (datetime(2026, 11, 5), "2026-11-05", "11/5/2026"),
        (datetime(2026, 11, 5, 14, 30), "2026-11-05 14:30", "2026-11-05 14:30"),
        (time(14, 30), "14:30", "14:30"),
        (time(14, 30, 5), "14:30:05", "14:30:05"),
        (timedelta(minutes=45), "0:45:00", "0:45:00"),
        (True, "TRUE", "TRUE"),
        (" A1 ", "A1", "A1"),
        ("two_x000D_\nlines", "two\nlines", "two\nlines"),
        ("001", "001", "001"),
    ],
)
def test_a_cell_says_what_its_csv_would_say(value: Any, iso: str, us: str) -> None:
    content = workbook(HEADINGS, ["A1", value, None])
    assert rows(content)[0].cells["month"] == iso
    assert rows(content, "us")[0].cells["month"] == us


def test_a_number_formatted_as_a_date_is_a_date_in_both_systems_of_days() -> None:
    for epoch, serial in ((None, 46331), (CALENDAR_MAC_1904, 46331 - 1462)):

        def formatted(book: openpyxl.Workbook, epoch: Any = epoch, serial: int = serial) -> None:
            if epoch is not None:
                book.epoch = epoch
            cell = book.worksheets[0]["B2"]
            cell.value, cell.number_format = serial, "d mmm yy"

        [row] = rows(workbook(HEADINGS, ["A1", None, "initial"], change=formatted))
        assert row.cells["month"] == "2026-11-05"


def test_a_value_that_cannot_be_known_is_told_with_its_cell_and_is_not_blank() -> None:
    content = workbook(HEADINGS, ["A1", "=DATE(2026,11,5)", None], ["A2", "#N/A", ""])
    first, second = rows(content)
    assert first.cells["month"] == second.cells["month"] == ""
    assert first.faults == {"month": "is a formula that was saved without its value (cell B2)"}
    assert second.faults == {"month": "holds the error #N/A (cell B3)"}
    assert rows(workbook(HEADINGS, [None, None, "=A9"]))[0].faults.keys() == {"month_type"}


def test_a_formula_gives_the_value_it_was_saved_with_and_an_empty_text_is_blank() -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADINGS)
        sheet.write_string(1, 0, "A1")
        sheet.write_formula(1, 1, '="2026-1"&1', value="2026-11")
        sheet.write_formula(1, 2, '=IF(1,"","x")', value="nothing")
    path = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(content) as archive:
        part = archive.read(path).replace(b"<v>nothing</v>", b"<v></v>")  # as Excel writes an empty text
    [row] = rows(changed(content.getvalue(), path, part))
    assert (row.cells["month"], row.cells["month_type"], row.faults) == ("2026-11", "", {})


def test_a_row_keeps_its_number_and_what_is_merged_or_blank_is_passed_over() -> None:
    def shaped(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        sheet.merge_cells("A5:C9")
        sheet["A40"] = "  "
        sheet["Z60"].number_format = "0.00"

    content = workbook([], HEADINGS, [], ["A1", "2026-10", "initial"], change=shaped)
    assert [(row.line, dict(row.cells)) for row in rows(content)] == [
        (4, {"mrn": "A1", "month": "2026-10", "month_type": "initial"})
    ]


def test_the_first_sheet_that_is_shown_is_read_or_the_one_that_is_named() -> None:
    def more(book: openpyxl.Workbook) -> None:
        book.create_chartsheet("Chart", 0).add_chart(BarChart())
        hidden = book.create_sheet("Lists", 0)
        hidden.sheet_state = "veryHidden"
        hidden.append(HEADINGS)
        hidden.append(["A2", "2026-08", None])
        book.create_sheet("Empty")

    content = workbook(HEADINGS, ["A1", "2026-10", None], change=more)
    assert rows(content)[0].cells["mrn"] == "A1"
    assert rows(content, sheet=" lists ")[0].cells["mrn"] == "A2"
    assert reason(content, sheet="Old") == "sheet is the name of no sheet in the workbook"
    assert "no column is headed" in rows_refused(content, "Empty")
    assert reason(b"Chart\n", name="", sheet="Lists") == "sheet can be named of a workbook alone"


def rows_refused(content: bytes, sheet: str) -> str:
    with pytest.raises(Invalid) as refused:
        rows(content, sheet=sheet)
    return refused.value.problems[0].message


def test_a_file_is_known_by_its_bytes_and_another_sheet_of_it_is_another_table() -> None:
    content = workbook(HEADINGS, ["A1", "2026-10", None], change=lambda book: book.create_sheet("B"))
    usual, named, other = (read_file(content, sheet=name).digest for name in (None, "Sheet", "B"))
    assert usual == named == hashlib.sha256(content).hexdigest()
    assert other == hashlib.sha256(content + b"\0B").hexdigest()


def test_a_file_that_is_not_what_its_name_says_or_cannot_be_opened_is_told_plainly() -> None:
    good = workbook(HEADINGS, ["A1", "2026-10", None])
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    assert reason(b"Chart\tMonth\n1\t2\n", "bills.xls") == "file is named .xls but is no Excel workbook"
    assert reason(b"Chart,Month\n1,2\n") == "file is named .xlsx but is no Excel workbook"
    assert reason(good, "bills.csv").startswith("file is named .csv but is no text")
    assert "old format (.xls): save it as an Excel workbook" in reason(ole, "bills.xls")
    locked = ole + "EncryptedPackage".encode("utf-16-le")
    assert reason(locked) == "file is protected by a password: save a copy without one"
    for broken in (good[:-30], good[:200], zipped({"a.txt": b"x"}), changed(good, "xl/workbook.xml", b"<x")):
        assert reason(broken) == "file can't be read as an Excel workbook (.xlsx)"


def test_a_bomb_or_a_sheet_beyond_the_limits_is_refused_before_it_takes_memory() -> None:
    good = workbook(HEADINGS, ["A1", "2026-10", None])
    large = "file is too large unpacked: keep the one sheet in a workbook of its own"
    path = "xl/worksheets/sheet1.xml"
    assert reason(changed(good, path, b" " * (MAX_UNPACKED + 1))) == large
    assert reason(changed(good, path, b"<row/>" * (MOST_TAGS + 1))) == large
    assert reason(changed(good, path, b"<row>" + b"<c/>" * (MOST_TAGS_A_ROW + 1))) == large
    assert reason(zipped({f"{n}.xml": b"" for n in range(1001)})) == large
    laughs = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><sst><si><t>&b;</t></si></sst>'
    assert (
        reason(changed(good, "xl/workbook.xml", laughs)) == "file can't be read as an Excel workbook (.xlsx)"
    )
    far = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="%d">'
    beyond = changed(good, path, far % 2_000_000_000 + b"<c><v>1</v></c></row></sheetData></worksheet>")
    assert reason(beyond) == "file can't be read as an Excel workbook (.xlsx)"
    assert reason(b"x" * (MAX_BYTES + 1)) == "file is larger than 4 MB"
    many = workbook(HEADINGS, *(["A1", "2026-10"] for _ in range(MAX_ROWS + 1)))
    assert reason(many) == f"file holds more than {MAX_ROWS} rows"
    wide = workbook([*HEADINGS, *range(MAX_COLUMNS)], ["A1"])
    assert reason(wide) == f"file holds more than {MAX_COLUMNS} columns"


def test_the_size_that_a_sheet_gives_of_itself_is_not_believed() -> None:
    content = workbook(HEADINGS, ["A1", "2026-10", "initial"])
    path = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read(path)
    assert b'ref="A1:C2"' in sheet
    assert len(rows(changed(content, path, sheet.replace(b'ref="A1:C2"', b'ref="A1:A1"')))) == 1


def zipped(parts: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return content.getvalue()


def changed(content: bytes, path: str, part: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return zipped({name: archive.read(name) for name in archive.namelist()} | {path: part})
