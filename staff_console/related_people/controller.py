"""People who help a patient: with the patient's permission or by law, how far, and until when."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta, Struct

from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.access import CARE
from registry.related_people import service
from registry.related_people.rules import Agreed, Basis, RelatedPersonForm, Scope
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.related_people import presenter
from staff_console.whose import known

Console = NamedDependency[ConsoleDeps]
Text = Annotated[str, Meta(max_length=200)]
LABELS: Final = {
    "name": "Name",
    "relation": "Relation",
    "phone": "Their phone",
    "basis": "By what right",
    "agreed_on": "Date of the permission",
    "agreed_how": "How it was given",
    "scope": "What they may do",
    "valid_from": "From",
    "valid_to": "Last day",
}


class PersonFields(Struct, frozen=True, kw_only=True):
    """How and when the permission was given is asked of everybody who is entered here."""

    name: Text
    relation: Text
    phone: Text
    basis: Basis
    agreed_on: date
    agreed_how: Agreed
    scope: tuple[Scope, ...]
    valid_from: date
    valid_to: date | None = None

    def form(self) -> RelatedPersonForm:
        return RelatedPersonForm(**{name: getattr(self, name) for name in self.__struct_fields__})


@get("/patients/{patient_id:uuid}/people", opt=access.staff(*CARE))
async def people_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, patient_id))


@post("/patients/{patient_id:uuid}/people", opt=access.staff(*CARE))
async def add(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = (await forms.read(request, PersonFields)).form()

        async def make() -> UUID:
            return await service.add(visit.tx, visit.actor, patient_id, form, now=visit.now)

        await once(visit, make)
        return said(f"/patients/{patient_id}/people", "person_added")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, patient_id, await read_again(visit, "add", error, LABELS))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/people/{person_id:uuid}", opt=access.staff(*CARE))
async def change(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], person_id: FromPath[UUID]
) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = (await forms.read(request, PersonFields)).form()
        await service.change(visit.tx, visit.actor, patient_id, person_id, form, now=visit.now)
        return said(f"/patients/{patient_id}/people", "person_changed")

    async def again(visit: Visit, error: DomainError) -> View:
        """What was typed about somebody who was ended or changed meanwhile stands in the form that adds anew."""
        gone = error.code == "stale"
        form = await read_again(visit, "add" if gone else f"row-{person_id}", error, LABELS)
        return await _page(visit, patient_id, form if gone else None, None if gone else (person_id, form))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/people/{person_id:uuid}/end", opt=access.staff(*CARE))
async def end(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], person_id: FromPath[UUID]
) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await service.revoke(visit.tx, visit.actor, patient_id, person_id, now=visit.now)
        return said(f"/patients/{patient_id}/people", "person_ended")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, patient_id, FormState("add", problem=error.message))

    return await submit(request, console, do, again)


async def _page(
    visit: Visit,
    patient_id: UUID,
    add_form: FormState | None = None,
    refused: tuple[UUID, FormState] | None = None,
) -> View:
    patient = await known(visit, patient_id)
    found = await service.related_people(visit.tx, visit.actor, patient_id, now=visit.now)
    page = presenter.page(visit, patient, found, add_form, refused)
    return View("related_people/people.html", page, "registry")


ROUTES: Final = [people_page, add, change, end]
