"""The present of each patient once the past is told: what is planned, who is late, what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Table, bindparam, select, update

from api.demo import people
from api.demo.advice import Advice
from api.demo.beside import Beside
from api.demo.clinics import Clinic
from api.demo.contacts import Contacts
from api.demo.desk import Desk
from api.demo.dice import Dice
from api.demo.enrolments import Team
from api.demo.history import Course
from api.demo.launch import Launch
from api.demo.months import Months
from api.demo.plans import Plans
from api.demo.stage import Stage, StoryClock
from api.demo.steps import Steps
from api.wiring import Deps
from kernel.audit import Actor
from kernel.db import Tx
from messaging.schedule.zones import to_utc
from registry.episodes import service as episodes
from registry.episodes.forms import ContactMode
from registry.measures import service as measures
from registry.measures.rules import ItemsForm
from registry.plans import service as plans
from registry.plans.rules import EVERY_DAYS, PlanLine
from registry.safety import service as safety
from registry.safety.tables import RiskEvent
from registry.time_log import service as time_log
from registry.time_log.ledger import month_log
from registry.time_log.rules import Month
from registry.time_log.service import TimeForm
from registry.worklist import service as worklist
from registry.worklist.tables import RegistryLine

IN_CARE: Final = frozenset(
    {
        "responder",
        "slow",
        "long",
        "stalled",
        "worsening",
        "relapse",
        "remitted",
        "new",
        "no_answer",
        "opted_out",
        "phone_only",
    }
)
SPACED_DAYS: Final = 28  # once stable
HANDLED_DAYS_AGO: Final = 41
FOUND: Final = {
    "thoughts": "wish_to_be_dead",
    "method": "not_reported",
    "intent": "not_reported",
    "plan": "not_reported",
    "behaviour": "not_reported",
    "means": "unsure",
    "protects": "Her partner is at home in the evenings.",
}
LATER_TODAY: Final = (time(15, 30), time(16, 0), time(16, 30))
MODES: Final[tuple[ContactMode, ...]] = ("phone", "phone", "video", "in_person")
STATES: Final = {"answered": "portal_completed", "missed": "missed", "half": "partial_expired"}

_LINE: Final = cast(Table, RegistryLine.__table__)
_TELL: Final = (
    update(_LINE)
    .where(_LINE.c.episode_id == bindparam("key"))
    .values(
        minutes_month=bindparam("month"),
        counted_seconds=bindparam("seconds"),
        last_contact_at=bindparam("spoke"),
        last_review_at=bindparam("reviewed"),
    )
)


async def settle(
    deps: Deps, clinic: Clinic, courses: Sequence[Course], opening: datetime, dice: Dice
) -> None:
    now = _Now(deps, clinic, opening, dice)
    async with deps.system_db.begin(clinic.id) as tx:
        handled = next((c for c in courses if c.story.kind == "slow" and c.story.scene == "none"), None)
        if handled is not None:
            await now.handled_event(tx, handled)
        for course in courses:
            await now.one(tx, course)
        await now.tell_registry(tx, courses)
        if clinic.plan is people.HARBOR:
            await Advice(deps, clinic, opening, dice).tell(tx, courses)
            await Contacts(deps, clinic, opening).tell(tx, courses)
            await Plans(clinic, opening, dice).tell(tx, courses, now.handled(handled))
            await Beside(clinic, opening).tell(tx, courses)
            await Steps(deps, clinic, opening).tell(tx, courses)
            await Desk(deps, clinic, opening).tell(tx, courses)
            await Launch(deps, clinic, opening).pilot(tx)
            await Months(clinic, opening).close(tx)
            await Months(clinic, opening).sign(tx)
    if clinic.plan is people.HARBOR:
        await Contacts(deps, clinic, opening).ripen()
    await Stage(deps, StoryClock(opening)).until(opening)
    async with deps.system_db.begin(clinic.id) as tx:
        await worklist.rebuild(tx, clinic.id, opening)


class _Now:
    def __init__(self, deps: Deps, clinic: Clinic, opening: datetime, dice: Dice) -> None:
        self._deps = deps
        self._clinic = clinic
        self._opening = opening
        self._dice = dice
        self._today = opening.astimezone(ZoneInfo(clinic.plan.zone)).date()

    def handled(self, course: Course | None) -> tuple[Course, date] | None:
        """Whose safety event was handled, and on which day."""
        return None if course is None else (course, self._today - timedelta(days=HANDLED_DAYS_AGO))

    async def one(self, tx: Tx, course: Course) -> None:
        story, actor = course.story, self._manager(course)
        if story.scene == "none" and story.history:
            await self._last_check_in(tx, course)
        if story.kind in IN_CARE:
            if story.scene == "none":
                await self._plan(tx, actor, course)
            await self._next_contact(tx, actor, course)
        if story.kind == "no_answer":
            await self._call(tx, course)
        if story.kind == "stalled" and story.nth % 2 == 1:
            await worklist.set_flags(tx, actor, course.episode_id, discuss=True, now=self._opening)
        if story.kind == "worsening" and story.scene == "none":
            await self._severe(tx, actor, course)
        if story.nth % 10 == 4:
            await self._this_morning(tx, actor, course)

    async def tell_registry(self, tx: Tx, courses: Sequence[Course]) -> None:
        """Minutes of this month, last contact and last review of every line, in one statement."""
        zone = self._clinic.plan.zone
        month = Month.at(self._opening, ZoneInfo(zone))
        logs = {log.episode_id: log for log in await month_log(tx, self._clinic.id, month, zone)}
        rows = []
        for course in courses:
            log = logs.get(course.episode_id)
            counted = None if log is None else log.counted(time_log.DEFAULT_POLICY, month, ZoneInfo(zone))
            rows.append(
                {
                    "key": course.episode_id,
                    "month": str(month),
                    "seconds": 0 if counted is None else counted.counted_seconds,
                    "spoke": course.spoke_at,
                    "reviewed": course.reviewed_at,
                }
            )
        await tx.execute(_TELL, rows)

    async def handled_event(self, tx: Tx, course: Course) -> None:
        """A positive item 9 some weeks ago, on paper: taken, called, assessed, closed."""
        actor = self._manager(course)
        lead = self._clinic.actor(self._clinic.those("clinic_lead")[0])
        on = self._today - timedelta(days=HANDLED_DAYS_AGO)
        at = self._local(on, time(10, 20))
        answers: dict[int, int | None] = {1: 2, 2: 2, 3: 1, 4: 2, 5: 1, 6: 2, 7: 1, 8: 0, 9: 1}
        form = ItemsForm(course.patient_id, "phq9", answers, on, "paper", language=course.story.language)
        await measures.enter_items(tx, actor, form, now=at, alerts=self._deps.alerts)
        event_id = await tx.scalar(select(RiskEvent.id).where(RiskEvent.patient_id == course.patient_id))
        await safety.acknowledge(tx, actor, event_id, now=at + timedelta(minutes=12))
        called = at + timedelta(minutes=35)
        await safety.log_attempt(
            tx, actor, event_id, channel="phone", outcome="reached", note="Spoke for 20 minutes.", now=called
        )
        await safety.log_assessment(
            tx,
            actor,
            event_id,
            tool="structured",
            level="low",
            findings="Passive thoughts, no plan, no intent. Safety plan reviewed, partner informed.",
            answers=FOUND,
            mitigation="Partner keeps the pills. Call on Thursday.",
            now=called + timedelta(minutes=25),
        )
        await safety.close(
            tx,
            lead,
            event_id,
            disposition="assessed_plan_made",
            next_contact_at=at + timedelta(days=3),
            note="Discussed with the consultant.",
            now=at + timedelta(hours=3),
        )

    async def _last_check_in(self, tx: Tx, course: Course) -> None:
        if course.story.by_phone:
            return
        last = course.story.history[-1]
        missed = 0
        for told in reversed(course.story.history):
            if told.outcome != "missed":
                break
            missed += 1
        at = self._local(last.on, time(18, 0))
        await worklist.set_check_in_state(
            tx, course.episode_id, STATES[last.outcome], at, no_answer_count=missed, now=self._opening
        )

    async def _plan(self, tx: Tx, actor: Actor, course: Course) -> None:
        every = SPACED_DAYS if course.story.kind == "remitted" else EVERY_DAYS
        on = course.story.enrolled_on
        while on < self._today:
            on += timedelta(days=every)
        nth = course.story.nth
        at = self._dice.pick(LATER_TODAY, "later", nth) if on == self._today else time(10, 0)
        names = ("phq9", "gad7") if course.story.with_gad7 else ("phq9",)
        lines = [PlanLine(name, every, at, on) for name in names]
        await plans.set_plan(
            tx, actor, course.patient_id, lines, now=self._opening, outreach=self._deps.outreach
        )

    async def _next_contact(self, tx: Tx, actor: Actor, course: Course) -> None:
        nth, now = course.story.nth, self._opening
        rolled = self._dice.fraction("contact", nth)
        hour = time(self._dice.between(9, 15, "hour", nth), self._dice.pick((0, 15, 30, 45), "quarter", nth))
        if rolled < 0.12:
            at = self._local(self._workday(-self._dice.between(2, 6, "late", nth)), hour)
            now = at - timedelta(days=7)
        elif rolled < 0.24:
            at = self._opening.replace(second=0, microsecond=0) + timedelta(
                minutes=self._dice.between(6, 40, "soon", nth) * 5
            )
        else:
            at = self._local(self._workday(self._dice.between(1, 13, "ahead", nth)), hour)
        mode = self._dice.pick(MODES, "mode", nth)
        purpose = self._dice.pick(people.PURPOSES, "purpose", nth)
        await episodes.set_next_contact(tx, actor, course.patient_id, at, mode, purpose, now=now)

    async def _call(self, tx: Tx, course: Course) -> None:
        await worklist.open_task(
            tx,
            clinic_id=course.clinic_id,
            patient_id=course.patient_id,
            episode_id=course.episode_id,
            kind="unanswered_check_in",
            dedupe_key=f"demo:unanswered:{course.patient_id}",
            owner_id=course.manager_id,
            detail={"why": "no_answer"},
            now=self._opening - timedelta(days=1),
        )

    async def _severe(self, tx: Tx, actor: Actor, course: Course) -> None:
        """A form filled in at yesterday's visit: severe, item 9 at 0."""
        answers: dict[int, int | None] = {1: 3, 2: 3, 3: 3, 4: 3, 5: 2, 6: 3, 7: 3, 8: 2, 9: 0}
        language = course.story.language if course.story.language in ("en", "es") else "en"
        yesterday = self._today - timedelta(days=1)
        form = ItemsForm(course.patient_id, "phq9", answers, yesterday, "paper", language=language)
        at = self._opening - timedelta(minutes=80)
        await measures.enter_items(tx, actor, form, now=at, alerts=self._deps.alerts)

    async def _this_morning(self, tx: Tx, actor: Actor, course: Course) -> None:
        """A few minutes of today's work, logged as staff log it."""
        started = self._local(self._today, time(8, 40)) + timedelta(minutes=course.story.nth % 30)
        form = TimeForm(started_at=started, minutes=8 + course.story.nth % 9, activity="registry_review")
        await time_log.log_time(tx, actor, course.patient_id, form, source="console", now=self._opening)

    def _manager(self, course: Course) -> Actor:
        return self._clinic.actor(Team(self._clinic, course.story.nth).manager)

    def _workday(self, days: int) -> date:
        """About so many days from today, moved off a weekend: forward in the future, back in the past."""
        on = self._today + timedelta(days=days)
        while on.weekday() > 4:
            on += timedelta(days=1 if days > 0 else -1)
        return on

    def _local(self, on: date, at: time) -> datetime:
        return to_utc(on, at, self._clinic.plan.zone)
