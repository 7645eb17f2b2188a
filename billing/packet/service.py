"""An audit packet for one closed patient-month: made on request, by those who answer an auditor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import or_, select

from billing.close.queries import closed_patient_month
from billing.close.rules import Frozen, encoded
from billing.packet import archive
from billing.packet.archive import Manifest
from billing.packet.contents import (
    ConsentWords,
    ContactNote,
    PlanVersion,
    Record,
    ReviewNote,
    Score,
    TreatmentNote,
    derivation,
    differences,
    time_log,
)
from billing.packet.print import printed
from kernel import audit
from kernel.audit import Actor, Role
from kernel.db import Tx
from registry import zones
from registry.access import require
from registry.care_plans.tables import CarePlan
from registry.contacts.tables import Contact
from registry.episodes.tables import CareConsent
from registry.measures.tables import MeasureResult
from registry.organisation.tables import Clinic, Staff, StaffRole
from registry.time_log.months import Month
from registry.treatment_changes.tables import TreatmentChange

AUDITORS: Final[tuple[Role, ...]] = ("biller", "clinic_lead")
Words = Callable[[str, str], str | None]  # version and language of a consent -> its text, None when not held
README: Final = """An audit packet for one patient and one calendar month.

closed.json    the month as it was closed: every input, and the line that came of it
record.json    consent with its words, scores, plans and their differences, contacts, reviews, the time log, the
               derivation in words
rule_set.json  the rule set of the line
packet.pdf     the same for reading
SHA256SUMS     a sum for every file

`evenkeel billing verify PACKET` derives the line again from closed.json alone and says whether all of it agrees. To
know that nobody wrote the whole packet anew, compare content_sha256 with the one on the month's billing page.
It holds health information: keep it where the record is kept. It is not a claim.
"""


class Packet(msgspec.Struct, frozen=True):
    name: str
    content: bytes


async def packet(
    tx: Tx, viewer: Actor, month: Month, episode_id: UUID, *, words: Words, now: datetime
) -> Packet:
    """What stands of one episode's closed month. `words` finds a consent's text by version and language.

    Raises NotFound for a month that is not closed or another clinic's episode, Forbidden without the role.
    """
    clinic_id = require(viewer, *AUDITORS)
    version, standing = await closed_patient_month(tx, clinic_id, month, episode_id)
    frozen = standing.frozen
    clinic: str = await tx.scalar(select(Clinic.name).where(Clinic.id == clinic_id))
    names = await _names(tx, clinic_id, frozen)
    manifest = Manifest(
        month=str(month),
        version=version.version,
        closed_at=version.closed_at,
        closed_by=version.closed_by,
        content_sha256=standing.sha256,
        month_sha256=version.content_hash,
        made_at=now,
    )
    record = await _record(tx, frozen, names, month, words)
    members = {
        archive.README: README.encode(),
        archive.PDF: printed(manifest, frozen, record, clinic),
        archive.CLOSED: encoded(frozen).content,
        archive.RECORD: msgspec.json.format(msgspec.json.encode(record), indent=1),
        archive.RULE_SET: msgspec.json.format(msgspec.json.encode(frozen.inputs.rule_set), indent=1),
        archive.MANIFEST: msgspec.json.format(msgspec.json.encode(manifest), indent=1),
    }
    await audit.record(
        tx, viewer, "packet.exported", "episode", episode_id, now=now,
        patient_id=UUID(frozen.row.facts.patient_id), month=str(month), version=version.version,
        content_sha256=standing.sha256,
    )  # fmt: skip
    return Packet(f"evenkeel-packet-{month}-{episode_id.hex[-12:]}.zip", archive.written(members))


async def _record(tx: Tx, frozen: Frozen, names: Mapping[UUID, str], month: Month, words: Words) -> Record:
    episode_id = UUID(frozen.episode_id)
    starts, ends = month.bounds(zones.zone(frozen.inputs.zone))
    plans = await _plans(tx, episode_id, names, ends)
    return Record(
        consents=await _consents(tx, episode_id, words),
        scores=await _scores(tx, episode_id, ends),
        plans=plans,
        plan_differences=differences(plans),
        contacts=await _contacts(tx, episode_id, names, starts, ends),
        reviews=await _reviews(tx, episode_id, names, starts, ends),
        treatment_changes=await _changes(tx, episode_id, names, month),
        time_log=time_log(frozen.inputs, {str(key): name for key, name in names.items()}),
        derivation=derivation(frozen.inputs),
    )


async def _names(tx: Tx, clinic_id: UUID, frozen: Frozen) -> dict[UUID, str]:
    """People of the clinic, and whoever the time log names."""
    logged = [UUID(entry.staff_id) for entry in frozen.inputs.entries]
    of_clinic = select(StaffRole.staff_id).where(StaffRole.clinic_id == clinic_id)
    rows = await tx.all(
        select(Staff.id, Staff.name).where(or_(Staff.id.in_(logged), Staff.id.in_(of_clinic)))
    )
    return {row.id: row.name for row in rows}


async def _consents(tx: Tx, episode_id: UUID, words: Words) -> tuple[ConsentWords, ...]:
    rows = await tx.all(
        select(*CareConsent.__table__.c)
        .where(CareConsent.episode_id == episode_id)
        .order_by(CareConsent.given_at, CareConsent.id)
    )
    return tuple(
        ConsentWords(
            id=str(row.id),
            kind=row.kind,
            method=row.method,
            given_at=row.given_at,
            recorded_by=row.recorded_by,
            wording_version=row.wording_version,
            language=row.language,
            words=words(row.wording_version, row.language) or "",
        )
        for row in rows
    )


async def _scores(tx: Tx, episode_id: UUID, ends: datetime) -> tuple[Score, ...]:
    """From the start of the episode to the month's end."""
    rows = await tx.all(
        select(*MeasureResult.__table__.c)
        .where(
            MeasureResult.episode_id == episode_id,
            MeasureResult.taken_at < ends,
            MeasureResult.replaced_at.is_(None),
        )
        .order_by(MeasureResult.taken_at, MeasureResult.id)
    )
    return tuple(
        Score(str(row.id), row.instrument_id, row.taken_at, row.total, row.band, row.is_complete)
        for row in rows
    )


async def _plans(
    tx: Tx, episode_id: UUID, names: Mapping[UUID, str], ends: datetime
) -> tuple[PlanVersion, ...]:
    """Every version written by the month's end, oldest first."""
    rows = await tx.all(
        select(*CarePlan.__table__.c)
        .where(CarePlan.episode_id == episode_id, CarePlan.created_at < ends)
        .order_by(CarePlan.kind, CarePlan.version)
    )
    return tuple(
        PlanVersion(
            id=str(row.id),
            kind=row.kind,
            version=row.version,
            written_at=row.created_at,
            written_by=_name(names, row.created_by_id),
            signed_at=row.signed_at,
            lines=tuple(flat(msgspec.json.decode(tx.vault.open(row.content_sealed)))),
        )
        for row in rows
    )


def flat(value: Any, path: str = "") -> Sequence[tuple[str, str]]:
    """A plan's content as lines: the way to each value, and the value. Empty ones are left out."""
    if isinstance(value, dict):
        return [line for key, each in value.items() for line in flat(each, f"{path} {key}".strip())]
    if isinstance(value, list):
        return [
            line for nth, each in enumerate(value, start=1) for line in flat(each, f"{path} {nth}".strip())
        ]
    return [] if value in (None, "") else [(path.replace("_", " "), str(value))]


async def _contacts(
    tx: Tx, episode_id: UUID, names: Mapping[UUID, str], starts: datetime, ends: datetime
) -> tuple[ContactNote, ...]:
    rows = await tx.all(
        select(*Contact.__table__.c)
        .where(Contact.episode_id == episode_id, Contact.occurred_at >= starts, Contact.occurred_at < ends)
        .order_by(Contact.occurred_at, Contact.id)
    )
    return tuple(
        ContactNote(
            id=str(row.id),
            at=row.occurred_at,
            recorded_at=row.recorded_at,
            kind=row.kind,
            outcome=row.outcome,
            by=_name(names, row.staff_id),
            note=tx.vault.open_or_none(row.note_sealed) or "",
            next_contact_at=row.next_contact_at,
            next_contact_mode=row.next_contact_mode or "",
            next_contact_purpose=tx.vault.open_or_none(row.next_contact_purpose_sealed) or "",
        )
        for row in rows
    )


async def _reviews(
    tx: Tx, episode_id: UUID, names: Mapping[UUID, str], starts: datetime, ends: datetime
) -> tuple[ReviewNote, ...]:
    return ()


async def _changes(
    tx: Tx, episode_id: UUID, names: Mapping[UUID, str], month: Month
) -> tuple[TreatmentNote, ...]:
    rows = await tx.all(
        select(*TreatmentChange.__table__.c)
        .where(
            TreatmentChange.episode_id == episode_id,
            TreatmentChange.on >= month.first_day,
            TreatmentChange.on <= month.last_day,
        )
        .order_by(TreatmentChange.on, TreatmentChange.id)
    )
    return tuple(
        TreatmentNote(
            id=str(row.id),
            on=row.on,
            kind=row.kind,
            words=tx.vault.open(row.what_sealed),
            recorded_by=_name(names, row.recorded_by_id),
            withdrawn=row.withdrawn_at is not None,
        )
        for row in rows
    )


def _name(names: Mapping[UUID, str], staff_id: UUID | None) -> str:
    return "the system" if staff_id is None else names.get(staff_id, "someone of another clinic")
