"""Approvals: decide, record a decision given elsewhere, order, tell, see in use; and send a recommendation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.cover import queries as cover
from registry.organisation import queries as organisation
from registry.recommendations import queries, service
from registry.recommendations.queries import RecommendationPage
from registry.review import queries as reviews
from registry.review import wording
from registry.worklist import task_list as worklist
from registry.worklist.task_list import TaskFilter, TaskLine
from staff_console.approvals import presenter
from staff_console.approvals.forms import (
    LABELS,
    RENAMED,
    DecideFields,
    NoteFields,
    OrderFields,
    RecommendFields,
    UseFields,
    WithdrawFields,
)
from staff_console.approvals.presenter import Grounds
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.review import sheets
from staff_console.whose import known

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*CLINICAL)
ADVISERS: Final = access.staff(*service.ADVISERS)
TO_SIGN: Final = TaskFilter(mine=True, kinds=frozenset({"plan_to_sign"}))
MOST_PLANS: Final = 50
Act = Callable[[Visit], Awaitable[None]]


@get("/approvals", opt=STAFF)
async def approvals_page(request: WebRequest, console: Console) -> Response[str]:
    async def read(visit: Visit) -> View:
        mine = await queries.waiting_for(visit.tx, visit.actor, now=visit.now)
        under_way = await queries.under_way(visit.tx, visit.actor, now=visit.now)
        page = presenter.page(visit, mine, await _plans_to_sign(visit), under_way)
        return View("approvals/approvals.html", page, "approvals")

    return await show(request, console, read)


@get("/approvals/{approval_id:uuid}", opt=STAFF)
async def approval_page(request: WebRequest, console: Console, approval_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, approval_id))


@post("/approvals/{approval_id:uuid}/decide", opt=STAFF)
async def decide(request: WebRequest, console: Console, approval_id: FromPath[UUID]) -> Response[Any]:
    """In the console by whom it was sent to; or, with `via`, written down by a care manager."""

    async def act(visit: Visit) -> None:
        fields = await forms.read(request, DecideFields)
        await service.decide(
            visit.tx, visit.actor, approval_id, fields.form(), version=fields.version, now=visit.now
        )

    return await _submit(request, console, approval_id, act, ("decide", "record"), "decided")


@post("/approvals/{approval_id:uuid}/order", opt=STAFF)
async def order(request: WebRequest, console: Console, approval_id: FromPath[UUID]) -> Response[Any]:
    async def act(visit: Visit) -> None:
        fields = await forms.read(request, OrderFields)
        await service.order(
            visit.tx, visit.actor, approval_id, fields.form(), version=fields.version, now=visit.now
        )

    return await _submit(request, console, approval_id, act, ("order",), "ordered")


@post("/approvals/{approval_id:uuid}/told", opt=STAFF)
async def told(request: WebRequest, console: Console, approval_id: FromPath[UUID]) -> Response[Any]:
    async def act(visit: Visit) -> None:
        fields = await forms.read(request, NoteFields)
        await service.told(
            visit.tx, visit.actor, approval_id, fields.note, version=fields.version, now=visit.now
        )

    return await _submit(request, console, approval_id, act, ("told",), "told")


@post("/approvals/{approval_id:uuid}/taking", opt=STAFF)
async def taking(request: WebRequest, console: Console, approval_id: FromPath[UUID]) -> Response[Any]:
    async def act(visit: Visit) -> None:
        fields = await forms.read(request, UseFields)
        await service.taking(
            visit.tx, visit.actor, approval_id, fields.note,
            version=fields.version, now=visit.now, in_use=fields.in_use == "yes",
        )  # fmt: skip

    in_use = dict(await forms.pairs(request)).get("in_use", "yes") == "yes"
    code = "loop_closed" if in_use else "not_in_use"
    return await _submit(request, console, approval_id, act, ("taking",), code)


@post("/approvals/{approval_id:uuid}/withdraw", opt=STAFF)
async def withdraw(request: WebRequest, console: Console, approval_id: FromPath[UUID]) -> Response[Any]:
    async def act(visit: Visit) -> None:
        fields = await forms.read(request, WithdrawFields)
        await service.withdraw(
            visit.tx, visit.actor, approval_id, fields.reason or "", version=fields.version, now=visit.now
        )

    return await _submit(request, console, approval_id, act, ("withdraw",), "withdrawn")


@get("/patients/{patient_id:uuid}/recommend", opt=ADVISERS)
async def recommend_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _recommend(visit, patient_id, None))


@post("/patients/{patient_id:uuid}/recommend", opt=ADVISERS)
async def recommend(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = (await forms.read(request, RecommendFields)).form(None)

        async def make() -> UUID:
            return await service.send(
                visit.tx, visit.actor, patient_id, form, now=visit.now, notices=console.notices
            )

        return said(f"/approvals/{await once(visit, make)}", "recommended")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _recommend(
            visit, patient_id, await read_again(visit, "recommend", error, LABELS, RENAMED)
        )

    return await submit(request, console, do, again)


async def _submit(
    request: WebRequest, console: Console, approval_id: UUID, act: Act, form_ids: tuple[str, ...], code: str
) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await act(visit)
        return said(f"/approvals/{approval_id}", code)

    async def again(visit: Visit, error: DomainError) -> View:
        via = dict(await forms.pairs(request)).get("via", "console")
        form_id = form_ids[-1] if via != "console" else form_ids[0]
        return await _page(visit, approval_id, await read_again(visit, form_id, error, LABELS, RENAMED))

    return await submit(request, console, do, again)


async def _plans_to_sign(visit: Visit) -> tuple[TaskLine, ...]:
    """Of the clinician, and of those whom they cover."""
    if not visit.actor.has("clinician"):
        return ()
    covering = await cover.covered_by(visit.tx, visit.clinic_id, visit.staff_id, visit.today)
    found = await worklist.tasks(
        visit.tx, visit.actor, TO_SIGN, None, MOST_PLANS, now=visit.now, covering=covering
    )
    return found.tasks


async def _page(visit: Visit, approval_id: UUID, refused: FormState | None = None) -> View:
    found = await queries.recommendation(visit.tx, visit.actor, approval_id, now=visit.now)
    patient = await known(visit, found.line.patient_id)
    decides = await queries.may_decide(visit.tx, visit.actor, found.line, now=visit.now)
    page = presenter.approval(visit, patient, found, decides, await _grounds(visit, found), refused)
    return View("approvals/approval.html", page, "approvals")


async def _grounds(visit: Visit, found: RecommendationPage) -> Grounds:
    """What the decision rests on."""
    patient_id = found.line.patient_id
    discussed = await reviews.of_patient(visit.tx, visit.actor, patient_id, now=visit.now)
    known_of = await sheets.sheet(visit, patient_id)
    return Grounds(
        review=next((item for item in discussed if item.id == found.review_item_id), None),
        facts=tuple(sheets.facts_named(visit, known_of, presenter.KNOWN)),
        disclaimer=(await wording.shown_to(visit.tx, visit.actor)).body,
    )


async def _recommend(visit: Visit, patient_id: UUID, form: FormState | None) -> View:
    patient = await known(visit, patient_id)
    clinicians = await organisation.holders(visit.tx, visit.clinic_id, "clinician")
    page = presenter.recommend(
        patient,
        {str(key): name for key, name in clinicians.items()},
        form or presenter.new_recommendation(patient),
        f"/patients/{patient_id}/recommend",
        f"/patients/{patient_id}",
    )
    return View("approvals/recommend.html", page, "approvals")


ROUTES: Final = [
    approvals_page, approval_page, decide, order, told, taking, withdraw, recommend_page, recommend,
]  # fmt: skip
