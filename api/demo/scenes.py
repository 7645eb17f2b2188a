"""The last days, played by the real engine: plans come due, texts leave, people answer by text and by link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select

from api.demo import people
from api.demo.clinics import Clinic
from api.demo.enrolments import Team
from api.demo.history import Course
from api.demo.stage import Stage, StoryClock
from api.wiring import Deps
from messaging.links import answering
from messaging.links import service as links
from messaging.links.service import Language
from messaging.schedule.tables import CheckIn
from messaging.schedule.zones import to_utc
from registry.plans import service as plans
from registry.plans.rules import EVERY_DAYS, PlanLine

PLANS_SET_AT: Final = time(8, 15)
TEN: Final = time(10, 0)
STRANGER: Final = "+15645550188"
LOOK_EVERY: Final = timedelta(hours=8)
BY_TEXT: Final = ("1", "0", "2 because I keep waking up at night", "1", "0", "several days", "1", "0", "0")
HALF: Final = ("2", "2", "nearly every day", "2", "1")
DANGER: Final = ("3", "3", "2", "3", "2", "3", "2", "1", "2")
BY_LINK: Final = (1, 0, 1, 1, 0, 0, 1, 0, 0, 1)

Act = Callable[[], Awaitable[None]]


class Beat(msgspec.Struct, frozen=True):
    at: datetime
    act: Act


class Scenes:
    """One clinic's last two days before `opening`."""

    def __init__(self, deps: Deps, clinic: Clinic, courses: Sequence[Course], opening: datetime) -> None:
        self._deps = deps
        self._clinic = clinic
        self._courses = [course for course in courses if course.story.scene != "none"]
        self._opening = opening
        self._today = opening.astimezone(ZoneInfo(clinic.plan.zone)).date()
        self._clock = StoryClock(self._moment(2, PLANS_SET_AT))
        self._stage = Stage(deps, self._clock, look_every=LOOK_EVERY)

    async def play(self) -> None:
        await self._set_plans()
        beats = [beat for course in self._courses for beat in self._beats(course)]
        beats.append(Beat(self._moment(1, time(11, 32)), lambda: self._text(STRANGER, "Who is this?")))
        for beat in sorted(beats, key=lambda beat: beat.at):
            await self._stage.until(beat.at)
            await beat.act()
        await self._stage.until(self._opening)

    def _moment(self, days_ago: int, at: time) -> datetime:
        return to_utc(self._today - timedelta(days=days_ago), at, self._clinic.plan.zone)

    async def _set_plans(self) -> None:
        async with self._deps.system_db.begin(self._clinic.id) as tx:
            for course in self._courses:
                due, at = self._first_due(course)
                names = ("phq9", "gad7") if course.story.with_gad7 else ("phq9",)
                await plans.set_plan(
                    tx,
                    self._clinic.actor(Team(self._clinic, course.story.nth).manager),
                    course.patient_id,
                    [PlanLine(name, EVERY_DAYS, at, due) for name in names],
                    now=self._clock.now(),
                    outreach=self._deps.outreach,
                )

    def _first_due(self, course: Course) -> tuple[date, time]:
        match course.story.scene:
            case "link_unanswered":
                return self._today - timedelta(days=2), TEN
            case "danger":
                return self._today, self._before(50)
            case "link_waiting":
                return self._today, self._before(70)
            case "questions_waiting":
                return self._today, self._before(30)
            case "wrote":
                return self._today + timedelta(days=6), TEN
            case _:
                return self._today - timedelta(days=1), TEN

    def _before(self, minutes: int) -> time:
        local = (self._opening - timedelta(minutes=minutes)).astimezone(ZoneInfo(self._clinic.plan.zone))
        return local.time().replace(second=0, microsecond=0)

    def _beats(self, course: Course) -> list[Beat]:
        yesterday = self._moment(1, TEN)
        match course.story.scene:
            case "answered_by_text":
                return self._replies(course, BY_TEXT, yesterday + timedelta(minutes=17))
            case "half_answered":
                return self._replies(course, HALF, yesterday + timedelta(hours=2, minutes=5))
            case "danger":
                return self._replies(course, DANGER, self._opening - timedelta(minutes=31))
            case "stopped":
                return self._replies(course, ("Please stop texting me",), yesterday + timedelta(minutes=44))
            case "wrote":
                words = "Can we move my call to Friday afternoon? Work is crazy"
                return self._replies(course, (words,), self._moment(1, time(15, 41)))
            case "answered_by_link":
                at = yesterday + timedelta(hours=3, minutes=course.story.nth)
                return [Beat(at, lambda: self._by_link(course))]
            case _:
                return []

    def _replies(self, course: Course, words: Sequence[str], first: datetime) -> list[Beat]:
        number = people.patient_number(self._clinic.plan.areas, course.story.nth)
        # `body` is bound now: a closure over the loop's name would send the last text each time.
        return [
            Beat(first + timedelta(seconds=70 * nth), lambda body=body: self._text(number, body))  # type: ignore[misc]
            for nth, body in enumerate(words)
        ]

    async def _text(self, number: str, body: str) -> None:
        await self._stage.text(
            self._clinic.sender_id, self._clinic.id, number, self._clinic.plan.number, body
        )

    async def _by_link(self, course: Course) -> None:
        db, now = self._deps.system_db, self._clock.now()
        language: Language = links.spoken(course.story.language)
        token = self._deps.new_token()
        async with db.begin(self._clinic.id) as tx:
            check_in_id: UUID = await tx.scalar(
                select(CheckIn.id).where(CheckIn.patient_id == course.patient_id, CheckIn.state == "invited")
            )
            await links.issue(tx, check_in_id, token=token, now=now)
            visit = await links.start_visit(
                tx, token, secret=self._deps.new_token(), csrf=self._deps.new_token(), now=now
            )
            assert visit is not None
            for nth, value in enumerate(BY_LINK):
                at = now + timedelta(seconds=9 * nth)
                await answering.answer(tx, visit, nth + 1, value, language, now=at, alerts=self._deps.alerts)
