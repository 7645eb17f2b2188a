"""Case review: plan meetings, build the agenda, discuss one patient a screen, print agenda and minutes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import Conflict, DomainError, Invalid, Problem
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.filing import service as filing
from registry.organisation import queries as organisation
from registry.recommendations import queries as recommended
from registry.recommendations import service as recommendations
from registry.review import chart, queries, service, wording
from staff_console.approvals.forms import RecommendFields
from staff_console.contact.presenter import copy_page
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.review import presenter, sheets
from staff_console.review.forms import (
    LABELS,
    NOT_TODAY,
    AddFields,
    CloseFields,
    DiscussFields,
    PassFields,
    PlanFields,
    WordingFields,
    advises,
    at_fields,
    discusses,
    labels,
)
from staff_console.review.presenter import Staff
from staff_console.whose import heading, known

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*CLINICAL)
HOLDERS: Final = access.staff(*service.HOLDERS)
WRITTEN: Final = "what is written in the form would be lost: save the discussion, or clear it first"


@get("/review", opt=STAFF)
async def reviews_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, lambda visit: _reviews(visit, None))


@post("/review", opt=HOLDERS)
async def plan(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, PlanFields)

        async def make() -> UUID:
            return await service.plan(
                visit.tx, visit.actor, starts_at=visit.moment(form.on, form.at), minutes=form.minutes,
                consultant_id=form.consultant_id, care_manager_id=form.care_manager_id, now=visit.now,
            )  # fmt: skip

        await once(visit, make)
        return said("/review", "review_planned")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _reviews(visit, await read_again(visit, "plan", error, LABELS, {"starts_at": "on"}))

    return await submit(request, console, do, again)


@post("/review/wording", opt=access.staff("clinic_lead"))
async def set_wording(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, WordingFields)
        await wording.set_wording(visit.tx, visit.actor, form.body or "", version=form.version, now=visit.now)
        return said("/review", "wording")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _reviews(visit, await read_again(visit, "wording", error, LABELS))

    return await submit(request, console, do, again)


@get("/review/{review_id:uuid}", opt=STAFF)
async def agenda_page(request: WebRequest, console: Console, review_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _agenda(visit, review_id))


@get("/review/{review_id:uuid}/print", opt=STAFF)
async def minutes_page(request: WebRequest, console: Console, review_id: FromPath[UUID]) -> Response[str]:
    async def read(visit: Visit) -> View:
        found = await queries.review(visit.tx, visit.actor, review_id, now=visit.now)
        sent = await recommended.of_items(
            visit.tx, visit.actor, [item.id for item in found.items], now=visit.now
        )
        text = await wording.shown_to(visit.tx, visit.actor)
        return View("review/minutes.html", presenter.minutes(visit, found, sent, text), "review")

    return await show(request, console, read)


@post("/review/{review_id:uuid}/open", opt=HOLDERS)
async def open_review(request: WebRequest, console: Console, review_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await service.open_review(visit.tx, visit.actor, review_id, now=visit.now)
        return said(f"/review/{review_id}", "review_opened")

    return await submit(request, console, do, _agenda_again(review_id, "open"))


@post("/review/{review_id:uuid}/cancel", opt=HOLDERS)
async def cancel(request: WebRequest, console: Console, review_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await service.cancel(visit.tx, visit.actor, review_id, now=visit.now)
        return said("/review", "review_cancelled")

    return await submit(request, console, do, _agenda_again(review_id, "cancel"))


@post("/review/{review_id:uuid}/add", opt=HOLDERS)
async def add(request: WebRequest, console: Console, review_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, AddFields)
        item = await service.add_patient(visit.tx, visit.actor, review_id, form.patient_id, now=visit.now)
        return said(f"/review/items/{item}", "added")

    return await submit(request, console, do, _agenda_again(review_id, "add"))


@post("/review/{review_id:uuid}/close", opt=HOLDERS)
async def close(request: WebRequest, console: Console, review_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, CloseFields)
        await service.close(visit.tx, visit.actor, review_id, form.note, now=visit.now)
        return said(f"/review/{review_id}", "review_closed")

    return await submit(request, console, do, _agenda_again(review_id, "close"))


@get("/review/items/{item_id:uuid}", opt=STAFF)
async def item_page(request: WebRequest, console: Console, item_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _item(visit, item_id))


@get("/review/items/{item_id:uuid}/copy", opt=STAFF)
async def item_copy(request: WebRequest, console: Console, item_id: FromPath[UUID]) -> Response[str]:
    async def read(visit: Visit) -> View:
        item = await queries.item(visit.tx, visit.actor, item_id, now=visit.now)
        patient = await known(visit, item.patient_id)
        sent = await recommended.of_items(visit.tx, visit.actor, [item_id], now=visit.now)
        text = await wording.shown_to(visit.tx, visit.actor)
        copies = await filing.states(visit.tx, visit.actor, item.patient_id, refs=[item_id], now=visit.now)
        copied = chart.review_text(
            item, sent.get(item.patient_id, ()), heading(patient), text.body, visit.frame.zone
        )
        page = copy_page(visit, patient, "case_review", item_id, copied, copies.get(item_id))
        return View("contact/copy.html", page, "review")

    return await show(request, console, read)


@post("/review/items/{item_id:uuid}/discuss", opt=HOLDERS)
async def discuss(request: WebRequest, console: Console, item_id: FromPath[UUID]) -> Response[Any]:
    """Note, everybody's minutes and the date of the review, and what is recommended if anything is: all or nothing."""

    async def do(visit: Visit) -> str:
        fields = await forms.pairs(request)
        sends = advises(fields)

        async def make() -> UUID:
            steps = [_passes_nobody, _discusses, _sends] if sends else [_passes_nobody, _discusses]
            await _all_of(visit, item_id, steps)
            return item_id

        await once(visit, make)
        return said(f"/review/items/{item_id}", "discussed_and_sent" if sends else "discussed")

    return await submit(request, console, do, _item_again(item_id, "discuss"))


@post("/review/items/{item_id:uuid}/pass", opt=HOLDERS)
async def pass_over(request: WebRequest, console: Console, item_id: FromPath[UUID]) -> Response[Any]:
    """From the same form: refused while anything else is typed in it, which would be lost."""

    async def do(visit: Visit) -> str:
        fields = await forms.pairs(request)
        if discusses(fields) or advises(fields):
            raise Invalid.field("", WRITTEN)
        form = forms.parse(fields, PassFields)
        try:
            await service.pass_over(
                visit.tx, visit.actor, item_id, form.not_today or "", version=form.version, now=visit.now
            )
        except Invalid as error:
            raise Invalid(*(Problem(NOT_TODAY, each.message) for each in error.problems)) from None
        return said(f"/review/items/{item_id}", "passed")

    return await submit(request, console, do, _item_again(item_id, "discuss"))


@post("/review/items/{item_id:uuid}/recommend", opt=HOLDERS)
async def recommend(request: WebRequest, console: Console, item_id: FromPath[UUID]) -> Response[Any]:
    """Another recommendation, after the discussion was saved."""

    async def do(visit: Visit) -> str:
        await once(visit, lambda: _send(visit, item_id))
        return said(f"/review/items/{item_id}", "recommended")

    return await submit(request, console, do, _item_again(item_id, "recommend"))


async def _all_of(
    visit: Visit, item_id: UUID, steps: Sequence[Callable[[Visit, UUID], Awaitable[Any]]]
) -> None:
    """Every step, or none with the problems of all."""
    problems: list[Problem] = []
    for step in steps:
        try:
            await step(visit, item_id)
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid(*problems)


async def _passes_nobody(visit: Visit, item_id: UUID) -> None:
    given = dict(await forms.pairs(visit.request)).get(NOT_TODAY, "")
    if given.strip():
        raise Invalid.field(NOT_TODAY, "is given too: the discussion is saved without it")


async def _discusses(visit: Visit, item_id: UUID) -> None:
    fields = await forms.pairs(visit.request)
    read = forms.parse(fields, DiscussFields)
    form = read.form(fields)
    try:
        await service.discuss(visit.tx, visit.actor, item_id, form, version=read.version, now=visit.now)
    except Invalid as error:
        raise at_fields(error, form) from None


async def _sends(visit: Visit, item_id: UUID) -> None:
    await _send(visit, item_id)


async def _send(visit: Visit, item_id: UUID) -> UUID:
    form = (await forms.read(visit.request, RecommendFields)).form(item_id)
    item = await queries.item(visit.tx, visit.actor, item_id, now=visit.now)
    return await recommendations.send(
        visit.tx, visit.actor, item.patient_id, form, now=visit.now, notices=visit.console.notices
    )


def _agenda_again(review_id: UUID, form_id: str) -> Callable[[Visit, DomainError], Awaitable[View]]:
    async def again(visit: Visit, error: DomainError) -> View:
        return await _agenda(visit, review_id, await read_again(visit, form_id, error, LABELS))

    return again


def _item_again(item_id: UUID, form_id: str) -> Callable[[Visit, DomainError], Awaitable[View]]:
    async def again(visit: Visit, error: DomainError) -> View:
        people, _ = await _names(visit)
        refused = await read_again(visit, form_id, error, labels(people))
        if isinstance(
            error, Conflict
        ):  # the page shows what the colleague did; the next try is made knowing it
            typed = {name: given for name, given in refused.values.items() if name != "version"}
            refused = FormState(form_id, typed, problem=refused.problem)
        return await _item(visit, item_id, refused)

    return again


async def _reviews(visit: Visit, refused: FormState | None) -> View:
    found = await queries.meetings(visit.tx, visit.actor, now=visit.now)
    consultants = await organisation.holders(visit.tx, visit.clinic_id, "consultant")
    managers = await organisation.holders(visit.tx, visit.clinic_id, "care_manager")
    text = await wording.shown_to(visit.tx, visit.actor)
    page = presenter.reviews(visit, found, consultants, managers, text, refused)
    return View("review/reviews.html", page, "review")


async def _agenda(visit: Visit, review_id: UUID, refused: FormState | None = None) -> View:
    found = await queries.review(visit.tx, visit.actor, review_id, now=visit.now)
    if found.meeting.state == "planned":
        found = await queries.preview(visit.tx, visit.actor, review_id, now=visit.now)
    counts = await queries.population(visit.tx, visit.actor, found.meeting.care_manager_id, now=visit.now)
    text = await wording.shown_to(visit.tx, visit.actor)
    return View("review/agenda.html", presenter.agenda(visit, found, counts, text, refused), "review")


async def _item(visit: Visit, item_id: UUID, refused: FormState | None = None) -> View:
    item = await queries.item(visit.tx, visit.actor, item_id, now=visit.now)
    found = await queries.review(visit.tx, visit.actor, item.review_id, now=visit.now)
    sheet = await sheets.sheet(visit, item.patient_id)
    sent = await recommended.of_patient(visit.tx, visit.actor, item.patient_id, now=visit.now)
    page = presenter.one(visit, found, item, sheet, sent, await _names(visit), refused)
    return View("review/item.html", page, "review")


async def _names(visit: Visit) -> tuple[Staff, Staff]:
    clinicians = await organisation.holders(visit.tx, visit.clinic_id, "clinician")
    managers = await organisation.holders(visit.tx, visit.clinic_id, "care_manager")
    consultants = await organisation.holders(visit.tx, visit.clinic_id, "consultant")
    return consultants | managers | clinicians, clinicians


ROUTES: Final = [
    reviews_page, plan, set_wording, agenda_page, minutes_page, open_review, cancel, add, close,
    item_page, item_copy, discuss, pass_over, recommend,
]  # fmt: skip
