"""What people do about a risk event, in the order it happens. Nothing here closes, lowers or ages an event by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, select, update

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from registry.access import CLINICAL, require
from registry.episodes import records as episode_records
from registry.episodes import service as episodes
from registry.episodes.forms import ContactMode
from registry.episodes.rules import check_next_contact
from registry.organisation.tables import Staff, StaffRole
from registry.patients.tables import Patient
from registry.protocol import queries as protocols
from registry.protocol import rules as clocks
from registry.safety import rules
from registry.safety.closing import Done, done_by, missing_for
from registry.safety.rules import (
    AttemptChannel,
    AttemptOutcome,
    Decision,
    Disposition,
)
from registry.safety.signals import act, task_key
from registry.safety.tables import RiskAction, RiskEvent
from registry.worklist import service as worklist

MAX_NOTE: Final = 10_000
CONTACT_PURPOSE: Final = "Follow-up after a safety event"


class Acknowledgement(msgspec.Struct, frozen=True):
    """Who has the event. `won` is false for the second of two people: the first is named here."""

    won: bool
    by_id: UUID | None
    by_name: str
    at: datetime | None


async def acknowledge(tx: Tx, actor: Actor, event_id: UUID, *, now: datetime) -> Acknowledgement:
    """Takes the event, by compare-and-set: of two people exactly one wins. Raises NotFound, Forbidden."""
    person = _person(actor)
    event = await _event(tx, actor, event_id)
    if not await take(tx, person, event, now):
        return await _who_has_it(tx, event_id, person)
    await record(
        tx, actor, "risk_event.acknowledged", "risk_event", event_id, now=now, patient_id=event.patient_id
    )
    return Acknowledgement(True, person, actor.name, now)


async def log_attempt(
    tx: Tx,
    actor: Actor,
    event_id: UUID,
    *,
    channel: AttemptChannel,
    outcome: AttemptOutcome,
    note: str | None = None,
    by_id: UUID | None = None,
    now: datetime,
) -> None:
    """An attempt to reach the patient; it restarts the clock, and takes the event if nobody has it.

    The emergency contact and a welfare check come after a clinician's decision for it, else Conflict. `by_id` names
    the person when a key of another system reports; see `reporter`.
    """
    event, by = await open_for_work(tx, actor, event_id, by_id)
    refuse(note_problem(note))
    if channel in ("emergency_contact", "welfare_check"):
        await refuse_undecided(tx, event_id, channel)
    await take(tx, by, event, now)
    await act(tx, event.clinic_id, event_id, "attempt", by, now, note=note, channel=channel, outcome=outcome)
    await restart_clock(tx, event, now)
    await record(
        tx, actor, "risk_event.attempt_logged", "risk_event", event_id, now=now, patient_id=event.patient_id
    )


async def add_note(
    tx: Tx,
    actor: Actor,
    event_id: UUID,
    note: str,
    *,
    kind: Literal["note", "whereabouts"] = "note",
    by_id: UUID | None = None,
    now: datetime,
) -> None:
    """`whereabouts` is what the patient answers to "where are you now?", for whoever sends help."""
    event, by = await open_for_work(tx, actor, event_id, by_id)
    refuse(None if note.strip() else Problem("note", "is empty"), note_problem(note))
    await act(tx, event.clinic_id, event_id, kind, by, now, note=note)
    await record(tx, actor, "risk_event.noted", "risk_event", event_id, now=now, patient_id=event.patient_id)


async def record_disposition(
    tx: Tx,
    actor: Actor,
    event_id: UUID,
    *,
    disposition: Disposition,
    next_contact_at: datetime | None,
    next_contact_mode: ContactMode = "phone",
    note: str | None = None,
    now: datetime,
) -> None:
    """What was decided, for a second person to confirm. The next contact is needed unless there is no patient who
    could be contacted."""
    event, by = await open_for_work(tx, actor, event_id, None)
    refuse(await _next_contact_problem(tx, event, next_contact_at, None, now), note_problem(note))
    await take(tx, by, event, now)
    await _dispose(tx, actor, event, disposition, note, now, next_contact_at)
    await _plan_contact(tx, actor, event, next_contact_at, next_contact_mode, now)
    await restart_clock(tx, event, now)
    await record(
        tx,
        actor,
        "risk_event.disposition_recorded",
        "risk_event",
        event_id,
        now=now,
        patient_id=event.patient_id,
    )


async def close(
    tx: Tx,
    actor: Actor,
    event_id: UUID,
    *,
    disposition: Disposition | None = None,
    next_contact_at: datetime | None = None,
    next_contact_mode: ContactMode = "phone",
    note: str | None = None,
    now: datetime,
) -> None:
    """By a person, with a disposition and the next contact, both given here or recorded before.

    Tiers 2 and 3: by someone who neither acknowledged the event nor decided its disposition, and after the
    consultant was informed. What a disposition claims must stand in the record (`closing`). Raises Conflict saying
    who must not, Invalid naming the field that is missing.
    """
    person = _person(actor)
    event = await _event(tx, actor, event_id, lock=True)
    before = await _last_disposition(tx, event_id)
    refused = rules.why_not_close(
        1 if event.is_drill else event.tier,
        event.state,
        person,
        event.acknowledged_by_id,
        None if before is None else before.by_id,
    )
    if refused is not None:
        raise Conflict(f"the event {refused}")
    recorded = None if before is None else before.detail.get("next_contact_at")
    refuse(
        Problem("disposition", "is needed") if disposition is None and before is None else None,
        await _next_contact_problem(tx, event, next_contact_at, recorded, now),
        note_problem(note),
    )
    ends_as = disposition or cast(Disposition, tx.vault.open(event.disposition_sealed))
    done = await history(tx, event_id)
    refuse(
        *missing_for(
            event.tier,
            ends_as,
            done,
            is_drill=event.is_drill,
            closer_is_consultant=actor.has("consultant"),
        )
    )
    if disposition is not None:
        await _dispose(tx, actor, event, disposition, None, now, next_contact_at)
    await _plan_contact(tx, actor, event, next_contact_at, next_contact_mode, now)
    await tx.execute(
        update(RiskEvent)
        .where(RiskEvent.id == event_id)
        .values(state="closed", closed_at=now, closed_by_id=person, version=RiskEvent.version + 1)
    )
    await act(tx, event.clinic_id, event_id, "closed", person, now, note=note)
    await worklist.close_tasks(tx, event.clinic_id, task_key(event_id), "event_closed", now)
    if event.patient_id is not None:
        await worklist.refresh_patient(tx, event.patient_id, now)
    await record(tx, actor, "risk_event.closed", "risk_event", event_id, now=now, patient_id=event.patient_id)


def _person(actor: Actor) -> UUID:
    require(actor, *CLINICAL)
    if actor.kind != "staff" or actor.id is None:
        raise Forbidden("only a person acts on a risk event", code="person_needed")
    return actor.id


async def _event(tx: Tx, actor: Actor, event_id: UUID, *, lock: bool = False) -> Row[Any]:
    statement = select(RiskEvent.__table__).where(
        RiskEvent.id == event_id, RiskEvent.clinic_id == actor.clinic_id
    )
    event = await tx.first(statement.with_for_update() if lock else statement)
    if event is None:
        raise NotFound("risk event")
    return event


async def open_for_work(tx: Tx, actor: Actor, event_id: UUID, by_id: UUID | None) -> tuple[Row[Any], UUID]:
    """The event, locked, and the person who did what is recorded. Raises NotFound, Forbidden, Conflict."""
    by = await reporter(tx, actor, by_id)
    event = await _event(tx, actor, event_id, lock=True)
    if event.state == "closed":
        raise Conflict("the event is closed")
    if actor.kind == "token" and event.state == "open":
        raise Conflict("nobody has acknowledged the event: a person does that first, in the console")
    return event, by


async def reporter(tx: Tx, actor: Actor, by_id: UUID | None) -> UUID:
    """Who did it: the person who is signed in, or, for a key of another system, the member of staff whom it names.

    A key may report what a person did about an event that a person has taken; it takes and closes none itself.
    Raises Forbidden for the machine, Invalid when the key names nobody who may.
    """
    if actor.kind != "token":
        return _person(actor)
    require(actor, *CLINICAL)
    member = select(Staff.id).join(StaffRole, StaffRole.staff_id == Staff.id)
    known = await tx.first(
        member.where(
            Staff.id == by_id,
            Staff.disabled_at.is_(None),
            StaffRole.clinic_id == actor.clinic_id,
            StaffRole.role.in_(CLINICAL),
        ).limit(1)
    )
    if known is None:
        raise Invalid.field("by_id", "must be a clinical member of this clinic's staff")
    return cast(UUID, known.id)


async def refuse_undecided(tx: Tx, event_id: UUID, about: Decision) -> None:
    """Raises Conflict unless the last decision about it was for it."""
    if about not in (await history(tx, event_id)).ordered:
        thing = "the emergency contact" if about == "emergency_contact" else "a welfare check"
        raise Conflict(f"a clinician decides for {thing} first, with a reason", code="undecided")


async def history(tx: Tx, event_id: UUID) -> Done:
    rows = await tx.all(
        select(RiskAction.kind, RiskAction.detail)
        .where(RiskAction.event_id == event_id)
        .order_by(RiskAction.at, RiskAction.id)
    )
    return done_by(rows)


async def take(tx: Tx, by: UUID, event: Row[Any], now: datetime) -> bool:
    """True when this call moved the event from open to acknowledged."""
    lapses = await lapses_at(tx, event, now)
    taken = await tx.execute(
        update(RiskEvent)
        .where(RiskEvent.id == event.id, RiskEvent.state == "open")
        .values(
            state="acknowledged",
            acknowledged_at=now,
            acknowledged_by_id=by,
            next_action_at=lapses,
            version=RiskEvent.version + 1,
        )
    )
    if taken.rowcount != 1:
        return False
    await act(tx, event.clinic_id, event.id, "acknowledged", by, now)
    await worklist.assign_task(tx, event.clinic_id, task_key(event.id), by, lapses)
    return True


async def _who_has_it(tx: Tx, event_id: UUID, person: UUID) -> Acknowledgement:
    row = await tx.first(
        select(RiskEvent.acknowledged_by_id, RiskEvent.acknowledged_at, Staff.name)
        .outerjoin(Staff, Staff.id == RiskEvent.acknowledged_by_id)
        .where(RiskEvent.id == event_id)
    )
    if row is None:
        raise NotFound("risk event")
    return Acknowledgement(
        row.acknowledged_by_id == person, row.acknowledged_by_id, row.name or "", row.acknowledged_at
    )


async def restart_clock(tx: Tx, event: Row[Any], now: datetime) -> None:
    lapses = await lapses_at(tx, event, now)
    await tx.execute(update(RiskEvent).where(RiskEvent.id == event.id).values(next_action_at=lapses))


async def lapses_at(tx: Tx, event: Row[Any], now: datetime) -> datetime:
    """By the policy under which the event was opened."""
    protocol = await protocols.of_event(tx, event.clinic_id, event.protocol_id)
    return clocks.lapses_at(protocol, event.tier, now)


async def _dispose(
    tx: Tx,
    actor: Actor,
    event: Row[Any],
    disposition: Disposition,
    note: str | None,
    now: datetime,
    next_contact_at: datetime | None,
) -> None:
    moment = None if next_contact_at is None else next_contact_at.isoformat()
    await act(
        tx, event.clinic_id, event.id, "disposition", actor.id, now,
        note=note, disposition=disposition, next_contact_at=moment,
    )  # fmt: skip
    await tx.execute(
        update(RiskEvent)
        .where(RiskEvent.id == event.id)
        .values(disposition_sealed=tx.vault.seal(disposition), version=RiskEvent.version + 1)
    )


async def _plan_contact(
    tx: Tx, actor: Actor, event: Row[Any], at: datetime | None, mode: ContactMode, now: datetime
) -> None:
    """Puts the contact on the episode that is open, if one is: after the end of care it stands in the event alone."""
    if at is None or event.patient_id is None or event.is_drill:
        return
    episode = await episode_records.newest(tx, event.patient_id)
    if episode is not None and episode.status != "ended":
        await episodes.set_next_contact(tx, actor, event.patient_id, at, mode, CONTACT_PURPOSE, now=now)


async def _last_disposition(tx: Tx, event_id: UUID) -> Row[Any] | None:
    return await tx.first(
        select(RiskAction.by_id, RiskAction.detail)
        .where(RiskAction.event_id == event_id, RiskAction.kind == "disposition")
        .order_by(RiskAction.at.desc(), RiskAction.id.desc())
        .limit(1)
    )


async def _next_contact_problem(
    tx: Tx, event: Row[Any], given: datetime | None, recorded: str | None, now: datetime
) -> Problem | None:
    if given is not None:
        found = check_next_contact(given, "phone", None, now)
        return Problem("next_contact_at", found[0].message) if found else None
    if recorded is not None or event.patient_id is None or event.is_drill:
        return None
    deceased = await tx.scalar(select(Patient.deceased_on).where(Patient.id == event.patient_id))
    return None if deceased is not None else Problem("next_contact_at", "is needed")


def note_problem(note: str | None, field: str = "note") -> Problem | None:
    return Problem(field, f"is longer than {MAX_NOTE} characters") if note and len(note) > MAX_NOTE else None


def refuse(*problems: Problem | None) -> None:
    found = [problem for problem in problems if problem is not None]
    if found:
        raise Invalid(*found)
