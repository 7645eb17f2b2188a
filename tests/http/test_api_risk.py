"""Risk events and drills through the JSON API: what another system may report, and what stays a person's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from api.wiring import Deps
from registry.safety import service as safety
from registry.safety.tables import RiskEvent
from tests.support.app import Clinic, browser, found_clinic, test_deps
from tests.support.clock import FakeClock
from tests.support.console import actor, answers, enrols, signed_in

DANGER = (2, 2, 2, 2, 2, 2, 1, 0, 2)


@pytest.fixture
async def deps(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    async with test_deps(sqlite_url, clock) as made:
        yield made


@pytest.fixture
async def harbor(deps: Deps) -> Clinic:
    return await found_clinic(deps)


@pytest.fixture
async def web(deps: Deps) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(deps) as client:
        yield client


async def event(deps: Deps, harbor: Clinic) -> UUID:
    """An event of tier 2 that nobody has."""
    async with signed_in(deps, harbor, "care_manager") as dana:
        patient_id = await enrols(dana, harbor)
    await answers(deps, harbor, patient_id, DANGER, date(2026, 3, 2))
    async with deps.system_db.begin() as tx:
        found: UUID = await tx.scalar(select(RiskEvent.id))
    return found


async def test_another_system_reports_what_a_named_person_did_about_an_event_that_somebody_has(
    deps: Deps, harbor: Clinic, web: httpx.AsyncClient
) -> None:
    event_id, key = await event(deps, harbor), harbor.headers("care_manager")
    path = f"/api/v1/risk-events/{event_id}"
    by = str(harbor.staff["clinician"])
    tried = {"by_id": by, "channel": "phone", "outcome": "no_answer"}
    refused = await web.post(f"{path}/attempts", headers=key, json=tried)
    assert (refused.status_code, "nobody has acknowledged" in refused.text) == (409, True)
    dana = await actor(deps, harbor)
    async with deps.system_db.begin() as tx:
        await safety.acknowledge(tx, dana, event_id, now=deps.clock.now())
    assert (await web.post(f"{path}/attempts", headers=key, json=tried)).status_code == 201
    stranger = await web.post(f"{path}/attempts", headers=key, json=tried | {"by_id": str(event_id)})
    assert stranger.json()["errors"][0]["field"] == "by_id"
    found: dict[str, Any] = {"by_id": by, "tool": "structured", "level": "low", "findings": "Spoke."}
    short = await web.post(f"{path}/assessments", headers=key, json=found)
    assert short.status_code == 422
    assert "answers.thoughts" in [error["field"] for error in short.json()["errors"]]
    told = {"by_id": by, "step": "consultant_informed", "who": "Dr. Sung", "at": deps.clock.now().isoformat()}
    assert (await web.post(f"{path}/steps", headers=key, json=told)).status_code == 201
    asked = {"by_id": by, "step": "welfare_check", "who": "Police", "at": deps.clock.now().isoformat()}
    assert (await web.post(f"{path}/steps", headers=key, json=asked)).status_code == 409
    assert (await web.post(f"{path}/notes", headers=key, json={"by_id": by, "note": "x"})).status_code == 201
    actions = (await web.get(path, headers=key)).json()["actions"]
    assert [a["kind"] for a in actions] == ["acknowledged", "attempt", "step", "note"]
    assert {a["by_id"] for a in actions[1:]} == {by}
    agenda = (await web.get("/api/v1/risk-agenda", headers=key)).json()["items"]
    assert [line["event_id"] for line in agenda] == [str(event_id)]
    history = await web.get(f"/api/v1/patients/{agenda[0]['patient_id']}/risk-history", headers=key)
    assert [line["kind"] for line in history.json()["items"]] == ["note", "step", "attempt", "acknowledged"]
    packs = (await web.get("/api/v1/assessment-packs", headers=key)).json()["items"]
    assert packs[0]["id"] == "structured"


async def test_a_drill_is_started_and_reported(deps: Deps, harbor: Clinic, web: httpx.AsyncClient) -> None:
    lead = harbor.headers("clinic_lead")
    assert (await web.post("/api/v1/drills", headers=harbor.headers("care_manager"))).status_code == 403
    started = await web.post("/api/v1/drills", headers=lead)
    assert started.status_code == 201
    assert (await web.post("/api/v1/drills", headers=lead)).status_code == 409
    report = (await web.get("/api/v1/drills", headers=lead)).json()
    [drill] = report["drills"]
    assert (drill["event_id"], drill["to_acknowledge_s"], drill["passed"]) == (
        started.json()["id"],
        None,
        False,
    )
    assert [slot["slot"] for slot in report["slots"]] == ["staffed", "evening", "night", "weekend"]
    bad = await web.get("/api/v1/drills?since=2026-03-02T18:00:00Z&until=2026-03-01T18:00:00Z", headers=lead)
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "since")
