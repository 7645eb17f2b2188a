"""The landing page, and who stands in for whom."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from messaging.schedule import queries as schedule
from registry.cover import queries as covers
from registry.cover import service as cover
from registry.cover.rules import CoverForm
from registry.organisation import queries as organisation
from registry.recommendations import queries as recommendations
from registry.stepped_care import queries as steps
from registry.worklist import queries as worklist
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, query, read_again, said, show, submit
from staff_console.today import presenter
from staff_console.today.presenter import Beside

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*CLINICAL)


class TodayQuery(msgspec.Struct, frozen=True):
    """Nothing chosen: one's own for those who have patients, the clinic's for its lead."""

    whose: Literal["", "mine", "clinic"] = ""


class CoverFields(msgspec.Struct, frozen=True):
    absent_id: UUID
    covering_id: UUID
    from_on: date
    until_on: date


COVER: Final = {
    "absent_id": "Who is away",
    "covering_id": "Who stands in",
    "from_on": "The first day",
    "until_on": "The last day",
}


@get("/today", opt=STAFF)
async def today_page(request: WebRequest, console: Console) -> Response[str]:
    asked = query(request, TodayQuery)
    return await show(request, console, lambda visit: _page(visit, asked))


@post("/cover", opt=STAFF)
async def assign_cover(request: WebRequest, console: Console) -> Response[Any]:
    """Oneself, or anybody by the clinic lead."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, CoverFields)
        wanted = CoverForm(**msgspec.structs.asdict(form))
        await cover.assign(visit.tx, visit.actor, wanted, now=visit.now)
        return said("/today", "cover_set")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, TodayQuery(), await read_again(visit, "cover", error, COVER))

    return await submit(request, console, do, again)


@post("/cover/{cover_id:uuid}/end", opt=STAFF)
async def end_cover(request: WebRequest, console: Console, cover_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await cover.call_off(visit.tx, visit.actor, cover_id, now=visit.now)
        return said("/today", "cover_ended")

    return await submit(request, console, do, lambda visit, _: _page(visit, TodayQuery()))


async def _page(visit: Visit, asked: TodayQuery, refused: FormState | None = None) -> View:
    tx, viewer, now = visit.tx, visit.actor, visit.now
    whose = asked.whose or ("clinic" if viewer.has("clinic_lead") else "mine")
    covering = await covers.covered_by(tx, visit.clinic_id, visit.staff_id, visit.today)
    found = await worklist.today(tx, viewer, now=now, mine=whose == "mine", covering=covering)
    colleagues: dict[UUID, str] = {}
    for role in CLINICAL:
        colleagues |= await organisation.holders(tx, visit.clinic_id, role)
    beside = Beside(
        outgoing=await schedule.going_out_today(tx, viewer, now=now, own=whose == "mine", covering=covering),
        approvals=await recommendations.waiting_for(tx, viewer, now=now),
        steps=await steps.waiting(
            tx, viewer, now=now, own=whose == "mine", covering=covering, beside_agenda=True
        ),
        covers=await covers.current_and_planned(tx, visit.clinic_id, visit.today),
        colleagues=colleagues,
        whose=whose,
        refused=refused,
    )
    return View("today/today.html", presenter.page(visit, found, beside), "today")


ROUTES: Final = [today_page, assign_cover, end_cover]
