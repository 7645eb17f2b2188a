"""From a request to a page: one transaction, the frame around the page, the form that comes back, the redirect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar.response import Response
from litestar.response.redirect import Redirect
from sqlalchemy.exc import IntegrityError

from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from kernel.web import access, forms, idempotency
from kernel.web.context import WebRequest, actor
from registry import zones
from registry.access import CLINICAL
from registry.time_log import activities
from registry.time_log.timer import IDLE_AFTER
from registry.worklist.frame import Frame, frame
from staff_console import formats, unsaved, words
from staff_console.deps import ConsoleDeps
from staff_console.formats import Moment
from staff_console.formstate import FormState
from staff_console.refusals import refused, sentence
from staff_console.said import SAID
from staff_console.shell import (
    NAV,
    Flash,
    Idle,
    NavItem,
    PageKey,
    RunningTimer,
    SafetyBanner,
    Shell,
    SignedIn,
    TimerStart,
    Undo,
)
from staff_console.time.presets import preset
from staff_console.unsaved import Unsaved

T = TypeVar("T")
ONCE: Final = "_once"
REFUSED: Final = "refused_form"  # in the request's state: the form, and the labels of its fields
UTC_ZONE: Final = ZoneInfo("UTC")
USED: Final = "This form was saved already. Open the page again to add another."


class Visit(msgspec.Struct, frozen=True):
    """A signed-in person at work in one clinic, inside one transaction."""

    tx: Tx
    actor: Actor
    staff_id: UUID
    clinic_id: UUID
    now: datetime
    frame: Frame
    console: ConsoleDeps
    request: WebRequest

    @property
    def zone(self) -> ZoneInfo:
        return zones.zone(self.frame.zone)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def at(self, moment: datetime) -> Moment:
        return formats.moment(moment, self.zone)

    def on(self, moment: datetime | None) -> date | None:
        """The clinic's date of a moment."""
        return None if moment is None else moment.astimezone(self.zone).date()

    def moment(self, on: date, at: time) -> datetime:
        """The clinic's wall clock; a time that the clock skips in spring is read an hour later."""
        return datetime.combine(on, at, tzinfo=self.zone)


class View(msgspec.Struct, frozen=True):
    template: str
    page: msgspec.Struct
    current: PageKey | None = None
    flashes: tuple[Flash, ...] = ()


Read = Callable[[Visit], Awaitable[View]]


async def within(request: WebRequest, console: ConsoleDeps, body: Callable[[Visit], Awaitable[T]]) -> T:
    """Runs `body` in a transaction of the person's clinic, again when the database asks for it."""
    who = actor(request)
    if who.clinic_id is None or who.id is None:
        raise Forbidden("no clinic was chosen", code="clinic_missing")
    staff_id, clinic_id = who.id, who.clinic_id

    async def run(tx: Tx) -> T:
        found = await frame(tx, who)
        return await body(Visit(tx, who, staff_id, clinic_id, console.clock.now(), found, console, request))

    try:
        return await console.db.run(run, clinic_id)
    except NotFound:
        await console.db.run(lambda tx: access.note_missing(tx, request, who, console.clock.now()), clinic_id)
        raise


async def show(request: WebRequest, console: ConsoleDeps, read: Read) -> Response[str]:
    """A page, rendered after its reads and their audit rows are committed."""

    async def body(visit: Visit) -> tuple[View, Shell]:
        view = await read(visit)
        return view, shell(visit, view)

    view, around = await within(request, console, body)
    return rendered(request, view, around)


async def submit(
    request: WebRequest,
    console: ConsoleDeps,
    do: Callable[[Visit], Awaitable[str | DomainError]],
    again: Callable[[Visit, DomainError], Awaitable[View]],
) -> Response[Any]:
    """`do` gives the path to go on to. When it refuses, nothing was changed and `again` shows the page with what was
    typed; a refusal that it returns instead of raising keeps what it wrote, as a counted failure. What a page can't
    show in its own place, because others took the form off it meanwhile, stands at its top."""
    try:
        outcome = await _twice(request, console, do)
    except (Invalid, Conflict) as error:
        outcome = error
    if isinstance(outcome, str):
        return Redirect(outcome, status_code=303)
    refusal = outcome

    async def body(visit: Visit) -> tuple[View, Shell]:
        view = await again(visit, refusal)
        return view, shell(visit, view)

    view, around = await within(request, console, body)
    answer = rendered(request, view, around, status=422 if isinstance(refusal, Invalid) else 409)
    lost = await _lost(request, refusal, answer.content)
    if lost is None:
        return answer
    around = msgspec.structs.replace(around, unsaved=lost)
    return rendered(request, view, around, status=answer.status_code or 409)


async def _lost(request: WebRequest, refusal: DomainError, page: str) -> Unsaved | None:
    """What `page` neither says of the refusal nor shows of what was typed. What is wrong with a field stands with it."""
    summary = unsaved.DRAWN in page
    if summary and isinstance(refusal, Invalid):
        return None
    fields = await forms.pairs(request)
    form, labels = request.state.get(REFUSED, (FormState("", problem=sentence("", refusal.message)), {}))
    problem = " ".join(part for part in (form.problem, *form.errors.values()) if part)
    said = summary or isinstance(refusal, Invalid) or unsaved.says(page, sentence("", refusal.message))
    text = "" if unsaved.drawn(page, fields, labels) else unsaved.typed_text(fields, labels)
    return Unsaved("" if said else problem, text) if text or not said else None


async def _twice(request: WebRequest, console: ConsoleDeps, do: Callable[[Visit], Awaitable[T]]) -> T:
    """Of two identical posts at once the second meets the first's key: it is read again then."""
    try:
        return await within(request, console, do)
    except IntegrityError:
        return await within(request, console, do)


async def once(visit: Visit, make: Callable[[], Awaitable[UUID]]) -> UUID:
    """Runs `make` once for one printed form, however often it is sent. Raises Conflict when the form was sent before
    with other contents."""
    fields = await forms.pairs(visit.request)
    key = next((value for name, value in fields if name == ONCE and value), None)
    caller, route = str(visit.staff_id), f"POST {visit.request.url.path}"
    body = idempotency.body_hash(await visit.request.body())
    try:
        made = await idempotency.recall(visit.tx, caller, key, route, body)
    except Invalid:
        raise Conflict(USED, code="used_form") from None
    if made is None:
        made = await make()
        await idempotency.remember(
            visit.tx, caller, key, route, body, status=303, resource_id=made, now=visit.now
        )
    return made


async def read_again(
    visit: Visit,
    form_id: str,
    error: DomainError,
    labels: dict[str, str],
    renamed: dict[str, str] | None = None,
) -> FormState:
    form = refused(form_id, await forms.pairs(visit.request), error, labels, renamed)
    visit.request.state[REFUSED] = (form, labels)
    return form


def query(request: WebRequest, kind: type[T]) -> T:
    """The address's parameters as a struct of `kind`."""
    return forms.parse(list(request.query_params.multi_items()), kind)  # type: ignore[type-var]


def link(path: str, **fields: str | None) -> str:
    given = {name: value for name, value in fields.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def said(path: str, code: str, **fields: str) -> str:
    """Where to go after a change, and the sentence to show there; the address holds only its code."""
    assert code in SAID
    address, _, part = path.partition("#")
    more = link("", said=code, **fields).removeprefix("?")
    return f"{address}{'&' if '?' in address else '?'}{more}" + (f"#{part}" if part else "")


def home(who: Actor) -> str:
    if who.has(*CLINICAL):
        return "/today"
    return "/billing" if who.has("biller") else "/setup"


def rendered(request: WebRequest, view: View, around: Shell, *, status: int = 200) -> Response[str]:
    engine = request.app.template_engine
    assert engine is not None
    session = request.state.get("session")
    body = engine.get_template(view.template).render(
        shell=around, page=view.page, csrf_token="" if session is None else session.csrf
    )
    return Response(body, status_code=status, media_type="text/html; charset=utf-8")


def signed_out(console: ConsoleDeps) -> Shell:
    """The frame of the sign-in pages: no clinic yet, nobody's name."""
    mode = "demo" if console.settings.mode == "demo" else "live"
    return Shell(clinic="", mode=mode, now=formats.moment(console.clock.now(), UTC_ZONE))  # type: ignore[arg-type]


def shell(visit: Visit, view: View) -> Shell:
    found = visit.frame
    demo = visit.console.settings.mode == "demo"
    return Shell(
        clinic=found.clinic,
        mode="demo" if demo else found.texting_mode,
        now=visit.at(visit.now),
        current=view.current,
        person=SignedIn(visit.actor.name, words.roles(visit.actor.roles)),
        nav=tuple(_counted(item, found) for item in NAV if visit.actor.has(*item.roles)),
        safety=_banner(visit),
        flashes=(*_flashes(visit), *view.flashes),
        searches=visit.actor.has(*CLINICAL),
        may_set_up=visit.actor.has("administrator", "clinic_lead"),
        form_key=visit.console.new_token(),
        timer=_timer(visit),
        start=_start(visit),
        idle=Idle(),
    )


def _counted(item: NavItem, found: Frame) -> NavItem:
    counts = {"safety": found.open_events, "tasks": found.open_tasks}
    return msgspec.structs.replace(item, count=counts.get(item.key, 0))


def _banner(visit: Visit) -> SafetyBanner | None:
    found = visit.frame
    if found.untaken == 0 or found.untaken_since is None:
        return None
    waited = formats.waited(int((visit.now - found.untaken_since).total_seconds() // 60))
    events = words.count(found.untaken, "safety event waits", "safety events wait")
    since = f"for {waited}" if found.untaken == 1 else f"the oldest for {waited}"
    return SafetyBanner(f"{events} to be acknowledged, {since}", "/safety", found.drills_only)


def _timer(visit: Visit) -> RunningTimer | None:
    found = visit.frame.timer
    if found is None:
        return None
    seconds = int((visit.now - found.started_at).total_seconds()) + found.added_seconds
    return RunningTimer(
        patient=formats.formal_name(found.family_name, found.given_name),
        patient_href=f"/patients/{found.patient_id}",
        activity=found.activity,
        activity_label=getattr(activities.find(found.activity), "label", found.activity),
        since=visit.at(found.started_at),
        seen=visit.at(found.seen_at),
        seconds=seconds,
        minutes=f"{seconds // 60} min",
        back=visit.request.url.path if visit.request.method == "GET" else "/time",
        idle=visit.now - found.seen_at >= IDLE_AFTER,
        idle_after=int(IDLE_AFTER.total_seconds()),
    )


def _start(visit: Visit) -> TimerStart | None:
    """On every page of one patient."""
    patient_id, path = visit.request.path_params.get("patient_id"), visit.request.url.path
    of_patient = patient_id is not None and path.startswith(("/patients/", "/enrol/"))
    if visit.frame.timer is not None or not of_patient or not visit.actor.has(*CLINICAL):
        return None
    home = f"/patients/{patient_id}"
    back = path if visit.request.method == "GET" else home
    return TimerStart(f"{home}/timer", preset(path, visit.actor.roles), back)


def _flashes(visit: Visit) -> tuple[Flash, ...]:
    sentence = SAID.get(visit.request.query_params.get("said", ""))
    if sentence is None:
        return ()
    undo = visit.request.query_params.get("undo", "")
    try:
        offered = Undo(f"/time/{UUID(undo)}/undo", "Undo") if undo else None
    except ValueError:
        offered = None
    return (Flash("done", sentence, offered),)
