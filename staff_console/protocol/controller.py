"""The safety policy: read and print it, change a draft, sign it, put it into force."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError, Invalid
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.organisation import queries as organisation
from registry.protocol import queries, service
from registry.protocol.rules import APPROVERS, SignatureKind
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, read_again, said, show, submit
from staff_console.protocol import presenter
from staff_console.protocol.forms import LABELS, SIGN, SignForm, read_policy, shown
from staff_console.seen import Stored, read_stale, require_unchanged, sealed

Console = NamedDependency[ConsoleDeps]
READERS: Final = access.staff(*CLINICAL, "administrator")
LEAD: Final = access.staff("clinic_lead")
PATH: Final = "/safety/protocol"


@get(PATH, opt=READERS)
async def in_force(request: WebRequest, console: Console) -> Response[str]:
    """The version in force; before the first the draft, else the template."""

    async def read(visit: Visit) -> View:
        found = await queries.active(visit.tx, visit.clinic_id)
        newest = await queries.to_be_trained_on(visit.tx, visit.clinic_id)
        return await _page(visit, found.id or newest)

    return await show(request, console, read)


@get(f"{PATH}/{{protocol_id:uuid}}", opt=READERS)
async def version(request: WebRequest, console: Console, protocol_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, protocol_id))


@get(f"{PATH}/{{protocol_id:uuid}}/edit", opt=LEAD)
async def edit(request: WebRequest, console: Console, protocol_id: FromPath[UUID]) -> Response[str]:
    async def read(visit: Visit) -> View:
        return await _edit(visit, protocol_id, await _stored(protocol_id)(visit))

    return await show(request, console, read)


@post(f"{PATH}/drafts", opt=LEAD)
async def start_draft(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        made = await service.start_draft(visit.tx, visit.actor, now=visit.now)
        return f"{PATH}/{made}/edit"

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, None)

    return await submit(request, console, do, again)


@post(f"{PATH}/{{protocol_id:uuid}}", opt=LEAD)
async def change(request: WebRequest, console: Console, protocol_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        people = {email: staff_id for staff_id, email in (await _addresses(visit)).items()}
        policy = read_policy(await forms.pairs(request), people)
        await require_unchanged(visit, _stored(protocol_id))
        await service.change_draft(visit.tx, visit.actor, protocol_id, policy, now=visit.now)
        return said(f"{PATH}/{protocol_id}", "protocol_saved")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _edit(visit, protocol_id, await read_stale(visit, error, LABELS, _stored(protocol_id)))

    return await submit(request, console, do, again)


@post(f"{PATH}/{{protocol_id:uuid}}/approve", opt=access.staff(*APPROVERS))
async def approve(request: WebRequest, console: Console, protocol_id: FromPath[UUID]) -> Response[Any]:
    return await _sign(request, console, protocol_id, "approval")


@post(f"{PATH}/{{protocol_id:uuid}}/trained", opt=access.staff(*CLINICAL))
async def trained(request: WebRequest, console: Console, protocol_id: FromPath[UUID]) -> Response[Any]:
    return await _sign(request, console, protocol_id, "training")


async def _sign(
    request: WebRequest, console: ConsoleDeps, protocol_id: UUID, kind: SignatureKind
) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await forms.read(request, SignForm)
        await service.sign(visit.tx, visit.actor, protocol_id, kind, now=visit.now)
        return said(f"{PATH}/{protocol_id}", "protocol_signed")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, protocol_id, await _refused(visit, kind, error))

    return await submit(request, console, do, again)


@post(f"{PATH}/{{protocol_id:uuid}}/activate", opt=LEAD)
async def activate(request: WebRequest, console: Console, protocol_id: FromPath[UUID]) -> Response[Any]:
    """What is in the way stands on the page itself, line by line."""

    async def do(visit: Visit) -> str:
        await service.activate(visit.tx, visit.actor, protocol_id, now=visit.now)
        return said(f"{PATH}/{protocol_id}", "protocol_active")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, protocol_id)

    return await submit(request, console, do, again)


async def _refused(visit: Visit, kind: SignatureKind, error: DomainError) -> FormState:
    """Lines of the policy in the words of the page; the box is the only field."""
    if isinstance(error, Invalid) and all(problem.field not in SIGN for problem in error.problems):
        return FormState(kind, problem=" ".join(presenter.said(problem) for problem in error.problems))
    return await read_again(visit, kind, error, SIGN)


async def _page(visit: Visit, protocol_id: UUID | None, refused: FormState | None = None) -> View:
    versions = await queries.versions(visit.tx, visit.actor)
    people = await organisation.staff_names(visit.tx, visit.clinic_id)
    clinic = await organisation.clinic(visit.tx, visit.clinic_id)
    if protocol_id is None:
        policy = (await queries.active(visit.tx, visit.clinic_id)).policy
        page = presenter.policy_page(visit, policy, None, versions, (), people, clinic)
        return View("protocol/protocol.html", page, "safety")
    found = await queries.version(visit.tx, visit.actor, protocol_id)
    problems = await service.why_not_activate(visit.tx, visit.actor, protocol_id, now=visit.now)
    page = presenter.policy_page(visit, found.policy, found, versions, problems, people, clinic, refused)
    return View("protocol/protocol.html", page, "safety")


async def _edit(visit: Visit, protocol_id: UUID, form: FormState) -> View:
    found = await queries.version(visit.tx, visit.actor, protocol_id)
    return View("protocol/edit.html", presenter.edit_page(visit, found, form), "safety")


def _stored(protocol_id: UUID) -> Stored:
    async def stored(visit: Visit) -> FormState:
        page = await queries.version(visit.tx, visit.actor, protocol_id)
        return sealed(shown(page.policy, await _addresses(visit)))

    return stored


async def _addresses(visit: Visit) -> dict[UUID, str]:
    contacts = await organisation.staff_contacts(visit.tx, visit.clinic_id, *CLINICAL)
    return {contact.id: contact.email for contact in contacts}


ROUTES: Final = [in_force, version, edit, start_draft, change, approve, trained, activate]
