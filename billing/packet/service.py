"""An audit packet for one closed patient-month: made on request, by those who answer an auditor."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import or_, select

from billing.close.queries import closed_patient_month
from billing.close.rules import Frozen, encoded
from billing.packet import archive
from billing.packet.archive import Manifest
from billing.packet.evidence import Words, record_of
from billing.packet.print import printed
from kernel import audit
from kernel.audit import Actor, AuditEvent, Role
from kernel.db import Tx
from registry.access import require
from registry.organisation.tables import Clinic, Staff, StaffRole
from registry.time_log.months import Month

AUDITORS: Final[tuple[Role, ...]] = ("biller", "clinic_lead")


class Packet(msgspec.Struct, frozen=True):
    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Taken(msgspec.Struct, frozen=True):
    """A packet that was taken, by whom, and the SHA-256 of the whole file: what to hold a packet against."""

    at: datetime
    by: str
    version: int
    sha256: str


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
    names = await names_of(tx, clinic_id, frozen)
    manifest = Manifest(
        clinic=clinic,
        month=str(month),
        version=version.version,
        closed_at=version.closed_at,
        closed_by=version.closed_by,
        content_sha256=standing.sha256,
        month_sha256=version.content_hash,
        made_at=now,
    )
    record = await record_of(tx, frozen, names, month, words)
    members = {
        archive.README: archive.README_TEXT.encode(),
        archive.PDF: printed(manifest, frozen, record),
        archive.CLOSED: encoded(frozen).content,
        archive.RECORD: msgspec.json.format(msgspec.json.encode(record), indent=1),
        archive.RULE_SET: msgspec.json.format(msgspec.json.encode(frozen.inputs.rule_set), indent=1),
        archive.MANIFEST: msgspec.json.format(msgspec.json.encode(manifest), indent=1),
    }
    made = Packet(f"evenkeel-packet-{month}-{episode_id.hex[-12:]}.zip", archive.written(members))
    await audit.record(
        tx, viewer, "packet.exported", "episode", episode_id, now=now,
        patient_id=UUID(frozen.row.facts.patient_id), month=str(month), version=version.version,
        content_sha256=standing.sha256, packet_sha256=made.sha256,
    )  # fmt: skip
    return made


async def taken(tx: Tx, viewer: Actor, patient_id: UUID, month: Month) -> tuple[Taken, ...]:
    """The packets of one patient-month, newest first, at most 20 out of the patient's last 200. Hashes alone: no
    audit row of its own. Raises Forbidden without the role."""
    clinic_id = require(viewer, *AUDITORS)
    rows = await tx.all(
        select(AuditEvent.at, AuditEvent.detail, Staff.name)
        .outerjoin(Staff, Staff.id == AuditEvent.actor_id)
        .where(
            AuditEvent.patient_id == patient_id,
            AuditEvent.clinic_id == clinic_id,
            AuditEvent.action == "packet.exported",
        )
        .order_by(AuditEvent.seq.desc())
        .limit(200)
    )
    found = [
        Taken(row.at, row.name or "a program", row.detail["version"], row.detail["packet_sha256"])
        for row in rows
        if row.detail.get("month") == str(month) and "packet_sha256" in row.detail
    ]
    return tuple(found[:20])


async def names_of(tx: Tx, clinic_id: UUID, frozen: Frozen) -> dict[UUID, str]:
    """By id: people of the clinic, and whoever the time log names."""
    logged = [UUID(entry.staff_id) for entry in frozen.inputs.entries]
    of_clinic = select(StaffRole.staff_id).where(StaffRole.clinic_id == clinic_id)
    rows = await tx.all(
        select(Staff.id, Staff.name).where(or_(Staff.id.in_(logged), Staff.id.in_(of_clinic)))
    )
    return {row.id: row.name for row in rows}
