"""Half a year of logged time: months of every size, work that counts and work that doesn't, nobody in two places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from api.demo.dice import Dice
from api.demo.history import Course
from api.demo.story import Story
from kernel.db import Tx
from registry.time_log.tables import TimeEntry

# Minutes of a whole month. Around the lines that payers draw, and far from them.
FIRST_MONTH: Final = (22, 35, 37, 48, 62, 71, 88, 102)
LATER_MONTHS: Final = (0, 12, 15, 17, 24, 29, 32, 41, 47, 58, 61, 77, 94)
CONTACT: Final = (
    "patient_contact",
    "brief_intervention",
    "registry_review",
    "measure_review",
    "care_coordination",
)
START: Final = ("outreach", "assessment", "care_plan", "registry_review")
LONGEST: Final = 35
UNREVIEWED_DAYS: Final = 58
DAY_STARTS: Final = time(8, 30)
DAY_ENDS: Final = time(17, 0)


class Diary:
    """One person's working days: each piece of work begins when the one before it is done."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._free: dict[tuple[UUID, date], datetime] = {}

    def book(self, staff_id: UUID, on: date, minutes: int, last: date) -> datetime | None:
        """The start of a free stretch on `on` or a later working day up to `last`; None when there is none."""
        while on <= last:
            if on.weekday() < 5:
                starts = self._free.get((staff_id, on), datetime.combine(on, DAY_STARTS, self._zone))
                ends = starts + timedelta(minutes=minutes)
                if ends <= datetime.combine(on, DAY_ENDS, self._zone):
                    self._free[staff_id, on] = ends + timedelta(minutes=1)
                    return starts.astimezone(UTC)
            on += timedelta(days=1)
        return None


class Minutes:
    def __init__(self, tx: Tx, dice: Dice, zone: str, today: date) -> None:
        self._tx = tx
        self._dice = dice
        self._diary = Diary(zone)
        self._today = today
        self._rows: list[Mapping[str, Any]] = []

    def tell(self, course: Course, consultant_id: UUID, clinician_id: UUID) -> Sequence[Mapping[str, Any]]:
        """The rows of this course."""
        before = len(self._rows)
        self._tell(course, consultant_id, clinician_id)
        return self._rows[before:]

    def _tell(self, course: Course, consultant_id: UUID, clinician_id: UUID) -> None:
        story = course.story
        if story.kind == "waiting":
            self._log(
                course, course.manager_id, "care_manager", "outreach", self._today - timedelta(days=2), 9
            )
            return
        for number, (first, last) in enumerate(_months(story.enrolled_on, self._today)):
            key = ("month", story.nth, number)
            whole = self._dice.pick(FIRST_MONTH if number == 0 else LATER_MONTHS, *key)
            share = min(1.0, ((last - first).days + 1) / 28) if last == self._today else 1.0
            self._month(course, first, last, round(whole * share), START if number == 0 else CONTACT, number)
            talked_about = number == 0 or (whole >= 24 and share > 0.5)
            meeting = _meeting(first, last, story.nth)
            if talked_about and not self._passed_over(story, meeting):
                self._log(course, consultant_id, "consultant", "case_review", meeting, 6, last)
            if story.nth % 9 == 0:
                self._log(course, clinician_id, "clinician", "oversight", last - timedelta(days=2), 5)
            if story.nth % 7 == 0:
                self._log(course, course.manager_id, "care_manager", "clerical", _middle(first, last), 10)
            if story.nth % 13 == 5 and number == 1:
                self._log(
                    course, course.manager_id, "care_manager", "psychotherapy", _middle(first, last), 45
                )

    async def write(self, extra: Sequence[Mapping[str, Any]] = ()) -> int:
        rows = [*self._rows, *extra]
        if rows:
            await self._tx.execute(insert(TimeEntry), rows)
        return len(rows)

    def _passed_over(self, story: Story, on: date) -> bool:
        """Those who stall have waited for a review for two months."""
        return story.kind == "stalled" and (self._today - on).days < UNREVIEWED_DAYS

    def _month(
        self, course: Course, first: date, last: date, minutes: int, work: Sequence[str], number: int
    ) -> None:
        left, piece = minutes, 0
        while left > 0:
            key = (course.story.nth, number, piece)
            took = min(left, self._dice.between(6, LONGEST, "piece", *key))
            if 0 < left - took < 4:
                took = left  # nobody logs three minutes of rest
            day = first + timedelta(days=self._dice.between(0, max(0, (last - first).days), "on", *key))
            self._log(course, course.manager_id, "care_manager", work[piece % len(work)], day, took, last)
            left -= took
            piece += 1

    def _log(
        self,
        course: Course,
        staff_id: UUID,
        role: str,
        activity: str,
        on: date,
        minutes: int,
        last: date | None = None,
    ) -> None:
        at = self._diary.book(staff_id, on, minutes, min(last or on, self._today - timedelta(days=1)))
        if at is not None:
            self._rows.append(entry(self._tx, course, staff_id, role, activity, at, minutes))


def entry(
    tx: Tx, course: Course, staff_id: UUID, role: str, activity: str, at: datetime, minutes: int
) -> dict[str, Any]:
    done = at + timedelta(minutes=minutes)
    return {
        "id": tx.new_id(),
        "clinic_id": course.clinic_id,
        "patient_id": course.patient_id,
        "episode_id": course.episode_id,
        "staff_id": staff_id,
        "role": role,
        "activity": activity,
        "started_at": at,
        "seconds": minutes * 60,
        "modality": None,
        "contact_sealed": None,
        "relationship": None,
        "separately_reported": False,
        "note_sealed": None,
        "source": "console",
        "created_at": done,
        "created_by_id": staff_id,
        "supersedes_id": None,
        "superseded_at": None,
        "reason": None,
    }


def _months(start: date, today: date) -> list[tuple[date, date]]:
    """(first, last) day in care of each calendar month from `start` to `today`."""
    found = []
    first = start
    while first <= today:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        found.append((first, min(following - timedelta(days=1), today)))
        first = following
    return found


def _meeting(first: date, last: date, nth: int) -> date:
    """One of the month's Tuesdays, when the consultant comes; the last day where there was none."""
    days = [first + timedelta(days=n) for n in range((last - first).days)]
    tuesdays = [day for day in days if day.weekday() == 1]
    return tuesdays[nth % len(tuesdays)] if tuesdays else last


def _middle(first: date, last: date) -> date:
    return first + (last - first) / 2
