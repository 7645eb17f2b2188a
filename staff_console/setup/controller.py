"""Set-up: what is missing, the policy, whom alerts reach, going live."""

from __future__ import annotations

from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.launch import going_live
from registry.organisation import ladder, queries, service
from registry.organisation.rules import Deployment
from staff_console.deps import ConsoleDeps
from staff_console.enrol import scripts
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, read_again, said, show, submit
from staff_console.seen import read_stale, require_unchanged
from staff_console.setup import presenter
from staff_console.setup.forms import (
    DETAILS,
    LADDER,
    LADDER_RENAMED,
    LIVE,
    RENAMED,
    RESPONSIBLE,
    SENDER,
    DetailsForm,
    LadderForm,
    LiveForm,
    ResponsibleForm,
    SenderForm,
)
from staff_console.setup.presenter import Refused

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff("administrator", "clinic_lead")


@get("/setup", opt=STAFF)
async def setup_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, Refused()))


@post("/setup/policy", opt=STAFF)
async def sign_policy(request: WebRequest, console: Console) -> Response[Any]:
    """Signed today, by the person who is signed in."""

    async def do(visit: Visit) -> str:
        await service.sign_policy(visit.tx, visit.actor, visit.clinic_id, "item9", visit.today, now=visit.now)
        return said("/setup", "policy_signed")

    return await submit(request, console, do, _again_live)


@post("/setup/responsible", opt=STAFF)
async def set_responsible(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, ResponsibleForm)
        await require_unchanged(visit, _stored_responsible)
        await service.set_default_responsible(
            visit.tx, visit.actor, visit.clinic_id, form.staff_id, now=visit.now
        )
        return said("/setup", "responsible")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_stale(visit, error, RESPONSIBLE, _stored_responsible, RENAMED)
        return await _page(visit, Refused(responsible=form))

    return await submit(request, console, do, again)


@post("/setup/clinic", opt=STAFF)
async def change_clinic(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, DetailsForm)
        await require_unchanged(visit, _stored_details)
        clinic = await queries.clinic(visit.tx, visit.clinic_id)
        await service.change_clinic(
            visit.tx, visit.actor, visit.clinic_id, form.changed(clinic), now=visit.now
        )
        return said("/setup", "clinic_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, Refused(details=await read_stale(visit, error, DETAILS, _stored_details)))

    return await submit(request, console, do, again)


@post("/setup/outreach", opt=STAFF)
async def change_ladder(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, LadderForm)
        await require_unchanged(visit, _stored_ladder)
        await ladder.set_ladder(visit.tx, visit.actor, visit.clinic_id, form.ladder, now=visit.now)
        return said("/setup", "ladder_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_stale(visit, error, LADDER, _stored_ladder, LADDER_RENAMED)
        return await _page(visit, Refused(ladder=form))

    return await submit(request, console, do, again)


@post("/setup/senders", opt=STAFF)
async def add_sender(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, SenderForm)
        await service.add_sender(visit.tx, visit.actor, visit.clinic_id, form.number, now=visit.now)
        return said("/setup", "sender_added")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, Refused(sender=await read_again(visit, "sender", error, SENDER)))

    return await submit(request, console, do, again)


@post("/setup/go-live", opt=STAFF)
async def go_live(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await forms.read(request, LiveForm)
        await going_live.go_live(visit.tx, visit.actor, visit.clinic_id, _deployment(console), now=visit.now)
        return said("/setup", "live")

    return await submit(request, console, do, _again_live)


@post("/setup/stop-texting", opt=STAFF)
async def stop_texting(request: WebRequest, console: Console) -> Response[Any]:
    """At once, without a word to patients; alerts to staff still leave."""

    async def do(visit: Visit) -> str:
        await forms.read(request, LiveForm)
        await service.stop_texting(visit.tx, visit.actor, visit.clinic_id, now=visit.now)
        return said("/setup", "texting_stopped")

    return await submit(request, console, do, _again_live)


async def _stored_responsible(visit: Visit) -> FormState:
    return presenter.responsible_form(await queries.clinic(visit.tx, visit.clinic_id))


async def _stored_details(visit: Visit) -> FormState:
    return presenter.details_form(await queries.clinic(visit.tx, visit.clinic_id))


async def _stored_ladder(visit: Visit) -> FormState:
    return presenter.ladder_form(await queries.clinic(visit.tx, visit.clinic_id))


async def _again_live(visit: Visit, error: DomainError) -> View:
    return await _page(visit, Refused(live=await read_again(visit, "live", error, LIVE)))


async def _page(visit: Visit, refused: Refused) -> View:
    clinic = await queries.clinic(visit.tx, visit.clinic_id)
    missing = await going_live.missing(visit.tx, visit.clinic_id, _deployment(visit.console))
    people = await queries.staff_list(visit.tx, visit.actor)
    numbers = await queries.senders(visit.tx, visit.clinic_id)
    return View("setup/setup.html", presenter.page(visit, clinic, missing, people, numbers, refused), "setup")


def _deployment(console: ConsoleDeps) -> Deployment:
    return Deployment(
        public_url=console.settings.public_url,
        encrypts=bool(console.settings.encryption_keys),
        consent_wording_version=scripts.TEXTING.version,
    )


ROUTES: Final = [
    setup_page, sign_policy, set_responsible, change_clinic, change_ladder, add_sender, go_live, stop_texting,
]  # fmt: skip
