"""Risk events for the screens, and what the alerting room needs to know. Bounded; reads by people are audited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.safety.rules import (
    ActionKind,
    Disposition,
    EventState,
    RiskLevel,
    SourceKind,
    Toward,
    Trigger,
)
from registry.safety.tables import RiskAction, RiskAssessment, RiskEvent, RiskSignal

LIST_LIMIT: Final = 200
HISTORY_LIMIT: Final = 500
BANNER_LIMIT: Final = 50


class Banner(msgspec.Struct, frozen=True):
    """Events of the clinic that nobody has taken, oldest first. Codes name no person. `codes` holds at most 50."""

    count: int
    codes: tuple[str, ...]


class EventLine(msgspec.Struct, frozen=True):
    """`patient_id` None: an unknown number wrote. `triggers` in the order they came, each once."""

    id: UUID
    code: str
    tier: int
    toward: Toward
    state: EventState
    is_drill: bool
    triggers: tuple[Trigger, ...]
    patient_id: UUID | None
    family_name: str | None
    given_name: str | None
    mrn: str | None
    opened_at: datetime
    acknowledge_by: datetime
    contact_by: datetime
    assess_by: datetime
    responsible_id: UUID | None
    responsible_name: str | None
    acknowledged_at: datetime | None
    acknowledged_by_id: UUID | None
    acknowledged_by_name: str | None
    next_action_at: datetime
    closed_at: datetime | None


class SignalLine(msgspec.Struct, frozen=True):
    trigger: Trigger
    tier: int
    value: int | None
    source_kind: SourceKind
    source_id: UUID
    channel: str
    rule_version: str
    at: datetime


class ActionLine(msgspec.Struct, frozen=True):
    """`by_name` is empty for what the system did. `who`: whom a step went to."""

    kind: ActionKind
    by_id: UUID | None
    by_name: str
    at: datetime
    detail: dict[str, Any]
    note: str | None
    who: str | None = None


class AssessmentLine(msgspec.Struct, frozen=True):
    """`level` is the person's, `suggested` what the answers come to by the tool's rules."""

    tool: str
    tool_version: str
    level: RiskLevel
    suggested: RiskLevel | None
    answers: dict[str, str]
    level_reason: str | None
    mitigation: str | None
    by_id: UUID
    by_name: str
    at: datetime


class EventPage(msgspec.Struct, frozen=True):
    """One event with everything that led to it and everything done about it, oldest first."""

    event: EventLine
    episode_id: UUID | None
    birth_date: date | None
    disposition: Disposition | None
    disposed_by_id: UUID | None
    closed_by_id: UUID | None
    signals: tuple[SignalLine, ...]
    actions: tuple[ActionLine, ...]
    assessments: tuple[AssessmentLine, ...]


class HistoryLine(msgspec.Struct, frozen=True):
    """One thing done about one of a patient's events, for the timeline and the case review."""

    event_id: UUID
    code: str
    tier: int
    is_drill: bool
    kind: ActionKind
    by_name: str
    at: datetime
    detail: dict[str, Any]
    note: str | None
    who: str | None


class AgendaLine(msgspec.Struct, frozen=True):
    """An event that the case review looks at: open, or closed since the last one."""

    event_id: UUID
    code: str
    tier: int
    state: EventState
    patient_id: UUID
    opened_at: datetime
    closed_at: datetime | None
    disposition: Disposition | None


_OF_PEOPLE = RiskEvent.is_canary.is_(False)  # drills are listed and marked, canaries nowhere
_UNTAKEN = (RiskEvent.clinic_id == bindparam("clinic"), RiskEvent.state == "open", _OF_PEOPLE)
_BANNER = (
    select(RiskEvent.code, func.count().over().label("n"))
    .where(*_UNTAKEN)
    .order_by(RiskEvent.opened_at, RiskEvent.id)
    .limit(BANNER_LIMIT)
)
_responsible = aliased(Staff)
_taker = aliased(Staff)
_LINES = (
    select(
        RiskEvent.id, RiskEvent.code, RiskEvent.tier, RiskEvent.toward, RiskEvent.state, RiskEvent.is_drill,
        RiskEvent.patient_id, Patient.family_name, Patient.given_name, Patient.mrn, RiskEvent.opened_at,
        RiskEvent.acknowledge_by, RiskEvent.contact_by, RiskEvent.assess_by,
        RiskEvent.responsible_id, _responsible.name.label("responsible_name"),
        RiskEvent.acknowledged_at, RiskEvent.acknowledged_by_id, _taker.name.label("acknowledged_by_name"),
        RiskEvent.next_action_at, RiskEvent.closed_at,
        RiskEvent.episode_id, RiskEvent.disposition_sealed, RiskEvent.closed_by_id, Patient.birth_date,
    )
    .outerjoin(Patient, Patient.id == RiskEvent.patient_id)
    .outerjoin(_responsible, _responsible.id == RiskEvent.responsible_id)
    .outerjoin(_taker, _taker.id == RiskEvent.acknowledged_by_id)
)  # fmt: skip


async def banner(tx: Tx, viewer: Actor) -> Banner:
    """For every page. Empty for people without a clinical role. Holds nothing about a person, so no audit row."""
    if viewer.clinic_id is None or not viewer.has(*CLINICAL):
        return Banner(0, ())
    rows = await tx.all(_BANNER, {"clinic": viewer.clinic_id})
    return Banner(rows[0].n if rows else 0, tuple(row.code for row in rows))


async def open_events(tx: Tx, viewer: Actor, *, now: datetime) -> tuple[EventLine, ...]:
    """Everything not closed, oldest first, drills marked; at most 200."""
    clinic_id = require(viewer, *CLINICAL)
    wanted = _LINES.where(RiskEvent.clinic_id == clinic_id, RiskEvent.state != "closed", _OF_PEOPLE)
    return await _listed(tx, viewer, wanted.order_by(RiskEvent.opened_at, RiskEvent.id), LIST_LIMIT, now)


async def closed_events(tx: Tx, viewer: Actor, *, now: datetime, limit: int = 50) -> tuple[EventLine, ...]:
    """The last closed ones, newest first; at most 200."""
    clinic_id = require(viewer, *CLINICAL)
    wanted = _LINES.where(RiskEvent.clinic_id == clinic_id, RiskEvent.state == "closed", _OF_PEOPLE)
    ordered = wanted.order_by(RiskEvent.closed_at.desc(), RiskEvent.id)
    return await _listed(tx, viewer, ordered, min(limit, LIST_LIMIT), now)


async def events_of(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> tuple[EventLine, ...]:
    """A patient's events, newest first; at most 200."""
    clinic_id = require(viewer, *CLINICAL)
    wanted = _LINES.where(RiskEvent.clinic_id == clinic_id, RiskEvent.patient_id == patient_id)
    return await _listed(tx, viewer, wanted.order_by(RiskEvent.opened_at.desc()), LIST_LIMIT, now, patient_id)


async def event(tx: Tx, viewer: Actor, event_id: UUID, *, now: datetime) -> EventPage:
    """Raises NotFound."""
    clinic_id = require(viewer, *CLINICAL)
    row = await tx.first(_LINES.where(RiskEvent.id == event_id, RiskEvent.clinic_id == clinic_id))
    if row is None:
        raise NotFound("risk event")
    signals, actions = await _signals(tx, [event_id]), await _actions(tx, event_id)
    disposed = [action for action in actions if action.kind == "disposition"]
    await record(tx, viewer, "risk_event.read", "risk_event", event_id, now=now, patient_id=row.patient_id)
    return EventPage(
        event=_line(row, signals.get(event_id, [])),
        episode_id=row.episode_id,
        birth_date=row.birth_date,
        disposition=cast("Disposition | None", tx.vault.open_or_none(row.disposition_sealed)),
        disposed_by_id=disposed[-1].by_id if disposed else None,
        closed_by_id=row.closed_by_id,
        signals=tuple(signals.get(event_id, [])),
        actions=actions,
        assessments=await _assessments(tx, event_id),
    )


async def history_of(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> tuple[HistoryLine, ...]:
    """Everything people did about a patient's events, newest first; at most 500. Canaries left out."""
    clinic_id = require(viewer, *CLINICAL)
    rows = await tx.all(
        select(
            RiskAction.event_id, RiskEvent.code, RiskEvent.tier, RiskEvent.is_drill, RiskAction.kind,
            Staff.name, RiskAction.at, RiskAction.detail, RiskAction.note_sealed, RiskAction.who_sealed,
        )
        .join(RiskEvent, RiskEvent.id == RiskAction.event_id)
        .outerjoin(Staff, Staff.id == RiskAction.by_id)
        .where(
            RiskEvent.clinic_id == clinic_id,
            RiskEvent.patient_id == patient_id,
            RiskEvent.is_canary.is_(False),
        )
        .order_by(RiskAction.at.desc(), RiskAction.id.desc())
        .limit(HISTORY_LIMIT)
    )  # fmt: skip
    await record(
        tx, viewer, "risk_events.history_read", "risk_event", None,
        now=now, patient_id=patient_id, count=len(rows),
    )  # fmt: skip
    return tuple(
        HistoryLine(
            row.event_id, row.code, row.tier, row.is_drill, cast(ActionKind, row.kind), row.name or "",
            row.at, row.detail, tx.vault.open_or_none(row.note_sealed), tx.vault.open_or_none(row.who_sealed),
        )
        for row in rows
    )  # fmt: skip


async def for_review(tx: Tx, viewer: Actor, *, since: datetime, now: datetime) -> tuple[AgendaLine, ...]:
    """What the case review looks at: events that are open, and those closed since `since`, the highest tier first,
    then the oldest; at most 200. Drills and canaries left out."""
    clinic_id = require(viewer, *CLINICAL)
    rows = await tx.all(
        select(
            RiskEvent.id, RiskEvent.code, RiskEvent.tier, RiskEvent.state, RiskEvent.patient_id,
            RiskEvent.opened_at, RiskEvent.closed_at, RiskEvent.disposition_sealed,
        )
        .where(
            RiskEvent.clinic_id == clinic_id,
            RiskEvent.patient_id.is_not(None),
            RiskEvent.is_drill.is_(False),
            or_(RiskEvent.state != "closed", RiskEvent.closed_at >= since),
        )
        .order_by(RiskEvent.tier.desc(), RiskEvent.opened_at, RiskEvent.id)
        .limit(LIST_LIMIT)
    )  # fmt: skip
    await record(tx, viewer, "risk_events.agenda_read", "risk_event", None, now=now, count=len(rows))
    return tuple(
        AgendaLine(
            row.id, row.code, row.tier, row.state, row.patient_id, row.opened_at, row.closed_at,
            cast("Disposition | None", tx.vault.open_or_none(row.disposition_sealed)),
        )
        for row in rows
    )  # fmt: skip


async def has_open_event(tx: Tx, patient_id: UUID) -> bool:
    """Whether a risk event about the patient is not closed; drills left out."""
    statement = select(RiskEvent.id).where(
        RiskEvent.patient_id == patient_id, RiskEvent.state != "closed", RiskEvent.is_drill.is_(False)
    )
    return await tx.first(statement.limit(1)) is not None


async def _listed(
    tx: Tx, viewer: Actor, statement: Any, limit: int, now: datetime, patient_id: UUID | None = None
) -> tuple[EventLine, ...]:
    rows = await tx.all(statement.limit(limit))
    signals = await _signals(tx, [row.id for row in rows])
    await record(
        tx, viewer, "risk_events.read", "risk_event", None, now=now, patient_id=patient_id, count=len(rows)
    )
    return tuple(_line(row, signals.get(row.id, [])) for row in rows)


async def _signals(tx: Tx, event_ids: Sequence[UUID]) -> dict[UUID, list[SignalLine]]:
    found: dict[UUID, list[SignalLine]] = {}
    if not event_ids:
        return found
    statement = (
        select(RiskSignal.__table__)
        .where(RiskSignal.event_id.in_(event_ids))
        .order_by(RiskSignal.at, RiskSignal.id)
    )
    for row in await tx.all(statement.limit(HISTORY_LIMIT * 2)):
        found.setdefault(row.event_id, []).append(
            SignalLine(
                row.trigger,
                row.tier,
                row.value,
                row.source_kind,
                row.source_id,
                row.channel,
                row.rule_version,
                row.at,
            )
        )
    return found


async def _actions(tx: Tx, event_id: UUID) -> tuple[ActionLine, ...]:
    statement = (
        select(
            RiskAction.kind,
            RiskAction.by_id,
            Staff.name,
            RiskAction.at,
            RiskAction.detail,
            RiskAction.note_sealed,
            RiskAction.who_sealed,
        )
        .outerjoin(Staff, Staff.id == RiskAction.by_id)
        .where(RiskAction.event_id == event_id)
        .order_by(RiskAction.at, RiskAction.id)
        .limit(HISTORY_LIMIT)
    )
    return tuple(
        ActionLine(
            cast(ActionKind, row.kind),
            row.by_id,
            row.name or "",
            row.at,
            row.detail,
            tx.vault.open_or_none(row.note_sealed),
            tx.vault.open_or_none(row.who_sealed),
        )
        for row in await tx.all(statement)
    )


async def _assessments(tx: Tx, event_id: UUID) -> tuple[AssessmentLine, ...]:
    rows = await tx.all(
        select(RiskAssessment.__table__, Staff.name)
        .outerjoin(Staff, Staff.id == RiskAssessment.by_id)
        .where(RiskAssessment.event_id == event_id)
        .order_by(RiskAssessment.at, RiskAssessment.id)
        .limit(HISTORY_LIMIT)
    )
    return tuple(
        AssessmentLine(
            tool=row.tool,
            tool_version=row.tool_version,
            level=row.level,
            suggested=row.suggested,
            answers=msgspec.json.decode(tx.vault.open_or_none(row.answers_sealed) or "{}"),
            level_reason=tx.vault.open_or_none(row.level_reason_sealed),
            mitigation=tx.vault.open_or_none(row.mitigation_sealed),
            by_id=row.by_id,
            by_name=row.name or "",
            at=row.at,
        )
        for row in rows
    )


def _line(row: Row[Any], signals: Sequence[SignalLine]) -> EventLine:
    given = {name: getattr(row, name) for name in EventLine.__struct_fields__ if name != "triggers"}
    return EventLine(**given, triggers=tuple(dict.fromkeys(signal.trigger for signal in signals)))
