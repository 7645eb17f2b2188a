"""What stands around every screen: the clinic, and how much waits. Nothing here is about one person."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select

from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Forbidden, NotFound
from registry.access import CLINICAL
from registry.organisation.rules import TextingMode
from registry.organisation.tables import Clinic
from registry.safety.tables import RiskEvent
from registry.worklist.paging import mine
from registry.worklist.queries import flag_condition
from registry.worklist.rules import CURRENT, Flag
from registry.worklist.tables import RegistryLine, Task


class Frame(msgspec.Struct, frozen=True):
    """Counts are 0 for people without a clinical role. `untaken` events are those nobody has acknowledged, the oldest
    of them since `untaken_since`; `drills_only` when each of them is a drill."""

    clinic_id: UUID
    clinic: str
    zone: str
    texting_mode: TextingMode
    untaken: int = 0
    untaken_since: datetime | None = None
    drills_only: bool = False
    open_events: int = 0
    open_tasks: int = 0


class Counts(msgspec.Struct, frozen=True):
    """Patients in or before care: the viewer's own, the clinic's, and those with a flag."""

    mine: int
    clinic: int
    overdue: int
    flagged: dict[Flag, int]


_UNTAKEN: Final = and_(RiskEvent.clinic_id == bindparam("clinic"), RiskEvent.state == "open")
_CLINIC: Final = (Clinic.id, Clinic.name, Clinic.zone, Clinic.texting_mode)
_NAMED = select(*_CLINIC).where(Clinic.id == bindparam("clinic"))
_COUNTED = select(
    *_CLINIC,
    select(func.count()).where(_UNTAKEN).scalar_subquery().label("untaken"),
    select(func.min(RiskEvent.opened_at)).where(_UNTAKEN).scalar_subquery().label("untaken_since"),
    select(func.count()).where(_UNTAKEN, RiskEvent.is_drill.is_(True)).scalar_subquery().label("drills"),
    select(func.count())
    .where(RiskEvent.clinic_id == bindparam("clinic"), RiskEvent.state != "closed")
    .scalar_subquery()
    .label("open_events"),
    select(func.count())
    .where(
        Task.clinic_id == bindparam("clinic"),
        Task.done_at.is_(None),
        Task.kind != "safety_event",
        or_(Task.owner_id == bindparam("viewer"), Task.owner_id.is_(None)),
    )
    .scalar_subquery()
    .label("open_tasks"),
).where(Clinic.id == bindparam("clinic"))


async def frame(tx: Tx, viewer: Actor) -> Frame:
    """One statement. Without audit: it shows counts alone. Raises Forbidden when no clinic was chosen."""
    if viewer.clinic_id is None:
        raise Forbidden("no clinic was chosen", code="clinic_missing")
    clinical = viewer.has(*CLINICAL)
    values = {"clinic": viewer.clinic_id, "viewer": viewer.id}
    row = await tx.first(_COUNTED, values) if clinical else await tx.first(_NAMED, values)
    if row is None:
        raise NotFound("clinic")
    named = Frame(row.id, row.name, row.zone, cast(TextingMode, row.texting_mode))
    if not clinical:
        return named
    return msgspec.structs.replace(
        named,
        untaken=row.untaken,
        untaken_since=row.untaken_since,
        drills_only=row.untaken > 0 and row.untaken == row.drills,
        open_events=row.open_events,
        open_tasks=row.open_tasks,
    )


async def registry_counts(tx: Tx, viewer: Actor, *, today: date, now: datetime) -> Counts:
    """For the names of the registry's saved views: one statement, counts alone, so no audit row."""
    line = RegistryLine
    shown = [line.clinic_id == viewer.clinic_id, line.status.in_(CURRENT)]
    flags: tuple[Flag, ...] = ("safety", "severe", "discuss", "not_improving")
    wheres: dict[str, list[ColumnElement[bool]]] = {
        "mine": [mine(viewer)],
        "clinic": [],
        "overdue": [line.overdue_since <= now],
        **{flag: [flag_condition(flag, today)] for flag in flags},
    }
    row = await tx.first(
        select(
            *(
                select(func.count()).select_from(line).where(*shown, *where).scalar_subquery().label(name)
                for name, where in wheres.items()
            )
        )
    )
    assert row is not None
    return Counts(row.mine, row.clinic, row.overdue, {flag: getattr(row, flag) for flag in flags})
