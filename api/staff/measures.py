"""Scores over time, and forms that were filled in on paper, by phone or in another record."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff import examples
from api.staff.calls import READ, ROOT, WRITE, Call, Items, Key, created, within
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CARE, CLINICAL
from registry.measures import entry, queries
from registry.measures.queries import RunAnswers
from registry.measures.rules import EntrySource, ItemsForm, ResultFacts, TotalForm

OF_PATIENT = f"{ROOT}/patients/{{patient_id:uuid}}/measures"


class ItemsEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`answers`: item number -> value, null or absent when missing. `declined`: items the patient would not answer.
    `taken_on` is the clinic's local date."""

    instrument_id: str
    answers: dict[int, int | None]
    taken_on: date
    source: EntrySource
    language: str = "en"
    declined: frozenset[int] = frozenset()


class TotalEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `item9` the result says "unknown" and a task asks somebody to find out."""

    instrument_id: str
    total: int
    taken_on: date
    source: EntrySource
    language: str = "en"
    item9: int | None = None
    item9_declined: bool = False


@get(OF_PATIENT, opt=access.token(*CLINICAL), tags=["measures"], summary="Scores over time", **READ)
async def history(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[ResultFacts]:
    """Oldest first, the newest 400. `total` is null unless every scored item was answered; `prorated_total` is for
    display alone. `item9` unknown or declined is never "no risk"."""

    async def body(call: Call) -> Items[ResultFacts]:
        found = await queries.history(call.tx, call.actor, patient_id, now=call.now)
        return Items(found.results)

    return await within(request, deps, body)


@get(
    f"{ROOT}/measures/{{run_id:uuid}}/answers", opt=access.token(*CLINICAL), tags=["measures"],
    summary="The answers behind a score", **READ,
)  # fmt: skip
async def answers(request: WebRequest, deps: NamedDependency[Deps], run_id: FromPath[UUID]) -> RunAnswers:
    """Every revision of every answer, and why results were replaced."""
    return await within(
        request, deps, lambda call: queries.answers(call.tx, call.actor, run_id, now=call.now)
    )


@post(f"{OF_PATIENT}/items", opt=access.token(*CARE), tags=["measures"], summary="Enter a form", **WRITE)
async def enter_items(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[ItemsEntry, BodyKwarg(examples=examples.ITEMS)],
    idempotency_key: Key = None,
) -> Response[ResultFacts]:
    """A positive or declined item 9 alerts the clinic as if the patient had just answered."""
    form = ItemsForm(patient_id=patient_id, **msgspec.structs.asdict(data))

    async def create(call: Call) -> UUID:
        made = await entry.enter_items(call.tx, call.actor, form, now=call.now, alerts=deps.alerts)
        return made.run_id

    return await created(request, deps, idempotency_key, create, _show)


@post(f"{OF_PATIENT}/totals", opt=access.token(*CARE), tags=["measures"], summary="Enter a total", **WRITE)
async def enter_total(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[TotalEntry, BodyKwarg(examples=examples.TOTAL)],
    idempotency_key: Key = None,
) -> Response[ResultFacts]:
    """A score whose items are not at hand."""
    form = TotalForm(patient_id=patient_id, **msgspec.structs.asdict(data))

    async def create(call: Call) -> UUID:
        made = await entry.enter_total(call.tx, call.actor, form, now=call.now, alerts=deps.alerts)
        return made.run_id

    return await created(request, deps, idempotency_key, create, _show)


async def _show(call: Call, run_id: UUID) -> ResultFacts:
    return await queries.result_of(call.tx, run_id)


ROUTES: tuple[Any, ...] = (history, answers, enter_items, enter_total)
