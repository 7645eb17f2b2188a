"""What happened to a patient's episode, in words that a person would use, and closing for not being reached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from kernel.errors import Invalid
from registry.disengagement.rules import ClosingForm
from registry.episodes.forms import ConsentMethod, EndingForm, Status, StatusForm, StatusReason, ToldHow

Event = Literal[
    "hospital",
    "jail",
    "other_hold",
    "back",
    "response",
    "relapse",
    "too_early",
    "completed",
    "referred_to_specialty",
    "moved",
    "insurance",
    "declined",
    "ineligible",
    "other",
    "consent_withdrawn",
    "died",
]
LABELS: Final[Mapping[Event, str]] = {
    "hospital": "In hospital",
    "jail": "In jail",
    "other_hold": "On hold for another reason",
    "back": "Back: care goes on as before",
    "response": "Better: on to relapse prevention",
    "relapse": "Worse again: back to active care",
    "too_early": "Stepped down too early: back to active care",
    "completed": "Ended: goals met",
    "referred_to_specialty": "Ended: referred to specialty care, and seen there",
    "moved": "Ended: moved or changed clinic",
    "insurance": "Ended: insurance",
    "declined": "Ended: does not want to go on",
    "ineligible": "Ended: not eligible",
    "other": "Ended: other reason",
    "consent_withdrawn": "Withdrew the agreement to care",
    "died": "Died",
}
HELP: Final[Mapping[Event, str]] = {
    "hospital": "Check-ins and reminders stop. On the return a contact within two business days is asked for.",
    "jail": "Check-ins and reminders stop. On the return a contact within two business days is asked for.",
    "completed": "Asks for a plan against relapse, stable scores, and the treating clinician told; or why not.",
    "consent_withdrawn": "Ends care at once, whatever else is open. No minute counts from here on.",
    "died": "One step, whatever else is open: nothing more goes out to the household. It can be undone.",
}
HOLDS: Final = ("hospital", "jail", "other_hold")
ENDS: Final = (
    "completed", "referred_to_specialty", "moved", "insurance", "declined", "ineligible", "other", "consent_withdrawn",
)  # fmt: skip
OFFERED: Final[Mapping[Status, tuple[Event, ...]]] = {
    "referred": (
        *HOLDS,
        "declined",
        "ineligible",
        "moved",
        "insurance",
        "other",
        "consent_withdrawn",
        "died",
    ),
    "active": ("response", *HOLDS, *ENDS, "died"),
    "relapse_prevention": ("relapse", "too_early", *HOLDS, *ENDS, "died"),
    "on_hold": ("back", *HOLDS, *ENDS, "died"),
    "inactive_disengaged": ("back", *HOLDS, *ENDS, "died"),
    "ended": ("died",),
}
_TO: Final[Mapping[Event, tuple[Status, StatusReason]]] = {
    "hospital": ("on_hold", "hospital"),
    "jail": ("on_hold", "jail"),
    "other_hold": ("on_hold", "other_hold"),
    "response": ("relapse_prevention", "response"),
    "relapse": ("active", "relapse"),
    "too_early": ("active", "resumed"),
    "completed": ("ended", "completed"),
    "referred_to_specialty": ("ended", "referred_to_specialty"),
    "moved": ("ended", "moved"),
    "insurance": ("ended", "insurance"),
    "declined": ("ended", "declined"),
    "ineligible": ("ended", "ineligible"),
    "other": ("ended", "other"),
    "consent_withdrawn": ("ended", "consent_withdrawn"),
}


Said = Annotated[str, Meta(max_length=2000)]


class StatusFields(msgspec.Struct, frozen=True):
    """`from_date` is the day it became true; `said` how the agreement was withdrawn; from `told_on` on, what an end
    asks for."""

    event: Event
    from_date: date
    version: int
    review_on: date | None = None
    note: Annotated[str, Meta(max_length=2000)] | None = None
    said: ConsentMethod = "verbal"
    told_on: date | None = None
    told_how: ToldHow | None = None
    unstable_because: Said | None = None
    no_score_because: Said | None = None
    no_plan_because: Said | None = None

    def change(self, status_before: Status | None) -> StatusForm:
        """`status_before` is where a hold goes back to; None for somebody who was not on hold. Raises Invalid."""
        back: tuple[Status, StatusReason] = (status_before or "active", "resumed")
        if self.event == "died":
            raise Invalid.field("event", "is handled on its own")
        status, reason = back if self.event == "back" else _TO[self.event]
        return StatusForm(
            status,
            reason,
            self.from_date,
            review_on=self.review_on,
            note=self.note,
            said=self.said,
            version=self.version,
            ending=self._ending() if status == "ended" else None,
        )

    def _ending(self) -> EndingForm:
        return EndingForm(
            told_on=self.told_on,
            told_how=self.told_how,
            unstable_because=self.unstable_because,
            no_score_because=self.no_score_because,
            no_plan_because=self.no_plan_because,
        )


class ClosingFields(msgspec.Struct, frozen=True):
    decision: Literal["inactive", "ended", "keep"]
    version: int
    note: Annotated[str, Meta(max_length=4000)] | None = None
    reentry: Annotated[str, Meta(max_length=2000)] | None = None
    told_clinician_on: date | None = None
    letter_on: date | None = None
    clinician_said: Annotated[str, Meta(max_length=2000)] | None = None
    keep_until: date | None = None

    def closing(self) -> ClosingForm:
        return ClosingForm(
            decision=self.decision,
            note=self.note or "",
            reentry=self.reentry,
            told_clinician_on=self.told_clinician_on,
            letter_on=self.letter_on,
            clinician_said=self.clinician_said,
            keep_until=self.keep_until,
            version=self.version,
        )


STATUS: Final = {
    "event": "What happened",
    "from_date": "Since",
    "review_on": "Look again on",
    "note": "The note",
    "said": "How it was said",
    "unstable_because": "The reason",
    "no_score_because": "The reason",
    "no_plan_because": "The plan against relapse",
    "told_on": "Telling the treating clinician",
    "told_how": "The way of telling",
}
STATUS_RENAMED: Final = {
    "status": "event",
    "reason": "event",
    "on": "from_date",
    **{f"ending.{field}": field for field in EndingForm.__struct_fields__},
}
CLOSING: Final = {
    "decision": "The decision",
    "note": "The note",
    "reentry": "The way back",
    "told_clinician_on": "Telling the treating clinician",
    "letter_on": "The letter",
    "clinician_said": "What the clinician decided",
    "keep_until": "Look again on",
}
