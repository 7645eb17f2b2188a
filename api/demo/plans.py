"""Written plans of the demo's patients: what is agreed, what was changed since and signed, and for whom care ends or a
safety event was open, the plan for that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from api.demo.clinics import Clinic
from api.demo.dice import Dice
from api.demo.enrolments import ENDED_DAYS_AGO, Team, reason
from api.demo.history import Course
from api.demo.people import Person
from api.demo.story import Kind
from kernel.db import Tx
from messaging.schedule.zones import to_utc
from registry.care_plans import service
from registry.care_plans.contents import (
    CareContent,
    Content,
    PlanKind,
    RelapseContent,
    SafetyContent,
    kind_of,
)
from registry.care_plans.service import COPIES
from registry.filing import service as filing


class Written(NamedTuple):
    """`first` and `changed`: the dose in the first version of the plan and in the second; `more`: what could be next."""

    problem: str
    goal: str
    skill: str
    drug: str
    first: str
    changed: str
    more: str


WRITTEN: Final = (
    Written(
        "Low mood and poor sleep since the spring", "Walk my daughter to school again",
        "Planning one pleasant thing a day", "Sertraline", "50 mg", "100 mg", "150 mg",
    ),
    Written(
        "Worry most of the day, misses work", "Go to work without calling home first",
        "A fixed half hour for worries", "Escitalopram", "10 mg", "15 mg", "20 mg",
    ),
    Written(
        "Second episode of depression after stopping treatment", "See my friends on Fridays",
        "A list of small steps, one a day", "Sertraline", "25 mg", "75 mg", "100 mg",
    ),
    Written(
        "Low and tired since diabetes was found", "Cook for myself again", "Walks after meals, written down",
        "Bupropion", "150 mg", "300 mg", "450 mg",
    ),
    Written(
        "Tearful and anxious after the birth", "Sleep when the baby sleeps", "Asking for help, one thing a day",
        "Sertraline", "25 mg", "50 mg", "100 mg",
    ),
)  # fmt: skip
LATER_GOALS: Final = ("Sleep before midnight", "Cook on Sundays", "Answer letters the week they come")
BARRIERS: Final = ("Night shifts", "No car", "Small children at home", "Loud neighbours")
RELAPSE: Final = RelapseContent(
    warning_signs=("I stop answering friends", "I wake at four"),
    what_helps=("Walks before work", "Calling my sister"),
    contacts=("The clinic's care manager",),
)
SAFETY: Final = SafetyContent(
    signs=("I stop eating", "I stay in bed past noon"),
    by_myself=("A walk around the block", "Music"),
    company=("The library",),
    helpers=("My partner",),
    professionals=("988, at any hour", "The clinic, in its hours"),
    surroundings=("My partner keeps the medicines",),
)
FIRST_TALK: Final = timedelta(days=3)  # after the enrolment
REVISED: Final[frozenset[Kind]] = frozenset({"slow", "long", "relapse", "remitted", "stalled", "worsening"})
REVISED_DAYS_AGO: Final = 26
UNSIGNED: Final = 7  # of so many revised plans one still waits for the clinician's signature
UNWRITTEN: Final[frozenset[Kind]] = frozenset({"waiting", "new", "lost", "completed", "hospital", "on_hold"})
RELAPSE_DAYS_AGO: Final = 21  # the day before they step down
SAFETY_DAYS_AGO: Final = 20


class Plans:
    def __init__(self, clinic: Clinic, opening: datetime, dice: Dice) -> None:
        self._clinic = clinic
        self._opening = opening
        self._dice = dice
        self._today = opening.astimezone(ZoneInfo(clinic.plan.zone)).date()

    async def tell(self, tx: Tx, courses: Sequence[Course], event: tuple[Course, date] | None) -> None:
        """`event`: whose safety event was handled, and on which day."""
        for course in courses:
            if course.story.kind not in UNWRITTEN:
                await self._care(tx, course)
        at_risk = [course for course in courses if course.story.kind == "stalled"][:1]
        for course in at_risk:
            await self._save(tx, course, SAFETY, 0, self._ago(SAFETY_DAYS_AGO))
        if event is not None:
            await self._save(tx, event[0], SAFETY, 0, event[1])

    async def against_relapse(self, tx: Tx, courses: Sequence[Course]) -> None:
        """Before they step down, or care ends with its goals met."""
        for course in courses:
            if course.story.kind == "remitted":
                await self._against_relapse(tx, course, self._ago(RELAPSE_DAYS_AGO))
            elif course.story.kind == "completed":
                await self._against_relapse(tx, course, self._ago(ENDED_DAYS_AGO + 1))

    async def _against_relapse(self, tx: Tx, course: Course, on: date) -> None:
        words = written(course, self._dice)
        going_on = (f"{words.drug} {words.changed} every morning, until the next yearly visit",)
        await self._save(tx, course, msgspec.structs.replace(RELAPSE, medications=going_on), 0, on)

    async def _care(self, tx: Tx, course: Course) -> None:
        first = self._first(course)
        started = _workday(course.story.enrolled_on + FIRST_TALK)
        await self._save(tx, course, first, 0, started)
        await self._sign(tx, course, 1, started)
        revised = _workday(self._ago(REVISED_DAYS_AGO + course.story.nth % 5))
        if course.story.kind not in REVISED or revised <= started + timedelta(days=7):
            return
        await self._save(tx, course, self._later(course, first), 1, revised)
        if course.story.nth % UNSIGNED:
            await self._sign(tx, course, 2, revised)

    def _first(self, course: Course) -> CareContent:
        """What is aimed at follows from the first score, so that plan and chart agree."""
        words = written(course, self._dice)
        total = course.story.baseline[0]
        measures = "PHQ-9 and GAD-7" if course.story.with_gad7 else "PHQ-9"
        return CareContent(
            problem=words.problem,
            goals=(words.goal,),
            target=f"PHQ-9 from {total} to {total // 2} or below in three months, then below 5",
            medications=(f"{words.drug} {words.first} every morning",),
            skill=words.skill,
            rhythm=f"By phone every two weeks; {measures} every 14 days",
            barriers=(self._dice.pick(BARRIERS, "barrier", course.story.nth),),
        )

    def _later(self, course: Course, first: CareContent) -> CareContent:
        words = written(course, self._dice)
        goal = self._dice.pick(LATER_GOALS, "later goal", course.story.nth)
        changed = f"{words.drug} {words.changed} every morning"
        return msgspec.structs.replace(first, goals=(*first.goals, goal), medications=(changed,))

    async def _save(self, tx: Tx, course: Course, content: Content, base: int, on: date) -> None:
        """Written with the patient, and put in the chart within minutes."""
        now = self._moment(course, on)
        actor = self._clinic.actor(self._team(course).manager)
        plan_id: UUID = await service.save_plan(
            tx, actor, course.patient_id, content, base=base, agreed_on=on, now=now
        )
        kind: PlanKind = kind_of(content)
        await filing.mark(
            tx, actor, course.patient_id, COPIES[kind], plan_id, filed=True, now=now + timedelta(minutes=6)
        )

    async def _sign(self, tx: Tx, course: Course, version: int, saved_on: date) -> None:
        clinician: Person = self._team(course).clinician
        now = self._moment(course, _workday(saved_on + timedelta(days=1))) + timedelta(hours=2)
        await service.sign_plan(
            tx, self._clinic.actor(clinician), course.patient_id, "care", version, None, now=now
        )

    def _team(self, course: Course) -> Team:
        return Team(self._clinic, course.story.nth)

    def _moment(self, course: Course, on: date) -> datetime:
        return to_utc(on, time(13, course.story.nth % 50), self._clinic.plan.zone)

    def _ago(self, days: int) -> date:
        return self._today - timedelta(days=days)


def written(course: Course, dice: Dice) -> Written:
    """By the reason of the referral, so that both tell the same."""
    return WRITTEN[reason(course.story, dice)]


def _workday(on: date) -> date:
    return on + timedelta(days=7 - on.weekday() if on.weekday() > 4 else 0)
