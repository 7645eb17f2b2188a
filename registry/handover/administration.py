"""An administrator makes accounts, changes roles, resets what was lost, and opens another clinic."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select

from kernel import audit
from kernel.audit import Actor, Role
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound
from registry.access import CLINICAL, require
from registry.handover import rules as duties
from registry.handover import service as handover
from registry.organisation import accounts, queries, rules, service
from registry.organisation.passwords import Passwords
from registry.organisation.rules import ClinicForm, StaffForm
from registry.organisation.tables import Staff, StaffRole

ELSEWHERE: Final = "this person works in a clinic you don't administer; an administrator of both does this"


async def open_account(
    tx: Tx,
    actor: Actor,
    form: StaffForm,
    roles: Collection[Role],
    password: str,
    *,
    passwords: Passwords,
    now: datetime,
) -> UUID:
    """An account with roles in the actor's clinic and a first password; the person sets up the second factor
    themselves. Raises `Conflict` when the e-mail address has an account: see `admit`."""
    clinic_id = require(actor, "administrator")
    _refuse(roles)
    _only_a_person(actor, roles)
    staff_id = await accounts.create_staff(tx, actor, form, now=now)
    for role in sorted(roles):
        await accounts.grant_role(tx, actor, staff_id, clinic_id, role, now=now)
    await accounts.set_password(tx, actor, staff_id, password, passwords=passwords, now=now)
    return staff_id


async def admit(tx: Tx, actor: Actor, email: str, roles: Collection[Role], *, now: datetime) -> UUID:
    """Roles in the actor's clinic for somebody who has an account in the organisation already."""
    clinic_id = require(actor, "administrator")
    address = email.strip().lower()
    found = await tx.first(select(Staff.id).where(Staff.email == address, Staff.disabled_at.is_(None)))
    if found is None:
        raise Invalid.field("email", "has no account yet")
    staff_id: UUID = found.id
    _only_a_person(actor, roles)
    _refuse({*roles, *await queries.roles_in(tx, clinic_id, staff_id)} if roles else roles)
    for role in sorted(roles):
        await accounts.grant_role(tx, actor, staff_id, clinic_id, role, now=now)
    return staff_id


async def change_roles(
    tx: Tx, actor: Actor, staff_id: UUID, roles: Collection[Role], *, now: datetime
) -> None:
    """The roles in the actor's clinic from now on. Whoever holds patients, events or shifts keeps a clinical role until
    these are handed over, and nobody takes the administrator's role from themselves."""
    clinic_id = await _colleague(tx, actor, staff_id)
    held = await queries.roles_in(tx, clinic_id, staff_id)
    _refuse(roles)
    _only_a_person(actor, set(roles) - held)
    if actor.id == staff_id and "administrator" not in roles:
        raise Conflict("another administrator takes this role from you")
    if set(CLINICAL).isdisjoint(roles) and not set(CLINICAL).isdisjoint(held):
        await _holds_nothing(tx, actor, staff_id, now)
    for role in sorted(held - set(roles)):
        await accounts.revoke_role(tx, actor, staff_id, clinic_id, role, now=now)
    for role in sorted(set(roles) - held):
        await accounts.grant_role(tx, actor, staff_id, clinic_id, role, now=now)


async def change_account(tx: Tx, actor: Actor, staff_id: UUID, form: StaffForm, *, now: datetime) -> bool:
    """Whether anything changed. Name, address and phone hold in every clinic of the person, so it takes who administers all of them. Raises
    `Conflict` when another account has the address."""
    await _colleague(tx, actor, staff_id)
    await _everywhere(tx, actor, staff_id)
    return await accounts.change_staff(tx, actor, staff_id, form, now=now)


async def confirm_phone(
    tx: Tx, actor: Actor, staff_id: UUID, *, called: str | None = None, now: datetime
) -> None:
    """The administrator has called the number and the person answered: alerts count on it in all their clinics."""
    await _colleague(tx, actor, staff_id)
    await _everywhere(tx, actor, staff_id)
    await accounts.confirm_phone(tx, actor, staff_id, called=called, now=now)


async def reset_password(
    tx: Tx, actor: Actor, staff_id: UUID, password: str, *, passwords: Passwords, now: datetime
) -> None:
    """For a colleague who can't sign in; one's own is changed with the present one. The caller ends the sessions."""
    await _resettable(tx, actor, staff_id)
    await accounts.set_password(tx, actor, staff_id, password, passwords=passwords, now=now)


async def reset_second_factor(tx: Tx, actor: Actor, staff_id: UUID, *, now: datetime) -> None:
    """For a lost phone: the next sign-in sets up a new one. The caller ends the sessions."""
    await _resettable(tx, actor, staff_id)
    await accounts.remove_totp(tx, actor, staff_id, now=now)


async def open_clinic(tx: Tx, actor: Actor, form: ClinicForm, *, now: datetime) -> UUID:
    """Another clinic of the organisation, with the actor as its first administrator. It only simulates texts."""
    clinic_id = await service.create_clinic(tx, actor, form, now=now)
    first = {"staff_id": actor.id, "clinic_id": clinic_id, "role": "administrator"}
    await tx.execute(insert(StaffRole), first)
    await audit.record(tx, actor, "role.granted", "staff", actor.id, now=now, role="administrator")
    return clinic_id


async def _resettable(tx: Tx, actor: Actor, staff_id: UUID) -> None:
    """Who resets what lets somebody in could come in as them: a person of all their clinics does it, never a key."""
    await _colleague(tx, actor, staff_id)
    if actor.kind != "staff":
        raise Conflict("only a person resets what lets somebody in")
    if actor.id == staff_id:
        raise Conflict("your own is changed under Account")
    await _everywhere(tx, actor, staff_id)


async def _everywhere(tx: Tx, actor: Actor, staff_id: UUID) -> None:
    theirs = select(StaffRole.clinic_id).where(StaffRole.staff_id == staff_id).distinct()
    mine = select(StaffRole.clinic_id).where(
        StaffRole.staff_id == actor.id, StaffRole.role == "administrator"
    )
    administered = {actor.clinic_id, *(row.clinic_id for row in await tx.all(mine))}
    if not {row.clinic_id for row in await tx.all(theirs)} <= administered:
        raise Conflict(ELSEWHERE)


async def _colleague(tx: Tx, actor: Actor, staff_id: UUID) -> UUID:
    """The clinic both work in; `NotFound` for a stranger or a closed account."""
    clinic_id = require(actor, "administrator")
    if not await queries.roles_in(tx, clinic_id, staff_id):
        raise NotFound("staff")
    return clinic_id


async def _holds_nothing(tx: Tx, actor: Actor, staff_id: UUID, now: datetime) -> None:
    await tx.first(select(Staff.id).where(Staff.id == staff_id).with_for_update())
    held = await handover.duties(tx, actor, staff_id, now=now)
    left = [duty for duty in duties.left(held) if duty != "other_clinics"]
    if left:
        named = ", ".join(duties.counted(duty, held[duty]) for duty in left)
        raise Conflict(f"hand over first: {named}", code="duties_left")


def _only_a_person(actor: Actor, granted: Collection[Role]) -> None:
    """An administrator resets what lets others in. A key that made one could come in as anybody, also after it was
    revoked."""
    if actor.kind == "token" and "administrator" in granted:
        raise Conflict("only a person makes somebody an administrator")


def _refuse(roles: Collection[Role]) -> None:
    problems = rules.check_roles(roles)
    if problems:
        raise Invalid(*problems)
