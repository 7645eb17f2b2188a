"""Logging time: exactly as worked, added only. Corrections supersede and say why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import Row, insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from registry import zones
from registry.access import CARE, CLINICAL, require
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic, StaffRole
from registry.patients.tables import Patient
from registry.time_log import activities
from registry.time_log.activities import Role
from registry.time_log.ledger import month_log
from registry.time_log.rules import CountingPolicy, Entry, Month, validate_entry
from registry.time_log.tables import TimeEntry
from registry.worklist import service as worklist

Source = Literal["console", "api", "contact", "timer"]
LOGGERS = CLINICAL
DEFAULT_POLICY = CountingPolicy()
IN_ORDER: tuple[Role, ...] = ("care_manager", "consultant", "clinician", "clinic_lead")


class TimeForm(msgspec.Struct, frozen=True, kw_only=True):
    """Work done for a patient. `staff_id` and `role` default to the person who logs it."""

    started_at: datetime
    minutes: Annotated[float, Meta(gt=0, le=480)]
    activity: str
    staff_id: UUID | None = None
    role: Role | None = None
    note: Annotated[str, Meta(max_length=2000)] | None = None


async def log_time(
    tx: Tx, actor: Actor, patient_id: UUID, form: TimeForm, *, source: Source, now: datetime
) -> UUID:
    """Raises Invalid naming the field, NotFound for another clinic's patient. Returns the entry's id."""
    clinic_id = require(actor, *LOGGERS)
    episode_id = await _episode(tx, clinic_id, patient_id)
    staff_id, role = await _who(tx, actor, clinic_id, form)
    entry = Entry(
        id="",
        patient_id=str(patient_id),
        staff_id=str(staff_id),
        role=role,
        activity=form.activity,
        started_at=_whole_second(form.started_at),
        seconds=round(form.minutes * 60),
        created_at=now,
    )
    problems = validate_entry(entry, now)
    if problems:
        raise Invalid(*(_as_asked(problem) for problem in problems))
    entry_id = await _insert(tx, actor, clinic_id, episode_id, entry, form.note, source, now)
    await audit.record(
        tx, actor, "time_entry.logged", "time_entry", entry_id, now=now, patient_id=patient_id,
        seconds=entry.seconds, activity=form.activity,
    )  # fmt: skip
    await recount(tx, clinic_id, episode_id, now=now)
    return entry_id


async def correct_time(
    tx: Tx, actor: Actor, entry_id: UUID, form: TimeForm | None, reason: str, *, now: datetime
) -> UUID:
    """Replaces an entry by a corrected one, or voids it when `form` is None. The old row stays with its reason."""
    clinic_id = require(actor, *LOGGERS)
    if not reason.strip():
        raise Invalid.field("reason", "is needed")
    old = await _entry_for_change(tx, actor, clinic_id, entry_id)
    staff_id, role = (
        (old.staff_id, cast(Role, old.role)) if form is None else await _who(tx, actor, clinic_id, form)
    )
    entry = Entry(
        id="",
        patient_id=str(old.patient_id),
        staff_id=str(staff_id),
        role=role,
        activity=old.activity if form is None else form.activity,
        started_at=old.started_at if form is None else _whole_second(form.started_at),
        seconds=0 if form is None else round(form.minutes * 60),
        created_at=now,
    )
    problems = () if form is None else validate_entry(entry, now)
    if problems:
        raise Invalid(*(_as_asked(problem) for problem in problems))
    replaced = await tx.execute(
        update(TimeEntry)
        .where(TimeEntry.id == entry_id, TimeEntry.superseded_at.is_(None))
        .values(superseded_at=now)
    )
    if replaced.rowcount == 0:
        raise Conflict("the entry was corrected by someone else", code="stale")
    new_id = await _insert(
        tx, actor, clinic_id, old.episode_id, entry, None if form is None else form.note, "console", now,
        supersedes_id=entry_id, reason=reason.strip(),
    )  # fmt: skip
    await audit.record(
        tx, actor, "time_entry.voided" if form is None else "time_entry.corrected", "time_entry", new_id,
        now=now, patient_id=old.patient_id, supersedes=str(entry_id),
    )  # fmt: skip
    await recount(tx, clinic_id, old.episode_id, now=now)
    return new_id


async def recount(tx: Tx, clinic_id: UUID, episode_id: UUID, *, now: datetime) -> None:
    """The registry line's minutes of the present month, by the default policy."""
    zone_name: str = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    zone = zones.zone(zone_name)
    month = Month.at(now, zone)
    logs = await month_log(tx, clinic_id, month, zone_name, episode_id)
    counted = logs[0].counted(DEFAULT_POLICY, month, zone).counted_seconds if logs else 0
    await worklist.set_minutes(tx, episode_id, str(month), counted, now)


def _whole_second(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise Invalid.field("started_at", "needs a time zone")
    return moment.astimezone(UTC).replace(microsecond=0)


def _as_asked(problem: Problem) -> Problem:
    """The caller gave minutes, not seconds."""
    return Problem("minutes", problem.message) if problem.field == "seconds" else problem


async def _episode(tx: Tx, clinic_id: UUID, patient_id: UUID) -> UUID:
    """The open episode, else the latest one: work after the end is logged, and says why it doesn't count."""
    known = await tx.scalar(
        select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    )
    if known is None:
        raise NotFound("the patient")
    row = await tx.first(
        select(Episode.id)
        .where(Episode.patient_id == patient_id, Episode.clinic_id == clinic_id)
        .order_by((Episode.status == "ended").asc(), Episode.referred_at.desc())
        .limit(1)
    )
    if row is None:
        raise Conflict("the patient has no episode of care", code="no_episode")
    episode_id: UUID = row.id
    return episode_id


async def _who(tx: Tx, actor: Actor, clinic_id: UUID, form: TimeForm) -> tuple[UUID, Role]:
    """Whose work it was. Only those who lead or manage care log for someone else."""
    staff_id = form.staff_id or (actor.id if actor.kind == "staff" else None)
    if staff_id is None:
        raise Invalid.field("staff_id", "is needed")
    if staff_id != actor.id:
        require(actor, *CARE)
    held = {
        row.role
        for row in await tx.all(
            select(StaffRole.role).where(StaffRole.staff_id == staff_id, StaffRole.clinic_id == clinic_id)
        )
    }
    if not held:
        raise Invalid.field("staff_id", "is not someone of this clinic")
    fitting: list[Role] = [role for role in IN_ORDER if role in held]
    activity = activities.find(form.activity)
    able = [role for role in fitting if activity is not None and role in activity.roles]
    role = form.role or next(iter(able), next(iter(fitting), None))
    if role is None or role not in held:
        raise Invalid.field("role", "is not a role of this person at this clinic")
    return staff_id, role


async def _entry_for_change(tx: Tx, actor: Actor, clinic_id: UUID, entry_id: UUID) -> Row[Any]:
    row = await tx.first(
        select(*TimeEntry.__table__.c)
        .where(TimeEntry.id == entry_id, TimeEntry.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("the time entry")
    if row.superseded_at is not None:
        raise Conflict("the entry was corrected by someone else", code="stale")
    if row.staff_id != actor.id and not actor.has("clinic_lead"):
        raise Forbidden("only the person whose time it is, or a clinic lead, corrects an entry")
    return row


async def _insert(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    episode_id: UUID,
    entry: Entry,
    note: str | None,
    source: Source,
    now: datetime,
    supersedes_id: UUID | None = None,
    reason: str | None = None,
) -> UUID:
    entry_id = tx.new_id()
    await tx.execute(
        insert(TimeEntry),
        {
            "id": entry_id,
            "clinic_id": clinic_id,
            "patient_id": UUID(entry.patient_id),
            "episode_id": episode_id,
            "staff_id": UUID(entry.staff_id),
            "role": entry.role,
            "activity": entry.activity,
            "started_at": entry.started_at,
            "seconds": entry.seconds,
            "note_sealed": tx.vault.seal(note) if note else None,
            "source": source,
            "created_at": now,
            "created_by_id": actor.id,
            "supersedes_id": supersedes_id,
            "superseded_at": None,
            "reason": reason,
        },
    )
    return entry_id


def ended_now(minutes: float, now: datetime) -> datetime:
    """Start of work that has just ended."""
    return now - timedelta(minutes=minutes)
