"""A recommendation's way from the consultant to the patient: what may follow what, and when a stage is overdue. Pure.

Sources: systematic case review in the AIMS Center's care model (recommendations are recorded, go to the treating
clinician who stays the prescriber, and the care manager closes the loop with the patient). No authority fixes how
long a stage may last; the clocks below are defaults that a clinic's lead answers for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal, assert_never
from uuid import UUID

import msgspec

from kernel.errors import Problem
from registry.treatment_changes.rules import MAX_WHAT, ChangeForm, ChangeKind
from registry.working_time import WorkingTime, next_business_day, same_day

PartKind = Literal["medication", "labs", "therapy", "measure", "referral", "safety", "relapse_prevention"]
Urgency = Literal["today", "this_week", "routine"]
Stage = Literal["waiting", "accepted", "ordered", "told", "done", "declined", "withdrawn"]
Step = Literal[
    "sent",
    "accepted",
    "modified",
    "declined",
    "ordered",
    "told",
    "taking",
    "not_taking",
    "withdrawn",
    "escalated",
    "episode_ended",
]
Via = Literal["console", "ehr", "phone", "in_person"]
Answer = Literal["told", "in_use", "not_in_use"]
Turn = Literal["recipient", "care_manager", "nobody"]

PARTS: Final[Mapping[PartKind, str]] = {
    "medication": "Medication, dose or titration",
    "labs": "Labs",
    "therapy": "Therapy or skill",
    "measure": "Measure",
    "referral": "Referral",
    "safety": "Safety",
    "relapse_prevention": "Relapse prevention",
}
URGENCIES: Final[Mapping[Urgency, str]] = {
    "today": "Today",
    "this_week": "This week",
    "routine": "Routine",
}
STAGES: Final[Mapping[Stage, str]] = {
    "waiting": "Waits for the clinician",
    "accepted": "Accepted, to be ordered or arranged",
    "ordered": "Ordered, patient to be told",
    "told": "Patient told, to be seen in use",
    "done": "In use",
    "declined": "Declined",
    "withdrawn": "Withdrawn",
}
OPEN: Final[frozenset[Stage]] = frozenset(("waiting", "accepted", "ordered", "told"))
# Business days that a stage may last before the clinic lead hears of it.
PATIENCE: Final[Mapping[Stage, Mapping[Urgency, int]]] = {
    "waiting": {"today": 0, "this_week": 2, "routine": 5},
    "accepted": {"today": 1, "this_week": 2, "routine": 5},
    "ordered": {"today": 1, "this_week": 2, "routine": 5},
    "told": {"today": 7, "this_week": 14, "routine": 14},
}
_NEXT: Final[Mapping[tuple[Stage, Step], Stage]] = {
    ("waiting", "accepted"): "accepted",
    ("waiting", "modified"): "accepted",
    ("waiting", "declined"): "declined",
    ("accepted", "ordered"): "ordered",
    ("ordered", "told"): "told",
    ("told", "taking"): "done",
    ("told", "not_taking"): "told",
    ("waiting", "withdrawn"): "withdrawn",
    ("accepted", "withdrawn"): "withdrawn",
    ("ordered", "withdrawn"): "withdrawn",
    ("told", "withdrawn"): "withdrawn",
}
# Parts that only a prescriber orders; a skill, a measure or a plan the care manager arranges.
ORDERED: Final[frozenset[PartKind]] = frozenset(("medication", "labs", "referral"))
MAX_TEXT: Final = 4_000
AGAIN: Final = timedelta(days=1)
# How advice about a medication begins, what kind of change that is, and where the treatment from then on is named.
_SAID: Final[tuple[tuple[ChangeKind, str], ...]] = (
    ("medication_changed", r"(?:change|switch|replace)\s+.+?\s+(?:to|with|by)\s+(?P<what>(?!\d).+)"),
    (
        "dose_changed",
        r"(?:raise|increase|lower|reduce|decrease|titrate|change)\s+"
        r"(?:the\s+dose\s+of\s+)?(?P<drug>.+?)\s+to\s+(?P<dose>.+)",
    ),
    ("medication_started", r"(?:start|add|begin|try)\s+(?P<what>.+)"),
    ("medication_stopped", r"(?:stop|discontinue|taper)\s+.+"),
)


class RecommendationPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: PartKind
    text: str


class RecommendationForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the consultant advises, to whom. `recipient_id` defaults to the treating clinician of the episode;
    `review_item_id` names the case review it came from, if any; `author_id` who advises, when a key of another system
    sends it; `why` is the reason, when no case review says it."""

    parts: tuple[RecommendationPart, ...]
    urgency: Urgency = "routine"
    if_then: str | None = None
    target_on: date | None = None
    recipient_id: UUID | None = None
    review_item_id: UUID | None = None
    author_id: UUID | None = None
    why: str | None = None


class ClinicianDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`reason` is needed to decline, `instead` to modify. A decision given elsewhere is recorded by the care manager:
    `via` says where, `decided_by` who gave it, `decided_on` when (the clinic's date); one given by voice is read
    back."""

    decision: Literal["accepted", "modified", "declined"]
    reason: str | None = None
    instead: str | None = None
    via: Via = "console"
    decided_by: str | None = None
    decided_on: date | None = None
    read_back: bool = False


class OrderForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was ordered or arranged, by whom and on which of the clinic's dates. `change` makes it a treatment change,
    the marker on the score trend."""

    what: str
    by: str
    on: date
    change: ChangeForm | None = None


def after(stage: Stage, step: Step) -> Stage | None:
    """The stage that `step` leads to; None when it can't follow."""
    return _NEXT.get((stage, step))


def overdue_at(stage: Stage, urgency: Urgency, since: datetime, hours: WorkingTime) -> datetime | None:
    """When a stage that began at `since` has lasted too long; None once nothing more is awaited."""
    if stage not in OPEN:
        return None
    days = PATIENCE[stage][urgency]
    if days == 0:
        return same_day(since, hours)
    moment = since
    for _ in range(days):
        moment = next_business_day(moment, hours)
    return moment


def proposed_change(
    parts: Sequence[RecommendationPart], instead: str | None = None
) -> tuple[ChangeKind, str] | None:
    """The change of treatment that an order would make: its kind and the treatment from then on, of the first part about
    medication; read from how the advice is worded, for a person to correct. `instead` is what the clinician changed it
    to. None when no part is about medication."""
    told = next((part.text for part in parts if part.kind == "medication"), None)
    if told is None:
        return None
    text = (instead or told).strip().split("\n", 1)[0].strip().rstrip(".")[:MAX_WHAT]
    for kind, pattern in _SAID:
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        if found is not None:
            named = found.groupdict()
            what = named["what"] if "what" in named else " ".join(v for v in named.values() if v) or text
            return kind, what
    return "dose_changed", text


def turn(stage: Stage, kinds: Collection[PartKind]) -> Turn:
    """Whose list it stands on: that of the clinician it was sent to, or that of the patient's care manager."""
    match stage:
        case "waiting":
            return "recipient"
        case "accepted":
            return "recipient" if ORDERED & frozenset(kinds) else "care_manager"
        case "ordered" | "told":
            return "care_manager"
        case "done" | "declined" | "withdrawn":
            return "nobody"
        case _:
            assert_never(stage)


def who_acts(stage: Stage) -> str:
    """In words, whose move it is."""
    match stage:
        case "waiting":
            return "the treating clinician decides"
        case "accepted":
            return "the treating clinician orders, or the care manager arranges"
        case "ordered":
            return "the care manager tells the patient"
        case "told":
            return "the care manager asks at the next contact whether it is in use"
        case "done" | "declined" | "withdrawn":
            return "nobody"
        case _:
            assert_never(stage)


def check(form: RecommendationForm, today: date) -> tuple[Problem, ...]:
    """Every problem, each at its field. `today` is the clinic's date."""
    found: list[Problem] = []
    if not form.parts:
        found.append(Problem("parts", "is empty: say what is recommended"))
    for number, part in enumerate(form.parts):
        found += _text(f"parts[{number}].text", part.text, needed=True)
    found += _text("if_then", form.if_then)
    found += _text("why", form.why)
    if form.target_on is not None and form.target_on < today:
        found.append(Problem("target_on", "is in the past"))
    return tuple(found)


def check_decision(form: ClinicianDecision, today: date) -> tuple[Problem, ...]:
    found: list[Problem] = []
    found += _text("reason", form.reason, needed=form.decision == "declined")
    found += _text("instead", form.instead, needed=form.decision == "modified")
    if form.via == "console":
        return tuple(found)
    found += _text("decided_by", form.decided_by, needed=True)
    if form.decided_on is None:
        found.append(Problem("decided_on", "is needed: the day the decision was given"))
    elif form.decided_on > today:
        found.append(Problem("decided_on", "lies in the future"))
    if form.via in ("phone", "in_person") and not form.read_back:
        found.append(Problem("read_back", "is needed: read a spoken decision back before it is recorded"))
    return tuple(found)


def check_order(form: OrderForm, today: date) -> tuple[Problem, ...]:
    found = [*_text("what", form.what, needed=True), *_text("by", form.by, needed=True)]
    if form.on > today:
        found.append(Problem("on", "lies in the future: enter it when it has happened"))
    return tuple(found)


def _text(field: str, text: str | None, *, needed: bool = False) -> Sequence[Problem]:
    if text is None or not text.strip():
        return (Problem(field, "is needed"),) if needed else ()
    return (Problem(field, f"is longer than {MAX_TEXT} characters"),) if len(text) > MAX_TEXT else ()
