"""The month for the biller, and its file."""

from __future__ import annotations

from typing import Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from billing.statement import service
from billing.statement.service import EXPORTERS, READERS
from kernel.web import access
from kernel.web.context import WebRequest
from registry.time_log.months import Month
from staff_console.billing import closing, copies, explained, identity, money, payers, rule_sets
from staff_console.deps import ConsoleDeps
from staff_console.pages import View, Visit, show, within

Console = NamedDependency[ConsoleDeps]


@get("/billing", opt=access.staff(*READERS))
async def billing_start(request: WebRequest, console: Console) -> Redirect:
    async def month(visit: Visit) -> Month:
        return Month.of(visit.today)

    return Redirect(f"/billing/{await within(request, console, month)}", status_code=303)


@get("/billing/{month:str}", opt=access.staff(*READERS))
async def month_page(request: WebRequest, console: Console, month: FromPath[str]) -> Response[str]:
    wanted = closing.parsed(month)

    async def read(visit: Visit) -> View:
        return await closing.month_view(visit, wanted)

    return await show(request, console, read)


@get("/billing/{month:str}/export.csv", opt=access.staff(*EXPORTERS))
async def export(request: WebRequest, console: Console, month: FromPath[str]) -> Response[bytes]:
    """The guarded profile, which a spreadsheet may open."""
    wanted = closing.parsed(month)

    async def read(visit: Visit) -> tuple[str, str, bytes]:
        file = await service.export_csv(visit.tx, visit.actor, wanted, now=visit.now)
        return file.name, file.media_type, file.content

    name, media_type, content = await within(request, console, read)
    disposition = f'attachment; filename="{name}"'
    return Response(content, media_type=media_type, headers={"content-disposition": disposition})


ROUTES: Final = [
    billing_start,
    month_page,
    export,
    *closing.ROUTES,
    *identity.ROUTES,
    *payers.ROUTES,
    *rule_sets.ROUTES,
    *money.ROUTES,
    *explained.ROUTES,
    *copies.ROUTES,
]
