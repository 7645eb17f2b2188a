"""How a signed-in page is read and shown, and what a related person sees of a part that is the patient's alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from litestar.response import Response

from api.portal import pages
from api.portal.home.rendering import caller, render
from api.portal.home.views import RefusedPage
from api.portal.pages import Site
from api.wiring import Deps
from kernel.db import Tx
from kernel.errors import Forbidden
from kernel.web.context import WebRequest
from messaging.patient_access.sessions import SignedIn
from registry.organisation import queries as organisation

T = TypeVar("T")
FORBIDDEN: Final = 403


async def run(deps: Deps, who: SignedIn, body: Callable[[Tx], Awaitable[T]]) -> T:
    return await deps.db.run(body, who.clinic_id)


async def _site(tx: Tx, who: SignedIn) -> Site:
    return pages.site_of(await organisation.clinic(tx, who.clinic_id))


async def show(
    request: WebRequest, deps: Deps, template: str, build: Callable[[Tx], Awaitable[Any]], status: int = 200
) -> Response[str]:
    """Reads in one transaction. A part that a related person may not see says so, on a page with the help line."""
    who = caller(request)

    async def body(tx: Tx) -> tuple[Any, Site]:
        return await build(tx), await _site(tx, who)

    try:
        page, site = await run(deps, who, body)
    except Forbidden:
        site = await run(deps, who, lambda tx: _site(tx, who))
        return render(request, deps, "refused", RefusedPage(), site, who, FORBIDDEN)
    return render(request, deps, template, page, site, who, status)


async def refuse(request: WebRequest, deps: Deps) -> Response[str]:
    async def build(_: Tx) -> RefusedPage:
        raise Forbidden("only the patient may do this", code="not_the_patient")

    return await show(request, deps, "refused", build)
