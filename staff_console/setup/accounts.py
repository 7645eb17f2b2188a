"""Accounts of the clinic's people: made, changed, given roles, and let in again after something was lost."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta

from kernel.audit import Role
from kernel.errors import DomainError
from kernel.web import access, forms, sessions
from kernel.web.context import WebRequest
from registry.handover import administration
from registry.organisation import accounts, queries
from registry.organisation.queries import AccountDetails, StaffMember
from registry.organisation.rules import StaffForm
from staff_console import formats, words
from staff_console.deps import ConsoleDeps
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import View, Visit, read_again, said, show, submit
from staff_console.seen import Stored, read_stale, require_unchanged, sealed

Console = NamedDependency[ConsoleDeps]
ADMIN: Final = access.staff("administrator")
PATH: Final = "/setup/accounts"
ONE: Final = f"{PATH}/{{staff_id:uuid}}"
Password = Annotated[str, Meta(max_length=1024)]
NEW: Final = {
    "name": "Name", "credentials": "Credentials", "email": "Work e-mail", "phone": "Mobile phone", "npi": "NPI",
    "roles": "Roles:", "password": "First password",
}  # fmt: skip
DETAILS: Final = {name: NEW[name] for name in ("name", "credentials", "email", "phone", "npi")}
ADMIT: Final = {"email": "This address", "roles": "Roles:"}


class NewAccount(msgspec.Struct, frozen=True):
    name: str
    email: str
    password: Password
    credentials: str | None = None
    phone: str | None = None
    npi: str | None = None
    roles: tuple[Role, ...] = ()

    @property
    def person(self) -> StaffForm:
        return StaffForm(self.name, self.email, self.credentials, self.phone, self.npi)


class Admitted(msgspec.Struct, frozen=True):
    email: str
    roles: tuple[Role, ...] = ()


class Roles(msgspec.Struct, frozen=True):
    roles: tuple[Role, ...] = ()


class NewPassword(msgspec.Struct, frozen=True):
    password: Password


class Confirmed(msgspec.Struct, frozen=True):
    confirm: Literal["yes"]


class Called(Confirmed, frozen=True):
    """The number that the page showed."""

    called: Annotated[str, Meta(max_length=20)]


class AccountLine(msgspec.Struct, frozen=True):
    name: str
    email: str
    roles: str
    state: str
    ready: bool
    href: str


class AccountsPage(msgspec.Struct, frozen=True):
    """Template `setup/accounts.html`."""

    people: tuple[AccountLine, ...]
    roles: tuple[Choice, ...]
    new: FormState
    admit: FormState


class AccountPage(msgspec.Struct, frozen=True):
    """Template `setup/account.html`. `mine` is the reader's own account: its password is changed elsewhere. `phone` is
    empty without one, `number` the same in E.164; `phone_verified` says whether alerts count on it."""

    name: str
    email: str
    phone: str
    number: str
    phone_verified: bool
    action: str
    person_href: str
    state: str
    disabled: bool
    mine: bool
    has_second_factor: bool
    details_form: FormState
    phone_form: FormState
    roles: tuple[Choice, ...]
    roles_form: FormState
    password_form: FormState
    factor_form: FormState


@get(PATH, opt=ADMIN)
async def accounts_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _all)


@post(PATH, opt=ADMIN)
async def open_account(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, NewAccount)
        await administration.open_account(
            visit.tx, visit.actor, form.person, form.roles, form.password,
            passwords=console.passwords, now=visit.now,
        )  # fmt: skip
        return said(PATH, "account_opened")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _all(visit, new=await read_again(visit, "new", error, NEW))

    return await submit(request, console, do, again)


@post(f"{PATH}/admit", opt=ADMIN)
async def admit(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, Admitted)
        await administration.admit(visit.tx, visit.actor, form.email, form.roles, now=visit.now)
        return said(PATH, "roles_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _all(visit, admit=await read_again(visit, "admit", error, ADMIT))

    return await submit(request, console, do, again)


@get(ONE, opt=ADMIN)
async def account_page(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _one(visit, staff_id))


@post(f"{ONE}/details", opt=ADMIN)
async def change_details(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, StaffForm)
        await require_unchanged(visit, _stored_details(staff_id))
        changed = await administration.change_account(visit.tx, visit.actor, staff_id, form, now=visit.now)
        return said(f"{PATH}/{staff_id}", "account_changed" if changed else "nothing_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_stale(visit, error, DETAILS, _stored_details(staff_id))
        return await _one(visit, staff_id, details=form)

    return await submit(request, console, do, again)


@post(f"{ONE}/phone", opt=ADMIN)
async def confirm_phone(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[Any]:
    """Alerts count on a number only after somebody called it and the person answered."""

    async def do(visit: Visit) -> str:
        called = (await forms.read(request, Called)).called
        await administration.confirm_phone(visit.tx, visit.actor, staff_id, called=called, now=visit.now)
        return said(f"{PATH}/{staff_id}", "phone_confirmed")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "phone", error, {"confirm": "Your confirmation"})
        return await _one(visit, staff_id, phone=form)

    return await submit(request, console, do, again)


@post(f"{ONE}/roles", opt=ADMIN)
async def change_roles(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, Roles)
        await require_unchanged(visit, _stored_roles(staff_id))
        await administration.change_roles(visit.tx, visit.actor, staff_id, form.roles, now=visit.now)
        return said(f"{PATH}/{staff_id}", "roles_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_stale(visit, error, {"roles": "Roles:"}, _stored_roles(staff_id))
        return await _one(visit, staff_id, roles=form)

    return await submit(request, console, do, again)


@post(f"{ONE}/password", opt=ADMIN)
async def reset_password(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[Any]:
    """Ends every session of the person and a lock-out."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, NewPassword)
        await administration.reset_password(
            visit.tx, visit.actor, staff_id, form.password, passwords=console.passwords, now=visit.now
        )
        await sessions.end_all(visit.tx, staff_id, now=visit.now)
        return said(f"{PATH}/{staff_id}", "password_reset")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "password", error, {"password": "New password"})
        return await _one(visit, staff_id, password=form)

    return await submit(request, console, do, again)


@post(f"{ONE}/second-factor", opt=ADMIN)
async def reset_factor(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await forms.read(request, Confirmed)
        await administration.reset_second_factor(visit.tx, visit.actor, staff_id, now=visit.now)
        await sessions.end_all(visit.tx, staff_id, now=visit.now)
        return said(f"{PATH}/{staff_id}", "factor_reset")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "factor", error, {"confirm": "Your confirmation"})
        return await _one(visit, staff_id, factor=form)

    return await submit(request, console, do, again)


@post(f"{ONE}/enable", opt=ADMIN)
async def enable(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[Any]:
    """A closed account opens again, with the roles it had."""

    async def do(visit: Visit) -> str:
        await accounts.enable(visit.tx, visit.actor, staff_id, now=visit.now)
        return said(f"{PATH}/{staff_id}", "account_enabled")

    return await submit(request, console, do, lambda visit, _: _one(visit, staff_id))


async def _all(visit: Visit, new: FormState | None = None, admit: FormState | None = None) -> View:
    people = await queries.staff_list(visit.tx, visit.actor)
    page = AccountsPage(
        tuple(
            AccountLine(
                person.name, person.email, words.roles(person.roles), _state(person), _ready(person),
                f"{PATH}/{person.id}",
            )
            for person in people
        ),
        words.choices(words.ROLES),
        new or FormState("new"),
        admit or FormState("admit"),
    )  # fmt: skip
    return View("setup/accounts.html", page, "setup")


async def _one(
    visit: Visit,
    staff_id: UUID,
    *,
    details: FormState | None = None,
    phone: FormState | None = None,
    roles: FormState | None = None,
    password: FormState | None = None,
    factor: FormState | None = None,
) -> View:
    person = await queries.account_details(visit.tx, visit.actor, staff_id)
    page = AccountPage(
        name=person.name,
        email=person.email,
        phone="" if person.phone is None else formats.phone(person.phone),
        number=person.phone or "",
        phone_verified=person.phone_verified,
        action=f"{PATH}/{staff_id}",
        person_href=f"/setup/people/{staff_id}",
        state=_state(person),
        disabled=person.disabled,
        mine=staff_id == visit.staff_id,
        has_second_factor=person.has_second_factor,
        details_form=details or _details_form(person),
        phone_form=phone or FormState("phone"),
        roles=words.choices(words.ROLES),
        roles_form=roles or _roles_form(person),
        password_form=password or FormState("password"),
        factor_form=factor or FormState("factor"),
    )
    return View("setup/account.html", page, "setup")


def _stored_details(staff_id: UUID) -> Stored:
    async def stored(visit: Visit) -> FormState:
        return _details_form(await queries.account_details(visit.tx, visit.actor, staff_id))

    return stored


def _stored_roles(staff_id: UUID) -> Stored:
    async def stored(visit: Visit) -> FormState:
        return _roles_form(await queries.account_details(visit.tx, visit.actor, staff_id))

    return stored


def _details_form(person: AccountDetails) -> FormState:
    return sealed(filled("details", **{name: getattr(person, name) or "" for name in DETAILS}))


def _roles_form(person: AccountDetails) -> FormState:
    return sealed(FormState("roles", {"roles": tuple(person.roles)}))


def _ready(person: StaffMember) -> bool:
    return not person.disabled and person.has_second_factor


def _state(person: StaffMember | AccountDetails) -> str:
    if person.disabled:
        return "closed"
    return "ready" if person.has_second_factor else "no second factor yet"


ROUTES: Final = [
    accounts_page, open_account, admit, account_page, change_details, confirm_phone, change_roles, reset_password, reset_factor, enable,
]  # fmt: skip
