"""The demo's own pages, mounted in mode `demo` alone: where to go, a way in for every role, the phones, the clock."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from jinja2 import Environment
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect
from sqlalchemy import select

from api.demo import clinics, people, phones
from api.demo.people import ClinicPlan, Person
from api.demo.seed import access as demo_access
from api.demo.stage import Movable, Stage, next_due
from api.demo.views import LandingPage, Place
from api.wiring import Deps
from kernel import audit
from kernel.errors import Conflict, Forbidden, NotFound
from kernel.web import access, cookies, csrf, forms, sessions
from kernel.web.context import WebRequest, request_id
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff

TIME_TO_READ: Final = timedelta(seconds=5)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
LONGEST_TEXT: Final = 1600
TOO_LONG: Final = f"A text has at most {LONGEST_TEXT} characters."


class ReplyForm(msgspec.Struct, frozen=True):
    """`quick` is a suggestion that was tapped; else `body` was typed."""

    body: str = ""
    quick: str = ""


class ClockForm(msgspec.Struct, frozen=True):
    jump: Literal["hour", "day", "next"]
    patient_id: UUID | None = None


@get("/demo", opt=access.PUBLIC)
async def landing(request: WebRequest, deps: NamedDependency[Deps]) -> Response[str]:
    _demo_only(deps)
    given = demo_access(deps)
    ways = tuple(Place(f"/demo/sign-in/{role.key}", role.name, role.label) for role in given.roles)
    return _page(request, "landing", LandingPage(ways))


@get("/demo/sign-in/{role:str}", opt=access.PUBLIC)
async def sign_in(request: WebRequest, deps: NamedDependency[Deps], role: FromPath[str]) -> Redirect:
    """One click, no password: only fictional people are in here."""
    return await _signed_in(request, deps, role)


@post("/demo/sign-in/{role:str}", opt=access.PUBLIC)
async def sign_in_by_form(request: WebRequest, deps: NamedDependency[Deps], role: FromPath[str]) -> Redirect:
    return await _signed_in(request, deps, role)


@get("/phone", opt=access.PUBLIC)
async def first_phone(deps: NamedDependency[Deps]) -> Redirect:
    _demo_only(deps)
    async with deps.system_db.begin() as tx:
        patient_id = await phones.most_interesting(tx)
    return Redirect("/demo" if patient_id is None else _phone(patient_id), status_code=303)


@get("/demo/phones/{patient_id:uuid}", opt=access.PUBLIC)
async def phone(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Response[str]:
    return await _phone_page(request, deps, patient_id)


@post("/demo/phones/{patient_id:uuid}/reply", opt=access.PUBLIC, status_code=200)
async def reply(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> Response[Any]:
    """As if the patient had texted: the clinic's side handles it before the page is shown again."""
    await _check(request, deps)
    form = await forms.read(request, ReplyForm)
    words = form.quick or form.body
    if not words.strip() or len(words) > LONGEST_TEXT:
        error = TOO_LONG if words.strip() else "Write something first."
        return await _phone_page(request, deps, patient_id, error)
    async with deps.system_db.begin() as tx:
        owner = await phones.owner(tx, patient_id)
    if owner is None:
        raise NotFound("phone")
    movable = _movable(deps)
    # A click is quicker than reading; within four seconds of a question its answer would belong to the one before.
    movable.jump(TIME_TO_READ)
    stage = Stage(deps, movable)
    await stage.text(owner.sender_id, owner.clinic_id, owner.number, owner.sender, words)
    await stage.settle()
    return Redirect(_phone(patient_id), status_code=303)


@post("/demo/clock", opt=access.PUBLIC, status_code=200)
async def clock(request: WebRequest, deps: NamedDependency[Deps]) -> Redirect:
    """Moves the demo's clock and lives through the time between, so that nothing is skipped."""
    await _check(request, deps)
    form = await forms.read(request, ClockForm)
    movable = _movable(deps)
    due = await next_due(deps)
    now = movable.now()
    match form.jump:
        case "hour":
            until = now + HOUR
        case "day":
            until = now + DAY
        case "next":
            until = now if due is None else max(now, due.at)
    await Stage(deps, movable).until(until)
    return Redirect("/phone" if form.patient_id is None else _phone(form.patient_id), status_code=303)


async def _signed_in(request: WebRequest, deps: Deps, key: str) -> Redirect:
    _demo_only(deps)
    found = _person(key)
    if found is None:
        raise NotFound("role")
    plan, person = found
    secret, now = deps.new_token(), deps.clock.now()
    async with deps.system_db.begin() as tx:
        clinic = await organisation.clinic_by_slug(tx, plan.slug)
        email = clinics.address(person, plan)
        staff_id = await tx.scalar(select(Staff.id).where(Staff.email == email, Staff.disabled_at.is_(None)))
        if clinic is None or staff_id is None:
            raise NotFound("role")
        who = await organisation.actor_for(tx, staff_id, clinic.id, request_id=request_id(request))
        if who is None:
            raise NotFound("role")
        await sessions.start(tx, staff_id, clinic.id, "full", secret=secret, csrf=deps.new_token(), now=now)
        await audit.record(tx, who, "staff.demo_sign_in", "staff", staff_id, now=now)
    return Redirect("/", status_code=303, cookies=[cookies.make(deps.settings, cookies.STAFF, secret)])


def _person(key: str) -> tuple[ClinicPlan, Person] | None:
    plans = (people.HARBOR, people.PINE)
    return next(((plan, person) for plan in plans for person in plan.staff if person.key == key), None)


async def _phone_page(request: WebRequest, deps: Deps, patient_id: UUID, error: str = "") -> Response[str]:
    _demo_only(deps)
    secret = request.cookies.get(cookies.name(deps.settings, cookies.PORTAL), "")
    page = await phones.page(deps, patient_id, error=error, visit_secret=secret)
    if page is None:
        raise NotFound("phone")
    return _page(request, "phone", page, _token(deps), 422 if error else 200)


def _page(request: WebRequest, template: str, page: Any, token: str = "", status: int = 200) -> Response[str]:
    engine: Environment = request.app.template_engine.engine  # type: ignore[union-attr]
    body = engine.get_template(f"demo/templates/{template}.html").render(page=page, csrf_token=token)
    return Response(body, status_code=status, media_type="text/html")


def _phone(patient_id: UUID) -> str:
    return f"/demo/phones/{patient_id}"


def _token(deps: Deps) -> str:
    """There is no session here; the token shows that the form came from our own page."""
    return deps.vault.lookup("demo form")


async def _check(request: WebRequest, deps: Deps) -> None:
    _demo_only(deps)
    given = next((value for key, value in await forms.pairs(request) if key == csrf.FIELD), "")
    if not hmac.compare_digest(given.encode(), _token(deps).encode()):
        raise Forbidden("the form is from an old page; reload it and try again", code="csrf")


def _demo_only(deps: Deps) -> None:
    if deps.settings.mode != "demo":
        raise NotFound("page")


def _movable(deps: Deps) -> Movable:
    if not hasattr(deps.clock, "jump"):
        raise Conflict("this clock can't be moved")
    return deps.clock  # type: ignore[return-value]


ROUTES: tuple[Any, ...] = (landing, sign_in, sign_in_by_form, first_phone, phone, reply, clock)
