"""The clinic's settings, its bill's set-up and its launch over the JSON API, each by the console's own services."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from api.schema import metadata
from registry.organisation.tables import Clinic as ClinicTable
from tests.support import app as support
from tests.support.app import Clinic
from tests.support.clock import FakeClock
from tests.support.console import audited

API = "/api/v1"
NOBODY = "019a0000-0000-7000-8000-00000000ffff"


@pytest.fixture
async def clinic(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Clinic]:
    async with support.test_deps(sqlite_url, clock) as deps:
        yield await support.found_clinic(deps)


@pytest.fixture
async def web(clinic: Clinic) -> AsyncIterator[httpx.AsyncClient]:
    async with support.browser(clinic.deps) as opened:
        yield opened


async def counts(clinic: Clinic) -> dict[str, int]:
    async with clinic.deps.system_db.begin() as tx:
        return {
            name: int(await tx.scalar(select(func.count()).select_from(table)))
            for name, table in metadata.tables.items()
        }


async def refused_without_a_trace(
    clinic: Clinic, web: httpx.AsyncClient, status: int, method: str, path: str, body: Any, role: Any
) -> None:
    before = await counts(clinic)
    answer = await web.request(method, f"{API}{path}", json=body, headers=clinic.headers(role))
    assert answer.status_code == status, (method, path, answer.text)
    after = await counts(clinic)
    assert {n: after[n] - before[n] for n in after if after[n] != before[n]} == {"audit_event": 1}, path


async def test_details_hours_closed_days_and_numbers_are_changed(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    ada, path = clinic.headers("administrator"), f"{API}/clinic"
    held = (await web.get(path, headers=ada)).json()
    assert (held["texting_mode"], held["clinic"]["zone"]) == ("simulation", "America/Los_Angeles")
    assert {"default_responsible_id"} <= {problem["field"] for problem in held["missing"]}
    day = [{"start": "08:00:00", "end": "12:00:00"}]
    wanted = held["clinic"] | {"zone": "America/Denver", "staffed": [day, day, day, day, day, day, []]}
    wrong = await web.put(path, json=wanted | {"zone": "Denver", "window_start": "06:00:00"}, headers=ada)
    assert [e["field"] for e in wrong.json()["errors"]] == ["zone", "window_start"]
    changed = await web.put(path, json=wanted, headers=ada)
    assert changed.json()["clinic"] == wanted
    closed = {"on": "2026-12-25", "name": "Christmas"}
    assert (await web.post(f"{path}/closed-days", json=closed, headers=ada)).status_code == 201
    assert (await web.post(f"{path}/closed-days", json=closed, headers=ada)).status_code == 409
    number = {"number": "206-555-0107"}
    assert (await web.post(f"{path}/senders", json=number, headers=ada)).status_code == 201
    who = {"staff_id": str(clinic.staff["clinic_lead"])}
    shown = (await web.put(f"{path}/responsible", json=who, headers=ada)).json()
    assert shown["closed_days"] == ["2026-12-25"]
    assert "+12065550107" in {sender["number"] for sender in shown["senders"]}
    assert shown["default_responsible_id"] == who["staff_id"]
    nobody = await web.put(f"{path}/responsible", json={"staff_id": NOBODY}, headers=ada)
    assert nobody.status_code == 422
    await refused_without_a_trace(clinic, web, 403, "PUT", "/clinic", wanted, "care_manager")
    other = await support.found_clinic(clinic.deps, "inland", "+12065550101")
    theirs = (await web.get(path, headers=other.headers("administrator"))).json()
    assert (theirs["clinic"]["zone"], theirs["closed_days"]) == ("America/Los_Angeles", [])


async def test_texts_leave_only_when_nothing_is_missing_and_stop_at_once(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    lead, path = clinic.headers("clinic_lead"), f"{API}/clinic"
    missing = (await web.get(path, headers=lead)).json()["missing"]
    unsaid = await web.post(f"{path}/go-live", json={"confirm": False}, headers=lead)
    assert unsaid.status_code == 400
    refused = await web.post(f"{path}/go-live", json={"confirm": True}, headers=lead)
    assert (refused.status_code, refused.json()["errors"]) == (422, missing)
    async with clinic.deps.system_db.begin() as tx:
        await tx.execute(update(ClinicTable).values(texting_mode="live"))
    stopped = await web.post(f"{path}/stop-texting", headers=lead)
    assert (stopped.status_code, stopped.json()["texting_mode"]) == (201, "simulation")
    assert "clinic.stopped_texting" in await audited(clinic.deps)


async def test_note_templates_and_the_closing_rule_are_the_leads(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    lead, path = clinic.headers("clinic_lead"), f"{API}/note-templates/phone"
    body = {"body": "Mood:\n", "version": 0}
    changed = await web.put(path, json=body, headers=lead)
    assert changed.json() == {"kind": "phone", "version": 1, "body": "Mood:\n"}
    assert (await web.put(path, json=body, headers=lead)).status_code == 409
    seen = (await web.get(f"{API}/note-templates", headers=clinic.headers())).json()["items"]
    assert {"kind": "phone", "version": 1, "body": "Mood:\n"} in seen
    rule = {"attempts": 4, "channels": 2, "days": 30, "lead_approves": False}
    assert (await web.put(f"{API}/closing-rule", json=rule, headers=lead)).json() == rule
    wrong = await web.put(f"{API}/closing-rule", json=rule | {"days": 0}, headers=lead)
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "days")
    assert (await web.get(f"{API}/closing-rule", headers=clinic.headers())).json() == rule
    await refused_without_a_trace(clinic, web, 403, "PUT", "/closing-rule", rule, "care_manager")
    await refused_without_a_trace(clinic, web, 403, "PUT", "/note-templates/phone", body, "clinician")


async def test_who_bills_fees_and_hours_are_set(clinic: Clinic, web: httpx.AsyncClient) -> None:
    biller = clinic.headers("biller")
    identity = {"legal_name": "Harbor Health LLC", "npi": "1234567893", "state": "WA"}
    wrong = await web.put(f"{API}/billing/identity", json=identity | {"npi": "12"}, headers=biller)
    assert [e["field"] for e in wrong.json()["errors"]] == ["npi"]
    named = await web.put(f"{API}/billing/identity", json=identity, headers=biller)
    assert named.json()["identity"]["legal_name"] == "Harbor Health LLC"
    npi = f"/billing/practitioners/{clinic.staff['clinician']}/npi"
    given = await web.put(f"{API}{npi}", json={"npi": "1234567893"}, headers=biller)
    assert [each["npi"] for each in given.json()["practitioners"]] == ["1234567893"]
    fee = {"code": "99492", "expected_cents": 14500, "payer": "Cascade Health Plan"}
    assert (await web.put(f"{API}/billing/fees", json=fee, headers=biller)).json() == {
        "expected": [{"payer": "Cascade Health Plan", "code": "99492", "expected_cents": 14500}],
        "charges": [],
    }
    rules = {"rule_set": "full_threshold"}
    default = await web.put(f"{API}/billing/payers/default", json=rules, headers=biller)
    assert default.json() == {"default": "full_threshold", "payers": []}
    assert (await web.get(f"{API}/billing/payers", headers=biller)).json() == default.json()
    made_up = await web.put(f"{API}/billing/payers/default", json={"rule_set": "mine"}, headers=biller)
    assert (made_up.status_code, made_up.json()["errors"][0]["field"]) == (422, "rule_set")
    unknown = await web.put(f"{API}/billing/fees", json=fee | {"code": "99999"}, headers=biller)
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "code")
    plan = {"contact_minutes": 30, "buffer_percent": 10, "panel_target": 70}
    hours = plan | {"weekly_minutes": {str(clinic.staff["care_manager"]): 1920}}
    assert (await web.put(f"{API}/billing/staffing", json=hours, headers=biller)).json() == hours
    assert (await web.get(f"{API}/billing/staffing", headers=biller)).json() == hours
    assert (await web.get(f"{API}/billing/denials", headers=biller)).json()["items"] == []
    other = await support.found_clinic(clinic.deps, "inland", "+12065550101")
    theirs = other.staff["clinician"]
    denial = {
        "month": "2026-02", "episode_id": NOBODY, "code": "99492", "reason_code": "CO-16", "amount_cents": 100,
        "denied_on": "2026-03-01",
    }  # fmt: skip
    for method, path, body in (
        ("PUT", f"/billing/practitioners/{theirs}/npi", {"npi": "1234567893"}),
        ("PUT", "/billing/staffing", plan | {"weekly_minutes": {str(theirs): 60}}),
        ("POST", "/billing/denials", denial),
        ("POST", f"/billing/denials/{theirs}/outcome", {"outcome": "appealed"}),
    ):
        await refused_without_a_trace(clinic, web, 404, method, path, body, "biller")
    await refused_without_a_trace(clinic, web, 403, "PUT", "/billing/fees", fee, "care_manager")
    await refused_without_a_trace(clinic, web, 403, "PUT", "/billing/payers/default", rules, "care_manager")


async def test_the_launch_the_sheet_and_the_whole_record_are_read(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    made = await web.post(f"{API}/patients", json=clinic.enrolment(), headers=clinic.headers())
    assert made.status_code == 201
    lead = clinic.headers("clinic_lead")
    items = (await web.get(f"{API}/launch", headers=lead)).json()["items"]
    states = {item["id"]: item["state"] for item in items}
    assert (states["team"], states["enrolment"], states["drill"]) == ("done", "done", "open")
    assert (await web.get(f"{API}/pilot", headers=lead)).json() == {"pilot": None}
    (line,) = (await web.get(f"{API}/downtime-sheet", headers=clinic.headers())).json()["items"]
    assert (line["family_name"], line["phone"]) == ("Aldercott", "+12065550123")
    archive = await web.get(f"{API}/exit-export", headers=lead)
    assert archive.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(archive.content)) as opened:
        assert b"Aldercott" in opened.read("patient.jsonl")
    done = await audited(clinic.deps)
    assert {"downtime.printed", "record.exported"} <= set(done)
    await refused_without_a_trace(clinic, web, 403, "GET", "/exit-export", None, "administrator")
    await refused_without_a_trace(clinic, web, 403, "GET", "/downtime-sheet", None, "biller")
