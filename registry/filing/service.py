"""Whether what was written here is in the EHR too: offered with each note, ticked by a person, asked for after a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Database, Tx
from kernel.errors import NotFound
from registry.access import CARE, CLINICAL, require
from registry.filing.tables import ChartCopy
from registry.organisation.tables import Staff
from registry.working_time import next_business_day
from registry.worklist import service as worklist

Filed = Literal["contact", "care_plan", "relapse_plan", "safety_plan", "closing_note", "case_review", "month"]
MOST: Final = 200


class Note(msgspec.Struct, frozen=True):
    """Something to copy: whose it is, what it is, and who is asked to file it."""

    patient_id: UUID
    episode_id: UUID
    ref_id: UUID
    owner_id: UUID | None


class CopyState(msgspec.Struct, frozen=True):
    """`filed_at` None: not in the EHR yet, as far as anybody has said. `changed_at`: an earlier wording is there, and the
    note changed since."""

    kind: Filed
    ref_id: UUID
    made_at: datetime
    filed_at: datetime | None
    filed_by: str | None
    changed_at: datetime | None = None


async def offer(
    tx: Tx,
    clinic_id: UUID,
    patient_id: UUID,
    episode_id: UUID,
    kind: Filed,
    ref_id: UUID,
    *,
    owner_id: UUID | None,
    now: datetime,
) -> None:
    """With the note, in its transaction. On the next business day an unfiled one becomes a task of `owner_id`."""
    note = Note(patient_id, episode_id, ref_id, owner_id)
    await offer_many(tx, clinic_id, kind, [note], now=now)


async def offer_many(tx: Tx, clinic_id: UUID, kind: Filed, notes: Sequence[Note], *, now: datetime) -> None:
    """Several at once, as the close of a month makes them. Those of a month are asked for by `billing`, together."""
    if not notes:
        return
    due = next_business_day(now, await worklist.working_time(tx, clinic_id))
    rows = [
        {
            "id": tx.new_id(),
            "clinic_id": clinic_id,
            "patient_id": note.patient_id,
            "episode_id": note.episode_id,
            "kind": kind,
            "ref_id": note.ref_id,
            "made_at": now,
            "owner_id": note.owner_id,
            "next_at": due,
            "filed_at": None,
            "filed_by_id": None,
        }
        for note in notes
    ]
    await tx.execute(insert(ChartCopy), rows)


async def mark(
    tx: Tx, actor: Actor, patient_id: UUID, kind: Filed, ref_id: UUID, *, filed: bool, now: datetime
) -> None:
    """The tick, or taking it back. Raises NotFound for a copy that was never offered, or another patient's."""
    clinic_id = require(actor, *CARE, "consultant")
    mine = (
        ChartCopy.clinic_id == clinic_id,
        ChartCopy.patient_id == patient_id,
        ChartCopy.kind == kind,
        ChartCopy.ref_id == ref_id,
    )
    row = await tx.first(select(ChartCopy.id, ChartCopy.filed_at).where(*mine).with_for_update())
    if row is None:
        raise NotFound("copy for the chart")
    if (row.filed_at is not None) == filed:
        return
    values = (
        {
            "filed_at": now,
            "filed_by_id": actor.id if actor.kind == "staff" else None,
            "next_at": None,
            "changed_at": None,
        }
        if filed
        else {"filed_at": None, "filed_by_id": None, "next_at": now}
    )
    await tx.execute(update(ChartCopy).where(ChartCopy.id == row.id).values(**values))
    if filed:
        await worklist.close_tasks(tx, clinic_id, _key(kind, ref_id), "filed", now)
    action = "chart_copy.filed" if filed else "chart_copy.unfiled"
    await audit.record(tx, actor, action, kind, ref_id, now=now, patient_id=patient_id)


async def changed(tx: Tx, clinic_id: UUID, kind: Filed, ref_id: UUID, *, now: datetime) -> bool:
    """The note was amended: a copy that is in the EHR says something else now, and is asked for again on the next
    business day. False when none was ever offered."""
    row = await tx.first(
        select(ChartCopy.id, ChartCopy.filed_at)
        .where(ChartCopy.clinic_id == clinic_id, ChartCopy.kind == kind, ChartCopy.ref_id == ref_id)
        .with_for_update()
    )
    if row is None:
        return False
    if row.filed_at is not None:
        due = next_business_day(now, await worklist.working_time(tx, clinic_id))
        again = {"filed_at": None, "filed_by_id": None, "changed_at": now, "next_at": due}
        await tx.execute(update(ChartCopy).where(ChartCopy.id == row.id).values(**again))
    return True


async def states(
    tx: Tx, viewer: Actor, patient_id: UUID, *, refs: Collection[UUID] | None = None, now: datetime
) -> Mapping[UUID, CopyState]:
    """By the id of the note; the newest 200, or those of `refs` alone."""
    clinic_id = require(viewer, *CLINICAL)
    where = [ChartCopy.clinic_id == clinic_id, ChartCopy.patient_id == patient_id]
    if refs is not None:
        where.append(ChartCopy.ref_id.in_(refs))
    rows = await tx.all(
        select(ChartCopy.__table__, Staff.name)
        .outerjoin(Staff, Staff.id == ChartCopy.filed_by_id)
        .where(*where)
        .order_by(ChartCopy.made_at.desc(), ChartCopy.id.desc())
        .limit(MOST)
    )
    await audit.record(
        tx,
        viewer,
        "chart_copies.read",
        "patient",
        patient_id,
        now=now,
        patient_id=patient_id,
        count=len(rows),
    )
    return {
        row.ref_id: CopyState(
            cast(Filed, row.kind), row.ref_id, row.made_at, row.filed_at, row.name, row.changed_at
        )
        for row in rows
    }


async def ask_for_filing(database: Database, now: datetime, *, limit: int = 200) -> dict[str, int]:
    """Copies that nobody has filed by the next business day become tasks. Those of a closed month do not, eighty at once:
    `billing.close.copies` asks for them with one task."""

    async def body(tx: Tx) -> Counter[str]:
        rows = await tx.all(
            select(ChartCopy.__table__)
            .where(ChartCopy.next_at <= now, ChartCopy.kind != "month")
            .order_by(ChartCopy.next_at, ChartCopy.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        for row in rows:
            await _ask(tx, row, now)
        if rows:
            done = update(ChartCopy).where(ChartCopy.id.in_([row.id for row in rows])).values(next_at=None)
            await tx.execute(done)
        return Counter(asked=len(rows))

    return dict(await database.run(body))


async def _ask(tx: Tx, row: Any, now: datetime) -> None:
    await worklist.open_task(
        tx,
        clinic_id=row.clinic_id,
        patient_id=row.patient_id,
        episode_id=row.episode_id,
        kind="unfiled_note",
        dedupe_key=_key(row.kind, row.ref_id),
        due_at=now,
        owner_id=row.owner_id,
        ref_kind=row.kind,
        ref_id=row.ref_id,
        now=now,
    )


def _key(kind: str, ref_id: UUID) -> str:
    return f"file:{kind}:{ref_id}"
