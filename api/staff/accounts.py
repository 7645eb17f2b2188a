"""Accounts of the clinic's people, and the keys of its integrations."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff import examples
from api.staff.calls import (
    READ,
    ROOT,
    WRITE,
    Call,
    Created,
    Items,
    Key,
    PhoneConfirmation,
    created,
    only_id,
    within,
)
from api.wiring import Deps
from kernel.audit import Role
from kernel.web import access, sessions
from kernel.web.context import WebRequest
from registry.handover import administration
from registry.handover import service as handover
from registry.organisation import accounts, queries, tokens
from registry.organisation.queries import AccountDetails, StaffMember, TokenLine
from registry.organisation.rules import StaffForm

ADMIN: Final = access.token("administrator")
ALL: Final = f"{ROOT}/accounts"
ONE: Final = f"{ALL}/{{staff_id:uuid}}"


class AccountForm(StaffForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person with their roles here and a first password. The second factor is set up by the person at the first
    sign-in."""

    roles: tuple[Role, ...]
    password: Annotated[str, msgspec.Meta(max_length=1024)]


class Admission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address of an account that another clinic of the organisation made."""

    email: str
    roles: tuple[Role, ...]


class RolesForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All roles in this clinic from now on."""

    roles: tuple[Role, ...]


_PERSON: Final[dict[str, Any]] = {
    "name": "Nadia Reyes", "email": "nadia@harbor.example", "credentials": "LICSW", "phone": "+12065550177",
}  # fmt: skip
_CHANGED: Final = [Example(summary="A new phone", value=_PERSON)]
_ACCOUNT: Final = [
    Example(
        summary="A care manager",
        value=_PERSON | {"roles": ["care_manager"], "password": "lamps along the pier"},
    )
]
_ADMISSION: Final = [
    Example(
        summary="A consultant of two clinics",
        value={"email": "lee@harbor.example", "roles": ["consultant"]},
    )
]
_ROLES: Final = [Example(summary="Leads as well", value={"roles": ["care_manager", "clinic_lead"]})]


async def _details(call: Call, staff_id: UUID) -> AccountDetails:
    return await queries.account_details(call.tx, call.actor, staff_id)


@get(ALL, opt=access.token("administrator", "clinic_lead"), tags=["accounts"], summary="Accounts", **READ)
async def all_accounts(request: WebRequest, deps: NamedDependency[Deps]) -> Items[StaffMember]:
    """Everyone with a role in the clinic, by name, closed accounts too."""

    async def body(call: Call) -> Items[StaffMember]:
        return Items(await queries.staff_list(call.tx, call.actor))

    return await within(request, deps, body)


@post(ALL, opt=ADMIN, tags=["accounts"], summary="Make an account", **WRITE)
async def open_account(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[AccountForm, BodyKwarg(examples=_ACCOUNT)],
) -> Response[AccountDetails]:
    """Takes no Idempotency-Key, so that nothing derived from a password is kept: the same address again is a 409."""
    person = StaffForm(data.name, data.email, data.credentials, data.phone, data.npi)

    async def create(call: Call) -> UUID:
        return await administration.open_account(
            call.tx, call.actor, person, data.roles, data.password, passwords=deps.passwords, now=call.now
        )

    return await created(request, deps, None, create, _details, f"{ALL}/{{id}}")


@post(f"{ALL}/admissions", opt=ADMIN, tags=["accounts"], summary="Admit somebody with an account", **WRITE)
async def admit(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[Admission, BodyKwarg(examples=_ADMISSION)],
    idempotency_key: Key = None,
) -> Response[AccountDetails]:
    """Roles in this clinic; those in other clinics stay."""

    async def create(call: Call) -> UUID:
        return await administration.admit(call.tx, call.actor, data.email, data.roles, now=call.now)

    return await created(request, deps, idempotency_key, create, _details, f"{ALL}/{{id}}")


@get(ONE, opt=ADMIN, tags=["accounts"], summary="One account", **READ)
async def one_account(
    request: WebRequest, deps: NamedDependency[Deps], staff_id: FromPath[UUID]
) -> AccountDetails:
    """With the phone, whether or not it was verified."""
    return await within(request, deps, lambda call: _details(call, staff_id))


@put(ONE, opt=ADMIN, tags=["accounts"], summary="Change a person's details", **WRITE)
async def change_account(
    request: WebRequest,
    deps: NamedDependency[Deps],
    staff_id: FromPath[UUID],
    data: Annotated[StaffForm, BodyKwarg(examples=_CHANGED)],
) -> AccountDetails:
    """All of them. Alerts don't count on a changed phone until it is confirmed. Takes the administrator of all clinics
    the person works in, else a 409."""

    async def body(call: Call) -> AccountDetails:
        await administration.change_account(call.tx, call.actor, staff_id, data, now=call.now)
        return await _details(call, staff_id)

    return await within(request, deps, body)


@put(f"{ONE}/roles", opt=ADMIN, tags=["accounts"], summary="Change a person's roles", **WRITE)
async def change_roles(
    request: WebRequest,
    deps: NamedDependency[Deps],
    staff_id: FromPath[UUID],
    data: Annotated[RolesForm, BodyKwarg(examples=_ROLES)],
) -> AccountDetails:
    """From the person's next request on. A 409 names what must be handed over before the last clinical role goes."""

    async def body(call: Call) -> AccountDetails:
        await administration.change_roles(call.tx, call.actor, staff_id, data.roles, now=call.now)
        return await _details(call, staff_id)

    return await within(request, deps, body)


@post(f"{ONE}/phone/confirmations", opt=ADMIN, tags=["accounts"], summary="The phone answered", **WRITE)
async def confirm_phone(
    request: WebRequest,
    deps: NamedDependency[Deps],
    staff_id: FromPath[UUID],
    data: Annotated[PhoneConfirmation, BodyKwarg(examples=examples.CALLED)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Somebody called the number and the person answered: alerts count on it from now on."""

    async def create(call: Call) -> UUID:
        await administration.confirm_phone(call.tx, call.actor, staff_id, called=data.number(), now=call.now)
        return staff_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{ONE}/deactivate", opt=ADMIN, tags=["accounts"], summary="Close an account", **WRITE)
async def deactivate(
    request: WebRequest,
    deps: NamedDependency[Deps],
    staff_id: FromPath[UUID],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Ends every session at once. A 409 names what must be handed over first."""

    async def create(call: Call) -> UUID:
        await handover.deactivate(call.tx, call.actor, staff_id, now=call.now)
        await sessions.end_all(call.tx, staff_id, now=call.now)
        return staff_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{ONE}/enable", opt=ADMIN, tags=["accounts"], summary="Open a closed account again", **WRITE)
async def enable(
    request: WebRequest,
    deps: NamedDependency[Deps],
    staff_id: FromPath[UUID],
    idempotency_key: Key = None,
) -> Response[Created]:
    """With the roles it had; sessions from before stay ended."""

    async def create(call: Call) -> UUID:
        await accounts.enable(call.tx, call.actor, staff_id, now=call.now)
        return staff_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ROOT}/keys", opt=ADMIN, tags=["accounts"], summary="Keys of the API", **READ)
async def keys(request: WebRequest, deps: NamedDependency[Deps]) -> Items[TokenLine]:
    """Newest first, at most 200, with the last use; never the keys themselves. Keys are made on the server."""

    async def body(call: Call) -> Items[TokenLine]:
        return Items(await queries.tokens(call.tx, call.actor))

    return await within(request, deps, body)


@post(f"{ROOT}/keys/{{key_id:uuid}}/revoke", opt=ADMIN, tags=["accounts"], summary="Revoke a key", **WRITE)
async def revoke_key(
    request: WebRequest,
    deps: NamedDependency[Deps],
    key_id: FromPath[UUID],
    idempotency_key: Key = None,
) -> Response[Created]:
    """From the next request on it is refused. A key may revoke itself."""

    async def create(call: Call) -> UUID:
        await tokens.revoke_token(call.tx, call.actor, key_id, now=call.now)
        return key_id

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (
    all_accounts, open_account, admit, one_account, change_account, change_roles, confirm_phone, deactivate, enable,
    keys, revoke_key,
)  # fmt: skip
