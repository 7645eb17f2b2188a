"""Contacts, plans, tries and a missed appointment of the demo clinic, written down as a person would."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from api.demo.clinics import Clinic
from api.demo.enrolments import Team
from api.demo.history import Course
from api.demo.story import Kind
from api.wiring import Deps
from kernel.audit import Actor
from kernel.db import Tx
from registry.care_plans import service as care_plans
from registry.care_plans.contents import CareContent, RelapseContent, SafetyContent
from registry.contacts import service as contacts
from registry.contacts.forms import ContactForm
from registry.disengagement.service import look_again
from registry.episodes.tables import Episode
from registry.filing import service as filing
from registry.filing.service import ask_for_filing

FIRST: Final = CareContent(
    problem="Low mood and poor sleep since the spring",
    goals=("Walk my daughter to school again", "Cook on Sundays"),
    target="PHQ-9 below 5 within six months",
    medications=("Sertraline 50 mg every morning",),
    skill="Planning one pleasant thing a day",
    rhythm="Every two weeks by phone; PHQ-9 and GAD-7 every 14 days",
    barriers=("Night shifts",),
)
SECOND: Final = CareContent(
    problem=FIRST.problem,
    goals=(*FIRST.goals, "Sleep before midnight"),
    target=FIRST.target,
    medications=("Sertraline 100 mg every morning",),
    skill=FIRST.skill,
    rhythm=FIRST.rhythm,
    barriers=FIRST.barriers,
)
RELAPSE: Final = RelapseContent(
    medications=("Sertraline 100 mg every morning, until the next yearly visit",),
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
TALK: Final = "Since the last contact: sleeps six hours.\nProgress with goals: walked twice.\nAgreed plan: one walk a day."


class Contacts:
    """Told after the present is settled: each on its own past day, so that copies and tries have an age."""

    def __init__(self, deps: Deps, clinic: Clinic, opening: datetime) -> None:
        self._deps = deps
        self._clinic = clinic
        self._opening = opening

    async def tell(self, tx: Tx, courses: Sequence[Course]) -> None:
        talks = await self._ahead(tx, courses, "slow")
        for days, filed, course in zip((6, 2, 1), (True, False, False), talks, strict=False):
            await self._spoke(tx, course, days, filed=filed)
        for course in talks[:1]:
            await self._plans(tx, course)
        for course in (await self._ahead(tx, courses, "remitted"))[:1]:
            await self._save(tx, course, RELAPSE, 0, days=5)
        for course in (await self._ahead(tx, courses, "stalled"))[:1]:
            await self._records(tx, course, 1, kind="no_show", outcome="did_not_come", channel="phone")
            await self._save(tx, course, SAFETY, 0, days=20)
        for course in (await self._ahead(tx, courses, "no_answer"))[:1]:
            for days, channel, outcome in (
                (23, "phone", "no_answer"),
                (15, "text", "message_sent"),
                (7, "phone", "left_message"),
            ):
                await self._records(tx, course, days, kind="attempt", outcome=outcome, channel=channel)

    async def ripen(self) -> None:
        """What became due while the days passed: a note nobody filed, a patient nobody reached."""
        await ask_for_filing(self._deps.system_db, self._opening)
        await look_again(self._deps.system_db, self._opening)

    async def _ahead(self, tx: Tx, courses: Sequence[Course], kind: Kind) -> list[Course]:
        """Courses of a kind whose next contact still lies ahead."""
        found = []
        for course in courses:
            if course.story.kind == kind:
                at = await tx.scalar(select(Episode.next_contact_at).where(Episode.id == course.episode_id))
                if at is not None and at > self._opening:
                    found.append(course)
        return found

    async def _spoke(self, tx: Tx, course: Course, days: int, *, filed: bool) -> None:
        contact_id = await self._records(
            tx, course, days, kind="phone", outcome="reached", note=TALK, adherence="as_prescribed",
            side_effects="none", skill="behavioural_activation", identity_checked=True,
        )  # fmt: skip
        if filed:
            now = self._at(days) + timedelta(minutes=12)
            await filing.mark(
                tx, self._manager(course), course.patient_id, "contact", contact_id, filed=True, now=now
            )

    async def _records(self, tx: Tx, course: Course, days: int, **fields: Any) -> Any:
        now = self._at(days)
        form = ContactForm(occurred_at=now - timedelta(minutes=20), next=None, **fields)
        return await contacts.record_contact(
            tx, self._manager(course), course.patient_id, form,
            source="console", now=now, outreach=self._deps.outreach,
        )  # fmt: skip

    async def _plans(self, tx: Tx, course: Course) -> None:
        clinician = self._clinic.actor(Team(self._clinic, course.story.nth).clinician)
        await self._save(tx, course, FIRST, 0, days=40)
        await care_plans.sign_plan(tx, clinician, course.patient_id, "care", 1, "Agreed.", now=self._at(39))
        await self._save(tx, course, SECOND, 1, days=6)

    async def _save(
        self,
        tx: Tx,
        course: Course,
        content: CareContent | RelapseContent | SafetyContent,
        base: int,
        *,
        days: int,
    ) -> None:
        now = self._at(days)
        await care_plans.save_plan(
            tx, self._manager(course), course.patient_id, content,
            base=base, agreed_on=now.date() - timedelta(days=1), now=now,
        )  # fmt: skip

    def _at(self, days: int) -> datetime:
        return self._opening - timedelta(days=days)

    def _manager(self, course: Course) -> Actor:
        return self._clinic.actor(Team(self._clinic, course.story.nth).manager)
