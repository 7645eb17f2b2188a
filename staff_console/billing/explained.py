"""One patient's month with what it rests on and what was decided, and the list of what is missing this month."""

from __future__ import annotations

from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct

from billing.close import copies
from billing.decisions import service as decisions
from billing.decisions.rules import (
    DECIDERS,
    FROM_A_MONTH,
    HOLDS,
    LABELS,
    OF_ONE_MONTH,
    DecisionForm,
    DecisionKind,
    label,
)
from billing.packet.service import AUDITORS, Taken, taken
from billing.statement import explained
from billing.statement.elements import Element
from billing.statement.explained import PatientMonth
from billing.statement.open_points import OpenPoint, open_points
from billing.statement.service import READERS
from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.context import WebRequest
from registry.access import CLINICAL
from registry.time_log import activities
from registry.time_log.months import Month
from registry.time_log.rules import Entry, Slice
from staff_console import formats, people, words
from staff_console.billing import closing
from staff_console.billing.views import (
    DecisionLine,
    ElementLine,
    EntrySlices,
    ExplainedPage,
    MissingPage,
    MissingRow,
    PacketLine,
    RowLink,
    SliceLine,
)
from staff_console.deps import ConsoleDeps
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import View, Visit, query, read_again, said, show, submit
from staff_console.patient.presenter import minutes

Console = NamedDependency[ConsoleDeps]
DECISION: Final = {"kind": "What", "value": "Value", "reason": "Reason"}
# Which page of a patient shows a row of each kind.
PAGES: Final = {
    "time_entry": "#time", "measure_result": "#trends", "care_plan": "/plan", "contact": "#timeline",
    "case_review": "#timeline", "recommendation": "#timeline", "care_consent": "#consent", "episode": "",
    "coverage": "/coverage",
}  # fmt: skip


class DecideForm(Struct, frozen=True):
    kind: DecisionKind
    value: str
    reason: str


class WithdrawForm(Struct, frozen=True):
    reason: str


class MissingQuery(Struct, frozen=True):
    who: Literal["all", "mine"] = "all"


@get("/billing/{month:str}/missing", opt=access.staff(*READERS))
async def missing_page(request: WebRequest, console: Console, month: FromPath[str]) -> Response[str]:
    wanted = closing.parsed(month)
    asked = query(request, MissingQuery)

    async def read(visit: Visit) -> View:
        found = await open_points(visit.tx, visit.actor, wanted, now=visit.now, mine=asked.who == "mine")
        page = MissingPage(
            month=str(wanted),
            month_text=formats.month_text(str(wanted)),
            mine=asked.who == "mine",
            rows=tuple(_missing(wanted, point) for point in found),
        )
        return View("billing/missing.html", page, "billing")

    return await show(request, console, read)


@get("/billing/{month:str}/people/{patient_id:uuid}", opt=access.staff(*READERS))
async def explained_page(
    request: WebRequest, console: Console, month: FromPath[str], patient_id: FromPath[UUID]
) -> Response[str]:
    wanted = closing.parsed(month)
    return await show(request, console, lambda visit: _page(visit, wanted, patient_id))


@post("/billing/{month:str}/people/{patient_id:uuid}/decisions", opt=access.staff(*DECIDERS))
async def decide(
    request: WebRequest, console: Console, month: FromPath[str], patient_id: FromPath[UUID]
) -> Response[Any]:
    wanted = closing.parsed(month)

    async def do(visit: Visit) -> str:
        form = await forms.read(request, DecideForm)
        episode = await explained.episode_of(visit.tx, visit.clinic_id, patient_id)
        dated = str(wanted) if form.kind in OF_ONE_MONTH | FROM_A_MONTH else None
        asked = DecisionForm(kind=form.kind, value=form.value.strip(), reason=form.reason, month=dated)
        await decisions.decide(visit.tx, visit.actor, episode, asked, now=visit.now)
        return said(f"/billing/{wanted}/people/{patient_id}#decisions", "billing_decided")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "decision", error, DECISION)
        return await _page(visit, wanted, patient_id, form)

    return await submit(request, console, do, again)


@post(
    "/billing/{month:str}/people/{patient_id:uuid}/withdraw/{decision_id:uuid}", opt=access.staff(*DECIDERS)
)
async def withdraw(
    request: WebRequest,
    console: Console,
    month: FromPath[str],
    patient_id: FromPath[UUID],
    decision_id: FromPath[UUID],
) -> Response[Any]:
    wanted = closing.parsed(month)

    async def do(visit: Visit) -> str:
        form = await forms.read(request, WithdrawForm)
        await decisions.withdraw(visit.tx, visit.actor, decision_id, form.reason, now=visit.now)
        return said(f"/billing/{wanted}/people/{patient_id}#decisions", "billing_withdrawn")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "decision", error, {})
        return await _page(
            visit, wanted, patient_id, FormState("decision", problem=form.problem or error.message)
        )

    return await submit(request, console, do, again)


async def _page(visit: Visit, month: Month, patient_id: UUID, form: FormState | None = None) -> View:
    found = await explained.patient_month(visit.tx, visit.actor, patient_id, month, now=visit.now)
    known = await taken(visit.tx, visit.actor, patient_id, month) if visit.actor.has(*AUDITORS) else ()
    shown = page(visit, found, form, known)
    if visit.actor.has(*CLINICAL):
        ref_id = await copies.ref_of(visit.tx, visit.clinic_id, patient_id, month)
        href = "" if ref_id is None else f"/billing/{month}/copies/{patient_id}/{ref_id}"
        shown = msgspec.structs.replace(shown, copy_href=href)
    return View("billing/explained.html", shown, "billing")


def page(
    visit: Visit, found: PatientMonth, form: FormState | None, known: tuple[Taken, ...]
) -> ExplainedPage:
    row, facts = found.derived.row, found.inputs.facts
    clinical = visit.actor.has(*CLINICAL)
    base = f"/patients/{found.patient_id}"
    return ExplainedPage(
        month=str(row.month),
        month_text=formats.month_text(str(row.month)),
        patient=people.name(facts.family_name, facts.given_name),
        patient_href=base if clinical else "",
        coverage_href=f"{base}/coverage",
        post_to=f"/billing/{row.month}/people/{found.patient_id}",
        lines=tuple(f"{line.code} x{line.units}" for line in row.lines),
        status=row.status.replace("_", " "),
        month_type=(row.month_type or "undecided", row.month_type_reason),
        rule_set=f"{row.rule_id}: {found.inputs.rule_set.title}. {found.inputs.rule_set.source}",
        counted=f"{minutes(row.counted_seconds)} min counted of {minutes(found.derived.count.logged_seconds)} logged",
        steps=()
        if row.decision is None
        else tuple((step.rule_id, step.words) for step in row.decision.steps),
        entries=_entries(visit, found),
        elements=tuple(_element(element, base if clinical else "") for element in row.elements),
        holds=tuple((note.code, note.words) for note in row.holds),
        released=tuple((note.code, note.words) for note in row.released),
        flags=tuple(note.words for note in row.flags),
        decisions=tuple(
            DecisionLine(str(each.id), label(each), each.reason, each.by, visit.at(each.at))
            for each in found.decisions
        ),
        kinds=tuple(Choice(kind, text) for kind, text in LABELS.items()),
        releasable=tuple(note.code for note in row.holds if note.code in HOLDS),
        form=form or filled("decision"),
        may_decide=visit.actor.has(*DECIDERS),
        packets=tuple(PacketLine(visit.at(each.at), each.by, each.version, each.sha256) for each in known),
    )


def _entries(visit: Visit, found: PatientMonth) -> tuple[EntrySlices, ...]:
    parts: dict[str, list[Slice]] = {}
    for part in found.derived.count.slices:
        parts.setdefault(part.entry_id, []).append(part)
    return tuple(_entry(visit, entry, parts.get(entry.id, [])) for entry in found.inputs.entries)


def _entry(visit: Visit, entry: Entry, parts: list[Slice]) -> EntrySlices:
    return EntrySlices(
        at=visit.at(entry.started_at),
        role=words.roles((entry.role,)) if entry.role != "software" else "Software",
        activity=getattr(activities.find(entry.activity), "label", entry.activity),
        slices=tuple(
            SliceLine(
                visit.at(part.start).time, minutes(part.seconds), part.counted, part.reason_text or "counts"
            )
            for part in parts
        ),
    )


def _element(element: Element, base: str) -> ElementLine:
    return ElementLine(
        label=element.label,
        state="held" if element.state == "failed" and element.holds else element.state,
        text=element.words,
        rows=tuple(
            RowLink(
                f"{ref.kind.replace('_', ' ')} of {ref.on.isoformat()}",
                f"{base}{PAGES[ref.kind]}" if base and ref.kind in PAGES else "",
            )
            for ref in element.refs
        ),
        fix=element.fix,
        who=words.roles(element.fixers),
    )


def _missing(month: Month, point: OpenPoint) -> MissingRow:
    return MissingRow(
        patient=people.name(point.family_name, point.given_name),
        href=f"/billing/{month}/people/{point.patient_id}",
        minutes=point.minutes,
        next_line="" if point.next_at is None else f"next line at {point.next_at}",
        elements=tuple(_element(element, "") for element in point.missing),
    )


ROUTES: Final = [missing_page, explained_page, decide, withdraw]
