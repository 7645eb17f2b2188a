"""The contact form as its page asks for it, and as the record takes it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from kernel.errors import Invalid
from registry.contacts.forms import (
    Adherence,
    AdviceAnswer,
    AttemptChannel,
    ContactForm,
    ContactKind,
    ContactOutcome,
    MedicationReport,
    NextStep,
    SideEffects,
    Skill,
)
from registry.episodes.forms import ContactMode
from registry.filing.service import Filed
from registry.recommendations.rules import Answer
from registry.treatment_changes.rules import ChangeKind
from staff_console.pages import Visit

Text = Annotated[str, Meta(max_length=2000)]
MOST_ADVICE: Final = 20
LONGEST_OPEN: Final = timedelta(hours=2)


class ContactFields(msgspec.Struct, frozen=True, kw_only=True):
    """`opened_at` is when the page was first shown: with `since_opened` the minutes run from there."""

    kind: ContactKind
    outcome: ContactOutcome
    on: date
    at: time | None = None
    channel: AttemptChannel | None = None
    identity_checked: Literal["yes"] | None = None
    note: Annotated[str, Meta(max_length=8000)] | None = None
    adherence: Adherence | None = None
    adherence_note: Text | None = None
    side_effects: SideEffects | None = None
    side_effects_note: Text | None = None
    skill: Skill | None = None
    homework: Text | None = None
    medication_kind: ChangeKind | None = None
    medication_what: Annotated[str, Meta(max_length=200)] | None = None
    medication_by: Annotated[str, Meta(max_length=80)] | None = None
    medication_on: date | None = None
    medication_new: Literal["yes"] | None = None
    minutes: Annotated[float, Meta(gt=0, le=480)] | None = None
    since_opened: Literal["yes"] | None = None
    from_timer: Literal["yes"] | None = None
    opened_at: Annotated[datetime, Meta(tz=True)] | None = None
    activity: str = "patient_contact"
    next_on: date | None = None
    next_at: time | None = None
    next_mode: ContactMode | None = None
    next_purpose: Text | None = None
    discuss: Literal["yes"] | None = None
    question: Text | None = None
    no_show_text: Literal["send"] | None = None
    advice: tuple[Annotated[str, Meta(max_length=80)], ...] = ()
    advice_why: Text | None = None
    version: int

    def contact(self, visit: Visit) -> ContactForm:
        """Raises Invalid when something named at one place is missing at another."""
        return ContactForm(
            kind=self.kind,
            outcome=self.outcome,
            occurred_at=self._started(visit),
            channel=self.channel,
            identity_checked=self.identity_checked is not None,
            note=self.note or "",
            adherence=self.adherence,
            adherence_note=self.adherence_note,
            side_effects=self.side_effects,
            side_effects_note=self.side_effects_note,
            skill=self.skill,
            homework=self.homework,
            medication=self._medication(),
            minutes=None if self._timed() else self._minutes(visit.now),
            from_timer=self._timed(),
            activity=self.activity,
            next=self._next(visit),
            discuss=self.discuss is not None,
            question=self.question,
            no_show_text="dont_send" if self.no_show_text is None else self.no_show_text,
            advice=self._advice(),
            version=self.version,
        )

    def _advice(self) -> tuple[AdviceAnswer, ...]:
        return tuple(ticked(value, self.advice_why) for value in self.advice)

    def _started(self, visit: Visit) -> datetime:
        """Without a time: as long ago as it took, when it was today."""
        if self.at is not None:
            return _this_minute(visit.moment(self.on, self.at), visit.now)
        if self.on != visit.today:
            raise Invalid.field("at", "is needed for another day than today")
        return visit.now - timedelta(minutes=self._minutes(visit.now) or 0)

    def _timed(self) -> bool:
        """Typed minutes win over the timer, which then goes on."""
        return self.from_timer is not None and self.minutes is None

    def _minutes(self, now: datetime) -> float | None:
        if self.minutes is not None or self.since_opened is None:
            return self.minutes
        open_for = now - (self.opened_at or now)
        if not timedelta() <= open_for <= LONGEST_OPEN:
            raise Invalid.field("minutes", "are needed: this page was open for more than two hours")
        return max(round(open_for.total_seconds()), 1) / 60

    def _medication(self) -> MedicationReport | None:
        given = (self.medication_what, self.medication_by, self.medication_on, self.medication_new)
        if self.medication_kind is None:
            if any(given):
                raise Invalid.field("medication_kind", "is needed: what kind of change was it?")
            return None
        if self.medication_on is None:
            raise Invalid.field("medication_on", "is needed: since when?")
        return MedicationReport(
            self.medication_kind,
            self.medication_what or "",
            self.medication_by or "",
            self.medication_on,
            self.medication_new is not None,
        )

    def _next(self, visit: Visit) -> NextStep | None:
        if self.next_on is None:
            return NextStep(None, None, self.next_purpose) if self.next_purpose else None
        at = visit.moment(self.next_on, self.next_at or time(12))
        return NextStep(at, self.next_mode, self.next_purpose)


def tick(recommendation_id: UUID, version: int, answer: Answer) -> str:
    """The value of a box about a recommendation."""
    return f"{answer}:{version}:{recommendation_id}"


def ticked(value: str, why: str | None) -> AdviceAnswer:
    """Raises Invalid for what no page offers."""
    answer, _, rest = value.partition(":")
    version, _, recommendation_id = rest.partition(":")
    try:
        told = {"recommendation_id": recommendation_id, "version": int(version), "answer": answer}
        read = msgspec.convert(told, AdviceAnswer)
    except ValueError:
        raise Invalid.field("advice", "is none of those on the page") from None
    return msgspec.structs.replace(read, why=why) if read.answer == "not_in_use" else read


def _this_minute(at: datetime, now: datetime) -> datetime:
    """Now, when the clock shows this very minute."""
    return now if timedelta() <= at - now < timedelta(minutes=1) else at


class ContactQuery(msgspec.Struct, frozen=True):
    kind: ContactKind | None = None
    outcome: ContactOutcome | None = None


class FiledForm(msgspec.Struct, frozen=True):
    """`back` is the page the tick stands on."""

    kind: Filed
    ref_id: UUID
    filed: Literal["yes", "no"]
    back: Literal["patient", "copy"] = "patient"


LABELS: Final = {
    "kind": "Kind of contact",
    "outcome": "Outcome",
    "on": "Date",
    "at": "Started",
    "channel": "How it was tried",
    "note": "The note",
    "adherence": "Medication",
    "adherence_note": "About the medication",
    "side_effects": "Side effects",
    "side_effects_note": "Which side effects",
    "skill": "Skill",
    "homework": "Homework",
    "medication_kind": "What changed",
    "medication_what": "Medication and dose",
    "medication_by": "Changed by",
    "medication_on": "Since",
    "medication_new": "New antidepressant",
    "minutes": "Minutes",
    "activity": "Counted as",
    "next_on": "Next contact",
    "next_at": "Time of the next contact",
    "next_mode": "How",
    "next_purpose": "What it will cover",
    "discuss": "Discuss at review",
    "question": "The question",
    "no_show_text": "The text",
    "advice": "The recommendation",
    "advice_why": "Why it is not in use",
}
RENAMED: Final = {
    **{f"advice[{at}].why": "advice_why" for at in range(MOST_ADVICE)},
    "occurred_at": "on",
    "started_at": "on",
    "next.at": "next_on",
    "next.mode": "next_mode",
    "next.purpose": "next_purpose",
    "medication.kind": "medication_kind",
    "medication.what": "medication_what",
    "medication.by": "medication_by",
    "medication.on": "medication_on",
    "medication.new_antidepressant": "medication_new",
}
