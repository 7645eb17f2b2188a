"""Putting right what was recorded: a time entry, a death noted by mistake, a correction of a month that changed nothing."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, QueryParameter
from litestar.response import Response

from api.staff.billing_months import CHECKED, OF_MONTH
from api.staff.calls import READ, ROOT, WRITE, Call, Created, Items, Key, created, only_id, within
from api.staff.contacts import ChartText, whose
from api.staff.patients import PatientView, shown
from api.staff.time import TimeEntry
from api.wiring import Deps
from billing.close import queries as closed
from billing.close import service as closing
from billing.close.rules import Delta
from billing.statement.open_points import OpenPoint, open_points
from billing.statement.service import EXPORTERS, READERS
from kernel.errors import NotFound
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CARE, CLINICAL
from registry.disengagement import queries as endings
from registry.disengagement.queries import ClosingNote
from registry.drills import service as drills
from registry.drills.rules import Schedule
from registry.episodes import service as episodes
from registry.time_log import service as time_log
from registry.time_log.months import Month
from registry.time_log.service import TimeForm

LEAD: Final = access.token("clinic_lead")
ENTRY: Final = f"{ROOT}/time-entries/{{entry_id:uuid}}"
ENDINGS: Final = f"{ROOT}/patients/{{patient_id:uuid}}/closing/decisions"
_ENTRY: Final[dict[str, Any]] = {
    "staff_id": "019a0000-0000-7000-8000-000000000002",
    "started_at": "2026-11-20T17:05:00Z",
    "minutes": 12,
    "activity": "care_plan",
    "reason": "Started five minutes later",
}
_CORRECTION: Final = [Example(summary="As it was", value=_ENTRY)]
_VOID: Final = [Example(summary="It never was", value={"reason": "Logged for the wrong patient"})]
_SCHEDULE: Final = [
    Example(summary="Weekly in a pilot", value={"every_days": 7, "slots": ["staffed", "night"]})
]


class TimeCorrection(TimeEntry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The entry as it should have been, and why."""

    reason: Annotated[str, msgspec.Meta(max_length=500)]


class VoidedEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why there was no such time."""

    reason: Annotated[str, msgspec.Meta(max_length=500)]


@post(f"{ENTRY}/corrections", opt=LEAD, tags=["time"], summary="Correct a time entry", **WRITE)
async def correct_time(
    request: WebRequest,
    deps: NamedDependency[Deps],
    entry_id: FromPath[UUID],
    data: Annotated[TimeCorrection, BodyKwarg(examples=_CORRECTION)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """The id is the new entry's; the old one stays in the log with the reason."""
    kept = msgspec.structs.asdict(data)
    form = TimeForm(**{name: kept[name] for name in TimeForm.__struct_fields__})

    async def create(call: Call) -> UUID:
        return await time_log.correct_time(call.tx, call.actor, entry_id, form, data.reason, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{ENTRY}/void", opt=LEAD, tags=["time"], summary="Void a time entry", **WRITE)
async def void_time(
    request: WebRequest,
    deps: NamedDependency[Deps],
    entry_id: FromPath[UUID],
    data: Annotated[VoidedEntry, BodyKwarg(examples=_VOID)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """It counts nowhere any more and stays in the log with the reason."""

    async def create(call: Call) -> UUID:
        return await time_log.correct_time(call.tx, call.actor, entry_id, None, data.reason, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/patients/{{patient_id:uuid}}/deceased/undo", opt=access.token(*CARE), tags=["patients"],
    summary="Take a death back that was noted by mistake", **WRITE,
)  # fmt: skip
async def undo_deceased(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    idempotency_key: Key = None,
) -> Response[PatientView]:
    """Status, next contact and plan are as before; what was kept from going out stays kept."""

    async def create(call: Call) -> UUID:
        await episodes.undo_deceased(call.tx, call.actor, patient_id, now=call.now, outreach=deps.outreach)
        return patient_id

    return await created(request, deps, idempotency_key, create, shown)


@get(ENDINGS, opt=access.token(*CLINICAL), tags=["contacts"], summary="Decisions about giving up", **READ)
async def closing_decisions(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[ClosingNote]:
    """Newest first, at most 20, of every episode."""

    async def body(call: Call) -> Items[ClosingNote]:
        await whose(call, patient_id)
        return Items(await endings.decisions(call.tx, call.actor, patient_id, now=call.now))

    return await within(request, deps, body)


@get(
    f"{ENDINGS}/{{decision_id:uuid}}/chart-text", opt=access.token(*CLINICAL), tags=["contacts"],
    summary="A decision about giving up as text for the EHR", **READ,
)  # fmt: skip
async def closing_text(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID], decision_id: FromPath[UUID]
) -> ChartText:
    """Times are in the clinic's zone."""

    async def body(call: Call) -> ChartText:
        heading, zone = await whose(call, patient_id)
        note = await endings.decision(call.tx, call.actor, patient_id, decision_id, now=call.now)
        return ChartText(endings.closing_text(note, heading, zone))

    return await within(request, deps, body)


@put(
    f"{ROOT}/drills/schedule", opt=access.token("clinic_lead", "administrator"), tags=["safety"],
    summary="Change how often is rehearsed", **WRITE,
)  # fmt: skip
async def drill_schedule(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[Schedule, BodyKwarg(examples=_SCHEDULE)],
) -> Schedule:
    """Each slot once in so many days; 0 is by hand alone."""

    async def body(call: Call) -> Schedule:
        await drills.set_schedule(call.tx, call.actor, data, now=call.now)
        return data

    return await within(request, deps, body)


@post(
    f"{OF_MONTH}/close-again", opt=access.token(*EXPORTERS), tags=["billing"],
    summary="End a correction that changed nothing", **WRITE,
)  # fmt: skip
async def close_again(
    request: WebRequest,
    deps: NamedDependency[Deps],
    month: FromPath[str],
    idempotency_key: Key = None,
) -> Response[Created]:
    """A 409 when the record differs from what was closed: then it is an adjustment."""

    async def create(call: Call) -> UUID:
        return await closing.close_again(call.tx, call.actor, Month.parse(month), now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@get(
    f"{OF_MONTH}/adjustments/{{version:str}}", opt=access.token(*EXPORTERS), tags=["billing"],
    summary="What an adjustment changed", responses=CHECKED,
)  # fmt: skip
async def adjustment(
    request: WebRequest, deps: NamedDependency[Deps], month: FromPath[str], version: FromPath[str]
) -> Items[Delta]:
    """Every patient-month that came, changed or went, field by field. Versions of adjustments begin at 2."""
    if not (version.isascii() and version.isdigit() and len(version) < 7):
        raise NotFound("the version")
    number = int(version)

    async def body(call: Call) -> Items[Delta]:
        return Items(await closed.adjustment(call.tx, call.actor, Month.parse(month), number, now=call.now))

    return await within(request, deps, body)


@get(
    f"{OF_MONTH}/missing", opt=access.token(*READERS), tags=["billing"],
    summary="What a month still lacks", responses=CHECKED,
)  # fmt: skip
async def missing(
    request: WebRequest,
    deps: NamedDependency[Deps],
    month: FromPath[str],
    mine: Annotated[bool, QueryParameter(description="Only what the key's role can mend.")] = False,
) -> Items[OpenPoint]:
    """By family name; patients who lack nothing are left out."""

    async def body(call: Call) -> Items[OpenPoint]:
        return Items(await open_points(call.tx, call.actor, Month.parse(month), now=call.now, mine=mine))

    return await within(request, deps, body)


ROUTES: tuple[Any, ...] = (
    correct_time, void_time, undo_deceased, closing_decisions, closing_text, drill_schedule, close_again, adjustment,
    missing,
)  # fmt: skip
