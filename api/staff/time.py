"""Minutes of collaborative care, logged exactly as worked."""

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
    READ_ERRORS,
    ROOT,
    WRITE,
    WRITE_ERRORS,
    Call,
    Created,
    Key,
    created,
    only_id,
    within,
)
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CLINICAL
from registry.time_log import queries, service
from registry.time_log.months import Month
from registry.time_log.queries import READERS, MonthTime
from registry.time_log.service import TimeForm

OF_PATIENT = f"{ROOT}/patients/{{patient_id:uuid}}/time"


class TimeEntry(TimeForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key is no person, so `staff_id` says whose work it was."""

    staff_id: UUID


@get(
    OF_PATIENT,
    opt=access.token(*READERS),
    tags=["time"],
    summary="A patient's month",
    responses={**READ_ERRORS, 422: WRITE_ERRORS[422]},
)
async def month(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    month: Annotated[
        str | None, QueryParameter(description="As 2026-11; default: the present month.")
    ] = None,
) -> MonthTime:
    """Every entry with the seconds that count and, for the others, why they don't."""
    wanted = None if month is None else Month.parse(month)
    return await within(
        request,
        deps,
        lambda call: queries.patient_month(call.tx, call.actor, patient_id, wanted, now=call.now),
    )


@post(OF_PATIENT, opt=access.token(*CLINICAL), tags=["time"], summary="Log time", **WRITE)
async def log_time(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[TimeEntry, BodyKwarg(examples=examples.TIME)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Added, never changed: a correction is an entry that says what it replaces."""
    form = TimeForm(**msgspec.structs.asdict(data))

    async def create(call: Call) -> UUID:
        return await service.log_time(call.tx, call.actor, patient_id, form, source="api", now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (month, log_time)
