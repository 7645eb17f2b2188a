"""Generated requests at every described call of the staff's and the patients' API: none is answered by a fault of ours, and
every answer is one that the description names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from sqlalchemy import select, update

from api.app import create_app
from kernel.audit import ROLES, Role
from kernel.ids import new_token
from messaging.patient_access import sessions
from messaging.patient_access.codes import Proven
from messaging.patient_access.rules import Account
from registry.patients.tables import PatientPhone
from tests.support import app as support
from tests.support.api_shapes import routes
from tests.support.app import Clinic
from tests.support.clock import FakeClock

PREFERRED: tuple[Role, ...] = (
    "care_manager", "clinic_lead", "biller", "administrator", "clinician", "consultant",
)  # fmt: skip
EXAMPLES = 4  # a call: a hundred calls, each several hundred statements, in well under a minute
# Who may make a call makes it: a refused role would never reach what is behind it.
ROLES_OF: dict[str, Role] = {
    route.name: min(route.handler.opt["access"].roles or ROLES, key=PREFERRED.index) for route in routes()
}


class World(NamedTuple):
    clinic: Clinic
    client: httpx.AsyncClient
    patient_id: UUID
    schema: Any


@asynccontextmanager
async def opened(url: str, clock: FakeClock) -> AsyncIterator[World]:
    async with support.test_deps(url, clock) as deps:
        clinic = await support.found_clinic(deps)
        app = create_app(deps)
        async with support.browser(deps, app) as client:
            enrolled = await client.post(
                "/api/v1/patients", json=clinic.enrolment(), headers=clinic.headers()
            )
            assert enrolled.status_code == 201, enrolled.text
            described = (await client.get("/schema/openapi.json")).json()
            yield World(clinic, client, UUID(enrolled.json()["id"]), described)


async def signed_in(world: World) -> str:
    """A fresh device for each call: one of them signs it out."""
    deps, token = world.clinic.deps, new_token()
    async with deps.system_db.begin() as tx:
        # What the call before may have changed: the number's safety, or the number.
        mine = (PatientPhone.patient_id == world.patient_id, PatientPhone.replaced_at.is_(None))
        await tx.execute(update(PatientPhone).where(*mine).values(safe_to_text=True))
        phone_key = await tx.scalar(select(PatientPhone.phone_key).where(*mine))
        account = Account(world.clinic.id, world.patient_id, None, "en")
        proven = Proven(account, phone_key)
        _, made = await sessions.start_device(
            tx, proven, "Phone", access=token, refresh=new_token(), now=deps.clock.now()
        )
        signed = await sessions.load(tx, token, "device", now=deps.clock.now())
        assert signed is not None
        for device in await sessions.devices(tx, signed, now=deps.clock.now()):
            if not device.current:
                await sessions.end(tx, signed, device.id, "all_ended", now=deps.clock.now())
    return made.access


def operations(described: Any, prefix: str) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(described)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), "an operation that can't be read"
        if found.ok().path.startswith(prefix):
            yield found.ok()


async def _send(world: World, case: Any, headers: dict[str, str], real_id: bool) -> httpx.Response:
    sent = case.as_transport_kwargs(base_url=str(world.client.base_url))
    url = sent["url"]
    if real_id:
        known = {"patient_id": world.patient_id, "staff_id": world.clinic.staff["clinician"]}
        for name, value in (case.path_parameters or {}).items():
            if name in known:
                url = url.replace(str(value), str(known[name]))
    given_headers = {k: v for k, v in (sent.get("headers") or {}).items() if v is not None}
    given_headers.pop("Authorization", None)
    more: dict[str, Any] = {}
    if "json" in sent:
        more["json"] = sent["json"]
    elif sent.get("data") is not None:
        more["content"] = sent["data"]
    return await world.client.request(
        sent["method"], url, params=sent.get("params"), headers=given_headers | headers, **more
    )


def _problem(case: Any, answer: httpx.Response, described: dict[str, Any]) -> str | None:
    where = f"{case.method} {case.path} -> {answer.status_code}"
    if answer.status_code >= 500:
        return f"{where}: a fault of ours"
    if str(answer.status_code) not in described:
        return f"{where}: not described ({answer.text[:120]})"
    if answer.status_code >= 400 and answer.headers["content-type"] != "application/problem+json":
        return f"{where}: {answer.headers['content-type']}"
    return None


@pytest.mark.parametrize("prefix", ["/api/v1", "/patient/v1"])
def test_every_answer_to_a_generated_request_is_described_and_none_is_a_fault(
    prefix: str, sqlite_url: str, clock: FakeClock
) -> None:
    problems: set[str] = set()
    with asyncio.Runner() as runner:
        holder = opened(sqlite_url, clock)
        world = runner.run(holder.__aenter__())
        tried = 0
        for operation in operations(world.schema, prefix):
            described = operation.definition.raw["responses"]
            if prefix == "/patient/v1":
                headers = {"authorization": f"Bearer {runner.run(signed_in(world))}"}
            else:
                headers = world.clinic.headers(ROLES_OF[f"{operation.method.upper()} {operation.path}"])

            @settings(
                max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=operation.as_strategy(), real_id=st.booleans())
            def call(case: Any, real_id: bool) -> None:
                answer = runner.run(_send(world, case, headers, real_id))  # noqa: B023
                if (found := _problem(case, answer, described)) is not None:  # noqa: B023
                    problems.add(found)

            call()
            tried += 1
        runner.run(holder.__aexit__(None, None, None))
    assert sorted(problems) == []
    assert tried > 20
