"""Check-ins, measures, texts, time, tasks, risk events and the month through the JSON API."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest

from tests.support.app import Clinic

API = "/api/v1"
PHQ9 = {"1": 2, "2": 2, "3": 1, "4": 2, "5": 0, "6": 1, "7": 1, "8": 0, "9": 0}


@pytest.fixture
async def patient_id(web: httpx.AsyncClient, clinic: Clinic) -> str:
    answer = await web.post(f"{API}/patients", json=clinic.enrolment(), headers=clinic.headers())
    return str(answer.json()["id"])


def form(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "instrument_id": "phq9",
        "taken_on": "2026-03-01",
        "source": "paper",
        "answers": PHQ9,
    }
    return body | changes


async def test_a_check_in_asked_for_now_is_in_the_patients_list(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    address = f"{API}/patients/{patient_id}/check-ins"
    made = await web.post(address, json={"instruments": ["phq9", "gad7"]}, headers=clinic.headers())
    assert made.status_code == 201, made.text
    lines = (await web.get(address, headers=clinic.headers())).json()["items"]
    assert [(line["id"], line["instruments"]) for line in lines] == [(made.json()["id"], ["phq9", "gad7"])]
    second = await web.post(address, json={"instruments": ["phq9"]}, headers=clinic.headers())
    assert (second.status_code, second.json()["code"]) == (409, "check_in_exists")


async def test_a_measure_nobody_knows_is_refused_by_name(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    answer = await web.post(
        f"{API}/patients/{patient_id}/check-ins", json={"instruments": ["phq99"]}, headers=clinic.headers()
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "instruments"


async def test_a_form_on_paper_is_scored_and_shown_with_its_answers(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    address = f"{API}/patients/{patient_id}/measures"
    made = await web.post(f"{address}/items", json=form(), headers=clinic.headers())
    result = made.json()
    assert (made.status_code, result["total"], result["item9"], result["band"]) == (201, 9, "0", "mild")
    assert (await web.get(address, headers=clinic.headers())).json()["items"] == [result]
    behind = await web.get(f"{API}/measures/{result['run_id']}/answers", headers=clinic.headers())
    assert {str(a["item_no"]): a["value"] for a in behind.json()["answers"]} == PHQ9


async def test_a_positive_item_9_from_paper_opens_a_risk_event(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    answers = PHQ9 | {"9": 1}
    await web.post(
        f"{API}/patients/{patient_id}/measures/items", json=form(answers=answers), headers=clinic.headers()
    )
    events = (await web.get(f"{API}/risk-events", headers=clinic.headers())).json()["items"]
    assert [(event["patient_id"], event["state"]) for event in events] == [(patient_id, "open")]
    page = (await web.get(f"{API}/risk-events/{events[0]['id']}", headers=clinic.headers())).json()
    assert page["signals"][0]["value"] == 1


async def test_a_total_without_item_9_asks_somebody_to_find_out(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    body = {"instrument_id": "phq9", "taken_on": "2026-03-01", "source": "ehr", "total": 12}
    made = await web.post(f"{API}/patients/{patient_id}/measures/totals", json=body, headers=clinic.headers())
    assert (made.json()["total"], made.json()["item9"]) == (12, "unknown")
    tasks = (await web.get(f"{API}/tasks", headers=clinic.headers())).json()["items"]
    assert [task["patient_id"] for task in tasks] == [patient_id]


async def test_an_impossible_answer_is_named(web: httpx.AsyncClient, clinic: Clinic, patient_id: str) -> None:
    answer = await web.post(
        f"{API}/patients/{patient_id}/measures/items",
        json=form(answers=PHQ9 | {"3": 7}),
        headers=clinic.headers(),
    )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["item_3"]


async def test_the_same_key_enters_a_form_once(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    headers = clinic.headers(**{"idempotency-key": "paper-7"})
    address = f"{API}/patients/{patient_id}/measures"
    first = await web.post(f"{address}/items", json=form(), headers=headers)
    again = await web.post(f"{address}/items", json=form(), headers=headers)
    assert first.json() == again.json()
    assert len((await web.get(address, headers=clinic.headers())).json()["items"]) == 1


async def test_a_text_from_staff_is_queued_and_in_the_thread(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    address = f"{API}/patients/{patient_id}/messages"
    made = await web.post(address, json={"body": "See you Thursday."}, headers=clinic.headers())
    assert made.status_code == 201, made.text
    lines = (await web.get(address, headers=clinic.headers())).json()["lines"]
    assert [(line["id"], line["direction"], line["body"]) for line in lines] == [
        (made.json()["id"], "out", "See you Thursday.")
    ]


async def test_logged_time_counts_in_the_month(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    address = f"{API}/patients/{patient_id}/time"
    body = {
        "started_at": "2026-03-02T17:30:00Z",
        "minutes": 14,
        "activity": "patient_contact",
        "staff_id": str(clinic.staff["care_manager"]),
    }
    made = await web.post(address, json=body, headers=clinic.headers())
    assert made.status_code == 201, made.text
    month = (await web.get(address, params={"month": "2026-03"}, headers=clinic.headers())).json()
    assert [entry["id"] for entry in month["entries"]] == [made.json()["id"]]
    assert month["logged_seconds"] == 14 * 60
    unknown = await web.post(address, json=body | {"activity": "coffee"}, headers=clinic.headers())
    assert [error["field"] for error in unknown.json()["errors"]] == ["activity"]
    wrong = await web.get(address, params={"month": "March"}, headers=clinic.headers())
    assert wrong.json()["errors"][0]["field"] == "month"


async def test_time_without_a_person_is_refused(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    body = {"started_at": "2026-03-02T17:30:00Z", "minutes": 14, "activity": "patient_contact"}
    answer = await web.post(f"{API}/patients/{patient_id}/time", json=body, headers=clinic.headers())
    assert answer.status_code == 400
    assert "staff_id" in answer.text


async def test_a_task_is_closed_with_what_came_of_it(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    body = {"instrument_id": "phq9", "taken_on": "2026-03-01", "source": "ehr", "total": 12}
    await web.post(f"{API}/patients/{patient_id}/measures/totals", json=body, headers=clinic.headers())
    task = (await web.get(f"{API}/tasks", headers=clinic.headers())).json()["items"][0]
    address = f"{API}/tasks/{task['id']}/close"
    assert (await web.post(address, json={"outcome": "called"}, headers=clinic.headers())).status_code == 201
    assert (await web.post(address, json={"outcome": "called"}, headers=clinic.headers())).status_code == 409
    done = (await web.get(f"{API}/tasks", params={"done": "true"}, headers=clinic.headers())).json()["items"]
    assert [line["outcome"] for line in done] == ["called"]


async def test_the_month_is_a_file_for_the_biller(
    web: httpx.AsyncClient, clinic: Clinic, patient_id: str
) -> None:
    body = {
        "started_at": "2026-03-02T17:00:00Z",
        "minutes": 40,
        "activity": "patient_contact",
        "staff_id": str(clinic.staff["care_manager"]),
    }
    await web.post(f"{API}/patients/{patient_id}/time", json=body, headers=clinic.headers())
    answer = await web.get(f"{API}/billing/2026-03.csv", headers=clinic.headers("biller"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert "2026-03" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["family_name"] for row in rows] == ["Aldercott"]


@pytest.mark.parametrize(
    ("name", "status"), [("2026-13.csv", 422), ("2026-03.xlsx", 404), ("march.csv", 422)]
)
async def test_a_month_that_is_none_is_refused(
    web: httpx.AsyncClient, clinic: Clinic, name: str, status: int
) -> None:
    answer = await web.get(f"{API}/billing/{name}", headers=clinic.headers("biller"))
    assert answer.status_code == status


async def test_a_key_sees_its_own_clinic_and_who_works_there(web: httpx.AsyncClient, clinic: Clinic) -> None:
    clinics = (await web.get(f"{API}/clinics", headers=clinic.headers("biller"))).json()
    assert [(found["id"], found["texting_mode"]) for found in clinics["items"]] == [
        (str(clinic.id), "simulation")
    ]
    staff = (await web.get(f"{API}/staff", headers=clinic.headers("biller"))).json()["items"]
    assert {tuple(person["roles"]) for person in staff} == {(role,) for role in clinic.staff}
