"""Plans with the patient: versions, what changed, a clinician's signature, the copy for the chart and for the patient."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError, NotFound
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.access import CARE
from registry.care_plans import chart, contents, queries, service
from registry.care_plans.contents import Difference, PlanKind
from registry.care_plans.queries import PlanVersion
from registry.drafts.service import drop as drop_draft
from registry.filing import service as filing
from registry.organisation import queries as organisation
from staff_console import drafts
from staff_console.care_plan import presenter
from staff_console.care_plan.forms import SIGN, PlanFields, SignForm, content, labels, plan_kind
from staff_console.contact.presenter import copy_page
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, read_again, said, show, submit
from staff_console.whose import heading, known

Console = NamedDependency[ConsoleDeps]
WRITERS: Final = (*CARE, "consultant")
PATH: Final = "/patients/{patient_id:uuid}/plans/{kind:str}"


@get(PATH, opt=access.staff(*CLINICAL))
async def plan_page(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], kind: FromPath[str]
) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, patient_id, plan_kind(kind)))


@post(PATH, opt=access.staff(*WRITERS))
async def save_plan(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], kind: FromPath[str]
) -> Response[Any]:
    async def do(visit: Visit) -> str:
        which = plan_kind(kind)
        form = await forms.read(request, PlanFields)
        wanted = content(which, await forms.pairs(request))
        await service.save_plan(
            visit.tx, visit.actor, patient_id, wanted,
            base=form.version, agreed_on=form.agreed_on, now=visit.now,
        )  # fmt: skip
        await drop_draft(visit.tx, visit.actor, drafts.plan_place(patient_id, which))
        return said(f"/patients/{patient_id}/plans/{which}", "care_plan_saved")

    async def again(visit: Visit, error: DomainError) -> View:
        which = plan_kind(kind)
        form = await read_again(visit, "plan", error, dict(labels(which)))
        return await _page(visit, patient_id, which, form=form, stale=error.code == "stale")

    return await submit(request, console, do, again)


@post(f"{PATH}/draft", opt=access.staff(*WRITERS))
async def keep_plan(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], kind: FromPath[str]
) -> Response[Any]:
    return await drafts.keep(request, console, drafts.plan_place(patient_id, plan_kind(kind)), patient_id)


@post(f"{PATH}/sign", opt=access.staff("clinician"))
async def sign_plan(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], kind: FromPath[str]
) -> Response[Any]:
    async def do(visit: Visit) -> str:
        which = plan_kind(kind)
        form = await forms.read(request, SignForm)
        await service.sign_plan(
            visit.tx, visit.actor, patient_id, which, form.version, form.note, now=visit.now
        )
        return said(f"/patients/{patient_id}/plans/{which}", "care_plan_signed")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "sign", error, SIGN)
        return await _page(visit, patient_id, plan_kind(kind), sign=form)

    return await submit(request, console, do, again)


@get(f"{PATH}/copy", opt=access.staff(*CLINICAL))
async def plan_copy(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], kind: FromPath[str]
) -> Response[str]:
    async def read(visit: Visit) -> View:
        which = plan_kind(kind)
        patient = await known(visit, patient_id)
        newest = await _newest(visit, patient_id, which)
        copies = await filing.states(visit.tx, visit.actor, patient_id, refs=[newest.id], now=visit.now)
        text = chart.plan_text(newest, heading(patient), visit.frame.zone)
        page = copy_page(visit, patient, service.COPIES[which], newest.id, text, copies.get(newest.id))
        return View("contact/copy.html", page, "registry")

    return await show(request, console, read)


@get(f"{PATH}/handout", opt=access.staff(*CLINICAL))
async def plan_handout(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], kind: FromPath[str]
) -> Response[str]:
    """The patient's copy, to be printed."""

    async def read(visit: Visit) -> View:
        patient = await known(visit, patient_id)
        newest = await _newest(visit, patient_id, plan_kind(kind))
        clinic = await organisation.clinic(visit.tx, visit.clinic_id)
        return View("care_plan/handout.html", presenter.handout(patient, clinic, newest), "registry")

    return await show(request, console, read)


async def _newest(visit: Visit, patient_id: UUID, kind: PlanKind) -> PlanVersion:
    found = await queries.versions(visit.tx, visit.actor, patient_id, kind, now=visit.now)
    if not found:
        raise NotFound("plan")
    return found[0]


async def _page(
    visit: Visit,
    patient_id: UUID,
    kind: PlanKind,
    *,
    form: FormState | None = None,
    stale: bool = False,
    sign: FormState | None = None,
) -> View:
    patient = await known(visit, patient_id)
    found = await queries.versions(visit.tx, visit.actor, patient_id, kind, now=visit.now)
    meanwhile: tuple[Difference, ...] = ()
    if form is None:
        first = presenter.start(kind, found)
        form = await drafts.restored(visit, drafts.plan_place(patient_id, kind), "plan", first)
    elif stale and found:
        form, meanwhile = _over_the_newer(kind, form, found)
    page = presenter.page(visit, patient, kind, found, form, sign, meanwhile)
    return View("care_plan/plan.html", page, "registry")


def _over_the_newer(
    kind: PlanKind, form: FormState, found: tuple[PlanVersion, ...]
) -> tuple[FormState, tuple[Difference, ...]]:
    """What was typed, now on top of the version that came between, with what that one changed."""
    seen = form.value("version")
    base = next((v.content for v in found if str(v.version) == seen), contents.empty(kind))
    meanwhile = contents.differences(base, found[0].content)
    author = found[0].created_by or "Somebody else"
    problem = (
        f"{author} saved version {found[0].version} while you were writing. What you typed is below and is not lost; "
        "what they changed is shown above it. Take it over where it is right, then save."
    )
    values = {**form.values, "version": (str(found[0].version),)}
    return FormState(form.id, values, form.errors, problem), meanwhile


ROUTES: Final = [plan_page, save_plan, keep_plan, sign_plan, plan_copy, plan_handout]
