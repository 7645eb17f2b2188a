"""Last week's case review and what came of it: advice at every stage of its way, and the meeting of tomorrow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from api.demo.clinics import Clinic
from api.demo.enrolments import Team
from api.demo.history import Course
from api.wiring import Deps
from kernel.db import Tx
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

ADVISED: Final = ("stalled", "worsening", "slow", "new")
ADVICE: Final[tuple[tuple[str, str, Urgency], ...]] = (
    ("Raise sertraline to 100 mg", "If no change in 4 weeks, add bupropion", "this_week"),
    ("Change citalopram to duloxetine 30 mg", "If nausea stays, 20 mg for another week", "today"),
    ("Add trazodone 25 mg at night for sleep", "If drowsy by day, stop it", "routine"),
    ("Start escitalopram 10 mg", "If no change in 4 weeks, 20 mg", "routine"),
    ("Add bupropion 150 mg in the morning", "If restless, stop it", "routine"),
)
# Waits for the clinician whom a visitor of the demo signs in as first.
FIRST_OF_ALL: Final[tuple[str, str, Urgency]] = (
    "Raise escitalopram to 20 mg", "If no change in 4 weeks, bring it back", "this_week",
)  # fmt: skip
ORDERED: Final[tuple[ChangeKind, ...]] = ("dose_changed", "medication_changed")  # of the first two
HELD_DAYS_AGO: Final = 6
DECLINED: Final = 4


class Advice:
    """Six patients are advised about: for the first it is with the patient, for the fourth it waits for the clinician,
    for the fifth it was declined."""

    def __init__(self, deps: Deps, clinic: Clinic, opening: datetime) -> None:
        self._deps = deps
        self._clinic = clinic
        self._opening = opening
        self._held = opening - timedelta(days=HELD_DAYS_AGO)
        self._consultant = clinic.actor(clinic.those("consultant")[0])
        self._manager = clinic.actor(clinic.those("care_manager")[0])

    async def tell(self, tx: Tx, courses: Sequence[Course]) -> None:
        await self._meeting(tx, self._opening + timedelta(days=1))
        chosen = [c for c in courses if c.story.kind in ADVISED and c.story.enrolled_on < self._held.date()]
        for stage, (course, advice) in enumerate(zip(chosen, ADVICE, strict=False)):
            sent = await self._sent(tx, course, *advice)
            if stage == DECLINED:
                await self._declined(tx, sent)
            else:
                await self._goes(tx, sent, advice[0], stage)
        first = self._clinic.those("clinician")[0]
        for course in [
            c for c in chosen[len(ADVICE) :] if Team(self._clinic, c.story.nth).clinician is first
        ][:1]:
            await self._sent(tx, course, *FIRST_OF_ALL)

    async def _meeting(self, tx: Tx, at: datetime) -> UUID:
        assert self._consultant.id is not None
        return await service.plan(
            tx, self._manager, starts_at=at, minutes=60,
            consultant_id=self._consultant.id, care_manager_id=None, now=self._held,
        )  # fmt: skip

    async def _sent(self, tx: Tx, course: Course, what: str, if_then: str, urgency: Urgency) -> UUID:
        form = RecommendationForm((RecommendationPart("medication", what),), urgency, if_then)
        return await recommendations.send(
            tx, self._consultant, course.patient_id, form, now=self._held, notices=self._deps.notices
        )

    async def _declined(self, tx: Tx, sent: UUID) -> None:
        at = self._held + timedelta(days=1)
        given = ClinicianDecision(
            "declined", reason="Had a seizure as a child.", via="phone", decided_by="Dr. Osei",
            decided_on=at.date(), read_back=True,
        )  # fmt: skip
        await recommendations.decide(tx, self._manager, sent, given, version=None, now=at)

    async def _goes(self, tx: Tx, sent: UUID, what: str, stage: int) -> None:
        """Decided, ordered, told: fewer steps at each later stage, a day apart."""
        steps = len(ORDERED) + 1 - stage
        day = timedelta(days=1)
        if steps >= 1:
            given = ClinicianDecision(
                "accepted", via="ehr", decided_by="Dr. Osei", decided_on=(self._held + day).date()
            )
            await recommendations.decide(tx, self._manager, sent, given, version=None, now=self._held + day)
        if steps >= 2:
            on = (self._held + 2 * day).date()
            change = ChangeForm(on=on, kind=ORDERED[stage], what=what)
            order = OrderForm(what, "Dr. Osei", on, change)
            await recommendations.order(
                tx, self._manager, sent, order, version=None, now=self._held + 2 * day
            )
        if steps >= 3:
            note = "By phone: understood, starts tonight."
            await recommendations.told(tx, self._manager, sent, note, version=None, now=self._held + 3 * day)
