"""Why a month bills as it does: any what-if, one patient's month, what a biller decided, and who pays from when."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath, QueryParameter
from litestar.response import Response
from msgspec import Meta

from api.staff import billing_examples
from api.staff.calls import (
    READ_ERRORS,
    ROOT,
    WRITE,
    WRITE_ERRORS,
    Call,
    Created,
    Items,
    Key,
    created,
    only_id,
    within,
)
from api.wiring import Deps
from billing.decisions import service as decisions
from billing.decisions.rules import DECIDERS, DecisionForm
from billing.explain import Explained, WhatIf, explain
from billing.month_types import MonthType
from billing.own_rules.book import whole_book
from billing.statement import explained
from billing.statement.explained import DecisionSeen, MonthExplained, decision_seen
from billing.statement.service import BY_PAYER, READERS
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CARE, require
from registry.patients import service as patients
from registry.patients.forms import CoverageForm
from registry.time_log.months import Month

OF_PATIENT: Final = f"{ROOT}/patients/{{patient_id:uuid}}"
ANSWERS: Final = {**READ_ERRORS, 422: WRITE_ERRORS[422]}
PAYERS: Final = access.token(*CARE, "biller")


class Withdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(max_length=500)]


@get(
    f"{ROOT}/billing/explain",
    opt=access.token(*READERS),
    tags=["billing"],
    summary="What a month would bill as",
    responses=ANSWERS,
)
async def what_if(
    request: WebRequest,
    deps: NamedDependency[Deps],
    minutes: Annotated[int, QueryParameter(ge=0, le=99_999, description="Counted whole minutes.")],
    month_type: Annotated[
        MonthType | None, QueryParameter(description="First, later or general month.")
    ] = None,
    month: Annotated[str | None, QueryParameter(description="As 2026-11, instead of the type.")] = None,
    served: Annotated[list[str] | None, QueryParameter(description="Earlier months with service.")] = None,
    rule_set: Annotated[str | None, QueryParameter(description="An id, or an exact id@version.")] = None,
    payer: Annotated[str | None, QueryParameter(description="Finds the rule set of the month.")] = None,
    plan: Annotated[str | None, QueryParameter(description="The payer's plan.")] = None,
    beside: Annotated[list[str] | None, QueryParameter(description="Codes that others report.")] = None,
    changed: Annotated[list[str] | None, QueryParameter(description="Settings replaced, name=value.")] = None,
) -> Explained:
    """The lines with every rule passed or failed, each with its id, by the clinic's payers and its own rule sets too."""
    asked = WhatIf(
        minutes=minutes,
        month_type=month_type,
        month=month,
        served=tuple(served or ()),
        rule_set=rule_set,
        payer=payer,
        plan=plan,
        beside=tuple(beside or ()),
        changed=tuple(changed or ()),
    )

    async def body(call: Call) -> Explained:
        return explain(asked, await whole_book(call.tx, require(call.actor, *READERS)))

    return await within(request, deps, body)


@get(
    f"{OF_PATIENT}/billing/explain",
    opt=access.token(*READERS),
    tags=["billing"],
    summary="A patient's month, with what it rests on",
    responses=ANSWERS,
)
async def patient_month(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    month: Annotated[str, QueryParameter(description="As 2026-11.")],
    rule_set: Annotated[
        str, QueryParameter(description="by_payer takes the payer's own; another shows what it would give.")
    ] = BY_PAYER,
) -> MonthExplained:
    """Each second with its one reason or none, each rule, each element with its rows and who can mend it."""
    wanted = Month.parse(month)

    async def body(call: Call) -> MonthExplained:
        found = await explained.patient_month(
            call.tx, call.actor, patient_id, wanted, now=call.now, rule_set_name=rule_set
        )
        return explained.seen(found)

    return await within(request, deps, body)


@get(
    f"{OF_PATIENT}/billing/decisions",
    opt=access.token(*READERS),
    tags=["billing"],
    summary="What was decided about a patient's billing",
    responses=READ_ERRORS,
)
async def decided(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[DecisionSeen]:
    """Those that stand, oldest first."""

    async def body(call: Call) -> Items[DecisionSeen]:
        clinic_id = require(call.actor, *READERS)
        episode = await explained.episode_of(call.tx, clinic_id, patient_id)
        found = (await decisions.of_episodes(call.tx, clinic_id, [episode])).get(episode, [])
        await decisions.audit_read(call.tx, call.actor, patient_id, now=call.now)
        return Items(tuple(decision_seen(each) for each in found))

    return await within(request, deps, body)


@post(
    f"{OF_PATIENT}/billing/decisions",
    opt=access.token(*DECIDERS),
    tags=["billing"],
    summary="Decide about a patient's billing",
    **WRITE,
)
async def decide(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[DecisionForm, BodyKwarg(examples=billing_examples.BILLING_DECISION)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Of the latest episode: a month's type, a release, a code that others report, ... always with a reason."""

    async def create(call: Call) -> UUID:
        clinic_id = require(call.actor, *DECIDERS)
        episode = await explained.episode_of(call.tx, clinic_id, patient_id)
        return await decisions.decide(call.tx, call.actor, episode, data, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/billing/decisions/{{decision_id:uuid}}/withdraw",
    opt=access.token(*DECIDERS),
    tags=["billing"],
    summary="Withdraw a decision",
    status_code=200,
    **WRITE,
)
async def withdraw(
    request: WebRequest,
    deps: NamedDependency[Deps],
    decision_id: FromPath[UUID],
    data: Annotated[Withdrawal, BodyKwarg(examples=billing_examples.WITHDRAWAL)],
) -> Created:
    """The decision stays on record, with who withdrew it and why."""

    async def body(call: Call) -> Created:
        await decisions.withdraw(call.tx, call.actor, decision_id, data.reason, now=call.now)
        return Created(decision_id)

    return await within(request, deps, body)


@post(f"{OF_PATIENT}/coverage", opt=PAYERS, tags=["billing"], summary="Add a coverage", **WRITE)
async def add_coverage(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[CoverageForm, BodyKwarg(examples=billing_examples.COVERAGE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Gaps, overlaps and changes inside a month are taken; they hold the month's lines."""

    async def create(call: Call) -> UUID:
        return await patients.add_coverage(call.tx, call.actor, patient_id, data, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@put(
    f"{OF_PATIENT}/coverage/{{coverage_id:uuid}}",
    opt=PAYERS,
    tags=["billing"],
    summary="Correct a coverage",
    **WRITE,
)
async def change_coverage(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    coverage_id: FromPath[UUID],
    data: Annotated[CoverageForm, BodyKwarg(examples=billing_examples.COVERAGE)],
) -> Created:
    async def body(call: Call) -> Created:
        await patients.change_coverage(call.tx, call.actor, patient_id, coverage_id, data, now=call.now)
        return Created(coverage_id)

    return await within(request, deps, body)


ROUTES: tuple[Any, ...] = (
    what_if,
    patient_month,
    decided,
    decide,
    withdraw,
    add_coverage,
    change_coverage,
)
