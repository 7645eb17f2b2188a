"""The registry: one line a patient."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from billing.export.csv import CsvFile
from billing.statement.near import NextLine, next_lines
from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.flags.thresholds import Thresholds, of_clinic
from registry.organisation import queries as organisation
from registry.time_log.months import Month
from registry.worklist import own_views
from registry.worklist import queries as worklist
from registry.worklist.beside import Beside
from registry.worklist.beside import beside as read_beside
from registry.worklist.queries import Line, Page
from registry.worklist.rules import RULE_FLAGS
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, query, read_again, said, show, submit, within
from staff_console.registry import presenter
from staff_console.registry.export import registry_file
from staff_console.registry.forms import FIELDS, VIEW, RegistryQuery, ViewForm, days, wanted, whose

LINES: Final = 50
CASELOAD: Final = 100  # a full caseload fits on one page
Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*CLINICAL)


@get("/registry", opt=STAFF)
async def registry_page(request: WebRequest, console: Console) -> Response[str]:
    asked = query(request, RegistryQuery)
    return await show(request, console, lambda visit: _page(visit, asked))


@get("/registry/print", opt=STAFF)
async def registry_print(request: WebRequest, console: Console) -> Response[str]:
    """Every line of the view on paper."""
    asked = query(request, RegistryQuery)

    async def read(visit: Visit) -> View:
        beside, lines = await _everything(visit, asked)
        around = presenter.Around(beside, {}, Thresholds())
        page = presenter.page(visit, asked, Page(lines, None), around)
        return View("registry/print.html", page, "registry")

    return await show(request, console, read)


@get("/registry/export", opt=STAFF)
async def registry_export(request: WebRequest, console: Console) -> Response[bytes]:
    """Every line of the view as a file for a spreadsheet."""
    asked = query(request, RegistryQuery)

    async def read(visit: Visit) -> CsvFile:
        beside, lines = await _everything(visit, asked)
        return registry_file(visit, lines, beside.managers)

    file = await within(request, console, read)
    headers = {"content-disposition": f'attachment; filename="{file.name}"'}
    return Response(file.content, media_type=file.media_type, headers=headers)


@post("/registry/views", opt=STAFF)
async def save_view(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, ViewForm)
        wanted(form.query, visit.today, visit.zone)
        kept = form.query.fields()
        await own_views.save_view(visit.tx, visit.actor, form.name, kept, now=visit.now)
        return said("/registry", "view_saved", **kept)

    async def again(visit: Visit, error: DomainError) -> View:
        typed = forms.parse([f for f in await forms.pairs(request) if f[0] in FIELDS], RegistryQuery)
        return await _page(visit, typed, await read_again(visit, "view", error, VIEW))

    return await submit(request, console, do, again)


@post("/registry/views/{view_id:uuid}/delete", opt=STAFF)
async def delete_view(request: WebRequest, console: Console, view_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await own_views.delete_view(visit.tx, visit.actor, view_id, now=visit.now)
        return said("/registry", "view_deleted")

    return await submit(request, console, do, lambda visit, _: _page(visit, RegistryQuery()))


async def _page(visit: Visit, asked: RegistryQuery, refused: FormState | None = None) -> View:
    """Eight statements with those that say who is asking; a test counts them."""
    tx, now, narrowed = visit.tx, visit.now, wanted(asked, visit.today, visit.zone)
    day = days(visit.today, 1, visit.zone)
    beside = await read_beside(tx, visit.actor, today=visit.today, now=now, whose=whose(asked), day=day)
    found = await worklist.registry_page(
        tx,
        visit.actor,
        narrowed,
        asked.after,
        LINES if asked.caseload == "clinic" else CASELOAD,
        now=now,
        today=visit.today,
        covering=beside.covering,
    )
    billed = await next_lines_of(visit, found.lines)
    explained = asked.flag in RULE_FLAGS
    numbers = (
        of_clinic((await organisation.clinic(tx, visit.clinic_id)).settings) if explained else Thresholds()
    )
    page = presenter.page(visit, asked, found, presenter.Around(beside, billed, numbers, refused))
    return View("registry/registry.html", page, "registry")


async def _everything(visit: Visit, asked: RegistryQuery) -> tuple[Beside, tuple[Line, ...]]:
    beside = await read_beside(visit.tx, visit.actor, today=visit.today, now=visit.now)
    lines = await worklist.registry_export(
        visit.tx,
        visit.actor,
        wanted(asked, visit.today, visit.zone),
        now=visit.now,
        today=visit.today,
        covering=beside.covering,
    )
    return beside, lines


async def next_lines_of(visit: Visit, lines: tuple[Line, ...]) -> dict[UUID, NextLine]:
    """The stored minutes count only in the month they were counted for."""
    month = Month.of(visit.today)
    minutes = {
        line.episode_id: line.counted_seconds // 60 if line.minutes_month == str(month) else 0
        for line in lines
        if line.enrolled_on is not None
    }
    return await next_lines(visit.tx, visit.clinic_id, minutes, month, visit.frame.zone)


ROUTES: Final = [registry_page, registry_print, registry_export, save_view, delete_view]
