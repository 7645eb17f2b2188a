"""Signing a month's review, and taking in what licensed measures need from other systems."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import Conflict, Invalid, Problem
from registry import zones
from registry.access import CLINICAL, require
from registry.flags.facts import Score
from registry.measures.tables import MeasureResult
from registry.organisation import queries as organisation
from registry.patients.tables import Patient
from registry.quality import queries
from registry.quality.cms159 import NEEDED, Event, Person, Remission, remission_at_twelve_months
from registry.quality.ports import CheckIns
from registry.quality.tables import ImportedEvent, MonthlyReview, ValueSet
from registry.time_log.months import Month

MAX_NOTE: Final = 2000
MAX_EVENTS: Final = 5000  # in one call
MAX_CODES: Final = 5000
MAX_PEOPLE: Final = 20_000
_CODE: Final = re.compile(r"[A-Za-z0-9.\-]{1,20}")
_SIGNED = insert_or_skip(MonthlyReview, "clinic_id", "month")
_EVENT = insert_or_skip(ImportedEvent, "patient_id", "kind", "code", "started_on")


class EventForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A visit (status finished), a diagnosis (status active when confirmed) or another event such as hospice care.
    `code` as the record has it, `mrn` the patient's record number in this clinic."""

    mrn: str
    kind: Literal["encounter", "condition", "other"]
    code: str
    status: str
    started_on: date
    ended_on: date | None = None


class ValueSetForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The codes of one value set as its publisher gives them; it replaces what was imported under the name."""

    name: str
    version: str
    source: str
    codes: tuple[str, ...]


class Imported(msgspec.Struct, frozen=True):
    """`known`: events that were there already."""

    added: int
    known: int


async def sign_month(
    tx: Tx, actor: Actor, month: Month, note: str, *, now: datetime, check_ins: CheckIns
) -> UUID:
    """Keeps the figures as they stand. Raises `Invalid` before the month is over or without a note on what follows
    from it, `Conflict` when it is signed already."""
    clinic_id = require(actor, "clinic_lead")
    if actor.id is None:
        raise Invalid.field("month", "is signed by a person")
    clinic = await organisation.clinic(tx, clinic_id)
    problems = []
    if month.last_day >= clinic.local_date(now):
        problems.append(Problem("month", "is not over yet"))
    if not note.strip() or len(note) > MAX_NOTE:
        problems.append(Problem("note", f"says what follows from the figures, at most {MAX_NOTE} characters"))
    if problems:
        raise Invalid(*problems)
    found = await queries.month_figures(tx, actor, month, now=now, check_ins=check_ins)
    review_id = tx.new_id()
    values = {
        "id": review_id,
        "clinic_id": clinic_id,
        "month": str(month),
        "figures": [_kept(msgspec.to_builtins(figure)) for figure in found.figures],
        "note_sealed": tx.vault.seal(note.strip()),
        "signed_by_id": actor.id,
        "signed_at": now,
    }
    if not await tx.insert_once(pick(tx, _SIGNED), values):
        raise Conflict("this month is signed already", code="signed")
    await audit.record(tx, actor, "quality.signed", "monthly_review", review_id, now=now, month=str(month))
    return review_id


async def import_events(tx: Tx, actor: Actor, forms: Sequence[EventForm], *, now: datetime) -> Imported:
    """All or nothing. Raises `Invalid` naming every row that can't be used, by its place from 0."""
    clinic_id = require(actor, "clinic_lead", "biller")
    if len(forms) > MAX_EVENTS:
        raise Invalid.field("events", f"are more than {MAX_EVENTS}: send them in parts")
    rows = await tx.all(
        select(Patient.id, Patient.mrn).where(Patient.clinic_id == clinic_id, Patient.mrn.is_not(None))
    )
    patients = {row.mrn: row.id for row in rows}
    problems = [problem for at, form in enumerate(forms) for problem in _event_problems(at, form, patients)]
    if problems:
        raise Invalid(*problems)
    added = 0
    for form in forms:
        values = {
            "id": tx.new_id(),
            "clinic_id": clinic_id,
            "patient_id": patients[form.mrn],
            "kind": form.kind,
            "code": form.code,
            "status": form.status,
            "started_on": form.started_on,
            "ended_on": form.ended_on,
            "imported_at": now,
        }
        added += await tx.insert_once(pick(tx, _EVENT), values)
    await audit.record(tx, actor, "events.imported", "clinic", clinic_id, now=now, count=added)
    return Imported(added, len(forms) - added)


async def set_value_set(tx: Tx, actor: Actor, form: ValueSetForm, *, now: datetime) -> UUID:
    """Raises `Invalid` for a name the measures don't use, no code, or a code of an impossible shape."""
    clinic_id = require(actor, "clinic_lead", "biller")
    problems = []
    if form.name not in NEEDED:
        problems.append(Problem("name", f"must be one of: {', '.join(NEEDED)}"))
    if not form.version.strip() or not form.source.strip():
        problems.append(Problem("version", "and source say where the codes come from"))
    if not 1 <= len(form.codes) <= MAX_CODES or any(not _CODE.fullmatch(code) for code in form.codes):
        problems.append(
            Problem("codes", f"need 1 to {MAX_CODES} codes of letters, digits, points and dashes")
        )
    if problems:
        raise Invalid(*problems)
    await tx.execute(delete(ValueSet).where(ValueSet.clinic_id == clinic_id, ValueSet.name == form.name))
    set_id = tx.new_id()
    values = {
        "id": set_id,
        "clinic_id": clinic_id,
        "name": form.name,
        "version": form.version.strip(),
        "source": form.source.strip(),
        "codes": sorted(set(form.codes)),
        "imported_at": now,
    }
    await tx.execute(insert(ValueSet), values)
    await audit.record(tx, actor, "value_set.imported", "value_set", set_id, now=now, count=len(form.codes))
    return set_id


async def cms159(tx: Tx, viewer: Actor, year: int, *, now: datetime) -> Remission:
    """Depression remission at twelve months for the measurement period of a calendar year."""
    clinic_id = require(viewer, *CLINICAL)
    if not 2020 <= year <= 2100:
        raise Invalid.field("year", "must be between 2020 and 2100")
    sets = await tx.all(select(ValueSet.name, ValueSet.codes).where(ValueSet.clinic_id == clinic_id))
    people = await _people(tx, clinic_id)
    await audit.record(tx, viewer, "quality.read", "clinic", clinic_id, now=now, measure="CMS159", year=year)
    return remission_at_twelve_months(people, {row.name: frozenset(row.codes) for row in sets}, year)


async def _people(tx: Tx, clinic_id: UUID) -> tuple[Person, ...]:
    """Everybody, also those without an imported event: they are left out, which the measure says."""
    clinic = await organisation.clinic(tx, clinic_id)
    events: dict[UUID, list[Event]] = {}
    for row in await tx.all(select(ImportedEvent.__table__).where(ImportedEvent.clinic_id == clinic_id)):
        event = Event(row.kind, row.code, row.status, row.started_on, row.ended_on)
        events.setdefault(row.patient_id, []).append(event)
    scores: dict[UUID, list[Score]] = {}
    result = MeasureResult
    for row in await tx.all(
        select(result.patient_id, result.taken_at, result.total)
        .where(result.clinic_id == clinic_id, result.instrument_id == "phq9")
        .where(result.replaced_at.is_(None), result.total.is_not(None))
        .order_by(result.taken_at, result.id)
    ):
        score = Score(zones.local_date(row.taken_at, clinic.zone), row.total)
        scores.setdefault(row.patient_id, []).append(score)
    rows = await tx.all(
        select(Patient.id, Patient.birth_date, Patient.deceased_on)
        .where(Patient.clinic_id == clinic_id, Patient.is_test.is_(False))
        .order_by(Patient.id)
        .limit(MAX_PEOPLE)
    )
    return tuple(
        Person(
            str(row.id), row.birth_date, row.deceased_on,
            tuple(scores.get(row.id, ())), tuple(events.get(row.id, ())),
        )
        for row in rows
    )  # fmt: skip


def _event_problems(at: int, form: EventForm, patients: dict[str, UUID]) -> list[Problem]:
    found = []
    if form.mrn not in patients:
        found.append(Problem(f"events[{at}].mrn", "is no patient of this clinic"))
    if not _CODE.fullmatch(form.code):
        found.append(Problem(f"events[{at}].code", "has a shape no code has"))
    if form.ended_on is not None and form.ended_on < form.started_on:
        found.append(Problem(f"events[{at}].ended_on", "is before the start"))
    return found


def _kept(figure: dict[str, Any]) -> dict[str, Any]:
    """The signed record keeps numbers and patient ids; why each is counted is worked out again when asked."""
    evidence = [{"patient_id": one["patient_id"], "place": one["place"]} for one in figure["evidence"]]
    return {**figure, "evidence": evidence}
