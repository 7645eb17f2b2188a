"""The clinic's safety policy and its on-call calendar."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath, QueryParameter
from litestar.response import Response

from api.staff import safety_examples
from api.staff.calls import READ, ROOT, WRITE, Call, Created, Items, Key, created, only_id, within
from api.wiring import Deps
from kernel.errors import Problem
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CLINICAL
from registry.on_call import queries as on_call
from registry.on_call import service as calendar
from registry.on_call.queries import Calendar
from registry.on_call.rules import ShiftForm
from registry.protocol import queries, service
from registry.protocol.policy import Policy, Protocol
from registry.protocol.queries import READERS, VersionLine, VersionPage

POLICY = f"{ROOT}/safety-policy"
VERSION = f"{POLICY}/versions/{{protocol_id:uuid}}"
SHIFT = f"{ROOT}/on-call/shifts/{{shift_id:uuid}}"


class VersionView(msgspec.Struct, frozen=True):
    """A version with who signed it, and, of a draft, every line that keeps it out of force."""

    version: VersionPage
    in_the_way: tuple[Problem, ...]


class CoverForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `start` and `end` the whole of what is left of the shift."""

    by_id: UUID
    start: datetime | None = None
    end: datetime | None = None


class SwapForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    other_id: UUID


@get(POLICY, opt=access.token(*READERS), tags=["safety"], summary="The safety policy in force", **READ)
async def in_force(request: WebRequest, deps: NamedDependency[Deps]) -> Protocol:
    """Version 0 without an id is the shipped template on the clinic's own hours, which nobody has signed."""
    return await within(request, deps, lambda call: queries.active(call.tx, call.clinic_id))


@get(f"{POLICY}/versions", opt=access.token(*READERS), tags=["safety"], summary="Versions", **READ)
async def versions(request: WebRequest, deps: NamedDependency[Deps]) -> Items[VersionLine]:
    """Newest first."""

    async def body(call: Call) -> Items[VersionLine]:
        return Items(await queries.versions(call.tx, call.actor))

    return await within(request, deps, body)


@get(VERSION, opt=access.token(*READERS), tags=["safety"], summary="One version", **READ)
async def version(
    request: WebRequest, deps: NamedDependency[Deps], protocol_id: FromPath[UUID]
) -> VersionView:
    """With its signatures. People sign in the console."""

    async def body(call: Call) -> VersionView:
        page = await queries.version(call.tx, call.actor, protocol_id)
        found = await service.why_not_activate(call.tx, call.actor, protocol_id, now=call.now)
        return VersionView(page, found)

    return await within(request, deps, body)


@post(f"{POLICY}/drafts", opt=access.token("clinic_lead"), tags=["safety"], summary="Start a draft", **WRITE)
async def start_draft(
    request: WebRequest, deps: NamedDependency[Deps], idempotency_key: Key = None
) -> Response[Created]:
    """A copy of the version in force; the draft that exists already, if one does."""

    async def create(call: Call) -> UUID:
        return await service.start_draft(call.tx, call.actor, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id, f"{POLICY}/versions/{{id}}")


@put(VERSION, opt=access.token("clinic_lead"), tags=["safety"], summary="Change a draft", **WRITE)
async def change_draft(
    request: WebRequest,
    deps: NamedDependency[Deps],
    protocol_id: FromPath[UUID],
    data: Annotated[Policy, BodyKwarg(examples=safety_examples.SAFETY_POLICY)],
) -> VersionView:
    """Signatures given for another text no longer count. A version that is or was in force can't be changed."""

    async def body(call: Call) -> VersionView:
        await service.change_draft(call.tx, call.actor, protocol_id, data, now=call.now)
        page = await queries.version(call.tx, call.actor, protocol_id)
        found = await service.why_not_activate(call.tx, call.actor, protocol_id, now=call.now)
        return VersionView(page, found)

    return await within(request, deps, body)


@post(
    f"{VERSION}/activate", opt=access.token("clinic_lead"), tags=["safety"], summary="Put a version into force",
    **WRITE,
)  # fmt: skip
async def activate(
    request: WebRequest, deps: NamedDependency[Deps], protocol_id: FromPath[UUID], idempotency_key: Key = None
) -> Response[Created]:
    """Refused, naming each line, while it has a gap, a rung that can't be reached, a clock of zero, an unverified
    contact, or too few signatures."""

    async def create(call: Call) -> UUID:
        await service.activate(call.tx, call.actor, protocol_id, now=call.now)
        return protocol_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ROOT}/on-call", opt=access.token(*READERS), tags=["safety"], summary="The on-call calendar", **READ)
async def shifts(
    request: WebRequest,
    deps: NamedDependency[Deps],
    days: Annotated[int, QueryParameter(ge=1, le=92, description="From now on.")] = 14,
) -> Calendar:
    """Shifts, who is on call now, and what nobody covers in the next 14 days."""

    async def body(call: Call) -> Calendar:
        return await on_call.calendar(
            call.tx, call.actor, call.now, call.now + timedelta(days=days), now=call.now
        )

    return await within(request, deps, body)


@post(
    f"{ROOT}/on-call/shifts", opt=access.token("clinic_lead"), tags=["safety"], summary="Add shifts", **WRITE
)
async def add_shifts(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[ShiftForm, BodyKwarg(examples=safety_examples.SHIFT)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """The answer names the first. Refused for somebody who has not signed the policy or has no verified phone."""

    async def create(call: Call) -> UUID:
        return (await calendar.add_shifts(call.tx, call.actor, data, now=call.now))[0]

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{SHIFT}/remove", opt=access.token("clinic_lead"), tags=["safety"], summary="Remove a shift", **WRITE)
async def remove_shift(
    request: WebRequest, deps: NamedDependency[Deps], shift_id: FromPath[UUID], idempotency_key: Key = None
) -> Response[Created]:
    """From now on; what was served stays on record."""

    async def create(call: Call) -> UUID:
        await calendar.remove_shift(call.tx, call.actor, shift_id, now=call.now)
        return shift_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{SHIFT}/cover", opt=access.token(*CLINICAL), tags=["safety"], summary="Cover a shift", **WRITE)
async def cover_shift(
    request: WebRequest,
    deps: NamedDependency[Deps],
    shift_id: FromPath[UUID],
    data: Annotated[CoverForm, BodyKwarg(examples=safety_examples.COVER)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Somebody else takes it, or a part of it. A key hands over shifts with the role of a clinic lead."""

    async def create(call: Call) -> UUID:
        await calendar.cover_shift(
            call.tx, call.actor, shift_id, data.by_id, start=data.start, end=data.end, now=call.now
        )
        return shift_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{SHIFT}/swap", opt=access.token(*CLINICAL), tags=["safety"], summary="Swap two shifts", **WRITE)
async def swap_shifts(
    request: WebRequest,
    deps: NamedDependency[Deps],
    shift_id: FromPath[UUID],
    data: Annotated[SwapForm, BodyKwarg(examples=safety_examples.SWAP)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Two people change places; neither shift has begun."""

    async def create(call: Call) -> UUID:
        await calendar.swap_shifts(call.tx, call.actor, shift_id, data.other_id, now=call.now)
        return shift_id

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (
    in_force, versions, version, start_draft, change_draft, activate,
    shifts, add_shifts, remove_shift, cover_shift, swap_shifts,
)  # fmt: skip
