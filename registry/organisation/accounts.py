"""Staff accounts: who works where, in which role, with which password and second factor."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kernel import audit
from kernel.audit import Actor, Role
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.access import require
from registry.organisation import passwords as password_rules
from registry.organisation import queries, rules, totp
from registry.organisation.passwords import Passwords
from registry.organisation.rules import StaffForm
from registry.organisation.tables import Clinic, RecoveryCode, Staff, StaffRole
from registry.organisation.totp import NewCode
from registry.phones import e164

E_MAIL_TAKEN = "email: another account has it"


class TotpSetup(msgspec.Struct, frozen=True):
    """Shown once: the secret to type, and the otpauth:// address for the QR code."""

    secret: str
    address: str


async def create_staff(tx: Tx, actor: Actor, form: StaffForm, *, now: datetime) -> UUID:
    """An account without roles or password. The e-mail address is kept in small letters and is unique."""
    if actor.kind != "system":
        require(actor, "administrator")
    problems = rules.check_staff(form)
    if problems:
        raise Invalid(*problems)
    staff_id = tx.new_id()
    fresh: dict[str, Any] = {
        "id": staff_id,
        "phone_verified_at": None,
        "password_hash": None,
        "totp_sealed": None,
        "totp_last_step": None,
        "totp_confirmed_at": None,
        "failed_count": 0,
        "locked_until": None,
        "disabled_at": None,
        "created_at": now,
    }
    email = form.email.strip().lower()
    if await tx.first(select(Staff.id).where(Staff.email == email)) is not None:
        raise Conflict(E_MAIL_TAKEN)
    try:
        await tx.execute(insert(Staff), fresh | _columns(tx, form))
    except IntegrityError:
        raise Conflict(E_MAIL_TAKEN) from None
    await audit.record(tx, actor, "staff.created", "staff", staff_id, now=now)
    return staff_id


async def change_staff(tx: Tx, actor: Actor, staff_id: UUID, form: StaffForm, *, now: datetime) -> bool:
    """A changed phone must be verified again before alerts count on it. False when the form says what is on record
    already."""
    row = await _administered(tx, actor, staff_id)
    problems = rules.check_staff(form)
    if problems:
        raise Invalid(*problems)
    values = _columns(tx, form)
    holder = select(Staff.id).where(Staff.email == values["email"], Staff.id != staff_id)
    if await tx.first(holder) is not None:
        raise Conflict(E_MAIL_TAKEN)
    old = tx.vault.open_or_none(row.phone_sealed)
    if old == (None if form.phone is None else e164(form.phone)):
        values.pop("phone_sealed")
        values.pop("phone_key")
    else:
        values["phone_verified_at"] = None
    changed = sorted(k for k, v in values.items() if getattr(row, k) != v)
    if not changed:
        return False
    try:
        await tx.execute(update(Staff).where(Staff.id == staff_id).values(**values))
    except IntegrityError:
        raise Conflict(E_MAIL_TAKEN) from None
    await audit.record(tx, actor, "staff.changed", "staff", staff_id, now=now, fields=changed)
    return True


async def create_admin(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    form: StaffForm,
    password: str,
    *,
    passwords: Passwords,
    now: datetime,
) -> UUID:
    """The first account of a clinic, made on the server: sees accounts and settings, no clinical content."""
    staff_id = await create_staff(tx, actor, form, now=now)
    await grant_role(tx, actor, staff_id, clinic_id, "administrator", now=now)
    await set_password(tx, actor, staff_id, password, passwords=passwords, now=now)
    return staff_id


async def grant_role(
    tx: Tx, actor: Actor, staff_id: UUID, clinic_id: UUID, role: Role, *, now: datetime
) -> None:
    """Granting a role twice changes nothing. Administrators grant roles in their own clinic alone."""
    if actor.kind != "system" and require(actor, "administrator") != clinic_id:
        raise NotFound("clinic")
    if await tx.first(select(Clinic.id).where(Clinic.id == clinic_id)) is None:
        raise NotFound("clinic")
    if await tx.first(select(Staff.id).where(Staff.id == staff_id).with_for_update()) is None:
        raise NotFound("staff")
    held = await queries.roles_in(tx, clinic_id, staff_id)
    if role in held:
        return
    problems = rules.check_roles({*held, role})
    if problems:
        raise Invalid(*problems)
    await tx.execute(insert(StaffRole), {"staff_id": staff_id, "clinic_id": clinic_id, "role": role})
    await audit.record(tx, actor, "role.granted", "staff", staff_id, now=now, role=role)


async def revoke_role(
    tx: Tx, actor: Actor, staff_id: UUID, clinic_id: UUID, role: Role, *, now: datetime
) -> None:
    """The last administrator of a clinic keeps the role."""
    if actor.kind != "system" and require(actor, "administrator") != clinic_id:
        raise NotFound("clinic")
    of_clinic = select(StaffRole.staff_id).where(StaffRole.clinic_id == clinic_id, StaffRole.role == role)
    holders = {row.staff_id for row in await tx.all(of_clinic.with_for_update())}
    if staff_id not in holders:
        raise NotFound("role")
    if role == "administrator":
        await keep_administrator(tx, clinic_id, staff_id)
    await tx.execute(
        delete(StaffRole).where(
            StaffRole.staff_id == staff_id, StaffRole.clinic_id == clinic_id, StaffRole.role == role
        )
    )
    await audit.record(tx, actor, "role.revoked", "staff", staff_id, now=now, role=role)


async def keep_administrator(tx: Tx, clinic_id: UUID, leaving_id: UUID) -> None:
    """Raises Conflict when nobody else who can sign in administers the clinic. The lock comes first, so that of two who
    leave at once the second sees the first gone."""
    of_clinic = (StaffRole.clinic_id == clinic_id, StaffRole.role == "administrator")
    await tx.all(select(StaffRole.staff_id).where(*of_clinic).order_by(StaffRole.staff_id).with_for_update())
    others = (
        select(StaffRole.staff_id)
        .join(Staff, Staff.id == StaffRole.staff_id)
        .where(*of_clinic, StaffRole.staff_id != leaving_id, Staff.disabled_at.is_(None))
    )
    if await tx.first(others.limit(1)) is None:
        raise Conflict("the clinic would be left without an administrator")


async def set_password(
    tx: Tx, actor: Actor, staff_id: UUID, password: str, *, passwords: Passwords, now: datetime
) -> None:
    """By the person or an administrator. Also ends a lock-out. Raises `Invalid` naming `password`."""
    row = await _own_or_administered(tx, actor, staff_id)
    problems = password_rules.check_new(password, row.email)
    if problems:
        raise Invalid(*problems)
    values = {"password_hash": passwords.hash(password), "failed_count": 0, "locked_until": None}
    await tx.execute(update(Staff).where(Staff.id == staff_id).values(**values))
    await audit.record(tx, actor, "password.set", "staff", staff_id, now=now)


async def disable(tx: Tx, actor: Actor, staff_id: UUID, *, now: datetime) -> None:
    """No sign-in and no request from now on; what the person did stays under their name."""
    if actor.id == staff_id:
        raise Conflict("nobody disables their own account")
    await _administered(tx, actor, staff_id)
    await tx.execute(update(Staff).where(Staff.id == staff_id).values(disabled_at=now))
    await audit.record(tx, actor, "staff.disabled", "staff", staff_id, now=now)


async def enable(tx: Tx, actor: Actor, staff_id: UUID, *, now: datetime) -> None:
    await _administered(tx, actor, staff_id)
    values = {"disabled_at": None, "failed_count": 0, "locked_until": None}
    await tx.execute(update(Staff).where(Staff.id == staff_id).values(**values))
    await audit.record(tx, actor, "staff.enabled", "staff", staff_id, now=now)


async def confirm_phone(
    tx: Tx, actor: Actor, staff_id: UUID, *, called: str | None = None, now: datetime
) -> None:
    """The person has answered on this phone; alerts may count on it. `called` is the number (E.164) that was called:
    a Conflict when the account has another one by now."""
    row = await _own_or_administered(tx, actor, staff_id)
    if row.phone_sealed is None:
        raise Invalid.field("phone", "is missing")
    if called is not None and called != tx.vault.open(row.phone_sealed):
        raise Conflict("the phone was changed meanwhile; call the new number", code="stale")
    await tx.execute(update(Staff).where(Staff.id == staff_id).values(phone_verified_at=now))
    await audit.record(tx, actor, "staff.phone_verified", "staff", staff_id, now=now)


async def begin_totp(tx: Tx, actor: Actor, staff_id: UUID, *, new_code: NewCode, now: datetime) -> TotpSetup:
    """A new secret, of no effect until `confirm_totp`. One in use is only replaced after `remove_totp`."""
    row = await _own(tx, actor, staff_id)
    if row.totp_confirmed_at is not None:
        raise Conflict("a second factor is already set up")
    secret = totp.new_secret(new_code)
    values = {"totp_sealed": tx.vault.seal(secret), "totp_last_step": None}
    await tx.execute(update(Staff).where(Staff.id == staff_id).values(**values))
    await audit.record(tx, actor, "totp.begun", "staff", staff_id, now=now)
    return TotpSetup(secret, totp.address(secret, row.email))


async def pending_totp(tx: Tx, actor: Actor, staff_id: UUID) -> TotpSetup | None:
    """The secret that `begin_totp` made, while it isn't confirmed; for showing the set-up page again."""
    row = await _own(tx, actor, staff_id)
    if row.totp_sealed is None or row.totp_confirmed_at is not None:
        return None
    secret = tx.vault.open(row.totp_sealed)
    return TotpSetup(secret, totp.address(secret, row.email))


async def confirm_totp(
    tx: Tx, actor: Actor, staff_id: UUID, code: str, *, new_code: NewCode, now: datetime
) -> tuple[str, ...]:
    """Proves that the app holds the secret; gives ten recovery codes, shown once. Raises `Invalid` naming `code`."""
    row = await _own(tx, actor, staff_id)
    if row.totp_sealed is None or row.totp_confirmed_at is not None:
        raise Conflict("no second factor is being set up")
    step = totp.accepted_step(tx.vault.open(row.totp_sealed), code, now, row.totp_last_step)
    if step is None:
        raise Invalid.field("code", "is not the code the app shows now")
    values = {"totp_confirmed_at": now, "totp_last_step": step}
    await tx.execute(update(Staff).where(Staff.id == staff_id).values(**values))
    codes = await _write_codes(tx, staff_id, new_code)
    await audit.record(tx, actor, "totp.confirmed", "staff", staff_id, now=now)
    return codes


async def new_recovery_codes(
    tx: Tx, actor: Actor, staff_id: UUID, *, new_code: NewCode, now: datetime
) -> tuple[str, ...]:
    """Ten fresh ones, shown once; the earlier ones open nothing any more."""
    row = await _own(tx, actor, staff_id)
    if row.totp_confirmed_at is None:
        raise Conflict("no second factor is set up")
    codes = await _write_codes(tx, staff_id, new_code)
    await audit.record(tx, actor, "recovery_codes.renewed", "staff", staff_id, now=now)
    return codes


async def recovery_codes_left(tx: Tx, actor: Actor) -> int:
    """How many of the actor's own codes are unused."""
    unused = select(func.count()).where(RecoveryCode.staff_id == actor.id, RecoveryCode.used_at.is_(None))
    return int(await tx.scalar(unused))


async def remove_totp(tx: Tx, actor: Actor, staff_id: UUID, *, now: datetime) -> None:
    """For a lost phone: an administrator removes it, the person sets it up again at the next sign-in."""
    await _administered(tx, actor, staff_id)
    values = {"totp_sealed": None, "totp_last_step": None, "totp_confirmed_at": None}
    await tx.execute(update(Staff).where(Staff.id == staff_id).values(**values))
    await tx.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    await audit.record(tx, actor, "totp.removed", "staff", staff_id, now=now)


async def _write_codes(tx: Tx, staff_id: UUID, new_code: NewCode) -> tuple[str, ...]:
    codes = totp.new_recovery_codes(new_code)
    await tx.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    rows = [
        {"id": tx.new_id(), "staff_id": staff_id, "code_hash": totp.recovery_hash(c), "used_at": None}
        for c in codes
    ]
    await tx.execute(insert(RecoveryCode), rows)
    return codes


async def _locked(tx: Tx, staff_id: UUID) -> Any:
    row = await tx.first(select(Staff.__table__).where(Staff.id == staff_id).with_for_update())
    if row is None:
        raise NotFound("staff")
    return row


async def _administered(tx: Tx, actor: Actor, staff_id: UUID) -> Any:
    """The account's row, locked, also a disabled one's; for an administrator only people who have a role in the same
    clinic."""
    row = await _locked(tx, staff_id)
    if actor.kind != "system":
        clinic_id = require(actor, "administrator")
        role = select(StaffRole.role).where(StaffRole.staff_id == staff_id, StaffRole.clinic_id == clinic_id)
        if await tx.first(role.limit(1)) is None:
            raise NotFound("staff")
    return row


async def _own(tx: Tx, actor: Actor, staff_id: UUID) -> Any:
    if actor.kind != "staff" or actor.id != staff_id:
        raise Forbidden("only the person sets up their own second factor")
    return await _locked(tx, staff_id)


async def _own_or_administered(tx: Tx, actor: Actor, staff_id: UUID) -> Any:
    if actor.kind == "staff" and actor.id == staff_id:
        return await _locked(tx, staff_id)
    return await _administered(tx, actor, staff_id)


def _columns(tx: Tx, form: StaffForm) -> dict[str, Any]:
    return {
        "name": form.name.strip(),
        "credentials": form.credentials,
        "email": form.email.strip().lower(),
        "phone_sealed": None if form.phone is None else tx.vault.seal(e164(form.phone)),
        "phone_key": None if form.phone is None else tx.vault.lookup(e164(form.phone)),
        "npi": form.npi,
    }
