"""Fills an empty database with the fictional clinic: half a year of care, and a morning in the middle of a week.

Everything a person would do goes through the commands a person would use, with the past passed in as `now`; the mass
of old scores and minutes is written straight into the tables. The same seed tells the same story.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import func, select

from api.demo import aftermath, clinics, enrolments, people, safety_policy
from api.demo.clinics import Clinic
from api.demo.dice import Dice
from api.demo.history import Course, History
from api.demo.launch import Launch
from api.demo.minutes import Minutes
from api.demo.plans import Plans
from api.demo.scenes import Scenes
from api.demo.story import cast
from api.demo.talks import Talks
from api.wiring import Deps
from kernel import sqlite
from kernel.audit import AuditEvent
from kernel.clock import ShiftedClock
from kernel.errors import Conflict
from kernel.tables import Heartbeat
from registry.organisation import queries as organisation
from registry.worklist import service as worklist

SEED: Final = 20
FOUNDED: Final = timedelta(days=300)
# The story opens on Wednesday or Thursday: the two days before are working days too, and nobody is invited on Fridays.
OPENING_DAYS: Final = (2, 3)
OPENING_FROM: Final = 12  # day of the month: by then its minutes have something to show
EARLIEST: Final = time(10, 15)
LATEST: Final = time(15, 0)


class Role(NamedTuple):
    key: str
    label: str
    name: str


class DemoAccess(msgspec.Struct, frozen=True):
    """Where a visitor can go. `roles` in the order of the staff list; the last ones work in the second clinic."""

    url: str
    roles: tuple[Role, ...]

    def sign_in(self, role: Role) -> str:
        return f"{self.url}/demo/sign-in/{role.key}"


async def seed(deps: Deps, *, number: int = SEED) -> DemoAccess:
    """Makes the clinic, or finds the one that is there and goes on at the moment it had reached.

    Raises Conflict for a deployment that is no demo or a database that holds a real organisation.
    """
    if deps.settings.mode == "standard":
        raise Conflict("a demo needs EVENKEEL_MODE=demo")
    async with deps.system_db.begin() as tx:
        known = await organisation.organisation(tx)
    if known is not None and known.kind != "demo":
        raise Conflict("this database holds a real organisation")
    if known is None:
        opening = _opened(deps)
        with sqlite.alone(), _uncollected():
            await _tell(deps, opening, Dice(number))
    else:
        await _resume(deps)
    return access(deps)


@contextmanager
def _uncollected() -> Iterator[None]:
    """A collector at work meanwhile looks through the whole program again and again: a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def access(deps: Deps) -> DemoAccess:
    return DemoAccess(
        deps.public_url,
        tuple(
            Role(person.key, f"{person.role.replace('_', ' ').capitalize()}, {plan.name}", person.name)
            for plan in (people.HARBOR, people.PINE)
            for person in plan.staff
        ),
    )


def access_lines(given: DemoAccess) -> tuple[str, ...]:
    """What `evenkeel demo` prints: where to look, and a way in for every role."""
    widest = max(len(role.label) for role in given.roles)
    return (
        f"DEMO. Everything is at {given.url}/demo (invented people, nothing is sent)",
        f"  Patients' phones: {given.url}/phone",
        "  Sign in with one click:",
        *(f"    {role.label.ljust(widest)}  {role.name:<20} {given.sign_in(role)}" for role in given.roles),
    )


def opening_moment(now: datetime, zone: str) -> datetime:
    """`now` on a working day in the middle of a week and a month, else the next such morning."""
    local = now.astimezone(ZoneInfo(zone))
    if _suits(local.date()) and EARLIEST <= local.time() <= LATEST:
        return now
    day = local.date() + timedelta(days=0 if local.time() < EARLIEST else 1)
    while not _suits(day):
        day += timedelta(days=1)
    return datetime.combine(day, EARLIEST, ZoneInfo(zone)).astimezone(now.tzinfo)


def _suits(day: date) -> bool:
    return day.weekday() in OPENING_DAYS and day.day >= OPENING_FROM


def _opened(deps: Deps) -> datetime:
    """Moves the demo's clock to the opening; a clock that can't be moved is taken as it stands."""
    now = deps.clock.now()
    opening = opening_moment(now, people.HARBOR.zone)
    if isinstance(deps.clock, ShiftedClock):
        deps.clock.jump(opening - now)
        return opening
    return now


async def _resume(deps: Deps) -> None:
    """A demo that is started again goes on after its last stored moment: its clock had been moved ahead."""
    async with deps.system_db.begin() as tx:
        moments = [
            await tx.scalar(select(func.max(column))) for column in (AuditEvent.at, Heartbeat.last_run_at)
        ]
    last = max((moment for moment in moments if moment is not None), default=None)
    now = deps.clock.now()
    if last is not None and last > now and isinstance(deps.clock, ShiftedClock):
        deps.clock.jump(last - now)


async def _tell(deps: Deps, opening: datetime, dice: Dice) -> None:
    async with deps.system_db.begin() as tx:
        founded = await clinics.found(tx, opening - FOUNDED)
    for clinic in founded:
        today = opening.astimezone(ZoneInfo(clinic.plan.zone)).date()
        async with deps.system_db.begin(clinic.id) as tx:
            await safety_policy.answer_tests(
                tx, clinic.plan, clinic.id, clinic.staff, today, opening - timedelta(days=1)
            )
        main = clinic.plan is people.HARBOR
        if main:
            async with deps.system_db.begin(clinic.id) as tx:
                launch = Launch(deps, clinic, opening)
                await launch.first_days(tx, opening - FOUNDED)
                await launch.rehearse(tx)
        courses = await _past(deps, clinic, today, opening, dice, scenes=main)
        if main:
            await Scenes(deps, clinic, courses, opening).play()
        await aftermath.settle(deps, clinic, courses, opening, dice)


async def _past(
    deps: Deps, clinic: Clinic, today: date, opening: datetime, dice: Dice, *, scenes: bool
) -> Sequence[Course]:
    stories = cast(clinic.plan.patients, today, dice, scenes=scenes)
    async with deps.system_db.begin(clinic.id) as tx:
        courses = await enrolments.take_in(tx, deps, clinic, stories, dice, today)
        await enrolments.verify_phones(tx, clinic, opening - FOUNDED)
        history = History(tx, dice)
        minutes = Minutes(tx, dice, clinic.plan.zone, today)
        talks = Talks(tx, dice, clinic.plan.zone, today)
        for course in courses:
            team = enrolments.Team(clinic, course.story.nth)
            history.tell(course)
            consultant, clinician = clinic.staff[team.consultant.key], clinic.staff[team.clinician.key]
            talks.tell(course, minutes.tell(course, consultant, clinician))
        await history.write()
        await minutes.write()
        await talks.write()
        await Plans(clinic, opening, dice).against_relapse(tx, courses)
        for course in courses:
            await enrolments.change_statuses(tx, deps, clinic, course, today)
        await worklist.rebuild(tx, clinic.id, opening)
    return courses
