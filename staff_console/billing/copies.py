"""Copies of a closed month for the EHR: the list with its ticks, and one patient's text."""

from __future__ import annotations

from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct

from billing.close import copies
from billing.close.copies import MonthCopy
from billing.packet.copies import month_copy
from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.access import CARE, CLINICAL
from registry.filing import service as filing
from staff_console import formats, people
from staff_console.billing import closing
from staff_console.billing.views import CopiesPage, CopyRow
from staff_console.contact.presenter import copy_page
from staff_console.deps import ConsoleDeps
from staff_console.pages import View, Visit, query, said, show, submit
from staff_console.whose import known

Console = NamedDependency[ConsoleDeps]


class CopiesQuery(Struct, frozen=True):
    who: Literal["all", "mine"] = "mine"


class TickForm(Struct, frozen=True):
    filed: Literal["yes", "no"]
    back: Literal["copy", "list"] = "list"


@get("/billing/{month:str}/copies", opt=access.staff(*CLINICAL))
async def copies_page(request: WebRequest, console: Console, month: FromPath[str]) -> Response[str]:
    wanted = closing.parsed(month)
    mine = query(request, CopiesQuery).who == "mine"

    async def read(visit: Visit) -> View:
        found = await copies.copies(visit.tx, visit.actor, wanted, mine=mine, now=visit.now)
        page = CopiesPage(
            month=str(wanted),
            month_text=formats.month_text(str(wanted)),
            mine=mine,
            left=sum(one.filed_at is None for one in found),
            rows=tuple(_row(visit, str(wanted), one) for one in found),
            may_file=visit.actor.has(*CARE, "consultant"),
        )
        return View("billing/copies.html", page, "billing")

    return await show(request, console, read)


@get("/billing/{month:str}/copies/{patient_id:uuid}/{ref_id:uuid}", opt=access.staff(*CLINICAL))
async def copy(
    request: WebRequest,
    console: Console,
    month: FromPath[str],
    patient_id: FromPath[UUID],
    ref_id: FromPath[UUID],
) -> Response[str]:
    wanted = closing.parsed(month)
    return await show(request, console, lambda visit: _copy(visit, str(wanted), patient_id, ref_id))


@post("/billing/{month:str}/copies/{patient_id:uuid}/{ref_id:uuid}", opt=access.staff(*CARE, "consultant"))
async def tick(
    request: WebRequest,
    console: Console,
    month: FromPath[str],
    patient_id: FromPath[UUID],
    ref_id: FromPath[UUID],
) -> Response[Any]:
    """The tick that says the copy is in the EHR, or takes that back."""
    base = f"/billing/{closing.parsed(month)}/copies"

    async def do(visit: Visit) -> str:
        form = await forms.read(request, TickForm)
        filed = form.filed == "yes"
        await copies.mark(visit.tx, visit.actor, patient_id, ref_id, filed=filed, now=visit.now)
        to = f"{base}/{patient_id}/{ref_id}" if form.back == "copy" else base
        return said(to, "filed" if filed else "unfiled")

    async def again(visit: Visit, error: DomainError) -> View:
        raise error

    return await submit(request, console, do, again)


async def _copy(visit: Visit, month: str, patient_id: UUID, ref_id: UUID) -> View:
    patient = await known(visit, patient_id)
    text = await month_copy(visit.tx, visit.actor, patient_id, ref_id, now=visit.now)
    states = await filing.states(visit.tx, visit.actor, patient_id, refs=[ref_id], now=visit.now)
    page = copy_page(visit, patient, "month", ref_id, text, states.get(ref_id))
    page = msgspec.structs.replace(page, file_to=_href(month, patient_id, ref_id))
    return View("contact/copy.html", page, "billing")


def _row(visit: Visit, month: str, found: MonthCopy) -> CopyRow:
    return CopyRow(
        patient=people.name(found.family_name, found.given_name),
        href=_href(month, found.patient_id, found.ref_id),
        owner=found.owner or "Nobody yet",
        filed=None if found.filed_at is None else visit.at(found.filed_at),
        filed_by=found.filed_by or "",
        changed=found.changed_at is not None,
    )


def _href(month: str, patient_id: UUID, ref_id: UUID) -> str:
    return f"/billing/{month}/copies/{patient_id}/{ref_id}"


ROUTES: Final = [copies_page, copy, tick]
