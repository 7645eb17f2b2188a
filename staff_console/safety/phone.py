"""The page for the person on call, on a phone: whom to dial, where the patient is, what was agreed with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from messaging.conversation import thread
from registry.care_plans import contents
from registry.care_plans import queries as care_plans
from registry.care_plans.queries import PlanVersion
from registry.organisation import queries as organisation
from registry.organisation.queries import StaffContact
from registry.patients import queries as patients
from registry.patients.queries import PatientPage
from registry.safety import handling, queries
from registry.safety.queries import EventPage as Found
from staff_console import formats, people, words
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, once, read_again, said, show, submit
from staff_console.safety import presenter
from staff_console.safety.forms import CHANNELS, LABELS, OUTCOMES, AttemptForm, WhereForm
from staff_console.safety.views import CallPage, Fact, LogLine, PlanPart

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*CLINICAL)
CALLS: Final = frozenset({"phone", "video", "in_person", "text", "emergency_contact"})


class Near(msgspec.Struct, frozen=True):
    """Who and what the person on call may need besides the event."""

    patient: PatientPage | None
    clinician: StaffContact | None
    plan: PlanVersion | None
    wrote_from: str | None
    clinic_phone: str
    where: FormState
    attempt: FormState


@get("/safety/{event_id:uuid}/call", opt=STAFF)
async def call_page(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, event_id))


@post("/safety/{event_id:uuid}/where", opt=STAFF)
async def where(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        async def make() -> UUID:
            form = await forms.read(request, WhereForm)
            await handling.add_note(
                visit.tx, visit.actor, event_id, form.where, kind="whereabouts", now=visit.now
            )
            return event_id

        await once(visit, make)
        return said(f"/safety/{event_id}/call", "where")

    return await submit(request, console, do, _again(event_id, "where"))


@post("/safety/{event_id:uuid}/call", opt=STAFF)
async def called(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    """The same attempt as on the event's page, and back to the phone's."""

    async def do(visit: Visit) -> str:
        async def make() -> UUID:
            form = await forms.read(request, AttemptForm)
            await handling.log_attempt(
                visit.tx, visit.actor, event_id,
                channel=form.channel, outcome=form.outcome, note=form.note, now=visit.now,
            )  # fmt: skip
            return event_id

        await once(visit, make)
        return said(f"/safety/{event_id}/call", "attempt")

    return await submit(request, console, do, _again(event_id, "attempt"))


@post("/safety/{event_id:uuid}/call/acknowledge", opt=STAFF)
async def take(request: WebRequest, console: Console, event_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        taken = await handling.acknowledge(visit.tx, visit.actor, event_id, now=visit.now)
        code = "taken_event" if taken.by_id == visit.staff_id else "had_event"
        return said(f"/safety/{event_id}/call", code)

    return await submit(request, console, do, _again(event_id, "attempt"))


def _again(event_id: UUID, form_id: str) -> Any:
    async def again(visit: Visit, error: DomainError) -> View:
        typed = await read_again(
            visit, form_id, error, LABELS, {"note": "where"} if form_id == "where" else {}
        )
        return await _page(visit, event_id, typed)

    return again


async def _page(visit: Visit, event_id: UUID, refused: FormState | None = None) -> View:
    tx, viewer, now = visit.tx, visit.actor, visit.now
    found = await queries.event(tx, viewer, event_id, now=now)
    patient_id = found.event.patient_id
    patient = None if patient_id is None else await patients.patient(tx, viewer, patient_id, now=now)
    clinician = None if patient is None or patient.episode is None else patient.episode.treating_clinician
    plans = () if patient_id is None else await care_plans.versions(tx, viewer, patient_id, "safety", now=now)
    texts = [signal.source_id for signal in found.signals if signal.source_kind == "inbound"]
    wrote = await thread.received_texts(tx, viewer, texts, now=now)
    near = Near(
        patient=patient,
        clinician=None if clinician is None else await organisation.staff_contact(tx, clinician.id),
        plan=plans[0] if plans else None,
        wrote_from=next((text.phone for text in wrote.values()), None),
        clinic_phone=(await organisation.clinic(tx, visit.clinic_id)).support_phone,
        where=refused if refused is not None and refused.id == "where" else FormState("where"),
        attempt=refused if refused is not None and refused.id == "attempt" else FormState("attempt"),
    )
    return View("safety/call.html", page(visit, found, near), "safety")


def page(visit: Visit, found: Found, near: Near) -> CallPage:
    event = found.event
    clock, late = presenter.clock(visit, event)
    return CallPage(
        event_id=str(event.id),
        patient=people.name(event.family_name, event.given_name),
        code=event.code,
        tier=event.tier,
        trigger=people.triggers(event.triggers),
        age=people.age(event.opened_at, event.closed_at or visit.now),
        clock=clock,
        late=late,
        taken_by=event.acknowledged_by_name or "",
        may_take=event.state == "open",
        open=event.state != "closed",
        drill=event.is_drill,
        dials=tuple(_dials(near, event.is_drill)),
        address=_address(near.patient),
        where=tuple(
            LogLine(visit.at(action.at), action.by_name, action.note or "")
            for action in reversed(found.actions)
            if action.kind == "whereabouts"
        ),
        form=near.where,
        attempt=near.attempt,
        channels=tuple(c for c in words.choices(CHANNELS) if c.value in CALLS),
        outcomes=words.choices(OUTCOMES),
        plan=_plan(near.plan),
        plan_of="" if near.plan is None else f"version {near.plan.version}",
    )


def _dials(near: Near, is_drill: bool) -> Iterable[Fact]:
    patient = near.patient
    number = near.wrote_from if patient is None or patient.phone is None else patient.phone.number
    if number is not None and not is_drill:
        yield Fact("Patient" if patient is not None else "Who wrote", formats.phone(number), f"tel:{number}")
    if is_drill:
        yield Fact(
            "Drill: call the clinic in the patient's place",
            formats.phone(near.clinic_phone),
            f"tel:{near.clinic_phone}",
        )
    if patient is not None and patient.emergency is not None:
        e = patient.emergency
        yield Fact(f"Emergency contact: {e.name}, {e.relation}", formats.phone(e.phone), f"tel:{e.phone}")
    if near.clinician is not None:
        phone = near.clinician.phone
        text = "no number on record" if phone is None else formats.phone(phone)
        yield Fact(
            f"Treating clinician: {near.clinician.name}", text, "" if phone is None else f"tel:{phone}"
        )
    yield Fact("Crisis line", "988", "tel:988")
    yield Fact("Emergency", "911", "tel:911")


def _address(patient: PatientPage | None) -> tuple[str, ...]:
    if patient is None or patient.address is None:
        return ()
    a = patient.address
    return tuple(line for line in (a.line1, a.line2, f"{a.city}, {a.state} {a.postal_code}") if line)


def _plan(plan: PlanVersion | None) -> tuple[PlanPart, ...]:
    if plan is None:
        return ()
    parts = (
        PlanPart(field.label, tuple(getattr(plan.content, field.name))) for field in contents.FIELDS["safety"]
    )
    return tuple(part for part in parts if part.lines)


ROUTES: Final = [call_page, where, called, take]
