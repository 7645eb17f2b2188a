"""Questionnaires sent to a patient: what was asked, and asking now."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff import examples
from api.staff.calls import (
    PAGE,
    READ,
    ROOT,
    WRITE,
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
from messaging.schedule import queries, service
from messaging.schedule.queries import CheckInLine
from registry.access import CARE, CLINICAL

OF_PATIENT = f"{ROOT}/patients/{{patient_id:uuid}}/check-ins"


class CheckInForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ids of the measures, each once: phq9, gad7, phq2 or gad2."""

    instruments: tuple[str, ...]


@get(OF_PATIENT, opt=access.token(*CLINICAL), tags=["check-ins"], summary="A patient's check-ins", **READ)
async def check_ins(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID], limit: Limit = PAGE
) -> Items[CheckInLine]:
    """Newest first: planned, offered, answered, missed, each with its state and reason."""

    async def body(call: Call) -> Items[CheckInLine]:
        return Items(await queries.check_ins(call.tx, call.actor, patient_id, now=call.now, limit=limit))

    return await within(request, deps, body)


@post(OF_PATIENT, opt=access.token(*CARE), tags=["check-ins"], summary="Ask now", **WRITE)
async def send_now(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[CheckInForm, BodyKwarg(examples=examples.CHECK_IN)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Goes out at once, or when the patient's window opens next; the list says when."""

    async def create(call: Call) -> UUID:
        planned = await service.send_now(call.tx, call.actor, patient_id, data.instruments, now=call.now)
        return planned.check_in_id

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (check_ins, send_now)
