"""Check-in links and the visits they are exchanged for.

A link is a write-only capability for one check-in: many may open it, one submission uses it up, and nothing that was
answered can be read back through it. Looking at a link changes nothing, since mail scanners and previews look too;
only `start_visit`, behind a button, does. A token that is unknown, expired, revoked or used gives the same answer
after the same statements.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.crypto import token_hash
from kernel.db import Tx
from kernel.errors import NotFound
from messaging.links.tables import CheckInLink, LinkVisit
from messaging.schedule.ladder import MAX_SPAN
from messaging.schedule.tables import CheckIn
from registry.instruments import queries as instruments
from registry.organisation.patient_pages import patient_pages
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient

Language = Literal["en", "es"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "es")
IDLE: Final = timedelta(minutes=20)
TOUCH_EVERY: Final = timedelta(minutes=1)
OFFERED: Final = ("invited", "in_progress")
# Stands in for a link that doesn't exist, so that the second lookup is made all the same.
NOTHING: Final = UUID(int=0)

_INSERT_LINK = insert(CheckInLink)
_LINK = select(
    CheckInLink.id,
    CheckInLink.clinic_id,
    CheckInLink.patient_id,
    CheckInLink.check_in_id,
    CheckInLink.expires_at,
    CheckInLink.revoked_at,
).where(CheckInLink.token_hash == bindparam("hash"))
_CHECK_IN = (
    select(
        CheckIn.patient_id,
        CheckIn.state,
        CheckIn.expires_at,
        CheckIn.instruments,
        CheckIn.zone,
        Patient.language,
        Patient.birth_date.is_not(None).label("birth_known"),
        Clinic.settings,
    )
    .join(Patient, Patient.id == CheckIn.patient_id)
    .join(Clinic, Clinic.id == CheckIn.clinic_id)
    .where(CheckIn.id == bindparam("check_in"), CheckIn.clinic_id == bindparam("clinic"))
)
_INSERT_VISIT = insert(LinkVisit)
_VISIT = select(*(getattr(LinkVisit, c.name) for c in LinkVisit.__table__.columns)).where(
    LinkVisit.cookie_hash == bindparam("hash")
)
_ONE_VISIT = update(LinkVisit).where(LinkVisit.id == bindparam("key"))
_TOUCH = _ONE_VISIT.values(last_seen_at=bindparam("at"))
_ANSWERED = _ONE_VISIT.values(last_seen_at=bindparam("at"), last_answer_at=bindparam("at"))
_SPEAK = _ONE_VISIT.values(language=bindparam("spoken"))
_END = _ONE_VISIT.where(LinkVisit.ended_at.is_(None)).values(ended_at=bindparam("at"))


class Link(msgspec.Struct, frozen=True):
    """A link that can be used now. `zone` is the check-in's, for telling until when."""

    id: UUID
    clinic_id: UUID
    patient_id: UUID
    check_in_id: UUID
    expires_at: datetime
    instruments: tuple[str, ...]
    zone: str
    language: Language
    asks_birth: bool


class Visit(msgspec.Struct, frozen=True):
    """One browser that may answer one check-in. `csrf` must be in every form of it. `birth_ok`: the date of birth fits,
    or the clinic asks for none; before that nothing is shown and nothing saved."""

    id: UUID
    link_id: UUID | None
    clinic_id: UUID
    patient_id: UUID
    check_in_id: UUID
    csrf: str
    language: Language
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    birth_ok: bool


async def issue(tx: Tx, check_in_id: UUID, *, token: str, now: datetime) -> str:
    """The path of a new link; only the token's hash is stored. It ends with the check-in's window, and no later than
    seven days from now. Raises NotFound."""
    row = await tx.first(
        select(CheckIn.clinic_id, CheckIn.patient_id, CheckIn.expires_at).where(CheckIn.id == check_in_id)
    )
    if row is None:
        raise NotFound("check-in")
    latest = now + MAX_SPAN
    await tx.execute(
        _INSERT_LINK,
        {
            "id": tx.new_id(),
            "token_hash": token_hash(token),
            "clinic_id": row.clinic_id,
            "patient_id": row.patient_id,
            "check_in_id": check_in_id,
            "created_at": now,
            "expires_at": latest if row.expires_at is None else min(latest, row.expires_at),
            "revoked_at": None,
        },
    )
    return f"/c/{token}"


async def revoke(tx: Tx, check_in_id: UUID, *, now: datetime) -> int:
    """Takes back every link of a check-in; gives how many still worked."""
    done = await tx.execute(
        update(CheckInLink)
        .where(CheckInLink.check_in_id == check_in_id, CheckInLink.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return done.rowcount


async def find(tx: Tx, token: str, *, now: datetime) -> Link | None:
    """The link, if it can be used now. Reads only, and enters the link's clinic."""
    row = await tx.first(_LINK, {"hash": token_hash(token)})
    clinic_id = NOTHING if row is None else row.clinic_id
    await tx.enter_clinic(clinic_id)
    check_in = await tx.first(
        _CHECK_IN, {"check_in": NOTHING if row is None else row.check_in_id, "clinic": clinic_id}
    )
    if row is None or check_in is None or row.revoked_at is not None or check_in.state not in OFFERED:
        return None
    ends = row.expires_at if check_in.expires_at is None else min(row.expires_at, check_in.expires_at)
    if now >= ends:
        return None
    await instruments.ensure(tx, check_in.instruments)
    return Link(
        id=row.id,
        clinic_id=row.clinic_id,
        patient_id=row.patient_id,
        check_in_id=row.check_in_id,
        expires_at=ends,
        instruments=tuple(check_in.instruments),
        zone=check_in.zone,
        language=spoken(check_in.language),
        asks_birth=check_in.birth_known and patient_pages(check_in.settings).birth_check,
    )


async def start_visit(
    tx: Tx, token: str, *, secret: str, csrf: str, now: datetime, language: Language | None = None
) -> Visit | None:
    """Exchanges a link for a visit; `secret` goes into the cookie, its hash is stored. None as for `find`.

    `language` is what the patient chose on the start page; else the one on file.
    """
    link = await find(tx, token, now=now)
    if link is None:
        return None
    visit = Visit(
        id=tx.new_id(),
        link_id=link.id,
        clinic_id=link.clinic_id,
        patient_id=link.patient_id,
        check_in_id=link.check_in_id,
        csrf=csrf,
        language=language or link.language,
        started_at=now,
        last_seen_at=now,
        ended_at=None,
        birth_ok=not link.asks_birth,
    )
    await _begin(tx, visit, secret, now)
    return visit


async def open_visit(
    tx: Tx, clinic_id: UUID, patient_id: UUID, check_in_id: UUID, *, secret: str, csrf: str, now: datetime
) -> Visit:
    """For a patient who is signed in and needs no link. Raises NotFound unless this check-in of theirs is offered."""
    row = await tx.first(_CHECK_IN, {"check_in": check_in_id, "clinic": clinic_id})
    ended = row is not None and row.expires_at is not None and now >= row.expires_at
    if row is None or row.patient_id != patient_id or row.state not in OFFERED or ended:
        raise NotFound("check-in")
    visit = Visit(
        id=tx.new_id(),
        link_id=None,
        clinic_id=clinic_id,
        patient_id=patient_id,
        check_in_id=check_in_id,
        csrf=csrf,
        language=spoken(row.language),
        started_at=now,
        last_seen_at=now,
        ended_at=None,
        birth_ok=True,
    )
    await _begin(tx, visit, secret, now)
    return visit


async def _begin(tx: Tx, visit: Visit, secret: str, now: datetime) -> None:
    row = msgspec.structs.asdict(visit) | {"cookie_hash": token_hash(secret), "last_answer_at": None}
    await tx.execute(_INSERT_VISIT, row)
    patient = Actor(kind="patient", id=visit.patient_id, clinic_id=visit.clinic_id)
    await audit.record(
        tx, patient, "link_visit.started", "check_in", visit.check_in_id, now=now, patient_id=visit.patient_id
    )


async def visit(tx: Tx, secret: str, *, now: datetime) -> Visit | None:
    """The visit of a cookie, also one that has ended; None when unknown, or idle for 20 minutes (counted from its
    end once it has ended). Enters its clinic."""
    found = await visit_of(tx, secret)
    if found is None or now >= (found.ended_at or found.last_seen_at) + IDLE:
        return None
    if found.ended_at is None and now - found.last_seen_at >= TOUCH_EVERY:
        await tx.execute(_TOUCH, {"key": found.id, "at": now})
    return found


async def visit_of(tx: Tx, secret: str) -> Visit | None:
    """The visit of a cookie, however long it has been idle. Enters its clinic."""
    row = await tx.first(_VISIT, {"hash": token_hash(secret)})
    await tx.enter_clinic(NOTHING if row is None else row.clinic_id)
    return None if row is None else Visit(**{name: getattr(row, name) for name in Visit.__struct_fields__})


async def answered(tx: Tx, visit_id: UUID, *, now: datetime) -> None:
    """Notes that the patient is answering here, so that no question is texted meanwhile."""
    await tx.execute(_ANSWERED, {"key": visit_id, "at": now})


async def speak(tx: Tx, visit_id: UUID, language: Language) -> None:
    await tx.execute(_SPEAK, {"key": visit_id, "spoken": language})


async def end(tx: Tx, visit_id: UUID, *, now: datetime) -> None:
    """At submission, or when the patient leaves. A visit ends once."""
    await tx.execute(_END, {"key": visit_id, "at": now})


def spoken(language: str) -> Language:
    """The page language for a patient's language: English where there is no other."""
    return "es" if language.split("-")[0] == "es" else "en"
