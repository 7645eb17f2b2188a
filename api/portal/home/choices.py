"""What a signed-in patient decides: how to be reached, on which number, whether by text, what is safe, and who may help."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from api.portal import pages
from api.portal.home import presenter
from api.portal.home import signing_in as entry
from api.portal.home.copy import WORDS
from api.portal.home.rendering import UNREADABLE, caller, language_of, onward
from api.portal.home.showing import refuse, run, show
from api.portal.home.views import (
    NewCodePage,
    NumberPage,
    Problems,
    SafetyPage,
    TextsPage,
    WishesPage,
)
from api.wiring import Deps
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.web import access, cookies, forms
from kernel.web.context import WebRequest
from messaging.consent.scripts import script
from messaging.patient_access import changes, codes, messages, own, sessions
from messaging.patient_access.own import Preferences
from registry.patients import own as own_record
from registry.phones import BadNumber, e164
from registry.related_people import service as related


@get("/me/wishes", opt=access.PATIENT)
async def wishes(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    who, now = caller(request), deps.clock.now()
    saved = "saved" in request.query_params

    async def build(tx: Tx) -> WishesPage:
        return presenter.wishes(await own.preferences(tx, who, now=now), saved=saved)

    return await show(request, deps, "wishes", build)


@post("/me/wishes", opt=access.PATIENT, status_code=200)
async def change_wishes(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    who, now, language = caller(request), deps.clock.now(), language_of(request, caller(request))
    fields = dict(await forms.pairs(request))

    async def body(tx: Tx) -> None:
        form = presenter.typed_wishes(fields)
        await changes.change_wishes(tx, who, form, now=now, outreach=deps.outreach)
        await sessions.speak(tx, who.id, form.language)

    try:
        await run(deps, who, body)
    except Forbidden:
        return await refuse(request, deps)
    except Invalid as refused:
        problems = presenter.wish_problems(refused, fields, language)

        async def build(tx: Tx) -> WishesPage:
            stored = await own.preferences(tx, who, now=now)
            return presenter.typed_again(stored, fields, problems)

        return await show(request, deps, "wishes", build, UNREADABLE)
    return Redirect("/me/wishes?saved=1", status_code=303)


@get("/me/number", opt=access.PATIENT)
async def number(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    return await _number(request, deps)


@post("/me/number", opt=access.PATIENT, status_code=200)
async def ask_new_number(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    who, words = caller(request), WORDS[language_of(request, caller(request))]
    typed = dict(await forms.pairs(request)).get("phone", "")[:40]
    try:
        plain = e164(typed)
    except BadNumber:
        return await _number(request, deps, Problems({"phone": words.phone_error}, {"phone": typed}))
    secret = deps.new_token()

    async def body(tx: Tx) -> None:
        own.require_own(who)
        await codes.ask_for_new_number(
            tx, who.account, plain, secret=secret, new_code=deps.new_code, now=deps.clock.now()
        )

    try:
        await run(deps, who, body)
    except Forbidden:
        return await refuse(request, deps)
    answer = onward(request, "/me/number/code")
    answer.set_cookie(cookies.make(deps.settings, cookies.CODE, secret, max_age=entry.CODE_COOKIE_S))
    return answer


@get("/me/number/code", opt=access.PATIENT)
async def new_number_code(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    return await _new_code(request, deps)


@post("/me/number/code", opt=access.PATIENT, status_code=200)
async def change_number(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    who, words = caller(request), WORDS[language_of(request, caller(request))]
    fields = dict(await forms.pairs(request))
    asked = request.cookies.get(cookies.name(deps.settings, cookies.CODE), "")

    async def body(tx: Tx) -> bool:
        now = deps.clock.now()
        own.require_own(who)
        typed = "".join(fields.get("code", "").split())
        proven = await codes.prove_new_number(tx, who.account, asked, typed, now=now)
        if proven is not None:
            agrees = fields.get("agrees") == "on"
            await changes.change_number(tx, who, proven, agrees=agrees, now=now, outreach=deps.outreach)
        return proven is not None

    try:
        proven = await run(deps, who, body)
    except Forbidden:
        return await refuse(request, deps)
    except Conflict:
        return await _new_code(request, deps, words.number_unusable)
    if not proven:
        return await _new_code(request, deps, words.code_error)
    answer = onward(request, "/me/texts")
    answer.set_cookie(cookies.drop(deps.settings, cookies.CODE))
    return answer


async def _number(request: WebRequest, deps: Deps, problems: Problems | None = None) -> Response[str]:
    who = caller(request)

    async def build(tx: Tx) -> NumberPage:
        ends = (await own.preferences(tx, who, now=deps.clock.now())).phone_ends
        return NumberPage(ends) if problems is None else NumberPage(ends, problems)

    return await show(request, deps, "number", build, 200 if problems is None else UNREADABLE)


async def _new_code(request: WebRequest, deps: Deps, error: str = "") -> Response[str]:
    async def build(_: Tx) -> NewCodePage:
        own.require_own(caller(request))
        return NewCodePage("/me/number", error)

    return await show(request, deps, "new_code", build, UNREADABLE if error else 200)


@get("/me/texts", opt=access.PATIENT)
async def texts(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    who, language = caller(request), language_of(request, caller(request))

    async def build(tx: Tx) -> TextsPage:
        found: Preferences = await own.preferences(tx, who, now=deps.clock.now())
        wording = script("texting", language).text
        return TextsPage(found.phone_ends, found.texting is not None, found.stopped, wording)

    return await show(request, deps, "texts", build)


@post("/me/texts", opt=access.PATIENT, status_code=200)
async def change_texts(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    who, go = caller(request), dict(await forms.pairs(request)).get("go")

    async def body(tx: Tx) -> None:
        now = deps.clock.now()
        if go == "stop":
            await messages.stop_texts(tx, who, now=now)
        elif go == "agree":
            await changes.agree_to_texts(tx, who, now=now)

    try:
        await run(deps, who, body)
    except Forbidden:
        return await refuse(request, deps)
    except Conflict:  # stopped meanwhile: the page says how it is undone
        pass
    return onward(request, "/me/texts")


@get("/me/safety", opt=access.PATIENT)
async def safety(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    who = caller(request)
    saved = "saved" in request.query_params

    async def build(tx: Tx) -> SafetyPage:
        found = await own.preferences(tx, who, now=deps.clock.now())
        return SafetyPage(found.code_word or "", saved)

    return await show(request, deps, "safety", build)


@post("/me/safety", opt=access.PATIENT, status_code=200)
async def change_safety(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    who, now = caller(request), deps.clock.now()
    fields = dict(await forms.pairs(request))
    unsafe = fields.get("go") == "unsafe"

    async def body(tx: Tx) -> None:
        own.require_own(who)
        if unsafe:
            await changes.unsafe_to_text(tx, who, now=now)
        else:
            word = fields.get("code_word", "")
            await own_record.set_code_word(tx, who.actor, who.patient_id, word, now=now)

    try:
        await run(deps, who, body)
    except Forbidden:
        return await refuse(request, deps)
    except Invalid as refused:
        said = {"code_word": fields.get("code_word", "")}
        problems = Problems({"code_word": refused.problems[0].message}, said)

        async def again(_: Tx) -> SafetyPage:
            return SafetyPage("", problems=problems)

        return await show(request, deps, "safety", again, UNREADABLE)
    if not unsafe:
        return Redirect("/me/safety?saved=1", status_code=303)
    answer = Redirect(pages.EXIT, status_code=303)
    answer.set_cookie(cookies.drop(deps.settings, cookies.PATIENT))
    return answer


@get("/me/people", opt=access.PATIENT)
async def people(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    who, language = caller(request), language_of(request, caller(request))
    return await show(
        request, deps, "people", lambda tx: presenter.people(tx, who, language, now=deps.clock.now())
    )


@post("/me/people/{person_id:uuid}/end", opt=access.PATIENT, status_code=200)
async def end_person(
    request: WebRequest, deps: NamedDependency[Deps], person_id: FromPath[UUID]
) -> Response[Any]:
    who = caller(request)

    async def body(tx: Tx) -> None:
        own.require_own(who)
        await related.revoke(tx, who.actor, who.patient_id, person_id, now=deps.clock.now())

    try:
        await run(deps, who, body)
    except (Forbidden, NotFound):
        return await refuse(request, deps)
    return onward(request, "/me/people")


ROUTES: tuple[Any, ...] = (
    wishes, change_wishes, number, ask_new_number, new_number_code, change_number, texts, change_texts, safety,
    change_safety, people, end_person,
)  # fmt: skip
