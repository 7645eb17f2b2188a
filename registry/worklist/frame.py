"""What stands around every screen: the clinic, and how much waits. Nothing here is about one person."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, and_, bindparam, func, or_, select

from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Forbidden, NotFound
from registry.access import CLINICAL
from registry.organisation.rules import TextingMode
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient
from registry.safety.tables import RiskEvent
from registry.time_log.tables import RunningTimer
from registry.worklist.tables import Task


class FrameTimer(msgspec.Struct, frozen=True):
    """The viewer's running timer; `seen_at` is their last sign, `added_seconds` were put in by hand."""

    patient_id: UUID
    family_name: str
    given_name: str
    activity: str
    started_at: datetime
    seen_at: datetime
    added_seconds: int


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
    timer: FrameTimer | None = None


_UNTAKEN: Final = and_(
    RiskEvent.clinic_id == bindparam("clinic"), RiskEvent.state == "open", RiskEvent.is_canary.is_(False)
)
_CLINIC: Final = (Clinic.id, Clinic.name, Clinic.zone, Clinic.texting_mode)
_TIMER: Final = (
    RunningTimer.patient_id, RunningTimer.activity, RunningTimer.started_at, RunningTimer.seen_at,
    RunningTimer.added_seconds, Patient.family_name, Patient.given_name,
)  # fmt: skip
_NAMED = select(*_CLINIC).where(Clinic.id == bindparam("clinic"))
_COUNTS = select(
    *_CLINIC,
    *_TIMER,
    select(func.count()).where(_UNTAKEN).scalar_subquery().label("untaken"),
    select(func.min(RiskEvent.opened_at)).where(_UNTAKEN).scalar_subquery().label("untaken_since"),
    select(func.count()).where(_UNTAKEN, RiskEvent.is_drill.is_(True)).scalar_subquery().label("drills"),
    select(func.count())
    .where(
        RiskEvent.clinic_id == bindparam("clinic"),
        RiskEvent.state != "closed",
        RiskEvent.is_canary.is_(False),
    )
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
)
_COUNTED: Final = (
    _COUNTS.select_from(Clinic)
    .outerjoin(
        RunningTimer,
        and_(RunningTimer.clinic_id == Clinic.id, RunningTimer.staff_id == bindparam("viewer")),
    )
    .outerjoin(Patient, Patient.id == RunningTimer.patient_id)
    .where(Clinic.id == bindparam("clinic"))
)


async def frame(tx: Tx, viewer: Actor) -> Frame:
    """One statement. Without audit: it shows counts, and the patient of the viewer's own timer, whose start left an
    audit row. Raises Forbidden when no clinic was chosen."""
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
        timer=_timer(row),
    )


def _timer(row: Row[Any]) -> FrameTimer | None:
    if row.patient_id is None:
        return None
    return FrameTimer(
        row.patient_id,
        row.family_name,
        row.given_name,
        row.activity,
        row.started_at,
        row.seen_at,
        row.added_seconds,
    )
