"""One call of the mobile API is one transaction for the signed-in person, answered after the commit."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Response

from api.staff.calls import ProblemBody
from api.wiring import Deps
from kernel.db import Tx
from kernel.errors import TooMany
from kernel.web.context import WebRequest
from kernel.web.rates import PerMinute
from messaging.patient_access.sessions import SignedIn

T = TypeVar("T")
ROOT: Final = "/patient/v1"
# Calls a minute. A person with an app:
PER_DEVICE: Final = 240
# Asking for a code and answering it; the counts that matter are in the database, by number and by request.
CODES_PER_ADDRESS: Final = 30
_LIMITER: Final = "patient_api_limiter"


class Call(msgspec.Struct, frozen=True):
    tx: Tx
    who: SignedIn
    now: Any


async def within(request: WebRequest, deps: Deps, body: Callable[[Call], Awaitable[T]]) -> T:
    """Runs `body` in a transaction in the person's clinic, again when the database asks for it."""
    who: SignedIn = request.state.patient
    limit(request, PER_DEVICE, str(who.id))
    return await deps.db.run(lambda tx: body(Call(tx, who, deps.clock.now())), who.clinic_id)


def limit(request: WebRequest, most: int, whom: str) -> None:
    """Raises TooMany after `most` calls in a minute."""
    state = request.app.state
    if _LIMITER not in state:
        state[_LIMITER] = PerMinute()
    counted: PerMinute = state[_LIMITER]
    if not counted.allows(whom, most):
        raise TooMany("too many calls; wait a minute")


def address(request: WebRequest) -> str:
    return "" if request.client is None else request.client.host


def tagged(request: WebRequest, shown: T) -> Response[T]:
    """With an ETag; 304 without a body when the app has it already."""
    tag = f'"{hashlib.sha256(msgspec.json.encode(shown)).hexdigest()[:32]}"'
    known = [part.strip() for part in request.headers.get("if-none-match", "").split(",")]
    if tag in known:
        return Response(None, status_code=304, headers={"etag": tag})  # type: ignore[arg-type]
    return Response(shown, headers={"etag": tag})


def _spec(words: str) -> ResponseSpec:
    return ResponseSpec(
        ProblemBody, description=words, media_type="application/problem+json", generate_examples=False
    )


OPEN_ERRORS: Final[Mapping[int, ResponseSpec]] = {
    400: _spec("The request can't be read."),
    422: _spec("Fields that can't be accepted, each by name."),
    429: _spec("Too many calls, codes or messages; wait."),
    503: _spec("The database can't answer now; come again."),
}
SIGNED_IN_ERRORS: Final[dict[int, ResponseSpec]] = {
    400: _spec("The request can't be read."),
    401: _spec("No access token, or one that is unknown, expired or revoked."),
    403: _spec("A person who acts for the patient may not do this."),
    404: _spec("Not there, or not this person's."),
    429: _spec("Too many calls, codes or messages; wait."),
    503: _spec("The database can't answer now; come again."),
}
_UNCHANGED: Final = ResponseSpec(
    None, description="Unchanged since the `ETag` that was given.", generate_examples=False
)
OPEN: Final[dict[str, Any]] = {"responses": dict(OPEN_ERRORS)}
READ: Final[dict[str, Any]] = {"responses": SIGNED_IN_ERRORS | {304: _UNCHANGED}}
WRITE: Final[dict[str, Any]] = {
    "responses": SIGNED_IN_ERRORS
    | {
        409: _spec("The state does not allow it."),
        422: _spec("Fields that can't be accepted, each by name."),
    }
}
