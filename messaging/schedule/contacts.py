"""Reminders of the next contact with the care team: planned two days ahead, checked again when they are due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, and_, exists, select, update

from kernel.db import Tx, insert_or_skip, pick
from messaging.conversation.copy import contact_words, phone_words, render
from messaging.delivery import service as delivery
from messaging.delivery.service import Message
from messaging.delivery.tables import Outbox
from messaging.schedule import catch_up
from messaging.schedule.advance import is_late
from messaging.schedule.facts import IN_CARE, PERSON_COLUMNS, TEXTED, Reach, join_person, reach, sites
from messaging.schedule.reminders import LATEST_BEFORE_CONTACT, contact_reminders
from messaging.schedule.tables import OPEN_STATES, CheckIn, ContactReminder
from messaging.schedule.windows import MIN_VALIDITY, next_opening
from messaging.schedule.zones import local_date
from registry.episodes.tables import Episode
from registry.patients.tables import Patient

AHEAD: Final = timedelta(hours=48)  # covers the day before, whatever the hour of the contact
ONE_DAY: Final = timedelta(days=1)
COUNTED: Final = ("pending", "sending", "unknown", "accepted", "simulated")
JOIN_WAIT: Final = timedelta(minutes=1)  # the check-in's own sweep comes first and takes the reminder along

_INSERT = insert_or_skip(ContactReminder, "episode_id", "contact_at", "kind")
_Planned = exists().where(
    ContactReminder.episode_id == Episode.id, ContactReminder.contact_at == Episode.next_contact_at
)
_COMING = join_person(
    select(Episode.id.label("episode_id"), Episode.status, Episode.next_contact_at, *PERSON_COLUMNS)
    .select_from(Episode)
    .join(Patient, Patient.id == Episode.patient_id)
)
_DUE = (
    ContactReminder.id,
    ContactReminder.clinic_id,
    ContactReminder.contact_at,
    ContactReminder.kind,
    ContactReminder.due_at,
    ContactReminder.next_at,
)


async def plan_contact_reminders(
    tx: Tx, *, now: datetime, limit: int = 500, episode_id: UUID | None = None
) -> int:
    """Writes the reminders of contacts in the coming 48 hours; a contact that is too near for any gets one row that
    says so. Gives how many contacts were planned for. `episode_id` looks at that one alone."""
    rows = await tx.all(
        _COMING.where(
            *(() if episode_id is None else (Episode.id == episode_id,)),
            Episode.next_contact_at > now,
            Episode.next_contact_at <= now + AHEAD,
            Episode.status.in_(IN_CARE),
            Patient.channel.in_(TEXTED),
            ~_Planned,
        )
        .order_by(Episode.next_contact_at, Episode.id)
        .limit(limit)
    )
    known = await sites(tx, {row.patient_clinic_id for row in rows})
    for row in rows:
        facts = reach(tx, row, known[row.patient_clinic_id], now)
        for values in _rows(tx, row, facts, now):
            await tx.insert_once(pick(tx, _INSERT), values)
    return len(rows)


def _rows(tx: Tx, row: Row[Any], facts: Reach, now: datetime) -> list[dict[str, Any]]:
    def values(kind: str, due_at: datetime, reason: str | None = None) -> dict[str, Any]:
        return {
            "id": tx.new_id(),
            "clinic_id": facts.clinic_id,
            "episode_id": row.episode_id,
            "patient_id": facts.patient_id,
            "contact_at": row.next_contact_at,
            "kind": kind,
            "due_at": due_at,
            "next_at": due_at if reason is None else None,
            "state": "scheduled" if reason is None else "skipped",
            "reason": reason,
            "created_at": now,
        }

    refused = facts.refusal or facts.no_text
    if refused is not None or facts.zone is None:
        return [values("same_morning", now, refused or "zone_unknown")]
    ahead = contact_reminders(row.next_contact_at, facts.zone, facts.hours, now)
    if not ahead:
        return [values("same_morning", now, "too_late")]
    return [values(reminder.kind, reminder.at) for reminder in ahead]


async def drop_moved(tx: Tx, *, now: datetime, limit: int = 500, episode_id: UUID | None = None) -> int:
    """Reminders of a contact that was moved or called off are taken back, also when their text still waits."""
    rows = await tx.all(
        select(ContactReminder.id, ContactReminder.patient_id)
        .join(Episode, Episode.id == ContactReminder.episode_id)
        .where(
            *(() if episode_id is None else (Episode.id == episode_id,)),
            ContactReminder.contact_at > now,
            ContactReminder.state.in_(("scheduled", "queued")),
            Episode.next_contact_at.is_distinct_from(ContactReminder.contact_at),
        )
        .limit(limit)
    )
    for patient_id in {row.patient_id for row in rows}:
        await delivery.suppress(
            tx, patient_id=patient_id, kinds=("contact_reminder",), reason="contact_changed", now=now
        )
    await _settle(tx, [row.id for row in rows], "skipped", "contact_moved")
    return len(rows)


async def sweep_contact_reminders(
    tx: Tx, *, now: datetime, limit: int = 500, only: UUID | None = None
) -> Counter[str]:
    """Queues the reminders that are due. A reminder on the day of a check-in goes into that text, or waits for it."""
    rows = await tx.all(_due_statement(now, limit, only))
    done: Counter[str] = Counter(taken=len(rows))
    if not rows:
        return done
    known = await sites(tx, {row.clinic_id for row in rows})
    patients = {row.person_id for row in rows}
    ahead = await _check_ins_ahead(tx, patients, now)
    texted = await _texts_lately(tx, patients, now)
    messages: list[Message] = []
    queued: list[UUID] = []
    for row in rows:
        facts = reach(tx, row, known[row.clinic_id], now)
        reason = _skip_reason(row, facts, texted.get(facts.patient_id, ()), now)
        joins = _joined(row, facts, ahead.get(facts.patient_id, ()), now)
        moment = _moment(row, facts, now)
        if reason is not None or moment is None:
            await _settle(tx, [row.id], "skipped", reason or "no_window")
            done["skipped"] += 1
        elif joins is not None:
            await _join(tx, row, joins, now)
            done["joined"] += 1
        elif moment > now:
            await tx.execute(
                update(ContactReminder).where(ContactReminder.id == row.id).values(next_at=moment)
            )
            done["waiting"] += 1
        else:
            messages.append(_message(tx, row, facts, now))
            queued.append(row.id)
            texted[facts.patient_id] = (*texted.get(facts.patient_id, ()), now)
    await delivery.enqueue_many(tx, messages, now=now)
    await _settle(tx, queued, "queued", None)
    done["queued"] += len(queued)
    if messages:
        tx.ring("dispatch")
    return done


def _due_statement(now: datetime, limit: int, only: UUID | None) -> Any:
    statement = select(
        *_DUE,
        ContactReminder.episode_id,
        Episode.status,
        Episode.next_contact_at,
        Episode.next_contact_mode,
        *PERSON_COLUMNS,
    )
    statement = (
        statement.select_from(ContactReminder)
        .join(Episode, Episode.id == ContactReminder.episode_id)
        .join(Patient, Patient.id == ContactReminder.patient_id)
        .where(ContactReminder.next_at <= now)
    )
    if only is not None:
        statement = statement.where(ContactReminder.id == only)
    return (
        join_person(statement)
        .order_by(ContactReminder.next_at, ContactReminder.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=ContactReminder)
    )


def _skip_reason(row: Row[Any], facts: Reach, texts: Sequence[datetime], now: datetime) -> str | None:
    if row.next_contact_at != row.contact_at:
        return "contact_moved"
    refused = facts.refusal or facts.no_text
    if refused is not None:
        return refused
    if facts.channel not in TEXTED:
        return "no_channel"  # texts were agreed on when it was planned, and are not any more
    if now + MIN_VALIDITY > row.contact_at - LATEST_BEFORE_CONTACT:
        return "too_late"
    today = local_date(now, facts.calendar)
    if row.kind == "day_before" and today >= local_date(row.contact_at, facts.calendar):
        return "too_late"  # the one of the same morning follows
    if any(local_date(at, facts.calendar) == today for at in texts):
        return "another_text_today"
    return "texts_paused" if facts.paused else None


def _moment(row: Row[Any], facts: Reach, now: datetime) -> datetime | None:
    """When the text may leave; spread over an hour after an outage, like every other prompt."""
    if facts.zone is None:
        return None
    if not is_late(row.next_at, now):
        return next_opening(now, facts.zone, facts.hours)
    missed = catch_up.Due(
        local_date(row.due_at, facts.calendar), row.next_at, row.contact_at - LATEST_BEFORE_CONTACT
    )
    found = catch_up.catch_up(
        (missed,), now, facts.zone, facts.hours, patient_key=str(facts.patient_id), down_since=row.next_at
    )
    return None if found.prompt is None else found.prompt.at


def _joined(row: Row[Any], facts: Reach, check_ins: Sequence[Row[Any]], now: datetime) -> Row[Any] | None:
    """The patient's check-in that is to be offered today, if there is one."""
    today = local_date(now, facts.calendar)
    if facts.way != "link" or facts.by_exemption:
        return None
    for check_in in check_ins:
        if local_date(check_in.next_at, facts.calendar) == today and not check_in.queued_behind:
            return None if is_late(row.due_at, now) else check_in
    return None


async def _join(tx: Tx, row: Row[Any], check_in: Row[Any], now: datetime) -> None:
    """One text at the earlier moment of the two: the invitation is brought forward and takes the reminder along."""
    await tx.execute(
        update(CheckIn)
        .where(CheckIn.id == check_in.id, CheckIn.state == "scheduled", CheckIn.next_at > now)
        .values(next_at=now)
    )
    await tx.execute(
        update(ContactReminder).where(ContactReminder.id == row.id).values(next_at=now + JOIN_WAIT)
    )
    tx.ring("schedule")


def _message(tx: Tx, row: Row[Any], facts: Reach, now: datetime) -> Message:
    assert facts.phone_sealed is not None  # without a number the reminder was skipped
    wording = render(
        "contact_reminder",
        facts.language,
        name=facts.site.text_name,
        contact=contact_words(row.next_contact_mode, row.contact_at, facts.calendar, facts.language),
        phone=phone_words(facts.site.support_phone),
    )
    return Message(
        clinic_id=facts.clinic_id,
        kind="contact_reminder",
        dedupe_key=f"contact_reminder:{row.id}",
        to=tx.vault.open(facts.phone_sealed),
        body=wording.body,
        template=wording.template,
        not_before=now,
        not_after=row.contact_at - LATEST_BEFORE_CONTACT,
        sender_id=facts.site.sender_id,
        phone_id=facts.phone_id,
        patient_id=facts.patient_id,
    )


async def _check_ins_ahead(tx: Tx, patients: set[UUID], now: datetime) -> dict[UUID, list[Row[Any]]]:
    rows = await tx.all(
        select(CheckIn.id, CheckIn.patient_id, CheckIn.next_at, CheckIn.queued_behind).where(
            CheckIn.patient_id.in_(patients),
            CheckIn.state == OPEN_STATES[0],
            CheckIn.next_at < now + ONE_DAY,
        )
    )
    found: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.patient_id, []).append(row)
    return found


async def _texts_lately(tx: Tx, patients: set[UUID], now: datetime) -> dict[UUID, tuple[datetime, ...]]:
    rows = await tx.all(
        select(Outbox.patient_id, Outbox.created_at).where(
            and_(
                Outbox.patient_id.in_(patients),
                Outbox.created_at > now - ONE_DAY,
                Outbox.prompts_patient,
                Outbox.state.in_(COUNTED),
            )
        )
    )
    found: dict[UUID, tuple[datetime, ...]] = {}
    for row in rows:
        found[row.patient_id] = (*found.get(row.patient_id, ()), row.created_at)
    return found


async def _settle(tx: Tx, ids: Sequence[UUID], state: str, reason: str | None) -> None:
    if ids:
        await tx.execute(
            update(ContactReminder)
            .where(ContactReminder.id.in_(ids))
            .values(state=state, reason=reason, next_at=None)
        )
