"""One patient's month with everything it rests on: each second and its reason, each rule, each element and its rows."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select

from billing.decisions.rules import Decision
from billing.decisions.service import of_episodes
from billing.rules import Step
from billing.statement.derivation import Derived, Inputs, derive, digest
from billing.statement.elements import Element
from billing.statement.rules import Note, Status
from billing.statement.service import BY_PAYER, READERS, month_inputs
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, NotFound
from registry.access import require
from registry.episodes.tables import Episode
from registry.patients.tables import Patient
from registry.time_log.months import Month
from registry.time_log.rules import Slice


class Ref(msgspec.Struct, frozen=True):
    """A row of the record: its kind, its id and the clinic-local day it speaks for."""

    kind: str
    id: str
    on: date


class ElementSeen(msgspec.Struct, frozen=True):
    """`state` passed, failed or not_applicable. A failed one says how to mend it, and which roles can."""

    id: str
    label: str
    state: str
    holds: bool
    words: str
    rows: tuple[Ref, ...]
    fix: str
    fixers: tuple[str, ...]


class SliceSeen(msgspec.Struct, frozen=True):
    """A stretch of one time entry: it counts, or it has exactly one reason."""

    entry_id: str
    start: datetime
    seconds: int
    counted: bool
    reason: str | None
    reason_text: str | None


class NoteSeen(msgspec.Struct, frozen=True):
    code: str
    words: str


class DecisionSeen(msgspec.Struct, frozen=True):
    id: UUID
    kind: str
    month: str | None
    value: str
    reason: str
    by: str
    at: datetime


class MonthExplained(msgspec.Struct, frozen=True, kw_only=True):
    """`inputs_hash` is the SHA-256 of everything the month was derived from; the same hash derives the same line."""

    episode_id: UUID
    month: str
    zone: str
    text: str
    status: Status
    month_type: str | None
    month_type_reason: str
    counted_seconds: int
    minutes: int
    logged_seconds: int
    rule_id: str
    date_of_service: date | None
    slices: tuple[SliceSeen, ...]
    steps: tuple[Step, ...]
    elements: tuple[ElementSeen, ...]
    holds: tuple[NoteSeen, ...]
    released: tuple[NoteSeen, ...]
    flags: tuple[NoteSeen, ...]
    decisions: tuple[DecisionSeen, ...]
    inputs_hash: str


class PatientMonth(msgspec.Struct, frozen=True):
    """What the console shows: the month as derived, and the decisions that bear on the episode."""

    episode_id: UUID
    patient_id: UUID
    inputs: Inputs
    derived: Derived
    decisions: tuple[Decision, ...]


async def patient_month(
    tx: Tx,
    viewer: Actor,
    patient_id: UUID,
    month: Month,
    *,
    now: datetime,
    rule_set_name: str = BY_PAYER,
    episode_id: UUID | None = None,
) -> PatientMonth:
    """The patient's latest episode, or the one asked for. Raises NotFound for another clinic's patient, Conflict for
    one without an episode."""
    clinic_id = require(viewer, *READERS)
    episode = await _episode(tx, clinic_id, patient_id, episode_id)
    inputs = await month_inputs(
        tx,
        clinic_id,
        month,
        now=now,
        prepared_by=viewer.name,
        rule_set_name=rule_set_name,
        episode_id=episode,
    )
    decided = (await of_episodes(tx, clinic_id, [episode])).get(episode, [])
    await audit.record(
        tx, viewer, "statement.read", "episode", episode, now=now, patient_id=patient_id, month=str(month)
    )
    return PatientMonth(episode, patient_id, inputs[0], derive(inputs[0]), tuple(decided))


async def episode_of(tx: Tx, clinic_id: UUID, patient_id: UUID) -> UUID:
    """The patient's open episode, else the latest. Raises as `patient_month` does. Without audit: an id alone."""
    return await _episode(tx, clinic_id, patient_id, None)


async def _episode(tx: Tx, clinic_id: UUID, patient_id: UUID, episode_id: UUID | None) -> UUID:
    known = await tx.scalar(
        select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    )
    if known is None:
        raise NotFound("a patient of your clinic with that id")
    statement = select(Episode.id).where(Episode.patient_id == patient_id, Episode.clinic_id == clinic_id)
    if episode_id is not None:
        statement = statement.where(Episode.id == episode_id)
    found: UUID | None = await tx.scalar(
        statement.order_by((Episode.status == "ended").asc(), Episode.referred_at.desc()).limit(1)
    )
    if found is None:
        raise Conflict("the patient has no episode of care", code="no_episode")
    return found


def seen(found: PatientMonth) -> MonthExplained:
    """The same as JSON gives it."""
    row, counted = found.derived.row, found.derived.count
    return MonthExplained(
        episode_id=found.episode_id,
        month=str(row.month),
        zone=found.inputs.zone,
        text=";".join(f"{line.code}x{line.units}" for line in row.lines)
        or ("none" if row.decision else "undecided"),
        status=row.status,
        month_type=row.month_type,
        month_type_reason=row.month_type_reason,
        counted_seconds=row.counted_seconds,
        minutes=row.minutes,
        logged_seconds=counted.logged_seconds,
        rule_id=row.rule_id,
        date_of_service=row.date_of_service,
        slices=tuple(_slice(part) for part in counted.slices),
        steps=() if row.decision is None else row.decision.steps,
        elements=tuple(_element(element) for element in row.elements),
        holds=_notes(row.holds),
        released=_notes(row.released),
        flags=_notes(row.flags),
        decisions=tuple(decision_seen(decision) for decision in found.decisions),
        inputs_hash=digest(found.inputs),
    )


def decision_seen(each: Decision) -> DecisionSeen:
    month = None if each.month is None else str(each.month)
    return DecisionSeen(each.id, each.kind, month, each.value, each.reason, each.by, each.at)


def _slice(part: Slice) -> SliceSeen:
    return SliceSeen(part.entry_id, part.start, part.seconds, part.counted, part.reason, part.reason_text)


def _element(element: Element) -> ElementSeen:
    return ElementSeen(
        element.id,
        element.label,
        element.state,
        element.holds,
        element.words,
        tuple(Ref(ref.kind, ref.id, ref.on) for ref in element.refs),
        element.fix,
        element.fixers,
    )


def _notes(notes: tuple[Note, ...]) -> tuple[NoteSeen, ...]:
    return tuple(NoteSeen(note.code, note.words) for note in notes)
