"""Accounts, keys and handovers over the JSON API: the console's own services, and nothing of another clinic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, insert, select

from api.schema import metadata
from kernel.audit import AuditEvent, Role
from kernel.web.tables import WebSession
from registry.organisation.tables import Staff, StaffRole
from tests.support import app as support
from tests.support.app import Clinic
from tests.support.clock import FakeClock
from tests.support.console import signed_in

ADMIN: Final[Role] = "administrator"
NADIA = {
    "name": "Nadia Reyes", "email": "Nadia@Harbor.example", "phone": "206-555-0177", "roles": ["care_manager"],
    "password": "lamps along the pier",
}  # fmt: skip
PERSON = {"name": "Nadia Reyes", "email": "nadia.reyes@harbor.example", "credentials": "LICSW"}


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


async def test_an_account_is_made_changed_and_its_phone_confirmed(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    ada = clinic.headers(ADMIN)
    refused = await web.post("/api/v1/accounts", json=NADIA | {"email": "nadia", "roles": []}, headers=ada)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "roles")
    made = await web.post("/api/v1/accounts", json=NADIA, headers=ada)
    assert made.status_code == 201, made.text
    one = f"/api/v1/accounts/{made.json()['id']}"
    assert made.headers["location"] == one and "lamps" not in made.text
    assert (await web.post("/api/v1/accounts", json=NADIA, headers=ada)).status_code == 409
    assert (made.json()["phone"], made.json()["phone_verified"]) == ("+12065550177", False)
    confirmations, number = f"{one}/phone/confirmations", {"called": "(206) 555-0177"}
    assert (await web.post(confirmations, headers=ada)).status_code in (400, 422)
    wrong = await web.post(confirmations, json={"called": "nobody"}, headers=ada)
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "called")
    other = await web.post(confirmations, json={"called": "+12065550178"}, headers=ada)
    assert (other.status_code, other.json()["code"]) == (409, "stale")
    assert (await web.get(one, headers=ada)).json()["phone_verified"] is False
    assert (await web.post(confirmations, json=number, headers=ada)).status_code == 201
    kept = await web.put(one, json=PERSON | {"phone": "+12065550177"}, headers=ada)
    assert (kept.json()["email"], kept.json()["phone_verified"]) == (PERSON["email"], True)
    changed = await web.put(one, json=PERSON | {"phone": "+12065550178"}, headers=ada)
    assert changed.json()["phone_verified"] is False
    taken = await web.put(one, json=PERSON | {"email": "biller@harbor.example"}, headers=ada)
    assert taken.status_code == 409
    roles = await web.put(f"{one}/roles", json={"roles": ["care_manager", "biller"]}, headers=ada)
    assert roles.json()["roles"] == ["biller", "care_manager"]
    listed = (await web.get("/api/v1/accounts", headers=clinic.headers("clinic_lead"))).json()["items"]
    assert [line["email"] for line in listed if line["id"] == made.json()["id"]] == [PERSON["email"]]
    assert (await web.get(one, headers=clinic.headers("clinic_lead"))).status_code == 403


async def test_a_closed_account_ends_its_sessions_and_opened_again_they_stay_ended(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    biller = clinic.staff["biller"]
    one = f"/api/v1/accounts/{biller}"
    async with signed_in(clinic.deps, clinic, "biller") as tom:
        assert (await tom.opens("/billing")).status == 200
        closed = await web.post(f"{one}/deactivate", headers=clinic.headers(ADMIN))
        assert closed.status_code == 201, closed.text
        assert (await tom.opens("/billing")).path == "/sign-in"
        again = await web.post(f"{one}/enable", headers=clinic.headers(ADMIN))
        assert again.status_code == 201
        assert (await tom.opens("/billing")).path == "/sign-in"
    async with clinic.deps.system_db.begin() as tx:
        live = select(func.count()).where(WebSession.staff_id == biller, WebSession.ended_at.is_(None))
        assert await tx.scalar(live) == 0


async def test_a_role_that_is_taken_away_is_gone_with_the_next_request(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    path = f"/api/v1/accounts/{clinic.staff['clinic_lead']}/roles"
    async with signed_in(clinic.deps, clinic, "clinic_lead") as lee:
        assert (await lee.opens("/setup/note-templates")).status == 200
        changed = await web.put(path, json={"roles": ["care_manager"]}, headers=clinic.headers(ADMIN))
        assert changed.status_code == 200, changed.text
        assert (await lee.opens("/setup/note-templates")).status == 403
        assert (await lee.opens("/today")).status == 200


async def test_what_a_leaver_holds_is_counted_handed_over_and_then_the_account_closes(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    made = await web.post("/api/v1/patients", json=clinic.enrolment(), headers=clinic.headers())
    assert made.status_code == 201
    lead, one = clinic.headers("clinic_lead"), f"/api/v1/accounts/{clinic.staff['care_manager']}"
    held = (await web.get(f"{one}/duties", headers=lead)).json()["items"]
    assert {line["duty"]: line["count"] for line in held}["care_manager"] == 1
    takers = {line["duty"]: line["takers"] for line in held}
    assert takers["care_manager"] == takers["timer"] == [] and len(takers["tasks"]) == 3
    assert takers["approvals"] == [str(clinic.staff["clinician"])]
    left = await web.post(f"{one}/deactivate", headers=clinic.headers(ADMIN))
    assert (left.status_code, left.json()["code"]) == (409, "duties_left")
    nadia = (await web.post("/api/v1/accounts", json=NADIA, headers=clinic.headers(ADMIN))).json()["id"]
    held = (await web.get(f"{one}/duties", headers=lead)).json()["items"]
    assert {line["duty"]: line["takers"] for line in held}["care_manager"] == [nadia]
    duties = [line["duty"] for line in held if line["count"]]
    body = {"to_id": nadia, "duties": duties, "note": ""}
    refused = await web.post(f"{one}/handovers", json=body, headers=lead)
    assert [e["field"] for e in refused.json()["errors"]] == ["note"]
    body |= {"note": "Maren expects a call on Friday."}
    moved = await web.post(f"{one}/handovers", json=body, headers=lead | {"idempotency-key": "leaver-1"})
    assert moved.status_code == 201, moved.text
    again = await web.post(f"{one}/handovers", json=body, headers=lead | {"idempotency-key": "leaver-1"})
    assert again.json() == moved.json()
    (note,) = (await web.get("/api/v1/handovers", headers=lead)).json()["items"]
    assert (note["note"], note["counts"]["care_manager"]) == ("Maren expects a call on Friday.", 1)
    closed = await web.post(f"{one}/deactivate", headers=clinic.headers(ADMIN))
    assert closed.status_code == 201, closed.text


async def test_a_key_is_listed_and_revoked_at_once(clinic: Clinic, web: httpx.AsyncClient) -> None:
    ada = clinic.headers(ADMIN)
    listed = (await web.get("/api/v1/keys", headers=ada)).json()["items"]
    biller = next(key["id"] for key in listed if key["role"] == "biller")
    assert not any("evk_" in str(key) for key in listed)
    assert (await web.post(f"/api/v1/keys/{biller}/revoke", headers=ada)).status_code == 201
    assert (await web.get("/api/v1/clinics", headers=clinic.headers("biller"))).status_code == 401
    assert (await web.post(f"/api/v1/keys/{biller}/revoke", headers=ada)).status_code == 404


async def test_nothing_of_another_clinic_is_reached_and_each_try_leaves_a_row(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    other = await support.found_clinic(clinic.deps, "inland", "+12065550101")
    stranger, ada, lead = other.staff["biller"], clinic.headers(ADMIN), clinic.headers("clinic_lead")
    keys = (await web.get("/api/v1/keys", headers=other.headers(ADMIN))).json()["items"]
    one = f"/api/v1/accounts/{stranger}"
    note = {"to_id": str(clinic.staff["care_manager"]), "duties": ["tasks"], "note": "Mine now"}
    tries = (
        ("GET", one, None, ada),
        ("PUT", one, PERSON, ada),
        ("PUT", f"{one}/roles", {"roles": ["biller"]}, ada),
        ("POST", f"{one}/phone/confirmations", {"called": "+12065550177"}, ada),
        ("POST", f"{one}/deactivate", None, ada),
        ("POST", f"{one}/enable", None, ada),
        ("GET", f"{one}/duties", None, ada),
        ("POST", f"{one}/handovers", note, lead),
        ("POST", f"/api/v1/keys/{keys[0]['id']}/revoke", None, ada),
        ("POST", f"/api/v1/cover/{stranger}/end", None, lead),
    )
    for method, path, body, headers in tries:
        before = await counts(clinic)
        answer = await web.request(method, path, json=body, headers=headers)
        assert answer.status_code == 404, (method, path, answer.text)
        after = await counts(clinic)
        assert {n: after[n] - before[n] for n in after if after[n] != before[n]} == {"audit_event": 1}, path
    async with clinic.deps.system_db.begin() as tx:
        row = await tx.first(
            select(AuditEvent.action, AuditEvent.outcome, AuditEvent.clinic_id, AuditEvent.detail)
            .order_by(AuditEvent.seq.desc())
            .limit(1)
        )
    assert row is not None
    assert tuple(row) == (
        "access.not_found", "denied", clinic.id, {"route": "/api/v1/cover/{cover_id}/end", "method": "POST"},
    )  # fmt: skip


async def test_nobody_changes_the_details_of_a_person_who_also_works_elsewhere(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    other = await support.found_clinic(clinic.deps, "inland", "+12065550101")
    consultant = clinic.staff["consultant"]
    async with clinic.deps.system_db.begin() as tx:
        await tx.execute(
            insert(StaffRole), {"staff_id": consultant, "clinic_id": other.id, "role": "consultant"}
        )
    one = f"/api/v1/accounts/{consultant}"
    answer = await web.put(one, json=PERSON, headers=clinic.headers(ADMIN))
    assert answer.status_code == 409
    async with clinic.deps.system_db.begin() as tx:
        assert (
            await tx.scalar(select(Staff.email).where(Staff.id == consultant)) == "consultant@harbor.example"
        )
    admitted = await web.post(
        "/api/v1/accounts/admissions",
        json={"email": "inland@nowhere.example", "roles": ["consultant"]},
        headers=clinic.headers(ADMIN),
    )
    assert admitted.status_code == 422
    admitted = await web.post(
        "/api/v1/accounts/admissions",
        json={"email": "clinician@inland.example", "roles": ["clinician"]},
        headers=clinic.headers(ADMIN),
    )
    assert (admitted.status_code, admitted.json()["roles"]) == (201, ["clinician"])
    assert UUID(admitted.json()["id"]) == other.staff["clinician"]


async def test_a_key_neither_makes_an_administrator_nor_closes_the_last_one(
    clinic: Clinic, web: httpx.AsyncClient
) -> None:
    ada = clinic.headers(ADMIN)
    made = await web.post("/api/v1/accounts", json=NADIA | {"roles": [ADMIN]}, headers=ada)
    assert (made.status_code, made.json()["detail"]) == (409, "only a person makes somebody an administrator")
    biller = f"/api/v1/accounts/{clinic.staff['biller']}"
    assert (await web.put(f"{biller}/roles", json={"roles": [ADMIN]}, headers=ada)).status_code == 409
    admitted = {"email": "biller@harbor.example", "roles": [ADMIN]}
    assert (await web.post("/api/v1/accounts/admissions", json=admitted, headers=ada)).status_code == 409
    last = f"/api/v1/accounts/{clinic.staff[ADMIN]}"
    closed = await web.post(f"{last}/deactivate", headers=ada)
    assert (closed.status_code, "without an administrator" in closed.text) == (409, True)
    assert (await web.put(f"{last}/roles", json={"roles": ["biller"]}, headers=ada)).status_code == 409
    assert (await web.get(biller, headers=ada)).json()["roles"] == ["biller"]
