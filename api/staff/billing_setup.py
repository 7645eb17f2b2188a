"""Who bills, what a line is worth, what was denied, and how many people there are to do the work."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff.calls import READ, ROOT, WRITE, Call, Created, Items, Key, created, only_id, within
from api.wiring import Deps
from billing.identity import payers
from billing.identity import service as identity
from billing.identity.payers import PAYER_KEEPERS, PayerLine
from billing.identity.rules import BillingIdentity
from billing.identity.service import KEEPERS, Practitioner
from billing.money import queries, service
from billing.money.queries import DenialLine
from billing.money.rules import Outcome, Plan
from billing.money.service import DenialForm, FeeForm
from billing.statement.service import EXPORTERS
from kernel.web import access
from kernel.web.context import WebRequest

BILLERS: Final = access.token(*EXPORTERS)
_IDENTITY: Final = [
    Example(summary="What a claim file needs", value={"legal_name": "Harbor Health LLC", "usage": "T"})
]
_NPI: Final = [Example(summary="A practitioner's", value={"npi": "1234567893"})]
_DEFAULT: Final = [Example(summary="A shipped one", value={"rule_set": "full_threshold"})]
_FEE: Final = [
    Example(
        summary="One payer's, in cents",
        value={"code": "99492", "expected_cents": 14500, "payer": "Cascade Health Plan"},
    )
]
_DENIAL: Final = [
    Example(
        summary="A line of a closed month",
        value={
            "month": "2026-10",
            "episode_id": "019a0000-0000-7000-8000-000000000004",
            "code": "99492",
            "reason_code": "CO-16",
            "amount_cents": 14500,
            "denied_on": "2026-11-20",
        },
    )
]
_OUTCOME: Final = [Example(summary="Paid later", value={"outcome": "paid_after_correction"})]
_STAFFING: Final = [
    Example(
        summary="One care manager with 32 hours",
        value={
            "contact_minutes": 25,
            "buffer_percent": 20,
            "panel_target": 80,
            "weekly_minutes": {"019a0000-0000-7000-8000-000000000002": 1920},
        },
    )
]


class WhoBills(msgspec.Struct, frozen=True):
    """The clinic on its claim files, and its clinicians with their NPIs."""

    identity: BillingIdentity
    practitioners: tuple[Practitioner, ...]


class NpiForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Empty takes it away."""

    npi: str


class ExpectedFee(msgspec.Struct, frozen=True):
    """What one unit brings. An empty payer is everyone else's."""

    payer: str
    code: str
    expected_cents: int


class OwnCharge(msgspec.Struct, frozen=True):
    """What the clinic itself asks for one unit, the same for every payer."""

    code: str
    charge_cents: int


class FeesView(msgspec.Struct, frozen=True):
    """As the clinic entered them; nothing is guessed."""

    expected: tuple[ExpectedFee, ...]
    charges: tuple[OwnCharge, ...]


class PayerTable(msgspec.Struct, frozen=True):
    """`default` holds where a payer has no rule set of its own and none was made for it."""

    default: str
    payers: tuple[PayerLine, ...]


class DefaultRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Id of a shipped or own rule set."""

    rule_set: str


class DenialOutcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Any but open. It is said once."""

    outcome: Outcome


class StaffingForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contact's minutes with preparation and notes, the buffer for what nobody planned, patients a full-time care
    manager should have, and each person's minutes of care a week."""

    contact_minutes: int
    buffer_percent: int
    panel_target: int
    weekly_minutes: dict[UUID, int]


async def _who(call: Call) -> WhoBills:
    found = await identity.setup(call.tx, call.actor)
    return WhoBills(found.identity, found.practitioners)


async def _payers(call: Call) -> PayerTable:
    found = await payers.payers(call.tx, call.actor)
    return PayerTable(found.default, found.lines)


async def _fees(call: Call) -> FeesView:
    found = await queries.fee_tables(call.tx, call.actor)
    return FeesView(
        tuple(ExpectedFee(payer, code, cents) for payer, code, cents in found.fees),
        tuple(OwnCharge(code, cents) for code, cents in found.charges),
    )


async def _staffing(call: Call) -> StaffingForm:
    found = await queries.staffing(call.tx, call.actor)
    return StaffingForm(**msgspec.structs.asdict(found.plan), weekly_minutes=found.weekly_minutes)


@get(f"{ROOT}/billing/identity", opt=access.token(*KEEPERS), tags=["billing"], summary="Who bills", **READ)
async def who_bills(request: WebRequest, deps: NamedDependency[Deps]) -> WhoBills:
    """What claim files name as the sender and as the practitioners."""
    return await within(request, deps, _who)


@put(
    f"{ROOT}/billing/identity",
    opt=access.token(*KEEPERS),
    tags=["billing"],
    summary="Change who bills",
    **WRITE,
)
async def change_identity(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[BillingIdentity, BodyKwarg(examples=_IDENTITY)],
) -> WhoBills:
    """All of it: a field that is left out is emptied."""

    async def body(call: Call) -> WhoBills:
        await identity.change_identity(call.tx, call.actor, data, now=call.now)
        return await _who(call)

    return await within(request, deps, body)


@put(
    f"{ROOT}/billing/practitioners/{{staff_id:uuid}}/npi", opt=access.token(*KEEPERS), tags=["billing"],
    summary="Change a practitioner's NPI", **WRITE,
)  # fmt: skip
async def change_npi(
    request: WebRequest,
    deps: NamedDependency[Deps],
    staff_id: FromPath[UUID],
    data: Annotated[NpiForm, BodyKwarg(examples=_NPI)],
) -> WhoBills:
    """Of a clinician of this clinic."""

    async def body(call: Call) -> WhoBills:
        await identity.change_npi(call.tx, call.actor, staff_id, data.npi, now=call.now)
        return await _who(call)

    return await within(request, deps, body)


@get(
    f"{ROOT}/billing/payers", opt=access.token(*PAYER_KEEPERS), tags=["billing"],
    summary="Payers and their rule sets", **READ,
)  # fmt: skip
async def payer_table(request: WebRequest, deps: NamedDependency[Deps]) -> PayerTable:
    """Payers of the clinic's coverages and those with a rule set, by name."""
    return await within(request, deps, _payers)


@put(
    f"{ROOT}/billing/payers/default", opt=access.token(*PAYER_KEEPERS), tags=["billing"],
    summary="Change the default rule set", **WRITE,
)  # fmt: skip
async def set_default(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[DefaultRules, BodyKwarg(examples=_DEFAULT)],
) -> PayerTable:
    """Open months are worked out with it, closed ones keep theirs."""

    async def body(call: Call) -> PayerTable:
        await payers.set_default(call.tx, call.actor, data.rule_set, now=call.now)
        return await _payers(call)

    return await within(request, deps, body)


@get(f"{ROOT}/billing/fees", opt=BILLERS, tags=["billing"], summary="What a line is worth", **READ)
async def fees(request: WebRequest, deps: NamedDependency[Deps]) -> FeesView:
    """Expected amounts by payer and code, and the clinic's own charges."""
    return await within(request, deps, _fees)


@put(f"{ROOT}/billing/fees", opt=BILLERS, tags=["billing"], summary="Change what a line is worth", **WRITE)
async def set_fee(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[FeeForm, BodyKwarg(examples=_FEE)],
) -> FeesView:
    """One payer and code. A charge changes lines of months that are not closed yet."""

    async def body(call: Call) -> FeesView:
        await service.set_fee(call.tx, call.actor, data, now=call.now)
        return await _fees(call)

    return await within(request, deps, body)


@get(f"{ROOT}/billing/denials", opt=BILLERS, tags=["billing"], summary="Denials", **READ)
async def denials(request: WebRequest, deps: NamedDependency[Deps]) -> Items[DenialLine]:
    """The newest first, at most 1,000."""

    async def body(call: Call) -> Items[DenialLine]:
        return Items(await queries.denials(call.tx, call.actor, now=call.now))

    return await within(request, deps, body)


@post(f"{ROOT}/billing/denials", opt=BILLERS, tags=["billing"], summary="Record a denial", **WRITE)
async def record_denial(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[DenialForm, BodyKwarg(examples=_DENIAL)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Of a line of a closed month; payer and rule come from how it was closed."""

    async def create(call: Call) -> UUID:
        return await service.record_denial(call.tx, call.actor, data, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/billing/denials/{{denial_id:uuid}}/outcome", opt=BILLERS, tags=["billing"],
    summary="Say what became of a denial", **WRITE,
)  # fmt: skip
async def settle_denial(
    request: WebRequest,
    deps: NamedDependency[Deps],
    denial_id: FromPath[UUID],
    data: Annotated[DenialOutcome, BodyKwarg(examples=_OUTCOME)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Once; a 409 when it was said before."""

    async def create(call: Call) -> UUID:
        await service.settle_denial(call.tx, call.actor, denial_id, data.outcome, now=call.now)
        return denial_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ROOT}/billing/staffing", opt=BILLERS, tags=["billing"], summary="The plan of people's hours", **READ)
async def staffing(request: WebRequest, deps: NamedDependency[Deps]) -> StaffingForm:
    """What a month's next seven days are held against."""
    return await within(request, deps, _staffing)


@put(f"{ROOT}/billing/staffing", opt=BILLERS, tags=["billing"], summary="Change the plan of hours", **WRITE)
async def set_staffing(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[StaffingForm, BodyKwarg(examples=_STAFFING)],
) -> StaffingForm:
    """The whole plan: whoever is left out has no hours."""
    plan = Plan(data.contact_minutes, data.buffer_percent, data.panel_target)

    async def body(call: Call) -> StaffingForm:
        await service.set_staffing(call.tx, call.actor, plan, data.weekly_minutes, now=call.now)
        return await _staffing(call)

    return await within(request, deps, body)


ROUTES: tuple[Any, ...] = (
    who_bills, change_identity, change_npi, payer_table, set_default, fees, set_fee, denials, record_denial, settle_denial, staffing,
    set_staffing,
)  # fmt: skip
