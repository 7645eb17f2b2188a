"""A colleague leaves or hands over: nothing they hold is left without an owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta

from kernel.errors import DomainError, NotFound
from kernel.web import access, forms, sessions
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.handover import rules, service, timers
from registry.handover.rules import Duty, HandoverForm
from registry.handover.timers import REASONS, Discard, LeftTimer, TimerForm
from registry.organisation import queries as organisation
from registry.organisation.queries import StaffMember
from staff_console import words
from staff_console.deps import ConsoleDeps
from staff_console.formstate import Choice, FormState, filled
from staff_console.handover.views import NoteLine, NotesPage, PersonPage
from staff_console.pages import View, Visit, once, read_again, said, show, submit

Console = NamedDependency[ConsoleDeps]
Takers = Sequence[tuple[StaffMember, Sequence[Duty]]]
FIELDS: Final = {
    "to_id": "Who takes over",
    "duties": "What",
    "note": "The handover note",
    "introduce": "The text",
}

TIMER: Final = {"decision": "The timer", "minutes": "The minutes", "reason": "The reason"}


class HandoverFields(msgspec.Struct, frozen=True):
    to_id: UUID
    duties: tuple[Duty, ...] = ()
    note: Annotated[str, Meta(max_length=4000)] | None = None
    introduce: Literal["yes"] | None = None


class TimerFields(msgspec.Struct, frozen=True):
    decision: Literal["keep", "discard"]
    minutes: Annotated[float, Meta(gt=0, le=1440)] | None = None
    reason: Discard | None = None


class CloseFields(msgspec.Struct, frozen=True):
    confirm: Literal["yes"]


@get("/setup/people/{staff_id:uuid}", opt=access.staff("administrator", "clinic_lead"))
async def person_page(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, staff_id))


@post("/setup/people/{staff_id:uuid}/handover", opt=access.staff("clinic_lead"))
async def hand_over(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        fields = await forms.read(request, HandoverFields)
        form = HandoverForm(
            to_id=fields.to_id,
            duties=fields.duties,
            note=fields.note or "",
            introduce=fields.introduce is not None,
        )

        async def make() -> UUID:
            moved = await service.hand_over(
                visit.tx, visit.actor, staff_id, form, now=visit.now, outreach=console.outreach
            )
            return moved.handover_id

        await once(visit, make)
        return said(f"/setup/people/{staff_id}", "handed_over")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, staff_id, form=await read_again(visit, "handover", error, FIELDS))

    return await submit(request, console, do, again)


@post("/setup/people/{staff_id:uuid}/timer", opt=access.staff("clinic_lead"))
async def settle_timer(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        fields = await forms.read(request, TimerFields)
        wanted = TimerForm(fields.decision, fields.minutes, fields.reason)
        await timers.settle(visit.tx, visit.actor, staff_id, wanted, now=visit.now)
        return said(f"/setup/people/{staff_id}", "timer_settled")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, staff_id, timer=await read_again(visit, "timer", error, TIMER))

    return await submit(request, console, do, again)


@post("/setup/people/{staff_id:uuid}/deactivate", opt=access.staff("administrator"))
async def deactivate(request: WebRequest, console: Console, staff_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await forms.read(request, CloseFields)
        await service.deactivate(visit.tx, visit.actor, staff_id, now=visit.now)
        await sessions.end_all(visit.tx, staff_id, now=visit.now)
        return said("/setup", "account_closed")

    async def again(visit: Visit, error: DomainError) -> View:
        form = await read_again(visit, "close", error, {"confirm": "Confirming"})
        return await _page(visit, staff_id, close=form)

    return await submit(request, console, do, again)


@get("/handovers", opt=access.staff(*CLINICAL))
async def handovers(request: WebRequest, console: Console) -> Response[str]:
    """What was handed over to the person who reads; a clinic lead sees the clinic's."""

    async def read(visit: Visit) -> View:
        found = await service.notes(visit.tx, visit.actor, now=visit.now)
        lines = tuple(
            NoteLine(visit.at(note.at), note.from_name, note.note, _moved(note.counts)) for note in found
        )
        return View("handover/notes.html", NotesPage(lines), "tasks")

    return await show(request, console, read)


async def _page(
    visit: Visit,
    staff_id: UUID,
    *,
    form: FormState | None = None,
    close: FormState | None = None,
    timer: FormState | None = None,
) -> View:
    people = await organisation.staff_list(visit.tx, visit.actor)
    person = next((person for person in people if person.id == staff_id), None)
    if person is None:
        raise NotFound("staff")
    held = await service.duties(visit.tx, visit.actor, staff_id, now=visit.now)
    left = rules.left(held)
    movable = tuple(duty for duty in left if duty not in rules.NOT_MOVED)
    runs = await timers.left_running(visit.tx, visit.actor, staff_id)
    takers = _takers(people, staff_id, movable)
    start = FormState("handover", {"duties": _taken(takers, movable), "introduce": ("yes",)})
    page = PersonPage(
        name=person.name,
        action=f"/setup/people/{staff_id}",
        active=not person.disabled,
        held=tuple(rules.counted(duty, held[duty]) for duty in left),
        duties=tuple(_duty(duty, held[duty], takers) for duty in movable),
        colleagues=tuple(_colleague(other, may, movable) for other, may in takers),
        form=form or start,
        timer="" if runs is None else _timer(visit, runs),
        timer_form=timer or FormState("timer", {"decision": ("keep",)}),
        reasons=words.choices(REASONS),
        may_settle=visit.actor.has("clinic_lead") and runs is not None,
        close_form=close or filled("close"),
        may_hand_over=visit.actor.has("clinic_lead") and bool(movable),
        may_close=visit.actor.has("administrator") and not person.disabled and staff_id != visit.staff_id,
    )
    return View("handover/person.html", page, "setup")


def _takers(people: Sequence[StaffMember], staff_id: UUID, movable: Sequence[Duty]) -> Takers:
    """Who may take over something of it, those who may take the most first."""
    found = [
        (other, may)
        for other in people
        if other.id != staff_id and not other.disabled and (may := rules.may_take(other.roles, movable))
    ]
    return sorted(found, key=lambda taker: -len(taker[1]))


def _taken(takers: Takers, movable: Sequence[Duty]) -> tuple[str, ...]:
    return tuple(duty for duty in movable if any(duty in may for _, may in takers))


def _colleague(other: StaffMember, may: Sequence[Duty], movable: Sequence[Duty]) -> Choice:
    """With a limit in words: a list without scripts can't follow what is ticked below it."""
    only = "" if len(may) == len(movable) else f": only {', '.join(rules.LABELS[duty] for duty in may)}"
    return Choice(str(other.id), f"{other.name}{only}")


def _duty(duty: Duty, number: int, takers: Takers) -> Choice:
    names = [other.name for other, may in takers if duty in may]
    everybody = len(names) == len(takers)
    some = f"By {', '.join(names)}." if names else "Nobody else here has the role for it: give it first."
    return Choice(duty, rules.counted(duty, number), "" if everybody and names else some)


def _timer(visit: Visit, runs: LeftTimer) -> str:
    since, seen = visit.at(runs.started_at), visit.at(runs.seen_at)
    return (
        f"Running since {since.day.text} {since.time}; last sign of the person {seen.day.text} {seen.time}, "
        f"{words.count(round(runs.seconds / 60), 'minute', 'minutes')} by then."
    )


def _moved(counts: dict[str, int]) -> str:
    return ", ".join(rules.counted(duty, counts[duty]) for duty in rules.LABELS if counts.get(duty))


ROUTES: Final = [person_page, hand_over, settle_timer, deactivate, handovers]
