"""What a colleague holds, and handing it over."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff.calls import READ, ROOT, WRITE, Call, Created, Items, Key, created, only_id, within
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CLINICAL
from registry.cover import service as cover
from registry.handover import service, timers
from registry.handover.rules import LABELS, Duty, HandoverForm, may_take
from registry.handover.service import LEADERS, HandoverNote
from registry.handover.timers import TimerForm
from registry.organisation import queries as organisation

OF_PERSON: Final = f"{ROOT}/accounts/{{staff_id:uuid}}"
_HANDOVER: Final = [
    Example(
        summary="All patients of a care manager",
        value={
            "to_id": "019a0000-0000-7000-8000-000000000002",
            "duties": ["care_manager", "tasks"],
            "note": "Two patients expect a call this week.",
            "introduce": True,
        },
    )
]

_TIMER: Final = [
    Example(summary="Keep the time", value={"decision": "keep", "minutes": 25}),
    Example(summary="Discard it", value={"decision": "discard", "reason": "left_running"}),
]


class DutyLine(msgspec.Struct, frozen=True):
    """`count` of what the person holds in this clinic; of `other_clinics`, clinics. `takers`: ids of colleagues with a
    role for it, to whom it may be handed over."""

    duty: Duty
    label: str
    count: int
    takers: tuple[UUID, ...]


@get(
    f"{OF_PERSON}/duties",
    opt=access.token(*LEADERS),
    tags=["accounts"],
    summary="What a person holds",
    **READ,
)
async def duties(
    request: WebRequest, deps: NamedDependency[Deps], staff_id: FromPath[UUID]
) -> Items[DutyLine]:
    """Counts alone. While one is above zero the account can't be closed."""

    async def body(call: Call) -> Items[DutyLine]:
        await organisation.require_colleague(call.tx, call.clinic_id, staff_id)
        held = await service.duties(call.tx, call.actor, staff_id, now=call.now)
        people = await organisation.staff_list(call.tx, call.actor)
        others = [each for each in people if each.id != staff_id and not each.disabled]
        return Items(
            tuple(
                DutyLine(
                    duty,
                    label,
                    held.get(duty, 0),
                    tuple(each.id for each in others if may_take(each.roles, (duty,))),
                )
                for duty, label in LABELS.items()
            )
        )

    return await within(request, deps, body)


@post(
    f"{OF_PERSON}/handovers", opt=access.token("clinic_lead"), tags=["accounts"], summary="Hand over", **WRITE
)
async def hand_over(
    request: WebRequest,
    deps: NamedDependency[Deps],
    staff_id: FromPath[UUID],
    data: Annotated[HandoverForm, BodyKwarg(examples=_HANDOVER)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """All or nothing; the note waits as a task for who takes over."""

    async def create(call: Call) -> UUID:
        moved = await service.hand_over(
            call.tx, call.actor, staff_id, data, now=call.now, outreach=deps.outreach
        )
        return moved.handover_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{OF_PERSON}/timer", opt=access.token("clinic_lead"), tags=["accounts"],
    summary="Settle a running timer", **WRITE,
)  # fmt: skip
async def settle_timer(
    request: WebRequest,
    deps: NamedDependency[Deps],
    staff_id: FromPath[UUID],
    data: Annotated[TimerForm, BodyKwarg(examples=_TIMER)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Of a person who leaves: kept as time of theirs, or discarded. The id is the time entry's, or the timer's."""

    async def create(call: Call) -> UUID:
        return await timers.settle(call.tx, call.actor, staff_id, data, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ROOT}/handovers", opt=access.token(*CLINICAL), tags=["accounts"], summary="Handover notes", **READ)
async def notes(request: WebRequest, deps: NamedDependency[Deps]) -> Items[HandoverNote]:
    """Newest first, at most 50. The clinic's for a lead's key; a key is no person, so for others none."""

    async def body(call: Call) -> Items[HandoverNote]:
        return Items(await service.notes(call.tx, call.actor, now=call.now))

    return await within(request, deps, body)


@post(
    f"{ROOT}/cover/{{cover_id:uuid}}/end", opt=access.token("clinic_lead"), tags=["clinic"],
    summary="Call cover off", **WRITE,
)  # fmt: skip
async def end_cover(
    request: WebRequest,
    deps: NamedDependency[Deps],
    cover_id: FromPath[UUID],
    idempotency_key: Key = None,
) -> Response[Created]:
    """At once: the patients and tasks are the owner's alone again."""

    async def create(call: Call) -> UUID:
        await cover.call_off(call.tx, call.actor, cover_id, now=call.now)
        return cover_id

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (duties, hand_over, settle_timer, notes, end_cover)
