"""Signed-in browsers and devices. A cookie or token holds a secret, its row only the hash; ending a row ends it at once.

Whether a session still stands is asked with every request, see `standing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, insert, or_, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.crypto import token_hash
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound
from messaging.patient_access import rules
from messaging.patient_access.codes import Proven
from messaging.patient_access.rules import Account, Scope
from messaging.patient_access.standing import standing, timed_out
from messaging.patient_access.tables import PatientSession, RefreshToken
from registry.patients.tables import PatientPhone

EndReason = Literal["signed_out", "revoked", "refresh_reused", "number_changed", "all_ended"]

_ROW = select(PatientSession.__table__).where(
    PatientSession.access_hash == bindparam("hash"), PatientSession.ended_at.is_(None)
)
_ONE = update(PatientSession).where(PatientSession.id == bindparam("key"))
_END = _ONE.where(PatientSession.ended_at.is_(None)).values(
    ended_at=bindparam("at"), end_reason=bindparam("why"), push_sealed=None, push_platform=None
)
_TOUCH = _ONE.values(last_seen_at=bindparam("at"))
_ROTATE = _ONE.values(
    access_hash=bindparam("access"), access_expires_at=bindparam("until"), last_seen_at=bindparam("at")
)
_USE = (
    update(RefreshToken)
    .where(RefreshToken.token_hash == bindparam("hash"), RefreshToken.used_at.is_(None))
    .values(used_at=bindparam("at"))
    .returning(RefreshToken.session_id, RefreshToken.expires_at)
)


class SignedIn(msgspec.Struct, frozen=True):
    """`scope`: everything for the patient, less for a related person. `own` is the patient."""

    id: UUID
    kind: Literal["browser", "device"]
    account: Account
    scope: frozenset[Scope]
    csrf: str
    phone_key: str
    language: str
    request_id: str | None = None

    @property
    def own(self) -> bool:
        return self.account.related_person_id is None

    @property
    def clinic_id(self) -> UUID:
        return self.account.clinic_id

    @property
    def patient_id(self) -> UUID:
        return self.account.patient_id

    @property
    def actor(self) -> Actor:
        return Actor(
            kind="patient" if self.own else "related_person",
            id=self.account.related_person_id or self.account.patient_id,
            clinic_id=self.account.clinic_id,
            session=str(self.id),
            request_id=self.request_id,
        )


class Device(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    kind: Literal["browser", "device"]
    created_at: datetime
    last_seen_at: datetime
    current: bool


class Tokens(msgspec.Struct, frozen=True):
    access: str
    access_expires_at: datetime
    refresh: str
    refresh_expires_at: datetime


async def start_browser(tx: Tx, proven: Proven, *, secret: str, csrf: str, now: datetime) -> UUID:
    return await _start(tx, proven, "browser", "Browser", secret, None, csrf, now)


async def start_device(
    tx: Tx, proven: Proven, name: str, *, access: str, refresh: str, now: datetime
) -> tuple[UUID, Tokens]:
    """Raises Invalid for a name that is empty or too long, Conflict beyond ten devices."""
    words = name.strip()
    if not words or len(words) > rules.LONGEST_DEVICE_NAME or not words.isprintable():
        raise Invalid.field("device_name", f"needs 1 to {rules.LONGEST_DEVICE_NAME} characters")
    if len(await _open(tx, proven.account, "device")) >= rules.MOST_DEVICES:
        raise Conflict("ten devices are signed in; end one first", code="too_many_devices")
    until = now + rules.ACCESS_LIFE
    session_id = await _start(tx, proven, "device", words, access, until, "", now)
    await _issue_refresh(tx, session_id, refresh, now)
    return session_id, Tokens(access, until, refresh, now + rules.REFRESH_LIFE)


async def refresh(
    tx: Tx, token: str, *, access: str, next_refresh: str, now: datetime
) -> Tokens | Literal["refused", "reused"]:
    """A new pair for a token that was not used before. `reused` has ended the device's session, which the caller
    commits before it answers."""
    row = await tx.first(
        select(RefreshToken.session_id, RefreshToken.expires_at, RefreshToken.used_at, PatientSession.ended_at,
               PatientSession.clinic_id, PatientSession.patient_id, PatientSession.related_person_id,
               PatientSession.phone_key)
        .join(PatientSession, PatientSession.id == RefreshToken.session_id)
        .where(RefreshToken.token_hash == token_hash(token))
        .with_for_update()
    )  # fmt: skip
    if row is None:
        return "refused"
    match rules.of_token(rules.TokenFacts(row.expires_at, row.used_at, row.ended_at is not None), now):
        case "reused":
            await _end(tx, row, "refresh_reused", now)
            return "reused"
        case "expired":
            return "refused"
        case "rotate" if await standing(tx, row, now) is None:
            return "refused"
        case "rotate":
            pass
    if await tx.first(_USE, {"hash": token_hash(token), "at": now}) is None:
        await _end(tx, row, "refresh_reused", now)
        return "reused"
    until = now + rules.ACCESS_LIFE
    await tx.execute(
        _ROTATE, {"key": row.session_id, "access": token_hash(access), "until": until, "at": now}
    )
    await _issue_refresh(tx, row.session_id, next_refresh, now)
    return Tokens(access, until, next_refresh, now + rules.REFRESH_LIFE)


async def load(
    tx: Tx, secret: str, kind: Literal["browser", "device"], *, now: datetime, request_id: str | None = None
) -> SignedIn | None:
    """The session of a cookie or access token, if it still stands. Enters its clinic; notes the use once a minute."""
    row = await tx.first(_ROW, {"hash": token_hash(secret)})
    if row is None or row.kind != kind or timed_out(row, now):
        return None
    found = await standing(tx, row, now)
    if found is None:
        return None
    facts, scope = found
    if now - row.last_seen_at >= rules.TOUCH_EVERY:
        await tx.execute(_TOUCH, {"key": row.id, "at": now})
    return SignedIn(
        id=row.id,
        kind=row.kind,
        account=Account(row.clinic_id, row.patient_id, row.related_person_id, facts.language),
        scope=scope,
        csrf=row.csrf,
        phone_key=row.phone_key,
        language=row.language or facts.language,
        request_id=request_id,
    )


async def devices(tx: Tx, signed_in: SignedIn, *, now: datetime) -> tuple[Device, ...]:
    """Every browser and device of this person that is signed in, the newest first."""
    found = await _devices(tx, signed_in, now)
    await audit.record(
        tx, signed_in.actor, "devices.read", "patient", signed_in.patient_id,
        now=now, patient_id=signed_in.patient_id, count=len(found),
    )  # fmt: skip
    return found


async def _devices(tx: Tx, signed_in: SignedIn, now: datetime) -> tuple[Device, ...]:
    rows = [
        row
        for kind in ("browser", "device")
        for row in await _open(tx, signed_in.account, kind)
        if kind == "device" or not timed_out(row, now)
    ]
    rows.sort(key=lambda row: (row.created_at, row.id), reverse=True)
    return tuple(
        Device(row.id, row.name, row.kind, row.created_at, row.last_seen_at, row.id == signed_in.id)
        for row in rows
    )


async def end(tx: Tx, signed_in: SignedIn, session_id: UUID, reason: EndReason, *, now: datetime) -> None:
    """Raises NotFound for a session that is not this person's."""
    mine = [d.id for d in await _devices(tx, signed_in, now)]
    if session_id not in mine:
        raise NotFound("device")
    await tx.execute(_END, {"key": session_id, "at": now, "why": reason})
    await audit.record(
        tx, signed_in.actor, "session.ended", "patient_session", session_id,
        now=now, patient_id=signed_in.patient_id, reason=reason,
    )  # fmt: skip


async def speak(tx: Tx, session_id: UUID, language: str) -> None:
    await tx.execute(_ONE.values(language=bindparam("spoken")), {"key": session_id, "spoken": language})


async def move_to_number(tx: Tx, signed_in: SignedIn, phone_key: str, *, now: datetime) -> None:
    """The patient proved a new number here: this session goes on under it, the others end."""
    await tx.execute(_ONE.values(phone_key=bindparam("phone")), {"key": signed_in.id, "phone": phone_key})
    for device in await _devices(tx, signed_in, now):
        if not device.current:
            await end(tx, signed_in, device.id, "number_changed", now=now)


async def end_all(tx: Tx, clinic_id: UUID, patient_id: UUID, *, now: datetime) -> None:
    """The patient's own, on every browser and device, with what pushes to them: somebody else may hold them."""
    rows = await tx.all(
        select(PatientSession.id.label("session_id"), PatientSession.clinic_id, PatientSession.patient_id)
        .where(
            PatientSession.patient_id == patient_id,
            PatientSession.clinic_id == clinic_id,
            PatientSession.related_person_id.is_(None),
            PatientSession.ended_at.is_(None),
        )
        .order_by(PatientSession.id)
    )
    for row in rows:
        await _end(tx, row, "all_ended", now)


async def end_unsafe(tx: Tx, patient_id: UUID, *, now: datetime) -> None:
    """Staff have recorded that the patient's number is not theirs alone, or not safe to text."""
    clinic_id = await tx.scalar(
        select(PatientPhone.clinic_id).where(
            PatientPhone.patient_id == patient_id,
            PatientPhone.replaced_at.is_(None),
            or_(PatientPhone.safe_to_text.is_(False), PatientPhone.shared),
        )
    )
    if clinic_id is not None:
        await end_all(tx, clinic_id, patient_id, now=now)


async def _start(
    tx: Tx,
    proven: Proven,
    kind: str,
    name: str,
    secret: str,
    access_until: datetime | None,
    csrf: str,
    now: datetime,
) -> UUID:
    account, session_id = proven.account, tx.new_id()
    await tx.execute(
        insert(PatientSession),
        {
            "id": session_id,
            "kind": kind,
            "access_hash": token_hash(secret),
            "access_expires_at": access_until,
            "csrf": csrf,
            "clinic_id": account.clinic_id,
            "patient_id": account.patient_id,
            "related_person_id": account.related_person_id,
            "phone_key": proven.phone_key,
            "name": name,
            "language": None,
            "push_platform": None,
            "push_sealed": None,
            "created_at": now,
            "last_seen_at": now,
            "ended_at": None,
            "end_reason": None,
        },
    )
    who = Actor(
        kind="patient" if account.related_person_id is None else "related_person",
        id=account.related_person_id or account.patient_id,
        clinic_id=account.clinic_id,
    )
    await audit.record(
        tx, who, "session.started", "patient_session", session_id,
        now=now, patient_id=account.patient_id, kind=kind,
    )  # fmt: skip
    return session_id


async def _issue_refresh(tx: Tx, session_id: UUID, token: str, now: datetime) -> None:
    await tx.execute(
        insert(RefreshToken),
        {
            "token_hash": token_hash(token),
            "session_id": session_id,
            "created_at": now,
            "expires_at": now + rules.REFRESH_LIFE,
            "used_at": None,
        },
    )


async def _end(tx: Tx, row: Any, reason: EndReason, now: datetime) -> None:
    done = await tx.execute(_END, {"key": row.session_id, "at": now, "why": reason})
    if done.rowcount:
        await audit.record(
            tx, audit.system(row.clinic_id, "patient_access"), "session.ended", "patient_session", row.session_id,
            now=now, patient_id=row.patient_id, reason=reason,
        )  # fmt: skip


async def _open(tx: Tx, account: Account, kind: str) -> Sequence[Any]:
    """Of this very person: a patient does not see a related person's devices, nor the other way round."""
    return await tx.all(
        select(PatientSession.id, PatientSession.name, PatientSession.kind, PatientSession.created_at,
               PatientSession.last_seen_at)
        .where(
            PatientSession.patient_id == account.patient_id,
            PatientSession.clinic_id == account.clinic_id,
            PatientSession.kind == kind,
            PatientSession.ended_at.is_(None),
            PatientSession.related_person_id.is_(None)
            if account.related_person_id is None
            else PatientSession.related_person_id == account.related_person_id,
        )
        .order_by(PatientSession.created_at.desc())
        .limit(100)
    )  # fmt: skip
