"""An audit packet for one closed patient-month: made on request, by those who answer an auditor."""

from __future__ import annotations

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
from kernel.audit import Actor, Role
from kernel.db import Tx
from registry.access import require
from registry.organisation.tables import Clinic, Staff, StaffRole
from registry.time_log.months import Month

AUDITORS: Final[tuple[Role, ...]] = ("biller", "clinic_lead")
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
    record = await record_of(tx, frozen, names, month, words)
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


async def _names(tx: Tx, clinic_id: UUID, frozen: Frozen) -> dict[UUID, str]:
    """People of the clinic, and whoever the time log names."""
    logged = [UUID(entry.staff_id) for entry in frozen.inputs.entries]
    of_clinic = select(StaffRole.staff_id).where(StaffRole.clinic_id == clinic_id)
    rows = await tx.all(
        select(Staff.id, Staff.name).where(or_(Staff.id.in_(logged), Staff.id.in_(of_clinic)))
    )
    return {row.id: row.name for row in rows}
