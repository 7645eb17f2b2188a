"""Contacts, plans, intake and closing through the JSON API, on both databases."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.app import Clinic

API = "/api/v1"
PLAN = {"problem": "Low mood", "goals": ["Walk to school"], "rhythm": "Every two weeks"}


@pytest.fixture
async def one(web: httpx.AsyncClient, clinic: Clinic) -> str:
    answer = await web.post(f"{API}/patients", json=clinic.enrolment(), headers=clinic.headers())
    return f"{API}/patients/{answer.json()['id']}"


def contact(clinic: Clinic, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "kind": "phone",
        "outcome": "reached",
        "occurred_at": "2026-03-02T17:40:00Z",
        "note": "Sleeps better.",
        "minutes": 14,
        "staff_id": str(clinic.staff["care_manager"]),
        "next": {"at": "2026-03-16T17:00:00Z", "mode": "video", "purpose": "The new dose"},
    }
    return body | changes


async def test_a_contact_moves_the_registry_and_is_copied_to_the_chart(
    web: httpx.AsyncClient, clinic: Clinic, one: str
) -> None:
    made = await web.post(f"{one}/contacts", json=contact(clinic), headers=clinic.headers())
    assert made.status_code == 201, made.text
    contact_id = made.json()["id"]
    [line] = (await web.get(f"{API}/patients", headers=clinic.headers())).json()["items"]
    assert (line["last_contact_at"], line["next_contact_mode"]) == ("2026-03-02T17:40:00Z", "video")
    [shown] = (await web.get(f"{one}/contacts", headers=clinic.headers())).json()["items"]
    assert (shown["id"], shown["seconds"], shown["note"]) == (contact_id, 840, "Sleeps better.")
    text = await web.get(f"{one}/contacts/{contact_id}/chart-text", headers=clinic.headers())
    assert "Minutes: 14\n" in text.json()["text"]
    tick = {"kind": "contact", "ref_id": contact_id, "filed": True}
    assert (await web.post(f"{one}/filed", json=tick, headers=clinic.headers())).status_code == 201
    wrong = tick | {"kind": "care_plan"}
    assert (await web.post(f"{one}/filed", json=wrong, headers=clinic.headers())).status_code == 404


async def test_a_refused_contact_names_each_field(web: httpx.AsyncClient, clinic: Clinic, one: str) -> None:
    body = contact(clinic, outcome="no_answer", next={"at": "2026-03-01T17:00:00Z", "mode": "phone"})
    answer = await web.post(f"{one}/contacts", json=body, headers=clinic.headers())
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == ["outcome", "next.at"]
    assert (await web.get(f"{one}/contacts", headers=clinic.headers())).json()["items"] == []


async def test_plans_are_versions_and_a_stale_one_is_told(
    web: httpx.AsyncClient, clinic: Clinic, one: str
) -> None:
    first = await web.post(f"{one}/care-plans", json={"version": 0, "care": PLAN}, headers=clinic.headers())
    assert first.status_code == 201, first.text
    more = PLAN | {"goals": ["Walk to school", "Cook"]}
    await web.post(f"{one}/care-plans", json={"version": 1, "care": more}, headers=clinic.headers())
    stale = await web.post(f"{one}/care-plans", json={"version": 1, "care": PLAN}, headers=clinic.headers())
    assert (stale.status_code, stale.json()["code"]) == (409, "stale")
    two = {"version": 2, "care": PLAN, "safety": {}}
    assert (await web.post(f"{one}/care-plans", json=two, headers=clinic.headers())).status_code == 422
    found = (await web.get(f"{one}/care-plans/care", headers=clinic.headers())).json()["items"]
    assert [(v["version"], v["content"]["goals"]) for v in found] == [
        (2, ["Walk to school", "Cook"]),
        (1, ["Walk to school"]),
    ]
    assert found[0]["changes"][0]["added"] == ["Cook"]
    text = await web.get(f"{one}/care-plans/care/chart-text", headers=clinic.headers())
    assert "- Cook\n" in text.json()["text"]
    assert (await web.get(f"{one}/care-plans/lunch", headers=clinic.headers())).status_code == 404


async def test_what_was_found_first_is_kept_by_version(
    web: httpx.AsyncClient, clinic: Clinic, one: str
) -> None:
    assert (await web.get(f"{one}/intake", headers=clinic.headers())).status_code == 404
    body = {"version": 0, "content": {"history": "Second episode.", "bipolar": "considered"}}
    assert (await web.post(f"{one}/intake", json=body, headers=clinic.headers())).status_code == 201
    assert (await web.post(f"{one}/intake", json=body, headers=clinic.headers())).status_code == 409
    found = (await web.get(f"{one}/intake", headers=clinic.headers())).json()
    assert (found["version"], found["content"]["pregnancy"]) == (1, "not_documented")


async def test_closing_is_a_decision_of_the_lead_or_a_clinician(
    web: httpx.AsyncClient, clinic: Clinic, one: str
) -> None:
    tried = contact(
        clinic, kind="attempt", outcome="no_answer", channel="phone", note="", minutes=None, staff_id=None
    )
    await web.post(f"{one}/contacts", json=tried, headers=clinic.headers())
    found = (await web.get(f"{one}/closing", headers=clinic.headers())).json()
    assert (found["attempts"], found["met"], found["status"]) == (1, False, "active")
    body = {"decision": "inactive", "note": "x", "reentry": "Call.", "told_clinician_on": "2026-03-02"}
    assert (await web.post(f"{one}/closing", json=body, headers=clinic.headers())).status_code == 403
    done = await web.post(f"{one}/closing", json=body, headers=clinic.headers("clinic_lead"))
    assert done.status_code == 201, done.text
    assert (await web.get(one, headers=clinic.headers())).json()["episode"]["status"] == "inactive_disengaged"
