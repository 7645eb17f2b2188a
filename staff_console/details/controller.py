"""Changing what is on record about a patient, and their number."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError, Invalid
from kernel.web import access, forms
from kernel.web.context import WebRequest
from messaging.consent import service as consent
from registry.access import CARE
from registry.patients import details
from registry.patients import service as patients
from staff_console.deps import ConsoleDeps
from staff_console.details import presenter
from staff_console.details.forms import (
    DETAILS,
    DETAILS_RENAMED,
    PHONE,
    PHONE_RENAMED,
    TAKEN,
    DetailsFields,
    PhoneFields,
    agreement,
)
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, read_again, said, show, submit
from staff_console.seen import after_stale
from staff_console.whose import known

Console = NamedDependency[ConsoleDeps]


@get("/patients/{patient_id:uuid}/details", opt=access.staff(*CARE))
async def details_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _details(visit, patient_id, None))


@post("/patients/{patient_id:uuid}/details", opt=access.staff(*CARE))
async def change_details(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = (await forms.read(request, DetailsFields)).form()
        changed = await details.change_details(
            visit.tx, visit.actor, patient_id, form, now=visit.now, outreach=console.outreach
        )
        return said(f"/patients/{patient_id}", "details_saved" if changed else "nothing_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "details", _at_field(error), DETAILS, DETAILS_RENAMED)
        if error.code == "stale":
            stored = presenter.details_on_record(await known(visit, patient_id))
            form = presenter.not_agreed(after_stale(form, stored, DETAILS))
        return await _details(visit, patient_id, form)

    return await submit(request, console, do, again)


@get("/patients/{patient_id:uuid}/phone", opt=access.staff(*CARE))
async def phone_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _phone(visit, patient_id, None))


@post("/patients/{patient_id:uuid}/phone", opt=access.staff(*CARE))
async def change_phone(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    """The agreement to texts belongs to a number: it is given here anew, or check-ins go another way."""

    async def do(visit: Visit) -> str:
        form = await forms.read(request, PhoneFields)
        patient = await known(visit, patient_id)
        changed = await patients.change_phone(
            visit.tx,
            visit.actor,
            patient_id,
            form.number(),
            texting_consent=agreement(form.texting, form.method, patient.language),
            otherwise=form.otherwise,
            version=form.version,
            now=visit.now,
            outreach=console.outreach,
        )
        return said(f"/patients/{patient_id}#consent", "phone_saved" if changed else "nothing_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "phone", _at_field(error), PHONE, PHONE_RENAMED)
        if error.code == "stale":
            stored = presenter.phone_on_record(await known(visit, patient_id))
            form = after_stale(form, stored, PHONE)
        return await _phone(visit, patient_id, form)

    return await submit(request, console, do, again)


def _at_field(error: DomainError) -> DomainError:
    """A number or record number that another patient has is a problem of its field."""
    taken = TAKEN.get(error.code)
    return error if taken is None else Invalid(taken)


async def _details(visit: Visit, patient_id: UUID, form: FormState | None) -> View:
    patient = await known(visit, patient_id)
    agreed = await consent.current(visit.tx, patient_id)
    page = presenter.details_page(patient, form or presenter.details_on_record(patient), agreed)
    return View("details/details.html", page, "registry")


async def _phone(visit: Visit, patient_id: UUID, form: FormState | None) -> View:
    patient = await known(visit, patient_id)
    page = presenter.phone_page(patient, form or presenter.phone_on_record(patient))
    return View("details/phone.html", page, "registry")


ROUTES: Final = [details_page, change_details, phone_page, change_phone]
