"""What staff set for patients' own pages, and what they must know before calling."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from api.wiring import Deps
from kernel.audit import Actor
from registry.patients import own
from tests.support import app as support
from tests.support.app import Clinic
from tests.support.clock import FakeClock

SISTER = {
    "name": "Rosa Vale", "relation": "sister", "phone": "(206) 555-0188", "basis": "patient_agreed",
    "scope": ["contacts"], "valid_from": "2026-03-01", "valid_to": None,
}  # fmt: skip


@pytest.fixture
async def clinic(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Clinic]:
    async with support.test_deps(sqlite_url, clock) as deps:
        yield await support.found_clinic(deps)


@pytest.fixture
async def web(clinic: Clinic) -> AsyncIterator[httpx.AsyncClient]:
    async with support.browser(clinic.deps) as opened:
        yield opened


async def enrolled(clinic: Clinic, web: httpx.AsyncClient) -> str:
    made = await web.post("/api/v1/patients", json=clinic.enrolment(), headers=clinic.headers())
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_a_lead_switches_the_birth_date_and_past_answers_on(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    lead = clinic.headers("clinic_lead")
    first = await web.get("/api/v1/patient-pages", headers=lead)
    assert first.json() == {"birth_check": False, "shows_answers": False}
    wanted = {"birth_check": True, "shows_answers": True}
    changed = await web.put("/api/v1/patient-pages", json=wanted, headers=lead)
    assert (changed.status_code, changed.json()) == (200, wanted)


async def test_a_related_person_is_added_with_every_problem_named_and_ended(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    path = f"/api/v1/patients/{await enrolled(clinic, web)}/related-people"
    wrong = SISTER | {"name": " ", "phone": "12", "scope": [], "valid_to": "2020-01-01"}
    refused = await web.post(path, json=wrong, headers=clinic.headers())
    assert refused.status_code == 422
    assert [e["field"] for e in refused.json()["errors"]] == ["name", "phone", "scope", "valid_to"]
    added = await web.post(path, json=SISTER, headers=clinic.headers())
    assert added.status_code == 201
    (line,) = (await web.get(path, headers=clinic.headers())).json()["items"]
    assert (line["name"], line["phone"], line["revoked_at"]) == ("Rosa Vale", "+12065550188", None)
    ended = await web.post(f"{path}/{added.json()['id']}/revocations", headers=clinic.headers())
    assert ended.status_code == 201
    (line,) = (await web.get(path, headers=clinic.headers())).json()["items"]
    assert line["revoked_by"] == "staff"


async def test_whoever_calls_sees_the_code_word_and_it_is_in_no_log_of_changes(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    patient_id = await enrolled(clinic, web)
    deps: Deps = clinic.deps
    async with deps.system_db.begin() as tx:
        patient = Actor(kind="patient", id=UUID(patient_id), clinic_id=clinic.id)
        await own.set_code_word(tx, patient, UUID(patient_id), "bluebird", now=deps.clock.now())
    seen = await web.get(f"/api/v1/patients/{patient_id}/before-calling", headers=clinic.headers())
    assert (seen.json()["code_word"], seen.json()["safe_to_text"]) == ("bluebird", True)
    denied = await web.get(f"/api/v1/patients/{patient_id}/before-calling", headers=clinic.headers("biller"))
    assert denied.status_code == 403
