"""Filing contacts of another registry, and what follows from them here. Nothing is sent, and no minute is logged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Invalid
from registry import zones
from registry.access import require
from registry.contacts import past as rules
from registry.contacts.past import PastContact
from registry.contacts.rules import is_contact
from registry.contacts.tables import Contact
from registry.disengagement import service as disengagement
from registry.episodes import records as episode_records
from registry.episodes import service as episodes
from registry.episodes.rules import IN_CARE
from registry.episodes.tables import Episode
from registry.patients import records as patient_records
from registry.patients.service import refuse
from registry.ports import Outreach
from registry.worklist import service as worklist
from registry.worklist.tables import RegistryLine


class Filed(msgspec.Struct, frozen=True):
    patient_id: UUID
    episode_id: UUID


async def bring_in(
    tx: Tx, actor: Actor, patient_id: UUID, past: PastContact, zone: str, *, now: datetime
) -> Filed:
    """Of the episode that ran on its day in `zone`. What rests on the newest contact is left to `settle`.

    Raises `Invalid` with every problem, `NotFound` for another clinic's patient.
    """
    clinic_id = require(actor, "clinic_lead")
    await patient_records.locked(tx, clinic_id, patient_id)
    refuse(rules.check(past, now))
    episode_id = await _episode_on(tx, patient_id, zones.local_date(past.occurred_at, zone), zone)
    contact_id = tx.new_id()
    values = _values(tx, actor, past, now) | {
        "id": contact_id,
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "episode_id": episode_id,
    }
    await tx.execute(insert(Contact), values)
    await audit.record(
        tx, actor, "contact.brought_in", "contact", contact_id,
        now=now, patient_id=patient_id, kind=past.kind, outcome=past.outcome,
    )  # fmt: skip
    return Filed(patient_id, episode_id)


async def settle(tx: Tx, actor: Actor, filed: Iterable[Filed], *, now: datetime, outreach: Outreach) -> None:
    """Once after a file: when each patient was last reached, whether the rule about giving up is met, and a next
    contact that was agreed there, where nobody has planned one here."""
    for each in sorted(set(filed), key=lambda each: each.episode_id):
        await _tell_registry(tx, each.episode_id, now)
        await disengagement.look_after_history(
            tx, require(actor, "clinic_lead"), each.patient_id, each.episode_id, now=now
        )
        await _take_over_next(tx, actor, each, now, outreach)


async def _episode_on(tx: Tx, patient_id: UUID, on: date, zone: str) -> UUID:
    """The newest that had begun by then; a contact from before the first belongs to the first."""
    rows = await tx.all(
        select(Episode.id, Episode.referred_at, Episode.enrolled_on)
        .where(Episode.patient_id == patient_id)
        .order_by(Episode.created_at, Episode.id)
    )
    if not rows:
        raise Invalid.field("mrn", "has no episode of care")
    begun = [row for row in rows if _start(row, zone) <= on]
    found: UUID = (begun[-1] if begun else rows[0]).id
    return found


def _start(row: Any, zone: str) -> date:
    referred = zones.local_date(row.referred_at, zone)
    return referred if row.enrolled_on is None else min(referred, row.enrolled_on)


async def _tell_registry(tx: Tx, episode_id: UUID, now: datetime) -> None:
    last = await tx.scalar(
        select(func.max(Contact.occurred_at)).where(
            Contact.episode_id == episode_id, Contact.spoken.is_(True)
        )
    )
    known = await tx.scalar(select(RegistryLine.last_contact_at).where(RegistryLine.episode_id == episode_id))
    if last is not None and (known is None or last > known):
        await worklist.set_last_contact(tx, episode_id, last, now)


async def _take_over_next(tx: Tx, actor: Actor, filed: Filed, now: datetime, outreach: Outreach) -> None:
    """Only what was agreed last, and never in place of what somebody decided here."""
    agreed = await tx.first(
        select(
            Contact.source,
            Contact.next_contact_at,
            Contact.next_contact_mode,
            Contact.next_contact_purpose_sealed,
        )
        .where(Contact.episode_id == filed.episode_id)
        .where(Contact.next_contact_at.is_not(None) | Contact.next_contact_purpose_sealed.is_not(None))
        .order_by(Contact.occurred_at.desc(), Contact.id.desc())
        .limit(1)
    )
    if agreed is None or agreed.source != rules.IMPORTED:
        return
    if agreed.next_contact_at is None or agreed.next_contact_at <= now:
        return
    episode = await episode_records.newest(tx, filed.patient_id)
    decided = episode.next_contact_at is not None or episode.next_contact_purpose_sealed is not None
    if episode.id != filed.episode_id or episode.status not in IN_CARE or decided:
        return
    about = tx.vault.open_or_none(agreed.next_contact_purpose_sealed)
    await episodes.set_next_contact(
        tx, actor, filed.patient_id, agreed.next_contact_at, agreed.next_contact_mode, about, now=now
    )
    await outreach.next_contact_changed(tx, filed.episode_id, now=now)


def _values(tx: Tx, actor: Actor, past: PastContact, now: datetime) -> dict[str, Any]:
    step = past.next
    purpose = None if step is None or not step.purpose else step.purpose
    told: dict[str, Any] = dict.fromkeys(_NOT_TOLD)
    return told | {
        "kind": past.kind,
        "outcome": past.outcome,
        "channel": past.channel,
        "spoken": is_contact(past.kind, past.outcome),
        "occurred_at": past.occurred_at,
        "recorded_at": now,
        "staff_id": past.staff_id,
        "recorded_by_id": episode_records.staff_id(actor),
        "identity_checked": False,
        "note_sealed": tx.vault.seal(rules.note_of(past)),
        "seconds": None if past.minutes is None else past.minutes * 60,
        "next_contact_at": None if step is None else step.at,
        "next_contact_mode": None if step is None else step.mode,
        "next_contact_purpose_sealed": None if purpose is None else tx.vault.seal(purpose),
        "discuss": False,
        "source": rules.IMPORTED,
    }


_NOT_TOLD: Sequence[str] = (
    "adherence", "adherence_note_sealed", "side_effects", "side_effects_note_sealed", "skill", "homework_sealed",
    "time_entry_id", "treatment_change_id", "medication_sealed", "question_sealed",
)  # fmt: skip
