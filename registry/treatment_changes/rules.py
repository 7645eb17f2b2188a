"""What a change of treatment must say before it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from kernel.errors import Problem

ChangeKind = Literal[
    "medication_started",
    "medication_changed",
    "dose_changed",
    "medication_stopped",
    "therapy_started",
    "therapy_changed",
    "other",
]
ChangeSource = Literal["contact", "review", "elsewhere"]

KINDS: Final[Mapping[ChangeKind, str]] = {
    "medication_started": "Medication started",
    "medication_changed": "Medication changed to another",
    "dose_changed": "Dose changed",
    "medication_stopped": "Medication stopped",
    "therapy_started": "Therapy started",
    "therapy_changed": "Therapy changed",
    "other": "Other change",
}
OF_MEDICATION: Final = frozenset(
    {"medication_started", "medication_changed", "dose_changed", "medication_stopped"}
)
STARTS: Final = frozenset({"medication_started", "medication_changed"})
MAX_WHAT: Final = 300
MAX_REASON: Final = 300


class ChangeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`on` is the clinic's local date from which the change holds. `what` names it: drug and dose, or the therapy.
    `new_antidepressant`: the patient did not take it before. `source_id` is the contact or recommendation."""

    on: date
    kind: ChangeKind
    what: str
    new_antidepressant: bool = False
    source: ChangeSource = "elsewhere"
    source_id: UUID | None = None


class Change(msgspec.Struct, frozen=True):
    """`number` counts an episode's changes from 1 in order of their dates, as the marker on its score trend."""

    id: UUID
    number: int
    on: date
    kind: ChangeKind
    label: str
    what: str
    new_antidepressant: bool
    source: ChangeSource
    source_id: UUID | None
    recorded_by: str | None
    recorded_by_id: UUID | None = None
    recorded_at: datetime | None = None


class ChangeWithdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a change that was entered by mistake no longer counts."""

    reason: str


class WithdrawnChange(msgspec.Struct, frozen=True):
    """A change that was entered and taken back. It counts nowhere and stays readable. `reason` is null for one that was
    withdrawn before reasons were asked for."""

    id: UUID
    on: date
    label: str
    what: str
    recorded_by: str | None
    withdrawn_at: datetime
    withdrawn_by: str | None
    reason: str | None


def may_withdraw(recorded_by_id: UUID | None, staff_id: UUID | None, *, leads: bool) -> bool:
    """Who entered it, or the clinic's lead."""
    return leads or (staff_id is not None and recorded_by_id == staff_id)


def check_reason(form: ChangeWithdrawal) -> tuple[Problem, ...]:
    if not form.reason.strip():
        return (Problem("reason", "is needed: why does it no longer count?"),)
    if len(form.reason) > MAX_REASON:
        return (Problem("reason", f"is longer than {MAX_REASON} characters"),)
    return ()


def check(form: ChangeForm, today: date, born: date | None) -> tuple[Problem, ...]:
    """Every problem, in the order of the fields. `today` is the clinic's."""
    found: list[Problem] = []
    if form.on > today:
        found.append(Problem("on", "lies in the future: enter it when it has happened"))
    if born is not None and form.on < born:
        found.append(Problem("on", "is before the patient's birth"))
    if not form.what.strip():
        found.append(Problem("what", "is needed: the medication and dose, or the therapy"))
    elif len(form.what) > MAX_WHAT:
        found.append(Problem("what", f"is longer than {MAX_WHAT} characters"))
    if form.new_antidepressant and form.kind not in STARTS:
        found.append(Problem("new_antidepressant", "goes with a medication that was started or changed"))
    return tuple(found)
