"""Closing a month, correcting it, and what may be taken from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from billing.close import claims as claim_files
from billing.close import queries, service
from billing.close.claims import ClaimBatch
from billing.close.files import FileKind
from billing.packet.service import packet
from billing.statement import service as statements
from billing.statement.service import EXPORTERS, Statement
from kernel.errors import Conflict, DomainError, Invalid, NotFound
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.time_log.months import Month
from staff_console.billing import closing_presenter, presenter
from staff_console.billing.closing_presenter import ADJUST, CLOSE, CORRECT, Forms
from staff_console.deps import ConsoleDeps
from staff_console.enrol import scripts
from staff_console.pages import View, Visit, read_again, rendered, said, shell, show, submit, within

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*EXPORTERS)


class CloseForm(msgspec.Struct, frozen=True):
    despite: str | None = None


class ReasonForm(msgspec.Struct, frozen=True):
    reason: str


class AdjustForm(msgspec.Struct, frozen=True):
    reason: str
    despite: str | None = None


class ClaimsForm(msgspec.Struct, frozen=True):
    leave_out: bool = False


async def month_view(visit: Visit, month: Month, refused: Forms = Forms()) -> View:  # noqa: B008  frozen
    """A closed month as it stands, any other as the record gives it now."""
    state = await queries.month_state(visit.tx, visit.actor, month, now=visit.now)
    if state.versions:
        rows = tuple(each.row for each in state.standing)
        inputs = tuple(each.inputs for each in state.standing)
        found = Statement(month, visit.frame.zone, rows, inputs, state.problems)
    else:
        found = await statements.statement(visit.tx, visit.actor, month, now=visit.now)
    close = None
    if visit.actor.has(*EXPORTERS):
        close = closing_presenter.section(visit, state, duplicates=bool(found.problems), refused=refused)
    return View("billing/month.html", presenter.page(visit, found, close), "billing")


@post("/billing/{month:str}/close", opt=STAFF)
async def close_month(request: WebRequest, console: Console, month: FromPath[str]) -> Response[Any]:
    wanted = parsed(month)

    async def do(visit: Visit) -> str:
        form = await forms.read(request, CloseForm)
        await service.close_month(visit.tx, visit.actor, wanted, now=visit.now, despite=form.despite)
        return said(f"/billing/{wanted}", "month_closed")

    async def again(visit: Visit, error: DomainError) -> View:
        return await month_view(visit, wanted, Forms(close=await read_again(visit, "close", error, CLOSE)))

    return await submit(request, console, do, again)


@post("/billing/{month:str}/correct", opt=STAFF)
async def correct(request: WebRequest, console: Console, month: FromPath[str]) -> Response[Any]:
    """Opens a closed month for corrections of its time."""
    wanted = parsed(month)

    async def do(visit: Visit) -> str:
        form = await forms.read(request, ReasonForm)
        await service.open_for_correction(visit.tx, visit.actor, wanted, form.reason, now=visit.now)
        return said(f"/billing/{wanted}", "month_opened")

    async def again(visit: Visit, error: DomainError) -> View:
        return await month_view(
            visit, wanted, Forms(correct=await read_again(visit, "correct", error, CORRECT))
        )

    return await submit(request, console, do, again)


@post("/billing/{month:str}/adjust", opt=STAFF)
async def adjust(request: WebRequest, console: Console, month: FromPath[str]) -> Response[Any]:
    wanted = parsed(month)

    async def do(visit: Visit) -> str:
        form = await forms.read(request, AdjustForm)
        await service.adjust_month(
            visit.tx, visit.actor, wanted, form.reason, now=visit.now, despite=form.despite
        )
        return said(f"/billing/{wanted}", "month_adjusted")

    return await submit(request, console, do, _again_adjust(wanted))


@post("/billing/{month:str}/close-again", opt=STAFF)
async def close_again(request: WebRequest, console: Console, month: FromPath[str]) -> Response[Any]:
    """Ends a correction that changed nothing."""
    wanted = parsed(month)

    async def do(visit: Visit) -> str:
        await service.close_again(visit.tx, visit.actor, wanted, now=visit.now)
        return said(f"/billing/{wanted}", "month_closed")

    return await submit(request, console, do, _again_adjust(wanted))


def _again_adjust(month: Month) -> Callable[[Visit, DomainError], Awaitable[View]]:
    async def again(visit: Visit, error: DomainError) -> View:
        return await month_view(visit, month, Forms(adjust=await read_again(visit, "adjust", error, ADJUST)))

    return again


@get("/billing/{month:str}/adjustments/{version:str}", opt=STAFF)
async def adjustment(
    request: WebRequest, console: Console, month: FromPath[str], version: FromPath[str]
) -> Response[str]:
    wanted, number = parsed(month), numbered(version)

    async def read(visit: Visit) -> View:
        deltas = await queries.adjustment(visit.tx, visit.actor, wanted, number, now=visit.now)
        known = await queries.version_list(visit.tx, visit.actor, wanted)
        [found] = [each for each in known if each.version == number]
        page = closing_presenter.adjustment(visit, wanted, found, deltas)
        return View("billing/adjustment.html", page, "billing")

    return await show(request, console, read)


@get("/billing/{month:str}/files/{version:str}/{kind:str}", opt=STAFF)
async def file(
    request: WebRequest, console: Console, month: FromPath[str], version: FromPath[str], kind: FromPath[str]
) -> Response[bytes]:
    """The bytes as they were stored."""
    wanted, number = parsed(month), numbered(version)
    if kind not in queries.KINDS:
        raise NotFound("the file")
    known: FileKind = kind

    async def read(visit: Visit) -> Response[bytes]:
        found = await queries.download(visit.tx, visit.actor, wanted, number, known, now=visit.now)
        return _download(found.name, found.media_type, found.content)

    return await within(request, console, read)


@get("/billing/{month:str}/packets/{episode_id:uuid}", opt=STAFF)
async def audit_packet(
    request: WebRequest, console: Console, month: FromPath[str], episode_id: FromPath[UUID]
) -> Response[bytes]:
    wanted = parsed(month)

    async def read(visit: Visit) -> Response[bytes]:
        found = await packet(
            visit.tx, visit.actor, wanted, episode_id, words=scripts.care_words, now=visit.now
        )
        return _download(found.name, "application/zip", found.content)

    return await within(request, console, read)


@get("/billing/{month:str}/claims", opt=STAFF)
async def claims_page(request: WebRequest, console: Console, month: FromPath[str]) -> Response[str]:
    wanted = parsed(month)

    async def read(visit: Visit) -> View:
        batch = await claim_files.claim_batch(visit.tx, visit.actor, wanted, now=visit.now)
        return View("billing/claims.html", closing_presenter.claims(batch, None, ()), "billing")

    return await show(request, console, read)


@post("/billing/{month:str}/claims", opt=STAFF)
async def make_claims(request: WebRequest, console: Console, month: FromPath[str]) -> Response[Any]:
    """Written and checked between two transactions: the maps take their time, and nobody waits for them."""
    wanted = parsed(month)
    form = await forms.read(request, ClaimsForm)

    async def look(visit: Visit) -> ClaimBatch:
        return await claim_files.claim_batch(visit.tx, visit.actor, wanted, now=visit.now)

    batch = await within(request, console, look)
    problems: tuple[str, ...] = ()
    refusal: DomainError
    try:
        claim_files.require_makeable(batch, leave_out=form.leave_out)
        checked = await asyncio.to_thread(claim_files.checked, batch, console.clock.now())
        problems = checked.problems

        async def do(visit: Visit) -> str:
            await claim_files.store_claims(visit.tx, visit.actor, batch, checked, now=visit.now)
            return said(f"/billing/{wanted}/claims", "claims_made")

        return await submit(
            request, console, do, lambda visit, error: _claims_again(visit, batch, error, problems)
        )
    except Conflict as error:
        refusal = error

    async def again(visit: Visit) -> Response[Any]:
        view = await _claims_again(visit, batch, refusal, problems)
        return rendered(request, view, shell(visit, view), status=409)

    return await within(request, console, again)


async def _claims_again(
    visit: Visit, batch: ClaimBatch, error: DomainError, problems: tuple[str, ...]
) -> View:
    form = await read_again(visit, "claims", error, {"leave_out": "Leave them out"})
    return View("billing/claims.html", closing_presenter.claims(batch, form, problems), "billing")


def parsed(text: str) -> Month:
    try:
        return Month.parse(text)
    except Invalid:
        raise NotFound("this month") from None


def numbered(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise NotFound("this version")
    return int(text)


def _download(name: str, media_type: str, content: bytes) -> Response[bytes]:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


ROUTES: Final = [
    close_month, correct, adjust, close_again, adjustment, file, audit_packet, claims_page, make_claims,
]  # fmt: skip
