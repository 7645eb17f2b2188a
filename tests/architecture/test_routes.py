"""Every route says who may call it, and a call that is denied changes nothing and leaves one audit row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import func, select

from api.app import create_app
from api.schema import metadata
from kernel.audit import AuditEvent, Role
from kernel.db import Database
from kernel.web import cookies, sessions
from kernel.web.access import Access
from tests.support.app import ROLES, Clinic, browser, found_clinic, test_deps
from tests.support.clock import FakeClock

NOBODY = UUID("019a0000-0000-7000-8000-00000000ffff")
WITHOUT_METHODS = {"OPTIONS", "HEAD"}  # answered by the framework from the route itself


class Call(NamedTuple):
    method: str
    path: str
    access: Access

    @property
    def url(self) -> str:
        """With an id that exists nowhere in place of every parameter."""
        parts = (str(NOBODY) if part.startswith("{") else part for part in self.path.split("/"))
        return "/".join(parts)


def calls(app: Litestar) -> Iterator[Call]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler, _ in route.route_handler_map.values():
            for method in handler.http_methods:
                if method not in WITHOUT_METHODS:
                    yield Call(method, route.path_format, handler.opt.get("access"))


@pytest.fixture
async def clinic(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Clinic]:
    async with test_deps(sqlite_url, clock) as deps:
        yield await found_clinic(deps)


async def test_every_route_declares_who_may_call_it(clinic: Clinic) -> None:
    undeclared = [
        f"{c.method} {c.path}" for c in calls(create_app(clinic.deps)) if not isinstance(c.access, Access)
    ]
    assert undeclared == []


async def test_a_key_without_the_role_is_denied_everywhere_and_changes_nothing(clinic: Clinic) -> None:
    app = create_app(clinic.deps)
    db = clinic.deps.system_db
    tried = 0
    async with browser(clinic.deps, app) as web:
        for call in calls(app):
            if call.access.kind != "token":
                continue
            for role in ROLES:
                if not call.access.roles or role in call.access.roles:
                    continue
                before = await _counts(db)
                answer = await web.request(call.method, call.url, headers=clinic.headers(role), json={})
                assert answer.status_code == 403, (call, role)
                assert answer.json()["code"] == "role_missing"
                assert _changed(before, await _counts(db)) == {"audit_event": 1}, (call, role)
                tried += 1
    assert tried > 50


async def test_a_person_without_the_role_is_denied_every_page_and_changes_nothing(clinic: Clinic) -> None:
    app = create_app(clinic.deps)
    tried = 0
    async with browser(clinic.deps, app) as web:
        for role in ROLES:
            csrf = await _sign_in(clinic, web, role)
            for call in calls(app):
                if call.access.kind != "staff" or not call.access.roles or role in call.access.roles:
                    continue
                before = await _counts(clinic.deps.system_db)
                answer = await web.request(call.method, call.url, headers={"x-csrf-token": csrf})
                assert answer.status_code == 403, (call, role)
                assert _changed(before, await _counts(clinic.deps.system_db)) == {"audit_event": 1}, (
                    call,
                    role,
                )
                tried += 1
    assert tried > 30


async def test_no_page_acts_without_the_sessions_own_token(clinic: Clinic) -> None:
    app = create_app(clinic.deps)
    async with browser(clinic.deps, app) as web:
        await _sign_in(clinic, web, "clinic_lead")
        before = await _counts(clinic.deps.system_db)
        for call in calls(app):
            if call.access.kind != "staff" or call.method == "GET":
                continue
            for headers in ({}, {"x-csrf-token": "guessed"}):
                answer = await web.request(call.method, call.url, headers=headers)
                assert answer.status_code == 403, call
        assert await _counts(clinic.deps.system_db) == before


async def test_no_page_acts_for_another_site(clinic: Clinic) -> None:
    app = create_app(clinic.deps)
    async with browser(clinic.deps, app) as web:
        csrf = await _sign_in(clinic, web, "clinic_lead")
        before = await _counts(clinic.deps.system_db)
        for call in calls(app):
            if call.access.kind not in ("staff", "public") or call.method == "GET":
                continue
            for foreign in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
                answer = await web.request(call.method, call.url, headers=foreign | {"x-csrf-token": csrf})
                assert answer.status_code == 403, (call, foreign)
        assert await _counts(clinic.deps.system_db) == before


async def _sign_in(clinic: Clinic, web: httpx.AsyncClient, role: Role) -> str:
    """A session with both factors done; gives the token its forms carry."""
    deps = clinic.deps
    secret, csrf = deps.new_token(), deps.new_token()
    async with deps.system_db.begin() as tx:
        await sessions.start(
            tx, clinic.staff[role], clinic.id, "full", secret=secret, csrf=csrf, now=deps.clock.now()
        )
    web.cookies.set(cookies.name(deps.settings, cookies.STAFF), secret)
    return csrf


async def test_without_a_key_every_api_route_is_closed_and_leaves_no_trace(clinic: Clinic) -> None:
    app = create_app(clinic.deps)
    before = await _counts(clinic.deps.system_db)
    async with browser(clinic.deps, app) as web:
        for call in calls(app):
            if call.access.kind != "token":
                continue
            for headers in ({}, {"authorization": "Bearer evk_wrong"}, {"authorization": "Basic eDp5"}):
                answer = await web.request(call.method, call.url, headers=headers, json={})
                assert answer.status_code == 401, call
                assert answer.headers["www-authenticate"] == "Bearer"
    assert await _counts(clinic.deps.system_db) == before


async def test_staff_pages_send_a_stranger_to_sign_in(clinic: Clinic) -> None:
    app = create_app(clinic.deps)
    async with browser(clinic.deps, app) as web:
        for call in calls(app):
            if call.access.kind in ("staff", "half_signed_in"):
                answer = await web.request(call.method, call.url)
                assert (answer.status_code, answer.headers.get("location")) == (303, "/sign-in"), call


async def _counts(db: Database) -> dict[str, int]:
    async with db.begin() as tx:
        return {
            name: int(await tx.scalar(select(func.count()).select_from(table)))
            for name, table in metadata.tables.items()
        }


def _changed(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    # A key's last use is noted in its own row, which adds none.
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


async def test_a_denial_names_the_route_and_not_the_address(clinic: Clinic) -> None:
    async with browser(clinic.deps) as web:
        await web.get(f"/api/v1/patients/{NOBODY}", headers=clinic.headers("administrator"))
    async with clinic.deps.system_db.begin() as tx:
        row: Any = await tx.first(
            select(AuditEvent.detail, AuditEvent.actor_id, AuditEvent.outcome).where(
                AuditEvent.action == "access.denied"
            )
        )
    assert row.outcome == "denied"
    assert row.detail == {"route": "/api/v1/patients/{patient_id}", "method": "GET"}
    assert row.actor_id is not None
