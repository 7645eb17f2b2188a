"""`evenkeel import`: what a person on the server reads, and what is in the database after."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from api.__main__ import main
from registry.contacts.tables import Contact
from registry.organisation.tables import Clinic
from tests.support import builders, databases

DAY = (datetime.now(UTC) - timedelta(days=9)).date().isoformat()
MAPPING: dict[str, Any] = {
    "name": "old calls",
    "columns": {"mrn": "Chart", "on": "Date", "mode": "How", "outcome": "Result", "by": "Who"},
}


def test_a_file_of_contacts_is_tried_refused_whole_and_brought_in_once(
    sqlite_template: Path, tmp_path: Path
) -> None:
    path = tmp_path / "evenkeel.db"
    databases.sqlite_copy(sqlite_template, path)
    slug = asyncio.run(_clinic(path))
    (tmp_path / "mapping.json").write_text(json.dumps(MAPPING))
    file = tmp_path / "calls.csv"
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Calls")
    sheet.append(list(MAPPING["columns"].values()))
    sheet.append(["A1", "=TODAY()", "phone", "reached", "Jane Former"])
    book.save(tmp_path / "calls.xlsx")

    def run(rows: str, *more: str, file: Path = file) -> Result:
        if file.suffix == ".csv":
            file.write_text(f"Chart,Date,How,Result,Who\n{rows}")
        clean: dict[str, str | None] = {name: None for name in os.environ if name.startswith("EVENKEEL_")}
        settings = {
            "EVENKEEL_MODE": "test",
            "EVENKEEL_DATABASE_URL": databases.sqlite_url(path),
            "EVENKEEL_ENCRYPTION_KEYS": databases.TEST_KEY,
            "EVENKEEL_LOOKUP_KEY": databases.LOOKUP_KEY,
        }
        arguments = ["import", "contacts", str(file), "--clinic", slug]
        arguments += ["--mapping", str(tmp_path / "mapping.json"), *more]
        return CliRunner().invoke(main, arguments, env=clean | settings)

    good = f"A1,{DAY},phone,reached,Jane Former\n"
    refused = run(f"{good}A1,{DAY},phone,well,Jane Former\n")
    assert refused.exit_code == 1
    assert "line 3, Result: must be one of reached" in refused.stdout
    assert "1 of 2 rows can be used; 0 imported" in refused.stdout
    dry = run(good, "--dry-run", "--json")
    assert (dry.exit_code, json.loads(dry.stdout)["imported"]) == (0, 0)
    assert asyncio.run(_contacts(path)) == 0
    done = run(good, "--json")
    assert (done.exit_code, json.loads(done.stdout)["imported"]) == (0, 1), done.stderr
    assert asyncio.run(_contacts(path)) == 1
    again = run(good)
    assert again.exit_code == 2 and "brought in already" in again.stderr
    unknown = run("", "--sheet", "Calls", file=tmp_path / "calls.xlsx")
    assert unknown.exit_code == 1 and "line 2, Date: is a formula that was saved" in unknown.stdout
    nowhere = run("", "--sheet", "Old", file=tmp_path / "calls.xlsx")
    assert nowhere.exit_code == 2 and "sheet: is the name of no sheet" in nowhere.stderr


async def _clinic(path: Path) -> str:
    database = databases.open_database(databases.sqlite_url(path))
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, datetime.now(UTC))
        await builders.patient(tx, clinic, datetime.now(UTC), mrn="A1")
        slug: str = await tx.scalar(select(Clinic.slug).where(Clinic.id == clinic.id))
    await database.close()
    return slug


async def _contacts(path: Path) -> int:
    database = databases.open_database(databases.sqlite_url(path))
    async with database.begin() as tx:
        count = int(await tx.scalar(select(func.count()).select_from(Contact)))
    await database.close()
    return count
