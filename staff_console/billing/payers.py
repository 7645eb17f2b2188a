"""Payers, and the rule set each one's months are worked out by."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from billing.identity import payers as service
from billing.identity.payers import PAYER_KEEPERS, Payers
from billing.own_rules.service import RULE_KEEPERS
from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.context import WebRequest
from staff_console.deps import ConsoleDeps
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import View, Visit, said, show, submit
from staff_console.seen import read_stale, require_unchanged, sealed

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*PAYER_KEEPERS)
PATH: Final = "/billing/payers"
LABELS: Final = {"payer": "The payer", "rule_set": "The rule set"}


class Default(msgspec.Struct, frozen=True):
    rule_set: str


class Assigned(msgspec.Struct, frozen=True):
    payer: str
    rule_set: str | None = None


class PayerRow(msgspec.Struct, frozen=True):
    payer: str
    rules: str
    own: bool


class PayersPage(msgspec.Struct, frozen=True):
    """Template `billing/payers.html`. `sources` are title and source of each rule set; `rules_href` is empty for
    those who may not bring one in."""

    rows: tuple[PayerRow, ...]
    rule_sets: tuple[Choice, ...]
    sources: tuple[tuple[str, str], ...]
    default_form: FormState
    assign_form: FormState
    rules_href: str = ""


@get(PATH, opt=STAFF)
async def payers_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _page)


@post(PATH, opt=STAFF)
async def assign(request: WebRequest, console: Console) -> Response[Any]:
    """Without a rule set the clinic's default holds for the payer again."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, Assigned)
        await require_unchanged(visit, _stored_payers)
        await service.assign(visit.tx, visit.actor, form.payer, form.rule_set, now=visit.now)
        return said(PATH, "payers_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, assign=await read_stale(visit, error, LABELS, _stored_payers))

    return await submit(request, console, do, again)


@post(f"{PATH}/default", opt=STAFF)
async def set_default(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, Default)
        await require_unchanged(visit, _stored_default)
        await service.set_default(visit.tx, visit.actor, form.rule_set, now=visit.now)
        return said(PATH, "payers_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, default=await read_stale(visit, error, LABELS, _stored_default))

    return await submit(request, console, do, again)


async def _page(visit: Visit, *, default: FormState | None = None, assign: FormState | None = None) -> View:
    found = await service.payers(visit.tx, visit.actor)
    titles = {each.id: each.title for each in found.offered}
    page = PayersPage(
        tuple(
            PayerRow(
                line.payer, titles.get(line.rule_set or "", line.rule_set or ""), line.rule_set is not None
            )
            for line in found.lines
        ),
        tuple(Choice(each.id, each.title) for each in found.offered),
        tuple((f"{each.title} ({each.rule_id})", each.source) for each in found.offered),
        default or _default_form(found),
        assign or _payers_form(found),
        "/billing/rule-sets" if visit.actor.has(*RULE_KEEPERS) else "",
    )
    return View("billing/payers.html", page, "billing" if visit.actor.has("biller") else "setup")


async def _stored_default(visit: Visit) -> FormState:
    return _default_form(await service.payers(visit.tx, visit.actor))


async def _stored_payers(visit: Visit) -> FormState:
    return _payers_form(await service.payers(visit.tx, visit.actor))


def _default_form(found: Payers) -> FormState:
    return sealed(filled("default", rule_set=found.default))


def _payers_form(found: Payers) -> FormState:
    return sealed(FormState("assign"), [(line.payer, line.rule_set) for line in found.lines])


ROUTES: Final = [payers_page, assign, set_default]
