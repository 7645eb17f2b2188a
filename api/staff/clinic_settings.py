"""How the clinic is set up: its details and hours, closed days, numbers, whom alerts reach, and whether texts leave."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg
from litestar.response import Response

from api.staff.calls import READ, ROOT, WRITE, Call, Created, FieldError, Key, created, only_id, within
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.launch import going_live
from registry.organisation import queries, service
from registry.organisation.queries import SenderFacts
from registry.organisation.rules import ClinicForm, Deployment, TextingMode
from staff_console.enrol import scripts

KEEPERS: Final = access.token("administrator", "clinic_lead")
PATH: Final = f"{ROOT}/clinic"
_DAY: Final = [{"start": "09:00:00", "end": "17:00:00"}]
_CLINIC: Final = [
    Example(
        summary="Five days, item 9 by link",
        value={
            "slug": "harbor",
            "name": "Harbor Street Family Medicine",
            "text_name": "Harbor Clinic",
            "zone": "America/Los_Angeles",
            "support_phone": "+12065550199",
            "hours_text": "Mon-Fri 9-5",
            "staffed": [_DAY, _DAY, _DAY, _DAY, _DAY, [], []],
            "privacy_url": "https://harbor.example/privacy",
            "item9_channel": "link_only",
        },
    )
]
_CLOSED: Final = [Example(summary="A holiday", value={"on": "2027-01-01", "name": "New Year"})]
_NUMBER: Final = [Example(summary="A number of the provider", value={"number": "+12065550100"})]
_WHO: Final = [Example(summary="The lead", value={"staff_id": "019a0000-0000-7000-8000-000000000001"})]
_LIVE: Final = [Example(summary="Everything has passed", value={"confirm": True})]


class ClinicSettings(msgspec.Struct, frozen=True):
    """`missing` is what keeps texts to patients from leaving, each by name; what patients' pages show, the outreach
    ladder and the rules' numbers have calls of their own."""

    clinic: ClinicForm
    texting_mode: TextingMode
    minor_policy_signed_on: date | None
    item9_policy_signed_on: date | None
    default_responsible_id: UUID | None
    closed_days: tuple[date, ...]
    senders: tuple[SenderFacts, ...]
    missing: tuple[FieldError, ...]


class ClosedDay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No clock of the clinic runs on it."""

    on: date
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class SenderForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With its country code."""

    number: str


class ResponsibleForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody with a clinical role here."""

    staff_id: UUID


class LiveForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Said on purpose: from here on patients get real texts."""

    confirm: Literal[True]


def deployment(deps: Deps) -> Deployment:
    return Deployment(
        public_url=deps.settings.public_url,
        encrypts=bool(deps.settings.encryption_keys),
        consent_wording_version=scripts.TEXTING.version,
    )


async def _shown(call: Call, deps: Deps) -> ClinicSettings:
    facts = await queries.clinic(call.tx, call.clinic_id)
    missing = await going_live.missing(call.tx, call.clinic_id, deployment(deps))
    return ClinicSettings(
        clinic=ClinicForm(**{name: getattr(facts, name) for name in ClinicForm.__struct_fields__}),
        texting_mode=facts.texting_mode,
        minor_policy_signed_on=facts.minor_policy_signed_on,
        item9_policy_signed_on=facts.item9_policy_signed_on,
        default_responsible_id=facts.default_responsible_id,
        closed_days=tuple(sorted(facts.holidays)),
        senders=await queries.senders(call.tx, call.clinic_id),
        missing=tuple(FieldError(problem.field, problem.message) for problem in missing),
    )


@get(PATH, opt=KEEPERS, tags=["clinic"], summary="How the clinic is set up", **READ)
async def read_settings(request: WebRequest, deps: NamedDependency[Deps]) -> ClinicSettings:
    """With everything that keeps it in simulation, all at once."""
    return await within(request, deps, lambda call: _shown(call, deps))


@put(PATH, opt=KEEPERS, tags=["clinic"], summary="Change the clinic's details and hours", **WRITE)
async def change_settings(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[ClinicForm, BodyKwarg(examples=_CLINIC)],
) -> ClinicSettings:
    """All of them. A clinic that texts patients keeps what going live asked for, else a 422."""

    async def body(call: Call) -> ClinicSettings:
        await service.change_clinic(call.tx, call.actor, call.clinic_id, data, now=call.now)
        return await _shown(call, deps)

    return await within(request, deps, body)


@post(f"{PATH}/closed-days", opt=KEEPERS, tags=["clinic"], summary="Close a day", **WRITE)
async def close_day(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[ClosedDay, BodyKwarg(examples=_CLOSED)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """A 409 when it is closed already."""

    async def create(call: Call) -> UUID:
        return await service.add_holiday(
            call.tx, call.actor, call.clinic_id, data.on, data.name, now=call.now
        )

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{PATH}/senders", opt=KEEPERS, tags=["clinic"], summary="Add a number to text from", **WRITE)
async def add_sender(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[SenderForm, BodyKwarg(examples=_NUMBER)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Texts to it reach this clinic from now on. A 409 when a clinic has it already."""

    async def create(call: Call) -> UUID:
        return await service.add_sender(call.tx, call.actor, call.clinic_id, data.number, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@put(f"{PATH}/responsible", opt=KEEPERS, tags=["clinic"], summary="Whom alerts reach", **WRITE)
async def set_responsible(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[ResponsibleForm, BodyKwarg(examples=_WHO)],
) -> ClinicSettings:
    """When an episode names nobody."""

    async def body(call: Call) -> ClinicSettings:
        await service.set_default_responsible(
            call.tx, call.actor, call.clinic_id, data.staff_id, now=call.now
        )
        return await _shown(call, deps)

    return await within(request, deps, body)


@post(f"{PATH}/go-live", opt=KEEPERS, tags=["clinic"], summary="Text real patients", **WRITE)
async def go_live(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[LiveForm, BodyKwarg(examples=_LIVE)],
    idempotency_key: Key = None,
) -> Response[ClinicSettings]:
    """A 422 names everything that is missing, all at once. Policies are signed in the console: only a person can."""

    async def create(call: Call) -> UUID:
        await going_live.go_live(call.tx, call.actor, call.clinic_id, deployment(deps), now=call.now)
        return call.clinic_id

    return await created(request, deps, idempotency_key, create, lambda call, _: _shown(call, deps))


@post(f"{PATH}/stop-texting", opt=KEEPERS, tags=["clinic"], summary="Go back to simulation", **WRITE)
async def stop_texting(
    request: WebRequest, deps: NamedDependency[Deps], idempotency_key: Key = None
) -> Response[ClinicSettings]:
    """At once: patients' texts stay here, alerts to staff still leave."""

    async def create(call: Call) -> UUID:
        await service.stop_texting(call.tx, call.actor, call.clinic_id, now=call.now)
        return call.clinic_id

    return await created(request, deps, idempotency_key, create, lambda call, _: _shown(call, deps))


ROUTES: tuple[Any, ...] = (
    read_settings, change_settings, close_day, add_sender, set_responsible, go_live, stop_texting,
)  # fmt: skip
