"""What-ifs, a patient's month, decisions and coverage through the JSON API."""

from __future__ import annotations

import httpx
import pytest

from tests.support.app import Clinic

API = "/api/v1"


@pytest.fixture
async def patient_id(web: httpx.AsyncClient, clinic: Clinic) -> str:
    answer = await web.post(f"{API}/patients", json=clinic.enrolment(), headers=clinic.headers())
    return str(answer.json()["id"])


@pytest.mark.parametrize(
    ("query", "text", "rule"),
    [
        ("minutes=86&month_type=initial", "99492x1;99494x1", "cpt_midpoint@1/99492"),
        (
            "minutes=166&month=2026-11&served=2026-09&served=2026-10&payer=NC Medicaid",
            "99493x1;99494x4", "nc_medicaid@1/continuing",
        ),
        ("minutes=20&month_type=initial&changed=g2214_min=30", "none", "cpt_midpoint+g2214_min=30@1/G2214"),
        ("minutes=69&month_type=initial&rule_set=full_threshold", "G2214x1", "full_threshold@1/99492"),
    ],
)  # fmt: skip
async def test_a_what_if_names_the_id_of_every_rule(
    web: httpx.AsyncClient, clinic: Clinic, query: str, text: str, rule: str
) -> None:
    answer = await web.get(f"{API}/billing/explain?{query}", headers=clinic.headers("biller"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"] == text
    assert rule in [step["rule_id"] for step in answer.json()["steps"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("minutes=20", "month_type"),
        ("minutes=20&month=November", "month"),
        ("minutes=20&month_type=initial&rule_set=mine", "rule_set"),
        ("minutes=20&month_type=initial&payer=NC Medicaid", "month"),
        ("minutes=20&month_type=initial&changed=id=mine", "changed"),
        ("minutes=20&month_type=initial&changed=g2214_min=soon", "changed"),
    ],
)
async def test_a_what_if_that_can_not_be_answered_names_its_field(
    web: httpx.AsyncClient, clinic: Clinic, query: str, field: str
) -> None:
    answer = await web.get(f"{API}/billing/explain?{query}", headers=clinic.headers("biller"))
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_patients_month_shows_every_second_elements_decisions_and_coverage(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    body = {
        "started_at": "2026-03-02T17:00:00Z", "minutes": 40, "activity": "patient_contact",
        "staff_id": str(clinic.staff["care_manager"]),
    }  # fmt: skip
    made = await web.post(f"{API}/patients/{patient_id}/time", json=body, headers=clinic.headers())
    assert made.status_code == 201, made.text
    address, biller = f"{API}/patients/{patient_id}/billing", clinic.headers("biller")
    month = (await web.get(f"{address}/explain?month=2026-03", headers=biller)).json()
    assert sum(part["seconds"] for part in month["slices"]) == month["logged_seconds"] == 2400
    assert all(part["counted"] == (part["reason"] is None) for part in month["slices"])
    missing = next(element for element in month["elements"] if element["id"] == "consultant_review")
    assert (missing["state"], missing["holds"], bool(missing["fix"])) == ("failed", True, True)
    assert len(month["inputs_hash"]) == 64
    form = {"kind": "release", "month": "2026-03", "value": "consultant_review", "reason": "seen in the EHR"}
    refused = await web.post(f"{address}/decisions", json=form, headers=clinic.headers("care_manager"))
    assert refused.status_code == 403
    decided = await web.post(f"{address}/decisions", json=form, headers=biller)
    assert decided.status_code == 201, decided.text
    listed = (await web.get(f"{address}/decisions", headers=biller)).json()["items"]
    assert [(each["kind"], each["value"]) for each in listed] == [("release", "consultant_review")]
    gone = await web.post(
        f"{API}/billing/decisions/{decided.json()['id']}/withdraw",
        json={"reason": "wrong one"},
        headers=biller,
    )
    assert gone.status_code == 200, gone.text
    assert (await web.get(f"{address}/decisions", headers=biller)).json()["items"] == []
    payer = {"payer": "NC Medicaid", "valid_from": "2026-01-01", "rank": 2, "subscriber": "spouse"}
    added = await web.post(f"{API}/patients/{patient_id}/coverage", json=payer, headers=biller)
    assert added.status_code == 201, added.text
    wrong = payer | {"valid_to": "2025-01-01"}
    answer = await web.put(
        f"{API}/patients/{patient_id}/coverage/{added.json()['id']}", json=wrong, headers=biller
    )
    assert answer.json()["errors"][0]["field"] == "coverage.valid_to"


OWN = {
    "id": "own_evergreen", "version": 1, "title": "Evergreen", "author": "Harbor Clinic", "source": "Manual, page 14",
    "payer": "Evergreen Health Plan", "effective_from": "2026-01-01", "reviewed_through": "2026-12-31",
    "time_rule": "cpt_midpoint", "g2214_min": 30,
}  # fmt: skip


async def test_a_rule_set_is_tried_brought_in_read_and_given_to_a_payer(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    path, headers = f"{API}/billing/rule-sets", clinic.headers("biller")
    wrong = {"document": OWN | {"id": "nc_medicaid", "source": ""}}
    refused = await web.post(path, json=wrong, headers=headers)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["id", "source"]
    tried = (await web.post(f"{path}/trial", json={"document": OWN}, headers=headers)).json()
    assert (tried["rule_id"], [each["changed"] for each in tried["months"]]) == ("own_evergreen@1", [0, 0])
    for _ in range(2):
        kept = await web.post(path, json={"document": OWN}, headers=headers)
        assert (kept.status_code, kept.json()) == (201, {"rule_id": "own_evergreen@1"})
    first = (await web.get(path, headers=headers)).json()["items"][0]
    assert (first["rule_id"], first["own"], len(first["sha256"])) == ("own_evergreen@1", True, 64)
    assert (await web.get(f"{path}/own_evergreen@1", headers=headers)).json()["g2214_min"] == 30
    assert (await web.get(f"{path}/own_evergreen@2", headers=headers)).status_code == 404
    given = {"payer": "Another Plan", "rule_set": "own_evergreen"}
    assert (await web.put(f"{API}/billing/payers", json=given, headers=headers)).json() == given
    asked = f"{API}/billing/explain?minutes=29&month_type=initial&month=2026-11&payer=Another Plan"
    found = (await web.get(asked, headers=headers)).json()
    assert (found["text"], found["rule_id"]) == ("none", "own_evergreen@1")
    lost = await web.put(f"{API}/billing/payers", json=given | {"rule_set": "mine"}, headers=headers)
    assert (lost.status_code, lost.json()["errors"][0]["field"]) == (422, "rule_set")
