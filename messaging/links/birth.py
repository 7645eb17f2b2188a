"""Did the link reach the right person? A date of birth is asked before the questions, against misdelivery alone: whoever
lives with the patient knows it, so it proves nothing and opens nothing that could be read (ASVS 5.0, 6.4.2).

Five tries for a patient, whatever the link, browser or address; then links end and a person checks the number. A try is
counted before it is looked at, in one statement, so that many at once are no more than five.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import bindparam, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx, insert_or_skip, pick
from messaging.consent import emails, numbers
from messaging.consent.numbers import Stop
from messaging.delivery.tables import Outbox
from messaging.escalation import replies as staff_phones
from messaging.links import service
from messaging.links.service import Visit
from messaging.links.tables import BirthCheck, CheckInLink, LinkVisit
from registry.patients.tables import Patient, PatientPhone
from registry.worklist import service as worklist

TRIES: Final = 5
Outcome = Literal["right", "wrong", "locked"]

_OPEN = insert_or_skip(BirthCheck, "patient_id")
_MINE = BirthCheck.patient_id == bindparam("patient")
_COUNT = (
    update(BirthCheck)
    .where(_MINE, BirthCheck.tries < TRIES)
    .values(tries=BirthCheck.tries + 1, updated_at=bindparam("now"))
    .returning(BirthCheck.tries)
)
_RESET = update(BirthCheck).where(BirthCheck.patient_id == bindparam("patient"))
_ON_FILE = select(Patient.birth_date).where(Patient.id == bindparam("patient"))
_PHONE = select(PatientPhone.phone_key).where(
    PatientPhone.patient_id == bindparam("patient"), PatientPhone.replaced_at.is_(None)
)


# A link and the message that carries it are written in the same moment.
_MAILED = (
    select(Outbox.id)
    .join(CheckInLink, CheckInLink.check_in_id == Outbox.check_in_id)
    .join(LinkVisit, LinkVisit.link_id == CheckInLink.id)
    .where(
        LinkVisit.id == bindparam("visit"),
        Outbox.channel == "email",
        Outbox.created_at == CheckInLink.created_at,
    )
    .limit(1)
)


async def is_locked(tx: Tx, visit: Visit) -> bool:
    tries = await tx.scalar(select(BirthCheck.tries).where(_MINE), {"patient": visit.patient_id})
    return (tries or 0) >= TRIES


async def check(tx: Tx, visit: Visit, born: date, *, now: datetime) -> Outcome:
    """`locked`: nothing was looked at, or this was the fifth wrong one."""
    key = {"patient": visit.patient_id, "now": now}
    await tx.insert_once(
        pick(tx, _OPEN),
        {
            "id": tx.new_id(),
            "clinic_id": visit.clinic_id,
            "patient_id": visit.patient_id,
            "tries": 0,
            "locked_at": None,
            "updated_at": now,
        },
    )
    counted = await tx.first(_COUNT, key)
    if counted is None:
        return "locked"
    if born == await tx.scalar(_ON_FILE, {"patient": visit.patient_id}):
        await tx.execute(_RESET.values(tries=0), {"patient": visit.patient_id})
        await tx.execute(update(LinkVisit).where(LinkVisit.id == visit.id).values(birth_ok=True))
        await _note(tx, visit, "ok", now)
        return "right"
    await _note(tx, visit, "wrong", now)
    if counted.tries < TRIES:
        return "wrong"
    await _lock(tx, visit, now)
    return "locked"


async def not_me(tx: Tx, visit: Visit, *, now: datetime) -> None:
    """Whoever got the link says that it is not theirs. By text it is the same as texting WRONG; by e-mail the address
    gets nothing more, and a person asks for the right one."""
    await service.end(tx, visit.id, now=now)
    await service.revoke(tx, visit.check_in_id, now=now)
    if await tx.first(_MAILED, {"visit": visit.id}) is not None:
        await emails.not_theirs(tx, visit.patient_id, now=now)
        await worklist.open_task(
            tx,
            clinic_id=visit.clinic_id,
            patient_id=visit.patient_id,
            episode_id=None,
            kind="wrong_number",
            dedupe_key=f"wrong_email:{visit.patient_id}",
            detail={"channel": "email"},
            now=now,
        )
        return
    phone_key = await tx.scalar(_PHONE, {"patient": visit.patient_id})
    if phone_key is not None:
        stopped = Stop(
            clinic_id=visit.clinic_id,
            phone_key=phone_key,
            kind="wrong_number",
            by="household",
            source_id=visit.id,
        )
        await numbers.stop(tx, stopped, now=now)
        await staff_phones.heard_stop(tx, visit.clinic_id, phone_key, now=now)


async def lift(tx: Tx, patient_id: UUID, *, now: datetime) -> None:
    """A person has confirmed whose number it is."""
    await tx.execute(_RESET.values(tries=0, locked_at=None, updated_at=now), {"patient": patient_id})


async def _lock(tx: Tx, visit: Visit, now: datetime) -> None:
    await tx.execute(_RESET.values(locked_at=now), {"patient": visit.patient_id})
    await tx.execute(
        update(CheckInLink)
        .where(CheckInLink.patient_id == visit.patient_id, CheckInLink.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    await service.end(tx, visit.id, now=now)
    await worklist.open_task(
        tx,
        clinic_id=visit.clinic_id,
        patient_id=visit.patient_id,
        episode_id=None,
        kind="misdelivered_link",
        dedupe_key=f"misdelivered_link:{visit.patient_id}",
        ref_kind="check_in",
        ref_id=visit.check_in_id,
        detail={"tries": TRIES},
        now=now,
    )


async def _note(tx: Tx, visit: Visit, outcome: str, now: datetime) -> None:
    # Nobody has proven who they are here, so the trail names the visit and not the patient as who acted.
    somebody = Actor(kind="anonymous", id=None, clinic_id=visit.clinic_id)
    await audit.record(
        tx, somebody, "link_visit.birth_checked", "link_visit", visit.id,
        now=now, patient_id=visit.patient_id, outcome=outcome,
    )  # fmt: skip
