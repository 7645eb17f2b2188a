"""Dated coverage rows with rank and subscriber: the biller and the care team keep them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta, Struct

from kernel.errors import DomainError, NotFound
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.access import CARE, CLINICAL
from registry.patients import queries, service
from registry.patients.forms import CoverageForm, Subscriber
from registry.patients.queries import CoverageLine
from staff_console import people
from staff_console.coverage.views import CoveragePage, CoverageRow
from staff_console.deps import ConsoleDeps
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.seen import Stored, read_stale, require_unchanged, sealed

Console = NamedDependency[ConsoleDeps]
PAYERS: Final = access.staff(*CARE, "biller")
RANKS: Final = {"1": "Primary", "2": "Secondary", "3": "Tertiary"}
SUBSCRIBERS: Final = {
    "self": "The patient",
    "spouse": "Spouse",
    "child": "Parent's policy",
    "other": "Someone else",
}
LABELS: Final = {
    "payer": "Payer", "payer_id": "Payer id", "plan": "Plan", "member_id": "Member id", "subscriber": "Whose policy",
    "rank": "Rank", "valid_from": "From", "valid_to": "Until", "subscriber_family": "Subscriber's family name",
    "subscriber_given": "Subscriber's given name",
}  # fmt: skip
RENAMED: Final = {f"coverage.{name}": name for name in LABELS}
Text = Annotated[str, Meta(max_length=200)]


class CoverageFields(Struct, frozen=True):
    payer: Text
    valid_from: date
    rank: Literal[1, 2, 3] = 1
    payer_id: Text | None = None
    plan: Text | None = None
    member_id: Text | None = None
    subscriber: Subscriber = "self"
    valid_to: date | None = None
    subscriber_family: Text | None = None
    subscriber_given: Text | None = None

    def form(self) -> CoverageForm:
        return CoverageForm(
            payer=self.payer,
            valid_from=self.valid_from,
            rank=self.rank,
            payer_id=self.payer_id,
            plan=self.plan,
            member_id=self.member_id,
            subscriber=self.subscriber,
            valid_to=self.valid_to,
            subscriber_family=self.subscriber_family,
            subscriber_given=self.subscriber_given,
        )


@get("/patients/{patient_id:uuid}/coverage", opt=PAYERS)
async def coverage_page(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, patient_id))


@post("/patients/{patient_id:uuid}/coverage", opt=PAYERS)
async def add(request: WebRequest, console: Console, patient_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        fields = await forms.read(request, CoverageFields)

        async def make() -> UUID:
            return await service.add_coverage(visit.tx, visit.actor, patient_id, fields.form(), now=visit.now)

        await once(visit, make)
        return said(f"/patients/{patient_id}/coverage", "coverage_saved")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, patient_id, await read_again(visit, "add", error, LABELS, RENAMED))

    return await submit(request, console, do, again)


@post("/patients/{patient_id:uuid}/coverage/{coverage_id:uuid}", opt=PAYERS)
async def correct(
    request: WebRequest, console: Console, patient_id: FromPath[UUID], coverage_id: FromPath[UUID]
) -> Response[Any]:
    async def do(visit: Visit) -> str:
        fields = await forms.read(request, CoverageFields)
        await require_unchanged(visit, _stored(patient_id, coverage_id))
        await service.change_coverage(
            visit.tx, visit.actor, patient_id, coverage_id, fields.form(), now=visit.now
        )
        return said(f"/patients/{patient_id}/coverage", "coverage_saved")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_stale(visit, error, LABELS, _stored(patient_id, coverage_id), RENAMED)
        return await _page(visit, patient_id, None, (str(coverage_id), form))

    return await submit(request, console, do, again)


async def _page(
    visit: Visit,
    patient_id: UUID,
    add_form: FormState | None = None,
    refused: tuple[str, FormState] | None = None,
) -> View:
    patient = await queries.patient(visit.tx, visit.actor, patient_id, now=visit.now)
    page = CoveragePage(
        patient=people.name(patient.family_name, patient.given_name),
        patient_href=f"/patients/{patient_id}" if visit.actor.has(*CLINICAL) else "",
        post_to=f"/patients/{patient_id}/coverage",
        rows=tuple(_row(line, refused) for line in patient.coverage),
        add=add_form or filled("add", rank="1", subscriber="self", valid_from=visit.today.isoformat()),
        ranks=tuple(Choice(value, label) for value, label in RANKS.items()),
        subscribers=tuple(Choice(value, label) for value, label in SUBSCRIBERS.items()),
    )
    return View("coverage/coverage.html", page, "registry" if visit.actor.has(*CLINICAL) else "billing")


def _stored(patient_id: UUID, coverage_id: UUID) -> Stored:
    async def stored(visit: Visit) -> FormState:
        patient = await queries.patient(visit.tx, visit.actor, patient_id, now=visit.now)
        found = next((line for line in patient.coverage if line.id == coverage_id), None)
        if found is None:
            raise NotFound("coverage")
        return _form(found)

    return stored


def _form(line: CoverageLine) -> FormState:
    form = filled(
        f"row-{line.id}",
        payer=line.payer,
        payer_id=line.payer_id or "",
        plan=line.plan or "",
        member_id=line.member_id or "",
        subscriber=line.subscriber,
        rank=str(line.rank),
        valid_from=line.valid_from.isoformat(),
        valid_to="" if line.valid_to is None else line.valid_to.isoformat(),
        subscriber_family=line.subscriber_family,
        subscriber_given=line.subscriber_given,
    )
    return sealed(form)


def _row(line: CoverageLine, refused: tuple[str, FormState] | None) -> CoverageRow:
    until = "open" if line.valid_to is None else line.valid_to.isoformat()
    rank = RANKS.get(str(line.rank), str(line.rank))
    known = (
        line.plan,
        line.payer_id and f"payer id {line.payer_id}",
        line.member_id and f"member {line.member_id}",
    )
    whose = ", ".join(part for part in (line.subscriber_family, line.subscriber_given) if part)
    detail = ", ".join(each for each in (*known, SUBSCRIBERS[line.subscriber], whose) if each)
    form = _form(line)
    if refused is not None and refused[0] == str(line.id):
        form = refused[1]
    return CoverageRow(
        str(line.id), f"{rank}: {line.payer}, {line.valid_from.isoformat()} to {until}", detail, form
    )


ROUTES: Final = [coverage_page, add, correct]
