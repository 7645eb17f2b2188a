"""A signal of danger becomes a risk event, or joins the open one. Called by whoever files an answer or reads a text,
in that same transaction, so that no channel can forget it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, exists, insert, or_, select, update

from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import Unavailable
from kernel.ids import new_code
from registry.access import CLINICAL
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic, Staff, StaffRole
from registry.ports import Alerts
from registry.protocol import queries as protocols
from registry.protocol import rules as clocks
from registry.protocol.rules import Deadlines
from registry.safety import rules
from registry.safety.rules import CODE_ALPHABET, CODE_LENGTH, FIRST_LOOK, Signal, SignalResult, Tier
from registry.safety.tables import RiskAction, RiskEvent, RiskSignal
from registry.worklist import service as worklist

NewCode = Callable[[], str]
NEW_CODE: Final[NewCode] = partial(new_code, CODE_ALPHABET, CODE_LENGTH)
SHORT_CODES: Final = 4  # then codes grow: a clinic that used up its short ones still gets its alert
ATTEMPTS: Final = 12

_SEEN = select(RiskSignal.event_id).where(
    RiskSignal.source_kind == bindparam("kind"),
    RiskSignal.source_id == bindparam("source"),
    RiskSignal.trigger == bindparam("trigger"),
    RiskSignal.toward == bindparam("toward"),
)
_ANY_OPEN_EVENT = (
    select(
        RiskEvent.id,
        RiskEvent.tier,
        RiskEvent.state,
        RiskEvent.acknowledged_at,
        RiskEvent.responsible_id,
        RiskEvent.protocol_id,
    )
    .where(
        RiskEvent.clinic_id == bindparam("clinic"),
        RiskEvent.toward == bindparam("toward"),
        RiskEvent.is_drill == bindparam("drill"),
        RiskEvent.state != "closed",
    )
    .order_by(RiskEvent.opened_at)
    .limit(1)
    .with_for_update()
)
_OPEN_EVENT = _ANY_OPEN_EVENT.where(RiskEvent.patient_id == bindparam("patient"))
_OPEN_EVENT_OF_NUMBER = _ANY_OPEN_EVENT.where(
    RiskEvent.patient_id.is_(None), RiskEvent.phone_key == bindparam("phone")
)
_RESPONSIBLE = (
    select(Episode.id, Staff.id.label("manager"), Clinic.default_responsible_id)
    .select_from(Clinic)
    .outerjoin(
        Episode,
        and_(
            Episode.clinic_id == Clinic.id,
            or_(
                Episode.id == bindparam("episode"),
                and_(Episode.patient_id == bindparam("patient"), Episode.status != "ended"),
            ),
        ),
    )
    .outerjoin(
        Staff,
        and_(
            Staff.id == Episode.care_manager_id,
            Staff.disabled_at.is_(None),
            exists().where(
                StaffRole.staff_id == Staff.id,
                StaffRole.clinic_id == Clinic.id,
                StaffRole.role.in_(CLINICAL),
            ),
        ),
    )
    .where(Clinic.id == bindparam("clinic"))
    .order_by(Episode.referred_at.desc())
    .limit(1)
)
_OPEN = insert_or_skip(RiskEvent)


class Responsible(NamedTuple):
    episode_id: UUID | None
    staff_id: UUID | None


async def signal(
    tx: Tx, signal: Signal, *, now: datetime, alerts: Alerts, code: NewCode = NEW_CODE
) -> SignalResult:
    """Opens an event, or joins the one open for the patient and direction; the tier only ever rises.

    The same source and trigger again changes nothing and alerts nobody. An event that somebody had taken is opened
    again when the signal is news to them (`rules.alerts_again`). Raises Unavailable when no code is to be had.
    """
    source = {
        "kind": signal.source_kind,
        "source": signal.source_id,
        "trigger": signal.trigger,
        "toward": signal.toward,
    }
    seen = await tx.first(_SEEN, source)
    if seen is not None:
        return SignalResult(seen.event_id, opened=False, tier_raised=False)
    for attempt in range(ATTEMPTS):
        event = await _open_event(tx, signal)
        if event is not None:
            return await _join(tx, signal, event, now, alerts)
        event_id = await _open(tx, signal, _code(code, attempt), now, alerts)
        if event_id is not None:
            return SignalResult(event_id, opened=True, tier_raised=False)
    raise Unavailable("no free code for a risk event")


def task_key(event_id: UUID) -> str:
    return f"safety_event:{event_id}"


async def act(
    tx: Tx,
    clinic_id: UUID,
    event_id: UUID,
    kind: rules.ActionKind,
    by: UUID | None,
    now: datetime,
    *,
    note: str | None = None,
    who: str | None = None,
    **detail: str | int | None,
) -> None:
    """One line of the event's history; `note` and `who` are sealed."""
    await tx.execute(
        insert(RiskAction),
        {
            "id": tx.new_id(),
            "clinic_id": clinic_id,
            "event_id": event_id,
            "kind": kind,
            "by_id": by,
            "at": now,
            "detail": detail,
            "note_sealed": tx.vault.seal(note) if note else None,
            "who_sealed": tx.vault.seal(who) if who else None,
        },
    )


def _code(code: NewCode, attempt: int) -> str:
    return "".join(code() for _ in range(max(1, attempt - SHORT_CODES + 2)))


async def _open_event(tx: Tx, signal: Signal) -> Row[Any] | None:
    if signal.patient_id is None:
        if signal.phone_key is None:
            return None  # nobody to join: two unknown numbers may be two people
        number = {
            "clinic": signal.clinic_id,
            "phone": signal.phone_key,
            "toward": signal.toward,
            "drill": signal.is_drill,
        }
        return await tx.first(_OPEN_EVENT_OF_NUMBER, number)
    key = {
        "clinic": signal.clinic_id,
        "patient": signal.patient_id,
        "toward": signal.toward,
        "drill": signal.is_drill,
    }
    return await tx.first(_OPEN_EVENT, key)


async def _open(tx: Tx, signal: Signal, code: str, now: datetime, alerts: Alerts) -> UUID | None:
    """None when the code is taken, or somebody else opened the patient's event in the meantime."""
    responsible = await _responsible(tx, signal)
    event_id = tx.new_id()
    protocol = await protocols.active(tx, signal.clinic_id)
    limits = clocks.deadlines(protocol, signal.tier, now)
    row = _event_row(signal, event_id, code, responsible, now) | _limits(limits)
    opened = await tx.insert_once(pick(tx, _OPEN), row | {"protocol_id": protocol.id})
    if not opened:
        return None
    await _add_signal(tx, signal, event_id, now)
    if not signal.is_drill:  # a drill stands in the safety list, and in nobody's worklist
        await _open_task(tx, signal, event_id, responsible, code, limits.acknowledge_by, now)
    await _refresh(tx, signal, now)
    await alerts.first_alert(tx, event_id, now=now)
    return event_id


async def _open_task(
    tx: Tx,
    signal: Signal,
    event_id: UUID,
    responsible: Responsible,
    code: str,
    due_at: datetime,
    now: datetime,
) -> None:
    await worklist.open_task(
        tx,
        clinic_id=signal.clinic_id,
        patient_id=signal.patient_id,
        episode_id=responsible.episode_id,
        kind="safety_event",
        dedupe_key=task_key(event_id),
        due_at=due_at,
        owner_id=responsible.staff_id,
        ref_kind="risk_event",
        ref_id=event_id,
        detail={"code": code, "tier": signal.tier},
        now=now,
    )


async def _join(tx: Tx, signal: Signal, event: Row[Any], now: datetime, alerts: Alerts) -> SignalResult:
    await _add_signal(tx, signal, event.id, now)
    raised = signal.tier > event.tier
    if raised:
        await act(
            tx,
            signal.clinic_id,
            event.id,
            "tier_raised",
            None,
            now,
            from_tier=event.tier,
            to_tier=signal.tier,
        )
    again = rules.alerts_again(event.state, event.acknowledged_at, raised, now)
    if again:
        await _alert_again(tx, signal, event, cast(Tier, max(signal.tier, event.tier)), now)
    if raised:
        await _refresh(tx, signal, now)
    if again:
        await alerts.first_alert(tx, event.id, now=now)
    return SignalResult(event.id, opened=False, tier_raised=raised)


async def _alert_again(tx: Tx, signal: Signal, event: Row[Any], tier: Tier, now: datetime) -> None:
    if event.state != "open":
        await act(tx, signal.clinic_id, event.id, "reopened", None, now, trigger=signal.trigger)
    protocol = await protocols.of_event(tx, signal.clinic_id, event.protocol_id)
    limits = clocks.deadlines(protocol, tier, now)
    await tx.execute(
        update(RiskEvent)
        .where(RiskEvent.id == event.id)
        .values(tier=tier, **_limits(limits), **new_round(now))
    )
    await worklist.assign_task(
        tx, signal.clinic_id, task_key(event.id), event.responsible_id, limits.acknowledge_by
    )


def new_round(now: datetime) -> dict[str, Any]:
    """Columns of an event that nobody has, and whose ladder starts from the bottom."""
    return {
        "state": "open",
        "acknowledged_at": None,
        "acknowledged_by_id": None,
        "next_action_at": now + FIRST_LOOK,
        "step": 0,
        "round_at": now,
        "rung_at": None,
        "version": RiskEvent.version + 1,
    }


def _limits(limits: Deadlines) -> dict[str, datetime]:
    return {
        "acknowledge_by": limits.acknowledge_by,
        "contact_by": limits.contact_by,
        "assess_by": limits.assess_by,
    }


def _event_row(
    signal: Signal, event_id: UUID, code: str, responsible: Responsible, now: datetime
) -> dict[str, Any]:
    return {
        "id": event_id,
        "clinic_id": signal.clinic_id,
        "patient_id": signal.patient_id,
        "phone_key": signal.phone_key if signal.patient_id is None else None,
        "episode_id": responsible.episode_id,
        "code": code,
        "tier": signal.tier,
        "toward": signal.toward,
        "state": "open",
        "opened_at": now,
        "responsible_id": responsible.staff_id,
        "acknowledged_at": None,
        "acknowledged_by_id": None,
        "next_action_at": now + FIRST_LOOK,
        "step": 0,
        "round_at": now,
        "rung_at": None,
        "disposition_sealed": None,
        "closed_at": None,
        "closed_by_id": None,
        "is_drill": signal.is_drill,
        "is_canary": signal.is_canary,
        "version": 1,
    }


async def _responsible(tx: Tx, signal: Signal) -> Responsible:
    """The episode's care manager while that account works and has a clinical role here, else who the clinic named."""
    key = {"clinic": signal.clinic_id, "episode": signal.episode_id, "patient": signal.patient_id}
    row = await tx.first(_RESPONSIBLE, key)
    if row is None:
        return Responsible(signal.episode_id, None)
    return Responsible(row.id, row.manager or row.default_responsible_id)


async def _add_signal(tx: Tx, signal: Signal, event_id: UUID, now: datetime) -> None:
    await tx.execute(
        insert(RiskSignal),
        {
            "id": tx.new_id(),
            "clinic_id": signal.clinic_id,
            "event_id": event_id,
            "trigger": signal.trigger,
            "tier": signal.tier,
            "toward": signal.toward,
            "value": signal.value,
            "source_kind": signal.source_kind,
            "source_id": signal.source_id,
            "channel": signal.channel,
            "rule_version": signal.rule_version,
            "at": now,
        },
    )


async def _refresh(tx: Tx, signal: Signal, now: datetime) -> None:
    if signal.patient_id is not None:
        await worklist.refresh_patient(tx, signal.patient_id, now)
