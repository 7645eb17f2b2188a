"""Logging time: exactly as worked, added only. Corrections supersede and say why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, cast
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
from registry.time_log import activities, closing
from registry.time_log.activities import Role
from registry.time_log.ledger import month_log
from registry.time_log.rules import MAX_ENTRY_SECONDS, CountingPolicy, Entry, Month, validate_entry
from registry.time_log.tables import TimeEntry
from registry.worklist import service as worklist

Source = Literal["console", "api", "contact", "review", "timer"]
Modality = Literal["phone", "video", "in_person", "portal", "text", "chart"]
JOINT_REVIEW: Final = "case_review"
LOGGERS = CLINICAL
DEFAULT_POLICY = CountingPolicy()
IN_ORDER: tuple[Role, ...] = ("care_manager", "consultant", "clinician", "clinic_lead")


class TimeForm(msgspec.Struct, frozen=True, kw_only=True):
    """Work done for a patient: `minutes` of it, or until `ended_at`. `staff_id` and `role` default to the person who
    logs it. `contact` is whom it was with when not the patient, `relationship` what they are to the patient.
    `separately_reported`: another code already reports this time, so it can't count here."""

    started_at: datetime
    activity: str
    minutes: Annotated[float, Meta(gt=0, le=1440)] | None = None
    ended_at: datetime | None = None
    staff_id: UUID | None = None
    role: Role | None = None
    modality: Modality | None = None
    contact: Annotated[str, Meta(max_length=200)] | None = None
    relationship: Annotated[str, Meta(max_length=100)] | None = None
    separately_reported: bool = False
    note: Annotated[str, Meta(max_length=2000)] | None = None


async def log_time(
    tx: Tx, actor: Actor, patient_id: UUID, form: TimeForm, *, source: Source, now: datetime
) -> UUID:
    """Raises Invalid naming the field, NotFound for a patient outside the person's clinic, Conflict for a closed
    month, with the way to correct it. Returns the entry's id."""
    clinic_id = require(actor, *LOGGERS)
    episode_id = await _episode(tx, clinic_id, patient_id)
    staff_id, role = await _who(tx, actor, clinic_id, form)
    entry = _checked(form, patient_id, staff_id, role, now)
    zone = await closing.zone_while_open(tx, clinic_id)
    await closing.require_open(tx, clinic_id, [(entry.started_at, entry.seconds)], zone)
    entry_id = await _insert(tx, actor, clinic_id, episode_id, entry, form, source, now)
    await audit.record(
        tx, actor, "time_entry.logged", "time_entry", entry_id, now=now, patient_id=patient_id,
        seconds=entry.seconds, activity=form.activity,
    )  # fmt: skip
    await _recount_all(tx, clinic_id, episode_id, [entry], now)
    return entry_id


async def log_review(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    minutes: Mapping[UUID, float],
    *,
    ended_at: datetime,
    now: datetime,
    note: str | None = None,
) -> tuple[UUID, ...]:
    """A case review held together until `ended_at`, one entry for each person with their own `minutes`. What they
    spent at once counts once, not once a person, by the overlap rules. All or none; raises as `log_time` does, and
    Invalid when nobody took part."""
    if not minutes:
        raise Invalid.field("people", "name who took part")
    return tuple(
        [
            await log_time(
                tx,
                actor,
                patient_id,
                TimeForm(
                    started_at=ended_now(own, ended_at),
                    minutes=own,
                    activity=JOINT_REVIEW,
                    staff_id=staff_id,
                    note=note,
                ),
                source="review",
                now=now,
            )
            for staff_id, own in minutes.items()
        ]
    )


async def correct_time(
    tx: Tx, actor: Actor, entry_id: UUID, form: TimeForm | None, reason: str, *, now: datetime
) -> UUID:
    """Replaces an entry by a corrected one, or voids it when `form` is None. The old row stays with its reason.
    Raises Conflict when the old or the new entry touches a closed month."""
    clinic_id = require(actor, *LOGGERS)
    if not reason.strip():
        raise Invalid.field("reason", "is needed")
    old = await _entry_for_change(tx, actor, clinic_id, entry_id)
    staff_id, role = (
        (old.staff_id, cast(Role, old.role)) if form is None else await _who(tx, actor, clinic_id, form)
    )
    before = Entry(
        id=str(entry_id),
        patient_id=str(old.patient_id),
        staff_id=str(old.staff_id),
        role=cast(Role, old.role),
        activity=old.activity,
        started_at=old.started_at,
        seconds=old.seconds,
        created_at=old.created_at,
    )
    entry = (
        msgspec.structs.replace(before, id="", seconds=0, created_at=now)
        if form is None
        else _checked(form, old.patient_id, staff_id, role, now)
    )
    zone = await closing.zone_while_open(tx, clinic_id)
    await closing.require_open(
        tx, clinic_id, [(each.started_at, each.seconds) for each in (before, entry)], zone
    )
    replaced = await tx.execute(
        update(TimeEntry)
        .where(TimeEntry.id == entry_id, TimeEntry.superseded_at.is_(None))
        .values(superseded_at=now)
    )
    if replaced.rowcount == 0:
        raise Conflict("the entry was corrected by someone else", code="stale")
    new_id = await _insert(
        tx, actor, clinic_id, old.episode_id, entry, form, "console", now,
        supersedes_id=entry_id, reason=reason.strip(),
    )  # fmt: skip
    await audit.record(
        tx, actor, "time_entry.voided" if form is None else "time_entry.corrected", "time_entry", new_id,
        now=now, patient_id=old.patient_id, supersedes=str(entry_id),
    )  # fmt: skip
    await _recount_all(tx, clinic_id, old.episode_id, [before, entry], now)
    return new_id


async def _recount_all(
    tx: Tx, clinic_id: UUID, episode_id: UUID, entries: Sequence[Entry], now: datetime
) -> None:
    """The episode's line, and those of other patients whose entries of the same person this one meets."""
    met: set[UUID] = set()
    for entry in entries:
        end = entry.started_at + timedelta(seconds=entry.seconds)
        rows = await tx.all(
            select(TimeEntry.episode_id, TimeEntry.started_at, TimeEntry.seconds).where(
                TimeEntry.clinic_id == clinic_id,
                TimeEntry.staff_id == UUID(entry.staff_id),
                TimeEntry.episode_id != episode_id,
                TimeEntry.superseded_at.is_(None),
                TimeEntry.started_at < end,
                TimeEntry.started_at > entry.started_at - timedelta(seconds=MAX_ENTRY_SECONDS),
            )
        )
        met |= {
            row.episode_id
            for row in rows
            if row.started_at + timedelta(seconds=row.seconds) > entry.started_at
        }
    for each in (episode_id, *sorted(met)):
        await recount(tx, clinic_id, each, now=now)


async def recount(tx: Tx, clinic_id: UUID, episode_id: UUID, *, now: datetime) -> None:
    """The registry line's minutes of the present month, by the default policy."""
    zone_name: str = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    zone = zones.zone(zone_name)
    month = Month.at(now, zone)
    logs = await month_log(tx, clinic_id, month, zone_name, episode_id)
    counted = logs[0].counted(DEFAULT_POLICY, month, zone).counted_seconds if logs else 0
    await worklist.set_minutes(tx, episode_id, str(month), counted, now)


def _checked(form: TimeForm, patient_id: UUID, staff_id: UUID, role: Role, now: datetime) -> Entry:
    """Raises Invalid with every problem, each at the field the caller gave."""
    started = _whole_second(form.started_at, "started_at")
    if (form.minutes is None) == (form.ended_at is None):
        raise Invalid.field("minutes", "give either the minutes or the end")
    if form.ended_at is not None:
        seconds = (_whole_second(form.ended_at, "ended_at") - started) // timedelta(seconds=1)
    else:
        seconds = round((form.minutes or 0) * 60)
    entry = Entry(
        id="",
        patient_id=str(patient_id),
        staff_id=str(staff_id),
        role=role,
        activity=form.activity,
        started_at=started,
        seconds=seconds,
        created_at=now,
        modality=form.modality,
        separately_reported=form.separately_reported,
    )
    problems = validate_entry(entry, now)
    if problems:
        asked = "minutes" if form.ended_at is None else "ended_at"
        raise Invalid(*(Problem(asked, p.message) if p.field == "seconds" else p for p in problems))
    return entry


def _whole_second(moment: datetime, field: str) -> datetime:
    if moment.tzinfo is None:
        raise Invalid.field(field, "needs a time zone")
    return moment.astimezone(UTC).replace(microsecond=0)


async def _episode(tx: Tx, clinic_id: UUID, patient_id: UUID) -> UUID:
    """The open episode, else the latest one: work after the end is logged, and says why it doesn't count."""
    known = await tx.scalar(
        select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    )
    if known is None:
        raise NotFound("a patient of your clinic with that id")
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
        # Who holds a case review together may write it down for both.
        require(actor, *CARE, *(("consultant",) if form.activity == JOINT_REVIEW else ()))
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
    form: TimeForm | None,
    source: Source,
    now: datetime,
    supersedes_id: UUID | None = None,
    reason: str | None = None,
) -> UUID:
    entry_id = tx.new_id()
    told = TimeForm(started_at=entry.started_at, activity=entry.activity) if form is None else form
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
            "modality": entry.modality,
            "contact_sealed": tx.vault.seal(told.contact) if told.contact else None,
            "relationship": told.relationship or None,
            "separately_reported": entry.separately_reported,
            "note_sealed": tx.vault.seal(told.note) if told.note else None,
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
