"""The registry: one line a patient."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from billing.statement.near import NextLine, next_lines
from kernel.web import access
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.organisation import queries as organisation
from registry.time_log.months import Month
from registry.worklist import queries as worklist
from registry.worklist.frame import registry_counts
from registry.worklist.queries import Line
from staff_console.deps import ConsoleDeps
from staff_console.pages import View, Visit, query, show
from staff_console.registry import presenter
from staff_console.registry.forms import RegistryQuery, wanted

LINES: Final = 50


@get("/registry", opt=access.staff(*CLINICAL))
async def registry_page(request: WebRequest, console: NamedDependency[ConsoleDeps]) -> Response[str]:
    asked = query(request, RegistryQuery)

    async def read(visit: Visit) -> View:
        tx, now = visit.tx, visit.now
        found = await worklist.registry_page(
            tx, visit.actor, wanted(asked), asked.after, LINES, now=now, today=visit.today
        )
        counts = await registry_counts(tx, visit.actor, today=visit.today, now=now)
        managers = await organisation.holders(tx, visit.clinic_id, "care_manager")
        billed = await next_lines_of(visit, found.lines)
        page = presenter.page(visit, asked, found, counts, managers, billed)
        return View("registry/registry.html", page, "registry")

    return await show(request, console, read)


async def next_lines_of(visit: Visit, lines: tuple[Line, ...]) -> dict[UUID, NextLine]:
    """The stored minutes count only in the month they were counted for."""
    month = Month.of(visit.today)
    minutes = {
        line.episode_id: line.counted_seconds // 60 if line.minutes_month == str(month) else 0
        for line in lines
        if line.enrolled_on is not None
    }
    return await next_lines(visit.tx, visit.clinic_id, minutes, month, visit.frame.zone)


ROUTES: Final = [registry_page]
