"""The page between a link and its questions where a clinic checks dates of birth against misdelivery. What was typed is
not shown again, and a visit that may not go on looks like any link that can't be used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response
from litestar.response.redirect import Redirect

from api.portal import pages
from api.portal.copy import COPY, Language
from api.portal.views import BirthPage
from api.wiring import Deps
from kernel.db import Tx
from kernel.web import access, cookies, csrf, forms
from kernel.web.context import WebRequest
from messaging.links import birth
from messaging.links import service as links
from messaging.links.service import Visit
from registry.organisation import queries as organisation

BIRTH: Final = "/check-in/birth"
CHECK_IN: Final = "/check-in"
UNREADABLE: Final = 422


@get(BIRTH, opt=access.LINK)
async def ask_birth(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    async with deps.db.begin() as tx:
        visit = await _unchecked(request, deps, tx)
        if visit is not None and visit.birth_ok:
            return Redirect(CHECK_IN, status_code=303)
        if visit is not None:
            return await _page(request, deps, tx, visit)
    return await pages.invalid(request, deps)


@post(BIRTH, opt=access.LINK, status_code=200)
async def check_birth(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    csrf.check_origin(request)
    fields = dict(await forms.pairs(request))

    async def body(tx: Tx) -> Response[Any] | None:
        visit = await _unchecked(request, deps, tx)
        if visit is None:
            return None
        await csrf.check_token(request, visit.csrf)
        now = deps.clock.now()
        if fields.get("go") == "not_me":
            await birth.not_me(tx, visit, now=now)
            return None
        born = _date(fields)
        if born is None:
            return await _page(request, deps, tx, visit, "birth_unreadable")
        match await birth.check(tx, visit, born, now=now):
            case "right":
                return Redirect(CHECK_IN, status_code=303)
            case "wrong":
                return await _page(request, deps, tx, visit, "birth_other")
            case "locked":
                return None

    return await deps.db.run(body) or await pages.invalid(request, deps)


async def _unchecked(request: WebRequest, deps: Deps, tx: Tx) -> Visit | None:
    """The visit of the cookie, unless it has ended or the tries are used up."""
    secret = request.cookies.get(cookies.name(deps.settings, cookies.PORTAL), "")
    visit = await links.visit(tx, secret, now=deps.clock.now())
    if visit is None or visit.ended_at is not None:
        return None
    return visit if visit.birth_ok or not await birth.is_locked(tx, visit) else None


async def _page(
    request: WebRequest, deps: Deps, tx: Tx, visit: Visit, error: str | None = None
) -> Response[str]:
    language: Language = pages.asked_language(request) or visit.language
    pages.note_language(request, language)
    site = pages.site_of(await organisation.clinic(tx, visit.clinic_id))
    page = BirthPage("" if error is None else getattr(COPY[language], error))
    status = 200 if error is None else UNREADABLE
    return pages.render(request, deps, "birth", page, site, language, visit.csrf, status)


def _date(fields: Mapping[str, str]) -> date | None:
    parts = [fields.get(name, "").strip() for name in ("year", "month", "day")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
        return None
    try:
        return date(*(int(part) for part in parts))
    except ValueError:
        return None


ROUTES: tuple[Any, ...] = (ask_birth, check_birth)
