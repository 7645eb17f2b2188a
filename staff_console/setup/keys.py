"""Keys of the JSON API: which there are, when each was used last, and ending one."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.web import access
from kernel.web.context import WebRequest
from registry.organisation import queries, tokens
from registry.organisation.queries import TokenLine
from staff_console import words
from staff_console.deps import ConsoleDeps
from staff_console.pages import View, Visit, said, show, submit

Console = NamedDependency[ConsoleDeps]
ADMIN: Final = access.staff("administrator")
PATH: Final = "/setup/keys"


class KeyLine(msgspec.Struct, frozen=True):
    """`revoke_to` is empty for a key that opens nothing any more."""

    name: str
    role: str
    made: str
    used: str
    state: str
    revoke_to: str


class KeysPage(msgspec.Struct, frozen=True):
    """Template `setup/keys.html`."""

    keys: tuple[KeyLine, ...]


@get(PATH, opt=ADMIN)
async def keys_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _page)


@post(f"{PATH}/{{key_id:uuid}}/revoke", opt=ADMIN)
async def revoke(request: WebRequest, console: Console, key_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await tokens.revoke_token(visit.tx, visit.actor, key_id, now=visit.now)
        return said(PATH, "key_revoked")

    return await submit(request, console, do, lambda visit, _: _page(visit))


async def _page(visit: Visit) -> View:
    found = await queries.tokens(visit.tx, visit.actor)
    return View("setup/keys.html", KeysPage(tuple(_line(visit, key) for key in found)), "setup")


def _line(visit: Visit, key: TokenLine) -> KeyLine:
    ended = key.expires_at is not None and key.expires_at <= visit.now
    dead = key.revoked_at is not None or ended
    return KeyLine(
        name=key.name,
        role=words.roles((key.role,)),
        made=_day(visit, key.created_at),
        used=_day(visit, key.last_used_at),
        state="revoked" if key.revoked_at is not None else "expired" if ended else "valid",
        revoke_to="" if dead else f"{PATH}/{key.id}/revoke",
    )


def _day(visit: Visit, at: datetime | None) -> str:
    return "never" if at is None else visit.at(at).day.text


ROUTES: Final = [keys_page, revoke]
