"""The signed-in patient's pages: plain forms, each saved before the next page is shown, the help line on each."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from api.portal.home import calendar, choices, presenter
from api.portal.home import signing_in as entry
from api.portal.home.copy import WORDS
from api.portal.home.rendering import UNREADABLE, caller, language_of, onward
from api.portal.home.showing import run, show
from api.portal.home.views import (
    MessagesPage,
    Problems,
)
from api.wiring import Deps
from kernel import log
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from kernel.web import access, cookies, forms
from kernel.web.context import WebRequest
from messaging.links import service as links
from messaging.patient_access import messages, own
from registry.organisation import queries as organisation

BUSY: Final = 429
NOT_NOW: Final = 409
FAILED: Final = 500


@get("/me", opt=access.PATIENT)
async def home(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    who, language = caller(request), language_of(request, caller(request))
    return await show(
        request, deps, "home", lambda tx: presenter.home(tx, who, language, now=deps.clock.now())
    )


@post("/me/check-ins/{check_in_id:uuid}", opt=access.PATIENT, status_code=200)
async def start_check_in(
    request: WebRequest, deps: NamedDependency[Deps], check_in_id: FromPath[UUID]
) -> Redirect:
    """The same pages as a link leads to, under a visit of their own."""
    who, secret, token = caller(request), deps.new_token(), deps.new_token()

    async def body(tx: Tx) -> None:
        own.require_own(who)
        visit = await links.open_visit(
            tx, who.clinic_id, who.patient_id, check_in_id, secret=secret, csrf=token, now=deps.clock.now()
        )
        await links.speak(tx, visit.id, language_of(request, who))

    try:
        await run(deps, who, body)
    except (NotFound, Forbidden):
        return onward(request, entry.HOME)
    answer = onward(request, "/check-in")
    answer.set_cookie(cookies.make(deps.settings, cookies.PORTAL, secret))
    return answer


@get("/me/contact.ics", opt=access.PATIENT)
async def contact_file(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    who, now = caller(request), deps.clock.now()

    async def body(tx: Tx) -> tuple[Any, str]:
        found = await own.next_contact(tx, who, now=now)
        return found, (await organisation.clinic(tx, who.clinic_id)).text_name

    try:
        found, clinic = await run(deps, who, body)
    except Forbidden:
        found, clinic = None, ""
    if found is None:
        return onward(request, entry.HOME)
    title = WORDS[language_of(request, who)].event.format(clinic=clinic)
    uid = deps.vault.lookup(f"contact {who.patient_id} {found.at.isoformat()}")[:32]
    return Response(
        calendar.event(found.at, title, uid=uid, now=now),
        media_type="text/calendar",
        headers={"content-disposition": 'attachment; filename="contact.ics"'},
    )


@get("/me/plan", opt=access.PATIENT)
async def plan(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    who, language = caller(request), language_of(request, caller(request))
    return await show(
        request, deps, "plan", lambda tx: presenter.plan(tx, who, language, now=deps.clock.now())
    )


@get("/me/answers", opt=access.PATIENT)
async def past_answers(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    who, language = caller(request), language_of(request, caller(request))
    return await show(
        request, deps, "answers", lambda tx: presenter.answers(tx, who, language, now=deps.clock.now())
    )


@get("/me/messages", opt=access.PATIENT)
async def read_messages(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    return await _messages(request, deps)


@post("/me/messages", opt=access.PATIENT, status_code=200)
async def write_message(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    """Crisis words get the help panel on the very answer, also where the message could not be taken."""
    who = caller(request)
    typed = dict(await forms.pairs(request)).get("body", "")
    try:
        written = await run(
            deps, who, lambda tx: messages.write(tx, who, typed, now=deps.clock.now(), alerts=deps.alerts)
        )
    except Exception as refused:  # whatever it was, crisis words must reach somebody
        return await _not_taken(request, deps, typed, refused)
    return await _messages(request, deps, sent=True, crisis=written.crisis)


async def _not_taken(request: WebRequest, deps: Deps, typed: str, refused: Exception) -> Response[str]:
    who, words = caller(request), WORDS[language_of(request, caller(request))]
    heard = await run(
        deps, who, lambda tx: messages.hear_refused(tx, who, typed, now=deps.clock.now(), alerts=deps.alerts)
    )
    match refused:
        case Invalid():
            why, status = words.length_error, UNREADABLE
        case TooMany():
            why, status = words.too_many, BUSY
        case Conflict():
            why, status = words.not_taken, NOT_NOW
        case _ if heard and not isinstance(refused, Forbidden):
            log.get().error("message.not_taken", exc_info=refused)
            why, status = words.not_taken, FAILED
        case _:
            raise refused
    problems = Problems({"body": why}, {"body": typed})
    return await _messages(request, deps, problems=problems, crisis=heard, status=status)


async def _messages(request: WebRequest, deps: Deps, *, status: int = 200, **more: Any) -> Response[str]:
    who, language = caller(request), language_of(request, caller(request))

    async def build(tx: Tx) -> MessagesPage:
        if "messages" not in who.scope:
            raise Forbidden("messages are not part of what was agreed")
        lines = await presenter.thread(tx, who, language, now=deps.clock.now()) if who.own else ()
        return MessagesPage(reads=who.own, lines=lines, **more)

    return await show(request, deps, "messages", build, status)


ROUTES: tuple[Any, ...] = (
    *entry.ROUTES, home, start_check_in, contact_file, plan, past_answers, read_messages, write_message,
    *choices.ROUTES,
)  # fmt: skip
