"""Rule sets: the shipped ones and the clinic's own, trying one, bringing it in, giving it to a payer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response
from msgspec import Meta

from api.staff import billing_examples
from api.staff.calls import READ_ERRORS, ROOT, WRITE_ERRORS, Call, Items, within
from api.wiring import Deps
from billing.identity import payers
from billing.identity.payers import PAYER_KEEPERS
from billing.own_rules import service
from billing.own_rules.service import RULE_KEEPERS, Known
from billing.own_rules.trial import MonthTrial, RuleSetChange, trial
from kernel.web import access
from kernel.web.context import WebRequest

_FILE = ResponseSpec(
    bytes, description="The rule set.", media_type="application/json", generate_examples=False
)


class RuleSetSeen(msgspec.Struct, frozen=True):
    """`own` ones were brought in by the clinic, with who, when and the SHA-256 of the document. Holds from
    `effective_from` through `effective_to`, or until a later version begins."""

    rule_id: str
    title: str
    payer: str | None
    plan: str | None
    effective_from: date
    effective_to: date | None
    source: str
    author: str
    own: bool
    brought_in_by: str
    brought_in_at: datetime | None
    sha256: str


class RuleSetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`document` has the fields of the shipped rule sets; `payers`, by the names that coverages hold, are given it."""

    document: dict[str, Any]
    payers: tuple[Annotated[str, Meta(max_length=120)], ...] = ()


class MonthTried(msgspec.Struct, frozen=True):
    """Of `patient_months` with time, `reached` would come under the rule set and `changed` differ in line, minutes or
    status; at most 200 of them are listed. A closed month keeps its rules."""

    month: str
    closed: bool
    patient_months: int
    reached: int
    changed: int
    changes: tuple[RuleSetChange, ...]


class RuleSetTried(msgspec.Struct, frozen=True):
    rule_id: str
    months: tuple[MonthTried, ...]


class RuleSetKept(msgspec.Struct, frozen=True):
    rule_id: str


class PayerRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without a `rule_set` the one made for the payer, else the clinic's default, holds again."""

    payer: str
    rule_set: str | None = None


@get(
    f"{ROOT}/billing/rule-sets",
    opt=access.token(*RULE_KEEPERS),
    tags=["billing"],
    summary="Every rule set",
    responses=READ_ERRORS,
)
async def rule_sets(request: WebRequest, deps: NamedDependency[Deps]) -> Items[RuleSetSeen]:
    """Every version: the clinic's own, newest first, then the shipped ones."""

    async def body(call: Call) -> Items[RuleSetSeen]:
        return Items(tuple(_seen(each) for each in await service.known(call.tx, call.actor)))

    return await within(request, deps, body)


@get(
    f"{ROOT}/billing/rule-sets/{{rule_id:str}}",
    opt=access.token(*RULE_KEEPERS),
    tags=["billing"],
    summary="A rule set in full",
    responses={200: _FILE, **READ_ERRORS},
)
async def rule_set(
    request: WebRequest, deps: NamedDependency[Deps], rule_id: FromPath[str]
) -> Response[bytes]:
    """One version, as `own_payer@1`: the document, every field written out."""

    async def body(call: Call) -> str:
        return await service.document(call.tx, call.actor, rule_id)

    return Response((await within(request, deps, body)).encode(), media_type="application/json")


@post(
    f"{ROOT}/billing/rule-sets/trial",
    opt=access.token(*RULE_KEEPERS),
    tags=["billing"],
    summary="Try a rule set",
    status_code=200,
    responses=WRITE_ERRORS,
)
async def try_out(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[RuleSetBody, BodyKwarg(examples=billing_examples.RULE_SET)],
) -> RuleSetTried:
    """What would change in the present and the last month. Nothing is kept."""

    async def body(call: Call) -> RuleSetTried:
        found = await trial(call.tx, call.actor, _text(data), data.payers, now=call.now)
        return RuleSetTried(found.rule_set.rule_id, tuple(_month(each) for each in found.months))

    return await within(request, deps, body)


@post(
    f"{ROOT}/billing/rule-sets",
    opt=access.token(*RULE_KEEPERS),
    tags=["billing"],
    summary="Bring in a rule set",
    responses=WRITE_ERRORS,
)
async def bring_in(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[RuleSetBody, BodyKwarg(examples=billing_examples.RULE_SET)],
) -> RuleSetKept:
    """Never changed afterwards: a correction is the next version. The same document again is the first time's."""

    async def body(call: Call) -> RuleSetKept:
        return RuleSetKept(
            await service.bring_in(call.tx, call.actor, _text(data), data.payers, now=call.now)
        )

    return await within(request, deps, body)


@put(
    f"{ROOT}/billing/payers",
    opt=access.token(*PAYER_KEEPERS),
    tags=["billing"],
    summary="Give a payer a rule set",
    responses=WRITE_ERRORS,
)
async def assign(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[PayerRules, BodyKwarg(examples=billing_examples.PAYER_RULES)],
) -> PayerRules:
    """By the id of a shipped or own rule set. Open months are worked out with it, closed ones keep theirs."""

    async def body(call: Call) -> PayerRules:
        await payers.assign(call.tx, call.actor, data.payer, data.rule_set, now=call.now)
        return data

    return await within(request, deps, body)


def _text(data: RuleSetBody) -> str:
    return msgspec.json.encode(data.document).decode()


def _seen(known: Known) -> RuleSetSeen:
    rules = known.rule_set
    return RuleSetSeen(
        rule_id=rules.rule_id,
        title=rules.title,
        payer=rules.payer,
        plan=rules.plan,
        effective_from=rules.effective_from,
        effective_to=rules.effective_to,
        source=rules.source,
        author=rules.author,
        own=known.brought_in_at is not None,
        brought_in_by=known.brought_in_by,
        brought_in_at=known.brought_in_at,
        sha256=known.sha256,
    )


def _month(tried: MonthTrial) -> MonthTried:
    return MonthTried(
        str(tried.month), tried.closed, tried.patient_months, tried.reached, tried.changed, tried.changes
    )


ROUTES: tuple[Any, ...] = (rule_sets, rule_set, try_out, bring_in, assign)
