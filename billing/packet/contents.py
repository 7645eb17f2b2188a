"""What an audit packet says of one patient's month besides the closed row: the record behind it, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise

import msgspec

from billing.statement.derivation import Inputs, derive
from registry import zones


class ConsentWords(msgspec.Struct, frozen=True):
    """`words` is the text of that version and language; empty when this deployment does not hold it."""

    id: str
    kind: str
    method: str
    given_at: datetime
    recorded_by: str
    wording_version: str
    language: str
    words: str


class Score(msgspec.Struct, frozen=True):
    """A total and its band; answers to single items are not part of a packet."""

    id: str
    instrument: str
    taken_at: datetime
    total: int | None
    band: str | None
    complete: bool


class PlanVersion(msgspec.Struct, frozen=True):
    """`lines` is the plan's text, field by field."""

    id: str
    kind: str
    version: int
    written_at: datetime
    written_by: str
    signed_at: datetime | None
    lines: tuple[tuple[str, str], ...]


class PlanDifference(msgspec.Struct, frozen=True):
    kind: str
    from_version: int
    to_version: int
    field: str
    before: str
    after: str


class ContactNote(msgspec.Struct, frozen=True):
    id: str
    at: datetime
    recorded_at: datetime
    kind: str
    outcome: str
    by: str
    note: str
    next_contact_at: datetime | None
    next_contact_mode: str
    next_contact_purpose: str


class ReviewNote(msgspec.Struct, frozen=True):
    """What was reviewed or advised, and each step it took."""

    id: str
    at: datetime
    by: str
    words: str
    steps: tuple[str, ...]


class TreatmentNote(msgspec.Struct, frozen=True):
    id: str
    on: date
    kind: str
    words: str
    recorded_by: str
    withdrawn: bool


class NotCounted(msgspec.Struct, frozen=True):
    reason: str
    words: str
    seconds: int


class LoggedTime(msgspec.Struct, frozen=True):
    """One entry: `started` is the clinic's clock; counted and not counted seconds add up to `seconds`."""

    entry_id: str
    started: str
    seconds: int
    staff: str
    role: str
    activity: str
    written_at: datetime
    counted_seconds: int
    not_counted: tuple[NotCounted, ...]


class Derivation(msgspec.Struct, frozen=True):
    """The line and how it came about, in words."""

    lines: tuple[str, ...]
    month_type: str
    month_type_reason: str
    counted_seconds: int
    minutes: int
    rule_set: str
    status: str
    date_of_service: date | None
    steps: tuple[str, ...]
    elements: tuple[str, ...]
    holds: tuple[str, ...]
    released: tuple[str, ...]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """`not_in_close`: ids of rows that the closed month does not name as evidence: incomplete scores, a talk without
    a consultant, whatever was written after the close."""

    consents: tuple[ConsentWords, ...]
    scores: tuple[Score, ...]
    plans: tuple[PlanVersion, ...]
    plan_differences: tuple[PlanDifference, ...]
    contacts: tuple[ContactNote, ...]
    reviews: tuple[ReviewNote, ...]
    treatment_changes: tuple[TreatmentNote, ...]
    time_log: tuple[LoggedTime, ...]
    derivation: Derivation
    not_in_close: tuple[str, ...] = ()


def time_log(inputs: Inputs, names: Mapping[str, str]) -> tuple[LoggedTime, ...]:
    """Every entry with what of it counts, derived from the inputs alone; `names` only labels the people."""
    zone = zones.zone(inputs.zone)
    slices = derive(inputs).count.slices
    found = []
    for entry in sorted(inputs.entries, key=lambda each: (each.started_at, each.id)):
        parts = [part for part in slices if part.entry_id == entry.id]
        reasons: dict[tuple[str, str], int] = {}
        for part in parts:
            if part.reason is not None:
                key = (part.reason, part.reason_text or "")
                reasons[key] = reasons.get(key, 0) + part.seconds
        found.append(
            LoggedTime(
                entry_id=entry.id,
                started=entry.started_at.astimezone(zone).isoformat(),
                seconds=entry.seconds,
                staff=names.get(entry.staff_id, entry.staff_id),
                role=entry.role,
                activity=entry.activity,
                written_at=entry.created_at,
                counted_seconds=sum(part.seconds for part in parts if part.counted),
                not_counted=tuple(NotCounted(*key, seconds) for key, seconds in reasons.items()),
            )
        )
    return tuple(found)


def derivation(inputs: Inputs) -> Derivation:
    row = derive(inputs).row
    steps = () if row.decision is None else row.decision.steps
    return Derivation(
        lines=tuple(f"{line.code} x{line.units}" for line in row.lines),
        month_type=row.month_type or "undecided",
        month_type_reason=row.month_type_reason,
        counted_seconds=row.counted_seconds,
        minutes=row.minutes,
        rule_set=row.rule_id,
        status=row.status,
        date_of_service=row.date_of_service,
        steps=tuple(f"{_passed(step.passed)} {step.rule}: {step.words}" for step in steps),
        elements=tuple(
            f"{each.label}: {each.state.replace('_', ' ')}. {each.words}" for each in row.elements
        ),
        holds=tuple(note.words for note in row.holds),
        released=tuple(
            f"{release.by}, {release.at.isoformat()}: {release.reason} ({', '.join(release.holds)})"
            for release in row.releases
        ),
    )


def differences(plans: Sequence[PlanVersion]) -> tuple[PlanDifference, ...]:
    """Field by field between each version of a kind and the next."""
    found: list[PlanDifference] = []
    for kind in sorted({plan.kind for plan in plans}):
        versions = sorted((plan for plan in plans if plan.kind == kind), key=lambda plan: plan.version)
        for before, after in pairwise(versions):
            old, new = dict(before.lines), dict(after.lines)
            found += [
                PlanDifference(
                    kind, before.version, after.version, field, old.get(field, ""), new.get(field, "")
                )
                for field in {**old, **new}
                if old.get(field, "") != new.get(field, "")
            ]
    return tuple(found)


def _passed(passed: bool | None) -> str:
    return "passed" if passed else "not asked" if passed is None else "failed"
