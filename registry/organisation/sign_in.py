"""Checking who somebody is. A refusal is a value, not an exception, so that the count of failures is committed.

The answer, and the time it takes, are the same for a wrong password, a locked or disabled account and an unknown
address (ASVS 5.0, 6.3.8). Only the audit log knows which it was.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from registry.organisation import totp
from registry.organisation.passwords import Passwords
from registry.organisation.tables import RecoveryCode, Staff

MAX_FAILURES: Final = 5
LOCK_FOR: Final = timedelta(minutes=15)
_NOBODY: Final = Actor(kind="anonymous", id=None, clinic_id=None)

Refusal = Literal["unknown", "disabled", "locked", "wrong"]


class PasswordAccepted(msgspec.Struct, frozen=True):
    """`needs_code`: a second factor is set up and must follow before anything else."""

    staff_id: UUID
    needs_code: bool


async def check_password(
    tx: Tx, email: str, password: str, *, passwords: Passwords, now: datetime, request_id: str | None = None
) -> PasswordAccepted | None:
    """The account, or None. The fifth failure locks it for 15 minutes, in which even the right password fails.

    The row stays locked while the hash is computed: a hundred guesses at once are still five.
    """
    caller = msgspec.structs.replace(_NOBODY, request_id=request_id)
    row = await tx.first(
        select(Staff.__table__).where(Staff.email == email.strip().lower()).with_for_update()
    )
    right = await asyncio.to_thread(passwords.verify, None if row is None else row.password_hash, password)
    refusal = _refusal(row, right, now)
    if row is None or refusal is not None:
        await _count_failure(tx, row, refusal, now)
        staff_id = None if row is None else row.id
        await audit.record(
            tx, caller, "staff.sign_in_failed", "staff", staff_id, now=now, outcome="denied", reason=refusal
        )
        return None
    needs_code = row.totp_confirmed_at is not None
    values: dict[str, Any] = {}
    if not needs_code:  # otherwise a known password would let somebody guess codes for ever
        values |= {"failed_count": 0, "locked_until": None}
    if passwords.is_outdated(row.password_hash):
        values["password_hash"] = await asyncio.to_thread(passwords.hash, password)
    if values:
        await tx.execute(update(Staff).where(Staff.id == row.id).values(**values))
    await audit.record(tx, caller, "staff.password_accepted", "staff", row.id, now=now)
    return PasswordAccepted(row.id, needs_code)


async def check_code(
    tx: Tx, staff_id: UUID, code: str, *, now: datetime, request_id: str | None = None
) -> bool:
    """A code of the app, each accepted once, or a recovery code, which is used up. Failures count to the lock-out."""
    caller = msgspec.structs.replace(_NOBODY, request_id=request_id)
    row = await tx.first(select(Staff.__table__).where(Staff.id == staff_id).with_for_update())
    if row is None or row.totp_confirmed_at is None:
        return False
    refusal = _refusal(row, True, now)
    used = None if refusal is not None else await _use_code(tx, row, code, now)
    if used is None:
        await _count_failure(tx, row, refusal or "wrong", now)
        await audit.record(
            tx,
            caller,
            "staff.code_failed",
            "staff",
            staff_id,
            now=now,
            outcome="denied",
            reason=refusal or "wrong",
        )
        return False
    await tx.execute(update(Staff).where(Staff.id == staff_id).values(failed_count=0, locked_until=None))
    await audit.record(tx, caller, "staff.code_accepted", "staff", staff_id, now=now, kind=used)
    return True


async def confirm_password(
    tx: Tx, actor: Actor, password: str, *, passwords: Passwords, now: datetime
) -> bool:
    """Asks a signed-in person again before an export or a change of password. Failures count to the lock-out."""
    row = await tx.first(select(Staff.__table__).where(Staff.id == actor.id).with_for_update())
    right = await asyncio.to_thread(passwords.verify, None if row is None else row.password_hash, password)
    refusal = _refusal(row, right, now)
    if row is None or refusal is not None:
        await _count_failure(tx, row, refusal, now)
    action = "staff.password_confirmed" if refusal is None else "staff.confirmation_failed"
    outcome = "ok" if refusal is None else "denied"
    await audit.record(tx, actor, action, "staff", actor.id, now=now, outcome=outcome)
    return refusal is None


def _refusal(row: Any, right: bool, now: datetime) -> Refusal | None:
    if row is None:
        return "unknown"
    if row.disabled_at is not None:
        return "disabled"
    if row.locked_until is not None and now < row.locked_until:
        return "locked"
    return None if right else "wrong"


async def _count_failure(tx: Tx, row: Any, refusal: Refusal | None, now: datetime) -> None:
    """Only wrong secrets count; tries during a lock-out don't lengthen it, or anybody could keep a person out."""
    if row is None or refusal != "wrong":
        return
    # A lock-out that has run out starts the count again.
    failed = 1 if row.locked_until is not None else row.failed_count + 1
    locked = now + LOCK_FOR if failed >= MAX_FAILURES else None
    await tx.execute(update(Staff).where(Staff.id == row.id).values(failed_count=failed, locked_until=locked))


async def _use_code(tx: Tx, row: Any, code: str, now: datetime) -> Literal["totp", "recovery"] | None:
    step = totp.accepted_step(tx.vault.open(row.totp_sealed), code, now, row.totp_last_step)
    if step is not None:
        await tx.execute(update(Staff).where(Staff.id == row.id).values(totp_last_step=step))
        return "totp"
    taken = await tx.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.staff_id == row.id,
            RecoveryCode.code_hash == totp.recovery_hash(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
    )
    return "recovery" if taken.rowcount == 1 else None
