"""Risk events worked in another system, the agenda of the case review, and drills.

A key is no person: it reports what a named member of staff did about an event that a person has taken. Taking,
deciding and closing are done in the console.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath, QueryParameter
from litestar.response import Response

from api.staff import safety_examples
from api.staff.calls import READ, ROOT, WRITE, Call, Created, Items, Key, created, only_id, within
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CLINICAL
from registry.drills import queries as drills
from registry.drills import service as drilling
from registry.drills.queries import DrillReport
from registry.safety import assessing, handling, steps
from registry.safety import queries as safety
from registry.safety.packs import Pack
from registry.safety.queries import AgendaLine, HistoryLine
from registry.safety.rules import AttemptChannel, AttemptOutcome, RiskLevel, SafetyStep

EVENT = f"{ROOT}/risk-events/{{event_id:uuid}}"
STAFF = access.token(*CLINICAL)
Since = Annotated[datetime | None, QueryParameter(description="From here on, ISO 8601 with an offset.")]
Until = Annotated[datetime | None, QueryParameter(description="Up to here; default: now.")]


class AttemptReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`by_id`: the member of staff who tried."""

    by_id: UUID
    channel: AttemptChannel
    outcome: AttemptOutcome
    note: str | None = None


class AssessmentReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`tool`: a pack's id, or `cssrs` for a form on paper, which has no `answers`."""

    by_id: UUID
    tool: str
    level: RiskLevel
    findings: str
    answers: dict[str, str] = {}
    level_reason: str | None = None
    mitigation: str | None = None


class StepReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`who` it went to, and when."""

    by_id: UUID
    step: SafetyStep
    who: str
    at: datetime
    note: str | None = None


class EventNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by_id: UUID
    note: str


class PackView(msgspec.Struct, frozen=True):
    """`fields` maps each question's id to its label."""

    id: str
    version: str
    title: str
    language: str
    fields: dict[str, str]


@post(
    f"{EVENT}/attempts", opt=STAFF, tags=["safety"], summary="Report an attempt to reach the patient", **WRITE
)
async def attempt(
    request: WebRequest,
    deps: NamedDependency[Deps],
    event_id: FromPath[UUID],
    data: Annotated[AttemptReport, BodyKwarg(examples=safety_examples.EVENT_ATTEMPT)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Restarts the event's clock. A 409 while nobody has acknowledged it."""

    async def create(call: Call) -> UUID:
        await handling.log_attempt(
            call.tx, call.actor, event_id,
            channel=data.channel, outcome=data.outcome, note=data.note, by_id=data.by_id, now=call.now,
        )  # fmt: skip
        return event_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{EVENT}/assessments", opt=STAFF, tags=["safety"], summary="Report an assessment", **WRITE)
async def assessment(
    request: WebRequest,
    deps: NamedDependency[Deps],
    event_id: FromPath[UUID],
    data: Annotated[AssessmentReport, BodyKwarg(examples=safety_examples.EVENT_ASSESSMENT)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Never lowers a tier and never closes an event. A 422 names each answer that is missing."""

    async def create(call: Call) -> UUID:
        await assessing.log_assessment(
            call.tx, call.actor, event_id,
            tool=data.tool, level=data.level, findings=data.findings, answers=data.answers,
            level_reason=data.level_reason, mitigation=data.mitigation, by_id=data.by_id, now=call.now,
        )  # fmt: skip
        return event_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{EVENT}/steps", opt=STAFF, tags=["safety"], summary="Report who was informed or called", **WRITE)
async def step(
    request: WebRequest,
    deps: NamedDependency[Deps],
    event_id: FromPath[UUID],
    data: Annotated[StepReport, BodyKwarg(examples=safety_examples.EVENT_STEP)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """The emergency contact and a welfare check come after a clinician's decision in the console, else a 409."""

    async def create(call: Call) -> UUID:
        await steps.take_step(
            call.tx, call.actor, event_id,
            step=data.step, who=data.who, at=data.at, note=data.note, by_id=data.by_id, now=call.now,
        )  # fmt: skip
        return event_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{EVENT}/notes", opt=STAFF, tags=["safety"], summary="Add a note to a risk event", **WRITE)
async def note(
    request: WebRequest,
    deps: NamedDependency[Deps],
    event_id: FromPath[UUID],
    data: Annotated[EventNote, BodyKwarg(examples=safety_examples.EVENT_NOTE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Does not restart the clock."""

    async def create(call: Call) -> UUID:
        await handling.add_note(call.tx, call.actor, event_id, data.note, by_id=data.by_id, now=call.now)
        return event_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(f"{ROOT}/risk-agenda", opt=STAFF, tags=["safety"], summary="Risk events for the case review", **READ)
async def agenda(request: WebRequest, deps: NamedDependency[Deps], since: Since = None) -> Items[AgendaLine]:
    """Open ones, and those closed since `since`; the highest tier first. Without `since` the open ones alone."""

    async def body(call: Call) -> Items[AgendaLine]:
        return Items(await safety.for_review(call.tx, call.actor, since=since or call.now, now=call.now))

    return await within(request, deps, body)


@get(
    f"{ROOT}/patients/{{patient_id:uuid}}/risk-history", opt=STAFF, tags=["safety"],
    summary="What was done about a patient's risk events", **READ,
)  # fmt: skip
async def history(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[HistoryLine]:
    """Newest first, at most 500."""

    async def body(call: Call) -> Items[HistoryLine]:
        return Items(await safety.history_of(call.tx, call.actor, patient_id, now=call.now))

    return await within(request, deps, body)


@get(f"{ROOT}/assessment-packs", opt=STAFF, tags=["safety"], summary="Tools of assessment", **READ)
async def assessment_packs(request: WebRequest, deps: NamedDependency[Deps]) -> Items[PackView]:
    """The built-in questions first, then the newest version of each imported pack."""

    async def body(call: Call) -> Items[PackView]:
        return Items(tuple(_pack(pack) for pack in await assessing.usable_packs(call.tx)))

    return await within(request, deps, body)


@get(
    f"{ROOT}/drills",
    opt=access.token(*CLINICAL, "administrator"),
    tags=["safety"],
    summary="Drill report",
    **READ,
)
async def drill_report(
    request: WebRequest, deps: NamedDependency[Deps], since: Since = None, until: Until = None
) -> DrillReport:
    """The last 92 days unless told otherwise. Drills are in no other number."""
    return await within(
        request, deps, lambda call: drills.report(call.tx, call.actor, since=since, until=until, now=call.now)
    )


@post(
    f"{ROOT}/drills",
    opt=access.token("clinic_lead", "administrator"),
    tags=["safety"],
    summary="Start a drill",
    **WRITE,
)
async def start_drill(
    request: WebRequest, deps: NamedDependency[Deps], idempotency_key: Key = None
) -> Response[Created]:
    """Gives the id of its risk event. Alerts marked DRILL leave at once. A 409 while a drill is running."""

    async def create(call: Call) -> UUID:
        return await drilling.start_drill(call.tx, call.actor, now=call.now, alerts=deps.alerts)

    return await created(request, deps, idempotency_key, create, only_id)


def _pack(pack: Pack) -> PackView:
    fields = {field.id: field.label for field in pack.fields}
    return PackView(pack.id, pack.version, pack.title, pack.language, fields)


ROUTES: tuple[Any, ...] = (
    attempt, assessment, step, note, agenda, history, assessment_packs, drill_report, start_drill,
)  # fmt: skip
