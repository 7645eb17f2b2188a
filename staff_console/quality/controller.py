"""Quality: a month's figures, the patients behind them, and the signed review."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect
from msgspec import Meta

from kernel.errors import DomainError, Invalid, NotFound
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from messaging.schedule.asked import AskedCheckIns
from registry.quality import queries, service
from registry.time_log.months import Month
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, read_again, said, show, submit, within
from staff_console.quality import presenter
from staff_console.quality.presenter import Facts

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*CLINICAL)
CHECK_INS: Final = AskedCheckIns()


class SignForm(msgspec.Struct, frozen=True):
    """What follows from the figures."""

    note: Annotated[str, Meta(max_length=2000)]


SIGN: Final = {"note": "What follows from the figures", "month": "The month"}


@get("/quality", opt=STAFF)
async def quality_start(request: WebRequest, console: Console) -> Redirect:
    """The last whole month."""

    async def month(visit: Visit) -> Month:
        return Month.of(visit.today).plus(-1)

    return Redirect(f"/quality/{await within(request, console, month)}", status_code=303)


@get("/quality/{month:str}", opt=STAFF)
async def quality_page(request: WebRequest, console: Console, month: FromPath[str]) -> Response[str]:
    wanted = _parsed(month)
    return await show(request, console, lambda visit: _page(visit, wanted))


@post("/quality/{month:str}/sign", opt=access.staff("clinic_lead"))
async def sign(request: WebRequest, console: Console, month: FromPath[str]) -> Response[Any]:
    wanted = _parsed(month)

    async def do(visit: Visit) -> str:
        form = await forms.read(request, SignForm)
        await service.sign_month(visit.tx, visit.actor, wanted, form.note, now=visit.now, check_ins=CHECK_INS)
        return said(f"/quality/{wanted}", "month_signed")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, wanted, await read_again(visit, "sign", error, SIGN))

    return await submit(request, console, do, again)


async def _page(visit: Visit, month: Month, refused: FormState | None = None) -> View:
    tx, viewer, now = visit.tx, visit.actor, visit.now
    facts = Facts(
        found=await queries.month_figures(tx, viewer, month, now=now, check_ins=CHECK_INS),
        caseloads=await queries.caseloads(tx, viewer),
        remission=await service.cms159(tx, viewer, month.year, now=now),
        signed=await queries.signed_reviews(tx, viewer, now=now),
    )
    return View("quality/quality.html", presenter.page(visit, month, facts, refused), "quality")


def _parsed(month: str) -> Month:
    try:
        return Month.parse(month)
    except Invalid:
        raise NotFound("this month") from None


ROUTES: Final = [quality_start, quality_page, sign]
