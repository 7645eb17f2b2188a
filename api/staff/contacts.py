"""Contacts, plans, the copies for the chart, and closing for not being reached."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff import examples
from api.staff.calls import READ, ROOT, WRITE, Call, Created, Items, Key, created, only_id, within
from api.wiring import Deps
from kernel.errors import Invalid, NotFound
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CARE, CLINICAL
from registry.care_plans import chart as plan_chart
from registry.care_plans import queries as plan_queries
from registry.care_plans import service as plans
from registry.care_plans.contents import CareContent, PlanKind, RelapseContent, SafetyContent
from registry.care_plans.queries import PlanVersion
from registry.contacts import amendments, chart, queries, service
from registry.contacts.forms import ContactForm
from registry.contacts.queries import ContactFacts
from registry.disengagement import service as disengagement
from registry.disengagement.rules import Block, ClosingForm
from registry.episodes.forms import Status
from registry.filing import service as filing
from registry.filing.service import Filed
from registry.filing.text import Heading
from registry.intake import service as intakes
from registry.intake.contents import IntakeContent
from registry.intake.service import IntakeFacts
from registry.organisation import queries as organisation
from registry.patients import queries as patients

ONE = f"{ROOT}/patients/{{patient_id:uuid}}"
WRITERS = (*CARE, "consultant")


class ChartText(msgspec.Struct, frozen=True):
    """Plain text for the EHR, lines ending in a line feed."""

    text: str


class FiledEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`filed` false takes the tick back."""

    kind: Filed
    ref_id: UUID
    filed: bool


class CarePlanEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the three plans, whole. `version` is the one that was looked at, 0 before the first."""

    version: int
    care: CareContent | None = None
    relapse: RelapseContent | None = None
    safety: SafetyContent | None = None
    agreed_on: date | None = None


class IntakeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole intake. `version` is the one that was looked at, 0 before the first."""

    version: int
    content: IntakeContent


class ClosingView(msgspec.Struct, frozen=True):
    """How a patient stands with the clinic's rule about giving up; `sentence` says it in words."""

    status: Status
    attempts: int
    channels: int
    days: int
    met: bool
    due_on: date | None
    blocks: tuple[Block, ...]
    sentence: str
    last: Literal["close", "keep"] | None
    keep_until: date | None


@get(f"{ONE}/contacts", opt=access.token(*CLINICAL), tags=["contacts"], summary="Contacts and tries", **READ)
async def contacts(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[ContactFacts]:
    """Newest first, at most 200."""

    async def body(call: Call) -> Items[ContactFacts]:
        return Items(
            await queries.contacts(call.tx, call.actor, patient_id, now=call.now, limit=queries.LIMIT)
        )

    return await within(request, deps, body)


@post(f"{ONE}/contacts", opt=access.token(*CARE), tags=["contacts"], summary="Record a contact", **WRITE)
async def record_contact(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[ContactForm, BodyKwarg(examples=examples.CONTACT)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Note, registry, minutes, change of treatment, next contact and its reminder in one transaction."""

    async def create(call: Call) -> UUID:
        return await service.record_contact(
            call.tx, call.actor, patient_id, data, source="api", now=call.now, outreach=deps.outreach
        )

    return await created(request, deps, idempotency_key, create, only_id)


@get(
    f"{ONE}/contacts/{{contact_id:uuid}}/chart-text", opt=access.token(*CLINICAL), tags=["contacts"],
    summary="A contact as text for the EHR", **READ,
)  # fmt: skip
async def contact_text(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID], contact_id: FromPath[UUID]
) -> ChartText:
    """Times are in the clinic's zone."""

    async def body(call: Call) -> ChartText:
        heading, zone = await whose(call, patient_id)
        found = await queries.contact(call.tx, call.actor, patient_id, contact_id, now=call.now)
        earlier = await amendments.earlier_versions(call.tx, call.actor, patient_id, contact_id, now=call.now)
        return ChartText(chart.contact_text(found, heading, zone, earlier))

    return await within(request, deps, body)


@post(f"{ONE}/filed", opt=access.token(*WRITERS), tags=["contacts"], summary="Filed in the EHR", **WRITE)
async def filed(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[FiledEntry, BodyKwarg(examples=examples.FILED)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Of a note, a plan, a review or a month that was offered for the chart."""

    async def create(call: Call) -> UUID:
        await filing.mark(
            call.tx, call.actor, patient_id, data.kind, data.ref_id, filed=data.filed, now=call.now
        )
        return data.ref_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(
    f"{ONE}/care-plans/{{kind:str}}", opt=access.token(*CLINICAL), tags=["contacts"],
    summary="Versions of a plan", **READ,
)  # fmt: skip
async def care_plans(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID], kind: FromPath[str]
) -> Items[PlanVersion]:
    """`kind` is care, relapse or safety. Newest first, each with what it changed. Plans are signed in the console."""

    async def body(call: Call) -> Items[PlanVersion]:
        return Items(await plan_queries.versions(call.tx, call.actor, patient_id, _kind(kind), now=call.now))

    return await within(request, deps, body)


@get(
    f"{ONE}/care-plans/{{kind:str}}/chart-text", opt=access.token(*CLINICAL), tags=["contacts"],
    summary="A plan as text for the EHR", **READ,
)  # fmt: skip
async def plan_text(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID], kind: FromPath[str]
) -> ChartText:
    """The newest version."""

    async def body(call: Call) -> ChartText:
        heading, zone = await whose(call, patient_id)
        found = await plan_queries.versions(call.tx, call.actor, patient_id, _kind(kind), now=call.now)
        if not found:
            raise NotFound("plan")
        return ChartText(plan_chart.plan_text(found[0], heading, zone))

    return await within(request, deps, body)


@post(f"{ONE}/care-plans", opt=access.token(*WRITERS), tags=["contacts"], summary="Save a plan", **WRITE)
async def save_plan(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[CarePlanEntry, BodyKwarg(examples=examples.CARE_PLAN)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """A new version. A 409 says that somebody saved another one meanwhile."""

    async def create(call: Call) -> UUID:
        given = [plan for plan in (data.care, data.relapse, data.safety) if plan is not None]
        if len(given) != 1:
            raise Invalid.field("care", "give one plan: care, relapse or safety")
        return await plans.save_plan(
            call.tx, call.actor, patient_id, given[0],
            base=data.version, agreed_on=data.agreed_on, now=call.now,
        )  # fmt: skip

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ONE}/intake", opt=access.token(*CLINICAL), tags=["contacts"], summary="What was found first", **READ)
async def intake(request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]) -> IntakeFacts:
    """Of the present episode; a 404 when nothing was written down."""

    async def body(call: Call) -> IntakeFacts:
        patient = await patients.patient(call.tx, call.actor, patient_id, now=call.now)
        if patient.episode is None:
            raise NotFound("intake")
        found = await intakes.intake(call.tx, call.actor, patient_id, patient.episode.id, now=call.now)
        if found is None:
            raise NotFound("intake")
        return found

    return await within(request, deps, body)


@post(f"{ONE}/intake", opt=access.token(*CARE), tags=["contacts"], summary="Save the intake", **WRITE)
async def save_intake(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[IntakeEntry, BodyKwarg(examples=examples.INTAKE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """A new version; earlier ones stay."""

    async def create(call: Call) -> UUID:
        return await intakes.save_intake(
            call.tx, call.actor, patient_id, data.content, base=data.version, now=call.now
        )

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ONE}/closing", opt=access.token(*CLINICAL), tags=["contacts"], summary="Not reached?", **READ)
async def closing(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> ClosingView:
    """Tries since somebody last spoke with the patient, against the clinic's rule."""

    async def body(call: Call) -> ClosingView:
        found = await disengagement.standing(call.tx, call.actor, patient_id, now=call.now)
        judged = {name: getattr(found.judgement, name, None) for name in ClosingView.__struct_fields__}
        own = {"status": found.status, "last": found.last, "keep_until": found.keep_until}
        return msgspec.convert(judged | own, ClosingView)

    return await within(request, deps, body)


@post(f"{ONE}/closing", opt=access.token(*CARE), tags=["contacts"], summary="Close, or go on", **WRITE)
async def decide(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[ClosingForm, BodyKwarg(examples=examples.CLOSING)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """A decision of a person. A 409 while a safety event is open."""

    async def create(call: Call) -> UUID:
        return await disengagement.decide(
            call.tx, call.actor, patient_id, data, now=call.now, outreach=deps.outreach
        )

    return await created(request, deps, idempotency_key, create, only_id)


async def whose(call: Call, patient_id: UUID) -> tuple[Heading, str]:
    patient = await patients.patient(call.tx, call.actor, patient_id, now=call.now)
    clinic = await organisation.clinic(call.tx, call.clinic_id)
    heading = Heading(patient.family_name, patient.given_name, patient.birth_date, patient.mrn)
    return heading, clinic.zone


def _kind(name: str) -> PlanKind:
    for kind in plans.COPIES:
        if kind == name:
            return kind
    raise NotFound("plan")


ROUTES: tuple[Any, ...] = (
    contacts, record_contact, contact_text, filed, care_plans, plan_text, save_plan, intake, save_intake, closing,
    decide,
)  # fmt: skip
