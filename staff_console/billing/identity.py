"""Who bills: the clinic's identity on claim files, and its practitioners' NPIs."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from billing.identity import rules, service
from billing.identity.rules import LABELS, BillingIdentity
from billing.identity.service import KEEPERS, Setup
from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.context import WebRequest
from staff_console.billing.views import IdentityPage, Practitioner
from staff_console.deps import ConsoleDeps
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import View, Visit, said, show, submit
from staff_console.seen import read_stale, require_unchanged, sealed

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*KEEPERS)
USAGES: Final = (Choice("T", "Tests"), Choice("P", "Production"))


@get("/billing/setup", opt=STAFF)
async def identity_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _page)


@post("/billing/setup", opt=STAFF)
async def change(request: WebRequest, console: Console) -> Response[Any]:
    """All fields in one transaction: a wrong NPI leaves the rest unsaved too."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, BillingIdentity)
        await require_unchanged(visit, _stored)
        await service.change_identity(visit.tx, visit.actor, form, now=visit.now)
        typed = dict(await forms.pairs(request))
        for person in (await service.setup(visit.tx, visit.actor)).practitioners:
            npi = typed.get(f"npi_{person.staff_id}", "").strip()
            if npi != (person.npi or ""):
                await service.change_npi(visit.tx, visit.actor, person.staff_id, npi, now=visit.now)
        return said("/billing/setup", "billing_setup")

    async def again(visit: Visit, error: DomainError) -> View:
        found = await service.setup(visit.tx, visit.actor)
        labels = LABELS | {
            f"npi_{person.staff_id}": f"NPI of {person.name}" for person in found.practitioners
        }
        return await _page(visit, await read_stale(visit, error, labels, _stored))

    return await submit(request, console, do, again)


async def _page(visit: Visit, form: FormState | None = None) -> View:
    found = await service.setup(visit.tx, visit.actor)
    page = IdentityPage(
        form=form or _form(found),
        practitioners=tuple(
            Practitioner(person.name, f"npi_{person.staff_id}") for person in found.practitioners
        ),
        usages=USAGES,
        missing=tuple(f"{LABELS[each.field]} {each.message}" for each in rules.missing(found.identity)),
    )
    return View("billing/identity.html", page, "billing")


async def _stored(visit: Visit) -> FormState:
    return _form(await service.setup(visit.tx, visit.actor))


def _form(found: Setup) -> FormState:
    stored: dict[str, str] = msgspec.structs.asdict(found.identity)
    stored |= {f"npi_{person.staff_id}": person.npi or "" for person in found.practitioners}
    return sealed(filled("identity", **stored))


ROUTES: Final = [identity_page, change]
