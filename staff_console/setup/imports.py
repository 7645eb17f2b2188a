"""Patients, scores, contacts and billed months from another registry: pasted or chosen as a file, checked row by row,
brought in whole."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final, get_args
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response
from msgspec import Meta

from kernel.errors import Conflict, DomainError, Invalid
from kernel.web import access, forms, uploads
from kernel.web.context import WebRequest
from registry.imports import queries, service
from registry.imports.files import FIELDS, ColumnMapping, DateStyle, ImportFile, ImportKind, read_file
from registry.imports.queries import SavedMapping
from registry.imports.rules import Verdict
from registry.imports.service import Ports, Report
from staff_console import words
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState, filled
from staff_console.pages import View, Visit, query, said, show, submit
from staff_console.refusals import refused, typed
from staff_console.setup.import_views import ImportPage, PastLine, RowVerdict

Console = NamedDependency[ConsoleDeps]
LARGEST_FILE: Final = 1024 * 1024
LARGEST_FORM: Final = 3 * LARGEST_FILE  # one that a hidden field carries, and another chosen in its place
LEAD: Final = access.staff(*service.IMPORTERS)
POST: Final = LEAD | forms.up_to(LARGEST_FORM)
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
    "file": "The file",
    "sheet": "The sheet",
    "csv": "The table",
}


class Asked(msgspec.Struct, frozen=True):
    mapping: UUID | None = None


class FileForm(msgspec.Struct, frozen=True):
    """`columns`: a line for each field, as `mrn = Chart number`. `file`: as `uploads` packs it."""

    kind: ImportKind
    name: Annotated[str, Meta(max_length=60)]
    columns: str
    csv: str | None = None
    file: str | None = None
    file_name: str | None = None
    sheet: str | None = None
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

    def read(self) -> ImportFile:
        if (self.csv is None) == (self.file is None):
            raise Invalid.field("file", "is to be chosen, or its table pasted, and one of the two alone")
        if self.file is None:
            return read_file((self.csv or "").encode(), sheet=self.sheet)
        content = uploads.unpacked(self.file)
        if len(content) > LARGEST_FILE:
            raise Invalid.field("file", "is larger than 1 MB: evenkeel import on the server takes it")
        return read_file(content, name=self.file_name or "", sheet=self.sheet)


class Given(msgspec.Struct, frozen=True):
    kind: ImportKind
    mapping: ColumnMapping
    file: ImportFile


@get(PATH, opt=LEAD)
async def import_page(request: WebRequest, console: Console) -> Response[str]:
    async def read(visit: Visit) -> View:
        wanted = query(request, Asked).mapping
        saved = await queries.saved_mappings(visit.tx, visit.actor)
        return await _page(visit, _filled(next((each for each in saved if each.id == wanted), None)))

    return await show(request, console, read)


@post(f"{PATH}/check", opt=POST, request_max_body_size=LARGEST_FORM)
async def check(request: WebRequest, console: Console) -> Response[str]:
    """Saves nothing, so it answers with the page itself."""

    given = await _given(request)

    async def read(visit: Visit) -> View:
        if isinstance(given, Invalid):
            return await _refused(visit, given)
        try:
            report = await service.dry_run(
                visit.tx, visit.actor, given.kind, given.file, given.mapping,
                now=visit.now, ports=_ports(visit),
            )  # fmt: skip
        except (Invalid, Conflict) as error:
            return await _refused(visit, error)
        return await _page(visit, typed("import", await _fields(request)), report, given.file.sheet)

    return await show(request, console, read)


@post(PATH, opt=POST, request_max_body_size=LARGEST_FORM)
async def bring_in(request: WebRequest, console: Console) -> Response[Any]:
    given = await _given(request)

    async def do(visit: Visit) -> str:
        if isinstance(given, Invalid):
            raise given
        await service.run(
            visit.tx, visit.actor, given.kind, given.file, given.mapping,
            now=visit.now, ports=_ports(visit),
        )  # fmt: skip
        return said(PATH, "imported")

    return await submit(request, console, do, _refused)


async def _given(request: WebRequest) -> Given | Invalid:
    """Read off the loop, before a transaction is open."""
    try:
        form = await forms.read(request, FileForm)
        return Given(form.kind, form.mapping(), await asyncio.to_thread(form.read))
    except Invalid as error:
        return error


async def _fields(request: WebRequest) -> forms.Pairs:
    """Of two files the later, which was chosen in place of the one that the form carried."""
    return list({name: (name, value) for name, value in await forms.pairs(request) if value.strip()}.values())


async def _refused(visit: Visit, error: DomainError) -> View:
    if isinstance(error, Invalid) and any(each.field.startswith("columns.") for each in error.problems):
        lines = [f"{p.field.removeprefix('columns.')} {p.message}" for p in error.problems]
        error = Invalid.field("columns", ": ".join(("as written", "; ".join(lines))))
    fields = await _fields(visit.request)
    names = {name for name, _ in fields}
    pasted = {"file": "csv"} if "csv" in names and "file" not in names else None
    return await _page(visit, refused("import", fields, error, LABELS, pasted))


def _ports(visit: Visit) -> Ports:
    return Ports(visit.console.outreach, visit.console.alerts)


def _filled(saved: SavedMapping | None) -> FormState:
    if saved is None:
        return filled("import", kind="patients", dates="iso")
    columns = "\n".join(f"{field} = {heading}" for field, heading in saved.mapping.columns.items())
    return filled(
        "import", kind=saved.kind, name=saved.mapping.name, dates=saved.mapping.dates, columns=columns
    )


async def _page(
    visit: Visit, form: FormState, report: Report | None = None, sheet: str | None = None
) -> View:
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
        sheet=sheet,
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
