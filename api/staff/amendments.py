"""Saved contacts that are amended: what holds now, and what was written before."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff import examples
from api.staff.calls import READ, ROOT, WRITE, Call, Created, Items, Key, created, only_id, within
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CARE, CLINICAL
from registry.contacts import amendments
from registry.contacts.amendments import EarlierVersion
from registry.contacts.forms import AmendmentForm

OF_CONTACT = f"{ROOT}/patients/{{patient_id:uuid}}/contacts/{{contact_id:uuid}}/amendments"


@get(OF_CONTACT, opt=access.token(*CLINICAL), tags=["contacts"], summary="Earlier versions", **READ)
async def earlier_versions(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID], contact_id: FromPath[UUID]
) -> Items[EarlierVersion]:
    """What the record said before each amendment, the newest first; empty when there was none."""

    async def body(call: Call) -> Items[EarlierVersion]:
        return Items(
            await amendments.earlier_versions(call.tx, call.actor, patient_id, contact_id, now=call.now)
        )

    return await within(request, deps, body)


@post(OF_CONTACT, opt=access.token(*CARE), tags=["contacts"], summary="Amend a contact", **WRITE)
async def amend(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    contact_id: FromPath[UUID],
    data: Annotated[AmendmentForm, BodyKwarg(examples=examples.AMENDMENT)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Outcome and texts, never the minutes. A copy in the EHR is asked for again. A key needs the lead's role."""

    async def create(call: Call) -> UUID:
        return await amendments.amend(call.tx, call.actor, patient_id, contact_id, data, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (earlier_versions, amend)
