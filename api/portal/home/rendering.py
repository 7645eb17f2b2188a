"""Renders a signed-in page in the language of the request, within the frame that every patient page has."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment
from litestar.response import Response
from litestar.response.redirect import Redirect

from api.portal import pages
from api.portal.copy import COPY, Language
from api.portal.home.copy import WORDS
from api.portal.pages import Site
from api.wiring import Deps
from kernel.web.context import WebRequest
from messaging.links.service import spoken
from messaging.patient_access.sessions import SignedIn

UNREADABLE = 422


def caller(request: WebRequest) -> SignedIn:
    """Set by the guard of a page that needs a signed-in person."""
    found: SignedIn = request.state.patient
    return found


def language_of(request: WebRequest, signed_in: SignedIn | None) -> Language:
    asked = pages.asked_language(request)
    kept = pages.browser_language(request) if signed_in is None else spoken(signed_in.language)
    language = asked or kept
    pages.note_language(request, language)
    return language


def render(
    request: WebRequest,
    deps: Deps,
    template: str,
    page: Any,
    site: Site,
    signed_in: SignedIn | None,
    status: int = 200,
) -> Response[str]:
    language = language_of(request, signed_in)
    engine: Environment = request.app.template_engine.engine  # type: ignore[union-attr]
    body = engine.get_template(f"portal/home/templates/{template}.html").render(
        shell=pages.shell(request, site, language, demo=deps.settings.mode == "demo"),
        copy=COPY[language],
        words=WORDS[language],
        page=page,
        csrf_token="" if signed_in is None else signed_in.csrf,
        suffix=_suffix(request),
    )
    return Response(body, status_code=status, media_type="text/html")


def onward(request: WebRequest, path: str) -> Redirect:
    """The language that was asked for stays with the next page."""
    return Redirect(path + _suffix(request), status_code=303)


def _suffix(request: WebRequest) -> str:
    asked = pages.asked_language(request)
    return "" if asked is None else "?" + urlencode({pages.LANGUAGE_FIELD: asked})
