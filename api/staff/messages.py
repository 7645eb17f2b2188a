"""Texts with one patient."""

from __future__ import annotations

from datetime import datetime
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
    Call,
    Created,
    Key,
    Limit,
    PhoneConfirmation,
    created,
    only_id,
    within,
)
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from messaging.consent import choices
from messaging.consent.choices import Said
from messaging.conversation import thread
from messaging.conversation.staff_texts import staff_text
from messaging.conversation.thread import Thread
from registry.access import CARE, CLINICAL

OF_PATIENT = f"{ROOT}/patients/{{patient_id:uuid}}/messages"


class MessageForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`body` is sent as it is; the patient reads it on a phone that others may see."""

    body: str


@get(OF_PATIENT, opt=access.token(*CLINICAL), tags=["messages"], summary="Texts with a patient", **READ)
async def messages(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    limit: Limit = PAGE,
    before: Annotated[
        datetime | None, QueryParameter(description="For earlier ones: the first line's `at`.")
    ] = None,
) -> Thread:
    """Both directions, oldest first. Of ours, never more is said than is known: accepted is not delivered."""
    return await within(
        request,
        deps,
        lambda call: thread.messages(call.tx, call.actor, patient_id, limit, before, now=call.now),
    )


@post(OF_PATIENT, opt=access.token(*CARE), tags=["messages"], summary="Text a patient", **WRITE)
async def send(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[MessageForm, BodyKwarg(examples=examples.MESSAGE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Leaves in the patient's window. A 409 says why the patient can't be texted."""

    async def create(call: Call) -> UUID:
        return await staff_text(call.tx, call.actor, patient_id, data.body, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


class StopForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the patient said it, and in which words where they matter."""

    said: Said
    wording: str | None = None


@post(
    f"{ROOT}/patients/{{patient_id:uuid}}/texting-stops",
    opt=access.token(*CARE),
    tags=["messages"],
    summary="The patient no longer wants texts",
    **WRITE,
)
async def stop_texts(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[StopForm, BodyKwarg(examples=examples.TEXTING_STOP)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Said by phone, by letter or in the room. The same effect as STOP, at once; a later START opens a task."""

    async def create(call: Call) -> UUID:
        await choices.record_stop(
            call.tx, call.actor, patient_id, data.said, wording=data.wording, now=call.now
        )
        return patient_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/patients/{{patient_id:uuid}}/phone/confirmations",
    opt=access.token(*CARE),
    tags=["messages"],
    summary="The number was read back to the patient",
    **WRITE,
)
async def confirm_number(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[PhoneConfirmation, BodyKwarg(examples=examples.CALLED)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """The number is the patient's own and answers: a wrong-number stop of this clinic ends. An opt-out does not."""

    async def create(call: Call) -> UUID:
        await choices.confirm_number(call.tx, call.actor, patient_id, called=data.number(), now=call.now)
        return patient_id

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (messages, send, stop_texts, confirm_number)
