"""Scores that staff enter: paper forms, answers asked by phone, totals of another record."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError, Invalid, Problem
from kernel.web import access, forms
from kernel.web.context import WebRequest
from messaging.schedule import calls
from registry.access import CARE
from registry.instruments.queries import offered
from registry.measures import service as measures
from registry.measures.rules import ResultFacts, TotalForm
from registry.organisation import queries as organisation
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, query, read_again, said, show, submit
from staff_console.scores import presenter
from staff_console.scores.forms import Entry, ScoreFields, ScoreQuery, entries, labels, renamed
from staff_console.whose import known

Console = NamedDependency[ConsoleDeps]


@get("/patients/{patient_id:uuid}/scores", opt=access.staff(*CARE))
async def scores_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    asked = query(request, ScoreQuery)
    return await show(
        request, console, lambda visit: _page(visit, patient_id, presenter.start(visit, asked.source))
    )


@post("/patients/{patient_id:uuid}/scores", opt=access.staff(*CARE))
async def enter_scores(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    """Item 9 is heard as if the patient had just answered: the safety page follows when it is above 0."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, ScoreFields)
        patient = await known(visit, patient_id)
        given = await forms.pairs(request)
        wanted = entries(patient_id, given, form.source, form.taken_on, patient.language, await _added(visit))
        if not wanted:
            raise Invalid.field("phq9_1", "is needed: nothing was filled in")
        alarmed: list[bool] = []

        async def make() -> UUID:
            results = await enter(visit, wanted)
            alarmed.append(any(result.item9 in ("1", "2", "3") for result in results))
            if form.source == "phone":
                await calls.answered_by_phone(visit.tx, patient_id, now=visit.now)
            return results[0].id

        await once(visit, make)
        if any(alarmed):
            return said("/safety", "item9_entered")
        return said(f"/patients/{patient_id}#scores", "scores_saved")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(
            visit, patient_id, await read_again(visit, "scores", error, labels("en", await _added(visit)))
        )

    return await submit(request, console, do, again)


async def enter(visit: Visit, wanted: tuple[Entry, ...]) -> list[ResultFacts]:
    """In the caller's transaction. Raises Invalid with this page's field names."""
    done: list[ResultFacts] = []
    problems: list[Problem] = []
    for entry in wanted:
        try:
            done.append(await _one(visit, entry))
        except Invalid as error:
            names = renamed(entry)
            problems += [Problem(names.get(p.field, p.field), p.message) for p in error.problems]
    if problems:
        raise Invalid(*problems)
    return done


async def _one(visit: Visit, entry: Entry) -> ResultFacts:
    tx, who, now, alerts = visit.tx, visit.actor, visit.now, visit.console.alerts
    if isinstance(entry, TotalForm):
        return await measures.enter_total(tx, who, entry, now=now, alerts=alerts)
    return await measures.enter_items(tx, who, entry, now=now, alerts=alerts)


async def _added(visit: Visit) -> tuple[str, ...]:
    """Instruments that this clinic added to those that ship."""
    return tuple(one.id for one in await offered(visit.tx, visit.clinic_id) if not one.shipped)


async def _page(visit: Visit, patient_id: UUID, form: FormState) -> View:
    patient = await known(visit, patient_id)
    clinic = await organisation.clinic(visit.tx, visit.clinic_id)
    due = await calls.waiting(visit.tx, patient_id, now=visit.now) is not None
    return View(
        "scores/scores.html",
        presenter.page(visit, patient, clinic, form, due, await _added(visit)),
        "registry",
    )


ROUTES: Final = [scores_page, enter_scores]
