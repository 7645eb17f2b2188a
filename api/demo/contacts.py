"""Contacts, tries, a missed appointment and a closing of the demo clinic, written down as a person would."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from api.demo.clinics import Clinic
from api.demo.enrolments import Team
from api.demo.history import Course
from api.demo.story import Kind
from api.wiring import Deps
from kernel.audit import Actor
from kernel.db import Tx
from registry.contacts import service as contacts
from registry.contacts.amendments import amend
from registry.contacts.forms import AmendmentForm, ContactForm, NextStep
from registry.disengagement import service as disengagement
from registry.disengagement.rules import ClosingForm
from registry.episodes.tables import Episode
from registry.filing import service as filing
from registry.filing.service import ask_for_filing

# Days ago, by which way, and what came of it.
TRIES: Final = ((23, "phone", "no_answer"), (15, "text", "message_sent"), (7, "phone", "left_message"))
TRIES_OF_THE_LOST: Final = (
    (34, "phone", "left_message"), (27, "letter", "message_sent"), (13, "phone", "no_answer"),
)  # fmt: skip
CLOSED_DAYS_AGO: Final = 6
NOT_REACHED: Final = "Three check-ins without an answer; two calls and a letter since then reached nobody."
WAY_BACK: Final = (
    "One call or text to the care manager is enough: care goes on where it stopped, without a new referral."
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
        for course in (await self._ahead(tx, courses, "stalled"))[:1]:
            await self._records(tx, course, 1, kind="no_show", outcome="did_not_come", channel="phone")
        for course in (await self._ahead(tx, courses, "no_answer"))[:1]:
            await self._tries(tx, course, TRIES)
        for course in [course for course in courses if course.story.kind == "lost"]:
            await self._tries(tx, course, TRIES_OF_THE_LOST)
            await self._closes(tx, course)

    async def ripen(self) -> None:
        """What became due while the days passed: a note nobody filed, a patient nobody reached."""
        await ask_for_filing(self._deps.system_db, self._opening)
        await disengagement.look_again(self._deps.system_db, self._opening)

    async def _ahead(self, tx: Tx, courses: Sequence[Course], kind: Kind) -> list[Course]:
        """Courses of a kind whose next contact still lies ahead."""
        found = []
        for course in courses:
            if course.story.kind == kind:
                at = await tx.scalar(select(Episode.next_contact_at).where(Episode.id == course.episode_id))
                if at is not None and at > self._opening:
                    found.append(course)
        return found

    async def _tries(self, tx: Tx, course: Course, tries: Sequence[tuple[int, str, str]]) -> None:
        following = [days for days, _, _ in tries[1:]] + [CLOSED_DAYS_AGO]
        for (days, channel, outcome), again in zip(tries, following, strict=True):
            step = NextStep(self._at(again), "phone", "Try again.") if course.story.kind == "lost" else None
            await self._records(tx, course, days, kind="attempt", outcome=outcome, channel=channel, next=step)

    async def _closes(self, tx: Tx, course: Course) -> None:
        """By the clinic lead, who leaves the door open; the note is in the chart the same hour."""
        lead, now = self._clinic.actor(self._clinic.those("clinic_lead")[0]), self._at(CLOSED_DAYS_AGO)
        told_on = now.astimezone(ZoneInfo(self._clinic.plan.zone)).date()
        form = ClosingForm(
            decision="inactive",
            note=NOT_REACHED,
            reentry=WAY_BACK,
            told_clinician_on=told_on,
            letter_on=told_on,
        )
        decision_id = await disengagement.decide(
            tx, lead, course.patient_id, form, now=now, outreach=self._deps.outreach
        )
        await filing.mark(
            tx,
            lead,
            course.patient_id,
            "closing_note",
            decision_id,
            filed=True,
            now=now + timedelta(minutes=25),
        )

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
            await self._puts_right(tx, course, contact_id, days)

    async def _puts_right(self, tx: Tx, course: Course, contact_id: UUID, days: int) -> None:
        """Somebody remembers what was said at the door; the copy in the chart is asked for again."""
        form = AmendmentForm(
            outcome="reached", reason="Told at the end of the call, left out of the note.", version=0, note=TALK,
            adherence="as_prescribed", side_effects="bearable", side_effects_note="Dry mouth in the mornings.",
            skill="behavioural_activation",
        )  # fmt: skip
        now = self._at(days) + timedelta(minutes=50)
        await amend(tx, self._manager(course), course.patient_id, contact_id, form, now=now)

    async def _records(self, tx: Tx, course: Course, days: int, **fields: Any) -> Any:
        now = self._at(days)
        form = ContactForm(occurred_at=now - timedelta(minutes=20), **{"next": None, **fields})
        return await contacts.record_contact(
            tx, self._manager(course), course.patient_id, form,
            source="console", now=now, outreach=self._deps.outreach,
        )  # fmt: skip

    def _at(self, days: int) -> datetime:
        return self._opening - timedelta(days=days)

    def _manager(self, course: Course) -> Actor:
        return self._clinic.actor(Team(self._clinic, course.story.nth).manager)
