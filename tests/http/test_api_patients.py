"""Referral, enrolment, plan, next contact and status through the JSON API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from kernel.audit import AuditEvent
from registry.patients.tables import Patient
from tests.support.app import Clinic, found_clinic

PATIENTS = "/api/v1/patients"
NOBODY = "019a0000-0000-7000-8000-00000000ffff"


async def enrolled(web: httpx.AsyncClient, clinic: Clinic, **changes: Any) -> str:
    answer = await web.post(PATIENTS, json=clinic.enrolment(**changes), headers=clinic.headers())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def patients(clinic: Clinic) -> int:
    async with clinic.deps.system_db.begin() as tx:
        return int(await tx.scalar(select(func.count()).select_from(Patient)))


async def test_enrolment_gives_the_patient_and_where_to_find_them(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    answer = await web.post(PATIENTS, json=clinic.enrolment(), headers=clinic.headers())
    found = answer.json()
    assert (answer.status_code, found["family_name"], found["episode"]["status"]) == (
        201,
        "Aldercott",
        "active",
    )
    assert found["phone"] == {
        "number": "+12065550123", "state": "verified", "shared": False, "safe_to_text": True, "voicemail_ok": False,
    }  # fmt: skip
    again = await web.get(answer.headers["location"], headers=clinic.headers())
    assert again.json() == found


async def test_every_problem_is_named_at_once_and_nothing_is_stored(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    body = clinic.enrolment(target_condition="sad", coverage=[], referred_by=None)
    answer = await web.post(PATIENTS, json=body, headers=clinic.headers())
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {error["field"] for error in answer.json()["errors"]} == {
        "target_condition",
        "coverage",
        "referred_by",
    }
    assert await patients(clinic) == 0


async def test_a_field_of_the_wrong_shape_is_named_with_its_path(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    person = {"family_name": 3, "given_name": "Maren"}
    answer = await web.post(PATIENTS, json=clinic.enrolment(person=person), headers=clinic.headers())
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["person.family_name"]


async def test_an_unknown_field_is_refused_by_name(web: httpx.AsyncClient, clinic: Clinic) -> None:
    answer = await web.post(PATIENTS, json=clinic.enrolment(middle_name="Q"), headers=clinic.headers())
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "middle_name", "message": "is not a field here"}]


async def test_a_body_that_is_no_json_is_a_400(web: httpx.AsyncClient, clinic: Clinic) -> None:
    answer = await web.post(
        PATIENTS, content=b"{", headers=clinic.headers(**{"content-type": "application/json"})
    )
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid" or answer.json()["code"] == "bad_request"


async def test_the_same_key_and_body_enrol_once(web: httpx.AsyncClient, clinic: Clinic) -> None:
    headers = clinic.headers(**{"idempotency-key": "enrol-1"})
    first = await web.post(PATIENTS, json=clinic.enrolment(), headers=headers)
    again = await web.post(PATIENTS, json=clinic.enrolment(), headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert await patients(clinic) == 1


async def test_two_at_once_with_one_key_enrol_once(web: httpx.AsyncClient, clinic: Clinic) -> None:
    headers = clinic.headers(**{"idempotency-key": "enrol-2"})
    answers = await asyncio.gather(
        *(web.post(PATIENTS, json=clinic.enrolment(), headers=headers) for _ in range(4))
    )
    made = {answer.json().get("id") for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert await patients(clinic) == 1


async def test_one_key_for_two_bodies_is_refused(web: httpx.AsyncClient, clinic: Clinic) -> None:
    headers = clinic.headers(**{"idempotency-key": "enrol-3"})
    await web.post(PATIENTS, json=clinic.enrolment(), headers=headers)
    other = clinic.enrolment(phone={"phone": "+12065550124"})
    answer = await web.post(PATIENTS, json=other, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert await patients(clinic) == 1


async def test_keys_of_two_callers_do_not_meet(web: httpx.AsyncClient, clinic: Clinic) -> None:
    key = {"idempotency-key": "same"}
    first = await web.post(PATIENTS, json=clinic.enrolment(), headers=clinic.headers(**key))
    person = {"family_name": "Brightwater", "given_name": "Ines", "birth_date": "1990-01-01", "mrn": "T-2"}
    body = clinic.enrolment(person=person, phone={"phone": "+12065550125"})
    second = await web.post(PATIENTS, json=body, headers=clinic.headers("clinic_lead", **key))
    assert (first.status_code, second.status_code) == (201, 201)


async def test_a_referral_waits_and_enrolment_completes_it(web: httpx.AsyncClient, clinic: Clinic) -> None:
    referral = {
        "family_name": "Aldercott",
        "given_name": "Maren",
        "referred_by": "Dr. Osei",
        "reason": "Low mood",
        "phone": "+12065550123",
    }
    waiting = (await web.post("/api/v1/referrals", json=referral, headers=clinic.headers())).json()
    assert waiting["episode"]["status"] == "referred"
    body = clinic.enrolment(patient_id=waiting["id"], version=waiting["version"])
    done = await web.post(PATIENTS, json=body, headers=clinic.headers())
    assert (done.json()["id"], done.json()["episode"]["status"]) == (waiting["id"], "active")


async def test_a_plan_is_set_as_a_whole_and_a_stale_one_is_refused(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    address = f"{PATIENTS}/{await enrolled(web, clinic)}/plan"
    line = {"instrument_id": "phq9", "every_days": 14, "local_time": "10:00:00", "anchor_on": "2026-03-09"}
    before = (await web.get(address, headers=clinic.headers())).json()
    assert before == {"lines": [], "version": 0}
    done = await web.put(address, json={"lines": [line], "version": 0}, headers=clinic.headers())
    assert done.json() == {"lines": [line], "version": 1}
    stale = await web.put(address, json={"lines": [], "version": 0}, headers=clinic.headers())
    assert stale.status_code == 409
    wrong = await web.put(address, json={"lines": [line | {"every_days": 3}]}, headers=clinic.headers())
    assert [error["field"] for error in wrong.json()["errors"]] == ["lines[0].every_days"]


async def test_the_next_contact_is_set_and_shown(web: httpx.AsyncClient, clinic: Clinic) -> None:
    patient_id = await enrolled(web, clinic)
    body = {"at": "2026-03-05T20:00:00Z", "mode": "phone", "purpose": "How the new dose is going"}
    answer = await web.put(f"{PATIENTS}/{patient_id}/next-contact", json=body, headers=clinic.headers())
    episode = answer.json()["episode"]
    assert (episode["next_contact_at"], episode["next_contact_mode"]) == ("2026-03-05T20:00:00Z", "phone")
    line = (await web.get(PATIENTS, headers=clinic.headers())).json()["items"][0]
    assert line["next_contact_at"] == "2026-03-05T20:00:00Z"


async def test_a_hold_is_shown_and_a_patient_who_died_is_left_alone(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    patient_id = await enrolled(web, clinic)
    hold = {"status": "on_hold", "reason": "hospital", "from_date": "2026-03-01", "review_on": "2026-03-10"}
    held = await web.post(f"{PATIENTS}/{patient_id}/status", json=hold, headers=clinic.headers())
    assert held.json()["episode"]["status"] == "on_hold"
    died = await web.post(f"{PATIENTS}/{patient_id}/deceased", json={}, headers=clinic.headers())
    assert died.json()["deceased_on"] == "2026-03-02"
    asked = await web.post(
        f"{PATIENTS}/{patient_id}/check-ins", json={"instruments": ["phq9"]}, headers=clinic.headers()
    )
    assert asked.status_code == 409


async def test_the_registry_is_read_page_by_page(web: httpx.AsyncClient, clinic: Clinic) -> None:
    for number, name in enumerate(("Cedar", "Aspen", "Birch")):
        person = {"family_name": name, "given_name": "Test", "birth_date": "1990-01-01", "mrn": f"T-{number}"}
        await enrolled(web, clinic, person=person, phone={"phone": f"+1206555013{number}"})
    names: list[str] = []
    after = None
    while True:
        query = {"limit": "2", "sort": "name"} | ({} if after is None else {"after": after})
        page = (await web.get(PATIENTS, params=query, headers=clinic.headers())).json()
        names += [line["family_name"] for line in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert names == ["Aspen", "Birch", "Cedar"]


async def test_a_search_is_a_post_so_that_no_name_stands_in_an_address(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    patient_id = await enrolled(web, clinic)
    for text in ("alder", "T-1001", "(206) 555-0123"):
        found = await web.post(f"{PATIENTS}/search", json={"text": text}, headers=clinic.headers())
        assert [line["patient_id"] for line in found.json()["items"]] == [patient_id], text


async def test_another_clinics_patient_does_not_exist_and_nothing_is_told(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    patient_id = await enrolled(web, clinic)
    other = await found_clinic(clinic.deps, "inland", "+12065550101")
    for path in ("", "/plan", "/check-ins", "/messages", "/measures", "/time"):
        theirs = await web.get(f"{PATIENTS}/{patient_id}{path}", headers=other.headers())
        nobody = await web.get(f"{PATIENTS}/{NOBODY}{path}", headers=other.headers())
        assert theirs.status_code == 404, path
        ours = {key: value for key, value in theirs.json().items() if key != "request_id"}
        assert ours == {key: value for key, value in nobody.json().items() if key != "request_id"}


async def test_an_id_that_is_none_is_a_404(web: httpx.AsyncClient, clinic: Clinic) -> None:
    assert (await web.get(f"{PATIENTS}/1", headers=clinic.headers())).status_code == 404


async def test_a_read_leaves_its_row_in_the_audit_log_under_the_keys_name(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    patient_id = await enrolled(web, clinic)
    await web.get(f"{PATIENTS}/{patient_id}", headers=clinic.headers("clinician"))
    async with clinic.deps.system_db.begin() as tx:
        rows = await tx.all(
            select(AuditEvent.actor_kind, AuditEvent.actor_roles, AuditEvent.patient_id, AuditEvent.request_id)
            .where(AuditEvent.action == "patient.read", AuditEvent.actor_roles == "clinician")
        )  # fmt: skip
    assert [(row.actor_kind, str(row.patient_id)) for row in rows] == [("token", patient_id)]
    assert rows[0].request_id is not None


async def test_a_biller_sees_what_the_bill_needs_and_no_clinical_text(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    patient_id = await enrolled(web, clinic)
    found = (await web.get(f"{PATIENTS}/{patient_id}", headers=clinic.headers("biller"))).json()
    assert (found["clinical"], found["episode"]["referral_reason"], found["emergency"]) == (False, None, None)
    assert found["coverage"][0]["payer"] == "Cascade Health Plan"


@pytest.mark.parametrize("text", ["A\u0000B", "\ud800", "=1+1", "<script>alert(1)</script>", "x" * 5000])
async def test_a_hostile_text_is_kept_as_it_is_or_refused_and_never_a_failure(
    web: httpx.AsyncClient, clinic: Clinic, text: str
) -> None:
    person = {"family_name": text, "given_name": "Maren", "mrn": text[:20], "birth_date": "1987-04-12"}
    referral = {
        "family_name": text,
        "given_name": "B",
        "referred_by": text,
        "reason": text,
        "phone": "+12065550131",
    }
    for path, body in (
        (PATIENTS, clinic.enrolment(person=person, referral_reason=text)),
        ("/api/v1/referrals", referral),
        (f"{PATIENTS}/search", {"text": text}),
    ):
        content = json.dumps(body).encode()
        headers = clinic.headers(**{"content-type": "application/json"})
        answer = await web.post(path, content=content, headers=headers)
        assert answer.status_code in (200, 201, 400, 422), (path, answer.text)


async def test_a_known_name_and_birth_date_is_a_conflict_until_it_is_said_to_be_another_person(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    referral = {
        "family_name": "Alder", "given_name": "Ana", "referred_by": "Dr. Osei", "reason": "Low mood",
        "phone": "+12065550123", "birth_date": "1987-04-12",
    }  # fmt: skip
    first = await web.post("/api/v1/referrals", json=referral, headers=clinic.headers())
    assert first.status_code == 201
    for changed in ({"phone": "+12065550124"}, {"phone": "+12065550124", "birth_date": None}):
        again = await web.post("/api/v1/referrals", json=referral | changed, headers=clinic.headers())
        assert (again.status_code, again.json()["code"]) == (409, "known_patient")
    other = referral | {"birth_date": "2001-02-03"}
    taken = await web.post("/api/v1/referrals", json=other, headers=clinic.headers())
    assert (taken.status_code, taken.json()["code"]) == (409, "phone_taken")
    for said in (
        other | {"phone_shared": True},
        referral | {"phone": "+12065550124", "another_person": True},
    ):
        answer = await web.post("/api/v1/referrals", json=said, headers=clinic.headers())
        assert answer.status_code == 201, answer.text
