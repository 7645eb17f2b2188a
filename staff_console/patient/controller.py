"""One patient: what is known, what was said, what comes next, and the time worked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, time
from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import structs

from kernel.errors import Conflict, DomainError, Invalid
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from messaging.consent import choices, emails
from messaging.consent.emails import EmailForm
from messaging.conversation import staff_texts, thread
from registry.access import CARE
from registry.drafts.service import drop as drop_draft
from registry.episodes import service as episodes
from registry.plans import queries as plan_queries
from registry.plans import service as plans
from registry.plans.rules import PlanLine
from registry.time_log import service as time_log
from registry.time_log.service import TimeForm, ended_now
from registry.treatment_changes import service as treatment_changes
from registry.treatment_changes.rules import ChangeWithdrawal
from registry.worklist import service as worklist_service
from staff_console import drafts
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, query, read_again, said, show, submit
from staff_console.patient import facts, presenter, texting
from staff_console.patient.forms import (
    CHECK_INS,
    NEXT,
    TEXT,
    TIME,
    TIME_RENAMED,
    CalledForm,
    CheckInsForm,
    DiscussForm,
    EmailFields,
    NextContactForm,
    PatientQuery,
    StopForm,
    TextForm,
    TimeFields,
)
from staff_console.patient.presenter import Forms

EMAIL_WORDING: Final = "email-consent@1"  # what the form asks to say
BOTH: Final = ("phq9", "gad7")  # asked together, on one rhythm
Console = NamedDependency[ConsoleDeps]
ADVISES: Final = (*CARE, "consultant")
PLAN_RENAMED: Final = {
    f"lines[{at}].{field}": field for at in (0, 1) for field in ("every_days", "local_time", "anchor_on")
}


@get("/patients/{patient_id:uuid}", opt=access.staff(*CLINICAL))
async def patient_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    asked = query(request, PatientQuery)
    return await show(request, console, lambda visit: _page(visit, patient_id, Forms(), asked.texts_before))


@post("/patients/{patient_id:uuid}/texts", opt=access.staff(*CARE))
async def send_text(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, TextForm)

        async def make() -> UUID:
            return await staff_texts.staff_text(visit.tx, visit.actor, patient_id, form.body, now=visit.now)

        await once(visit, make)
        await drop_draft(visit.tx, visit.actor, drafts.reply_place(patient_id))
        return said(f"/patients/{patient_id}#texts", "text_queued")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "reply", _why(error), TEXT)
        return await _page(visit, patient_id, Forms(reply=form))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/texts/draft", opt=access.staff(*CARE))
async def keep_reply(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    return await drafts.keep(request, console, drafts.reply_place(patient_id), patient_id)


@post("/patients/{patient_id:uuid}/texts/read", opt=access.staff(*CARE))
async def mark_read(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await thread.mark_read(visit.tx, visit.actor, patient_id, now=visit.now)
        return f"/patients/{patient_id}#texts"

    return await submit(request, console, do, _plain(patient_id))


@post("/patients/{patient_id:uuid}/time", opt=access.staff(*CLINICAL))
async def add_time(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    made: list[UUID] = []

    async def do(visit: Visit) -> str:
        form = await forms.read(request, TimeFields)
        entry = TimeForm(
            started_at=started(visit, form),
            minutes=form.minutes,
            ended_at=None if form.until is None else visit.moment(form.on, form.until),
            activity=form.activity,
            modality=form.modality,
            contact=form.contact,
            relationship=form.relationship,
            separately_reported=form.apart == "yes",
            note=form.note,
        )

        async def make() -> UUID:
            return await time_log.log_time(
                visit.tx, visit.actor, patient_id, entry, source="console", now=visit.now
            )

        made[:] = [await once(visit, make)]
        return said(f"/patients/{patient_id}#time", "time_logged", undo=str(made[0]))

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "time", error, TIME, TIME_RENAMED)
        return await _page(visit, patient_id, Forms(time=form))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/next-contact", opt=access.staff(*ADVISES))
async def set_next_contact(
    request: WebRequest, console: Console, patient_id: FromPath[UUID]
) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, NextContactForm)
        await episodes.set_next_contact(
            visit.tx,
            visit.actor,
            patient_id,
            next_moment(visit, form),
            form.mode,
            form.purpose,
            version=form.version,
            now=visit.now,
        )
        return said(f"/patients/{patient_id}#next", "next_contact")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "contact", error, NEXT)
        return await _page(visit, patient_id, Forms(contact=form))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/check-ins", opt=access.staff(*ADVISES))
async def set_check_ins(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, CheckInsForm)
        await plans.set_plan(
            visit.tx,
            visit.actor,
            patient_id,
            (*plan_lines(form), *await _other_lines(visit, patient_id)),
            version=form.version,
            now=visit.now,
            outreach=console.outreach,
        )
        return said(f"/patients/{patient_id}#next", "plan")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "plan", error, CHECK_INS, PLAN_RENAMED)
        return await _page(visit, patient_id, Forms(plan=form))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/discuss", opt=access.staff(*ADVISES))
async def discuss(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, DiscussForm)
        on = form.on == "yes"
        found = await facts.episode_of(visit, patient_id)
        await worklist_service.set_flags(visit.tx, visit.actor, found, discuss=on, now=visit.now)
        return said(f"/patients/{patient_id}#next", "discuss_on" if on else "discuss_off")

    return await submit(request, console, do, _plain(patient_id))


@post("/patients/{patient_id:uuid}/treatment-changes/{change_id:uuid}/withdraw", opt=access.staff(*ADVISES))
async def withdraw_change(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], change_id: FromPath[UUID]
) -> Response[Any]:
    """One that was entered by mistake."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, ChangeWithdrawal)
        await treatment_changes.withdraw_change(
            visit.tx, visit.actor, patient_id, change_id, form, now=visit.now
        )
        return said(f"/patients/{patient_id}#scores", "change_withdrawn")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, f"withdraw-{change_id}", error, {"reason": "The reason"})
        return await _page(visit, patient_id, Forms(withdraw=(change_id, form)))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/texting/stop", opt=access.staff(*CARE))
async def stop_texts(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    """The patient said by phone, by letter or in the room that texts should end."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, StopForm)
        await choices.record_stop(visit.tx, visit.actor, patient_id, form.said, now=visit.now)
        return said(f"/patients/{patient_id}#consent", "texts_stopped")

    return await submit(request, console, do, _plain(patient_id))


@post("/patients/{patient_id:uuid}/phone/confirm", opt=access.staff(*CARE))
async def confirm_number(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        called = (await forms.read(request, CalledForm)).called
        await choices.confirm_number(visit.tx, visit.actor, patient_id, called=called, now=visit.now)
        return said(f"/patients/{patient_id}#consent", "number_confirmed")

    return await submit(request, console, do, _plain(patient_id))


@post("/patients/{patient_id:uuid}/email", opt=access.staff(*CARE))
async def record_email(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    """The patient agreed to get links at this address."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, EmailFields)
        agreed = EmailForm(form.address, form.said, EMAIL_WORDING)
        await emails.record(visit.tx, visit.actor, patient_id, agreed, now=visit.now)
        return said(f"/patients/{patient_id}#consent", "email_recorded")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "email", error, {"address": "E-mail address"})
        return await _page(visit, patient_id, Forms(email=form))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/email/withdraw", opt=access.staff(*CARE))
async def withdraw_email(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await emails.withdraw(visit.tx, visit.actor, patient_id, now=visit.now)
        return said(f"/patients/{patient_id}#consent", "email_withdrawn")

    return await submit(request, console, do, _plain(patient_id))


async def _page(visit: Visit, patient_id: UUID, refused: Forms, texts_before: datetime | None = None) -> View:
    found = await facts.read(visit, patient_id, texts_before)
    if refused.reply is None and found.blocked is None and visit.actor.has(*CARE):
        start = FormState("reply")
        reply = await drafts.restored(visit, drafts.reply_place(patient_id), "reply", start)
        refused = structs.replace(refused, reply=reply)
    return View("patient/patient.html", presenter.page(visit, found, refused), "registry")


def _plain(patient_id: UUID) -> Callable[[Visit, DomainError], Awaitable[View]]:
    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, patient_id, Forms(contact=FormState("contact", problem=error.message)))

    return again


def started(visit: Visit, form: TimeFields) -> datetime:
    """Raises Invalid when an earlier day has no time."""
    if form.at is not None:
        return visit.moment(form.on, form.at)
    if form.minutes is None:
        raise Invalid.field("at", "is needed, or the minutes of work that has just ended")
    if form.on != visit.today:
        raise Invalid.field("at", "is needed for another day than today")
    return ended_now(form.minutes, visit.now)


def next_moment(visit: Visit, form: NextContactForm) -> datetime | None:
    """Noon when only the day was given."""
    return None if form.on is None else visit.moment(form.on, form.at or time(12))


async def _other_lines(visit: Visit, patient_id: UUID) -> tuple[PlanLine, ...]:
    """Lines of instruments that this form does not speak of stay as they are."""
    plan = await plan_queries.plan(visit.tx, visit.actor, patient_id, now=visit.now)
    return tuple(line for line in plan.lines if line.instrument_id not in BOTH)


def plan_lines(form: CheckInsForm) -> tuple[PlanLine, ...]:
    if form.every_days == 0:
        return ()
    if form.anchor_on is None or form.local_time is None:
        raise Invalid.field("anchor_on" if form.anchor_on is None else "local_time", "is needed")
    return tuple(PlanLine(name, form.every_days, form.local_time, form.anchor_on) for name in BOTH)


def _why(error: DomainError) -> DomainError:
    """Why a text can't be sent, in the words of the page."""
    code = error.message.rpartition(": ")[2]
    if error.code == "cannot_be_texted":
        return Conflict(texting.blocked_words(code))
    return error


ROUTES: Final = [
    patient_page,
    send_text,
    keep_reply,
    mark_read,
    add_time,
    set_next_contact,
    set_check_ins,
    discuss,
    withdraw_change,
    stop_texts,
    confirm_number,
    record_email,
    withdraw_email,
]
