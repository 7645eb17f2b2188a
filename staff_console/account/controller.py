"""Signing in: password, second factor, clinic. Every step gives the session a new id."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response
from litestar.response.redirect import Redirect

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Forbidden, Invalid, Problem, TooMany
from kernel.web import access, cookies, forms, sessions
from kernel.web.context import WebRequest, actor, request_id
from kernel.web.sessions import Session, Stage
from registry.organisation import accounts, queries, sign_in
from staff_console.account import presenter
from staff_console.account.forms import CODE, SIGN_IN, ClinicForm, CodeForm, SignInForm
from staff_console.account.views import ClinicsPage, SignInPage, TotpPage
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, home, link, rendered, signed_out
from staff_console.refusals import refused

Console = NamedDependency[ConsoleDeps]
WRONG: Final = "E-mail or password is not right, or the account is locked for some minutes"
WRONG_CODE: Final = "is not right, was used before, or the account is locked for some minutes"
MANY: Final = "Too many tries from here. Wait 15 minutes and try again"
ENDED: Final = {
    "idle": "You were signed out after 15 minutes without activity.",
    "out": "You are signed out.",
    "roles": "This account has no role in any clinic yet. Ask your administrator.",
}


@get("/", opt=access.staff())
async def start(request: WebRequest) -> Redirect:
    who = actor(request)
    return Redirect("/clinics" if who.clinic_id is None else home(who), status_code=303)


@get("/sign-in", opt=access.PUBLIC)
async def sign_in_page(request: WebRequest, console: Console) -> Response[str]:
    asked = request.query_params
    page = SignInPage(
        FormState("sign-in"), _local(asked.get("next", "")), ENDED.get(asked.get("ended", ""), "")
    )
    return rendered(request, View("account/sign_in.html", page), signed_out(console))


@post("/sign-in", opt=access.PUBLIC, status_code=200)
async def check_password(request: WebRequest, console: Console) -> Response[Any]:
    fields = await forms.pairs(request)
    form = forms.parse(fields, SignInForm)
    try:
        accepted = await _password(request, console, form)
    except TooMany as error:
        return _refused_sign_in(request, console, fields, error, 429)
    if accepted is None:
        return _refused_sign_in(request, console, fields, Invalid.field("", WRONG), 422)
    return Redirect(
        link("/sign-in/code" if accepted.needs_code else "/sign-in/setup", next=_local(form.next)),
        status_code=303,
        cookies=[cookies.make(console.settings, cookies.STAFF, accepted.secret)],
    )


@get("/sign-in/code", opt=access.HALF_SIGNED_IN)
async def code_page(request: WebRequest, console: Console) -> Response[str]:
    page = TotpPage(FormState("totp"), _local(request.query_params.get("next", "")))
    return rendered(request, View("account/totp.html", page), signed_out(console))


@post("/sign-in/code", opt=access.HALF_SIGNED_IN, status_code=200)
async def check_code(request: WebRequest, console: Console) -> Response[Any]:
    fields = await forms.pairs(request)
    try:
        form = forms.parse(fields, CodeForm)
        session: Session = request.state["session"]
        async with console.db.begin() as tx:
            now = console.clock.now()
            right = await sign_in.check_code(
                tx, session.staff_id, form.code, now=now, request_id=request_id(request)
            )
            target, secret = await _enter(tx, console, request) if right else ("", "")
        if not right:
            raise Invalid.field("code", WRONG_CODE)
    except Invalid as error:
        page = TotpPage(refused("totp", fields, error, CODE), _next_of(fields))
        view = View("account/totp.html", page)
        return rendered(request, view, signed_out(console), status=422)
    return _signed_in(console, _after(target, form.next), secret)


@get("/sign-in/setup", opt=access.HALF_SIGNED_IN)
async def setup_page(request: WebRequest, console: Console) -> Response[str]:
    """The first sign-in: the secret was made with the password's post, so a reload shows the same one."""
    setup = await _pending(request, console)
    page = presenter.totp_setup(FormState("totp"), setup, _local(request.query_params.get("next", "")))
    return rendered(request, View("account/totp_setup.html", page), signed_out(console))


@post("/sign-in/setup", opt=access.HALF_SIGNED_IN, status_code=200)
async def confirm_setup(request: WebRequest, console: Console) -> Response[Any]:
    fields = await forms.pairs(request)
    session: Session = request.state["session"]
    setup = await _pending(request, console)
    try:
        form = forms.parse(fields, CodeForm)
        async with console.db.begin() as tx:
            codes = await accounts.confirm_totp(
                tx,
                actor(request),
                session.staff_id,
                form.code,
                new_code=console.new_code,
                now=console.clock.now(),
            )
            target, secret = await _enter(tx, console, request)
    except Invalid as error:
        page = presenter.totp_setup(refused("totp", fields, error, CODE), setup, _next_of(fields))
        view = View("account/totp_setup.html", page)
        return rendered(request, view, signed_out(console), status=422)
    view = View("account/codes.html", presenter.codes(codes, _after(target, form.next), "Go on"))
    answer = rendered(request, view, signed_out(console))
    answer.set_cookie(cookies.make(console.settings, cookies.STAFF, secret))
    return answer


@get("/clinics", opt=access.staff())
async def clinics_page(request: WebRequest, console: Console) -> Response[str]:
    async with console.db.begin() as tx:
        found = await queries.clinics_of(tx, _staff(request))
    page = ClinicsPage(FormState("clinics"), presenter.clinics(found))
    return rendered(request, View("account/clinics.html", page), signed_out(console))


@post("/clinics", opt=access.staff())
async def enter_clinic(request: WebRequest, console: Console) -> Redirect:
    """Another clinic is another session: its id changes, so nothing of the old one is carried over."""
    form = await forms.read(request, ClinicForm)
    session: Session = request.state["session"]
    async with console.db.begin() as tx:
        who = await queries.actor_for(tx, session.staff_id, form.clinic_id)
        if who is None:
            raise Forbidden("you have no role in this clinic")
        secret = await _rotate(tx, console, session, form.clinic_id, "full")
        await audit.record(tx, who, "clinic.entered", "clinic", form.clinic_id, now=console.clock.now())
    return _signed_in(console, home(who), secret)


@post("/sign-out", opt=access.staff())
async def sign_out(request: WebRequest, console: Console) -> Redirect:
    session: Session = request.state["session"]
    async with console.db.begin() as tx:
        now = console.clock.now()
        await sessions.end(tx, session.id_hash, now=now)
        await audit.record(tx, actor(request), "staff.signed_out", "staff", session.staff_id, now=now)
    answer = Redirect("/sign-in?ended=out", status_code=303)
    answer.set_cookie(cookies.drop(console.settings, cookies.STAFF))
    return answer


@post("/session/stay", opt=access.staff(), status_code=204)
async def stay() -> None:
    """The guard has extended the idle time; there is nothing else to do."""


class _Accepted(msgspec.Struct, frozen=True):
    secret: str
    needs_code: bool


async def _password(request: WebRequest, console: ConsoleDeps, form: SignInForm) -> _Accepted | None:
    """A half session when the password is right. Raises TooMany."""
    address = request.client.host if request.client is not None else ""
    if not await console.throttle.allows(form.email.strip().lower(), address):
        raise TooMany(MANY)
    now = console.clock.now()
    async with console.db.begin() as tx:
        found = await sign_in.check_password(
            tx,
            form.email,
            form.password,
            passwords=console.passwords,
            now=now,
            request_id=request_id(request),
        )
        if found is None:
            return None
        if not found.needs_code:
            newcomer = Actor(kind="staff", id=found.staff_id, clinic_id=None, request_id=request_id(request))
            await accounts.begin_totp(tx, newcomer, found.staff_id, new_code=console.new_code, now=now)
        await _end_present(tx, request, console)
        secret = console.new_token()
        await sessions.start(
            tx, found.staff_id, None, "password", secret=secret, csrf=console.new_token(), now=now
        )
    return _Accepted(secret, found.needs_code)


async def _end_present(tx: Tx, request: WebRequest, console: ConsoleDeps) -> None:
    """Who signs in again leaves no older session of this browser behind."""
    secret = request.cookies.get(cookies.name(console.settings, cookies.STAFF))
    present = await sessions.load(tx, secret, now=console.clock.now()) if secret else None
    if present is not None:
        await sessions.end(tx, present.id_hash, now=console.clock.now())


async def _enter(tx: Tx, console: ConsoleDeps, request: WebRequest) -> tuple[str, str]:
    """(where to go, the new session's secret), once both factors are right."""
    session: Session = request.state["session"]
    found = await queries.clinics_of(tx, session.staff_id)
    if not found:
        return "/sign-in?ended=roles", await _rotate(tx, console, session, None, "password")
    if len(found) > 1:
        return "/clinics", await _rotate(tx, console, session, None, "full")
    who = await queries.actor_for(tx, session.staff_id, found[0].id)
    assert who is not None
    return home(who), await _rotate(tx, console, session, found[0].id, "full")


async def _rotate(
    tx: Tx, console: ConsoleDeps, session: Session, clinic_id: UUID | None, stage: Stage
) -> str:
    secret = console.new_token()
    await sessions.rotate(
        tx,
        session,
        clinic_id=clinic_id,
        stage=stage,
        secret=secret,
        csrf=console.new_token(),
        now=console.clock.now(),
    )
    return secret


async def _pending(request: WebRequest, console: ConsoleDeps) -> accounts.TotpSetup:
    session: Session = request.state["session"]
    async with console.db.begin() as tx:
        setup = await accounts.pending_totp(tx, actor(request), session.staff_id)
    if setup is None:
        raise Forbidden("the second factor is set up already; sign in again")
    return setup


def _refused_sign_in(
    request: WebRequest, console: ConsoleDeps, fields: forms.Pairs, error: Any, status: int
) -> Response[str]:
    form = refused("sign-in", [(k, v) for k, v in fields if k == "email"], error, SIGN_IN)
    page = SignInPage(form, _next_of(fields))
    return rendered(request, View("account/sign_in.html", page), signed_out(console), status=status)


def _signed_in(console: ConsoleDeps, target: str, secret: str) -> Redirect:
    answer = Redirect(target, status_code=303)
    answer.set_cookie(cookies.make(console.settings, cookies.STAFF, secret))
    return answer


def _after(target: str, wanted: str) -> str:
    """The page the person came for, unless the clinic must be chosen first."""
    return _local(wanted) or target if not target.startswith(("/clinics", "/sign-in")) else target


def _local(path: str) -> str:
    """A path of this console, else nothing: an address of another site is never gone to."""
    safe = (
        path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and len(path) < 200
    )
    return path if safe and "\\" not in path else ""


def _next_of(fields: forms.Pairs) -> str:
    return _local(next((value for name, value in fields if name == "next"), ""))


def _staff(request: WebRequest) -> UUID:
    staff_id = actor(request).id
    if staff_id is None:
        raise Invalid(Problem("", "nobody is signed in"))
    return staff_id


ROUTES: Final = [
    start,
    sign_in_page,
    check_password,
    code_page,
    check_code,
    setup_page,
    confirm_setup,
    clinics_page,
    enter_clinic,
    sign_out,
    stay,
]
