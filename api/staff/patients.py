"""Referral, enrolment, the registry's lines, status, plan and next contact."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath, QueryParameter
from litestar.response import Response
from msgspec import Meta

from api.staff import examples
from api.staff.calls import (
    PAGE,
    READ,
    ROOT,
    WRITE,
    After,
    Call,
    Items,
    Key,
    Limit,
    created,
    within,
)
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CARE, CLINICAL
from registry.episodes import endings
from registry.episodes import service as episodes
from registry.episodes import status as statuses
from registry.episodes.endings import EndingStanding
from registry.episodes.forms import ContactMode, EnrolmentForm, ReferralForm, Status, StatusForm
from registry.episodes.queries import EarlierEpisode, EpisodeFacts
from registry.organisation import queries as organisation
from registry.patients import queries
from registry.patients.forms import Address, Channel, EmergencyContact, PhoneState, SecondChannel, Sex
from registry.patients.queries import CoverageLine
from registry.plans import queries as plan_queries
from registry.plans import service as plans
from registry.plans.queries import PlanFacts
from registry.plans.rules import PlanLine
from registry.worklist import queries as worklist
from registry.worklist.queries import Found, Line
from registry.worklist.rules import CURRENT, Flag, RegistryFilter, Sort

ONE = f"{ROOT}/patients/{{patient_id:uuid}}"


class PlanForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole plan; no lines asks for nothing more. `version` is that of the plan that was looked at."""

    lines: tuple[PlanLine, ...]
    version: int | None = None


class NextContactForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`at` null means as needed; then `purpose` must say why. `version` is the episode's."""

    at: datetime | None
    mode: ContactMode | None = None
    purpose: Annotated[str, Meta(max_length=2000)] | None = None
    version: int | None = None


class DeceasedForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`on` null: the day is not known, today is noted."""

    on: date | None = None


class SearchForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The beginning of "family given", a whole record number, or a phone number."""

    text: Annotated[str, Meta(min_length=2, max_length=100)]


class PhoneView(msgspec.Struct, frozen=True):
    """`number` is E.164."""

    number: str
    state: PhoneState
    shared: bool
    safe_to_text: bool
    voicemail_ok: bool


class PatientView(msgspec.Struct, frozen=True):
    """`clinical` is false for a biller's key, which gets no emergency contact and no clinical text. `phone` is the
    current number; `age` in whole years on the clinic's date."""

    id: UUID
    version: int
    clinical: bool
    family_name: str
    given_name: str
    mrn: str | None
    birth_date: date | None
    age: int | None
    sex: Sex | None
    address: Address | None
    emergency: EmergencyContact | None
    phone: PhoneView | None
    language: str
    zone: str | None
    channel: Channel
    second_channel: SecondChannel | None
    window_start: time | None
    window_end: time | None
    deceased_on: date | None
    is_test: bool
    coverage: tuple[CoverageLine, ...]
    episode: EpisodeFacts | None
    earlier_episodes: tuple[EarlierEpisode, ...]


@get(f"{ROOT}/patients", opt=access.token(*CLINICAL), tags=["patients"], summary="The registry", **READ)
async def registry(
    request: WebRequest,
    deps: NamedDependency[Deps],
    after: After = None,
    limit: Limit = PAGE,
    status: Annotated[list[Status] | None, QueryParameter(description="Default: everybody in care.")] = None,
    care_manager_id: Annotated[UUID | None, QueryParameter()] = None,
    overdue: Annotated[
        bool | None, QueryParameter(description="Only those whose contact is overdue, or is not.")
    ] = None,
    flag: Annotated[list[Flag] | None, QueryParameter(description="Lines with any of these flags.")] = None,
    sort: Annotated[Sort, QueryParameter()] = "default",
    descending: Annotated[bool, QueryParameter()] = False,
) -> Items[Line]:
    """One line a patient in care, the most urgent first."""
    wanted = RegistryFilter(
        care_manager_id=care_manager_id,
        statuses=tuple(status) if status else CURRENT,
        overdue=overdue,
        flags=frozenset(flag or ()),
        sort=sort,
        descending=descending,
    )

    async def body(call: Call) -> Items[Line]:
        today = (await organisation.clinic(call.tx, call.clinic_id)).local_date(call.now)
        page = await worklist.registry_page(
            call.tx, call.actor, wanted, after, limit, now=call.now, today=today
        )
        return Items(page.lines, page.next)

    return await within(request, deps, body)


@post(
    f"{ROOT}/patients/search", opt=access.token(*CLINICAL, "biller"), status_code=200, tags=["patients"],
    summary="Find a patient", **WRITE,
)  # fmt: skip
async def search(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[SearchForm, BodyKwarg(examples=examples.SEARCH)],
) -> Items[Found]:
    """A POST, so that nothing about a person stands in an address. At most 20 by name."""

    async def body(call: Call) -> Items[Found]:
        return Items(await worklist.search(call.tx, call.actor, data.text, now=call.now))

    return await within(request, deps, body)


@post(f"{ROOT}/referrals", opt=access.token(*CARE, "consultant"), tags=["patients"], summary="Refer", **WRITE)
async def refer(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[ReferralForm, BodyKwarg(examples=examples.REFERRAL)],
    idempotency_key: Key = None,
) -> Response[PatientView]:
    """Somebody waits for enrolment. No text goes out and no minute counts until then. A name and date of birth that are
    known are a 409 (`known_patient`)."""

    async def create(call: Call) -> UUID:
        return await episodes.refer(call.tx, call.actor, data, now=call.now)

    return await created(request, deps, idempotency_key, create, shown, f"{ROOT}/patients/{{id}}")


@post(f"{ROOT}/patients", opt=access.token(*CARE), tags=["patients"], summary="Enrol", **WRITE)
async def enrol(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[EnrolmentForm, BodyKwarg(examples=examples.ENROLMENT)],
    idempotency_key: Key = None,
) -> Response[PatientView]:
    """Completes a referral (`patient_id`), or takes somebody into care directly. All or nothing."""

    async def create(call: Call) -> UUID:
        made = await episodes.enrol(call.tx, call.actor, data, now=call.now, outreach=deps.outreach)
        return made.patient_id

    return await created(request, deps, idempotency_key, create, shown, f"{ROOT}/patients/{{id}}")


@get(ONE, opt=access.token(*CLINICAL, "biller"), tags=["patients"], summary="One patient", **READ)
async def patient(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> PatientView:
    """A biller's key sees what the bill needs and no clinical text."""
    return await within(request, deps, lambda call: shown(call, patient_id))


@post(f"{ONE}/status", opt=access.token(*CARE), tags=["patients"], summary="Change the status", **WRITE)
async def change_status(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[StatusForm, BodyKwarg(examples=examples.STATUS)],
    idempotency_key: Key = None,
) -> Response[PatientView]:
    """Hold, resume, relapse prevention, end. A pause stops questions and reminders at once. What an end asks for, and
    what holds it, is told by `GET /api/v1/patients/{patient_id}/ending`."""

    async def create(call: Call) -> UUID:
        await statuses.change_status(
            call.tx, call.actor, patient_id, data, now=call.now, outreach=deps.outreach
        )
        return patient_id

    return await created(request, deps, idempotency_key, create, shown)


@get(f"{ONE}/ending", opt=access.token(*CLINICAL), tags=["patients"], summary="What an end asks for", **READ)
async def ending(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> EndingStanding:
    """How the record stands with an end of care, and what each reason still asks the person who ends it."""
    return await within(
        request, deps, lambda call: endings.standing(call.tx, call.actor, patient_id, now=call.now)
    )


@post(
    f"{ONE}/deceased", opt=access.token(*CLINICAL), tags=["patients"], summary="The patient has died", **WRITE
)
async def deceased(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[DeceasedForm, BodyKwarg(examples=examples.DECEASED)],
    idempotency_key: Key = None,
) -> Response[PatientView]:
    """One step, whatever else is open: nothing more goes out to the household."""

    async def create(call: Call) -> UUID:
        await statuses.mark_deceased(
            call.tx, call.actor, patient_id, on=data.on, now=call.now, outreach=deps.outreach
        )
        return patient_id

    return await created(request, deps, idempotency_key, create, shown)


@get(
    f"{ONE}/plan", opt=access.token(*CLINICAL), tags=["patients"], summary="Which measures are asked", **READ
)
async def plan(request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]) -> PlanFacts:
    """With the version that a change must name."""
    return await within(
        request, deps, lambda call: plan_queries.plan(call.tx, call.actor, patient_id, now=call.now)
    )


@put(
    f"{ONE}/plan",
    opt=access.token(*CARE, "consultant"),
    tags=["patients"],
    summary="Set the measures",
    **WRITE,
)
async def set_plan(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[PlanForm, BodyKwarg(examples=examples.PLAN)],
) -> PlanFacts:
    """The whole plan from now on. Check-ins that were due before stay as they are."""

    async def body(call: Call) -> PlanFacts:
        return await plans.set_plan(
            call.tx, call.actor, patient_id, data.lines,
            version=data.version, now=call.now, outreach=deps.outreach,
        )  # fmt: skip

    return await within(request, deps, body)


@put(
    f"{ONE}/next-contact", opt=access.token(*CARE, "consultant"), tags=["patients"],
    summary="Set the next contact", **WRITE,
)  # fmt: skip
async def set_next_contact(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[NextContactForm, BodyKwarg(examples=examples.NEXT_CONTACT)],
) -> PatientView:
    """When and how somebody speaks with the patient next. Reminders follow by themselves."""

    async def body(call: Call) -> PatientView:
        await episodes.set_next_contact(
            call.tx,
            call.actor,
            patient_id,
            data.at,
            data.mode,
            data.purpose,
            version=data.version,
            now=call.now,
        )
        return await shown(call, patient_id)

    return await within(request, deps, body)


async def shown(call: Call, patient_id: UUID) -> PatientView:
    page = await queries.patient(call.tx, call.actor, patient_id, now=call.now)
    known = page.phone
    phone = (
        None
        if known is None
        else PhoneView(known.number, known.state, known.shared, known.safe_to_text, known.voicemail_ok)
    )
    values = {name: getattr(page, name) for name in PatientView.__struct_fields__ if name != "phone"}
    return PatientView(**values, phone=phone)


ROUTES: tuple[Any, ...] = (
    registry, search, refer, enrol, patient, change_status, ending, deceased, plan, set_plan, set_next_contact,
)  # fmt: skip
