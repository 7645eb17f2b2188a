"""The safety policy and the on-call calendar through the JSON API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from api.wiring import Deps
from kernel.audit import Actor
from registry.organisation.tables import Staff
from registry.protocol import service as protocol
from tests.support.app import Clinic

POLICY, ON_CALL = "/api/v1/safety-policy", "/api/v1/on-call"


@pytest.fixture
def lead(clinic: Clinic) -> dict[str, str]:
    return clinic.headers("clinic_lead")


async def test_a_draft_is_read_changed_and_refused_by_line(
    web: httpx.AsyncClient, clinic: Clinic, lead: dict[str, str]
) -> None:
    shipped = (await web.get(POLICY, headers=clinic.headers())).json()
    assert (shipped["id"], shipped["version"]) == (None, 0)
    made = await web.post(f"{POLICY}/drafts", headers=lead)
    assert made.status_code == 201, made.text
    address = made.headers["location"]
    policy: dict[str, Any] = shipped["policy"]
    policy["tiers"][2]["acknowledge"]["amount"] = 0
    changed = await web.put(address, json=policy, headers=lead)
    assert changed.status_code == 200, changed.text
    assert {"field": "tiers.3.acknowledge", "message": "is a clock of zero"} in changed.json()["in_the_way"]
    refused = await web.post(f"{address}/activate", headers=lead)
    assert refused.status_code == 422
    fields = {error["field"] for error in refused.json()["errors"]}
    assert {"tiers.3.acknowledge", "signatures", "on_call"} <= fields
    assert (await web.put(address, json=policy, headers=clinic.headers())).status_code == 403
    listed = (await web.get(f"{POLICY}/versions", headers=clinic.headers())).json()["items"]
    assert [(line["version"], line["state"]) for line in listed] == [(1, "draft")]


async def test_shifts_are_laid_covered_and_removed(
    web: httpx.AsyncClient, deps: Deps, clinic: Clinic, lead: dict[str, str]
) -> None:
    made = (await web.post(f"{POLICY}/drafts", headers=lead)).json()["id"]
    clinician, manager = clinic.staff["clinician"], clinic.staff["care_manager"]
    form = {
        "staff_id": str(clinician),
        "zone": "America/Los_Angeles",
        "on": "2026-03-03",
        "start": "17:00:00",
    }
    form["end"] = "09:00:00"
    unsigned = await web.post(f"{ON_CALL}/shifts", json=form, headers=lead)
    assert unsigned.json()["errors"][0]["field"] == "staff_id"
    async with deps.system_db.begin() as tx:
        await tx.execute(update(Staff).values(phone_verified_at=deps.clock.now()))
        for staff_id in (clinician, manager):
            who = Actor("staff", staff_id, clinic.id, frozenset({"clinician"}))
            await protocol.sign(tx, who, UUID(made), "training", now=deps.clock.now())
    shift = (await web.post(f"{ON_CALL}/shifts", json=form, headers=lead)).json()["id"]
    found = (await web.get(ON_CALL, headers=clinic.headers())).json()
    assert [one["id"] for one in found["shifts"]] == [shift]
    assert found["gaps"]
    covered = await web.post(f"{ON_CALL}/shifts/{shift}/cover", json={"by_id": str(manager)}, headers=lead)
    assert covered.status_code == 201, covered.text
    (taken,) = (await web.get(ON_CALL, headers=clinic.headers())).json()["shifts"]
    assert taken["staff_id"] == str(manager)
    again = await web.post(f"{ON_CALL}/shifts/{shift}/remove", headers=lead)
    assert again.status_code == 409
    assert (await web.post(f"{ON_CALL}/shifts/{taken['id']}/remove", headers=lead)).status_code == 201
    assert (await web.get(ON_CALL, headers=clinic.headers())).json()["shifts"] == []
