"""What a decision about one patient's check-ins depends on, and the statements that read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, time
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, and_, exists, or_, select
from sqlalchemy.orm import aliased

from kernel.db import Tx, fixed
from messaging.consent.tables import EmailConsent, NumberStop, TextingConsent
from messaging.schedule.ladder import INVITED_LADDER, STARTED_LADDER, Ladder, when_invited, when_started
from messaging.schedule.staffed import StaffedHours, staffed_hours
from messaging.schedule.windows import SendingHours, Zone, candidate_zones, home_zone
from messaging.schedule.zones import local_date
from registry.episodes.tables import Episode
from registry.organisation.ladder import outreach_ladder
from registry.organisation.tables import Clinic, Holiday, Sender
from registry.patients.tables import Patient, PatientPhone
from registry.plans.tables import MeasurePlan

Way = Literal["items", "link", "email", "portal", "call"]
Channel = Literal["sms_link", "sms_items", "email", "portal", "phone", "none"]

IN_CARE: Final = ("active", "relapse_prevention")
TEXTED: Final = ("sms_link", "sms_items")
TEXT_LANGUAGES: Final = ("en", "es")  # other languages have no approved wording: a person calls
ADULT_AGE: Final = 18
HARD_STOPS: Final = ("opt_out", "carrier_opt_out", "wrong_number")

_Newest = aliased(TextingConsent)
_newest_consent = (
    select(_Newest.id)
    .where(_Newest.patient_id == Patient.id)
    .order_by(_Newest.recorded_at.desc(), _Newest.id.desc())
    .limit(1)
    .correlate(Patient)
    .scalar_subquery()
)
_NewestEmail = aliased(EmailConsent)
_newest_email = (
    select(_NewestEmail.id)
    .where(_NewestEmail.patient_id == Patient.id)
    .order_by(_NewestEmail.recorded_at.desc(), _NewestEmail.id.desc())
    .limit(1)
    .correlate(Patient)
    .scalar_subquery()
)
_live_stop = and_(
    NumberStop.phone_key == PatientPhone.phone_key,
    NumberStop.lifted_at.is_(None),
    or_(NumberStop.scope == "organisation", NumberStop.clinic_id == PatientPhone.clinic_id),
)

PERSON_COLUMNS: Final = (
    Patient.id.label("person_id"),
    Patient.clinic_id.label("patient_clinic_id"),
    Patient.channel,
    Patient.second_channel,
    Patient.language,
    Patient.zone.label("patient_zone"),
    Patient.window_start,
    Patient.window_end,
    Patient.birth_date,
    PatientPhone.id.label("phone_id"),
    PatientPhone.phone_sealed,
    PatientPhone.phone_key,
    PatientPhone.state.label("phone_state"),
    PatientPhone.shared,
    PatientPhone.safe_to_text,
    TextingConsent.kind.label("consent_kind"),
    TextingConsent.basis.label("consent_basis"),
    TextingConsent.content_level,
    TextingConsent.phone_key.label("consent_phone"),
    EmailConsent.kind.label("email_kind"),
    EmailConsent.address_sealed.label("email_sealed"),
    EmailConsent.address_key.label("email_key"),
    exists().where(_live_stop, NumberStop.kind.in_(HARD_STOPS)).label("stopped"),
    exists().where(_live_stop, NumberStop.kind == "invalid").label("unreachable"),
    exists().where(_live_stop, NumberStop.kind == "paused").label("paused"),
)


def join_person(statement: Any) -> Select[Any]:
    """Adds a patient's current number, newest texting consent and, where it is their second channel, e-mail address to
    a statement that already has the patient."""
    current = and_(PatientPhone.patient_id == Patient.id, PatientPhone.replaced_at.is_(None))
    joined: Select[Any] = statement.outerjoin(PatientPhone, current)
    joined = joined.outerjoin(TextingConsent, TextingConsent.id == _newest_consent)
    mailed = and_(Patient.second_channel == "email", EmailConsent.id == _newest_email)
    return joined.outerjoin(EmailConsent, mailed)


ONE_PERSON: Final = join_person(
    select(*PERSON_COLUMNS, Episode.id.label("episode_id"), Episode.status)
    .select_from(Patient)
    .outerjoin(Episode, and_(Episode.patient_id == Patient.id, Episode.status.not_in(fixed("ended"))))
)


class Site(msgspec.Struct, frozen=True):
    """A clinic as the schedule needs it. `sender_id` is the number that starts a conversation."""

    id: UUID
    text_name: str
    support_phone: str
    zone: str
    hours: SendingHours
    staffed: StaffedHours
    minors_allowed: bool
    sender_id: UUID | None
    invited: Ladder = INVITED_LADDER
    started: Ladder = STARTED_LADDER


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """One patient: whether they may be asked at all, by which way, and when.

    `refusal` forbids asking in any way; `no_text` only texts. `zone` is None when nothing says where the patient is.
    """

    patient_id: UUID
    clinic_id: UUID
    episode_id: UUID | None
    channel: Channel
    second_channel: Channel | None
    language: str
    zone: Zone | None
    hours: SendingHours
    phone_id: UUID | None
    phone_sealed: str | None
    phone_key: str | None
    shared: bool
    items_agreed: bool
    by_exemption: bool
    refusal: str | None
    no_text: str | None
    paused: bool
    site: Site
    email_sealed: str | None = None
    email_key: str | None = None

    @property
    def calendar(self) -> str:
        """The zone whose dates count: the patient's, else the clinic's."""
        return self.site.zone if self.zone is None else home_zone(self.zone)

    @property
    def way(self) -> Way:
        """How a check-in is first offered. A text that may not be sent becomes a call, so that somebody asks."""
        match self.channel:
            case "phone" | "none":
                return "call"
            case "portal":
                return "portal"
            case "sms_link" | "sms_items":
                if self.no_text is not None:
                    return "email" if self.may_be_mailed else "call"
                return "items" if self.channel == "sms_items" and self.items_agreed else "link"
            case "email":  # only ever a second channel
                return "call"

    @property
    def may_be_mailed(self) -> bool:
        """An address with consent is on file, as the second channel."""
        return self.second_channel == "email" and self.email_key is not None and self.zone is not None

    def can_use(self, way: Way) -> bool:
        """Whether a prompt may be tried this way at all. A page waits to be found; a person can always try to call."""
        match way:
            case "items" | "link":
                return self.no_text is None
            case "email":
                return self.may_be_mailed
            case "portal" | "call":
                return True

    @property
    def may_be_planned(self) -> bool:
        """A texted patient without consent, or whose number is stopped, has no check-in planned. A number that can't be
        reached leaves those who agreed to e-mail."""
        if self.refusal is not None or self.no_text in ("no_consent", "stopped"):
            return False
        return self.no_text != "unreachable" or self.may_be_mailed


def reach(tx: Tx, row: Row[Any], site: Site, now: datetime) -> Reach:
    zone = row.patient_zone or _candidates(tx, row)
    return Reach(
        patient_id=row.person_id,
        clinic_id=row.patient_clinic_id,
        episode_id=row.episode_id,
        channel=row.channel,
        second_channel=row.second_channel,
        language=row.language,
        zone=zone,
        hours=_hours(row.window_start, row.window_end, site.hours),
        phone_id=row.phone_id,
        phone_sealed=row.phone_sealed,
        phone_key=row.phone_key,
        shared=bool(row.shared),
        items_agreed=row.content_level == "items_by_sms" and row.consent_basis == "consent",
        by_exemption=row.consent_basis == "exemption",
        refusal=_refusal(row, site, now),
        no_text=_no_text(row, site, zone) if row.channel in TEXTED or row.second_channel in TEXTED else None,
        paused=bool(row.paused),
        site=site,
        email_sealed=row.email_sealed if row.email_kind == "given" else None,
        email_key=row.email_key if row.email_kind == "given" else None,
    )


def _candidates(tx: Tx, row: Row[Any]) -> Zone | None:
    if row.phone_sealed is None:
        return None
    return candidate_zones(tx.vault.open(row.phone_sealed)) or None


def _hours(opens: time | None, closes: time | None, site: SendingHours) -> SendingHours:
    if opens is None and closes is None:
        return site
    return SendingHours(opens or site.opens, closes or site.closes)


def _refusal(row: Row[Any], site: Site, now: datetime) -> str | None:
    if row.episode_id is None or row.status not in IN_CARE:
        return "not_in_care"
    if row.channel == "none":
        return "no_channel"
    # Whether a minor may be asked without a parent is state law; until the clinic has signed its policy, nobody is.
    if not site.minors_allowed and is_minor(row.birth_date, local_date(now, site.zone)):
        return "minor"
    return None


def is_minor(born: date | None, today: date) -> bool:
    """An unknown birth date is taken for an adult's: enrolment asks for it."""
    if born is None:
        return False
    had_birthday = (today.month, today.day) >= (born.month, born.day)
    return today.year - born.year - (0 if had_birthday else 1) < ADULT_AGE


def _no_text(row: Row[Any], site: Site, zone: Zone | None) -> str | None:
    if row.consent_kind != "given" or row.consent_phone != row.phone_key:
        return "no_consent"
    if row.stopped:
        return "stopped"
    if row.unreachable:
        return "unreachable"
    if row.phone_state != "verified":
        return "phone_not_verified"
    if not row.safe_to_text:
        return "not_safe_to_text"
    if row.language not in TEXT_LANGUAGES:
        return "language"
    if zone is None:
        return "zone_unknown"
    return "no_sender" if site.sender_id is None else None


async def sites(tx: Tx, clinic_ids: Collection[UUID]) -> Mapping[UUID, Site]:
    if not clinic_ids:
        return {}
    clinics = await tx.all(
        select(
            Clinic.id,
            Clinic.text_name,
            Clinic.support_phone,
            Clinic.zone,
            Clinic.staffed_hours,
            Clinic.window_start,
            Clinic.window_end,
            Clinic.minor_policy_signed_on,
            Clinic.settings,
        ).where(Clinic.id.in_(clinic_ids))
    )
    closed: dict[UUID, set[date]] = {}
    for holiday in await tx.all(
        select(Holiday.clinic_id, Holiday.on).where(Holiday.clinic_id.in_(clinic_ids))
    ):
        closed.setdefault(holiday.clinic_id, set()).add(holiday.on)
    senders: dict[UUID, UUID] = {}
    for sender in await tx.all(
        select(Sender.id, Sender.clinic_id)
        .where(Sender.clinic_id.in_(clinic_ids), Sender.active)
        .order_by(Sender.id.desc())
    ):
        senders[sender.clinic_id] = sender.id  # the oldest one wins
    return {row.id: _site(row, frozenset(closed.get(row.id, ())), senders.get(row.id)) for row in clinics}


def _site(row: Row[Any], holidays: frozenset[date], sender_id: UUID | None) -> Site:
    weekly = {
        int(day): [(time.fromisoformat(start), time.fromisoformat(end)) for start, end in shifts]
        for day, shifts in row.staffed_hours.items()
    }
    wanted = outreach_ladder(row.settings)
    return Site(
        id=row.id,
        text_name=row.text_name,
        support_phone=row.support_phone,
        zone=row.zone,
        hours=SendingHours(row.window_start, row.window_end),
        staffed=staffed_hours(row.zone, weekly, holidays),
        minors_allowed=row.minor_policy_signed_on is not None,
        sender_id=sender_id,
        invited=when_invited(wanted),
        started=when_started(wanted),
    )


async def person(tx: Tx, patient_id: UUID, now: datetime) -> Reach | None:
    row = await tx.first(ONE_PERSON.where(Patient.id == patient_id))
    if row is None:
        return None
    known = await sites(tx, {row.patient_clinic_id})
    return reach(tx, row, known[row.patient_clinic_id], now)


PLAN: Final = (
    select(
        MeasurePlan.patient_id,
        MeasurePlan.instrument_id,
        MeasurePlan.every_days,
        MeasurePlan.anchor_on,
        MeasurePlan.local_time,
    )
    .where(MeasurePlan.replaced_at.is_(None))
    .order_by(MeasurePlan.patient_id, MeasurePlan.instrument_id)
)
