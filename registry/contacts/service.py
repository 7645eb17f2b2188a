"""Recording a contact: note, registry, minutes, change of treatment, next contact and its reminder, all or nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, insert, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound, Problem
from registry.access import CARE, require
from registry.contacts import rules
from registry.contacts.forms import ContactForm
from registry.contacts.tables import Contact
from registry.disengagement.service import note_contact
from registry.episodes import records as episode_records
from registry.episodes import service as episodes
from registry.filing import service as filing
from registry.filing.text import day_text
from registry.organisation import queries as organisation
from registry.patients import records as patient_records
from registry.patients.service import refuse
from registry.ports import Outreach
from registry.recommendations import service as recommendations
from registry.time_log import service as time_log
from registry.time_log import timer
from registry.time_log.service import TimeForm
from registry.time_log.tables import TimeEntry
from registry.time_log.timer import StopForm
from registry.treatment_changes import service as treatment_changes
from registry.treatment_changes.rules import ChangeForm
from registry.worklist import service as worklist
from registry.worklist.tables import RegistryLine

Source = Literal["console", "api"]


async def record_contact(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    form: ContactForm,
    *,
    source: Source,
    now: datetime,
    outreach: Outreach,
) -> UUID:
    """Gives the contact's id. Raises `Invalid` with every problem of the form (fields of the parts as `next.at`,
    `medication.on`), `NotFound` for another clinic's patient, `Conflict` when no episode is open or `version` is
    stale."""
    clinic_id = require(actor, *CARE)
    await patient_records.locked(tx, clinic_id, patient_id)
    episode = await episode_records.open_episode(tx, patient_id)
    patient_records.refuse_stale(episode.version, form.version)
    refuse(rules.check(form, rules.Standing(episode.next_contact_at, episode.status), now))
    contact_id = tx.new_id()
    entry_id, seconds = await _log_minutes(tx, actor, patient_id, form, now)
    change_id = await _note_change(tx, actor, patient_id, contact_id, form, now)
    values = _values(tx, actor, form, now) | {
        "id": contact_id,
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "episode_id": episode.id,
        "time_entry_id": entry_id,
        "seconds": seconds,
        "treatment_change_id": change_id,
        "source": source,
    }
    await tx.execute(insert(Contact), values)
    await _set_next(tx, actor, patient_id, episode.id, form, now, outreach)
    await _tell_registry(tx, actor, episode.id, form, now)
    await _move_advice(tx, actor, patient_id, form, now)
    spoken = rules.is_contact(form.kind, form.outcome)
    await note_contact(tx, clinic_id, patient_id, episode.id, spoken=spoken, now=now)
    if form.no_show_text == "send":
        await outreach.ask_after_no_show(tx, actor, patient_id, contact_id, now=now)
    if form.note.strip() or rules.is_contact(form.kind, form.outcome):
        await filing.offer(
            tx, clinic_id, patient_id, episode.id, "contact", contact_id, owner_id=values["staff_id"], now=now
        )
    await audit.record(
        tx, actor, "contact.recorded", "contact", contact_id,
        now=now, patient_id=patient_id, kind=form.kind, outcome=form.outcome,
    )  # fmt: skip
    return contact_id


async def _log_minutes(
    tx: Tx, actor: Actor, patient_id: UUID, form: ContactForm, now: datetime
) -> tuple[UUID | None, int | None]:
    """(entry, seconds): the same minutes as the note tells of, which nobody enters a second time."""
    if form.from_timer:
        return await _stop_timer(tx, actor, patient_id, form, now)
    if form.minutes is None:
        return None, None
    entry = TimeForm(
        started_at=min(form.occurred_at, time_log.ended_now(form.minutes, now)),
        minutes=form.minutes,
        activity=form.activity,
        staff_id=form.staff_id,
    )
    entry_id = await time_log.log_time(tx, actor, patient_id, entry, source="contact", now=now)
    return entry_id, round(form.minutes * 60)


async def _stop_timer(
    tx: Tx, actor: Actor, patient_id: UUID, form: ContactForm, now: datetime
) -> tuple[UUID, int]:
    worked_for, entry_id = await timer.stop(tx, actor, StopForm(activity=form.activity), now=now)
    if worked_for != patient_id:
        raise Conflict("your timer runs for another patient: type the minutes instead")
    return entry_id, int(await tx.scalar(select(TimeEntry.seconds).where(TimeEntry.id == entry_id)))


async def _note_change(
    tx: Tx, actor: Actor, patient_id: UUID, contact_id: UUID, form: ContactForm, now: datetime
) -> UUID | None:
    told = form.medication
    if told is None:
        return None
    change = ChangeForm(
        on=told.on,
        kind=told.kind,
        what=f"{told.what.strip()} (by {told.by.strip()})",
        new_antidepressant=told.new_antidepressant,
        source="contact",
        source_id=contact_id,
    )
    try:
        return await treatment_changes.record_change(tx, actor, patient_id, change, now=now)
    except Invalid as error:
        raise Invalid(*(Problem(f"medication.{p.field}", p.message) for p in error.problems)) from None


async def _set_next(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    episode_id: UUID,
    form: ContactForm,
    now: datetime,
    outreach: Outreach,
) -> None:
    """The reminder of the old date is taken back and that of a near new one planned before anything is committed."""
    if form.next is None:
        return
    await episodes.set_next_contact(
        tx, actor, patient_id, form.next.at, form.next.mode, form.next.purpose, now=now
    )
    await outreach.next_contact_changed(tx, episode_id, now=now)


async def _tell_registry(tx: Tx, actor: Actor, episode_id: UUID, form: ContactForm, now: datetime) -> None:
    if rules.is_contact(form.kind, form.outcome):
        last = await tx.scalar(
            select(func.max(Contact.occurred_at)).where(
                Contact.episode_id == episode_id, Contact.spoken.is_(True)
            )
        )
        known = await tx.scalar(
            select(RegistryLine.last_contact_at).where(RegistryLine.episode_id == episode_id)
        )
        if known is None or (last is not None and last > known):
            await worklist.set_last_contact(tx, episode_id, last, now)
    if form.discuss:
        await worklist.set_flags(tx, actor, episode_id, discuss=True, now=now)


async def _move_advice(tx: Tx, actor: Actor, patient_id: UUID, form: ContactForm, now: datetime) -> None:
    """The next step of each recommendation that the patient was told of or asked about."""
    if not form.advice:
        return
    clinic = await organisation.clinic(tx, require(actor, *CARE))
    for told in form.advice:
        try:
            await recommendations.answered(
                tx, actor, patient_id, told.recommendation_id, told.answer, told.why,
                on=clinic.local_date(form.occurred_at), version=told.version, now=now,
            )  # fmt: skip
        except (Conflict, NotFound):
            raise Invalid.field("advice", "has moved on since this page was opened: look again") from None


def _values(tx: Tx, actor: Actor, form: ContactForm, now: datetime) -> dict[str, Any]:
    def sealed(text: str | None) -> str | None:
        return None if text is None or not text.strip() else tx.vault.seal(text.strip().replace("\r\n", "\n"))

    author = episode_records.staff_id(actor)
    told = form.medication
    step = form.next
    return {
        "kind": form.kind,
        "outcome": form.outcome,
        "channel": rules.channel_of(form),
        "spoken": rules.is_contact(form.kind, form.outcome),
        "occurred_at": form.occurred_at,
        "recorded_at": now,
        "staff_id": form.staff_id or author,
        "recorded_by_id": author,
        "identity_checked": form.identity_checked,
        "note_sealed": sealed(form.note),
        "adherence": form.adherence,
        "adherence_note_sealed": sealed(form.adherence_note),
        "side_effects": form.side_effects,
        "side_effects_note_sealed": sealed(form.side_effects_note),
        "skill": form.skill,
        "homework_sealed": sealed(form.homework),
        "medication_sealed": None
        if told is None
        else sealed(f"{told.what.strip()}, by {told.by.strip()}, since {day_text(told.on)}"),
        "next_contact_at": None if step is None else step.at,
        "next_contact_mode": None if step is None or step.at is None else step.mode,
        "next_contact_purpose_sealed": None if step is None else sealed(step.purpose),
        "discuss": form.discuss,
        "question_sealed": sealed(form.question),
    }
