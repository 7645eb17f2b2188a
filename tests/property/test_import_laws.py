"""Laws of bringing in a file, over files of all kinds with good and bad rows, on a real database."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from kernel.audit import Actor, AuditEvent
from kernel.db import Database, Tx
from kernel.errors import Invalid
from registry.contacts.tables import Contact
from registry.disengagement.tables import ClosingWatch
from registry.episodes.tables import CareConsent, Episode
from registry.filing.tables import ChartCopy
from registry.imports import service
from registry.imports.files import FIELDS, ColumnMapping, DateStyle, ImportKind, read_file, rows_of
from registry.imports.service import Ports
from registry.imports.tables import BilledMonth, CarriedEpisode, ImportMapping, ImportRun
from registry.measures.tables import MeasureResult
from registry.patients.tables import Patient, PatientPhone
from registry.safety.tables import RiskEvent
from registry.time_log.tables import TimeEntry
from registry.worklist.tables import RegistryLine, Task
from tests.support import builders, databases
from tests.support.alerts import NotedAlerts
from tests.support.practice import RecordingOutreach

NOW: Final = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
Rows = list[dict[str, str]]
TABLES: Final = (
    Patient, PatientPhone, Episode, CareConsent, MeasureResult, RiskEvent, Task, RegistryLine, Contact, ClosingWatch,
    ChartCopy, TimeEntry, CarriedEpisode, BilledMonth, ImportRun, ImportMapping, AuditEvent,
)  # fmt: skip
# What a file of the kind becomes, one for each row.
BECOMES: Final[Mapping[ImportKind, type]] = {
    "patients": Patient,
    "scores": MeasureResult,
    "contacts": Contact,
    "billed_months": BilledMonth,
}
BASES: Final[Mapping[ImportKind, dict[str, str]]] = {
    "patients": {
        "family_name": "Alder", "given_name": "Robin", "birth_date": "1980-02-29", "clinician": "Dana Clark",
        "care_manager": "Casey Moore", "consultant": "Parker Sung", "condition": "F32.1", "payer": "Self-pay",
        "consent_on": "2026-03-02", "consent_by": "Casey Moore",
    },
    "scores": {"instrument": "phq9"},
    "contacts": {"mode": "phone", "outcome": "reached", "by": "Casey Moore"},
    "billed_months": {},
}  # fmt: skip
# What two rows of a file must not share.
KEYS: Final[Mapping[ImportKind, tuple[str, ...]]] = {
    "patients": ("mrn",),
    "scores": ("mrn", "taken_on"),
    "contacts": ("mrn", "on", "mode"),
    "billed_months": ("mrn", "month"),
}
# Good and bad cells, two good ones first.
CELLS: Final[Mapping[ImportKind, dict[str, list[str]]]] = {
    "patients": {
        "mrn": ["B1", "B2", "B3", "A1", ""],
        "phone": ["", "206-555-0123", "206-555-0177", "12"],
        "started_on": ["", "2026-05-04", "2027-01-01"],
        "last_billed": ["", "none", "2026-10", "2026-13"],
        "consultant": ["Parker Sung", "parker sung", "Casey Moore", "Dr Nobody"],
    },
    "scores": {
        "mrn": ["A1", "A2", "Z9"],
        "taken_on": ["2026-11-01", "2026-11-19", "2026-06-01", "2026-12-01", "soon"],
        "total": ["12", "4", "28", "x"],
        "item9": ["", "0", "1", "4"],
    },
    "contacts": {
        "mrn": ["A1", "A2", "Z9"],
        "on": ["2026-11-01", "2026-11-19", "2025-06-01", "2026-12-01"],
        "time": ["", "9:00", "2:30 PM", "25:00"],
        "mode": ["phone", "telehealth", "text", "no-show", "pigeon"],
        "outcome": ["reached", "no answer", "did not come", ""],
        "by": ["Casey Moore", "Jane Former", ""],
        "next_on": ["", "2026-12-01", "2026-11-02"],
        "next_time": ["10:00", "9:15", ""],
    },
    "billed_months": {
        "mrn": ["A1", "A2", "Z9"],
        "month": ["2026-08", "2026-09", "2026-10", "2026-13"],
        "month_type": ["", "99493", "initial", "first"],
    },
}


def files(kind: ImportKind) -> st.SearchStrategy[Rows]:
    """Up to four rows: of good cells about different things, or of any."""
    good = st.lists(
        _row(kind, 2), min_size=1, max_size=4, unique_by=lambda row: tuple(map(row.get, KEYS[kind]))
    )
    return good | st.lists(_row(kind, None), min_size=1, max_size=4)


def _row(kind: ImportKind, first: int | None) -> st.SearchStrategy[dict[str, str]]:
    cells = {field: st.sampled_from(known[:first]) for field, known in CELLS[kind].items()}
    return st.fixed_dictionaries(cells).map(lambda row: BASES[kind] | row)


def as_csv(kind: ImportKind, rows: Rows) -> tuple[bytes, ColumnMapping]:
    fields = sorted({field for row in rows for field in row})
    assert set(fields) <= set(FIELDS[kind])
    text = io.StringIO()
    writer = csv.DictWriter(text, fields)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(), ColumnMapping("law", {field: field for field in fields})


# What a person puts in a cell, and how the same cell stands in a CSV.
_LETTERS: Final = st.characters(codec="utf-8", exclude_categories=("C",)) | st.sampled_from("\n,;\"'")
_TYPED: Final = (
    st.none()
    | st.text(_LETTERS, max_size=12).filter(lambda text: not text.startswith("="))
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.integers(-9999, 9999).map(lambda number: number / 8)
    | st.booleans()
    | st.dates(date(1901, 1, 1), date(2099, 12, 31))
    | st.times().map(lambda at: at.replace(microsecond=0))
)


def as_text(value: Any, style: DateStyle) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case date():
            return value.isoformat() if style == "iso" else f"{value.month}/{value.day}/{value.year}"
        case time():
            return value.isoformat("seconds" if value.second else "minutes")
        case _:
            return str(int(value) if isinstance(value, float) and value.is_integer() else value)


@given(
    st.lists(st.tuples(st.integers(1, 10**6), _TYPED, _TYPED), min_size=1, max_size=6),
    st.sampled_from(("iso", "us")),
)
def test_a_table_written_as_csv_and_as_a_workbook_gives_the_same_rows(
    rows: list[tuple[Any, ...]], style: DateStyle
) -> None:
    headings = ("Chart", "Month", "Type")
    mapping = ColumnMapping("law", dict(zip(("mrn", "month", "month_type"), headings, strict=True)), style)
    text, book, content = io.StringIO(), openpyxl.Workbook(), io.BytesIO()
    csv.writer(text).writerows([headings, *([as_text(value, style) for value in row] for row in rows)])
    sheet = book.active
    assert sheet is not None
    for row in (headings, *rows):
        sheet.append(row)
    book.save(content)
    of_text = rows_of(read_file(text.getvalue().encode()), "billed_months", mapping)
    of_book = rows_of(read_file(content.getvalue()), "billed_months", mapping)
    assert [row.cells for row in of_book] == [row.cells for row in of_text]
    assert not any(row.faults for row in of_book)
    assert [row.line for row in of_book] == [number for number, _ in enumerate(rows, 2)]


class Undo(Exception):
    """Takes an example's rows back, so that every example begins with the same database."""


@pytest.fixture(scope="module")
def clinic_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("imports") / "laws.db")


@pytest.mark.parametrize("kind", list(BECOMES))
def test_a_dry_run_says_what_the_run_does_and_one_bad_row_leaves_nothing(
    kind: ImportKind, clinic_file: str
) -> None:
    with asyncio.Runner() as runner:
        world = runner.run(World.open(clinic_file))

        @settings(max_examples=30, deadline=None)
        @given(files(kind))
        def law(rows: Rows) -> None:
            runner.run(world.holds(kind, rows))

        law()
        runner.run(world.database.close())


class World:
    def __init__(self, database: Database, clinic: builders.ClinicRows) -> None:
        self.database, self.clinic = database, clinic
        self.lead: Actor = clinic.actor("clinic_lead")

    @staticmethod
    async def open(url: str) -> World:
        database = databases.open_database(url)
        async with database.begin() as tx:
            clinic = await builders.clinic(tx, NOW)
            for mrn in ("A1", "A2"):
                await builders.patient(tx, clinic, NOW, mrn=mrn)
        return World(database, clinic)

    async def holds(self, kind: ImportKind, rows: Rows) -> None:
        content, mapping = as_csv(kind, rows)
        file = read_file(content)
        ports = Ports(RecordingOutreach(), NotedAlerts())
        before = await self._counts()
        try:
            async with self.database.begin(self.clinic.id) as tx:
                report = await service.dry_run(tx, self.lead, kind, file, mapping, now=NOW, ports=ports)
                assert await _counted(tx) == before | {"audit_event": before["audit_event"] + 1}
                raise Undo
        except Undo:
            pass
        assert len(report.verdicts) == len(rows)
        said: tuple[str, ...] | None = None
        try:
            async with self.database.begin(self.clinic.id) as tx:
                await service.run(tx, self.lead, kind, file, mapping, now=NOW, ports=ports)
                after = await _counted(tx)
                name = BECOMES[kind].__tablename__  # type: ignore[attr-defined]
                assert after[name] == before[name] + len(rows)
                assert after["import_run"] == before["import_run"] + 1
                raise Undo
        except Invalid as error:
            said = tuple(problem.message for problem in error.problems)
        except Undo:
            pass
        expected = tuple(
            f"line {each.line}, {column}: {reason}"
            for each in report.refused
            for column, reason in each.problems
        )
        assert said == (expected or None)
        assert await self._counts() == before

    async def _counts(self) -> dict[str, int]:
        async with self.database.begin(self.clinic.id) as tx:
            return await _counted(tx)


async def _counted(tx: Tx) -> dict[str, int]:
    return {
        table.__tablename__: int(await tx.scalar(select(func.count()).select_from(table))) for table in TABLES
    }
