"""Fees, denials, staffing, and another system's bill beside ours."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from billing.money import queries, service, shadow
from billing.money.rules import Outcome, Plan
from billing.money.service import DenialForm, FeeForm
from billing.money.shadow import Shadow
from billing.statement.service import EXPORTERS
from kernel.errors import DomainError, Invalid
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.time_log.months import Month
from staff_console.billing import money_presenter
from staff_console.billing.money_presenter import Forms
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, query, read_again, said, show, submit
from staff_console.seen import Stored, read_stale, require_unchanged

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*EXPORTERS)
PATH: Final = "/billing/money"
_AMOUNT: Final = re.compile(r"\d{1,6}(?:\.\d{1,2})?", re.ASCII)
FEE: Final = {"payer": "Payer", "code": "Code", "expected": "What is expected", "charge": "The charge"}
DENIAL: Final = {
    "line": "The line",
    "reason_code": "The reason",
    "amount": "The amount",
    "denied_on": "The date",
    "note": "The note",
}
STAFFING: Final = {
    "contact_minutes": "Minutes a contact",
    "buffer_percent": "Buffer",
    "panel_target": "Panel target",
}
RENAMED: Final = {
    "expected_cents": "expected", "charge_cents": "charge", "amount_cents": "amount", "episode_id": "line",
}  # fmt: skip


class Asked(msgspec.Struct, frozen=True):
    month: str | None = None


class TypedFee(msgspec.Struct, frozen=True):
    code: str
    payer: str = ""
    expected: str | None = None
    charge: str | None = None


class TypedDenial(msgspec.Struct, frozen=True):
    """`line` is the episode's id and the code."""

    month: str
    line: str
    reason_code: str
    amount: str
    denied_on: date
    note: str | None = None


class Settled(msgspec.Struct, frozen=True):
    outcome: Outcome


class Billed(msgspec.Struct, frozen=True):
    month: str
    csv: str


@get(PATH, opt=STAFF)
async def money_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, query(request, Asked).month, Forms()))


@post(f"{PATH}/fees", opt=STAFF)
async def change_fee(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        typed = await forms.read(request, TypedFee)
        form = FeeForm(
            typed.code, _cents("expected", typed.expected), typed.payer, _cents("charge", typed.charge)
        )
        await require_unchanged(visit, _stored_fees)
        await service.set_fee(visit.tx, visit.actor, form, now=visit.now)
        return said(PATH, "fees")

    return await submit(request, console, do, _again("fee", FEE, _stored_fees))


@post(f"{PATH}/denials", opt=STAFF)
async def add_denial(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        typed = await forms.read(request, TypedDenial)
        episode, _, code = typed.line.partition(" ")
        form = DenialForm(
            month=typed.month,
            episode_id=_id(episode),
            code=code,
            reason_code=typed.reason_code,
            amount_cents=_cents("amount", typed.amount) or 0,
            denied_on=typed.denied_on,
            note=typed.note,
        )
        await once(visit, lambda: service.record_denial(visit.tx, visit.actor, form, now=visit.now))
        return said(PATH, "denial_recorded", month=typed.month)

    return await submit(request, console, do, _again("denial", DENIAL))


@post(f"{PATH}/denials/{{denial_id:uuid}}", opt=STAFF)
async def settle(request: WebRequest, console: Console, denial_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, Settled)
        await service.settle_denial(visit.tx, visit.actor, denial_id, form.outcome, now=visit.now)
        return said(PATH, "denial_settled")

    return await submit(request, console, do, _again("denial", DENIAL))


@post(f"{PATH}/staffing", opt=STAFF)
async def change_staffing(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        fields = await forms.pairs(request)
        plan = forms.parse(fields, Plan)
        typed = [(name.removeprefix("hours_"), value) for name, value in fields if name.startswith("hours_")]
        hours = {_id(who): _minutes(f"hours_{who}", value) for who, value in typed if value.strip()}
        await require_unchanged(visit, _stored_staffing)
        await service.set_staffing(visit.tx, visit.actor, plan, hours, now=visit.now)
        return said(PATH, "staffing")

    return await submit(request, console, do, _again("staffing", STAFFING, _stored_staffing))


@post(f"{PATH}/shadow", opt=STAFF)
async def compare(request: WebRequest, console: Console) -> Response[Any]:
    """Saves nothing, so it answers with the page itself."""
    form = await forms.read(request, Billed)

    async def read(visit: Visit) -> View:
        try:
            bill = shadow.read(form.csv)
        except Invalid as error:
            refused = Forms(shadow=await read_again(visit, "shadow", error, {"csv": "The bill,"}))
            return await _page(visit, form.month, refused)
        month = _month(visit, form.month)
        found = await queries.shadow_month(visit.tx, visit.actor, month, bill, now=visit.now)
        return await _page(visit, form.month, Forms(), found)

    return await show(request, console, read)


def _again(
    which: str, labels: dict[str, str], stored: Stored | None = None
) -> Callable[[Visit, DomainError], Awaitable[View]]:
    async def again(visit: Visit, error: DomainError) -> View:
        typed = dict(await forms.pairs(visit.request))
        hours = {name: "Hours" for name in typed if name.startswith("hours_")}
        named, renamed = labels | hours, dict(RENAMED)
        if stored is None:
            form = await read_again(visit, which, error, named, renamed)
        else:
            form = await read_stale(visit, error, named, stored, renamed)
        return await _page(visit, typed.get("month"), Forms(**{which: form}))

    return again


async def _stored_fees(visit: Visit) -> FormState:
    found = await queries.fee_tables(visit.tx, visit.actor)
    return money_presenter.fee_form(found.fees, found.charges)


async def _stored_staffing(visit: Visit) -> FormState:
    found = await queries.staffing(visit.tx, visit.actor)
    return money_presenter.staffing_form(found.plan, found.weekly_minutes)


async def _page(visit: Visit, month: str | None, refused: Forms, found: Shadow | None = None) -> View:
    money = await queries.money(visit.tx, visit.actor, _month(visit, month), now=visit.now)
    return View("billing/money.html", money_presenter.page(money, refused, found), "billing")


def _month(visit: Visit, text: str | None) -> Month:
    """The month before the present one, unless one is asked for."""
    return Month.parse(text) if text else Month.of(visit.today).plus(-1)


def _cents(field: str, text: str | None) -> int | None:
    """An amount as people type it, in cents. Raises Invalid for a third decimal."""
    plain = (text or "").replace(",", "").replace("$", "").strip()
    if not plain:
        return None
    if _AMOUNT.fullmatch(plain) is None:
        raise Invalid.field(field, "needs an amount such as 162.40")
    return int(Decimal(plain) * 100)


def _minutes(field: str, text: str) -> int:
    if _AMOUNT.fullmatch(text.strip()) is None:
        raise Invalid.field(field, "needs hours such as 32 or 32.5")
    return int(Decimal(text.strip()) * 60)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid.field("line", "is needed") from None


ROUTES: Final = [money_page, change_fee, add_denial, settle, change_staffing, compare]
