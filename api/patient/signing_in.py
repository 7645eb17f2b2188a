"""Signing in to the mobile API: a code by text, then an access token for minutes and a refresh token that is used once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.patient import examples
from api.patient.calls import (
    CODES_PER_ADDRESS,
    OPEN,
    OPEN_ERRORS,
    READ,
    ROOT,
    WRITE,
    Call,
    address,
    limit,
    tagged,
    within,
)
from api.staff.calls import Items, ProblemBody
from api.wiring import Deps
from kernel import log
from kernel.db import Tx
from kernel.errors import Invalid, Unauthenticated
from kernel.web import access
from kernel.web.context import WebRequest
from messaging.patient_access import codes, sessions
from messaging.patient_access.push import Platform
from messaging.patient_access.rules import Scope
from messaging.patient_access.sessions import Device, Tokens
from registry.phones import BadNumber, e164


class CodeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    phone: str


class CodeAsked(msgspec.Struct, frozen=True):
    """The same for every number. `request` goes into the next call, with the code from the text."""

    request: str
    expires_at: datetime


class SessionForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    request: str
    code: str
    device_name: str


class RefreshForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: str


class TokenPair(msgspec.Struct, frozen=True):
    """A `refresh_token` is used once; shown a second time it ends the device's session."""

    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


class PushForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    platform: Platform
    token: str


class Me(msgspec.Struct, frozen=True):
    """`own`: the patient; else a person who acts for them, within `scope`."""

    own: bool
    scope: tuple[Scope, ...]
    language: str
    device_id: UUID


_REFUSED = ResponseSpec(
    ProblemBody,
    description="The code or token is wrong, used or expired.",
    media_type="application/problem+json",
    generate_examples=False,
)
_SIGN_IN: dict[str, Any] = {"responses": {**OPEN_ERRORS, 401: _REFUSED}, "security": [{}]}
_START: dict[str, Any] = {
    "responses": {
        **OPEN_ERRORS,
        401: _REFUSED,
        409: ResponseSpec(
            ProblemBody,
            description="Ten devices are signed in.",
            media_type="application/problem+json",
            generate_examples=False,
        ),
    },
    "security": [{}],
}


@post(
    f"{ROOT}/codes",
    opt=access.PUBLIC,
    status_code=202,
    tags=["sign-in"],
    summary="Ask for a code by text",
    security=[{}],
    **OPEN,
)
async def ask(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[CodeForm, BodyKwarg(examples=examples.CODE)],
) -> Response[CodeAsked]:
    """Answers the same, after the same work, whether or not the number is known. At most five codes an hour and ten a day for a number."""
    limit(request, CODES_PER_ADDRESS, f"codes {address(request)}")
    try:
        number = e164(data.phone)
    except BadNumber as bad:
        raise Invalid.field("phone", str(bad)) from None
    secret = deps.new_token()

    async def body(tx: Tx) -> codes.Asked:
        return await codes.ask(tx, number, secret=secret, now=deps.clock.now())

    asked = await deps.system_db.run(body)
    return Response(CodeAsked(asked.secret, asked.expires_at), background=code_to_send(deps, asked.id))


def code_to_send(deps: Deps, request_id: UUID) -> BackgroundTask:
    """Once the answer has left: whose number it is, and the text. If it fails, the sweep does it."""

    async def send() -> None:
        try:
            await deps.system_db.run(
                lambda tx: codes.send_asked(tx, request_id, new_code=deps.new_code, now=deps.clock.now())
            )
        except Exception as error:
            log.get().error("code.not_sent", exc_info=error)

    return BackgroundTask(send)


@post(f"{ROOT}/sessions", opt=access.PUBLIC, tags=["sign-in"], summary="Sign in with the code", **_START)
async def start(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[SessionForm, BodyKwarg(examples=examples.SESSION)],
) -> TokenPair:
    """Five tries for a code."""
    limit(request, CODES_PER_ADDRESS, f"sessions {address(request)}")
    fresh = deps.new_token(), deps.new_token()

    async def body(tx: Tx) -> Tokens | None:
        now = deps.clock.now()
        proven = await codes.prove(tx, data.request, data.code.strip(), now=now)
        if proven is None:
            return None
        _, made = await sessions.start_device(
            tx, proven, data.device_name, access=fresh[0], refresh=fresh[1], now=now
        )
        return made

    made = await deps.system_db.run(body)
    if made is None:
        raise Unauthenticated("the code is wrong, used or expired", code="code_refused")
    return _pair(made)


@post(
    f"{ROOT}/sessions/refresh",
    opt=access.PUBLIC,
    status_code=200,
    tags=["sign-in"],
    summary="A new pair of tokens",
    **_SIGN_IN,
)
async def refresh(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[RefreshForm, BodyKwarg(examples=examples.REFRESH)],
) -> TokenPair:
    """The token that was given is used up. Given again, the device is signed out, since somebody has a copy."""
    limit(request, CODES_PER_ADDRESS, f"refresh {address(request)}")
    fresh = deps.new_token(), deps.new_token()

    async def body(tx: Tx) -> Any:
        return await sessions.refresh(
            tx, data.refresh_token, access=fresh[0], next_refresh=fresh[1], now=deps.clock.now()
        )

    match await deps.system_db.run(body):
        case Tokens() as made:
            return _pair(made)
        case "reused":
            raise Unauthenticated("the token was used before; sign in again", code="refresh_reused")
        case _:
            raise Unauthenticated("the token is unknown, expired or revoked", code="refresh_refused")


@delete(
    f"{ROOT}/sessions/current", opt=access.DEVICE, tags=["sign-in"], summary="Sign this device out", **WRITE
)
async def sign_out(request: WebRequest, deps: NamedDependency[Deps]) -> None:
    """Its tokens and its push token end at once."""

    async def body(call: Call) -> None:
        await sessions.end(call.tx, call.who, call.who.id, "signed_out", now=call.now)

    await within(request, deps, body)


@get(f"{ROOT}/me", opt=access.DEVICE, tags=["sign-in"], summary="Who is signed in", **READ)
async def me(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Me]:
    async def body(call: Call) -> Me:
        who = call.who
        return Me(who.own, tuple(sorted(who.scope)), who.language, who.id)

    return tagged(request, await within(request, deps, body))


@get(f"{ROOT}/devices", opt=access.DEVICE, tags=["sign-in"], summary="Where this person is signed in", **READ)
async def devices(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Items[Device]]:
    async def body(call: Call) -> Items[Device]:
        return Items(await sessions.devices(call.tx, call.who, now=call.now))

    return tagged(request, await within(request, deps, body))


@delete(
    f"{ROOT}/devices/{{device_id:uuid}}",
    opt=access.DEVICE,
    tags=["sign-in"],
    summary="Sign a device out",
    **WRITE,
)
async def revoke(request: WebRequest, deps: NamedDependency[Deps], device_id: FromPath[UUID]) -> None:
    """Its next call is refused."""

    async def body(call: Call) -> None:
        await sessions.end(call.tx, call.who, device_id, "revoked", now=call.now)

    await within(request, deps, body)


@put(
    f"{ROOT}/devices/current/push-token",
    opt=access.DEVICE,
    status_code=204,
    tags=["sign-in"],
    summary="Where to push to",
    **WRITE,
)
async def register_push(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[PushForm, BodyKwarg(examples=examples.PUSH)],
) -> None:
    """A push only says that something waits."""

    async def body(call: Call) -> None:
        await deps.push.register(call.tx, call.who.id, data.platform, data.token)

    await within(request, deps, body)


@delete(
    f"{ROOT}/devices/current/push-token",
    opt=access.DEVICE,
    tags=["sign-in"],
    summary="Push nothing more",
    **WRITE,
)
async def forget_push(request: WebRequest, deps: NamedDependency[Deps]) -> None:
    async def body(call: Call) -> None:
        await deps.push.forget(call.tx, call.who.id)

    await within(request, deps, body)


def _pair(made: Tokens) -> TokenPair:
    return TokenPair(made.access, made.access_expires_at, made.refresh, made.refresh_expires_at)


ROUTES: tuple[Any, ...] = (
    ask, start, refresh, sign_out, me, devices, revoke, register_push, forget_push,
)  # fmt: skip
