"""What patients meet on their own pages, who may act for them, and what to know before calling them."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff.calls import READ, ROOT, WRITE, Call, Created, Items, Key, created, only_id, within
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CARE, CLINICAL
from registry.organisation import patient_pages as pages
from registry.organisation import queries as organisation
from registry.organisation.patient_pages import PatientPages
from registry.patients import reach
from registry.patients.reach import BeforeCalling
from registry.related_people import service as related
from registry.related_people.rules import RelatedPersonForm
from registry.related_people.service import RelatedPersonLine

PAGES: Final = f"{ROOT}/patient-pages"
ONE: Final = f"{ROOT}/patients/{{patient_id:uuid}}"
_PAGES: Final = [Example(summary="Both on", value={"birth_check": True, "shows_answers": True})]
_PERSON: Final = [
    Example(
        summary="A sister, for half a year",
        value={
            "name": "Rosa Vale",
            "relation": "sister",
            "phone": "+12065550188",
            "basis": "patient_agreed",
            "scope": ["contacts", "messages"],
            "valid_from": "2026-11-23",
            "valid_to": "2027-05-31",
            "agreed_on": "2026-11-23",
            "agreed_how": "verbal",
        },
    )
]


async def _pages(call: Call) -> PatientPages:
    return pages.patient_pages((await organisation.clinic(call.tx, call.clinic_id)).settings)


@get(PAGES, opt=access.token(), tags=["clinic"], summary="What patients' pages show", **READ)
async def read_pages(request: WebRequest, deps: NamedDependency[Deps]) -> PatientPages:
    """Whether a link asks for the date of birth, and whether past answers are shown."""
    return await within(request, deps, _pages)


@put(
    PAGES,
    opt=access.token("administrator", "clinic_lead"),
    tags=["clinic"],
    summary="Change what patients' pages show",
    **WRITE,
)
async def change_pages(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[PatientPages, BodyKwarg(examples=_PAGES)],
) -> PatientPages:
    """Holds from the next link that is opened and the next page that is shown."""

    async def body(call: Call) -> PatientPages:
        await pages.set_patient_pages(call.tx, call.actor, call.clinic_id, data, now=call.now)
        return await _pages(call)

    return await within(request, deps, body)


@get(
    f"{ONE}/before-calling",
    opt=access.token(*CARE),
    tags=["patients"],
    summary="What to know before calling",
    **READ,
)
async def before_calling(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> BeforeCalling:
    """The code word, the language and interpreter, and who else answers or reads along."""
    return await within(
        request, deps, lambda call: reach.before_calling(call.tx, call.actor, patient_id, now=call.now)
    )


@get(
    f"{ONE}/related-people",
    opt=access.token(*CLINICAL),
    tags=["patients"],
    summary="Who may act for the patient",
    **READ,
)
async def related_people(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Items[RelatedPersonLine]:
    """Those whose term has ended too, the newest first."""

    async def body(call: Call) -> Items[RelatedPersonLine]:
        return Items(await related.related_people(call.tx, call.actor, patient_id, now=call.now))

    return await within(request, deps, body)


@post(
    f"{ONE}/related-people",
    opt=access.token(*CARE),
    tags=["patients"],
    summary="Let a person act for the patient",
    **WRITE,
)
async def add_related(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[RelatedPersonForm, BodyKwarg(examples=_PERSON)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """They sign in with their own number. Answers, scores and the patient's messages are never part of it."""

    async def create(call: Call) -> UUID:
        return await related.add(call.tx, call.actor, patient_id, data, now=call.now)

    return await created(request, deps, idempotency_key, create, only_id)


@put(
    f"{ONE}/related-people/{{person_id:uuid}}",
    opt=access.token(*CARE),
    tags=["patients"],
    summary="Change what a person may do",
    **WRITE,
)
async def change_related(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    person_id: FromPath[UUID],
    data: Annotated[RelatedPersonForm, BodyKwarg(examples=_PERSON)],
) -> Created:
    """As a new row with a new id: what held before stays readable, and the person signs in anew."""

    async def body(call: Call) -> Created:
        return Created(await related.change(call.tx, call.actor, patient_id, person_id, data, now=call.now))

    return await within(request, deps, body)


@post(
    f"{ONE}/related-people/{{person_id:uuid}}/revocations",
    opt=access.token(*CARE),
    tags=["patients"],
    summary="End what a person may do",
    **WRITE,
)
async def revoke_related(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    person_id: FromPath[UUID],
    idempotency_key: Key = None,
) -> Response[Created]:
    """At once: their next call or page finds them signed out."""

    async def create(call: Call) -> UUID:
        await related.revoke(call.tx, call.actor, patient_id, person_id, now=call.now)
        return person_id

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (
    read_pages, change_pages, before_calling, related_people, add_related, change_related, revoke_related,
)  # fmt: skip
