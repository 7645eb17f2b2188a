"""One call of the JSON API is one transaction in the key's own clinic, answered after the commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Response
from sqlalchemy.exc import IntegrityError

from api.wiring import Deps
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Forbidden, Invalid, NotFound
from kernel.web import access, idempotency
from kernel.web.context import WebRequest, actor
from registry.phones import BadNumber, e164

T = TypeVar("T")
ROOT: Final = "/api/v1"
PAGE: Final = 50

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Lines a page.")]
After = Annotated[UUID | None, QueryParameter(description="`next` of the page before.")]
Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        description="1 to 200 characters. The same key and body give the same resource again; another body is a 422.",
    ),
]


class FieldError(msgspec.Struct, frozen=True):
    field: str
    message: str


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457. `code` is stable; `errors` names each field that can't be accepted."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: tuple[FieldError, ...] = ()


class Created(msgspec.Struct, frozen=True):
    id: UUID


class Items(msgspec.Struct, Generic[T], frozen=True):
    """`next` goes into `after` for the next page; null on the last."""

    items: tuple[T, ...]
    next: UUID | None = None


class PhoneConfirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`called` is the number on which the person answered: a 409 (`stale`) when another one is on record by now."""

    called: str

    def number(self) -> str:
        """E.164. Raises Invalid."""
        try:
            return e164(self.called)
        except BadNumber as error:
            raise Invalid.field("called", str(error)) from None


class Call(msgspec.Struct, frozen=True):
    tx: Tx
    actor: Actor
    clinic_id: UUID
    now: datetime


async def within(request: WebRequest, deps: Deps, body: Callable[[Call], Awaitable[T]]) -> T:
    """Runs `body` in a transaction, again when the database asks for it."""
    who = actor(request)
    if who.clinic_id is None:
        raise Forbidden("the key belongs to no clinic", code="clinic_missing")
    clinic_id = who.clinic_id
    try:
        return await deps.db.run(lambda tx: body(Call(tx, who, clinic_id, deps.clock.now())), clinic_id)
    except NotFound:
        await deps.db.run(lambda tx: access.note_missing(tx, request, who, deps.clock.now()), clinic_id)
        raise


async def created(
    request: WebRequest,
    deps: Deps,
    key: str | None,
    create: Callable[[Call], Awaitable[UUID]],
    show: Callable[[Call, UUID], Awaitable[T]],
    location: str | None = None,
) -> Response[T]:
    """201 with what was made. The same key again gives the same, read anew; `location` has `{id}` in it.

    Raises `Invalid` when the key was used for another request.
    """
    route, body = f"POST {request.url.path}", idempotency.body_hash(await request.body())

    async def once(call: Call) -> tuple[UUID, T]:
        caller = str(call.actor.id)
        made = await idempotency.recall(call.tx, caller, key, route, body)
        if made is None:
            made = await create(call)
            await idempotency.remember(
                call.tx, caller, key, route, body, status=201, resource_id=made, now=call.now
            )
        return made, await show(call, made)

    try:
        made, shown = await within(request, deps, once)
    except IntegrityError:
        if key is None:
            raise
        made, shown = await within(request, deps, once)  # the other of two at once has made it by now
    headers = {} if location is None else {"location": location.format(id=made)}
    return Response(shown, status_code=201, headers=headers)


async def only_id(_: Call, made: UUID) -> Created:
    return Created(made)


def _spec(words: str) -> ResponseSpec:
    return ResponseSpec(
        ProblemBody,
        description=words,
        media_type="application/problem+json",
        generate_examples=False,
    )


READ_ERRORS: Final[dict[int, ResponseSpec]] = {
    400: _spec("The request can't be read."),
    401: _spec("No token, or one that is unknown, expired or revoked."),
    403: _spec("The token's role does not allow it."),
    404: _spec("Not there, or another clinic's."),
    503: _spec("The database can't answer now; come again."),
}
WRITE_ERRORS: Final[dict[int, ResponseSpec]] = READ_ERRORS | {
    409: _spec("The state does not allow it, or somebody changed it first."),
    422: _spec("Fields that can't be accepted, each by name."),
}
READ: Final[dict[str, Any]] = {"responses": READ_ERRORS}
WRITE: Final[dict[str, Any]] = {"responses": WRITE_ERRORS}
