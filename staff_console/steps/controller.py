"""One patient's rules, flags and steps."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta

from kernel.errors import DomainError, NotFound
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.access import CARE
from registry.patients import queries as patients
from registry.stepped_care import queries as steps
from registry.stepped_care import service
from registry.treatment_changes import queries as treatment_changes
from registry.worklist import queries as worklist
from registry.worklist import service as flags
from registry.worklist.judging import patient_rules
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, read_again, said, show, submit
from staff_console.seen import Stored, read_stale, require_unchanged
from staff_console.steps import presenter

Console = NamedDependency[ConsoleDeps]


class FlagsForm(msgspec.Struct, frozen=True):
    """The two flags that people set, both as the form says."""

    safety: Literal["yes", ""] = ""
    discuss: Literal["yes", ""] = ""


class DeclineForm(msgspec.Struct, frozen=True):
    reason: Annotated[str, Meta(max_length=500)]


REASON: Final = {"reason": "The reason"}


@get("/patients/{patient_id:uuid}/rules", opt=access.staff(*CLINICAL))
async def rules_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, patient_id))


@post("/patients/{patient_id:uuid}/flags", opt=access.staff(*CARE, "consultant"))
async def set_flags(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, FlagsForm)
        judged = await patient_rules(visit.tx, visit.actor, patient_id, now=visit.now)
        await require_unchanged(visit, _stored_flags(patient_id))
        await flags.set_flags(
            visit.tx, visit.actor, judged.episode_id,
            safety=form.safety == "yes", discuss=form.discuss == "yes", now=visit.now,
        )  # fmt: skip
        return said(f"/patients/{patient_id}/rules", "flags_set")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_stale(visit, error, presenter.FLAGS, _stored_flags(patient_id))
        return await _page(visit, patient_id, form)

    return await submit(request, console, do, again)


@post("/steps/{proposal_id:uuid}/accept", opt=access.staff(*CARE))
async def accept(request: WebRequest, console: Console, proposal_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        patient_id = await _patient(visit, proposal_id)
        kind = await service.accept(
            visit.tx, visit.actor, proposal_id, now=visit.now, outreach=console.outreach
        )
        code = "phase_changed" if kind in service.BACK else "step_accepted"
        return said(f"/patients/{patient_id}/rules", code)

    return await submit(request, console, do, _again(proposal_id))


@post("/steps/{proposal_id:uuid}/take-back", opt=access.staff(*CARE))
async def take_back(request: WebRequest, console: Console, proposal_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        patient_id = await _patient(visit, proposal_id)
        form = await forms.read(request, DeclineForm)
        await service.take_back(
            visit.tx, visit.actor, proposal_id, form.reason, now=visit.now, outreach=console.outreach
        )
        return said(f"/patients/{patient_id}/rules", "step_taken_back")

    return await submit(request, console, do, _again(proposal_id))


@post("/steps/{proposal_id:uuid}/decline", opt=access.staff(*CARE))
async def decline(request: WebRequest, console: Console, proposal_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        patient_id = await _patient(visit, proposal_id)
        form = await forms.read(request, DeclineForm)
        await service.decline(visit.tx, visit.actor, proposal_id, form.reason, now=visit.now)
        return said(f"/patients/{patient_id}/rules", "step_declined")

    return await submit(request, console, do, _again(proposal_id))


def _stored_flags(patient_id: UUID) -> Stored:
    async def stored(visit: Visit) -> FormState:
        return presenter.flags_form(await patient_rules(visit.tx, visit.actor, patient_id, now=visit.now))

    return stored


def _again(proposal_id: UUID) -> Any:
    async def again(visit: Visit, error: DomainError) -> View:
        refused = await read_again(visit, f"step-{proposal_id}", error, REASON)
        return await _page(visit, await _patient(visit, proposal_id), refused)

    return again


async def _patient(visit: Visit, proposal_id: UUID) -> UUID:
    """Raises NotFound for another clinic's proposal."""
    found = await steps.patient_of(visit.tx, visit.clinic_id, proposal_id)
    if found is None:
        raise NotFound("proposal")
    return found


async def _page(visit: Visit, patient_id: UUID, refused: FormState | None = None) -> View:
    tx, viewer, now = visit.tx, visit.actor, visit.now
    patient = await patients.patient(tx, viewer, patient_id, now=now)
    judged = await patient_rules(tx, viewer, patient_id, now=now)
    line = await worklist.line_of(tx, viewer, judged.episode_id, now=now)
    proposals = await steps.of_patient(tx, viewer, patient_id, now=now)
    changes = await treatment_changes.changes(tx, viewer, patient_id, now=now)
    name = (patient.family_name, patient.given_name)
    page = presenter.page(visit, name, judged, line, proposals, changes, refused)
    return View("steps/steps.html", page, "registry")


ROUTES: Final = [rules_page, set_flags, accept, take_back, decline]
