"""A contact with a patient: one form, then the copy for the chart. And the clinic's note templates."""

from __future__ import annotations

from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import Conflict, DomainError, NotFound
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from messaging.conversation import staff_texts
from registry.access import CARE
from registry.contacts import amendments, chart, queries, service, templates
from registry.contacts.forms import ContactKind
from registry.contacts.templates import DEFAULTS
from registry.disengagement import service as disengagement
from registry.disengagement.rules import Policy
from registry.drafts.service import drop as drop_draft
from registry.filing import service as filing
from registry.patients.queries import PatientPage
from registry.recommendations import queries as recommendations
from registry.worklist import queries as worklist
from staff_console import drafts
from staff_console.contact import amending, presenter
from staff_console.contact.forms import LABELS, RENAMED, ContactFields, ContactQuery, FiledForm
from staff_console.contact.presenter import Asked
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, query, read_again, said, show, submit
from staff_console.patient.texting import blocked_words
from staff_console.refusals import typed
from staff_console.review import sheets
from staff_console.seen import read_stale, require_unchanged
from staff_console.whose import heading, known

Console = NamedDependency[ConsoleDeps]
BEFORE: Final = 5
FILERS: Final = (*CARE, "consultant")


class TemplateFields(msgspec.Struct, frozen=True):
    version: int
    body: str | None = None


class RuleFields(msgspec.Struct, frozen=True):
    attempts: int
    channels: int
    days: int
    approval: Literal["lead", "care_manager"]


RULE: Final = {"attempts": "Tries", "channels": "Ways", "days": "Days", "approval": "Who closes"}


@get("/patients/{patient_id:uuid}/contact", opt=access.staff(*CARE))
async def contact_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    asked = query(request, ContactQuery)
    return await show(request, console, lambda visit: _fresh(visit, patient_id, asked))


@post("/patients/{patient_id:uuid}/contact", opt=access.staff(*CARE))
async def record_contact(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    """Note, registry, minutes, change of treatment, next contact and its reminder: all or nothing."""

    async def do(visit: Visit) -> str:
        form = (await forms.read(request, ContactFields)).contact(visit)

        async def make() -> UUID:
            return await service.record_contact(
                visit.tx, visit.actor, patient_id, form,
                source="console", now=visit.now, outreach=console.outreach,
            )  # fmt: skip

        contact_id = await once(visit, make)
        await drop_draft(visit.tx, visit.actor, drafts.contact_place(patient_id))
        return said(f"/patients/{patient_id}/contacts/{contact_id}", "contact_saved")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "contact", error, LABELS, RENAMED)
        return await _page(visit, patient_id, await _seen(visit, patient_id, form, error))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/contact/template", opt=access.staff(*CARE), status_code=200)
async def use_template(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    """The same form with the template of the kind that was chosen. Nothing is stored."""

    async def read(visit: Visit) -> View:
        form = typed("contact", await forms.pairs(request))
        chosen = presenter.with_template(form, await templates.templates(visit.tx, visit.actor))
        return await _page(visit, patient_id, chosen)

    return await show(request, console, read)


@post("/patients/{patient_id:uuid}/contact/draft", opt=access.staff(*CARE))
async def keep_contact(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    return await drafts.keep(request, console, drafts.contact_place(patient_id), patient_id)


@get("/patients/{patient_id:uuid}/contacts/{contact_id:uuid}", opt=access.staff(*CLINICAL))
async def contact_copy(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], contact_id: FromPath[UUID]
) -> Response[str]:
    return await show(request, console, lambda visit: _copy(visit, patient_id, contact_id))


@post("/patients/{patient_id:uuid}/filed", opt=access.staff(*FILERS))
async def mark_filed(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    """The tick that says a copy is in the EHR, or takes that back."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, FiledForm)
        filed = form.filed == "yes"
        await filing.mark(
            visit.tx, visit.actor, patient_id, form.kind, form.ref_id, filed=filed, now=visit.now
        )
        code = "filed" if filed else "unfiled"
        if form.back == "copy" and form.kind == "contact":
            return said(f"/patients/{patient_id}/contacts/{form.ref_id}", code)
        return said(f"/patients/{patient_id}#contacts", code)

    async def again(visit: Visit, error: DomainError) -> View:
        raise error

    return await submit(request, console, do, again)


@get("/setup/note-templates", opt=access.staff("clinic_lead"))
async def templates_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, lambda visit: _templates(visit, None))


@post("/setup/note-templates/{kind:str}", opt=access.staff("clinic_lead"))
async def set_template(request: WebRequest, console: Console, kind: FromPath[str]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, TemplateFields)
        await templates.set_template(
            visit.tx, visit.actor, _kind(kind), form.body or "", form.version, now=visit.now
        )
        return said("/setup/note-templates", "template_saved")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, f"template-{kind}", error, {"body": "The template"})
        return await _templates(visit, (kind, form))

    return await submit(request, console, do, again)


def _kind(name: str) -> ContactKind:
    for kind in DEFAULTS:
        if kind == name:
            return kind
    raise NotFound("template")


@post("/setup/closing-rule", opt=access.staff("clinic_lead"))
async def set_closing_rule(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, RuleFields)
        await require_unchanged(visit, _stored_rule)
        wanted = Policy(form.attempts, form.channels, form.days, form.approval == "lead")
        await disengagement.set_policy(visit.tx, visit.actor, wanted, now=visit.now)
        return said("/setup/note-templates", "closing_rule")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _templates(visit, None, await read_stale(visit, error, RULE, _stored_rule))

    return await submit(request, console, do, again)


async def _stored_rule(visit: Visit) -> FormState:
    return presenter.rule_form(await disengagement.policy(visit.tx, visit.actor))


async def _templates(
    visit: Visit, refused: tuple[str, FormState] | None, rule: FormState | None = None
) -> View:
    found = await templates.templates(visit.tx, visit.actor)
    policy = await disengagement.policy(visit.tx, visit.actor)
    return View("contact/templates.html", presenter.templates_page(found, policy, refused, rule), "setup")


async def _fresh(visit: Visit, patient_id: UUID, asked: ContactQuery) -> View:
    patient = await _in_care(visit, patient_id)
    found = await templates.templates(visit.tx, visit.actor)
    first = presenter.start(visit, patient, found, asked.kind, asked.outcome)
    form = await drafts.restored(visit, drafts.contact_place(patient_id), "contact", first)
    return await _page(visit, patient_id, form)


async def _seen(visit: Visit, patient_id: UUID, form: FormState, error: DomainError) -> FormState:
    """After a stale form: what was typed stands, and sending it again is a decision taken with the newer facts."""
    if error.code != "stale":
        return form
    patient = await known(visit, patient_id)
    assert patient.episode is not None
    values = {**form.values, "version": (str(patient.episode.version),)}
    problem = f"{form.problem} What you typed is below; the next contact stands as the others left it. Save again to replace it."
    return FormState(form.id, values, form.errors, problem)


async def _page(visit: Visit, patient_id: UUID, form: FormState) -> View:
    patient = await _in_care(visit, patient_id)
    assert patient.episode is not None
    line = await worklist.line_of(visit.tx, visit.actor, patient.episode.id, now=visit.now)
    before = await queries.contacts(visit.tx, visit.actor, patient_id, now=visit.now, limit=BEFORE)
    copies = await filing.states(
        visit.tx, visit.actor, patient_id, refs=[contact.id for contact in before], now=visit.now
    )
    why = await staff_texts.why_not(visit.tx, visit.clinic_id, patient_id, now=visit.now)
    blocked = "" if why is None else blocked_words(why)
    found = await sheets.sheet(visit, patient_id)
    asked = Asked(
        facts=tuple(sheets.facts_named(visit, found, presenter.KNOWN)),
        advice=await recommendations.of_patient(visit.tx, visit.actor, patient_id, now=visit.now),
    )
    page = presenter.page(visit, patient, line, before, copies, form, blocked, asked)
    return View("contact/contact.html", page, "registry")


async def _in_care(visit: Visit, patient_id: UUID) -> PatientPage:
    patient = await known(visit, patient_id)
    if patient.episode is None or patient.episode.status == "ended":
        raise Conflict("the patient has no open episode of care", code="not_in_care")
    return patient


async def _copy(visit: Visit, patient_id: UUID, contact_id: UUID) -> View:
    patient = await known(visit, patient_id)
    found = await queries.contact(visit.tx, visit.actor, patient_id, contact_id, now=visit.now)
    copies = await filing.states(visit.tx, visit.actor, patient_id, refs=[contact_id], now=visit.now)
    earlier = await amendments.earlier_versions(visit.tx, visit.actor, patient_id, contact_id, now=visit.now)
    text = chart.contact_text(found, heading(patient), visit.frame.zone, earlier)
    page = presenter.copy_page(
        visit, patient, "contact", contact_id, text, copies.get(contact_id), presenter.fresh(visit, found)
    )
    if amending.may_amend(visit, found):
        href = f"/patients/{patient_id}/contacts/{contact_id}/amend"
        minutes = amending.minutes_href(visit, found)
        page = msgspec.structs.replace(page, amend_href=href, minutes_href=minutes)
    page = msgspec.structs.replace(page, earlier=amending.versions(visit, earlier))
    return View("contact/copy.html", page, "registry")


ROUTES: Final = [
    contact_page,
    record_contact,
    use_template,
    keep_contact,
    contact_copy,
    *amending.ROUTES,
    mark_filed,
    templates_page,
    set_template,
    set_closing_rule,
]
