"""The first thirty days, the pilot, the sheet for the day the network is down, and the whole record to take along."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Response

from api.staff.calls import READ, READ_ERRORS, ROOT, WRITE_ERRORS, Call, Items, within
from api.staff.clinic_settings import deployment
from api.wiring import Deps
from billing.close.queries import closed_months
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CLINICAL
from registry.launch import going_live, queries
from registry.launch.checklist import State
from registry.launch.exit_export import exit_export
from registry.launch.queries import PilotFacts, SheetLine

_ARCHIVE: Final = ResponseSpec(
    bytes, description="A ZIP archive.", media_type="application/zip", generate_examples=False
)


class LaunchItem(msgspec.Struct, frozen=True):
    """`ticked`: only a person can know, in the console; the others are worked out."""

    id: str
    title: str
    why: str
    state: State
    due_on: date
    detail: str
    ticked: bool


class PilotView(msgspec.Struct, frozen=True):
    """Null while no limit on the patients in care is set."""

    pilot: PilotFacts | None


@get(
    f"{ROOT}/launch", opt=access.token("administrator", "clinic_lead"), tags=["clinic"],
    summary="The first thirty days", **READ,
)  # fmt: skip
async def checklist(request: WebRequest, deps: NamedDependency[Deps]) -> Items[LaunchItem]:
    """In the order of a start in practice."""

    async def body(call: Call) -> Items[LaunchItem]:
        missing = await going_live.missing(call.tx, call.clinic_id, deployment(deps))
        lines = await queries.launch_checklist(
            call.tx,
            call.actor,
            safety_items_open=len(missing),
            closed_months=await closed_months(call.tx, call.clinic_id),
            now=call.now,
        )
        return Items(
            tuple(
                LaunchItem(
                    line.item.id, line.item.title, line.item.why, line.state, line.due_on, line.detail,
                    line.item.ticked,
                )
                for line in lines
            )
        )  # fmt: skip

    return await within(request, deps, body)


@get(
    f"{ROOT}/pilot",
    opt=access.token(*CLINICAL, "administrator"),
    tags=["clinic"],
    summary="The pilot",
    **READ,
)
async def pilot(request: WebRequest, deps: NamedDependency[Deps]) -> PilotView:
    """Its limit, its figures as they stand, and its signed reports. A person starts it and signs, in the console."""

    async def body(call: Call) -> PilotView:
        return PilotView(await queries.pilot_facts(call.tx, call.actor, now=call.now))

    return await within(request, deps, body)


@get(
    f"{ROOT}/downtime-sheet",
    opt=access.token(*CLINICAL),
    tags=["clinic"],
    summary="The downtime sheet",
    **READ,
)
async def downtime_sheet(request: WebRequest, deps: NamedDependency[Deps]) -> Items[SheetLine]:
    """Everybody in or before care, safety first, then by next contact; at most 1,000."""

    async def body(call: Call) -> Items[SheetLine]:
        return Items(await queries.downtime_sheet(call.tx, call.actor, now=call.now))

    return await within(request, deps, body)


@get(
    f"{ROOT}/exit-export",
    opt=access.token("clinic_lead"),
    tags=["clinic"],
    summary="The whole record",
    responses={200: _ARCHIVE, **READ_ERRORS, 409: WRITE_ERRORS[409]},
)
async def whole_record(request: WebRequest, deps: NamedDependency[Deps]) -> Response[bytes]:
    """One file of JSON lines a table, sealed text opened; what lets somebody in stays behind. A 409 beyond a million
    rows."""

    async def body(call: Call) -> tuple[str, bytes]:
        file = await exit_export(call.tx, call.actor, now=call.now)
        return file.name, file.content

    name, content = await within(request, deps, body)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/zip", headers=headers)


ROUTES: tuple[Any, ...] = (checklist, pilot, downtime_sheet, whole_record)
