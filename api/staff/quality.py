"""A month's figures with the patients behind them, and what licensed measures need from other systems."""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath
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
from kernel.errors import Invalid
from kernel.web import access
from kernel.web.context import WebRequest
from messaging.schedule.asked import AskedCheckIns
from registry.access import CLINICAL
from registry.quality import queries, service
from registry.quality.cms159 import Remission
from registry.quality.queries import MonthFigures
from registry.quality.service import EventForm, Imported, ValueSetForm
from registry.time_log.months import Month

READ_MORE: dict[int, Any] = {**READ_ERRORS, 422: WRITE_ERRORS[422]}


class EventsForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most 5,000 in one call; all or nothing."""

    events: tuple[EventForm, ...]


@get(
    f"{ROOT}/quality/{{month:str}}", opt=access.token(*CLINICAL), tags=["quality"], summary="A month's figures",
    responses=READ_MORE,
)  # fmt: skip
async def month_figures(
    request: WebRequest, deps: NamedDependency[Deps], month: FromPath[str]
) -> MonthFigures:
    """As 2026-11. Each figure names the patients behind it and why each is counted, or left out."""
    wanted = Month.parse(month)
    return await within(
        request,
        deps,
        lambda call: queries.month_figures(
            call.tx, call.actor, wanted, now=call.now, check_ins=AskedCheckIns()
        ),
    )


@get(
    f"{ROOT}/quality/cms159/{{year:str}}", opt=access.token(*CLINICAL), tags=["quality"],
    summary="Depression remission at twelve months", responses=READ_MORE,
)  # fmt: skip
async def remission(request: WebRequest, deps: NamedDependency[Deps], year: FromPath[str]) -> Remission:
    """For the measurement period of a year; without imported visits and value sets it says what is missing."""
    if re.fullmatch(r"\d{4}", year, re.ASCII) is None:
        raise Invalid.field("year", "is written like 2026")
    return await within(
        request, deps, lambda call: service.cms159(call.tx, call.actor, int(year), now=call.now)
    )


@post(
    f"{ROOT}/quality/events", opt=access.token("clinic_lead", "biller"), status_code=200, tags=["quality"],
    summary="Import visits and diagnoses", **WRITE,
)  # fmt: skip
async def import_events(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[EventsForm, BodyKwarg(examples=examples.EVENTS)],
) -> Imported:
    """The same event again is known already, so a file can be sent twice."""

    async def body(call: Call) -> Imported:
        return await service.import_events(call.tx, call.actor, data.events, now=call.now)

    return await within(request, deps, body)


@post(
    f"{ROOT}/quality/value-sets", opt=access.token("clinic_lead", "biller"), tags=["quality"],
    summary="Import a value set", **WRITE,
)  # fmt: skip
async def import_value_set(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[ValueSetForm, BodyKwarg(examples=examples.VALUE_SET)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """It replaces what was imported under the name."""

    async def create(call: Call) -> UUID:
        return await service.set_value_set(call.tx, call.actor, data, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (month_figures, remission, import_events, import_value_set)
