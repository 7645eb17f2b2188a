"""What was recorded is put right, a case review is brought to its end: over the JSON API, within the key's own clinic."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from api.schema import metadata
from kernel.audit import Role
from tests.support import app as support
from tests.support.app import Clinic
from tests.support.clock import FakeClock

API = "/api/v1"


@pytest.fixture
async def clinic(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Clinic]:
    async with support.test_deps(sqlite_url, clock) as deps:
        yield await support.found_clinic(deps)


@pytest.fixture
async def web(clinic: Clinic) -> AsyncIterator[httpx.AsyncClient]:
    async with support.browser(clinic.deps) as opened:
        yield opened


async def enrolled(clinic: Clinic, web: httpx.AsyncClient) -> str:
    body = clinic.enrolment()
    made = await web.post(f"{API}/patients", json=body, headers=clinic.headers())
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def counts(clinic: Clinic) -> dict[str, int]:
    async with clinic.deps.system_db.begin() as tx:
        return {
            name: int(await tx.scalar(select(func.count()).select_from(table)))
            for name, table in metadata.tables.items()
        }


async def unchanged(
    clinic: Clinic, web: httpx.AsyncClient, status: int, method: str, path: str, body: Any, role: Role
) -> None:
    before = await counts(clinic)
    answer = await web.request(method, f"{API}{path}", json=body, headers=clinic.headers(role))
    assert answer.status_code == status, (method, path, answer.text)
    after = await counts(clinic)
    assert {n: after[n] - before[n] for n in after if after[n] != before[n]} == {"audit_event": 1}, path


async def test_a_time_entry_is_corrected_and_voided_with_a_reason(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    patient, lead = await enrolled(clinic, web), clinic.headers("clinic_lead")
    worked = {
        "staff_id": str(clinic.staff["care_manager"]), "started_at": "2026-03-02T16:00:00Z", "minutes": 20,
        "activity": "care_plan",
    }  # fmt: skip
    made = await web.post(f"{API}/patients/{patient}/time", json=worked, headers=clinic.headers())
    entry = f"{API}/time-entries/{made.json()['id']}"
    right = worked | {"minutes": 12, "reason": "It was twelve"}
    silent = await web.post(f"{entry}/corrections", json=right | {"reason": " "}, headers=lead)
    assert (silent.status_code, silent.json()["errors"][0]["field"]) == (422, "reason")
    corrected = await web.post(f"{entry}/corrections", json=right, headers=lead)
    assert corrected.status_code == 201, corrected.text
    month = f"{API}/patients/{patient}/time?month=2026-03"
    assert (await web.get(month, headers=lead)).json()["counted_seconds"] == 720
    stale = await web.post(f"{entry}/void", json={"reason": "Twice"}, headers=lead)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale")
    newer = f"/time-entries/{corrected.json()['id']}"
    other = await support.found_clinic(clinic.deps, "inland", "+12065550101")
    await unchanged(other, web, 404, "POST", f"{newer}/void", {"reason": "Theirs"}, "clinic_lead")
    await unchanged(other, web, 404, "POST", f"{newer}/corrections", right, "clinic_lead")
    await unchanged(clinic, web, 403, "POST", f"{newer}/void", {"reason": "Mine"}, "care_manager")
    gone = await web.post(f"{API}{newer}/void", json={"reason": "Never was"}, headers=lead)
    assert gone.status_code == 201
    assert (await web.get(month, headers=lead)).json()["counted_seconds"] == 0


async def test_a_death_noted_by_mistake_is_taken_back(clinic: Clinic, web: httpx.AsyncClient) -> None:
    patient = await enrolled(clinic, web)
    path = f"/patients/{patient}/deceased"
    early = await web.post(f"{API}{path}/undo", headers=clinic.headers())
    assert (early.status_code, early.json()["code"]) == (409, "not_deceased")
    noted = await web.post(f"{API}{path}", json={}, headers=clinic.headers())
    assert noted.json()["deceased_on"] is not None
    other = await support.found_clinic(clinic.deps, "inland", "+12065550101")
    await unchanged(other, web, 404, "POST", f"{path}/undo", None, "care_manager")
    await unchanged(clinic, web, 403, "POST", f"{path}/undo", None, "biller")
    back = (await web.post(f"{API}{path}/undo", headers=clinic.headers())).json()
    assert (back["deceased_on"], back["episode"]["status"]) == (None, "active")


async def test_what_was_decided_about_giving_up_is_read_and_copied(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    patient = await enrolled(clinic, web)
    path = f"/patients/{patient}/closing"
    version = (await web.get(f"{API}/patients/{patient}", headers=clinic.headers())).json()["episode"][
        "version"
    ]
    body = {
        "decision": "inactive", "note": "Three letters came back", "version": version,
        "reentry": "Calls the front desk", "told_clinician_on": "2026-03-02",
    }  # fmt: skip
    decided = await web.post(f"{API}{path}", json=body, headers=clinic.headers("clinic_lead"))
    assert decided.status_code == 201, decided.text
    (note,) = (await web.get(f"{API}{path}/decisions", headers=clinic.headers())).json()["items"]
    assert (note["id"], note["note"]) == (decided.json()["id"], "Three letters came back")
    text = f"{path}/decisions/{note['id']}/chart-text"
    copied = (await web.get(f"{API}{text}", headers=clinic.headers())).json()["text"]
    assert "Three letters came back" in copied and "ALDERCOTT" in copied
    other = await support.found_clinic(clinic.deps, "inland", "+12065550101")
    await unchanged(other, web, 404, "GET", f"{path}/decisions", None, "care_manager")
    await unchanged(other, web, 404, "GET", text, None, "care_manager")
    await unchanged(clinic, web, 403, "GET", text, None, "biller")


async def test_a_case_review_is_cancelled_or_brought_to_its_end(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    patient, consultant = await enrolled(clinic, web), clinic.headers("consultant")
    meeting = {
        "starts_at": "2026-03-04T17:00:00Z", "minutes": 60, "consultant_id": str(clinic.staff["consultant"]),
    }  # fmt: skip
    reviews = f"{API}/case-reviews"
    dropped = (await web.post(reviews, json=meeting, headers=consultant)).json()["id"]
    assert (await web.post(f"{reviews}/{dropped}/cancel", headers=consultant)).status_code == 201
    held = (await web.post(reviews, json=meeting, headers=consultant)).json()["id"]
    early = await web.post(f"{reviews}/{held}/close", json={"note": None}, headers=consultant)
    assert early.status_code == 409
    assert (await web.post(f"{reviews}/{held}/open", headers=consultant)).status_code == 201
    added = await web.post(f"{reviews}/{held}/items", json={"patient_id": patient}, headers=consultant)
    assert added.status_code == 201, added.text
    item = f"/case-reviews/items/{added.json()['id']}"
    copied = await web.get(f"{API}{item}/chart-text", headers=consultant)
    assert {"CASE REVIEW", "ALDERCOTT"} <= set(re.findall(r"CASE REVIEW|ALDERCOTT", copied.json()["text"]))
    other = await support.found_clinic(clinic.deps, "inland", "+12065550101")
    for method, path, body in (
        ("POST", f"/case-reviews/{held}/close", {"note": "x"}),
        ("POST", f"/case-reviews/{held}/cancel", None),
        ("POST", f"/case-reviews/{held}/items", {"patient_id": patient}),
        ("POST", f"{item}/pass", {"reason": "Not today"}),
        ("GET", f"{item}/chart-text", None),
    ):
        await unchanged(other, web, 404, method, path, body, "consultant")
    await unchanged(clinic, web, 403, "POST", f"{item}/pass", {"reason": "Not today"}, "clinician")
    passed = await web.post(f"{API}{item}/pass", json={"reason": "Not today"}, headers=consultant)
    assert passed.status_code == 201, passed.text
    closed = await web.post(f"{reviews}/{held}/close", json={"note": "Done"}, headers=consultant)
    assert closed.status_code == 201
    shown = (await web.get(f"{reviews}/{held}", headers=consultant)).json()
    assert (shown["meeting"]["state"], shown["items"][0]["passed_reason"]) == ("closed", "Not today")


async def test_the_sentence_under_advice_and_the_rehearsals_are_the_clinics(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    lead = clinic.headers("clinic_lead")
    held = (await web.get(f"{API}/advice-wording", headers=clinic.headers())).json()
    assert held["version"] == 0
    own = {"body": "The clinician decides.", "version": 0}
    changed = await web.put(f"{API}/advice-wording", json=own, headers=lead)
    assert changed.json() == own | {"version": 1}
    assert (await web.put(f"{API}/advice-wording", json=own, headers=lead)).status_code == 409
    weekly = {"every_days": 7, "slots": ["staffed", "night"]}
    assert (await web.put(f"{API}/drills/schedule", json=weekly, headers=lead)).json() == weekly
    assert (await web.get(f"{API}/drills", headers=lead)).json()["schedule"] == weekly
    rare = await web.put(f"{API}/drills/schedule", json=weekly | {"every_days": 500}, headers=lead)
    assert (rare.status_code, rare.json()["errors"][0]["field"]) == (422, "every_days")
    await unchanged(clinic, web, 403, "PUT", "/advice-wording", own, "consultant")
    await unchanged(clinic, web, 403, "PUT", "/drills/schedule", weekly, "care_manager")


async def test_a_month_says_what_it_lacks_and_closes_again_after_a_correction_that_changed_nothing(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    patient, biller = await enrolled(clinic, web), clinic.headers("biller")
    month = f"{API}/billing/months/2026-02"
    points = (await web.get(f"{API}/billing/months/2026-03/missing", headers=biller)).json()["items"]
    assert [point["patient_id"] for point in points] == [patient] and points[0]["missing"]
    open_still = await web.post(f"{month}/close-again", headers=biller)
    assert (open_still.status_code, open_still.json()["code"]) == (409, "month_open")
    assert (await web.post(f"{month}/close", json={}, headers=biller)).status_code == 201
    reason = {"reason": "A call may be missing"}
    assert (await web.post(f"{month}/correction", json=reason, headers=biller)).status_code == 201
    again = await web.post(f"{month}/close-again", headers=biller)
    assert again.status_code == 201, again.text
    assert (await web.get(month, headers=biller)).json()["open"] is False
    for version in ("1", "2"):
        await unchanged(
            clinic, web, 404, "GET", f"/billing/months/2026-02/adjustments/{version}", None, "biller"
        )
    await unchanged(clinic, web, 403, "POST", "/billing/months/2026-02/close-again", None, "care_manager")
