"""What waits for somebody: tasks and risk events."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath, QueryParameter
from litestar.response import Response

from api.staff import examples
from api.staff.calls import (
    PAGE,
    READ,
    ROOT,
    WRITE,
    After,
    Call,
    Created,
    Items,
    Key,
    Limit,
    created,
    only_id,
    within,
)
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CLINICAL
from registry.safety import queries as safety
from registry.safety.queries import EventLine, EventPage
from registry.worklist import queries as worklist
from registry.worklist import service
from registry.worklist.queries import TaskFilter, TaskLine


class TaskOutcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A short code such as called or no_reply_needed."""

    outcome: str


@get(f"{ROOT}/tasks", opt=access.token(*CLINICAL), tags=["work"], summary="Tasks", **READ)
async def tasks(
    request: WebRequest,
    deps: NamedDependency[Deps],
    after: After = None,
    limit: Limit = PAGE,
    owner_id: Annotated[UUID | None, QueryParameter()] = None,
    patient_id: Annotated[UUID | None, QueryParameter()] = None,
    replies: Annotated[bool, QueryParameter(description="Only texts that wait for an answer.")] = False,
    done: Annotated[bool, QueryParameter(description="The closed ones instead, newest first.")] = False,
) -> Items[TaskLine]:
    """Soonest due first."""
    wanted = TaskFilter(owner_id=owner_id, patient_id=patient_id, replies=replies, done=done)

    async def body(call: Call) -> Items[TaskLine]:
        found = await worklist.tasks(call.tx, call.actor, wanted, after, limit, now=call.now)
        return Items(found.tasks, found.next)

    return await within(request, deps, body)


@post(
    f"{ROOT}/tasks/{{task_id:uuid}}/close", opt=access.token(*CLINICAL), tags=["work"], summary="Close a task",
    **WRITE,
)  # fmt: skip
async def close_task(
    request: WebRequest,
    deps: NamedDependency[Deps],
    task_id: FromPath[UUID],
    data: Annotated[TaskOutcome, BodyKwarg(examples=examples.TASK)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """A task of a safety event can't be closed here: the event is handled, and the task goes with it."""

    async def create(call: Call) -> UUID:
        await service.close_task(call.tx, call.actor, task_id, data.outcome, call.now)
        return task_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ROOT}/risk-events", opt=access.token(*CLINICAL), tags=["work"], summary="Open risk events", **READ)
async def risk_events(request: WebRequest, deps: NamedDependency[Deps]) -> Items[EventLine]:
    """Everything not closed, oldest first, drills marked. They are acknowledged in the console: only a person can."""

    async def body(call: Call) -> Items[EventLine]:
        return Items(await safety.open_events(call.tx, call.actor, now=call.now))

    return await within(request, deps, body)


@get(
    f"{ROOT}/risk-events/{{event_id:uuid}}", opt=access.token(*CLINICAL), tags=["work"],
    summary="One risk event", **READ,
)  # fmt: skip
async def risk_event(request: WebRequest, deps: NamedDependency[Deps], event_id: FromPath[UUID]) -> EventPage:
    """What led to it, and what was done about it."""
    return await within(request, deps, lambda call: safety.event(call.tx, call.actor, event_id, now=call.now))


ROUTES: tuple[Any, ...] = (tasks, close_task, risk_events, risk_event)
