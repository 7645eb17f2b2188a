"""A referral's way: sent, appointment, seen or not, result, handed over. Pure.

That a referral is followed until it is known whether the patient was seen, and that a patient who moves on stays on the
registry until the handoff is complete, are tasks of the care manager in the AIMS Center's care model.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

import msgspec

from kernel.errors import Problem
from registry import zones

ReferralKind = Literal["specialty_therapy", "psychiatry", "substance_use", "medical", "social", "other"]
ReferralState = Literal["sent", "appointment", "seen", "not_seen", "complete", "cancelled"]
ReferralStep = Literal[
    "sent",
    "appointment",
    "seen",
    "not_seen",
    "result",
    "complete",
    "cancelled",
    "asked_after",
    "episode_ended",
]

KINDS: Final[Mapping[ReferralKind, str]] = {
    "specialty_therapy": "Specialty therapy",
    "psychiatry": "Psychiatry",
    "substance_use": "Substance use care",
    "medical": "Medical specialty",
    "social": "Social services",
    "other": "Other",
}
STATES: Final[Mapping[ReferralState, str]] = {
    "sent": "Sent, no appointment yet",
    "appointment": "Appointment made",
    "seen": "Seen, result awaited",
    "not_seen": "Not seen",
    "complete": "Complete",
    "cancelled": "Called off",
}
OPEN: Final[frozenset[ReferralState]] = frozenset(("sent", "appointment", "seen", "not_seen"))
# How long a state may stand before somebody asks after it; no authority sets these days.
ASK_AFTER: Final[Mapping[ReferralState, timedelta]] = {
    "sent": timedelta(days=14),
    "seen": timedelta(days=14),
    "not_seen": timedelta(days=2),
}
_NEXT: Final[Mapping[tuple[ReferralState, ReferralStep], ReferralState]] = {
    ("sent", "appointment"): "appointment",
    ("appointment", "appointment"): "appointment",
    ("not_seen", "appointment"): "appointment",
    ("sent", "seen"): "seen",
    ("appointment", "seen"): "seen",
    ("sent", "not_seen"): "not_seen",
    ("appointment", "not_seen"): "not_seen",
    ("seen", "result"): "seen",
    ("seen", "complete"): "complete",
    **{(state, "cancelled"): "cancelled" for state in OPEN},
}
MAX_TEXT: Final = 2_000
FURTHEST_APPOINTMENT: Final = timedelta(days=731)
NOON: Final = time(12)


class OutwardReferral(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`hands_over`: the other side takes the patient over; the episode can't end as referred before it is complete."""

    kind: ReferralKind
    to: str
    why: str
    sent_on: date
    hands_over: bool = False


class ReferralStepForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`on` is the clinic's date of the appointment, of the visit, or of the result. `note` says what came of it."""

    step: Literal["appointment", "seen", "not_seen", "result", "complete", "cancelled"]
    on: date | None = None
    note: str | None = None


def after(state: ReferralState, step: ReferralStep) -> ReferralState | None:
    """None when the step can't follow."""
    return _NEXT.get((state, step))


def ask_at(state: ReferralState, since: datetime, appointment_on: date | None, zone: str) -> datetime | None:
    """When somebody should ask after it: the day after the appointment, else when the state has stood too long; None
    once it is over."""
    if state == "appointment" and appointment_on is not None:
        day = appointment_on + timedelta(days=1)
        return datetime.combine(day, NOON, zones.zone(zone))
    wait = ASK_AFTER.get(state)
    return None if wait is None else since + wait


def check(form: OutwardReferral, today: date) -> list[Problem]:
    found = [*_text("to", form.to), *_text("why", form.why)]
    if form.sent_on > today:
        found.append(Problem("sent_on", "lies in the future"))
    return found


def check_step(form: ReferralStepForm, today: date, sent_on: date, result_known: bool) -> list[Problem]:
    """`result_known`: a result is on record; a referral is complete only with one."""
    found: list[Problem] = []
    if form.note is not None and len(form.note) > MAX_TEXT:
        found.append(Problem("note", f"is longer than {MAX_TEXT} characters"))
    match form.step:
        case "appointment" | "seen" | "not_seen" | "result" if form.on is None:
            found.append(Problem("on", "is needed"))
        case "seen" | "not_seen" | "result" if form.on is not None and form.on > today:
            found.append(Problem("on", "lies in the future"))
        case "result" if not (form.note or "").strip():
            found.append(Problem("note", "is needed: what the result says"))
        case "cancelled" if not (form.note or "").strip():
            found.append(Problem("note", "is needed: why it is called off"))
        case "complete" if not result_known:
            found.append(Problem("step", "the result is not on record yet"))
        case _:
            pass
    if form.on is not None and form.on > today + FURTHEST_APPOINTMENT:
        found.append(Problem("on", "is more than two years ahead"))
    if form.on is not None and form.on < sent_on:
        found.append(Problem("on", "is before the day it was sent"))
    return found


def _text(field: str, text: str) -> list[Problem]:
    if not text.strip():
        return [Problem(field, "is needed")]
    return [Problem(field, f"is longer than {MAX_TEXT} characters")] if len(text) > MAX_TEXT else []
