"""The registry's rules for one patient, the flags people set, and the clinic's numbers for the rules."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
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
from registry.flags.facts import Result
from registry.flags.thresholds import Thresholds
from registry.worklist import judging, service

OF_PATIENT = f"{ROOT}/patients/{{patient_id:uuid}}"


class FlagsForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The two flags that people set; null leaves one as it is."""

    safety: bool | None = None
    discuss: bool | None = None


@get(f"{OF_PATIENT}/rules", opt=access.token(*CLINICAL), tags=["care"], summary="A patient's rules", **READ)
async def rules(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[Result]:
    """All twelve, met or not, judged for the clinic's present date."""

    async def body(call: Call) -> Items[Result]:
        return Items((await judging.patient_rules(call.tx, call.actor, patient_id, now=call.now)).results)

    return await within(request, deps, body)


@post(
    f"{OF_PATIENT}/flags", opt=access.token(*CARE, "consultant"), tags=["care"], summary="Set flags", **WRITE
)
async def flags(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[FlagsForm, BodyKwarg(examples=examples.FLAGS)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """The id is the episode's."""

    async def create(call: Call) -> UUID:
        judged = await judging.patient_rules(call.tx, call.actor, patient_id, now=call.now)
        await service.set_flags(
            call.tx, call.actor, judged.episode_id, safety=data.safety, discuss=data.discuss, now=call.now
        )
        return judged.episode_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ROOT}/thresholds", opt=access.token(*CLINICAL), tags=["clinic"], summary="The rules' numbers", **READ)
async def thresholds(request: WebRequest, deps: NamedDependency[Deps]) -> Thresholds:
    """As the clinic set them; what it did not set is the default."""
    return await within(request, deps, lambda call: judging.clinic_thresholds(call.tx, call.actor))


@post(
    f"{ROOT}/thresholds", opt=access.token("clinic_lead"), tags=["clinic"], summary="Set the rules' numbers",
    **WRITE,
)  # fmt: skip
async def set_thresholds(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[Thresholds, BodyKwarg(examples=examples.THRESHOLDS)],
    idempotency_key: Key = None,
) -> Response[Thresholds]:
    """All of them: one that is left out goes back to its default. Every patient is judged again."""

    async def create(call: Call) -> UUID:
        await judging.set_thresholds(call.tx, call.actor, data, now=call.now)
        return call.clinic_id

    async def show(call: Call, _: UUID) -> Thresholds:
        return await judging.clinic_thresholds(call.tx, call.actor)

    return await created(request, deps, idempotency_key, create, show)


ROUTES: tuple[Any, ...] = (rules, flags, thresholds, set_thresholds)
