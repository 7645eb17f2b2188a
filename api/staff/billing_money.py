"""Money and staffing of a month, and another system's bill beside ours."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath

from api.staff import billing_examples
from api.staff.billing_months import CHECKED, OF_MONTH
from api.staff.calls import WRITE_ERRORS, Call, within
from api.wiring import Deps
from billing.money import queries as money_queries
from billing.money import shadow
from billing.money.rules import DenialGroup, PersonMinutes, RevenueLine
from billing.statement.service import EXPORTERS
from kernel.web import access
from kernel.web.context import WebRequest
from registry.time_log.months import Month


class UnderMonth(msgspec.Struct, frozen=True):
    """A month that reached no line. `missing` minutes to `next_line`, null when none comes."""

    patient_id: str
    minutes: int
    missing: int | None
    next_line: str
    why: tuple[str, ...]


class StaffWeek(msgspec.Struct, frozen=True):
    """The next seven days in minutes; `available` is null until the hours are entered."""

    staff_id: str
    contacts: int
    needed: int
    available: int | None
    short: int
    panel: int
    panel_target: int


class MonthMoney(msgspec.Struct, frozen=True):
    """Cents. `closed`: as closed, else computed now."""

    month: str
    closed: bool
    expected_cents: int
    held_cents: int
    lines: tuple[RevenueLine, ...]
    people: tuple[PersonMinutes, ...]
    under: tuple[UnderMonth, ...]
    week: tuple[StaffWeek, ...]
    denials: tuple[DenialGroup, ...]


class ShadowBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`csv` has the columns mrn, code and units."""

    csv: str


class ShadowLine(msgspec.Struct, frozen=True):
    """`patient_id` is empty for a record number nobody has."""

    patient_id: str
    kind: str
    theirs: str
    ours: str
    why: str


class ShadowResult(msgspec.Struct, frozen=True):
    agreeing: int
    differences: tuple[ShadowLine, ...]


@get(
    f"{OF_MONTH}/money",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="A month in money, minutes and people",
    responses=CHECKED,
)
async def money(request: WebRequest, deps: NamedDependency[Deps], month: FromPath[str]) -> MonthMoney:
    """Expected amounts by the clinic's own fees, denials, minutes by person, and the next seven days."""

    async def body(call: Call) -> MonthMoney:
        found = await money_queries.money(call.tx, call.actor, Month.parse(month), now=call.now)
        return MonthMoney(
            month=found.month,
            closed=found.closed,
            expected_cents=found.revenue.expected_cents,
            held_cents=found.revenue.held_cents,
            lines=found.revenue.lines,
            people=found.people,
            under=tuple(
                UnderMonth(each.patient_id, each.minutes, each.missing, each.next_line, each.why)
                for each in found.under
            ),
            week=tuple(
                StaffWeek(
                    each.staff_id, each.contacts, each.needed, each.available, each.short, each.panel,
                    each.panel_target,
                )
                for each in found.week
            ),
            denials=found.denial_groups,
        )  # fmt: skip

    return await within(request, deps, body)


@post(
    f"{OF_MONTH}/shadow",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="Another system's bill beside ours",
    status_code=200,
    responses=WRITE_ERRORS,
)
async def compare(
    request: WebRequest,
    deps: NamedDependency[Deps],
    month: FromPath[str],
    data: Annotated[ShadowBody, BodyKwarg(examples=billing_examples.SHADOW)],
) -> ShadowResult:
    """Compared and not stored; each difference with its reason."""
    bill = shadow.read(data.csv)

    async def body(call: Call) -> ShadowResult:
        found = await money_queries.shadow_month(call.tx, call.actor, Month.parse(month), bill, now=call.now)
        return ShadowResult(
            found.agreeing,
            tuple(
                ShadowLine(each.patient_id, each.kind, each.theirs, each.ours, each.why)
                for each in found.differences
            ),
        )

    return await within(request, deps, body)


ROUTES: tuple[Any, ...] = (money, compare)
