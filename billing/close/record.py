"""Reading and writing closed months: the only file that touches their tables' contents."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select

from billing.close.files import FileKind, MadeFile
from billing.close.rules import Frozen, Sealed, decoded
from billing.close.tables import ClosedPatientMonth, StatementFile, StatementVersion
from billing.export.claims import ClaimFacts
from billing.statement.derivation import Inputs
from billing.statement.elements import primary_coverages
from kernel.db import Tx, among
from kernel.errors import DomainError
from registry.episodes.tables import Episode
from registry.organisation.tables import Staff
from registry.patients.forms import Address, SubscriberName
from registry.patients.queries import subscriber_name
from registry.patients.tables import Coverage, Patient
from registry.time_log.months import Month


class Tampered(DomainError):
    """What is stored no longer has the hash it was stored under."""

    code = "content_changed"


class Standing(msgspec.Struct, frozen=True):
    """A patient-month as the newest version that names it left it."""

    version_id: UUID
    version: int
    sha256: str
    frozen: Frozen


async def versions(tx: Tx, clinic_id: UUID, month: Month) -> Sequence[Row[Any]]:
    """Oldest first."""
    return await tx.all(
        select(*StatementVersion.__table__.c)
        .where(StatementVersion.clinic_id == clinic_id, StatementVersion.month == str(month))
        .order_by(StatementVersion.version)
    )


async def standing(
    tx: Tx, clinic_id: UUID, month: Month, *, upto: int | None = None, episode_id: UUID | None = None
) -> dict[str, Standing]:
    """What stands after the newest version (or version `upto`), by episode, in the order of names. Raises Tampered
    when a stored patient-month differs from its hash."""
    statement = select(*ClosedPatientMonth.__table__.c).where(
        ClosedPatientMonth.clinic_id == clinic_id, ClosedPatientMonth.month == str(month)
    )
    if upto is not None:
        statement = statement.where(ClosedPatientMonth.version <= upto)
    if episode_id is not None:
        statement = statement.where(ClosedPatientMonth.episode_id == episode_id)
    newest = {row.episode_id: row for row in await tx.all(statement.order_by(ClosedPatientMonth.version))}
    return _in_order(tx, (row for row in newest.values() if not row.removed))


async def removed(tx: Tx, clinic_id: UUID, month: Month) -> dict[str, Standing]:
    """What no longer stands, as it last stood. Raises Tampered."""
    rows = await tx.all(
        select(*ClosedPatientMonth.__table__.c)
        .where(ClosedPatientMonth.clinic_id == clinic_id, ClosedPatientMonth.month == str(month))
        .order_by(ClosedPatientMonth.version)
    )
    newest = {row.episode_id: row for row in rows}
    return _in_order(tx, (row for row in newest.values() if row.removed))


def _in_order(tx: Tx, rows: Iterable[Row[Any]]) -> dict[str, Standing]:
    found = [Standing(row.version_id, row.version, row.content_hash, opened(tx, row)) for row in rows]
    found.sort(key=lambda each: _by_name(each.frozen))
    return {each.frozen.episode_id: each for each in found}


def opened(tx: Tx, row: Row[Any]) -> Frozen:
    content = tx.vault.open(row.content_sealed).encode()
    if hashlib.sha256(content).hexdigest() != row.content_hash:
        raise Tampered("a closed patient-month differs from what was closed")
    return decoded(content)


def _by_name(frozen: Frozen) -> tuple[str, str, str]:
    facts = frozen.row.facts
    return facts.family_name, facts.given_name, frozen.episode_id


async def claim_facts(tx: Tx, clinic_id: UUID, inputs: Sequence[Inputs]) -> dict[str, ClaimFacts]:
    """Address, treating clinician and, of who is covered through somebody else, the subscriber's name, by episode, as
    they are now."""
    through = {
        UUID(cover.id): each.facts.episode.id
        for each in inputs
        for cover in primary_coverages(each.month, each.facts)[:1]
        if cover.subscriber != "self"
    }
    names = await _subscribers(tx, clinic_id, through)
    rows = await tx.all(
        select(Episode.id, Patient.address_sealed, Staff.name)
        .join(Patient, Patient.id == Episode.patient_id)
        .outerjoin(Staff, Staff.id == Episode.treating_clinician_id)
        .where(
            Episode.clinic_id == clinic_id,
            Episode.id.in_([UUID(each.facts.episode.id) for each in inputs]),
        )
    )
    return {
        str(row.id): ClaimFacts(
            _address(tx, row.address_sealed), row.name, names.get(str(row.id), msgspec.UNSET)
        )
        for row in rows
    }


async def _subscribers(tx: Tx, clinic_id: UUID, through: Mapping[UUID, str]) -> dict[str, SubscriberName]:
    if not through:
        return {}
    rows = await tx.all(
        select(Coverage.id, Coverage.subscriber_name_sealed).where(
            Coverage.clinic_id == clinic_id,
            among(tx, Coverage.id, list(through)),
            Coverage.subscriber_name_sealed.is_not(None),
        )
    )
    found = ((through[row.id], subscriber_name(tx, row.subscriber_name_sealed)) for row in rows)
    return {episode: name for episode, name in found if name is not None}


def _address(tx: Tx, sealed: str | None) -> Address | None:
    return None if sealed is None else msgspec.json.decode(tx.vault.open(sealed), type=Address)


async def store_version(tx: Tx, values: Mapping[str, Any]) -> None:
    await tx.execute(insert(StatementVersion), values)


async def store_rows(
    tx: Tx,
    clinic_id: UUID,
    version_id: UUID,
    month: Month,
    version: int,
    rows: Sequence[tuple[Frozen, Sealed, bool]],
) -> None:
    """(patient-month, its bytes, whether it stands no longer)."""
    values = [
        {
            "id": tx.new_id(),
            "clinic_id": clinic_id,
            "version_id": version_id,
            "month": str(month),
            "version": version,
            "patient_id": UUID(frozen.row.facts.patient_id),
            "episode_id": UUID(frozen.episode_id),
            "removed": removed,
            "content_hash": sealed.sha256,
            "content_sealed": tx.vault.seal(sealed.content.decode()),
        }
        for frozen, sealed, removed in rows
    ]
    if values:
        await tx.execute(insert(ClosedPatientMonth), values)


async def store_file(
    tx: Tx,
    clinic_id: UUID,
    version_id: UUID,
    file: MadeFile,
    *,
    by: UUID | None,
    now: datetime,
    episode_ids: Sequence[str] = (),
    number: int | None = None,
) -> UUID:
    file_id = tx.new_id()
    await tx.execute(
        insert(StatementFile),
        {
            "id": file_id,
            "clinic_id": clinic_id,
            "version_id": version_id,
            "kind": file.kind,
            "name": file.name,
            "media_type": file.media_type,
            "sha256": file.sha256,
            "content_sealed": tx.vault.seal(base64.b64encode(file.content).decode()),
            "made_at": now,
            "made_by_id": by,
            "episode_ids": list(episode_ids),
            "number": number,
        },
    )
    return file_id


async def file_list(tx: Tx, clinic_id: UUID, version_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    """Without their contents, in the order they were made."""
    table = StatementFile.__table__.c
    return await tx.all(
        select(*(column for column in table if column.name != "content_sealed"))
        .where(StatementFile.clinic_id == clinic_id, StatementFile.version_id.in_(version_ids))
        .order_by(StatementFile.id)
    )


async def stored_file(tx: Tx, clinic_id: UUID, version_id: UUID, kind: FileKind) -> MadeFile | None:
    """Raises Tampered when the bytes differ from the hash they were stored under."""
    row = await tx.first(
        select(*StatementFile.__table__.c).where(
            StatementFile.clinic_id == clinic_id,
            StatementFile.version_id == version_id,
            StatementFile.kind == kind,
        )
    )
    if row is None:
        return None
    file = MadeFile(kind, row.name, row.media_type, base64.b64decode(tx.vault.open(row.content_sealed)))
    if file.sha256 != row.sha256:
        raise Tampered("a stored file differs from what was stored")
    return file
