"""The on-call calendar: gaps first, then shifts; laying, covering, swapping and removing them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError, Invalid
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from registry.on_call import queries, service
from registry.protocol import queries as protocols
from registry.protocol.rules import needs_on_call
from staff_console.deps import ConsoleDeps
from staff_console.formstate import Choice, FormState
from staff_console.on_call.forms import ADD, COVER, RENAMED, SWAP, AddForm, CoverForm, SwapForm
from staff_console.on_call.views import GapLine, OnCallPage, ShiftLine
from staff_console.pages import View, Visit, read_again, said, show, submit

Console = NamedDependency[ConsoleDeps]
READERS: Final = access.staff(*CLINICAL, "administrator")
STAFF: Final = access.staff(*CLINICAL)
LEAD: Final = access.staff("clinic_lead")
PATH: Final = "/safety/on-call"
SHOWN: Final = timedelta(days=28)


class Refused(msgspec.Struct, frozen=True):
    add: FormState = FormState("add")
    cover: FormState = FormState("cover")
    swap: FormState = FormState("swap")


@get(PATH, opt=READERS)
async def calendar(request: WebRequest, console: Console) -> Response[str]:
    return await show(request, console, lambda visit: _page(visit, Refused()))


@post(f"{PATH}/shifts", opt=LEAD)
async def add(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, AddForm)
        await service.add_shifts(visit.tx, visit.actor, form.shift(await _zone(visit)), now=visit.now)
        return said(PATH, "shift_added")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, Refused(add=await read_again(visit, "add", error, ADD)))

    return await submit(request, console, do, again)


@post(f"{PATH}/shifts/{{shift_id:uuid}}/remove", opt=LEAD)
async def remove(request: WebRequest, console: Console, shift_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await service.remove_shift(visit.tx, visit.actor, shift_id, now=visit.now)
        return said(PATH, "shift_removed")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, Refused(add=FormState("add", problem=error.message)))

    return await submit(request, console, do, again)


@post(f"{PATH}/cover", opt=STAFF)
async def cover(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, CoverForm)
        await service.cover_shift(
            visit.tx, visit.actor, form.shift_id, form.by_id,
            start=_moment(visit, "from", form.from_on, form.from_at),
            end=_moment(visit, "until", form.until_on, form.until_at), now=visit.now,
        )  # fmt: skip
        return said(PATH, "shift_covered")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, Refused(cover=await read_again(visit, "cover", error, COVER, RENAMED)))

    return await submit(request, console, do, again)


@post(f"{PATH}/swap", opt=STAFF)
async def swap(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, SwapForm)
        await service.swap_shifts(visit.tx, visit.actor, form.first_id, form.second_id, now=visit.now)
        return said(PATH, "shifts_swapped")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, Refused(swap=await read_again(visit, "swap", error, SWAP)))

    return await submit(request, console, do, again)


@post(f"{PATH}/tests/{{test_id:uuid}}", opt=STAFF)
async def answer_test(request: WebRequest, console: Console, test_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await service.answer_test(visit.tx, visit.actor, test_id, now=visit.now)
        return said(PATH, "test_answered")

    async def again(visit: Visit, error: DomainError) -> View:
        return await _page(visit, Refused())

    return await submit(request, console, do, again)


def _moment(visit: Visit, which: str, on: date | None, at: time | None) -> datetime | None:
    """Both or neither, on the clinic's clock."""
    if on is None and at is None:
        return None
    if on is None or at is None:
        raise Invalid.field(f"{which}_{'on' if on is None else 'at'}", "is needed with the other")
    return visit.moment(on, at)


async def _zone(visit: Visit) -> str:
    return (await protocols.active(visit.tx, visit.clinic_id)).policy.zone


async def _page(visit: Visit, refused: Refused) -> View:
    found = await queries.calendar(visit.tx, visit.actor, visit.now, visit.now + SHOWN, now=visit.now)
    policy = (await protocols.active(visit.tx, visit.clinic_id)).policy
    version = await protocols.to_be_trained_on(visit.tx, visit.clinic_id)
    people = await protocols.contacts(visit.tx, visit.clinic_id, version)
    clinical = {i: one for i, one in people.items() if one.working and not one.roles.isdisjoint(CLINICAL)}
    ready = {i: one for i, one in clinical.items() if one.trained and one.phone_verified}
    lines = tuple(_line(visit, one) for one in found.shifts)
    page = OnCallPage(
        zone=policy.zone,
        now=tuple(f"{one.name}, until {_text(visit, one.until)}" for one in found.on_call_now),
        needed=needs_on_call(policy),
        shifts=lines,
        gaps=tuple(GapLine(visit.at(start), visit.at(end)) for start, end in found.gaps),
        people=tuple(Choice(str(i), one.name) for i, one in ready.items()),
        hidden=tuple(one.name for i, one in clinical.items() if i not in ready),
        choices=tuple(Choice(one.id, f"{one.who}, {one.start.day.text} {one.start.time}") for one in lines),
        leads=visit.actor.has("clinic_lead"),
        add=refused.add,
        cover=refused.cover,
        swap=refused.swap,
        test_id=str(await queries.open_test(visit.tx, visit.actor) or ""),
    )
    return View("on_call/on_call.html", page, "safety")


def _line(visit: Visit, one: queries.ShiftLine) -> ShiftLine:
    running = one.starts_at <= visit.now < one.ends_at
    return ShiftLine(str(one.id), one.name, visit.at(one.starts_at), visit.at(one.ends_at), running)


def _text(visit: Visit, moment: datetime) -> str:
    at = visit.at(moment)
    return f"{at.day.text} {at.time} {at.zone}"


ROUTES: Final = [calendar, add, remove, cover, swap, answer_test]
