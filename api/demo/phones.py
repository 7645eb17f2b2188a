"""What the phone page shows: whose phone, what is on it, and what the clinic's side made of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, and_, or_, select

from api.demo.stage import Due, next_due
from api.demo.views import BLANK, DemoPatient, PhoneEvent, PhoneMessage, PhonePage, split_links
from api.wiring import Deps
from kernel.db import Tx
from messaging.conversation.copy import phone_words
from messaging.conversation.tables import InboundMessage, SmsThread
from messaging.delivery.tables import Outbox
from messaging.links import service as links
from registry.episodes.tables import Episode
from registry.measures.tables import MeasureResult
from registry.organisation.tables import Clinic, Sender
from registry.patients.tables import Patient, PatientPhone
from registry.safety.tables import RiskEvent
from registry.worklist.tables import RegistryLine, Task
from registry.worklist.tasks import KINDS
from staff_console.formats import day, moment
from staff_console.words import instrument

MOST_MESSAGES: Final = 60
MOST_EVENTS: Final = 14
RECENT: Final = timedelta(days=7)
NUMBERS: Final = ("0", "1", "2", "3", "BACK", "SKIP", "STOP")
WORDS: Final = ("HELP", "START", "STOP")
CHANNELS: Final = {
    "sms_items": "Questions by text",
    "sms_link": "Link to a page",
    "portal": "Page only",
    "phone": "Calls only",
    "none": "No contact",
}
_BY: Final = {
    "sms": "by text",
    "portal": "on the page",
    "staff": "by staff",
    "mixed": "by text and on the page",
}
_NEWS: Final = {
    "check_in": "check-in",
    "reminder": "reminder or last call",
    "contact": "reminder of a contact",
    "thread": "end of a wait",
    "text": "text",
}
_MEANINGS: Final = {
    "stop": "Understood as an opt-out: no more texts",
    "start": "Understood as START",
    "help": "Answered with the help text",
    "crisis": "Crisis words: a safety event, and 988 at once",
    "who": "Asked who we are",
    "free_text": "Not an answer: a person reads it",
    "wrong_number": "Wrong number: nothing more is sent there",
    "already_done": "The check-in is done already",
    "late_answer": "Not asked here, so not filed: a person reads it",
}


class Owner:
    """A patient with a phone, and the clinic's number they write to."""

    __slots__ = (
        "clinic_id",
        "clinic_name",
        "name",
        "number",
        "patient_id",
        "phone_key",
        "sender",
        "sender_id",
        "zone",
    )

    def __init__(self, tx: Tx, row: Row[Any]) -> None:
        self.patient_id: UUID = row.id
        self.clinic_id: UUID = row.clinic_id
        self.clinic_name: str = row.clinic
        self.name = f"{row.given_name} {row.family_name}"
        self.number = tx.vault.open(row.phone_sealed)
        self.phone_key: str = row.phone_key
        self.sender_id: UUID = row.sender_id
        self.sender: str = row.sender
        self.zone: str = row.zone


async def owner(tx: Tx, patient_id: UUID) -> Owner | None:
    row = await tx.first(
        select(
            Patient.id, Patient.clinic_id, Patient.given_name, Patient.family_name, Clinic.name.label("clinic"),
            Clinic.zone, PatientPhone.phone_sealed, PatientPhone.phone_key,
            Sender.id.label("sender_id"), Sender.number.label("sender"),
        )
        .join(Clinic, Clinic.id == Patient.clinic_id)
        .join(Sender, Sender.clinic_id == Clinic.id)
        .join(PatientPhone, and_(PatientPhone.patient_id == Patient.id, PatientPhone.replaced_at.is_(None)))
        .where(Patient.id == patient_id)
    )  # fmt: skip
    return None if row is None else Owner(tx, row)


async def most_interesting(tx: Tx) -> UUID | None:
    """Whose phone to show first: one on which a question waits."""
    found: UUID | None = await tx.scalar(
        select(RegistryLine.patient_id)
        .join(Patient, Patient.id == RegistryLine.patient_id)
        .order_by(
            (RegistryLine.check_in_state == "invited").desc(),
            (Patient.channel == "sms_items").desc(),
            RegistryLine.check_in_at.desc(),
        )
        .limit(1)
    )
    return found


async def page(deps: Deps, patient_id: UUID, *, error: str = "", visit_secret: str = "") -> PhonePage | None:
    now = deps.clock.now()
    due = await next_due(deps)
    async with deps.system_db.begin() as tx:
        whose = await owner(tx, patient_id)
        if whose is None:
            return None
        await tx.enter_clinic(whose.clinic_id)
        people = await _people(tx, whose)
        messages = await _messages(tx, deps, whose, now)
        events = await _events(tx, whose, now)
        registry = await _registry(tx, whose)
        visit = await links.visit(tx, visit_secret, now=now)
        asked = await tx.scalar(
            select(SmsThread.id).where(
                SmsThread.phone_key == whose.phone_key, SmsThread.active_check_in_id.is_not(None)
            )
        )
    shown = moment(now, ZoneInfo(whose.zone))
    here = f"/demo/phones/{patient_id}"
    return PhonePage(
        clinic=whose.clinic_name,
        now_day=f"{now.astimezone(ZoneInfo(whose.zone)):%A}, {shown.day.text}",
        now_time=shown.time,
        zone=shown.zone,
        patients=people,
        selected=next(person for person in people if person.current),
        number=phone_words(whose.number),
        from_number=phone_words(whose.sender),
        messages=messages,
        events=events,
        next_due=_next_words(due, whose.zone),
        suggestions=NUMBERS if asked is not None else WORDS,
        error=error,
        poll_href=here,
        page_href="/check-in" if visit is not None and visit.patient_id == patient_id else BLANK,
        registry=registry,
    )


async def _people(tx: Tx, whose: Owner) -> tuple[DemoPatient, ...]:
    """Those with something on their phone first, then by name."""
    rows = await tx.all(
        select(
            Patient.id, Patient.given_name, Patient.family_name, Patient.channel, Patient.language,
            RegistryLine.check_in_state, RegistryLine.opted_out, Episode.status,
        )
        .join(Episode, Episode.patient_id == Patient.id)
        .join(RegistryLine, RegistryLine.episode_id == Episode.id)
        .where(Patient.clinic_id == whose.clinic_id)
        .order_by(
            RegistryLine.check_in_state.in_(("invited", "in_progress")).desc().nulls_last(),
            RegistryLine.name_key, Patient.id,
        )
        .limit(200)
    )  # fmt: skip
    return tuple(
        DemoPatient(
            id=str(row.id),
            href=f"/demo/phones/{row.id}",
            name=f"{row.given_name} {row.family_name}",
            line=_line(row),
            unread=int(row.check_in_state == "invited"),
            current=row.id == whose.patient_id,
        )
        for row in rows
    )


def _line(row: Row[Any]) -> str:
    parts = ["Opted out of texts" if row.opted_out else CHANNELS[row.channel]]
    if row.language != "en":
        parts.append({"es": "Spanish"}.get(row.language, row.language))
    if row.status not in ("active",):
        parts.append(row.status.replace("_", " "))
    if row.check_in_state in ("invited", "in_progress"):
        parts.append("check-in waits" if row.check_in_state == "invited" else "half answered")
    return ", ".join(parts)


async def _messages(tx: Tx, deps: Deps, whose: Owner, now: datetime) -> tuple[PhoneMessage, ...]:
    sent = await tx.all(
        select(Outbox.id, Outbox.attempted_at, Outbox.body_sealed)
        .where(
            Outbox.recipient_key == whose.phone_key, Outbox.channel == "sms", Outbox.kind != "alert",
            Outbox.state.in_(("accepted", "simulated")), Outbox.attempted_at.is_not(None),
        )
        .order_by(Outbox.attempted_at.desc(), Outbox.id.desc())
        .limit(MOST_MESSAGES)
    )  # fmt: skip
    written = await tx.all(
        select(InboundMessage.id, InboundMessage.received_at, InboundMessage.body_sealed)
        .where(InboundMessage.phone_key == whose.phone_key)
        .order_by(InboundMessage.received_at.desc(), InboundMessage.id.desc())
        .limit(MOST_MESSAGES)
    )
    texts = [(row.attempted_at, 1, tx.vault.open(row.body_sealed)) for row in sent]
    texts += [(row.received_at, 0, tx.vault.open(row.body_sealed)) for row in written]
    # At one moment the patient's text comes before the answer to it.
    texts.sort(key=lambda text: text[:2])
    return _printed(texts[-MOST_MESSAGES:], deps.public_url, ZoneInfo(whose.zone), now)


def _printed(
    texts: Sequence[tuple[datetime, int, str]], base: str, zone: ZoneInfo, now: datetime
) -> tuple[PhoneMessage, ...]:
    shown: list[PhoneMessage] = []
    before: date | None = None
    today = now.astimezone(zone).date()
    for at, ours, body in texts:
        local = at.astimezone(zone)
        separator = ""
        if local.date() != before:
            separator = "Today" if local.date() == today else f"{local:%A}, {day(local.date()).text}"
        before = local.date()
        shown.append(
            PhoneMessage("in" if ours else "out", split_links(body, base), f"{local:%H:%M}", separator)
        )
    return tuple(shown)


async def _events(tx: Tx, whose: Owner, now: datetime) -> tuple[PhoneEvent, ...]:
    """Newest first: how texts were understood, scores filed, safety events and tasks opened."""
    found: list[tuple[datetime, PhoneEvent]] = []
    since = now - RECENT
    chart = f"/patients/{whose.patient_id}"
    zone = ZoneInfo(whose.zone)

    def add(at: datetime, text: str, href: str, tone: Any) -> None:
        local = at.astimezone(zone)
        when = (
            f"{local:%H:%M}"
            if at.astimezone(zone).date() == now.astimezone(zone).date()
            else f"{local:%a %H:%M}"
        )
        found.append((at, PhoneEvent(when, text, href, tone)))

    mine = InboundMessage.phone_key == whose.phone_key, InboundMessage.received_at > since
    for row in await tx.all(
        select(InboundMessage.received_at, InboundMessage.classified_as, InboundMessage.state).where(*mine)
    ):
        text, tone = _understood(row)
        add(row.received_at, text, "", tone)
    for row in await tx.all(
        select(
            MeasureResult.filed_at, MeasureResult.instrument_id, MeasureResult.total, MeasureResult.channel
        ).where(MeasureResult.patient_id == whose.patient_id, MeasureResult.filed_at > since)
    ):
        score = "incomplete" if row.total is None else str(row.total)
        add(
            row.filed_at,
            f"Filed: {instrument(row.instrument_id)} {score}, {_BY.get(row.channel, row.channel)}",
            f"{chart}#scores",
            "good",
        )
    for row in await tx.all(
        select(RiskEvent.id, RiskEvent.opened_at, RiskEvent.tier, RiskEvent.state, RiskEvent.code).where(
            RiskEvent.patient_id == whose.patient_id,
            or_(RiskEvent.state != "closed", RiskEvent.opened_at > since),
        )
    ):
        add(
            row.opened_at,
            f"Safety event {row.code}, tier {row.tier}: {row.state}",
            f"/safety/{row.id}",
            "bad",
        )
    for row in await tx.all(
        select(Task.opened_at, Task.kind).where(Task.patient_id == whose.patient_id, Task.done_at.is_(None))
    ):
        add(row.opened_at, f"Task: {KINDS[row.kind].label}", "/tasks", "warn")
    found.sort(key=lambda pair: pair[0], reverse=True)
    return tuple(event for _, event in found[:MOST_EVENTS])


async def _registry(tx: Tx, whose: Owner) -> tuple[tuple[str, str], ...]:
    row = await tx.first(
        select(
            RegistryLine.phq9_first, RegistryLine.phq9_last, RegistryLine.gad7_first, RegistryLine.gad7_last,
            RegistryLine.check_in_state, RegistryLine.no_answer_count, RegistryLine.open_risk,
            RegistryLine.next_check_in_on,
        ).where(RegistryLine.patient_id == whose.patient_id)
        .order_by(RegistryLine.referred_at.desc())
        .limit(1)
    )  # fmt: skip
    if row is None:
        return ()
    planned = "none" if row.next_check_in_on is None else day(row.next_check_in_on).text
    shown = [
        ("PHQ-9", _moved(row.phq9_first, row.phq9_last)),
        ("GAD-7", _moved(row.gad7_first, row.gad7_last)),
        ("Check-in", (row.check_in_state or "none yet").replace("_", " ")),
        ("Next check-in", planned),
    ]
    if row.no_answer_count:
        shown.append(("No answer", f"{row.no_answer_count} in a row"))
    if row.open_risk:
        shown.append(("Safety", "event open"))
    return tuple(shown)


def _moved(first: int | None, last: int | None) -> str:
    return "not yet" if last is None else f"{first} → {last}"


def _understood(row: Row[Any]) -> tuple[str, Any]:
    notation: str = row.classified_as or row.state
    plain = notation.split("+")[0]
    head = plain.split(":")[0].split(";")[0]
    if head == "answer":
        text, tone = f"Read as the answer {plain.split(':')[1].split(';')[0]}", "good"
    elif head == "ask":
        text, tone = "Could not be read: asked again", "warn"
    elif head == "command":
        text, tone = f"Understood as {plain.split(':')[1].upper()}", "quiet"
    else:
        text, tone = _MEANINGS.get(head, f"Understood as {head.replace('_', ' ')}"), "quiet"
    if "+risk" in notation or head == "crisis":
        return f"{text}; a safety event is open", "bad"
    return text, tone


def _next_words(due: Due | None, zone: str) -> str:
    if due is None:
        return ""
    shown = moment(due.at, ZoneInfo(zone))
    many = f" ({due.count} patients)" if due.count > 1 else ""
    return f"{due.at.astimezone(ZoneInfo(zone)):%A} {shown.time} {shown.zone}: {_NEWS[due.what]}{many}"
