"""From a referral to care."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import Conflict, DomainError, Invalid
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from messaging.schedule import service as schedule
from registry.access import CARE
from registry.care_plans import service as care_plans
from registry.drafts.service import drop as drop_draft
from registry.episodes import service as episodes
from registry.intake import service as intake
from registry.organisation import queries as organisation
from registry.patients import queries as patients
from registry.patients.queries import PatientPage
from registry.plans import queries as plan_queries
from registry.plans import service as plans
from registry.safety import queries as safety
from staff_console import drafts
from staff_console.deps import ConsoleDeps
from staff_console.enrol import presenter
from staff_console.enrol.expectations import sheet
from staff_console.enrol.forms import ENROL, REFERRAL, RENAMED, EnrolFields, ReferralFields
from staff_console.enrol.known import referral_again
from staff_console.enrol.minutes import log_minutes
from staff_console.enrol.presenter import Team
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.scores.controller import enter
from staff_console.scores.forms import ASKED, entries
from staff_console.scores.forms import labels as score_labels

Console = NamedDependency[ConsoleDeps]
LABELS: Final = ENROL | {name: label for name, label in score_labels().items() if name.startswith(ASKED)}
REFERRERS: Final = (*CARE, "consultant")


@get("/referrals", opt=access.staff(*REFERRERS))
async def referral_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _referral)


@post("/referrals", opt=access.staff(*REFERRERS))
async def refer(request: WebRequest, console: Console) -> Response[Any]:
    """In the name of the person who is signed in."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, ReferralFields)

        async def make() -> UUID:
            return await episodes.refer(visit.tx, visit.actor, form.referral(visit.actor.name), now=visit.now)

        patient_id = await once(visit, make)
        return said(f"/patients/{patient_id}", "referred")

    async def again(visit: Visit, error: DomainError) -> View:
        return await referral_again(visit, await read_again(visit, "refer", error, REFERRAL), error)

    return await submit(request, console, do, again)


@get("/enrol", opt=access.staff(*CARE))
async def enrol_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, lambda visit: _enrol(visit, None, None))


@get("/enrol/{patient_id:uuid}", opt=access.staff(*CARE))
async def complete_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    """With what the referral knows."""
    return await show(request, console, lambda visit: _enrol(visit, patient_id, None))


@post("/enrol", opt=access.staff(*CARE))
async def enrol(request: WebRequest, console: Console) -> Response[Any]:
    return await _save(request, console, None)


@post("/enrol/{patient_id:uuid}", opt=access.staff(*CARE))
async def complete(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    return await _save(request, console, patient_id)


@post("/enrol/draft", opt=access.staff(*CARE))
async def keep_enrolment(request: WebRequest, console: Console) -> Response[Any]:
    return await drafts.keep(request, console, drafts.enrol_place(None), None)


@post("/enrol/{patient_id:uuid}/draft", opt=access.staff(*CARE))
async def keep_completion(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    return await drafts.keep(request, console, drafts.enrol_place(patient_id), patient_id)


@get("/patients/{patient_id:uuid}/expectations", opt=access.staff(*CLINICAL))
async def expectations(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    """The sheet for the patient, to be printed."""

    async def read(visit: Visit) -> View:
        patient = await patients.patient(visit.tx, visit.actor, patient_id, now=visit.now)
        plan = await plan_queries.plan(visit.tx, visit.actor, patient_id, now=visit.now)
        clinic = await organisation.clinic(visit.tx, visit.clinic_id)
        return View("care_plan/handout.html", sheet(visit, patient, plan, clinic), "registry")

    return await show(request, console, read)


async def _save(request: WebRequest, console: ConsoleDeps, patient_id: UUID | None) -> Response[Any]:
    """The enrolment, the check-ins and the next contact, all or nothing."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, EnrolFields)
        if problems := form.problems():
            raise Invalid(*problems)

        async def make() -> UUID:
            return await _write(visit, form, patient_id)

        enrolled_id = await once(visit, make)
        await drop_draft(visit.tx, visit.actor, drafts.enrol_place(patient_id))
        if await safety.has_open_event(visit.tx, enrolled_id):
            return said("/safety", "item9_entered")
        return said(f"/patients/{enrolled_id}", "enrolled")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _enrol(visit, patient_id, await read_again(visit, "enrol", error, LABELS, RENAMED))

    return await submit(request, console, do, again)


async def _write(visit: Visit, form: EnrolFields, patient_id: UUID | None) -> UUID:
    tx, who, now, outreach = visit.tx, visit.actor, visit.now, visit.console.outreach
    given_at = _given_at(visit, form)
    whole = form.enrolment(patient_id, given_at)
    enrolled = await episodes.enrol(tx, who, whole, now=now, outreach=outreach)
    await intake.save_intake(tx, who, enrolled.patient_id, form.intake(), base=0, now=now)
    if (plan := form.care_plan()) is not None:
        await care_plans.save_plan(tx, who, enrolled.patient_id, plan, base=0, now=now)
    if form.baseline == "text":
        await schedule.send_now(tx, who, enrolled.patient_id, ASKED, now=now)
    if form.channel != "none":
        await plans.set_plan(tx, who, enrolled.patient_id, form.plan(), now=now, outreach=outreach)
    at = visit.moment(form.next_on, form.next_at or time(12))
    await episodes.set_next_contact(
        tx, who, enrolled.patient_id, at, form.next_mode, form.next_purpose, now=now
    )
    if form.baseline == "paper" and form.baseline_on is not None:
        await _baseline(visit, form, enrolled.patient_id, form.baseline_on)
    await log_minutes(visit, form, enrolled.patient_id, given_at)
    return enrolled.patient_id


async def _baseline(visit: Visit, form: EnrolFields, patient_id: UUID, on: date) -> None:
    """The paper form of the visit. Its item 9 is heard like any other."""
    given = await forms.pairs(visit.request)
    wanted = entries(patient_id, given, "paper", on, form.language)
    if not wanted:
        raise Invalid.field("phq9_1", "is needed: no item of the paper form was filled in")
    await enter(visit, wanted)


def _given_at(visit: Visit, form: EnrolFields) -> datetime:
    """The moment of the agreement: minutes before it don't count. Now, when the clock shows this very minute."""
    at = visit.moment(form.consent_on, form.consent_at)
    return min(at, visit.now) if (at - visit.now).total_seconds() < 60 else at


async def _referral(visit: Visit) -> View:
    return View("enrol/referral.html", presenter.referral(None), "registry")


async def _enrol(visit: Visit, patient_id: UUID | None, form: FormState | None) -> View:
    patient: PatientPage | None = None
    if patient_id is not None:
        patient = await patients.patient(visit.tx, visit.actor, patient_id, now=visit.now)
        if form is None and (patient.episode is None or patient.episode.status != "referred"):
            raise Conflict("the patient is not waiting to be enrolled")
    team = Team(
        clinicians=await organisation.holders(visit.tx, visit.clinic_id, "clinician"),
        care_managers=await organisation.holders(visit.tx, visit.clinic_id, "care_manager"),
        consultants=await organisation.holders(visit.tx, visit.clinic_id, "consultant"),
    )
    if form is None:
        start = presenter.start(visit, team, patient)
        form = await drafts.restored(visit, drafts.enrol_place(patient_id), "enrol", start)
    return View("enrol/enrol.html", presenter.enrol(visit, team, patient, form), "registry")


ROUTES: Final = [
    referral_page,
    refer,
    enrol_page,
    complete_page,
    enrol,
    complete,
    keep_enrolment,
    keep_completion,
    expectations,
]
