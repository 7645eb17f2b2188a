"""Closed months as staff read them: versions, files, and whether the record still agrees."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from billing.close import record, service
from billing.close.files import LABELS, FileKind, MadeFile
from billing.close.record import Standing
from billing.close.rules import Delta, Frozen, deltas
from billing.close.tables import StatementVersion
from billing.statement.rules import BatchProblem, batch_problems
from billing.statement.service import EXPORTERS, READERS
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import require
from registry.time_log import closing
from registry.time_log.months import Month

KINDS: Final[tuple[FileKind, ...]] = tuple(LABELS)


class StoredFile(msgspec.Struct, frozen=True):
    kind: FileKind
    label: str
    name: str
    sha256: str
    made_at: datetime
    patient_months: int | None  # of a claim file


class Version(msgspec.Struct, frozen=True):
    """Version 1 is the close; later ones are adjustments with their `reason`."""

    id: UUID
    version: int
    closed_at: datetime
    closed_by: str
    content_hash: str
    rule_ids: tuple[str, ...]
    patient_months: int
    reason: str
    files: tuple[StoredFile, ...]


class MonthState(msgspec.Struct, frozen=True):
    """`standing` is empty while the month was never closed. `open` says whether time may be logged into it now.
    `drift` is what an adjustment made now would change."""

    month: Month
    versions: tuple[Version, ...]
    standing: tuple[Frozen, ...]
    open: bool
    drift: tuple[Delta, ...]
    problems: tuple[BatchProblem, ...]


async def month_state(tx: Tx, viewer: Actor, month: Month, *, now: datetime) -> MonthState:
    """Raises Forbidden without a billing role, Tampered when stored content was changed."""
    clinic_id = require(viewer, *READERS)
    rows = await record.versions(tx, clinic_id, month)
    is_open = await closing.closed(tx, clinic_id, month) is None
    if not rows:
        return MonthState(month, (), (), is_open, (), ())
    before = await record.standing(tx, clinic_id, month)
    after = await service.current(tx, clinic_id, month, before, now=now, by=viewer.name)
    frozen = tuple(each.frozen for each in before.values())
    await audit.record(
        tx, viewer, "statement.read", "statement_version", rows[-1].id, now=now, month=str(month),
        rows=len(before),
    )  # fmt: skip
    return MonthState(
        month=month,
        versions=await _versions(tx, clinic_id, month),
        standing=frozen,
        open=is_open,
        drift=deltas(frozen, after),
        problems=batch_problems(each.row for each in frozen),
    )


async def version_list(tx: Tx, viewer: Actor, month: Month) -> tuple[Version, ...]:
    """No patient's data: no audit row."""
    return await _versions(tx, require(viewer, *READERS), month)


async def adjustment(
    tx: Tx, viewer: Actor, month: Month, version: int, *, now: datetime
) -> tuple[Delta, ...]:
    """The delta report of an adjustment. Raises NotFound for a version that is none."""
    clinic_id = require(viewer, *EXPORTERS)
    known = {row.version: row.id for row in await record.versions(tx, clinic_id, month)}
    if version < 2 or version not in known:
        raise NotFound("the adjustment")
    before = await record.standing(tx, clinic_id, month, upto=version - 1)
    after = await record.standing(tx, clinic_id, month, upto=version)
    await audit.record(
        tx, viewer, "statement.read", "statement_version", known[version], now=now, month=str(month)
    )
    return deltas((each.frozen for each in before.values()), (each.frozen for each in after.values()))


async def download(
    tx: Tx, viewer: Actor, month: Month, version: int, kind: FileKind, *, now: datetime
) -> MadeFile:
    """The bytes as they were stored, with one audit row that says what left the system."""
    clinic_id = require(viewer, *EXPORTERS)
    known = {row.version: row for row in await record.versions(tx, clinic_id, month)}
    file = None
    if version in known:
        file = await record.stored_file(tx, clinic_id, known[version].id, kind)
    if file is None:
        raise NotFound("the file")
    await audit.record(
        tx, viewer, "statement.exported", "statement_version", known[version].id, now=now, month=str(month),
        version=version, file=kind, rows=known[version].patient_months, sha256=file.sha256,
    )  # fmt: skip
    return file


async def closed_patient_month(
    tx: Tx, clinic_id: UUID, month: Month, episode_id: UUID
) -> tuple[Version, Standing]:
    """What stands of one episode's month, with the version that left it so. Raises NotFound."""
    found = (await record.standing(tx, clinic_id, month, episode_id=episode_id)).get(str(episode_id))
    if found is None:
        raise NotFound("the closed patient-month")
    [version] = [each for each in await _versions(tx, clinic_id, month) if each.id == found.version_id]
    return version, found


async def _versions(tx: Tx, clinic_id: UUID, month: Month) -> tuple[Version, ...]:
    rows = await record.versions(tx, clinic_id, month)
    stored = await record.file_list(tx, clinic_id, [row.id for row in rows])
    return tuple(
        Version(
            id=row.id,
            version=row.version,
            closed_at=row.closed_at,
            closed_by=row.closed_by,
            content_hash=row.content_hash,
            rule_ids=tuple(row.rule_ids),
            patient_months=row.patient_months,
            reason=tx.vault.open_or_none(row.reason_sealed) or "",
            files=tuple(
                StoredFile(
                    kind=file.kind,
                    label=LABELS[file.kind],
                    name=file.name,
                    sha256=file.sha256,
                    made_at=file.made_at,
                    patient_months=len(file.episode_ids) if file.kind == "claims_837p" else None,
                )
                for file in stored
                if file.version_id == row.id
            ),
        )
        for row in rows
    )


async def closed_months(tx: Tx, clinic_id: UUID) -> int:
    """How many months the clinic has closed. A count alone: no audit row."""
    wanted = select(func.count(StatementVersion.month.distinct())).where(
        StatementVersion.clinic_id == clinic_id
    )
    return int(await tx.scalar(wanted))
