"""Finding a patient. A post, so that nothing about a person is ever in an address, a history or a log."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response
from litestar.response.redirect import Redirect
from msgspec import Meta

from kernel.errors import Invalid
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.worklist import queries
from registry.worklist.queries import Found
from staff_console import formats, people, words
from staff_console.deps import ConsoleDeps
from staff_console.pages import View, Visit, rendered, shell, within
from staff_console.search.views import FoundLine, SearchPage
from staff_console.shell import Shell

Console = NamedDependency[ConsoleDeps]


class SearchForm(msgspec.Struct, frozen=True):
    query: Annotated[str, Meta(max_length=200)] = ""


@get("/search", opt=access.staff(*CLINICAL))
async def reloaded() -> Redirect:
    """A result that is reloaded without its form leads to the registry."""
    return Redirect("/registry", status_code=303)


@post("/search", opt=access.staff(*CLINICAL), status_code=200)
async def search(request: WebRequest, console: Console) -> Response[Any]:
    """Straight to the patient when there is just one."""
    form = await forms.read(request, SearchForm)

    async def read(visit: Visit) -> tuple[View, Shell] | str:
        try:
            found = await queries.search(visit.tx, visit.actor, form.query, now=visit.now)
        except Invalid:
            page = SearchPage(
                form.query, (), "Type at least two characters of a name, an MRN or a whole phone number."
            )
        else:
            if len(found) == 1:
                return f"/patients/{found[0].patient_id}"
            page = SearchPage(form.query, tuple(_line(person) for person in found))
        view = View("search/search.html", page, "registry")
        return view, shell(visit, view)

    outcome = await within(request, console, read)
    if isinstance(outcome, str):
        return Redirect(outcome, status_code=303)
    view, around = outcome
    return rendered(request, view, around)


def _line(person: Found) -> FoundLine:
    return FoundLine(
        name=people.name(person.family_name, person.given_name),
        href=people.patient_href(person.patient_id),
        born=None if person.birth_date is None else formats.day(person.birth_date),
        mrn=person.mrn or "none",
        status=words.shown(words.STATUSES, person.status) or "Not in care",
    )


ROUTES: Final = [reloaded, search]
