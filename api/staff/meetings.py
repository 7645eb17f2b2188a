"""What becomes of a case review and of each place on its agenda, and the sentence under its advice."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff.calls import READ, ROOT, WRITE, Call, Created, Key, created, only_id, within
from api.staff.contacts import ChartText, whose
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CLINICAL
from registry.recommendations import queries as recommended
from registry.review import chart, queries, service, wording
from registry.review.wording import Wording

HOLDERS: Final = access.token(*service.HOLDERS)
ONE: Final = f"{ROOT}/case-reviews/{{review_id:uuid}}"
ITEM: Final = f"{ROOT}/case-reviews/items/{{item_id:uuid}}"
TEXT: Final = f"{ROOT}/advice-wording"
_PATIENT: Final = [
    Example(summary="Brought up in the meeting", value={"patient_id": "019a0000-0000-7000-8000-000000000003"})
]
_REASON: Final = [Example(summary="Not today", value={"reason": "Waits for the laboratory", "version": 1})]
_NOTE: Final = [Example(summary="At the end", value={"note": "Two patients are taken up again next week."})]
_WORDING: Final = [
    Example(
        summary="In the clinic's own words",
        value={"body": "The consultant has not examined the patient; the clinician decides.", "version": 0},
    )
]


class AgendaPatient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody with an open episode who is not on the agenda."""

    patient_id: UUID


class PassedOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`version` is that of the place that was looked at."""

    reason: str
    version: int | None = None


class MeetingNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the meeting left to say, or null."""

    note: str | None = None


class WordingForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`version` is the one that was looked at; 0 is the one that ships."""

    body: str
    version: int


@post(f"{ONE}/cancel", opt=HOLDERS, tags=["review"], summary="Cancel a case review", **WRITE)
async def cancel(
    request: WebRequest,
    deps: NamedDependency[Deps],
    review_id: FromPath[UUID],
    idempotency_key: Key = None,
) -> Response[Created]:
    """A planned one; an open one is closed."""

    async def create(call: Call) -> UUID:
        await service.cancel(call.tx, call.actor, review_id, now=call.now)
        return review_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{ONE}/items", opt=HOLDERS, tags=["review"], summary="Put a patient on the agenda", **WRITE)
async def add_patient(
    request: WebRequest,
    deps: NamedDependency[Deps],
    review_id: FromPath[UUID],
    data: Annotated[AgendaPatient, BodyKwarg(examples=_PATIENT)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """At its end, while the meeting is open. The id is the place's."""

    async def create(call: Call) -> UUID:
        return await service.add_patient(call.tx, call.actor, review_id, data.patient_id, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{ONE}/close", opt=HOLDERS, tags=["review"], summary="Close a case review", **WRITE)
async def close(
    request: WebRequest,
    deps: NamedDependency[Deps],
    review_id: FromPath[UUID],
    data: Annotated[MeetingNote, BodyKwarg(examples=_NOTE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Whom nobody came to stays on the list of the next meeting."""

    async def create(call: Call) -> UUID:
        await service.close(call.tx, call.actor, review_id, data.note, now=call.now)
        return review_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(f"{ITEM}/pass", opt=HOLDERS, tags=["review"], summary="Pass a patient over", **WRITE)
async def pass_over(
    request: WebRequest,
    deps: NamedDependency[Deps],
    item_id: FromPath[UUID],
    data: Annotated[PassedOver, BodyKwarg(examples=_REASON)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Not today, with the reason; the next agenda judges anew."""

    async def create(call: Call) -> UUID:
        await service.pass_over(call.tx, call.actor, item_id, data.reason, version=data.version, now=call.now)
        return item_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(
    f"{ITEM}/chart-text", opt=access.token(*CLINICAL), tags=["review"],
    summary="A discussed case as text for the EHR", **READ,
)  # fmt: skip
async def chart_text(request: WebRequest, deps: NamedDependency[Deps], item_id: FromPath[UUID]) -> ChartText:
    """With what was recommended, and the clinic's own sentence under it."""

    async def body(call: Call) -> ChartText:
        item = await queries.item(call.tx, call.actor, item_id, now=call.now)
        heading, zone = await whose(call, item.patient_id)
        sent = await recommended.of_items(call.tx, call.actor, [item_id], now=call.now)
        sentence = await wording.shown_to(call.tx, call.actor)
        advice = sent.get(item.patient_id, ())
        return ChartText(chart.review_text(item, advice, heading, sentence.body, zone))

    return await within(request, deps, body)


@get(TEXT, opt=access.token(*CLINICAL), tags=["review"], summary="The sentence under advice", **READ)
async def read_wording(request: WebRequest, deps: NamedDependency[Deps]) -> Wording:
    """It closes every recommendation and set of minutes."""
    return await within(request, deps, lambda call: wording.shown_to(call.tx, call.actor))


@put(
    TEXT,
    opt=access.token("clinic_lead"),
    tags=["review"],
    summary="Change the sentence under advice",
    **WRITE,
)
async def set_wording(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[WordingForm, BodyKwarg(examples=_WORDING)],
) -> Wording:
    """A new version; what was sent keeps the sentence it was sent with."""

    async def body(call: Call) -> Wording:
        await wording.set_wording(call.tx, call.actor, data.body, version=data.version, now=call.now)
        return await wording.shown_to(call.tx, call.actor)

    return await within(request, deps, body)


ROUTES: tuple[Any, ...] = (cancel, add_patient, close, pass_over, chart_text, read_wording, set_wording)
