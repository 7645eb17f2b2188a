"""A locked thread with everything one turn depends on, read in few statements."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, and_, bindparam, exists, func, or_, select

from kernel.db import Tx, fixed, insert_or_skip, insert_or_update, pick
from messaging.consent import numbers
from messaging.consent.tables import NumberStop
from messaging.conversation import aftermath, call_back, filing
from messaging.conversation.copy import Language, contact_words, phone_words, spoken_language
from messaging.conversation.decision import Standing
from messaging.conversation.script import Owner, Script, Sheet, items_of
from messaging.conversation.state import Asking, Confirming, Idle, Paused, State, from_json
from messaging.conversation.tables import InboundMessage, SmsThread
from messaging.delivery.service import OnFile
from messaging.delivery.tables import Outbox
from messaging.schedule.tables import OPEN_STATES, CheckIn
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic, Sender
from registry.patients import queries as patients
from registry.patients.tables import Patient, PatientPhone

QUESTION_KINDS: Final = (
    "question",
    "invitation",
    "reminder",
    "acknowledgement",
    "link",
    "opt_in_confirmation",
)
SAME_TEXT_WITHIN: Final = timedelta(seconds=4)
OLDEST_QUESTION: Final = timedelta(days=8)  # a check-in lives at most seven

_TOUCH = insert_or_update(SmsThread, "phone_key", "sender_id", change=("last_inbound_at",))
_CREATE = insert_or_skip(SmsThread, "phone_key", "sender_id")
_TOUCHED = tuple(statement.returning(SmsThread.id) for statement in _TOUCH)

_OF_TURN = and_(
    Outbox.recipient_key == SmsThread.phone_key,
    Outbox.created_at > bindparam("since"),
    Outbox.thread_id == SmsThread.id,
    Outbox.turn == SmsThread.turn,
    Outbox.kind.in_(fixed(*QUESTION_KINDS)),
)
_STOPPED = and_(
    NumberStop.phone_key == SmsThread.phone_key,
    NumberStop.lifted_at.is_(None),
    or_(NumberStop.scope == "organisation", NumberStop.clinic_id == SmsThread.clinic_id),
)
_OTHER_INBOUND = and_(
    InboundMessage.clinic_id == SmsThread.clinic_id,
    InboundMessage.phone_key == SmsThread.phone_key,
    InboundMessage.id != bindparam("own"),
)
_TURN = (
    select(
        SmsThread.id, SmsThread.clinic_id, SmsThread.sender_id, SmsThread.phone_key, SmsThread.phone_sealed,
        SmsThread.state, SmsThread.turn, SmsThread.active_check_in_id,
        Clinic.text_name, Clinic.support_phone, Clinic.hours_text, Clinic.item9_channel, Clinic.bulk_answers,
        Clinic.after_positive_item9, Clinic.zone.label("clinic_zone"), Clinic.settings,
        CheckIn.id.label("check_in_id"), CheckIn.state.label("check_in_state"), CheckIn.first_answer_at,
        CheckIn.expires_at, CheckIn.not_after,
        Patient.id.label("patient_id"), Patient.language, Patient.zone.label("patient_zone"),
        PatientPhone.id.label("phone_id"),
        Episode.id.label("episode_id"), Episode.next_contact_at, Episode.next_contact_mode,
        select(func.min(Outbox.accepted_at)).where(_OF_TURN).scalar_subquery().label("accepted_at"),
        exists().where(_OF_TURN, Outbox.state.in_(fixed("sending", "unknown"))).label("in_doubt"),
        exists().where(_OF_TURN, Outbox.state.in_(fixed("pending"))).label("waiting"),
        exists().where(_STOPPED).label("has_stop"),
        exists()
        .where(
            _OTHER_INBOUND,
            InboundMessage.received_at >= bindparam("burst_from"),
            InboundMessage.received_at <= bindparam("burst_to"),
            InboundMessage.body_hash == bindparam("body_hash"),
        )
        .label("duplicate"),
        exists()
        .where(InboundMessage.thread_id == SmsThread.id, InboundMessage.state.in_(fixed("held")),
               InboundMessage.id != bindparam("own"))
        .label("holds"),
    )
    .join(Clinic, Clinic.id == SmsThread.clinic_id)
    .outerjoin(CheckIn, and_(CheckIn.id == SmsThread.active_check_in_id, CheckIn.state.in_(fixed(*OPEN_STATES))))
    .outerjoin(Patient, Patient.id == CheckIn.patient_id)
    .outerjoin(
        PatientPhone,
        and_(
            PatientPhone.patient_id == Patient.id,
            PatientPhone.phone_key == SmsThread.phone_key,
            PatientPhone.replaced_at.is_(None),
        ),
    )
    .outerjoin(Episode, Episode.id == CheckIn.episode_id)
    .where(SmsThread.id == bindparam("thread"))
)  # fmt: skip


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A locked thread. `check_in_id` is the one asked on it; `open_check_in_id` the one a link may be given for."""

    thread_id: UUID
    clinic_id: UUID
    sender_id: UUID
    phone_key: str
    number: OnFile
    state: State
    turn: int
    script: Script
    sheet: Sheet
    standing: Standing
    duplicate: bool
    check_in_id: UUID | None
    begun: bool
    episode_id: UUID | None
    patient_id: UUID | None
    phone_id: UUID | None
    open_check_in_id: UUID | None
    last_check_in_id: UUID | None = None
    staff_stop: bool = False


async def lock_for_inbound(tx: Tx, clinic_id: UUID, sender_id: UUID, number: OnFile, now: datetime) -> UUID:
    """The thread of this number, made if there is none, locked until the end of the transaction."""
    return cast(
        UUID, await tx.scalar(pick(tx, cast(Any, _TOUCHED)), _new(tx, clinic_id, sender_id, number, now, now))
    )


async def lock_or_make(tx: Tx, clinic_id: UUID, sender_id: UUID, number: str, now: datetime) -> UUID:
    """As above, without a text having come in."""
    on_file = OnFile(tx.vault.seal(number), tx.vault.lookup(number))
    await tx.insert_once(pick(tx, _CREATE), _new(tx, clinic_id, sender_id, on_file, None, now))
    wanted = (
        select(SmsThread.id)
        .where(SmsThread.phone_key == on_file.key, SmsThread.sender_id == sender_id)
        .with_for_update()
    )
    return cast(UUID, await tx.scalar(wanted))


def _new(
    tx: Tx, clinic_id: UUID, sender_id: UUID, number: OnFile, seen: datetime | None, now: datetime
) -> dict[str, Any]:
    return {
        "id": tx.new_id(),
        "clinic_id": clinic_id,
        "phone_key": number.key,
        "phone_sealed": number.sealed,
        "sender_id": sender_id,
        "active_check_in_id": None,
        "state": {"mode": "idle"},
        "turn": 0,
        "wake_at": None,
        "wake_turn": None,
        "last_inbound_at": seen,
        "created_at": now,
    }


async def load(
    tx: Tx,
    thread_id: UUID,
    *,
    now: datetime,
    received_at: datetime,
    own: UUID | None,
    body_hash: str,
    in_order: bool = False,
) -> Turn:
    """Call with the thread locked: what is read here is what stands. `in_order`: nothing older is held any more."""
    row = await tx.first(
        _TURN,
        {
            "thread": thread_id,
            "own": own or thread_id,  # any id that is no inbound text's
            "since": now - OLDEST_QUESTION,
            "burst_from": received_at - SAME_TEXT_WITHIN,
            "burst_to": received_at,
            "body_hash": body_hash,
        },
    )
    if row is None:
        raise LookupError("the thread is gone")
    standing = standing_of(row, received_at, in_order)
    # The sweep may be late: what comes after a check-in's time is no answer to it.
    if (
        row.check_in_id is not None
        and row.phone_id is not None
        and not aftermath.time_is_over(row, received_at)
    ):
        return await _active(tx, row, standing, now)
    return await _without_check_in(tx, row, standing, received_at, now)


def standing_of(row: Row[Any], received_at: datetime, in_order: bool) -> Standing:
    if row.holds and not in_order:
        return Standing("in_doubt")
    if row.accepted_at is not None and row.accepted_at <= received_at:
        return Standing("accepted", received_at - row.accepted_at)
    if row.in_doubt:
        return Standing("in_doubt")
    # Accepted, but only after the reply had come: the patient has not seen it.
    return Standing("waiting" if row.waiting or row.accepted_at is not None else "lost")


async def _active(tx: Tx, row: Row[Any], standing: Standing, now: datetime) -> Turn:
    sheet = await filing.load_sheet(tx, row.check_in_id)
    language = spoken_language(row.language)
    stop = await _stop(tx, row)
    script = Script(
        language=language,
        name=row.text_name,
        phone=phone_words(row.support_phone),
        hours=row.hours_text,
        items=items_of(sheet, filing.shown_in(sheet, language)),
        item9=row.item9_channel,
        bulk=row.bulk_answers,
        after_positive=row.after_positive_item9,
        contact=_contact(row, language, now),
        has_open=True,
        stopped=stop is not None and stop.stopped,
        paused=stop is not None and stop.paused,
        liftable=stop is None or _liftable(stop),
        item9_wait=filing.item9_wait(row.settings),
    )
    return _turn(
        tx, row, from_json(row.state), script, sheet, standing,
        check_in_id=row.check_in_id, patient_id=row.patient_id, phone_id=row.phone_id,
        open_check_in_id=row.check_in_id,
    )  # fmt: skip


def _turn(
    tx: Tx,
    row: Row[Any],
    state: State,
    script: Script,
    sheet: Sheet,
    standing: Standing,
    **ids: UUID | None,
) -> Turn:
    return Turn(
        thread_id=row.id,
        clinic_id=row.clinic_id,
        sender_id=row.sender_id,
        phone_key=row.phone_key,
        number=OnFile(row.phone_sealed, row.phone_key),
        state=state,
        turn=row.turn,
        script=script,
        sheet=sheet,
        standing=standing,
        duplicate=bool(row.duplicate),
        begun=row.first_answer_at is not None,
        episode_id=row.episode_id,
        **cast(Any, {"check_in_id": None, **ids}),
    )


def _contact(row: Row[Any], language: Language, now: datetime) -> str | None:
    if row.next_contact_at is None or row.next_contact_at <= now:
        return None
    zone = row.patient_zone or row.clinic_zone
    return contact_words(row.next_contact_mode, row.next_contact_at, zone, language)


async def _stop(tx: Tx, row: Row[Any]) -> numbers.NumberState | None:
    return await numbers.state(tx, row.phone_key, row.clinic_id) if row.has_stop else None


def _liftable(stop: numbers.NumberState) -> bool:
    return not stop.by_staff and all(kind in numbers.LIFTED_BY_START for kind in stop.kinds)


async def _without_check_in(
    tx: Tx, row: Row[Any], standing: Standing, received_at: datetime, now: datetime
) -> Turn:
    """Nothing is asked by text: whose number it is, and what was asked last, decide."""
    owners = await patients.owners_of_number(tx, row.clinic_id, row.phone_key)
    stop = await _stop(tx, row)
    owner: Owner = "none" if not owners else "one" if len(owners) == 1 and not owners[0].shared else "shared"
    patient_id = owners[0].patient_id if owner == "one" else None
    last = await aftermath.last(tx, patient_id)
    ended = aftermath.aftermath_of(last, received_at, now)
    has_open = ended == "none" and last is not None and last.state in aftermath.OFFERED
    language = spoken_language(last.language if last is not None else "en")
    stored = from_json(row.state)
    # A check-in that left the thread leaves nothing open on it, whatever its state says.
    state = Idle() if isinstance(stored, Asking | Confirming | Paused) else stored
    script = Script(
        language=language,
        name=row.text_name,
        phone=phone_words(row.support_phone),
        hours=row.hours_text,
        owner=owner,
        aftermath=ended,
        late_item9=await aftermath.late_item9(tx, last, now),
        stopped_at_item9=(ended == "expired" or has_open) and await aftermath.stopped_at_item9(tx, last),
        has_open=has_open,
        no_show=await call_back.waits_for_answer(tx, patient_id, now),
        stopped=stop is not None and stop.stopped,
        paused=stop is not None and stop.paused,
        liftable=stop is None or _liftable(stop),
    )
    return _turn(
        tx, row, state, script, Sheet(()), standing,
        patient_id=patient_id,
        phone_id=owners[0].phone_id if owner == "one" else None,
        open_check_in_id=last.id if last is not None and script.has_open else None,
        last_check_in_id=None if last is None else last.id,
    )  # fmt: skip


async def sender_of(tx: Tx, clinic_id: UUID) -> UUID | None:
    found: UUID | None = await tx.scalar(
        select(Sender.id).where(Sender.clinic_id == clinic_id, Sender.active).order_by(Sender.id).limit(1)
    )
    return found
