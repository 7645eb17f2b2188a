"""Renders the patients' pages. Every one carries the help line, also those for an error.

The page for a link that can't be used never depends on the link: not its words, its status, nor the clinic it names.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment
from litestar.response import Response

from api.portal.copy import COPY, Language, clock_time, long_date
from api.portal.hours import hours_words
from api.portal.views import MessagePage, PortalShell
from api.wiring import Deps
from kernel.db import Tx
from kernel.web.context import Connection, WebRequest, request_id, web
from messaging.conversation.copy import phone_words
from messaging.links.service import LANGUAGES
from messaging.schedule.zones import to_local
from registry.organisation import queries as organisation
from registry.organisation.rules import ClinicFacts

# Somewhere ordinary to be when somebody looks over the shoulder.
EXIT: Final = "https://www.weather.gov/"
PATHS: Final = ("/c/", "/check-in", "/me/")
LANGUAGE_FIELD: Final = "lang"
NO_CLINIC: Final[dict[Language, str]] = {"en": "Your care team", "es": "Su equipo de atención"}
_SHELL: Final = "portal_shell"
_LANGUAGE: Final = "portal_language"
_KEPT: Final = "portal_site"
KEEP: Final = timedelta(minutes=5)
INVALID: Final = 404
BUSY: Final = 429


class Site(msgspec.Struct, frozen=True):
    """What a page names of a clinic. `phone` empty: several clinics, and no link that tells which."""

    name: str = ""
    phone: str = ""
    facts: ClinicFacts | None = None


def site_of(clinic: ClinicFacts) -> Site:
    return Site(clinic.text_name, clinic.support_phone, clinic)


async def neutral_site(connection: Connection, deps: Deps) -> Site:
    """For pages that belong to no check-in: the clinic if there is only one, else the organisation's name.

    Kept for five minutes, so that the page of an error can name the clinic while the database can't be asked.
    """
    now = deps.clock.now()
    kept: tuple[datetime, Site] | None = connection.app.state.get(_KEPT)
    if kept is None or now - kept[0] >= KEEP:
        async with deps.db.begin() as tx:
            kept = now, await _neutral(tx)
        connection.app.state[_KEPT] = kept
    return kept[1]


async def _neutral(tx: Tx) -> Site:
    known = await organisation.clinics(tx)
    if len(known) == 1:
        return site_of(await organisation.clinic(tx, known[0].id))
    found = await organisation.organisation(tx)
    return Site("" if found is None else found.name)


def asked_language(connection: Connection) -> Language | None:
    """The language the address asks for, if it does."""
    wanted = connection.query_params.get(LANGUAGE_FIELD)
    return next((language for language in LANGUAGES if language == wanted), None)


def browser_language(connection: Connection) -> Language:
    """By the first language the browser names that we speak."""
    for part in connection.headers.get("accept-language", "").split(","):
        base = part.split(";")[0].strip().lower().split("-")[0]
        if base in LANGUAGES:
            return "es" if base == "es" else "en"
    return "en"


def shell(connection: Connection, site: Site, language: Language, *, demo: bool) -> PortalShell:
    """Also remembers clinic and language for the page of an error that comes later in this request."""
    hours = "" if site.facts is None else site.facts.hours_text
    made = PortalShell(
        language=language,
        clinic=site.name or NO_CLINIC[language],
        phone=phone_words(site.phone) if site.phone else "",
        phone_href=f"tel:{site.phone}" if site.phone else "",
        hours=hours_words(() if site.facts is None else site.facts.staffed, language, hours),
        exit_href=EXIT,
        language_href="?" + urlencode({LANGUAGE_FIELD: COPY[language].other_language_code}),
        demo=demo,
    )
    connection.state[_SHELL] = made
    return made


def note_language(connection: Connection, language: Language) -> None:
    connection.state[_LANGUAGE] = language


def render(
    request: WebRequest,
    deps: Deps,
    template: str,
    page: Any,
    site: Site,
    language: Language,
    csrf: str,
    status: int = 200,
) -> Response[str]:
    made = shell(request, site, language, demo=deps.settings.mode == "demo")
    engine: Environment = request.app.template_engine.engine  # type: ignore[union-attr]
    return _rendered(engine, template, page, made, csrf, status)


def _rendered(
    engine: Environment, template: str, page: Any, made: PortalShell, csrf: str, status: int
) -> Response[str]:
    body = engine.get_template(f"portal/templates/{template}.html").render(
        shell=made, copy=COPY[made.language], page=page, csrf_token=csrf
    )
    return Response(body, status_code=status, media_type="text/html")


async def invalid(request: WebRequest, deps: Deps) -> Response[str]:
    """For a link or visit that can't be used, whatever the reason."""
    language = asked_language(request) or browser_language(request)
    site = await neutral_site(request, deps)
    return render(request, deps, "message", MessagePage("invalid"), site, language, "", INVALID)


def is_patients(path: str) -> bool:
    return f"{path}/".startswith(PATHS)


def error_page(engine: Environment, connection: Connection, status: int) -> Response[str]:
    """For patients: an error in their language, with the help line. Needs no database."""
    language = asked_language(connection) or connection.state.get(_LANGUAGE) or browser_language(connection)
    known: PortalShell | None = connection.state.get(_SHELL)
    if known is None or known.language != language:
        kept: tuple[datetime, Site] | None = connection.app.state.get(_KEPT)
        site = Site() if kept is None else kept[1]
        known = shell(connection, site, language, demo=web(connection).settings.mode == "demo")
    return _rendered(engine, "message", _message(connection, status), known, "", status)


def _message(connection: Connection, status: int) -> MessagePage:
    if status == INVALID:
        return MessagePage("invalid")
    return MessagePage("busy") if status == BUSY else MessagePage("error", request_id(connection)[-8:])


def when_words(moment: datetime, zone: str, language: Language) -> str:
    """`Thursday, December 3, 2:30 PM` on the patient's clock."""
    local = to_local(moment, zone)
    return f"{long_date(local.date(), language)}, {clock_time(local.time(), language)}"
