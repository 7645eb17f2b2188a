"""Bringing in files from another registry through the JSON API."""

from __future__ import annotations

import base64
import io
from datetime import date
from typing import Any

import httpx
import openpyxl
from sqlalchemy import func, select

from api.wiring import Deps
from registry.contacts.tables import Contact
from tests.support.app import Clinic

IMPORTS = "/api/v1/imports"
HEADINGS = "Chart,Date,How,Result,Who"
MAPPING: dict[str, Any] = {
    "name": "Old registry",
    "dates": "us",
    "columns": {"mrn": "Chart", "on": "Date", "mode": "How", "outcome": "Result", "by": "Who"},
}


async def test_a_file_is_tried_row_by_row_brought_in_whole_once_and_listed(
    web: httpx.AsyncClient, deps: Deps, clinic: Clinic
) -> None:
    lead = clinic.headers("clinic_lead")
    enrolment = clinic.enrolment()
    made = await web.post("/api/v1/patients", json=enrolment, headers=clinic.headers())
    assert made.status_code == 201, made.text
    mrn = enrolment["person"]["mrn"]
    good, bad = f"{mrn},1/5/2026,phone,reached,Jane Former", f"{mrn},1/6/2026,smoke signal,,Jane Former"
    entry = {"kind": "contacts", "mapping": MAPPING, "csv": f"{HEADINGS}\n{good}\n{bad}\n"}

    tried = await web.post(f"{IMPORTS}/check", json=entry, headers=lead)
    assert tried.status_code == 200, tried.text
    found = tried.json()
    assert (found["kind"], found["rows"], found["usable"]) == ("contacts", 2, 1)
    assert found["verdicts"][0] == {"line": 2, "usable": True, "reasons": []}
    assert [each["column"] for each in found["verdicts"][1]["reasons"]] == ["How", "Result"]

    refused = await web.post(IMPORTS, json=entry, headers=lead)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["message"].startswith("line 3, How: must be one of phone, video")
    assert await _contacts(deps) == 0

    entry["csv"] = f"{HEADINGS}\n{good}\n"
    once = lead | {"Idempotency-Key": "file-1"}
    brought = await web.post(IMPORTS, json=entry, headers=once)
    assert brought.status_code == 201, brought.text
    assert (await web.post(IMPORTS, json=entry, headers=once)).json() == brought.json()
    assert await _contacts(deps) == 1
    again = await web.post(f"{IMPORTS}/check", json=entry, headers=lead)
    assert (again.status_code, again.json()["code"]) == (409, "same_file")

    [past] = (await web.get(IMPORTS, headers=lead)).json()["items"]
    assert past["id"] == brought.json()["id"]
    assert (past["kind"], past["mapping"], past["rows"]) == ("contacts", "Old registry", 1)
    [saved] = (await web.get(f"{IMPORTS}/mappings", headers=lead)).json()["items"]
    assert (saved["kind"], saved["mapping"]) == ("contacts", MAPPING)
    [contact] = (await web.get(f"/api/v1/patients/{made.json()['id']}/contacts", headers=lead)).json()[
        "items"
    ]
    assert (contact["source"], contact["spoken"], contact["seconds"]) == ("import", True, None)


async def test_a_mapping_that_cannot_be_used_is_named_by_its_place_in_the_body(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    entry = {
        "kind": "billed_months",
        "mapping": {"name": " ", "columns": {"mrn": "Chart"}},
        "csv": "Chart\n1\n",
    }
    for path in (IMPORTS, f"{IMPORTS}/check"):
        refused = await web.post(path, json=entry, headers=clinic.headers("clinic_lead"))
        assert refused.status_code == 422, refused.text
        fields = [error["field"] for error in refused.json()["errors"]]
        assert fields == ["mapping.name", "mapping.columns.month"]
    assert (await web.get(IMPORTS, headers=clinic.headers("administrator"))).status_code == 403


async def test_a_workbook_is_tried_and_brought_in_like_the_same_table_as_text(
    web: httpx.AsyncClient, deps: Deps, clinic: Clinic
) -> None:
    lead = clinic.headers("clinic_lead")
    made = await web.post("/api/v1/patients", json=clinic.enrolment(), headers=clinic.headers())
    mrn = clinic.enrolment()["person"]["mrn"]
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Calls")
    sheet.append(HEADINGS.split(","))
    sheet.append([mrn, date(2026, 1, 5), "phone", "reached", "Jane Former"])
    sheet.append([mrn, "#N/A", "phone", "reached", "Jane Former"])
    entry = {"kind": "contacts", "mapping": MAPPING, "xlsx": _base64(book), "sheet": "calls"}
    assert made.status_code == 201, made.text
    tried = await web.post(f"{IMPORTS}/check", json=entry, headers=lead)
    assert tried.status_code == 200, tried.text
    assert [(each["line"], each["reasons"]) for each in tried.json()["verdicts"]] == [
        (2, []),
        (3, [{"column": "Date", "reason": "holds the error #N/A (cell B3)"}]),
    ]
    refused = await web.post(IMPORTS, json=entry, headers=lead)
    assert refused.json()["errors"] == [
        {"field": "xlsx", "message": "line 3, Date: holds the error #N/A (cell B3)"}
    ]
    sheet.delete_rows(3)
    entry["xlsx"] = _base64(book)
    assert (await web.post(IMPORTS, json=entry, headers=lead)).status_code == 201
    assert await _contacts(deps) == 1
    assert (await web.post(f"{IMPORTS}/check", json=entry, headers=lead)).json()["code"] == "same_file"
    for change, field in (
        ({"sheet": "Old"}, "sheet"),
        ({"xlsx": "no!"}, "xlsx"),
        ({"xlsx": base64.b64encode(b"Chart,Date").decode()}, "xlsx"),
        ({"csv": HEADINGS}, "csv"),
        ({"xlsx": None}, "csv"),
    ):
        said = await web.post(f"{IMPORTS}/check", json=entry | change, headers=lead)
        assert (said.status_code, said.json()["errors"][0]["field"]) == (422, field)


def _base64(book: openpyxl.Workbook) -> str:
    content = io.BytesIO()
    book.save(content)
    return base64.b64encode(content.getvalue()).decode()


async def _contacts(deps: Deps) -> int:
    async with deps.system_db.begin() as tx:
        return int(await tx.scalar(select(func.count()).select_from(Contact)))
