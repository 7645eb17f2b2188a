"""What happened before the story starts, written straight into the tables: months of check-ins, scores and minutes.

Scores are reckoned by the same rules as a patient's own. What the last days hold is played by the real engine instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from api.demo.dice import Dice
from api.demo.story import CheckInStory, Story, spread
from kernel.db import Tx
from messaging.schedule.tables import CheckIn
from questionnaires import catalog
from registry.measures import rules
from registry.measures.answers import answer_row
from registry.measures.results import run_row
from registry.measures.rules import AnswerChannel, AnswerFacts, EntrySource, RunFacts, RunSource
from registry.measures.tables import Answer, MeasureResult, MeasureRun

INVITED_AT: Final = time(10, 0)
WINDOW: Final = timedelta(days=7)
HALF: Final = 5  # items answered before a check-in was left
STATES: Final = {"answered": "portal_completed", "missed": "missed", "half": "partial_expired"}
REASONS: Final = {"answered": "portal", "missed": "no_answer", "half": "time_over"}


class Course:
    """Where one patient's rows belong, and when the team last spoke with them and about them."""

    __slots__ = (
        "clinic_id", "episode_id", "manager_id", "patient_id", "reviewed_at", "spoke_at", "story", "zone",
    )  # fmt: skip

    def __init__(
        self, clinic_id: UUID, patient_id: UUID, episode_id: UUID, manager_id: UUID, zone: str, story: Story
    ) -> None:
        self.clinic_id = clinic_id
        self.patient_id = patient_id
        self.episode_id = episode_id
        self.manager_id = manager_id
        self.zone = zone
        self.story = story
        self.spoke_at: datetime | None = None
        self.reviewed_at: datetime | None = None

    def moment(self, on: date, at: time) -> datetime:
        return datetime.combine(on, at, ZoneInfo(self.zone)).astimezone(UTC)


class History:
    """Gathers rows of many patients and writes them table by table."""

    def __init__(self, tx: Tx, dice: Dice) -> None:
        self._tx = tx
        self._dice = dice
        self._rows: dict[Any, list[Mapping[str, Any]]] = {
            CheckIn: [], MeasureRun: [], Answer: [], MeasureResult: [],
        }  # fmt: skip

    def tell(self, course: Course) -> None:
        """The form filled in at enrolment, then every check-in of the story."""
        story = course.story
        if story.kind == "waiting":
            return
        at = course.moment(story.enrolled_on, time(9, 40))
        for position, (instrument, total) in enumerate(zip(("phq9", "gad7"), story.baseline, strict=True), 1):
            if instrument == "phq9" or story.with_gad7:
                self._form(course, None, instrument, position, total, at, "staff", "paper")
        for told in story.history:
            if course.story.by_phone:
                self._by_phone(course, told)
            else:
                self._check_in(course, told)

    async def write(self) -> None:
        for table, rows in self._rows.items():
            if rows:
                await self._tx.execute(insert(table), rows)

    def _by_phone(self, course: Course, told: CheckInStory) -> None:
        at = course.moment(told.on, time(14, 20))
        for position, (instrument, total) in enumerate((("phq9", told.phq9), ("gad7", told.gad7)), 1):
            if total is not None:
                self._form(course, None, instrument, position, total, at, "staff", "phone")

    def _check_in(self, course: Course, told: CheckInStory) -> None:
        instruments = ["phq9", "gad7"] if course.story.with_gad7 else ["phq9"]
        due = course.moment(told.on, INVITED_AT)
        first = None if told.outcome == "missed" else due + self._delay(course, told.on)
        closed = due + WINDOW if first is None else first + timedelta(days=3)
        if told.outcome == "answered" and first is not None:
            closed = first + timedelta(minutes=4)
        check_in_id = self._tx.new_id()
        self._rows[CheckIn].append(
            {
                "id": check_in_id,
                "clinic_id": course.clinic_id,
                "patient_id": course.patient_id,
                "episode_id": course.episode_id,
                "local_due_date": told.on,
                "local_time": INVITED_AT,
                "zone": course.zone,
                "instruments": instruments,
                "due_at": due,
                "not_after": due + timedelta(hours=10),
                "state": STATES[told.outcome],
                "origin": "plan",
                "content": "link",
                "next_at": None,
                "prompts": 1 if told.outcome == "answered" else 3,
                "queued_behind": False,
                "invited_at": due,
                "first_answer_at": first,
                "expires_at": due + WINDOW,
                "closed_at": closed,
                "close_reason": REASONS[told.outcome],
                "created_at": due - timedelta(days=14),
            }
        )
        if first is None:
            return
        if told.outcome == "half":
            self._half(course, check_in_id, first, closed)
            return
        for position, (instrument, total) in enumerate((("phq9", told.phq9), ("gad7", told.gad7)), 1):
            if total is not None:
                self._form(course, check_in_id, instrument, position, total, closed, "portal", None)

    def _delay(self, course: Course, on: date) -> timedelta:
        return timedelta(minutes=self._dice.between(3, 400, "delay", course.story.nth, on))

    def _form(
        self,
        course: Course,
        check_in_id: UUID | None,
        instrument_id: str,
        position: int,
        total: int,
        at: datetime,
        channel: AnswerChannel,
        entry: EntrySource | None,
    ) -> None:
        run = self._run(course, check_in_id, instrument_id, position, "completed", entry)
        instrument = catalog.load(instrument_id, run.language)
        safe = len(instrument.scored_items) - len(instrument.risk_item_numbers)
        answers = spread(total, safe, (course.story.nth, at.date(), instrument_id), self._dice)
        answers |= dict.fromkeys(instrument.risk_item_numbers, 0)
        self._answered(run, answers, at, channel, course)

    def _half(self, course: Course, check_in_id: UUID, first: datetime, closed: datetime) -> None:
        run = self._run(course, check_in_id, "phq9", 1, "closed_partial", None)
        answers = {
            item: self._dice.between(0, 2, "half", course.story.nth, item) for item in range(1, HALF + 1)
        }
        self._answered(run, answers, first, "portal", course, filed=closed)

    def _run(
        self,
        course: Course,
        check_in_id: UUID | None,
        instrument_id: str,
        position: int,
        state: rules.RunState,
        entry: EntrySource | None,
    ) -> RunFacts:
        language = course.story.language if course.story.language in ("en", "es") else "en"
        source: RunSource = "staff_items" if entry is not None else "check_in"
        return RunFacts(
            id=self._tx.new_id(),
            clinic_id=course.clinic_id,
            patient_id=course.patient_id,
            episode_id=course.episode_id,
            check_in_id=check_in_id,
            instrument_id=instrument_id,
            instrument_version=catalog.load(instrument_id, language).version,
            language=language,
            position=position,
            state=state,
            source=source,
            entry_source=entry,
        )

    def _answered(
        self,
        run: RunFacts,
        answers: Mapping[int, int],
        at: datetime,
        channel: AnswerChannel,
        course: Course,
        filed: datetime | None = None,
    ) -> None:
        source = course.manager_id if channel == "staff" else None
        rows = [
            answer_row(self._tx, run, item, 1, value, raw=None, channel=channel, source_id=source, at=at)
            for item, value in sorted(answers.items())
        ]
        self._rows[MeasureRun].append(run_row(run, filed or at))
        self._rows[Answer] += rows
        facts = [AnswerFacts(**{name: row[name] for name in AnswerFacts.__struct_fields__}) for row in rows]
        self._rows[MeasureResult].append(self._result(run, facts, at, filed or at))

    def _result(
        self, run: RunFacts, facts: list[AnswerFacts], at: datetime, filed: datetime
    ) -> dict[str, Any]:
        found = rules.outcome(catalog.load(run.instrument_id, run.language, run.instrument_version), facts)
        score = found.score
        return {
            "id": self._tx.new_id(),
            "clinic_id": run.clinic_id,
            "run_id": run.id,
            "patient_id": run.patient_id,
            "episode_id": run.episode_id,
            "instrument_id": run.instrument_id,
            "taken_at": at,
            "filed_at": filed,
            "raw_sum": score.raw_sum,
            "n_answered": score.n_answered,
            "n_items": score.n_items,
            "is_complete": score.is_complete,
            "total": score.total,
            "prorated_total": score.prorated_total,
            "band": score.band,
            "item9": found.item9,
            "channel": rules.channel_of(facts),
            "scoring_version": rules.SCORING_VERSION,
            "replaced_at": None,
            "replaced_reason_sealed": None,
        }
