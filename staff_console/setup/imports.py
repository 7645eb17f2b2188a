"""Patients, scores, contacts and billed months from another registry: pasted, checked row by row, brought in whole."""

from __future__ import annotations

from typing import Annotated, Any, Final, get_args
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response
from msgspec import Meta

from kernel.errors import Conflict, DomainError, Invalid
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.imports import queries, service
from registry.imports.files import FIELDS, ColumnMapping, DateStyle, ImportKind
from registry.imports.queries import SavedMapping
from registry.imports.rules import Verdict
from registry.imports.service import Ports, Report
from staff_console import words
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState, filled
from staff_console.pages import View, Visit, query, read_again, said, show, submit
from staff_console.refusals import typed
from staff_console.setup.import_views import ImportPage, PastLine, RowVerdict

Console = NamedDependency[ConsoleDeps]
LEAD: Final = access.staff(*service.IMPORTERS)
PATH: Final = "/setup/imports"
KINDS: Final = {
    "patients": "Patients",
    "scores": "Scores",
    "contacts": "Contacts",
    "billed_months": "Billed months",
}
DATES: Final = {"iso": "2026-11-05", "us": "11/5/2026"}
LABELS: Final = {
    "kind": "The kind",
    "name": "The name",
    "dates": "Dates",
    "columns": "The columns,",
    "csv": "The file,",
}


class Asked(msgspec.Struct, frozen=True):
    mapping: UUID | None = None


class FileForm(msgspec.Struct, frozen=True):
    """`columns`: a line for each field, as `mrn = Chart number`."""

    kind: ImportKind
    name: Annotated[str, Meta(max_length=60)]
    columns: str
    csv: str
    dates: DateStyle = "iso"

    def mapping(self) -> ColumnMapping:
        found: dict[str, str] = {}
        for line in self.columns.splitlines():
            field, sign, heading = (part.strip() for part in line.partition("="))
            if not line.strip():
                continue
            if not sign or not heading or field in found:
                raise Invalid.field("columns", "must be lines such as mrn = Chart number, each field once")
            found[field] = heading
        return ColumnMapping(self.name, found, self.dates)


@get(PATH, opt=LEAD)
async def import_page(request: WebRequest, console: Console) -> Response[str]:
    async def read(visit: Visit) -> View:
        wanted = query(request, Asked).mapping
        saved = await queries.saved_mappings(visit.tx, visit.actor)
        return await _page(visit, _filled(next((each for each in saved if each.id == wanted), None)))

    return await show(request, console, read)


@post(f"{PATH}/check", opt=LEAD)
async def check(request: WebRequest, console: Console) -> Response[str]:
    """Saves nothing, so it answers with the page itself."""

    async def read(visit: Visit) -> View:
        try:
            form = await forms.read(request, FileForm)
            report = await service.dry_run(
                visit.tx, visit.actor, form.kind, form.csv.encode(), form.mapping(),
                now=visit.now, ports=_ports(visit),
            )  # fmt: skip
        except (Invalid, Conflict) as error:
            return await _refused(visit, error)
        return await _page(visit, typed("import", await forms.pairs(request)), report)

    return await show(request, console, read)


@post(PATH, opt=LEAD)
async def bring_in(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, FileForm)
        await service.run(
            visit.tx, visit.actor, form.kind, form.csv.encode(), form.mapping(),
            now=visit.now, ports=_ports(visit),
        )  # fmt: skip
        return said(PATH, "imported")

    return await submit(request, console, do, _refused)


async def _refused(visit: Visit, error: DomainError) -> View:
    if isinstance(error, Invalid) and any(each.field.startswith("columns.") for each in error.problems):
        lines = [f"{p.field.removeprefix('columns.')} {p.message}" for p in error.problems]
        error = Invalid.field("columns", ": ".join(("as written", "; ".join(lines))))
    return await _page(visit, await read_again(visit, "import", error, LABELS))


def _ports(visit: Visit) -> Ports:
    return Ports(visit.console.outreach, visit.console.alerts)


def _filled(saved: SavedMapping | None) -> FormState:
    if saved is None:
        return filled("import", kind="patients", dates="iso")
    columns = "\n".join(f"{field} = {heading}" for field, heading in saved.mapping.columns.items())
    return filled(
        "import", kind=saved.kind, name=saved.mapping.name, dates=saved.mapping.dates, columns=columns
    )


async def _page(visit: Visit, form: FormState, report: Report | None = None) -> View:
    saved = await queries.saved_mappings(visit.tx, visit.actor)
    past = await queries.past_imports(visit.tx, visit.actor)
    verdicts = None if report is None else tuple(_verdict(each) for each in report.verdicts)
    page = ImportPage(
        form=form,
        kinds=words.choices(KINDS),
        dates=words.choices(DATES),
        fields=tuple((KINDS[kind], _named(kind, True), _named(kind, False)) for kind in get_args(ImportKind)),
        saved=tuple(
            (f"{PATH}?mapping={each.id}", f"{KINDS[each.kind]}: {each.mapping.name}") for each in saved
        ),
        past=tuple(
            PastLine(KINDS[each.kind], each.mapping, each.rows, each.by, visit.at(each.at)) for each in past
        ),
        verdicts=verdicts,
        usable=0 if verdicts is None else sum(each.usable for each in verdicts),
        ready=report is not None and not report.refused,
    )
    return View("setup/imports.html", page, "setup")


def _named(kind: ImportKind, needed: bool) -> str:
    return ", ".join(field for field, is_needed in FIELDS[kind].items() if is_needed is needed)


def _verdict(found: Verdict) -> RowVerdict:
    reasons = "; ".join(f"{column} {reason}" for column, reason in found.problems)
    return RowVerdict(found.line, found.usable, reasons or "Can be used")


ROUTES: Final = [import_page, check, bring_in]
