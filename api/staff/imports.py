"""Bringing in a file from another registry: trying it row by row, all of it or nothing, and what was brought in before."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg
from litestar.response import Response

from api.staff import examples
from api.staff.calls import READ, ROOT, WRITE, Call, Created, Items, Key, created, only_id, within
from api.wiring import Deps
from kernel.errors import Invalid, Problem
from kernel.web import access
from kernel.web.context import WebRequest
from registry.imports import queries, service
from registry.imports.files import ColumnMapping, ImportFile, ImportKind, read_file
from registry.imports.queries import PastImport, SavedMapping
from registry.imports.rules import Verdict
from registry.imports.service import Ports, Report

LEAD = access.token(*service.IMPORTERS)


LARGEST_BODY: Final = 2 * 1024 * 1024


class ImportEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of `csv`, the file's text with its headings, and `xlsx`, an Excel workbook in Base64 (RFC 4648 section 4).
    `sheet`: of the workbook, the first that is shown otherwise. Larger files than a body may be: `evenkeel import` on
    the server."""

    kind: ImportKind
    mapping: ColumnMapping
    csv: str | None = None
    xlsx: str | None = None
    sheet: str | None = None


class CellReason(msgspec.Struct, frozen=True):
    """`column` is the file's heading, or the field where the mapping names no column for it."""

    column: str
    reason: str


class RowVerdict(msgspec.Struct, frozen=True):
    """`line` as an editor counts it, of a workbook the sheet's row. No reasons: the row can be used. Cells are never repeated."""

    line: int
    usable: bool
    reasons: tuple[CellReason, ...]


class TriedImport(msgspec.Struct, frozen=True):
    """What a run would say of each row, in the order of the file. `usable` rows of `rows`: a file comes in whole."""

    kind: ImportKind
    rows: int
    usable: int
    verdicts: tuple[RowVerdict, ...]


@get(f"{ROOT}/imports", opt=LEAD, tags=["imports"], summary="Files brought in before", **READ)
async def past_imports(request: WebRequest, deps: NamedDependency[Deps]) -> Items[PastImport]:
    """Newest first, at most 50."""

    async def body(call: Call) -> Items[PastImport]:
        return Items(await queries.past_imports(call.tx, call.actor))

    return await within(request, deps, body)


@get(f"{ROOT}/imports/mappings", opt=LEAD, tags=["imports"], summary="Saved mappings", **READ)
async def saved_mappings(request: WebRequest, deps: NamedDependency[Deps]) -> Items[SavedMapping]:
    """By kind and name, at most 50. A mapping is kept when a file was brought in with it."""

    async def body(call: Call) -> Items[SavedMapping]:
        return Items(await queries.saved_mappings(call.tx, call.actor))

    return await within(request, deps, body)


@post(
    f"{ROOT}/imports/check", opt=LEAD, status_code=200, tags=["imports"], summary="Try a file, row by row",
    request_max_body_size=LARGEST_BODY, **WRITE,
)  # fmt: skip
async def try_import(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[ImportEntry, BodyKwarg(examples=examples.IMPORT)],
) -> TriedImport:
    """Every row is filed and taken back, its alerts too. A 422 for a file or mapping that can't be read at all, a 409
    for a file that was brought in already."""

    file = await _file_of(data)

    async def body(call: Call) -> TriedImport:
        try:
            return _tried(
                await service.dry_run(
                    call.tx, call.actor, data.kind, file, data.mapping,
                    now=call.now, ports=Ports(deps.outreach, deps.alerts),
                )
            )  # fmt: skip
        except Invalid as error:
            raise _of_the_body(error, data) from None

    return await within(request, deps, body)


@post(
    f"{ROOT}/imports", opt=LEAD, tags=["imports"], summary="Bring in a file",
    request_max_body_size=LARGEST_BODY, **WRITE,
)  # fmt: skip
async def bring_in(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[ImportEntry, BodyKwarg(examples=examples.IMPORT)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Every row, or none: a 422 names line, column and reason. Keeps the mapping under its name."""

    file = await _file_of(data)

    async def create(call: Call) -> UUID:
        try:
            return await service.run(
                call.tx, call.actor, data.kind, file, data.mapping,
                now=call.now, ports=Ports(deps.outreach, deps.alerts),
            )  # fmt: skip
        except Invalid as error:
            raise _of_the_body(error, data) from None

    return await created(request, deps, idempotency_key, create, only_id)


def _tried(report: Report) -> TriedImport:
    verdicts = tuple(_verdict(each) for each in report.verdicts)
    return TriedImport(report.kind, len(verdicts), sum(each.usable for each in verdicts), verdicts)


def _verdict(found: Verdict) -> RowVerdict:
    reasons = tuple(CellReason(column, reason) for column, reason in found.problems)
    return RowVerdict(found.line, found.usable, reasons)


async def _file_of(data: ImportEntry) -> ImportFile:
    """Read off the loop, before a transaction is open."""
    if (data.csv is None) == (data.xlsx is None):
        raise Invalid.field("csv", "or xlsx is needed, and one of the two alone")
    try:
        return await asyncio.to_thread(_read, data)
    except Invalid as error:
        raise _of_the_body(error, data) from None


def _read(data: ImportEntry) -> ImportFile:
    if data.xlsx is None:
        return read_file((data.csv or "").encode(), name="file.csv", sheet=data.sheet)
    try:
        content = base64.b64decode(data.xlsx, validate=True)
    except ValueError:
        raise Invalid.field("file", "is not Base64") from None
    return read_file(content, name="file.xlsx", sheet=data.sheet)


def _of_the_body(error: Invalid, data: ImportEntry) -> Invalid:
    """The file stands in one of two fields here, and name and columns under `mapping`."""
    here = {"file": "csv" if data.xlsx is None else "xlsx", "sheet": "sheet"}
    return Invalid(*(Problem(here.get(p.field, f"mapping.{p.field}"), p.message) for p in error.problems))


ROUTES: tuple[Any, ...] = (past_imports, saved_mappings, try_import, bring_in)
