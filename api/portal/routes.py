"""The patients' pages: one question a screen, plain forms, nothing that needs a script.

A link is exchanged for a visit by a button and never by opening it; from then on addresses hold a question's number
and nothing else. Every form carries the visit's token, and an answer is stored before the next page is shown.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final, assert_never

from litestar import get, head, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from api.portal import pages
from api.portal.birth import BIRTH
from api.portal.birth import ROUTES as BIRTH_ROUTES
from api.portal.copy import COPY, Language, contact_mode
from api.portal.throttle import Throttle
from api.portal.views import AnswerOption, CrisisPage, QuestionPage, StartPage, ThanksPage
from api.wiring import Deps
from kernel.db import Tx
from kernel.errors import Forbidden, Invalid
from kernel.web import access, cookies, csrf, forms
from kernel.web.context import WebRequest
from messaging.links import answering, rules, too_late
from messaging.links import service as links
from messaging.links.answering import Answered, Progress
from messaging.links.rules import Asked
from messaging.links.service import Link, Visit
from registry.organisation import queries as organisation

CHECK_IN: Final = "/check-in"
SUPPORT: Final = "/check-in/support"
THANKS: Final = "/check-in/thanks"
QUESTIONS_A_MINUTE: Final = 6
UNREADABLE: Final = 422
_THROTTLE: Final = "portal_throttle"


@get("/c/{token:str}", opt=access.PUBLIC)
async def start(request: WebRequest, deps: NamedDependency[Deps], token: FromPath[str]) -> Response[str]:
    """Looks, and changes nothing: mail scanners and previews open links too."""
    throttle = _throttled(request)
    async with deps.db.begin() as tx:
        link = await links.find(tx, token, now=deps.clock.now())
        clinic = None if link is None else await organisation.clinic(tx, link.clinic_id)
    if link is None or clinic is None:
        throttle.missed()
        return await pages.invalid(request, deps)
    language = pages.asked_language(request) or link.language
    page = StartPage(_minutes(link), pages.when_words(link.expires_at, link.zone, language))
    return pages.render(
        request, deps, "start", page, pages.site_of(clinic), language, _start_token(deps, token)
    )


@head("/c/{token:str}", opt=access.PUBLIC)
async def peek(token: FromPath[str]) -> None:
    """For previews: says nothing, the same for every token."""


@post("/c/{token:str}", opt=access.PUBLIC, status_code=200)
async def begin(request: WebRequest, deps: NamedDependency[Deps], token: FromPath[str]) -> Response[Any]:
    """Exchanges the link for a visit and leaves its address behind."""
    throttle = _throttled(request)
    given = next((value for key, value in await forms.pairs(request) if key == csrf.FIELD), "")
    if not hmac.compare_digest(given.encode(), _start_token(deps, token).encode()):
        raise Forbidden("the form is from an old page; reload it and try again", code="csrf")
    secret, form_token = deps.new_token(), deps.new_token()

    async def body(tx: Tx) -> Visit | None:
        return await links.start_visit(
            tx,
            token,
            secret=secret,
            csrf=form_token,
            now=deps.clock.now(),
            language=pages.asked_language(request),
        )

    if await deps.db.run(body) is None:
        throttle.missed()
        return await pages.invalid(request, deps)
    answer = Redirect(CHECK_IN, status_code=303)
    answer.set_cookie(cookies.make(deps.settings, cookies.PORTAL, secret))
    return answer


@get(CHECK_IN, opt=access.LINK)
async def resume(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    """To the first question that nobody answered yet, on whichever channel."""
    async with deps.db.begin() as tx:
        found = await _seen(request, deps, tx)
    if found is not None and not found.visit.birth_ok and found.visit.ended_at is None:
        return _to(request, BIRTH)
    if found is None or found.progress.stage == "over":
        return await pages.invalid(request, deps)
    waiting = found.waiting
    return _to(request, THANKS if waiting is None else _address(waiting))


@get("/check-in/{number:int}", opt=access.LINK)
async def question(request: WebRequest, deps: NamedDependency[Deps], number: FromPath[int]) -> Response[Any]:
    async with deps.db.begin() as tx:
        found = await _seen(request, deps, tx)
        if found is not None:
            one = rules.question(found.progress.asked, number) if found.waiting is not None else None
            if one is None:
                return _to(request, CHECK_IN)
            return await _ask(request, deps, tx, found, one)
    return await pages.invalid(request, deps)


@post("/check-in/{number:int}", opt=access.LINK, status_code=200)
async def answer(request: WebRequest, deps: NamedDependency[Deps], number: FromPath[int]) -> Response[Any]:
    """Saves, then goes on. What can't be read is asked again at the question; nothing saved before is lost."""
    fields = dict(await forms.pairs(request))

    async def body(tx: Tx) -> Response[Any] | None:
        posted = await _posted(request, deps, tx)
        if posted is None:
            return await _from_idle_page(request, deps, tx, number, fields)
        visit, language = posted
        if fields.get("go") == "back":
            found = await _standing(deps, tx, visit, language)
            earlier = rules.before(found.progress.asked, number)
            return Redirect(CHECK_IN if earlier is None else _address(earlier), status_code=303)
        try:
            value = None if fields.get("go") == "skip" else _value(fields.get("answer", ""))
            done = await answering.answer_and_look(
                tx, visit, number, value, language, now=deps.clock.now(), alerts=deps.alerts
            )
        except Invalid:
            found = await _standing(deps, tx, visit, language)
            one = rules.may_be_posted(found.progress.asked, number)
            if one is None:
                return Redirect(CHECK_IN, status_code=303)
            return await _ask(request, deps, tx, found, one, COPY[language].choose_error)
        return _onward(done, number)

    return await deps.db.run(body) or await pages.invalid(request, deps)


@get(SUPPORT, opt=access.LINK)
async def support(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    """Right after an answer that opens a safety event, whether it could still be stored and whatever comes next."""
    async with deps.db.begin() as tx:
        found = await _seen(request, deps, tx)
        if found is not None:
            more = found.waiting is not None
            if found.progress.danger and not more and found.progress.stage != "over":
                return _to(request, THANKS)
            if found.progress.danger or await too_late.was_heard(tx, found.visit):
                return await _page(request, deps, tx, found, "crisis", CrisisPage(more_questions=more))
    return await pages.invalid(request, deps) if found is None else _to(request, CHECK_IN)


@post(SUPPORT, opt=access.LINK, status_code=200)
async def go_on(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    async with deps.db.begin() as tx:
        posted = await _posted(request, deps, tx)
    return await pages.invalid(request, deps) if posted is None else Redirect(CHECK_IN, status_code=303)


@get(THANKS, opt=access.LINK)
async def thanks(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    async with deps.db.begin() as tx:
        found = await _seen(request, deps, tx)
        if found is not None and found.waiting is None and found.progress.stage != "over":
            contact = await answering.next_contact(tx, found.visit, now=deps.clock.now())
            when = "" if contact is None else pages.when_words(contact.at, contact.zone, found.language)
            topic = "" if contact is None else contact_mode(found.language, contact.mode or "phone")
            page = ThanksPage(when, topic, crisis=found.progress.danger)
            return await _page(request, deps, tx, found, "thanks", page)
    return await pages.invalid(request, deps) if found is None else _to(request, CHECK_IN)


class Found:
    """A visit with where it stands, in the language of this request."""

    __slots__ = ("language", "progress", "visit")

    def __init__(self, visit: Visit, language: Language, progress: Progress) -> None:
        self.visit = visit
        self.language = language
        self.progress = progress

    @property
    def waiting(self) -> Asked | None:
        return None if self.visit.ended_at is not None else self.progress.waiting


async def _seen(request: WebRequest, deps: Deps, tx: Tx) -> Found | None:
    visiting = await _visiting(request, deps, tx)
    return None if visiting is None else await _standing(deps, tx, *visiting)


async def _visiting(request: WebRequest, deps: Deps, tx: Tx) -> tuple[Visit, Language] | None:
    secret = request.cookies.get(cookies.name(deps.settings, cookies.PORTAL), "")
    visit = await links.visit(tx, secret, now=deps.clock.now())
    if visit is None:
        return None
    language = pages.asked_language(request) or visit.language
    pages.note_language(request, language)
    return visit, language


async def _standing(deps: Deps, tx: Tx, visit: Visit, language: Language) -> Found:
    return Found(visit, language, await answering.progress(tx, visit, language, now=deps.clock.now()))


async def _posted(request: WebRequest, deps: Deps, tx: Tx) -> tuple[Visit, Language] | None:
    """The visit, once the form is known to be ours. The language of the page is the visit's from now on."""
    csrf.check_origin(request)
    found = await _visiting(request, deps, tx)
    if found is None:
        return None
    visit, language = found
    await csrf.check_token(request, visit.csrf)
    if language != visit.language:
        await links.speak(tx, visit.id, language)
    return found


async def _from_idle_page(
    request: WebRequest, deps: Deps, tx: Tx, number: int, fields: Mapping[str, str]
) -> Response[Any] | None:
    """Nothing is saved any more. An answer that alarms gets the panel on the spot, since the visit shows no page."""
    visit = await links.visit_of(tx, request.cookies.get(cookies.name(deps.settings, cookies.PORTAL), ""))
    if visit is None:
        return None
    await csrf.check_token(request, visit.csrf)
    if fields.get("go") in ("back", "skip"):
        return None
    try:
        value = _value(fields.get("answer", ""))
    except Invalid:
        return None
    language, now = pages.asked_language(request) or visit.language, deps.clock.now()
    if (
        await answering.answer_when_idle(tx, visit, number, value, language, now=now, alerts=deps.alerts)
        != "danger"
    ):
        return None
    found = await _standing(deps, tx, visit, language)
    return await _page(request, deps, tx, found, "crisis", CrisisPage(more_questions=False))


def _onward(done: Answered, number: int) -> Redirect:
    match done.outcome:
        case "danger":
            return Redirect(SUPPORT, status_code=303)
        case "saved" if done.progress is not None:
            following = rules.after(done.progress.asked, number)
            return Redirect(CHECK_IN if following is None else _address(following), status_code=303)
        case "saved" | "refused" | "finished":
            return Redirect(CHECK_IN, status_code=303)
        case _:
            assert_never(done.outcome)


async def _ask(
    request: WebRequest, deps: Deps, tx: Tx, found: Found, one: Asked, error: str = ""
) -> Response[str]:
    number, total = rules.progress(found.progress.asked, one)
    instrument, standing = one.part.instrument, one.standing
    chosen = standing.value if standing is not None and standing.mine else None
    page = QuestionPage(
        number=number,
        total=total,
        stem=instrument.stem if one.item.scored else "",
        text=one.item.text,
        options=tuple(AnswerOption(str(c.value), c.label, c.value == chosen) for c in one.item.choices),
        language=found.language,
        may_go_back=rules.before(found.progress.asked, one.number) is not None,
        error=error,
    )
    return await _page(request, deps, tx, found, "question", page, UNREADABLE if error else 200)


async def _page(
    request: WebRequest, deps: Deps, tx: Tx, found: Found, template: str, page: Any, status: int = 200
) -> Response[str]:
    clinic = await organisation.clinic(tx, found.visit.clinic_id)
    site = pages.site_of(clinic)
    return pages.render(request, deps, template, page, site, found.language, found.visit.csrf, status)


def _throttled(request: WebRequest) -> Throttle:
    state = request.app.state
    if _THROTTLE not in state:
        state[_THROTTLE] = Throttle()
    throttle: Throttle = state[_THROTTLE]
    throttle.try_from("" if request.client is None else request.client.host)
    return throttle


def _start_token(deps: Deps, token: str) -> str:
    """Shows that the start page was really loaded; made from the token alone, so the page needs no row."""
    return deps.vault.lookup(f"check-in start {token}")


def _minutes(link: Link) -> int:
    count = sum(len(part.instrument.items) for part in answering.blank(link.instruments, link.language))
    return max(2, round(count / QUESTIONS_A_MINUTE))


def _value(written: str) -> int:
    """Raises Invalid for anything but one ASCII digit."""
    if len(written) != 1 or not written.isascii() or not written.isdigit():
        raise Invalid.field("answer", "is not one of the answers offered")
    return int(written)


def _address(one: Asked) -> str:
    return f"{CHECK_IN}/{one.number}"


def _to(request: WebRequest, path: str) -> Redirect:
    language = pages.asked_language(request)
    return Redirect(
        path if language is None else f"{path}?{pages.LANGUAGE_FIELD}={language}", status_code=303
    )


ROUTES: tuple[Any, ...] = (
    *BIRTH_ROUTES,
    start,
    peek,
    begin,
    resume,
    question,
    answer,
    support,
    go_on,
    thanks,
)
