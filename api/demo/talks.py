"""What was said in half a year: the notes of the contacts behind the logged minutes, and the case reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from api.demo.dice import Dice
from api.demo.history import Course
from kernel.db import Tx
from registry.contacts.rules import is_contact
from registry.contacts.tables import Contact
from registry.filing.tables import ChartCopy
from registry.review.rules import Group
from registry.review.tables import CaseReview, ReviewItem

CONVERSATIONS: Final = ("patient_contact", "brief_intervention", "assessment", "outreach")
KINDS: Final = ("phone", "phone", "video", "in_person")
SILENT_DAYS: Final = 36  # how long those who stopped answering have not been reached
NOTES: Final = (
    "Sleeps better, five to six hours. Walked three times. Keeps the evening plan.",
    "Busy at work, skipped two doses. Talked about a pill box beside the kettle.",
    "Called a friend for the first time in weeks. Next: lunch on Saturday.",
    "Low after a quarrel at home. Practised breathing out slowly; names two people to call.",
    "Side effects are gone. Wants to go on as planned.",
    "Scores went over together. Asks what comes after the summer.",
)
SAID: Final = "Course and scores looked at together. Plan stays; look again in four weeks."
CHANGED: Final = "Nothing changed: the course is as hoped."
UNCHANGED: Final = "No better yet: dose and adherence looked at, proposal sent to the treating clinician."
GROUPS: Final[Mapping[str, Group]] = {
    "new": "new", "stalled": "stalled", "worsening": "stalled", "relapse": "stalled", "no_answer": "stalled",
    "remitted": "responded", "completed": "ending",
}  # fmt: skip


class Talks:
    """Made of the rows of the time log, so that notes, minutes and the bill tell the same story."""

    def __init__(self, tx: Tx, dice: Dice, zone: str, today: date) -> None:
        self._tx = tx
        self._dice = dice
        self._zone = ZoneInfo(zone)
        self._today = today
        self._contacts: list[dict[str, Any]] = []
        self._copies: list[dict[str, Any]] = []
        self._meetings: dict[tuple[UUID, date], dict[str, Any]] = {}
        self._items: list[dict[str, Any]] = []

    def tell(self, course: Course, entries: Sequence[Mapping[str, Any]]) -> None:
        for entry in entries:
            if entry["role"] == "care_manager" and entry["activity"] in CONVERSATIONS:
                self._contact(course, entry)
            elif entry["role"] == "consultant" and entry["activity"] == "case_review":
                self._review(course, entry)

    async def write(self) -> None:
        for table, rows in (
            (Contact, self._contacts),
            (ChartCopy, self._copies),
            (CaseReview, list(self._meetings.values())),
            (ReviewItem, self._items),
        ):
            if rows:
                await self._tx.execute(insert(table), rows)

    def _contact(self, course: Course, entry: Mapping[str, Any]) -> None:
        at: datetime = entry["started_at"]
        done = at + timedelta(seconds=entry["seconds"])
        key = (course.story.nth, at)
        silent = course.story.kind in ("no_answer", "lost", "waiting") and self._ago(at) < SILENT_DAYS
        kind = "attempt" if silent else self._dice.pick(KINDS, "kind", *key)
        outcome = "left_message" if silent else "reached"
        late = (
            timedelta(days=3)
            if self._dice.chance(0.06, "late note", *key) and self._ago(at) > 3
            else timedelta()
        )
        contact_id = self._tx.new_id()
        self._contacts.append(
            self._where(course) | {
                "id": contact_id, "kind": kind, "outcome": outcome, "channel": "phone" if silent else kind,
                "spoken": is_contact(kind, outcome), "occurred_at": at, "recorded_at": done + late,
                "staff_id": entry["staff_id"], "recorded_by_id": entry["staff_id"], "identity_checked": not silent,
                "note_sealed": None if silent else self._tx.vault.seal(self._dice.pick(NOTES, "note", *key)),
                "adherence": None if silent else self._dice.pick(("as_prescribed", "as_prescribed", "some_missed"), "took", *key),
                "side_effects": None if silent else "none", "skill": None if silent else "behavioural_activation",
                "time_entry_id": entry["id"], "seconds": entry["seconds"], "discuss": False, "source": "console",
            }
        )  # fmt: skip
        if not silent:
            course.spoke_at = max(at, course.spoke_at or at)
            self._filed(course, entry, "contact", contact_id, done + late)

    def _review(self, course: Course, entry: Mapping[str, Any]) -> None:
        at: datetime = entry["started_at"]
        done = at + timedelta(seconds=entry["seconds"])
        meeting = self._meeting(course, entry["staff_id"], at, done)
        better = GROUPS.get(course.story.kind, "not_reviewed") != "stalled"
        position = sum(1 for item in self._items if item["review_id"] == meeting["id"])
        self._items.append(
            self._where(course) | {
                "id": self._tx.new_id(), "review_id": meeting["id"], "position": position + 1,
                "group": GROUPS.get(course.story.kind, "not_reviewed"), "because": [], "offered": True,
                "state": "discussed", "discussion": "joint", "note_sealed": self._tx.vault.seal(SAID),
                "changed_sealed": self._tx.vault.seal(CHANGED if better else UNCHANGED),
                "people": [str(course.manager_id), str(entry["staff_id"])], "minutes": entry["seconds"] // 60,
                "discussed_at": done, "by_id": entry["staff_id"], "version": 2,
            }
        )  # fmt: skip
        course.reviewed_at = max(done, course.reviewed_at or done)

    def _meeting(self, course: Course, consultant_id: UUID, at: datetime, done: datetime) -> dict[str, Any]:
        key = (consultant_id, at.astimezone(self._zone).date())
        found = self._meetings.get(key)
        if found is None:
            found = self._meetings[key] = {
                "id": self._tx.new_id(), "clinic_id": course.clinic_id, "starts_at": at, "minutes": 60,
                "consultant_id": consultant_id, "care_manager_id": None, "state": "closed",
                "created_at": at - timedelta(days=7), "opened_at": at, "closed_at": done,
                "closed_by_id": consultant_id, "version": 3,
            }  # fmt: skip
        found["starts_at"] = found["opened_at"] = min(found["starts_at"], at)
        found["closed_at"] = max(found["closed_at"], done)
        return found

    def _filed(
        self, course: Course, entry: Mapping[str, Any], kind: str, ref_id: UUID, made_at: datetime
    ) -> None:
        self._copies.append(
            self._where(course) | {
                "id": self._tx.new_id(), "kind": kind, "ref_id": ref_id, "made_at": made_at,
                "owner_id": entry["staff_id"], "filed_at": made_at + timedelta(minutes=9),
                "filed_by_id": entry["staff_id"],
            }
        )  # fmt: skip

    @staticmethod
    def _where(course: Course) -> dict[str, Any]:
        return {
            "clinic_id": course.clinic_id,
            "patient_id": course.patient_id,
            "episode_id": course.episode_id,
        }

    def _ago(self, at: datetime) -> int:
        return (self._today - at.astimezone(self._zone).date()).days
