"""Signing in by a texted code, and out. The pages say the same for every number."""

from __future__ import annotations

from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response
from litestar.response.redirect import Redirect

from api.patient.calls import address, limit
from api.patient.signing_in import code_to_send
from api.portal import pages
from api.portal.home.copy import WORDS
from api.portal.home.rendering import UNREADABLE, caller, language_of, onward, render
from api.portal.home.views import CodePage, Problems, SignInPage
from api.wiring import Deps
from kernel.db import Tx
from kernel.web import access, cookies, forms
from kernel.web.context import WebRequest
from messaging.patient_access import codes, sessions
from registry.phones import BadNumber, e164

SIGN_IN: Final = "/me/sign-in"
CODE: Final = "/me/sign-in/code"
HOME: Final = "/me"
TRIES: Final = 30  # a minute
CODE_COOKIE_S: Final = 600


@get(SIGN_IN, opt=access.PUBLIC)
async def sign_in(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    page = SignInPage(signed_out="out" in request.query_params)
    return render(request, deps, "sign_in", page, await pages.neutral_site(request, deps), None)


@post(SIGN_IN, opt=access.PUBLIC, status_code=200)
async def ask_code(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    limit(request, TRIES, f"page codes {address(request)}")
    typed = dict(await forms.pairs(request)).get("phone", "")[:40]
    site = await pages.neutral_site(request, deps)
    language_of(request, None)
    pages.shell(request, site, language_of(request, None), demo=deps.settings.mode == "demo")
    try:
        number = e164(typed)
    except BadNumber:
        problems = Problems({"phone": WORDS[language_of(request, None)].phone_error}, {"phone": typed})
        return render(request, deps, "sign_in", SignInPage(problems), site, None, UNREADABLE)
    secret = deps.new_token()

    asked = await deps.system_db.run(lambda tx: codes.ask(tx, number, secret=secret, now=deps.clock.now()))
    answer = onward(request, CODE)
    answer.background = code_to_send(deps, asked.id)
    answer.set_cookie(cookies.make(deps.settings, cookies.CODE, secret, max_age=CODE_COOKIE_S))
    return answer


@get(CODE, opt=access.PUBLIC)
async def code_page(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    return render(request, deps, "code", CodePage(SIGN_IN), await pages.neutral_site(request, deps), None)


@post(CODE, opt=access.PUBLIC, status_code=200)
async def prove_code(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Any]:
    limit(request, TRIES, f"page tries {address(request)}")
    typed = dict(await forms.pairs(request)).get("code", "")
    asked = request.cookies.get(cookies.name(deps.settings, cookies.CODE), "")
    secret, csrf_token = deps.new_token(), deps.new_token()

    async def body(tx: Tx) -> bool:
        now = deps.clock.now()
        proven = await codes.prove(tx, asked, "".join(typed.split()), now=now)
        if proven is not None:
            await sessions.start_browser(tx, proven, secret=secret, csrf=csrf_token, now=now)
        return proven is not None

    if not await deps.system_db.run(body):
        page = CodePage(SIGN_IN, error=True)
        site = await pages.neutral_site(request, deps)
        return render(request, deps, "code", page, site, None, UNREADABLE)
    answer = onward(request, HOME)
    answer.set_cookie(cookies.make(deps.settings, cookies.PATIENT, secret))
    answer.set_cookie(cookies.drop(deps.settings, cookies.CODE))
    return answer


@post("/me/sign-out", opt=access.PATIENT, status_code=200)
async def sign_out(request: WebRequest, deps: NamedDependency[Deps]) -> Redirect:
    who = caller(request)

    async def body(tx: Tx) -> None:
        await sessions.end(tx, who, who.id, "signed_out", now=deps.clock.now())

    await deps.db.run(body, who.clinic_id)
    answer = Redirect(f"{SIGN_IN}?out=1", status_code=303)
    answer.set_cookie(cookies.drop(deps.settings, cookies.PATIENT))
    return answer


ROUTES: tuple[Any, ...] = (sign_in, ask_code, code_page, prove_code, sign_out)
