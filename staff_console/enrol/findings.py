"""What was found when care began: written down at the enrolment, and added to or put right here."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError, NotFound
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.access import CARE
from registry.intake import service as intake
from registry.intake.chart import intake_text
from registry.intake.contents import CONSIDERED, LABELS, OF_EVERYBODY, IntakeContent
from registry.intake.service import IntakeFacts
from staff_console import words
from staff_console.deps import ConsoleDeps
from staff_console.enrol.forms import FoundFields
from staff_console.enrol.views import FindingsPage
from staff_console.formstate import FormState, filled
from staff_console.pages import View, Visit, read_again, said, show, submit
from staff_console.whose import heading, known, whose

Console = NamedDependency[ConsoleDeps]
OPEN: Final = frozenset({"referred", "active", "relapse_prevention", "on_hold"})


class FindingsFields(FoundFields, frozen=True, kw_only=True):
    """`version` is the one that was looked at, 0 before the first."""

    version: int


@get("/patients/{patient_id:uuid}/intake", opt=access.staff(*CLINICAL))
async def findings(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, patient_id, None))


@post("/patients/{patient_id:uuid}/intake", opt=access.staff(*CARE))
async def save_findings(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, FindingsFields)
        await intake.save_intake(
            visit.tx, visit.actor, patient_id, form.intake(), base=form.version, now=visit.now
        )
        return said(f"/patients/{patient_id}/intake", "findings_saved")

    async def again(visit: Visit, error: DomainError) -> View:
        typed = await read_again(visit, "findings", error, LABELS)
        return await _page(visit, patient_id, typed, stale=error.code == "stale")

    return await submit(request, console, do, again)


async def _page(visit: Visit, patient_id: UUID, typed: FormState | None, *, stale: bool = False) -> View:
    """After a stale save what was typed stands above the newest text; saving again is a decision with both in view."""
    patient = await known(visit, patient_id)
    if patient.episode is None:
        raise NotFound("intake")
    found = await intake.intake(visit.tx, visit.actor, patient_id, patient.episode.id, now=visit.now)
    form = typed or _on_record(found)
    if stale:
        newest = ("0" if found is None else str(found.version),)
        form = msgspec.structs.replace(form, values={**form.values, "version": newest})
    page = FindingsPage(
        whose=whose(patient),
        form=form,
        may_write=visit.actor.has(*CARE) and patient.episode.status in OPEN,
        considered=words.choices(CONSIDERED),
        of_everybody=words.choices(OF_EVERYBODY),
        version="" if found is None else f"Version {found.version}",
        text="" if found is None else intake_text(found, heading(patient), visit.frame.zone),
    )
    return View("enrol/findings.html", page, "registry")


def _on_record(found: IntakeFacts | None) -> FormState:
    content = IntakeContent() if found is None else found.content
    return filled(
        "findings",
        version="0" if found is None else str(found.version),
        history=content.history,
        medical_causes=content.medical_causes,
        substances=content.substances,
        medications="\n".join(content.medications),
        pregnancy=content.pregnancy,
        pregnancy_note=content.pregnancy_note,
        bipolar=content.bipolar,
        bipolar_note=content.bipolar_note,
        ptsd=content.ptsd,
        ptsd_note=content.ptsd_note,
    )


ROUTES: Final = [findings, save_findings]
