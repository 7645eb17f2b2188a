"""What goes on beside the scores: referrals at each stage, a helper, findings at the start, a colleague's leave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from api.demo.clinics import Clinic
from api.demo.enrolments import Team
from api.demo.history import Course
from kernel.audit import Actor
from kernel.db import Tx
from registry.cover import service as cover
from registry.cover.rules import CoverForm
from registry.intake import service as intake
from registry.intake.contents import IntakeContent
from registry.referrals import service as referrals
from registry.referrals.rules import OutwardReferral, ReferralKind, ReferralStepForm
from registry.related_people import service as related_people
from registry.related_people.rules import RelatedPersonForm

KINDS: Final = ("stalled", "slow")
# To whom and why, how many days ago it was sent, and each step after it with its day.
SENT: Final[tuple[tuple[ReferralKind, str, str, int, tuple[tuple[int, ReferralStepForm], ...]], ...]] = (
    ("specialty_therapy", "Alder Grove Counseling", "Trauma-focused therapy", 6, ()),
    ("social", "Harbor Food and Housing", "Behind with the rent", 9, ((7, ReferralStepForm("appointment")),)),
    (
        "psychiatry", "Dr. Lena Fortescue", "Diagnosis in doubt", 30,
        ((20, ReferralStepForm("appointment")), (8, ReferralStepForm("not_seen", note="The bus did not come."))),
    ),
    ("medical", "Sleep clinic", "Snores, tired by day", 41, ((13, ReferralStepForm("seen")),)),
    (
        "medical", "Larch Imaging and Laboratory", "Tired although the mood is better: thyroid, iron, B12", 34,
        (
            (33, ReferralStepForm("appointment")),
            (22, ReferralStepForm("seen")),
            (15, ReferralStepForm("result", note="Iron low, thyroid and B12 normal. Iron started by Dr. Okereke.")),
        ),
    ),
)  # fmt: skip
AHEAD_DAYS: Final = 10  # an appointment lies so far after the day it was made
START: Final = IntakeContent(
    history="One episode ten years ago, helped by medication. No stay in hospital.",
    medical_causes="Thyroid checked in the spring.",
    substances="Two glasses of wine at weekends, no drugs.",
    medications=("Sertraline 25 mg every morning",),
    pregnancy="considered",
    bipolar="considered",
    bipolar_note="No time of high energy without sleep.",
    ptsd="considered",
    ptsd_note="Five-item screen: none of the five.",
)
LEAVE_DAYS: Final = (5, 9)  # from and until, after today
AWAY_DAYS: Final = (-2, 2)  # of a clinician who is away now


class Beside:
    """Told once the present is settled, each on its own past day."""

    def __init__(self, clinic: Clinic, opening: datetime) -> None:
        self._clinic = clinic
        self._opening = opening
        self._today = opening.astimezone(ZoneInfo(clinic.plan.zone)).date()

    async def tell(self, tx: Tx, courses: Sequence[Course]) -> None:
        chosen = [course for course in courses if course.story.kind in KINDS]
        for course, sent in zip(chosen, SENT, strict=False):
            await self._referred(tx, course, *sent)
        for course in chosen[:1]:
            await self._helper(tx, course)
        for course in [course for course in courses if course.story.kind == "new"][:2]:
            now = self._at((self._today - course.story.enrolled_on).days)
            await intake.save_intake(tx, self._manager(course), course.patient_id, START, base=0, now=now)
        await self._leave(tx)

    async def _referred(
        self,
        tx: Tx,
        course: Course,
        kind: ReferralKind,
        to: str,
        why: str,
        days: int,
        steps: Sequence[tuple[int, ReferralStepForm]],
    ) -> None:
        actor = self._manager(course)
        form = OutwardReferral(kind, to, why, self._day(days), hands_over=kind == "psychiatry")
        sent = await referrals.send(tx, actor, course.patient_id, form, now=self._at(days))
        for ago, step in steps:
            on = self._day(ago - AHEAD_DAYS if step.step == "appointment" else ago)
            told = ReferralStepForm(step.step, on, step.note)
            await referrals.take_step(tx, actor, sent, told, version=None, now=self._at(ago))

    async def _helper(self, tx: Tx, course: Course) -> None:
        form = RelatedPersonForm(
            name="Odalys Verne",
            relation="Sister",
            phone="+15645550177",
            basis="patient_agreed",
            scope=("contacts", "plan"),
            valid_from=self._day(30),
            agreed_on=self._day(30),
            agreed_how="verbal",
        )
        await related_people.add(tx, self._manager(course), course.patient_id, form, now=self._at(30))

    async def _leave(self, tx: Tx) -> None:
        """A clinician is away now and another decides for her; the second care manager is next week, the first looks
        after the patients."""
        here, away = self._clinic.those("care_manager")[:2]
        first, last = (self._today + timedelta(days=days) for days in LEAVE_DAYS)
        form = CoverForm(self._clinic.staff[away.key], self._clinic.staff[here.key], first, last)
        await cover.assign(tx, self._clinic.actor(away), form, now=self._opening)
        stands_in, absent = self._clinic.those("clinician")[1:3]
        first, last = (self._today + timedelta(days=days) for days in AWAY_DAYS)
        form = CoverForm(self._clinic.staff[absent.key], self._clinic.staff[stands_in.key], first, last)
        await cover.assign(tx, self._clinic.actor(absent), form, now=self._at(6))

    def _manager(self, course: Course) -> Actor:
        return self._clinic.actor(Team(self._clinic, course.story.nth).manager)

    def _at(self, days: int) -> datetime:
        return self._opening - timedelta(days=days)

    def _day(self, days: int) -> date:
        return self._today - timedelta(days=days)
