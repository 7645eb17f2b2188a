"""Who may call a route. Every route declares it; one that doesn't is refused and fails the route test."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar.handlers.base import BaseRouteHandler

from kernel import audit
from kernel.audit import Actor, Role
from kernel.crypto import token_hash
from kernel.db import Tx
from kernel.errors import Forbidden, Invalid, Unauthenticated
from kernel.web import cookies, csrf, sessions
from kernel.web.context import Connection, PatientCaller, request_id, web
from kernel.web.forms import pairs

Kind = Literal["public", "provider", "link", "staff", "half_signed_in", "token", "patient", "device"]


class Access(msgspec.Struct, frozen=True):
    """`public`: anyone. `provider`: the handler checks a signature. `link`: the handler checks a check-in cookie.
    `half_signed_in`: password given, second factor missing. `staff`, `token`: one of `roles`, any when empty.
    `patient`: a signed-in patient's browser. `device`: an access token of the patients' mobile API."""

    kind: Kind
    roles: frozenset[Role] = frozenset()
    keeps_alive: bool = True  # polling routes don't extend the idle time


def _declare(kind: Kind, *roles: Role, keeps_alive: bool = True) -> dict[str, Any]:
    return {"access": Access(kind, frozenset(roles), keeps_alive)}


PUBLIC = _declare("public")
PROVIDER = _declare("provider")
LINK = _declare("link")
HALF_SIGNED_IN = _declare("half_signed_in")
PATIENT = _declare("patient")
DEVICE = _declare("device")
CLINICAL: tuple[Role, ...] = ("care_manager", "clinician", "consultant", "clinic_lead")


def staff(*roles: Role, keeps_alive: bool = True) -> dict[str, Any]:
    return _declare("staff", *roles, keeps_alive=keeps_alive)


def token(*roles: Role) -> dict[str, Any]:
    return _declare("token", *roles)


async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
    """Runs before every handler: finds the caller, checks the form's token, then the role."""
    access = handler.opt.get("access")
    if not isinstance(access, Access):
        raise Forbidden("this route declares no access", code="no_access_declared")
    match access.kind:
        case "public" | "provider" | "link":
            connection.state["actor"] = Actor(
                kind="anonymous", id=None, clinic_id=None, request_id=request_id(connection)
            )
            if access.kind == "public" and _method(connection) not in csrf.SAFE:
                csrf.check_origin(connection)
        case "token":
            await _bearer(connection, access)
        case "staff" | "half_signed_in":
            try:
                await _session(connection, access)
            except Unauthenticated:
                await _keep_typed(connection, access)
                raise
        case "patient":
            await _patient(connection)
        case "device":
            await _device(connection)


def _presented(connection: Connection) -> str:
    scheme, _, value = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value:
        raise Unauthenticated("a bearer token is needed", code="token_required")
    return value.strip()


async def _patient(connection: Connection) -> None:
    context = web(connection)
    secret = connection.cookies.get(cookies.name(context.settings, cookies.PATIENT), "")
    found = await _caller(connection, secret, "browser") if secret else None
    if found is None:
        raise Unauthenticated("sign in to go on")
    if _method(connection) not in csrf.SAFE:
        csrf.check_origin(connection)
        await csrf.check_token(connection, found.csrf)  # type: ignore[arg-type]


async def _device(connection: Connection) -> None:
    if await _caller(connection, _presented(connection), "device") is None:
        raise Unauthenticated("the token is unknown, expired or revoked", code="token_invalid")


async def _caller(
    connection: Connection, secret: str, kind: Literal["browser", "device"]
) -> PatientCaller | None:
    context = web(connection)
    async with context.db.begin() as tx:
        found = await context.load_patient(
            tx, secret, kind, now=context.clock.now(), request_id=request_id(connection)
        )
    if found is not None:
        connection.state["actor"] = found.actor
        connection.state["patient"] = found
    return found


async def _bearer(connection: Connection, access: Access) -> None:
    value = _presented(connection)
    context = web(connection)
    async with context.db.begin() as tx:
        found = await context.load_token(tx, token_hash(value), context.clock.now())
    if found is None:
        raise Unauthenticated("the token is unknown, expired or revoked", code="token_invalid")
    found = msgspec.structs.replace(found, request_id=request_id(connection))
    await _require_role(connection, access, found)
    connection.state["actor"] = found


async def _session(connection: Connection, access: Access) -> None:
    context = web(connection)
    secret = connection.cookies.get(cookies.name(context.settings, cookies.STAFF))
    if not secret:
        raise Unauthenticated("sign in to go on")
    now = context.clock.now()
    async with context.db.begin() as tx:
        session = await sessions.load(tx, secret, now=now)
        wanted: sessions.Stage = "full" if access.kind == "staff" else "password"
        if session is None or session.stage != wanted:
            raise Unauthenticated("sign in to go on")
        found: Actor | None = Actor(kind="staff", id=session.staff_id, clinic_id=None)
        if session.clinic_id is not None:
            found = await context.load_actor(tx, session.staff_id, session.clinic_id)
        if found is None:
            raise Unauthenticated("sign in to go on")
        if access.keeps_alive:
            await sessions.touch(tx, session, now=now)
    if _method(connection) not in csrf.SAFE:
        csrf.check_origin(connection)
        await csrf.check_token(connection, session.csrf)  # type: ignore[arg-type]
    found = msgspec.structs.replace(found, session=session.id_hash[:16], request_id=request_id(connection))
    connection.state["session"] = session
    await _require_role(connection, access, found)
    connection.state["actor"] = found


async def _keep_typed(connection: Connection, access: Access) -> None:
    """What a form brought after its session had ended is read, so that the answer can give it back."""
    if access.kind == "staff" and _method(connection) not in csrf.SAFE and csrf.from_own_page(connection):
        with suppress(Invalid):
            await pairs(connection)  # type: ignore[arg-type]


async def _require_role(connection: Connection, access: Access, actor: Actor) -> None:
    if not access.roles or actor.has(*access.roles):
        return
    context = web(connection)
    async with context.db.begin() as tx:
        await audit.record(
            tx,
            actor,
            "access.denied",
            "route",
            None,
            now=context.clock.now(),
            outcome="denied",
            route=connection.scope.get("path_template", ""),
            method=_method(connection),
        )
    raise Forbidden(f"needs one of these roles: {', '.join(sorted(access.roles))}")


async def note_missing(tx: Tx, request: Connection, who: Actor, now: datetime) -> None:
    """The call is rolled back; that somebody asked for what they can't have, such as another clinic's patient, stays."""
    await audit.record(
        tx, who, "access.not_found", "route", None, now=now, outcome="denied",
        route=request.scope.get("path_template", ""), method=_method(request),
    )  # fmt: skip


def _method(connection: Connection) -> str:
    return str(connection.scope.get("method", "GET"))
