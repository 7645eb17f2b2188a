"""Treatment changes, the steps that rules propose, and cover for absent colleagues."""

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
from registry.cover import queries as covers
from registry.cover import service as cover
from registry.cover.rules import CoverFacts, CoverForm
from registry.organisation import queries as organisation
from registry.stepped_care import queries, service
from registry.stepped_care.queries import ProposalLine
from registry.treatment_changes import queries as changes_read
from registry.treatment_changes import service as changes_write
from registry.treatment_changes.rules import Change, ChangeForm, ChangeWithdrawal, WithdrawnChange

OF_PATIENT = f"{ROOT}/patients/{{patient_id:uuid}}"
STEP = f"{ROOT}/steps/{{proposal_id:uuid}}"


class StepDeclined(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why not, in words."""

    reason: str


class AbsenceForm(CoverForm, frozen=True, forbid_unknown_fields=True):
    """Who is away, who stands in, and from when to when; both dates belong to it."""


@get(
    f"{OF_PATIENT}/treatment-changes", opt=access.token(*CLINICAL), tags=["care"], summary="Treatment changes",
    **READ,
)  # fmt: skip
async def treatment_changes(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[Change]:
    """Oldest first, numbered as on the score trend."""

    async def body(call: Call) -> Items[Change]:
        return Items(await changes_read.changes(call.tx, call.actor, patient_id, now=call.now))

    return await within(request, deps, body)


@post(
    f"{OF_PATIENT}/treatment-changes", opt=access.token(*CARE, "consultant"), tags=["care"],
    summary="Record a treatment change", **WRITE,
)  # fmt: skip
async def record_change(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[ChangeForm, BodyKwarg(examples=examples.TREATMENT_CHANGE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """The rules count from it at once; a contact about side effects and a score are proposed."""

    async def create(call: Call) -> UUID:
        return await changes_write.record_change(call.tx, call.actor, patient_id, data, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@get(
    f"{OF_PATIENT}/treatment-changes/withdrawn", opt=access.token(*CLINICAL), tags=["care"],
    summary="Treatment changes that were withdrawn", **READ,
)  # fmt: skip
async def withdrawn_changes(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[WithdrawnChange]:
    """Entered by mistake: they count nowhere. The newest withdrawal first, with its reason."""

    async def body(call: Call) -> Items[WithdrawnChange]:
        return Items(await changes_read.withdrawn(call.tx, call.actor, patient_id, now=call.now))

    return await within(request, deps, body)


@post(
    f"{OF_PATIENT}/treatment-changes/{{change_id:uuid}}/withdrawal", opt=access.token(*CARE, "consultant"),
    tags=["care"], summary="Withdraw a treatment change", **WRITE,
)  # fmt: skip
async def withdraw_change(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    change_id: FromPath[UUID],
    data: Annotated[ChangeWithdrawal, BodyKwarg(examples=examples.CHANGE_WITHDRAWAL)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """By who entered it, or the clinic lead: a key's own role must be the lead's. Rules and trends date anew."""

    async def create(call: Call) -> UUID:
        await changes_write.withdraw_change(call.tx, call.actor, patient_id, change_id, data, now=call.now)
        return change_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ROOT}/steps", opt=access.token(*CLINICAL), tags=["care"], summary="Steps to decide", **READ)
async def waiting(request: WebRequest, deps: NamedDependency[Deps]) -> Items[ProposalLine]:
    """Of the whole clinic, soonest due first; at most 100."""

    async def body(call: Call) -> Items[ProposalLine]:
        return Items(await queries.waiting(call.tx, call.actor, now=call.now))

    return await within(request, deps, body)


@get(f"{OF_PATIENT}/steps", opt=access.token(*CLINICAL), tags=["care"], summary="A patient's steps", **READ)
async def of_patient(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[ProposalLine]:
    """Open ones first, then what was decided."""

    async def body(call: Call) -> Items[ProposalLine]:
        return Items(await queries.of_patient(call.tx, call.actor, patient_id, now=call.now))

    return await within(request, deps, body)


@post(f"{STEP}/accept", opt=access.token(*CARE), tags=["care"], summary="Accept a step", **WRITE)
async def accept(
    request: WebRequest,
    deps: NamedDependency[Deps],
    proposal_id: FromPath[UUID],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Does what was proposed: status and rhythm, the review, a task, the next contact or the plan's days."""

    async def create(call: Call) -> UUID:
        await service.accept(call.tx, call.actor, proposal_id, now=call.now, outreach=deps.outreach)
        return proposal_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{STEP}/take-back", opt=access.token(*CARE), tags=["care"], summary="Take a step back", **WRITE)
async def take_back(
    request: WebRequest,
    deps: NamedDependency[Deps],
    proposal_id: FromPath[UUID],
    data: Annotated[StepDeclined, BodyKwarg(examples=examples.DECLINE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Of a step down, or a return after a relapse, that was accepted: the phase before with its rhythm."""

    async def create(call: Call) -> UUID:
        await service.take_back(
            call.tx, call.actor, proposal_id, data.reason, now=call.now, outreach=deps.outreach
        )
        return proposal_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{STEP}/decline", opt=access.token(*CARE), tags=["care"], summary="Decline a step", **WRITE)
async def decline(
    request: WebRequest,
    deps: NamedDependency[Deps],
    proposal_id: FromPath[UUID],
    data: Annotated[StepDeclined, BodyKwarg(examples=examples.DECLINE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """It is proposed again only when something new happens."""

    async def create(call: Call) -> UUID:
        await service.decline(call.tx, call.actor, proposal_id, data.reason, now=call.now)
        return proposal_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ROOT}/cover", opt=access.token(*CLINICAL), tags=["clinic"], summary="Who stands in", **READ)
async def current_cover(request: WebRequest, deps: NamedDependency[Deps]) -> Items[CoverFacts]:
    """Now and planned, both dates inclusive."""

    async def body(call: Call) -> Items[CoverFacts]:
        today = (await organisation.clinic(call.tx, call.clinic_id)).local_date(call.now)
        return Items(await covers.current_and_planned(call.tx, call.clinic_id, today))

    return await within(request, deps, body)


@post(f"{ROOT}/cover", opt=access.token("clinic_lead"), tags=["clinic"], summary="Arrange cover", **WRITE)
async def arrange_cover(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[AbsenceForm, BodyKwarg(examples=examples.ABSENCE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """The patients stay their owner's."""

    async def create(call: Call) -> UUID:
        return await cover.assign(call.tx, call.actor, data, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (
    treatment_changes,
    withdrawn_changes,
    withdraw_change,
    record_change,
    waiting,
    of_patient,
    accept,
    take_back,
    decline,
    current_cover,
    arrange_cover,
)
