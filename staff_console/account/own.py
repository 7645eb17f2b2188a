"""The person's own account: password, recovery codes, clinic."""

from __future__ import annotations

from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from kernel.errors import DomainError, Invalid
from kernel.web import access, cookies, forms, sessions
from kernel.web.context import WebRequest
from kernel.web.sessions import Session
from registry.organisation import accounts, queries, sign_in
from staff_console.account import presenter
from staff_console.account.forms import CONFIRM, PASSWORD, ConfirmForm, PasswordForm
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, read_again, rendered, said, shell, show, submit, within

Console = NamedDependency[ConsoleDeps]
NOT_RIGHT: Final = "is not right"


@get("/account", opt=access.staff())
async def account_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _page)


@post("/account/password", opt=access.staff())
async def change_password(request: WebRequest, console: Console) -> Response[Any]:
    """A right password gives this browser a new session and ends all others."""
    secret = console.new_token()

    async def do(visit: Visit) -> str | DomainError:
        form = await forms.read(request, PasswordForm)
        if form.new != form.again:
            raise Invalid.field("again", "is not the same")
        tx, now = visit.tx, visit.now
        if not await _confirmed(visit, form.current):
            return Invalid.field("current", NOT_RIGHT)
        await accounts.set_password(
            tx, visit.actor, visit.staff_id, form.new, passwords=console.passwords, now=now
        )
        session: Session = request.state["session"]
        await sessions.end_all(tx, visit.staff_id, now=now)
        await sessions.rotate(
            tx,
            session,
            clinic_id=visit.clinic_id,
            stage="full",
            secret=secret,
            csrf=console.new_token(),
            now=now,
        )
        return said("/account", "password")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "password", error, PASSWORD, {"password": "new"})
        return await _page(visit, password=FormState("password", {}, form.errors, form.problem))

    answer = await submit(request, console, do, again)
    if answer.status_code == 303:
        answer.set_cookie(cookies.make(console.settings, cookies.STAFF, secret))
    return answer


@post("/account/codes", opt=access.staff(), status_code=200)
async def renew_codes(request: WebRequest, console: Console) -> Response[Any]:
    """Shows ten new codes; the password is asked again, since a code opens the account."""

    async def body(visit: Visit) -> tuple[View, Any, int]:
        try:
            form = await forms.read(request, ConfirmForm)
            right = await _confirmed(visit, form.current)
            refusal = None if right else Invalid.field("current", NOT_RIGHT)
        except Invalid as error:
            refusal = error
        if refusal is not None:
            shown = await read_again(visit, "codes", refusal, CONFIRM)
            view = await _page(visit, renewal=FormState("codes", {}, shown.errors, shown.problem))
            return view, shell(visit, view), 422
        found = await accounts.new_recovery_codes(
            visit.tx, visit.actor, visit.staff_id, new_code=console.new_code, now=visit.now
        )
        view = View(
            "account/codes.html", presenter.codes(found, "/account", "Back to your account"), "account"
        )
        return view, shell(visit, view), 200

    view, around, status = await within(request, console, body)
    return rendered(request, view, around, status=status)


async def _confirmed(visit: Visit, password: str) -> bool:
    return await sign_in.confirm_password(
        visit.tx, visit.actor, password, passwords=visit.console.passwords, now=visit.now
    )


async def _page(visit: Visit, *, password: FormState | None = None, renewal: FormState | None = None) -> View:
    left = await accounts.recovery_codes_left(visit.tx, visit.actor)
    found = await queries.clinics_of(visit.tx, visit.staff_id)
    page = presenter.account(visit, left, found, password=password, renewal=renewal)
    return View("account/account.html", page, "account")


ROUTES: Final = [account_page, change_password, renew_codes]
