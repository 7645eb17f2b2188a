"""The first thirty days as live state, the pilot, the downtime sheet and the exit export."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta

from billing.close.queries import closed_months
from kernel.errors import DomainError, Invalid
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.launch import going_live, queries, service
from registry.launch.checklist import Line
from registry.launch.exit_export import exit_export
from registry.launch.pilot import STEPS, Decision, Measured
from registry.launch.queries import PilotFacts, SheetLine
from registry.organisation.rules import Deployment
from staff_console import formats, people, words
from staff_console.deps import ConsoleDeps
from staff_console.enrol import scripts
from staff_console.formstate import FormState, filled
from staff_console.pages import View, Visit, read_again, said, show, submit, within
from staff_console.setup.launch_views import (
    DowntimePage,
    ItemLine,
    LaunchPage,
    PilotPanel,
    ReportLine,
    SheetRow,
)

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff("administrator", "clinic_lead")
LEAD: Final = access.staff("clinic_lead")


class PilotForm(msgspec.Struct, frozen=True):
    """Limits as people write them: `5, 15, 40`."""

    steps: Annotated[str, Meta(max_length=60)]

    def limits(self) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in self.steps.split(","))
        except ValueError:
            raise Invalid.field("steps", "must be whole numbers with commas, such as 5, 15, 40") from None


class ReportForm(msgspec.Struct, frozen=True):
    day: int
    decision: Decision
    note: Annotated[str, Meta(max_length=2000)]


WHERE: Final = {
    "safety": "/setup",
    "in_force": "/safety/protocol",
    "drill": "/safety/drills",
    "sender": "/setup#details",
    "holidays": "/setup/calendar",
}
PILOT: Final = {"steps": "The limits"}
REPORT: Final = {"day": "The report", "decision": "The decision", "note": "The note"}


@get("/setup/launch", opt=STAFF)
async def launch_page(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, _page)


@post("/setup/launch/{item:str}", opt=STAFF)
async def tick(request: WebRequest, console: Console, item: FromPath[str]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await service.tick(visit.tx, visit.actor, item, now=visit.now)
        return said("/setup/launch", "ticked")

    return await submit(request, console, do, lambda visit, _: _page(visit))


@post("/setup/pilot", opt=LEAD)
async def start_pilot(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, PilotForm)
        await service.start_pilot(visit.tx, visit.actor, form.limits(), now=visit.now)
        return said("/setup/launch", "pilot_started")

    return await submit(request, console, do, _again(PILOT))


@post("/setup/pilot/report", opt=LEAD)
async def sign_report(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, ReportForm)
        await service.sign_report(visit.tx, visit.actor, form.day, form.decision, form.note, now=visit.now)
        return said("/setup/launch", "pilot_reported")

    return await submit(request, console, do, _again(REPORT))


@post("/setup/pilot/end", opt=LEAD)
async def end_pilot(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await service.end_pilot(visit.tx, visit.actor, now=visit.now)
        return said("/setup/launch", "pilot_ended")

    return await submit(request, console, do, _again(PILOT))


@get("/downtime", opt=access.staff(*CLINICAL))
async def downtime_page(request: WebRequest, console: Console) -> Response[str]:
    """To print before the network is gone."""

    async def read(visit: Visit) -> View:
        lines = await queries.downtime_sheet(visit.tx, visit.actor, now=visit.now)
        rows = tuple(_sheet(visit, line) for line in lines)
        return View("setup/downtime.html", DowntimePage(visit.frame.clinic, visit.at(visit.now), rows))

    return await show(request, console, read)


@get("/setup/exit-export", opt=LEAD)
async def export_all(request: WebRequest, console: Console) -> Response[bytes]:
    async def read(visit: Visit) -> tuple[str, bytes]:
        file = await exit_export(visit.tx, visit.actor, now=visit.now)
        return file.name, file.content

    name, content = await within(request, console, read)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/zip", headers=headers)


def _again(labels: dict[str, str]) -> Any:
    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, await read_again(visit, "pilot", error, labels))

    return again


async def _page(visit: Visit, refused: FormState | None = None) -> View:
    tx, viewer = visit.tx, visit.actor
    deployment = Deployment(
        public_url=visit.console.settings.public_url,
        encrypts=bool(visit.console.settings.encryption_keys),
        consent_wording_version=scripts.TEXTING.version,
    )
    missing = await going_live.missing(tx, visit.clinic_id, deployment)
    lines = await queries.launch_checklist(
        tx,
        viewer,
        safety_items_open=len(missing),
        closed_months=await closed_months(tx, visit.clinic_id),
        now=visit.now,
    )
    facts = await queries.pilot_facts(tx, viewer, now=visit.now)
    page = LaunchPage(
        done=sum(line.state == "done" for line in lines),
        items=tuple(_item(line) for line in lines),
        pilot=_pilot(visit, facts, refused),
        may_export=viewer.has("clinic_lead"),
    )
    return View("setup/launch.html", page, "setup")


def _item(line: Line) -> ItemLine:
    ticks = line.item.ticked and line.state != "done"
    return ItemLine(
        id=line.item.id,
        title=line.item.title,
        why=line.item.why,
        state=line.state,
        due_on=formats.day(line.due_on),
        detail=line.detail,
        action=f"/setup/launch/{line.item.id}" if ticks else "",
        href="" if line.state == "done" else WHERE.get(line.item.id, ""),
    )


def _pilot(visit: Visit, facts: PilotFacts | None, refused: FormState | None) -> PilotPanel:
    lead = visit.actor.has("clinic_lead")
    if facts is None:
        form = refused or filled("pilot", steps=", ".join(map(str, STEPS)))
        return PilotPanel(False, "No limit on the patients in care.", (), (), (), form, lead)
    since = formats.day(facts.step_since).text
    return PilotPanel(
        runs=True,
        state=f"Step {facts.step + 1} of {len(facts.steps)} since {since}: {facts.in_care} of {facts.limit} places taken.",
        figures=_figures(facts.figures),
        days=words.choices({str(day): f"Day {day}" for day in facts.due}),
        reports=tuple(
            ReportLine(
                title=f"Step {report.step + 1}, day {report.day}",
                decision="Go" if report.decision == "go" else "No go",
                go=report.decision == "go",
                note=report.note,
                signed=f"{report.signed_by}, {visit.at(report.signed_at).day.text}",
                figures=_figures(report.figures),
            )
            for report in facts.reports
        ),
        form=refused or FormState("pilot"),
        may_decide=lead,
    )


def _figures(found: tuple[Measured, ...]) -> tuple[tuple[str, str, str], ...]:
    return tuple((figure.title, figure.value, figure.of) for figure in found)


def _sheet(visit: Visit, line: SheetLine) -> SheetRow:
    said_open = []
    if line.open_risk:
        said_open.append(f"safety event, tier {line.open_risk}")
    if line.safety_flag:
        said_open.append("safety flag")
    if line.phq9_last is not None:
        said_open.append(f"PHQ-9 {line.phq9_last}, item 9 {line.item9_last or 'not asked'}")
    at = None if line.next_contact_at is None else visit.at(line.next_contact_at)
    mode = words.shown(words.CONTACT_MODES, line.next_contact_mode)
    return SheetRow(
        name=people.name(line.family_name, line.given_name),
        mrn=line.mrn or "",
        phone="" if line.phone is None else formats.phone(line.phone),
        status=words.shown(words.STATUSES, line.status),
        manager=line.care_manager or "",
        next="none planned" if at is None else f"{at.day.text} {at.time} {mode}",
        open=", ".join(said_open),
    )


ROUTES: Final = [launch_page, tick, start_pilot, sign_report, end_pilot, downtime_page, export_all]
