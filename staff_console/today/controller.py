"""The landing page."""

from __future__ import annotations

from typing import Final

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from kernel.web import access
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from messaging.schedule import queries as schedule
from registry.worklist import queries as worklist
from staff_console.deps import ConsoleDeps
from staff_console.pages import View, Visit, show
from staff_console.today import presenter


@get("/today", opt=access.staff(*CLINICAL))
async def today_page(request: WebRequest, console: NamedDependency[ConsoleDeps]) -> Response[str]:
    async def read(visit: Visit) -> View:
        found = await worklist.today(visit.tx, visit.actor, now=visit.now)
        outgoing = await schedule.going_out_today(visit.tx, visit.actor, now=visit.now)
        return View("today/today.html", presenter.page(visit, found, outgoing), "today")

    return await show(request, console, read)


ROUTES: Final = [today_page]
