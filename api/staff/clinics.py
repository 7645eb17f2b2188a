"""The clinic a key belongs to, and who works there."""

from __future__ import annotations

from datetime import time
from typing import Any
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency

from api.staff.calls import READ, ROOT, Call, Items, within
from api.wiring import Deps
from kernel.audit import Role
from kernel.web import access
from kernel.web.context import WebRequest
from registry.organisation import queries
from registry.organisation.rules import AfterPositive, Item9Channel, Shift, TextingMode


class ClinicView(msgspec.Struct, frozen=True):
    """`staffed`: seven days, Monday first, on the clinic's clock."""

    id: UUID
    slug: str
    name: str
    text_name: str
    zone: str
    support_phone: str
    hours_text: str
    texting_mode: TextingMode
    item9_channel: Item9Channel
    bulk_answers: bool
    after_positive_item9: AfterPositive
    window_start: time
    window_end: time
    staffed: tuple[tuple[Shift, ...], ...]


class StaffView(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    roles: tuple[Role, ...]


@get(f"{ROOT}/clinics", opt=access.token(), tags=["clinic"], summary="The key's clinic", **READ)
async def clinics(request: WebRequest, deps: NamedDependency[Deps]) -> Items[ClinicView]:
    """A key belongs to one clinic, so this is a list of one."""

    async def body(call: Call) -> Items[ClinicView]:
        facts = await queries.clinic(call.tx, call.clinic_id)
        values = {name: getattr(facts, name) for name in ClinicView.__struct_fields__}
        return Items((ClinicView(**values),))

    return await within(request, deps, body)


@get(f"{ROOT}/staff", opt=access.token(), tags=["clinic"], summary="Who works in the clinic", **READ)
async def staff(request: WebRequest, deps: NamedDependency[Deps]) -> Items[StaffView]:
    """Names and roles, for the team of an enrolment. Disabled accounts have no roles."""

    async def body(call: Call) -> Items[StaffView]:
        names = await queries.staff_names(call.tx, call.clinic_id)
        roles = await queries.roles_of_staff(call.tx, call.clinic_id, list(names))
        return Items(
            tuple(StaffView(id_, name, tuple(sorted(roles.get(id_, ())))) for id_, name in names.items())
        )

    return await within(request, deps, body)


ROUTES: tuple[Any, ...] = (clinics, staff)
