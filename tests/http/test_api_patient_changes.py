"""A patient's details, number, treatment, helpers and contacts put right by the JSON API, on both databases."""

from __future__ import annotations

from typing import Any

import httpx

from tests.http.test_api_patients import enrolled
from tests.support.app import Clinic

PERSON = {
    "family_name": "Aldercott",
    "given_name": "Marion",
    "birth_date": "1987-04-12",
    "mrn": "TEST-1001",
    "sex": "F",
}


async def shown(web: httpx.AsyncClient, clinic: Clinic, patient_id: str) -> dict[str, Any]:
    answer = await web.get(f"/api/v1/patients/{patient_id}", headers=clinic.headers())
    found: dict[str, Any] = answer.json()
    return found


async def test_details_are_replaced_whole_and_a_stale_version_is_a_conflict(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    patient_id = await enrolled(web, clinic)
    seen = await shown(web, clinic, patient_id)
    path = f"/api/v1/patients/{patient_id}/details"
    wishes = {"language": "es", "zone": "America/Denver", "channel": "phone"}
    body = {"person": PERSON, "preferences": wishes, "version": seen["version"]}
    answer = await web.put(path, json=body, headers=clinic.headers())
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["given_name"], found["language"], found["zone"], found["channel"]) == (
        "Marion", "es", "America/Denver", "phone",
    )  # fmt: skip
    again = await web.put(path, json=body, headers=clinic.headers())
    assert (again.status_code, again.json()["code"]) == (409, "stale")
    wrong = {
        "person": PERSON | {"family_name": "1"},
        "preferences": wishes | {"zone": "Mars"},
        "version": found["version"],
    }
    refused = await web.put(path, json=wrong, headers=clinic.headers())
    assert [error["field"] for error in refused.json()["errors"]] == ["family_name", "zone"]


async def test_a_number_is_changed_with_its_own_agreement(web: httpx.AsyncClient, clinic: Clinic) -> None:
    patient_id = await enrolled(web, clinic)
    seen = await shown(web, clinic, patient_id)
    path = f"/api/v1/patients/{patient_id}/phone"
    body = {"phone": {"phone": "+12065550177"}, "version": seen["version"]}
    refused = await web.put(path, json=body, headers=clinic.headers())
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["field"] == "texting_consent"
    answer = await web.put(path, json=body | {"otherwise": "none"}, headers=clinic.headers())
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["phone"]["number"], found["phone"]["state"], found["channel"]) == (
        "+12065550177", "unverified", "none",
    )  # fmt: skip


async def test_a_helper_is_changed_as_a_new_row(web: httpx.AsyncClient, clinic: Clinic) -> None:
    patient_id = await enrolled(web, clinic)
    path = f"/api/v1/patients/{patient_id}/related-people"
    form = {
        "name": "Rosa Vale", "relation": "sister", "phone": "+12065550188", "basis": "patient_agreed",
        "scope": ["contacts"], "valid_from": "2026-03-02", "agreed_on": "2026-03-02", "agreed_how": "written",
    }  # fmt: skip
    first = (await web.post(path, json=form, headers=clinic.headers())).json()["id"]
    half = await web.put(f"{path}/{first}", json=form | {"agreed_on": None}, headers=clinic.headers())
    assert [error["field"] for error in half.json()["errors"]] == ["agreed_on"]
    changed = await web.put(f"{path}/{first}", json=form | {"scope": ["plan"]}, headers=clinic.headers())
    assert changed.status_code == 200, changed.text
    again = await web.put(f"{path}/{first}", json=form, headers=clinic.headers())
    assert (again.status_code, again.json()["code"]) == (409, "stale")
    lines = (await web.get(path, headers=clinic.headers())).json()["items"]
    assert {(line["id"], line["scope"][0], line["replaced"]) for line in lines} == {
        (changed.json()["id"], "plan", False),
        (first, "contacts", True),
    }


async def test_a_saved_contact_is_amended_by_the_leads_key(web: httpx.AsyncClient, clinic: Clinic) -> None:
    patient_id = await enrolled(web, clinic)
    path = f"/api/v1/patients/{patient_id}/contacts"
    contact = {
        "kind": "phone", "outcome": "reached", "occurred_at": "2026-03-02T17:00:00Z", "note": "Takes 100 mg.",
        "next": {"at": "2026-03-16T18:00:00Z", "mode": "phone", "purpose": "The dose"},
    }  # fmt: skip
    made = await web.post(path, json=contact, headers=clinic.headers())
    assert made.status_code == 201, made.text
    amendments = f"{path}/{made.json()['id']}/amendments"
    body = {"outcome": "reached", "note": "Takes 50 mg.", "reason": "Wrong dose.", "version": 0}
    assert (await web.post(amendments, json=body, headers=clinic.headers("clinician"))).status_code == 403
    done = await web.post(amendments, json=body, headers=clinic.headers("clinic_lead"))
    assert done.status_code == 201, done.text
    [earlier] = (await web.get(amendments, headers=clinic.headers())).json()["items"]
    assert (earlier["number"], earlier["note"], earlier["reason"]) == (1, "Takes 100 mg.", "Wrong dose.")
    [now] = (await web.get(path, headers=clinic.headers())).json()["items"]
    assert (now["note"], now["amendments"]) == ("Takes 50 mg.", 1)
    chart = await web.get(f"{path}/{made.json()['id']}/chart-text", headers=clinic.headers())
    assert "Amended: 02-Mar-2026" in chart.json()["text"]


async def test_a_treatment_change_is_withdrawn_with_its_reason(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    patient_id = await enrolled(web, clinic)
    path = f"/api/v1/patients/{patient_id}/treatment-changes"
    form = {"on": "2026-03-02", "kind": "dose_changed", "what": "sertraline 100 mg"}
    change = (await web.post(path, json=form, headers=clinic.headers())).json()["id"]
    body = {"reason": "Another patient's."}
    lead = clinic.headers("clinic_lead")
    assert (
        await web.post(f"{path}/{change}/withdrawal", json={"reason": ""}, headers=lead)
    ).status_code == 422
    assert (await web.post(f"{path}/{change}/withdrawal", json=body, headers=lead)).status_code == 201
    assert (await web.get(path, headers=lead)).json()["items"] == []
    [gone] = (await web.get(f"{path}/withdrawn", headers=lead)).json()["items"]
    assert (gone["what"], gone["reason"]) == ("sertraline 100 mg", "Another patient's.")
