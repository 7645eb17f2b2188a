"""Referrals out of the practice: send one, and say what became of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta

from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.access import CARE
from registry.referrals import queries, service
from registry.referrals.rules import OutwardReferral, ReferralKind, ReferralStepForm
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.referrals import presenter
from staff_console.whose import known

Console = NamedDependency[ConsoleDeps]
Text = Annotated[str, Meta(max_length=2000)]
LABELS: Final = {
    "to": "To whom",
    "why": "Why",
    "sent_on": "Sent on",
    "step": "What happened",
    "on": "On",
    "note": "Note",
}


class ReferralFields(msgspec.Struct, frozen=True, kw_only=True):
    kind: ReferralKind
    to: Text
    why: Text
    sent_on: date
    hands_over: Literal["yes"] | None = None


class StepFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    step: Literal["appointment", "seen", "not_seen", "result", "complete", "cancelled"]
    on: date | None = None
    note: Text | None = None


@get("/patients/{patient_id:uuid}/referrals", opt=access.staff(*CLINICAL))
async def referrals_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, patient_id, None))


@post("/patients/{patient_id:uuid}/referrals", opt=access.staff(*CARE))
async def refer(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, ReferralFields)
        wanted = OutwardReferral(form.kind, form.to, form.why, form.sent_on, form.hands_over == "yes")

        async def make() -> UUID:
            return await service.send(visit.tx, visit.actor, patient_id, wanted, now=visit.now)

        await once(visit, make)
        return said(f"/patients/{patient_id}/referrals", "referral_sent")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, patient_id, await read_again(visit, "referral", error, LABELS))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/referrals/{referral_id:uuid}", opt=access.staff(*CARE))
async def take_step(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], referral_id: FromPath[UUID]
) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, StepFields)
        on = form.on if form.step in ("appointment", "seen", "not_seen", "result") else None
        step = ReferralStepForm(form.step, on, form.note)
        await service.take_step(visit.tx, visit.actor, referral_id, step, version=form.version, now=visit.now)
        return said(f"/patients/{patient_id}/referrals", "referral_step")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, patient_id, await read_again(visit, f"step-{referral_id}", error, LABELS))

    return await submit(request, console, do, again)


async def _page(visit: Visit, patient_id: UUID, refused: FormState | None) -> View:
    patient = await known(visit, patient_id)
    found = await queries.of_patient(visit.tx, visit.actor, patient_id, now=visit.now)
    return View("referrals/referrals.html", presenter.page(visit, patient, found, refused), "registry")


ROUTES: Final = [referrals_page, refer, take_step]
