"""What a due row is, and everything that deciding about it depends on, read in two statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Integer, Row, Select, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import aliased

from kernel.db import Tx, among, fixed
from messaging.consent.tables import EmailConsent, NumberStop, TextingConsent
from messaging.conversation.tables import SmsThread
from messaging.delivery.rules import Consent, RowFacts
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
from registry.organisation.tables import Clinic, Sender, Staff
from registry.patients.tables import Patient, PatientPhone
from registry.safety.tables import RiskEvent

PORTAL_QUIET = timedelta(minutes=10)
RECENT = timedelta(days=8)
STOP_KINDS = ("opt_out", "carrier_opt_out", "wrong_number", "invalid")
NO_PATIENT_KINDS = frozenset({"alert", "notice"})


_InFlight = aliased(Outbox)
_Newest = aliased(TextingConsent)
_NewestEmail = aliased(EmailConsent)


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
    if mail_only:  # texts are stopped; staff alerts by e-mail and by call go on
        locked = locked.where(Outbox.channel != "sms")
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
        Clinic.text_name.label("clinic_text_name"),
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
        EmailConsent.kind.label("email_kind"),
        EmailConsent.address_key.label("email_key"),
        CheckIn.state.label("check_in_state"),
        SmsThread.turn.label("thread_turn"),
        SmsThread.active_check_in_id.label("thread_check_in"),
        RiskEvent.state.label("event_state"),
        RiskEvent.acknowledged_at.label("event_acknowledged_at"),
        Staff.phone_key.label("staff_phone_key"),
        Staff.phone_verified_at.label("staff_verified_at"),
        Sender.number.label("sender_number"),
        Sender.messaging_service_sid.label("service_sid"),
        exists().where(live_stop(due), NumberStop.kind.in_(STOP_KINDS)).label("stopped"),
        exists().where(live_stop(due), NumberStop.kind == "paused").label("paused"),
        exists()
        .where(
            Episode.patient_id == due.patient_id, Episode.status.in_(fixed("active", "relapse_prevention"))
        )
        .label("in_care"),
        exists()
        .where(CheckIn.patient_id == due.patient_id, CheckIn.state.in_(("invited", "in_progress")))
        .correlate_except(CheckIn)
        .label("being_asked"),
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
    newest_email = (
        select(_NewestEmail.id)
        .where(_NewestEmail.patient_id == due.c.patient_id)
        .order_by(_NewestEmail.recorded_at.desc(), _NewestEmail.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        due.join(Clinic, Clinic.id == due.c.clinic_id)
        .outerjoin(Patient, Patient.id == due.c.patient_id)
        .outerjoin(PatientPhone, PatientPhone.id == due.c.phone_id)
        .outerjoin(TextingConsent, TextingConsent.id == newest_consent)
        .outerjoin(EmailConsent, and_(due.c.channel == "email", EmailConsent.id == newest_email))
        .outerjoin(CheckIn, CheckIn.id == due.c.check_in_id)
        .outerjoin(SmsThread, SmsThread.id == due.c.thread_id)
        .outerjoin(RiskEvent, RiskEvent.id == due.c.event_id)
        .outerjoin(Staff, Staff.id == due.c.staff_id)
        .outerjoin(Sender, Sender.id == due.c.sender_id)
    )


DUE = {
    (one, mail_only): _due(one=one, mail_only=mail_only)
    for one in (True, False)
    for mail_only in (True, False)
}


class Recent(msgspec.Struct, frozen=True):
    """What left lately: texts per number in the last hour, unasked-for texts per patient with their moments."""

    per_number: dict[str, int]
    prompts: dict[UUID, tuple[datetime, ...]]


async def recent(tx: Tx, rows: Sequence[Row[Any]], now: datetime) -> Recent:
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


def facts(tx: Tx, row: Row[Any], left: Recent, now: datetime) -> RowFacts:
    zone = row.patient_zone or _likely_zone(tx, row)
    hours = SendingHours(row.patient_opens or row.clinic_opens, row.patient_closes or row.clinic_closes)
    prompts = left.prompts.get(row.patient_id, ())
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
        turn_matches=_turn_matches(row),
        question_open=None,
        alert_open=_alert_open(row),
        live_until=row.live_until,
        portal_quiet_until=None if row.portal_answer_at is None else row.portal_answer_at + PORTAL_QUIET,
        sent_last_hour=left.per_number.get(row.recipient_key, 0),
        sent_today=sum(_same_day(at, now, zone) for at in prompts),
        sent_last_week=sum(at > now - timedelta(days=7) for at in prompts),
        characters=len(tx.vault.open(row.body_sealed)) if row.consent_basis == "exemption" else 0,
    )


def _turn_matches(row: Row[Any]) -> bool | None:
    """A no-show text that crosses a check-in is not the turn of the conversation: a 1 would answer either."""
    if row.kind == "no_show" and row.being_asked:
        return False
    return None if row.turn is None else bool(row.thread_turn == row.turn)


def _likely_zone(tx: Tx, row: Row[Any]) -> Zone:
    """A number tells of places; an e-mail address doesn't, and its patient is near the clinic."""
    if row.patient_id is None:
        return ()
    return row.clinic_zone if row.channel == "email" else candidate_zones(tx.vault.open(row.to_sealed))


def _consent(row: Row[Any]) -> Consent:
    if row.channel == "email":
        return _mail_consent(row)
    if row.consent_kind is None:
        return "none"
    if row.consent_kind == "withdrawn":
        return "withdrawn"
    if row.consent_phone != row.recipient_key:
        return "none"  # agreed for another number
    return "exemption" if row.consent_basis == "exemption" else "granted"


def _mail_consent(row: Row[Any]) -> Consent:
    if row.email_kind == "withdrawn":
        return "withdrawn"
    return "granted" if row.email_kind == "given" and row.email_key == row.recipient_key else "none"


def _contact_ok(row: Row[Any]) -> bool:
    """The number is still the patient's, or the colleague's, current and verified one, and safe to text."""
    if row.kind == "alert" and row.staff_id is not None and row.channel != "email":
        return row.staff_verified_at is not None and row.staff_phone_key == row.recipient_key
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
