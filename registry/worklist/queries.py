"""The registry, the search, the tasks and the landing page. Every read is bounded and leaves an audit row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, and_, false, func, or_, select
from sqlalchemy.orm import aliased

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import Invalid
from questionnaires.change import change_pct
from registry import zones
from registry.access import CLINICAL, require
from registry.contacts.tables import Contact
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic
from registry.organisation.wording import fold
from registry.patients.tables import Patient, PatientPhone
from registry.phones import BadNumber, e164
from registry.worklist.filters import conditions
from registry.worklist.lines import judge
from registry.worklist.paging import Cursor, clinic_wide, order, ordering
from registry.worklist.paging import after as later_than
from registry.worklist.rules import RegistryFilter, Status
from registry.worklist.tables import RegistryLine
from registry.worklist.task_list import TaskFilter, TaskLine, Tasks, tasks
from registry.worklist.today import Today, today

__all__ = [
    "Found",
    "Line",
    "Page",
    "RegistryFilter",
    "TaskFilter",
    "TaskLine",
    "Tasks",
    "Today",
    "line_of",
    "registry_export",
    "registry_page",
    "search",
    "tasks",
    "today",
]

MAX_PAGE: Final = 200
MAX_EXPORT: Final = 2000
FOUND_LIMIT: Final = 20
SHORTEST_NAME: Final = 2


class Line(msgspec.Struct, frozen=True):
    """One line of the registry. Scores are complete totals; `phq9_item9` "unknown" and "declined" are states of
    their own and say nothing about danger. `minutes_month` says which month `counted_seconds` belong to. `rules`: the
    rules R-* that are met or can't be judged (`registry.flags.facts.Result` as stored). `hold_review_on`: when somebody
    looks again at a patient on hold. `contacts` counts the episode's
    contacts so far in which two people spoke; tries that reached nobody are none."""

    episode_id: UUID
    patient_id: UUID
    status: Status
    family_name: str
    given_name: str
    mrn: str | None
    birth_date: date | None
    care_manager_id: UUID | None
    treating_clinician_id: UUID | None
    consultant_id: UUID | None
    referred_at: datetime
    enrolled_on: date | None
    phq9_first: int | None
    phq9_last: int | None
    phq9_last_at: datetime | None
    phq9_item9: str | None
    phq9_series: list[int]
    other_scores: list[Any] | None
    gad7_first: int | None
    gad7_last: int | None
    gad7_last_at: datetime | None
    check_in_state: str | None
    check_in_at: datetime | None
    no_answer_count: int
    opted_out: bool
    next_check_in_on: date | None
    last_contact_at: datetime | None
    contacts: int
    next_contact_at: datetime | None
    next_contact_mode: str | None
    hold_review_on: date | None
    last_review_at: datetime | None
    changed_on: date | None
    rules: list[Any]
    rules_on: date | None
    minutes_month: str | None
    counted_seconds: int
    open_risk: int
    safety_flag: bool
    severe_flag: bool
    discuss_flag: bool
    waiting_replies: int
    open_tasks: int
    overdue: bool
    phq9_change_pct: int | None
    gad7_change_pct: int | None


class Page(msgspec.Struct, frozen=True):
    """`after` of the next page, None on the last."""

    lines: tuple[Line, ...]
    next: UUID | None


class Found(msgspec.Struct, frozen=True):
    """`episode_id` and `status` of the newest episode that is not ended, else None."""

    patient_id: UUID
    episode_id: UUID | None
    status: Status | None
    family_name: str
    given_name: str
    mrn: str | None
    birth_date: date | None


_WORKED_OUT: Final = ("overdue", "phq9_change_pct", "gad7_change_pct")
_STORED: Final = tuple(name for name in Line.__struct_fields__ if name not in _WORKED_OUT)
_CONTACTS: Final = (
    select(func.count())
    .where(Contact.episode_id == RegistryLine.episode_id, Contact.spoken.is_(True))
    .correlate(RegistryLine)
    .scalar_subquery()
    .label("contacts")
)
_HOLD: Final = (
    select(Episode.hold_review_on)
    .where(Episode.id == RegistryLine.episode_id, Episode.status == "on_hold")
    .correlate(RegistryLine)
    .scalar_subquery()
    .label("hold_review_on")
)
_READ: Final = {"contacts": _CONTACTS, "hold_review_on": _HOLD}  # beside the line's own columns
_COLUMNS: Final = (
    *(_READ[name] if name in _READ else getattr(RegistryLine, name) for name in _STORED),
    RegistryLine.overdue_since,
)
_AT = aliased(RegistryLine)
_CURSOR = select(*(getattr(RegistryLine, name) for name in Cursor._fields))


async def registry_page(
    tx: Tx,
    viewer: Actor,
    wanted: RegistryFilter,
    after: UUID | None,
    limit: int,
    *,
    now: datetime,
    today: date | None = None,
    covering: Collection[UUID] = (),
) -> Page:
    """One page of the viewer's clinic: safety first, then discuss and severe, then the overdue, oldest first, then by
    name. `after` is the last page's `next`; a line that is gone ends the list. At most 200. `today` is the clinic's
    date, by default that of UTC: lines that the daily sweep has not reached are judged here. `covering`: colleagues whose patients count as
    the viewer's own."""
    clinic_id = require(viewer, *CLINICAL)
    size = max(1, min(limit, MAX_PAGE))
    rows = await _rows(tx, viewer, clinic_id, wanted, after, size + 1, now, covering)
    lines = await _lines(tx, rows[:size], now, today or now.date())
    await record(tx, viewer, "registry.read", "registry", None, now=now, count=len(lines), sort=wanted.sort)
    return Page(lines, lines[-1].episode_id if len(rows) > size else None)


async def registry_export(
    tx: Tx,
    viewer: Actor,
    wanted: RegistryFilter,
    *,
    now: datetime,
    today: date,
    covering: Collection[UUID] = (),
) -> tuple[Line, ...]:
    """Every line of a view, for a file or for paper; at most 2,000. Leaves a row that says it was taken out."""
    clinic_id = require(viewer, *CLINICAL)
    rows = await _rows(tx, viewer, clinic_id, wanted, None, MAX_EXPORT, now, covering)
    lines = await _lines(tx, rows, now, today)
    await record(tx, viewer, "registry.exported", "registry", None, now=now, count=len(lines))
    return lines


async def line_of(tx: Tx, viewer: Actor, episode_id: UUID, *, now: datetime) -> Line | None:
    """One line, for the page of its patient; None when it is another clinic's or a test patient's."""
    clinic_id = require(viewer, *CLINICAL)
    row = await tx.first(
        select(*_COLUMNS).where(RegistryLine.clinic_id == clinic_id, RegistryLine.episode_id == episode_id)
    )
    if row is None:
        return None
    await record(tx, viewer, "registry_line.read", "episode", episode_id, now=now, patient_id=row.patient_id)
    zone = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    return (await _lines(tx, [row], now, zones.local_date(now, zone)))[0]


async def _rows(
    tx: Tx,
    viewer: Actor,
    clinic_id: UUID,
    wanted: RegistryFilter,
    after: UUID | None,
    limit: int,
    now: datetime,
    covering: Collection[UUID],
) -> Sequence[Row[Any]]:
    wheres = [RegistryLine.clinic_id == clinic_id, *conditions(wanted, viewer, now, covering)]
    whole = not (wanted.mine or wanted.care_manager_id or wanted.flags or wanted.overdue)
    if wanted.sort == "default" and whole:
        at = None
        if after is not None:
            row = await tx.first(
                _CURSOR.where(RegistryLine.episode_id == after, RegistryLine.clinic_id == clinic_id)
            )
            if row is None:
                return ()
            at = Cursor(row.sort_rank, row.overdue_since, row.name_key, row.episode_id)
        return await tx.all(clinic_wide(_COLUMNS, wheres, at, now, limit))
    keys = order(RegistryLine, wanted, now)
    statement = select(*_COLUMNS).where(*wheres).order_by(*ordering(keys)).limit(limit)
    if after is not None:
        here = and_(_AT.episode_id == after, _AT.clinic_id == clinic_id)
        statement = statement.join(_AT, here).where(later_than(order(_AT, wanted, now), keys))
    return await tx.all(statement)


async def _lines(tx: Tx, rows: Sequence[Row[Any]], now: datetime, today: date | None) -> tuple[Line, ...]:
    stale = {row.episode_id: dict(row._mapping) for row in rows if row.rules_on != today}
    fresh = await judge(tx, stale, now) if stale else {}
    return tuple(_line(row, now, fresh.get(row.episode_id)) for row in rows)


async def search(tx: Tx, viewer: Actor, text: str, *, now: datetime) -> tuple[Found, ...]:
    """By the beginning of "family given", the exact record number or the current phone, whichever fits; at most 20
    by name. Test patients are found by record number alone. Billers may search: no clinical content is in it."""
    clinic_id = require(viewer, *CLINICAL, "biller")
    asked = " ".join(text.split())
    if len(asked) < SHORTEST_NAME:
        raise Invalid.field("text", "needs at least two characters")
    rows = await tx.all(_search(tx, clinic_id, asked))
    await record(tx, viewer, "patients.searched", "patient", None, now=now, count=len(rows))
    return tuple(Found(**row._mapping) for row in rows)


def _search(tx: Tx, clinic_id: UUID, asked: str) -> Any:
    ways: list[ColumnElement[bool]] = [Patient.mrn == asked]
    prefix = " ".join(fold(asked.replace(",", " ")).split())
    if len(prefix) >= SHORTEST_NAME:
        ways.append(and_(Patient.name_key.startswith(prefix, autoescape=True), Patient.is_test == false()))
    phone_key = _phone_key(tx, asked)
    if phone_key is not None:
        owners = select(PatientPhone.patient_id).where(
            PatientPhone.clinic_id == clinic_id,
            PatientPhone.phone_key == phone_key,
            PatientPhone.replaced_at.is_(None),
        )
        ways.append(Patient.id.in_(owners))
    current = and_(Episode.patient_id == Patient.id, Episode.status != "ended")
    return (
        select(
            Patient.id.label("patient_id"), Episode.id.label("episode_id"), Episode.status,
            Patient.family_name, Patient.given_name, Patient.mrn, Patient.birth_date,
        )
        .outerjoin(Episode, current)
        .where(Patient.clinic_id == clinic_id, or_(*ways))
        .order_by(Patient.name_key, Patient.id)
        .limit(FOUND_LIMIT)
    )  # fmt: skip


def _phone_key(tx: Tx, asked: str) -> str | None:
    if sum(character.isdigit() for character in asked) < 7:
        return None
    try:
        return tx.vault.lookup(e164(asked))
    except BadNumber:
        return None


def _line(row: Row[Any], now: datetime, rules: list[Any] | None) -> Line:
    stored = row._mapping if rules is None else {**row._mapping, "rules": rules}
    return Line(
        **{name: stored[name] for name in _STORED},
        overdue=row.overdue_since <= now,
        phq9_change_pct=_change(row.phq9_first, row.phq9_last),
        gad7_change_pct=_change(row.gad7_first, row.gad7_last),
    )


def _change(first: int | None, last: int | None) -> int | None:
    return None if first is None or last is None else change_pct(first, last)
