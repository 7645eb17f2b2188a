"""Taking due rows: what the claim must know, read in the transaction that takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, assert_never
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Integer, Row, Select, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from kernel.db import Tx, among, fixed
from messaging.consent.tables import NumberStop, TextingConsent
from messaging.conversation.tables import SmsThread
from messaging.delivery.rules import (
    ClaimDecision,
    Consent,
    DeferUntil,
    Expire,
    RowFacts,
    Send,
    Simulate,
    Suppress,
    decide_claim,
)
from messaging.delivery.settle import LEASE
from messaging.delivery.tables import Outbox
from messaging.links.tables import LinkVisit
from messaging.schedule.tables import OPEN_STATES, CheckIn
from messaging.schedule.windows import (
    SendingHours,
    Window,
    Zone,
    candidate_zones,
    later_opening,
    next_day_opening,
    window_at,
)
from messaging.schedule.zones import local_date
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic, Sender
from registry.patients.tables import Patient, PatientPhone
from registry.safety.tables import RiskEvent

PORTAL_QUIET = timedelta(minutes=10)
RECENT = timedelta(days=8)
STOP_KINDS = ("opt_out", "carrier_opt_out", "wrong_number", "invalid")
NO_PATIENT_KINDS = frozenset({"alert"})


class Claimed(msgspec.Struct, frozen=True):
    """A row that is ours until the lease ends, with what the call needs."""

    outbox_id: UUID
    clinic_id: UUID
    token: UUID
    class_: str
    kind: str
    channel: str
    to: str
    body: str
    sender_number: str
    service_sid: str | None
    validity_s: int
    attempt: int
    not_after: datetime
    patient_id: UUID | None
    event_id: UUID | None


class Batch(msgspec.Struct, frozen=True):
    claimed: tuple[Claimed, ...]
    looked_at: int
    suppressed: int = 0
    expired: int = 0
    deferred: int = 0
    simulated: int = 0


_InFlight = aliased(Outbox)
_Newest = aliased(TextingConsent)


def _due(*, one: bool, mail_only: bool) -> Any:
    """The rows are locked in an inner statement, so that everything else is read only for those. Their number is part
    of the text: a plan that is kept for any number reads whole tables."""
    in_flight = exists().where(
        _InFlight.recipient_key == Outbox.recipient_key,
        _InFlight.message_class.in_(fixed("A")),
        _InFlight.state.in_(fixed("sending", "unknown")),
    )
    locked = select(Outbox).where(
        Outbox.state.in_(fixed("pending")),
        Outbox.next_at <= bindparam("now"),
        # One class A text in flight per number; B and C never wait for it.
        or_(Outbox.message_class != "A", ~in_flight),
    )
    if one:
        locked = locked.where(Outbox.id == bindparam("only"))
    if mail_only:  # the text provider is stopped; staff alerts by e-mail go on
        locked = locked.where(Outbox.channel == "email")
    due = (
        locked.order_by(Outbox.priority, Outbox.next_at, Outbox.id)
        .limit(bindparam("most", type_=Integer, literal_execute=True))
        .with_for_update(skip_locked=True)
        .subquery("due")
    )
    return _with_facts(due.c).select_from(_joined(due)).order_by(due.c.priority, due.c.next_at, due.c.id)


def live_stop(row: Any) -> ColumnElement[bool]:
    """A stop in force for the number and clinic of this outbox row."""
    return and_(
        NumberStop.phone_key == row.recipient_key,
        NumberStop.lifted_at.is_(None),
        or_(NumberStop.scope == "organisation", NumberStop.clinic_id == row.clinic_id),
    )


def _with_facts(due: Any) -> Select[Any]:
    return select(
        *due,
        Clinic.texting_mode,
        Clinic.zone.label("clinic_zone"),
        Clinic.window_start.label("clinic_opens"),
        Clinic.window_end.label("clinic_closes"),
        Patient.zone.label("patient_zone"),
        Patient.window_start.label("patient_opens"),
        Patient.window_end.label("patient_closes"),
        PatientPhone.replaced_at.label("phone_replaced_at"),
        PatientPhone.state.label("phone_state"),
        PatientPhone.safe_to_text,
        TextingConsent.kind.label("consent_kind"),
        TextingConsent.basis.label("consent_basis"),
        TextingConsent.phone_key.label("consent_phone"),
        CheckIn.state.label("check_in_state"),
        SmsThread.turn.label("thread_turn"),
        SmsThread.active_check_in_id.label("thread_check_in"),
        RiskEvent.state.label("event_state"),
        RiskEvent.acknowledged_at.label("event_acknowledged_at"),
        Sender.number.label("sender_number"),
        Sender.messaging_service_sid.label("service_sid"),
        exists().where(live_stop(due), NumberStop.kind.in_(STOP_KINDS)).label("stopped"),
        exists().where(live_stop(due), NumberStop.kind == "paused").label("paused"),
        exists()
        .where(
            Episode.patient_id == due.patient_id, Episode.status.in_(fixed("active", "relapse_prevention"))
        )
        .label("in_care"),
        select(func.max(LinkVisit.last_answer_at))
        .where(LinkVisit.check_in_id == due.check_in_id)
        .scalar_subquery()
        .label("portal_answer_at"),
    )


def _joined(due: Any) -> Any:
    newest_consent = (
        select(_Newest.id)
        .where(_Newest.patient_id == due.c.patient_id)
        .order_by(_Newest.recorded_at.desc(), _Newest.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        due.join(Clinic, Clinic.id == due.c.clinic_id)
        .outerjoin(Patient, Patient.id == due.c.patient_id)
        .outerjoin(PatientPhone, PatientPhone.id == due.c.phone_id)
        .outerjoin(TextingConsent, TextingConsent.id == newest_consent)
        .outerjoin(CheckIn, CheckIn.id == due.c.check_in_id)
        .outerjoin(SmsThread, SmsThread.id == due.c.thread_id)
        .outerjoin(RiskEvent, RiskEvent.id == due.c.event_id)
        .outerjoin(Sender, Sender.id == due.c.sender_id)
    )


_DUE = {
    (one, mail_only): _due(one=one, mail_only=mail_only)
    for one in (True, False)
    for mail_only in (True, False)
}


async def claim(
    tx: Tx, *, now: datetime, limit: int, only: UUID | None = None, mail_only: bool = False
) -> Batch:
    """Takes up to `limit` due rows under one new token; everything that must not leave is ended or put off here.

    Raises what a poison row raises; the caller then claims row by row with `only`.
    """
    values = {"now": now, "most": limit} | ({} if only is None else {"only": only})
    rows = await tx.all(_DUE[only is not None, mail_only], values)
    recent = await _recent(tx, rows, now)
    decided = [(row, decide_claim(_facts(tx, row, recent, now), now)) for row in rows]
    return await _write(tx, _one_each(decided), now, looked_at=len(rows))


class Recent(msgspec.Struct, frozen=True):
    """What left lately: texts per number in the last hour, unasked-for texts per patient with their moments."""

    per_number: dict[str, int]
    prompts: dict[UUID, tuple[datetime, ...]]


async def _recent(tx: Tx, rows: Sequence[Row[Any]], now: datetime) -> Recent:
    numbers = {row.recipient_key for row in rows if row.channel == "sms"}
    patients = {row.patient_id for row in rows if row.patient_id is not None}
    if not numbers:
        return Recent({}, {})
    counted = await tx.all(
        select(Outbox.recipient_key, Outbox.patient_id, Outbox.attempted_at, Outbox.prompts_patient).where(
            # By patient too: a changed number gives nobody a second invitation that day.
            or_(among(tx, Outbox.recipient_key, numbers), among(tx, Outbox.patient_id, patients)),
            Outbox.attempted_at > now - RECENT,
            Outbox.state.in_(("sending", "unknown", "accepted", "simulated")),
            or_(
                Outbox.provider_status.is_(None),
                Outbox.provider_status.not_in(("failed", "undelivered", "canceled")),
            ),
        )
    )
    per_number = Counter(row.recipient_key for row in counted if row.attempted_at > now - timedelta(hours=1))
    prompts: dict[UUID, tuple[datetime, ...]] = {}
    for row in counted:
        if row.patient_id is not None and row.prompts_patient:
            prompts[row.patient_id] = (*prompts.get(row.patient_id, ()), row.attempted_at)
    return Recent(dict(per_number), prompts)


@lru_cache(maxsize=64)  # the rows of one claim ask for few zones at one moment
def _windows(
    now: datetime, zone: Zone, hours: SendingHours
) -> tuple[Window | None, datetime | None, datetime | None]:
    """The window that holds `now`, the next opening, and the next local day's."""
    if not zone:
        return None, None, None
    return window_at(now, zone, hours), later_opening(now, zone, hours), next_day_opening(now, zone, hours)


def _facts(tx: Tx, row: Row[Any], recent: Recent, now: datetime) -> RowFacts:
    zone = row.patient_zone or (candidate_zones(tx.vault.open(row.to_sealed)) if row.patient_id else ())
    hours = SendingHours(row.patient_opens or row.clinic_opens, row.patient_closes or row.clinic_closes)
    prompts = recent.prompts.get(row.patient_id, ())
    window, later, next_day = _windows(now, zone, hours)
    is_patients = row.patient_id is not None and row.kind not in NO_PATIENT_KINDS
    return RowFacts(
        kind=row.kind,
        not_before=row.not_before,
        not_after=row.not_after,
        clinic_mode=row.texting_mode,
        consent=_consent(row),
        opted_out=row.stopped,
        texts_paused=row.paused,
        episode_open=row.in_care or not is_patients,
        contact_version_ok=_contact_ok(row),
        window=window,
        later_opening=later,
        next_day_opening=next_day,
        check_in_open=None if row.check_in_id is None else row.check_in_state in OPEN_STATES,
        turn_matches=None if row.turn is None else row.thread_turn == row.turn,
        question_open=None,
        alert_open=_alert_open(row),
        live_until=row.live_until,
        portal_quiet_until=None if row.portal_answer_at is None else row.portal_answer_at + PORTAL_QUIET,
        sent_last_hour=recent.per_number.get(row.recipient_key, 0),
        sent_today=sum(_same_day(at, now, zone) for at in prompts),
        sent_last_week=sum(at > now - timedelta(days=7) for at in prompts),
        characters=len(tx.vault.open(row.body_sealed)) if row.consent_basis == "exemption" else 0,
    )


def _consent(row: Row[Any]) -> Consent:
    if row.consent_kind is None:
        return "none"
    if row.consent_kind == "withdrawn":
        return "withdrawn"
    if row.consent_phone != row.recipient_key:
        return "none"  # agreed for another number
    return "exemption" if row.consent_basis == "exemption" else "granted"


def _contact_ok(row: Row[Any]) -> bool:
    """The number is still the patient's current, verified one, and safe to text."""
    if row.phone_id is None:
        return True
    return bool(row.phone_replaced_at is None and row.phone_state == "verified" and row.safe_to_text)


def _alert_open(row: Row[Any]) -> bool | None:
    """An alert about an event that someone has taken need not leave any more."""
    if row.kind != "alert" or row.event_id is None:
        return None
    return bool(row.event_state == "open")


def _same_day(at: datetime, now: datetime, zone: str | tuple[str, ...]) -> bool:
    name = zone if isinstance(zone, str) else (zone[0] if zone else "UTC")
    return local_date(at, name) == local_date(now, name)


Decided = tuple[Row[Any], ClaimDecision]


def _one_each(decided: Iterable[Decided]) -> list[Decided]:
    """At most one class A text per number leaves in a batch: two at once could arrive in the wrong order."""
    taken: set[str] = set()
    kept: list[Decided] = []
    for row, decision in decided:
        if row.message_class == "A" and isinstance(decision, Send):
            if row.recipient_key in taken:
                continue
            taken.add(row.recipient_key)
        kept.append((row, decision))
    return kept


async def _write(tx: Tx, decided: Sequence[Decided], now: datetime, *, looked_at: int) -> Batch:
    token = tx.new_id()
    sends: list[Decided] = []
    ended: dict[tuple[str, str], list[UUID]] = {}
    deferred: dict[datetime, list[UUID]] = {}
    for row, decision in decided:
        match decision:
            case Send():
                sends.append((row, decision))
            case Simulate():
                ended.setdefault(("simulated", "clinic_in_simulation"), []).append(row.id)
            case Suppress(reason=reason):
                ended.setdefault(("suppressed", reason), []).append(row.id)
            case Expire():
                ended.setdefault(("expired", "too_late"), []).append(row.id)
            case DeferUntil(at=at):
                deferred.setdefault(at, []).append(row.id)
            case _:
                assert_never(decision)
    for (state, why), ids in ended.items():
        values = {"state": state, "reason": why, "next_at": None, "updated_at": now}
        if state == "simulated":
            values |= {"attempted_at": now, "accepted_at": now}
        await tx.execute(_pending(tx, ids).values(**values))
    for at, ids in deferred.items():
        await tx.execute(_pending(tx, ids).values(next_at=at, updated_at=now))
    claimed = await _take(tx, sends, token, now)
    count = Counter(state for (state, _), ids in ended.items() for _ in ids)
    return Batch(
        claimed=tuple(claimed),
        looked_at=looked_at,
        suppressed=count["suppressed"],
        expired=count["expired"],
        simulated=count["simulated"],
        deferred=sum(len(ids) for ids in deferred.values()),
    )


def _pending(tx: Tx, ids: Sequence[UUID]) -> Any:
    return update(Outbox).where(among(tx, Outbox.id, ids), Outbox.state == "pending")


async def _take(tx: Tx, sends: Sequence[Decided], token: UUID, now: datetime) -> list[Claimed]:
    """Compare-and-set: only rows that were still pending are ours."""
    ids = [row.id for row, _ in sends]
    ours = await _mark_sending(tx, ids, token, now)
    if ours is None:  # another dispatcher took one of these numbers a moment ago: leave it that one
        one_by_one = [await _mark_sending(tx, [outbox_id], token, now) or set() for outbox_id in ids]
        ours = set().union(*one_by_one)
    return [_claimed(tx, row, decision, token) for row, decision in sends if row.id in ours]


async def _mark_sending(tx: Tx, ids: Sequence[UUID], token: UUID, now: datetime) -> set[UUID] | None:
    """Ids that are now ours; None, and nothing done, when a number already has a class A text in flight."""
    if not ids:
        return set()
    taking = (
        _pending(tx, ids)
        .values(
            state="sending",
            reason=None,
            claim_token=token,
            claim_expires_at=now + LEASE,
            next_at=now + LEASE,
            attempt=Outbox.attempt + 1,
            attempted_at=now,
            updated_at=now,
        )
        .returning(Outbox.id)
    )
    try:
        async with tx.conn.begin_nested():
            return set((await tx.execute(taking)).scalars())
    except IntegrityError:
        return None


def _claimed(tx: Tx, row: Row[Any], decision: ClaimDecision, token: UUID) -> Claimed:
    assert isinstance(decision, Send)
    return Claimed(
        outbox_id=row.id,
        clinic_id=row.clinic_id,
        token=token,
        class_=row.message_class,
        kind=row.kind,
        channel=row.channel,
        to=tx.vault.open(row.to_sealed),
        body=tx.vault.open(row.body_sealed),
        sender_number=row.sender_number or "",
        service_sid=row.service_sid,
        validity_s=decision.validity_s,
        attempt=row.attempt + 1,
        not_after=row.not_after,
        patient_id=row.patient_id,
        event_id=row.event_id,
    )
