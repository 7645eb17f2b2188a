"""Another clinic of the organisation."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.handover import administration
from registry.organisation import queries
from registry.organisation.rules import ClinicForm
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, read_again, said, show, submit

Console = NamedDependency[ConsoleDeps]
ADMIN: Final = access.staff("administrator")
PATH: Final = "/setup/clinics"
LABELS: Final = {
    "name": "Name", "slug": "Short name", "zone": "Time zone", "text_name": "Name in texts",
    "support_phone": "Phone in the HELP text", "hours_text": "Hours in the HELP text",
}  # fmt: skip


class NewClinic(msgspec.Struct, frozen=True):
    """What can't be guessed; everything else is on the new clinic's own set-up page."""

    name: str
    slug: str
    zone: str
    text_name: str
    support_phone: str
    hours_text: str

    @property
    def clinic(self) -> ClinicForm:
        return ClinicForm(**msgspec.structs.asdict(self))


class ClinicsPage(msgspec.Struct, frozen=True):
    """Template `setup/clinics.html`. `names` are the organisation's clinics, `mine` those the reader may enter."""

    names: tuple[str, ...]
    mine: frozenset[str]
    form: FormState


@get(PATH, opt=ADMIN)
async def clinics_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _page)


@post(PATH, opt=ADMIN)
async def open_clinic(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, NewClinic)
        await administration.open_clinic(visit.tx, visit.actor, form.clinic, now=visit.now)
        return said(PATH, "clinic_opened")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, await read_again(visit, "clinic", error, LABELS))

    return await submit(request, console, do, again)


async def _page(visit: Visit, form: FormState | None = None) -> View:
    every = await queries.clinics(visit.tx)
    mine = await queries.clinics_of(visit.tx, visit.staff_id)
    page = ClinicsPage(
        tuple(clinic.name for clinic in every),
        frozenset(clinic.name for clinic in mine),
        form or FormState("clinic"),
    )
    return View("setup/clinics.html", page, "setup")


ROUTES: Final = [clinics_page, open_clinic]
