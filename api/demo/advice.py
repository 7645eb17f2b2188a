"""Last week's case review and what came of it: advice at every stage of its way, and the meeting of tomorrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

import msgspec

from api.demo.clinics import Clinic
from api.demo.dice import Dice
from api.demo.enrolments import Team
from api.demo.history import Course
from api.demo.people import Person
from api.demo.plans import written
from api.wiring import Deps
from kernel.audit import Actor
from kernel.db import Tx
from registry.contacts import service as contacts
from registry.contacts.forms import ContactForm, NextStep
from registry.filing import service as filing
from registry.recommendations import service as recommendations
from registry.recommendations.rules import (
    ClinicianDecision,
    OrderForm,
    RecommendationForm,
    RecommendationPart,
    Urgency,
)
from registry.review import service
from registry.treatment_changes.rules import ChangeForm, ChangeKind

Way = Literal["waits", "declined", "read_back", "modified", "ordered", "told", "taking"]


class Advised(NamedTuple):
    what: str
    if_then: str
    urgency: Urgency
    way: Way
    instead: str = ""


ADVISED: Final = ("stalled", "worsening", "slow")
MORE: Final = "Raise {drug} to {dose}"
ADVICE: Final = (
    Advised(MORE, "If no change in 4 weeks, bring it back", "this_week", "told"),
    Advised("Change {drug} to duloxetine 30 mg", "If nausea stays, 20 mg for another week", "today", "ordered"),
    Advised("Add trazodone 25 mg at night for sleep", "If drowsy by day, stop it", "routine", "read_back"),
    Advised(MORE, "If no change in 4 weeks, add mirtazapine", "routine", "waits"),
    Advised("Add mirtazapine 15 mg at night", "If hungry all day, stop it", "routine", "declined"),
    Advised(MORE, "If tremor or sweating, back to the dose of now", "this_week", "taking"),
    Advised(
        MORE, "If sleep gets worse, take it at noon", "this_week", "modified",
        instead="Half the step for two weeks, then the whole one: sensitive to changes.",
    ),
)  # fmt: skip
# For the clinician whom a visitor of the demo signs in as first: one that waited too long, one of yesterday.
FIRST_OF_ALL: Final = (
    Advised(MORE, "If no change in 4 weeks, bring it back", "this_week", "waits"),
    Advised(
        "Repeat the thyroid values, then talk about lithium",
        "If TSH is raised, treat that first",
        "this_week",
        "waits",
    ),
)
ORDERED: Final[Mapping[Way, ChangeKind]] = {
    "ordered": "medication_changed", "told": "dose_changed", "taking": "dose_changed",
}  # fmt: skip
STEPS: Final[Mapping[Way, int]] = {"ordered": 2, "told": 3, "taking": 4}  # the first is the decision
TOLD: Final = "By phone: understood, starts tonight."
NEXT: Final = "Side effects of the new dose; repeat PHQ-9."
IN_USE: Final = "By phone: takes it every morning, no side effects so far."
HELD_DAYS_AGO: Final = 7
DAY: Final = timedelta(days=1)


class Advice:
    """Each patient's advice of last week's review stands at another stage of its way; steps are a working day apart."""

    def __init__(self, deps: Deps, clinic: Clinic, opening: datetime, dice: Dice) -> None:
        self._deps = deps
        self._clinic = clinic
        self._dice = dice
        self._opening = opening
        self._held = opening - HELD_DAYS_AGO * DAY
        self._consultant = clinic.actor(clinic.those("consultant")[0])
        self._manager = clinic.actor(clinic.those("care_manager")[0])

    async def tell(self, tx: Tx, courses: Sequence[Course]) -> None:
        await self._meeting(tx, self._opening + DAY)
        chosen = [c for c in courses if c.story.kind in ADVISED and c.story.enrolled_on < self._held.date()]
        for course, advised in zip(chosen, ADVICE, strict=False):
            await self._goes(tx, course, advised)
        first = self._clinic.those("clinician")[0]
        theirs = [c for c in chosen[len(ADVICE) :] if Team(self._clinic, c.story.nth).clinician is first]
        for course, advised, now in zip(
            theirs, FIRST_OF_ALL, (self._held, self._opening - DAY), strict=False
        ):
            await self._sent(tx, course, advised, now)

    async def _meeting(self, tx: Tx, at: datetime) -> UUID:
        assert self._consultant.id is not None
        return await service.plan(
            tx, self._manager, starts_at=at, minutes=60,
            consultant_id=self._consultant.id, care_manager_id=None, now=self._held,
        )  # fmt: skip

    async def _sent(self, tx: Tx, course: Course, advised: Advised, now: datetime) -> UUID:
        part = RecommendationPart("medication", self._what(course, advised))
        form = RecommendationForm((part,), advised.urgency, advised.if_then)
        return await recommendations.send(
            tx, self._consultant, course.patient_id, form, now=now, notices=self._deps.notices
        )

    async def _goes(self, tx: Tx, course: Course, advised: Advised) -> None:
        """Decided, ordered, told, in use: as far as its way has gone."""
        sent = await self._sent(tx, course, advised, self._held)
        if advised.way == "waits":
            return
        team = Team(self._clinic, course.story.nth)
        manager = self._clinic.actor(team.manager)
        await self._decided(tx, sent, advised, team.clinician, manager)
        steps = STEPS.get(advised.way, 1)
        if steps >= 2:
            now = self._working_day(2)
            what = self._what(course, advised)
            change = ChangeForm(on=now.date(), kind=ORDERED[advised.way], what=what)
            order = OrderForm(what, team.clinician.name, now.date(), change)
            await recommendations.order(tx, manager, sent, order, version=None, now=now)
        if steps >= 3:
            now = self._working_day(3)
            await self._spoke(tx, course, manager, "The new dose was explained; starts tonight.", now)
            await recommendations.told(tx, manager, sent, TOLD, version=None, now=now)
        if steps >= 4:
            now = self._working_day(4)
            await self._spoke(tx, course, manager, "Takes the new dose every morning, sleeps as before.", now)
            await recommendations.taking(tx, manager, sent, IN_USE, version=None, now=now)

    async def _spoke(self, tx: Tx, course: Course, manager: Actor, note: str, now: datetime) -> None:
        """The call in which it was said, in the chart within minutes."""
        form = ContactForm(
            kind="phone", outcome="reached", occurred_at=now - timedelta(minutes=9), note=note,
            identity_checked=True, adherence="as_prescribed", side_effects="none",
            next=NextStep(self._opening.replace(second=0, microsecond=0) + 7 * DAY, "phone", NEXT),
        )  # fmt: skip
        contact_id = await contacts.record_contact(
            tx, manager, course.patient_id, form, source="console", now=now, outreach=self._deps.outreach
        )
        filed_at = now + timedelta(minutes=5)
        await filing.mark(tx, manager, course.patient_id, "contact", contact_id, filed=True, now=filed_at)

    async def _decided(self, tx: Tx, sent: UUID, advised: Advised, clinician: Person, manager: Actor) -> None:
        now = self._working_day(1)
        told = ClinicianDecision(
            "accepted", via="ehr", decided_by=clinician.name, decided_on=now.date(), read_back=False
        )
        replace, actor = msgspec.structs.replace, manager
        match advised.way:
            case "declined":
                reason = "Gained 12 kg on it before."
                given = replace(told, decision="declined", reason=reason, via="phone", read_back=True)
            case "read_back":
                given = replace(told, via="in_person", read_back=True)
            case "modified":
                given, actor = (
                    ClinicianDecision("modified", instead=advised.instead),
                    self._clinic.actor(clinician),
                )
            case "told":
                given, actor = ClinicianDecision("accepted"), self._clinic.actor(clinician)
            case _:
                given = told
        await recommendations.decide(tx, actor, sent, given, version=None, now=now)

    def _what(self, course: Course, advised: Advised) -> str:
        """About the drug in the patient's plan."""
        words = written(course, self._dice)
        return advised.what.format(drug=words.drug.lower(), dose=words.more)

    def _working_day(self, nth: int) -> datetime:
        """So many working days after the review, at its hour."""
        moment = self._held
        while nth:
            moment += DAY
            nth -= moment.weekday() < 5
        return moment
