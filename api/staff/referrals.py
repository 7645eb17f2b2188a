"""Referrals out of the practice."""

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
from registry.referrals import queries, service
from registry.referrals.queries import ReferralLine
from registry.referrals.rules import OutwardReferral, ReferralStepForm


@get(f"{ROOT}/referrals", opt=access.token(*CLINICAL), tags=["referrals"], summary="Under way", **READ)
async def under_way(request: WebRequest, deps: NamedDependency[Deps]) -> Items[ReferralLine]:
    """The clinic's referrals out that are neither complete nor called off, newest first."""

    async def body(call: Call) -> Items[ReferralLine]:
        return Items(await queries.under_way(call.tx, call.actor, now=call.now))

    return await within(request, deps, body)


@get(
    f"{ROOT}/patients/{{patient_id:uuid}}/referrals", opt=access.token(*CLINICAL), tags=["referrals"],
    summary="Referrals of a patient", **READ,
)  # fmt: skip
async def of_patient(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[ReferralLine]:
    """Newest first, each with its events, oldest first."""

    async def body(call: Call) -> Items[ReferralLine]:
        return Items(await queries.of_patient(call.tx, call.actor, patient_id, now=call.now))

    return await within(request, deps, body)


@post(
    f"{ROOT}/patients/{{patient_id:uuid}}/referrals", opt=access.token(*CARE), tags=["referrals"],
    summary="Refer", **WRITE,
)  # fmt: skip
async def refer(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[OutwardReferral, BodyKwarg(examples=examples.OUTWARD_REFERRAL)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Somebody is asked after two weeks, or the day after the appointment, whether the patient was seen."""

    async def create(call: Call) -> UUID:
        return await service.send(call.tx, call.actor, patient_id, data, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/referrals/{{referral_id:uuid}}/steps", opt=access.token(*CARE), tags=["referrals"],
    summary="Say what became of a referral", **WRITE,
)  # fmt: skip
async def take_step(
    request: WebRequest,
    deps: NamedDependency[Deps],
    referral_id: FromPath[UUID],
    data: Annotated[ReferralStepForm, BodyKwarg(examples=examples.REFERRAL_STEP)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """A step that can't follow is a 409."""

    async def create(call: Call) -> UUID:
        await service.take_step(call.tx, call.actor, referral_id, data, version=None, now=call.now)
        return referral_id

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (under_way, of_patient, refer, take_step)
