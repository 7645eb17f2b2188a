"""Reads about clinics and staff. None of it is about patients, so these reads leave no audit row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, func, select, update

from kernel.audit import Actor, Role
from kernel.db import Tx
from kernel.errors import NotFound, Problem
from registry.access import require
from registry.organisation import rules
from registry.organisation.rules import ClinicFacts, Deployment, OrganisationKind, Shift, Week
from registry.organisation.tables import ApiToken, Clinic, Holiday, Organisation, Sender, Staff, StaffRole

USED_EVERY: Final = timedelta(minutes=1)  # `last_used_at` of a busy token isn't worth a write per request


class ClinicName(msgspec.Struct, frozen=True):
    id: UUID
    slug: str
    name: str


class OrganisationFacts(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    kind: OrganisationKind


class SenderFacts(msgspec.Struct, frozen=True):
    id: UUID
    clinic_id: UUID
    number: str
    messaging_service_sid: str | None
    active: bool


class StaffMember(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    credentials: str | None
    email: str
    npi: str | None
    roles: frozenset[Role]
    phone_verified: bool
    has_second_factor: bool
    disabled: bool


class AccountDetails(msgspec.Struct, frozen=True):
    """One account for those who administer it. `phone` (E.164) also while it is not verified; `roles` in the clinic."""

    id: UUID
    name: str
    credentials: str | None
    email: str
    phone: str | None
    npi: str | None
    roles: tuple[Role, ...]
    phone_verified: bool
    has_second_factor: bool
    disabled: bool


class StaffContact(msgspec.Struct, frozen=True):
    """Where an alert can reach somebody. `phone` (E.164) only when it was verified."""

    id: UUID
    name: str
    email: str
    phone: str | None


class TokenLine(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


_CLINIC = select(Clinic.__table__).where(Clinic.id == bindparam("clinic"))
_HOLIDAYS = select(Holiday.on).where(Holiday.clinic_id == bindparam("clinic"))
_ROLES = (
    select(StaffRole.role, Staff.name)
    .join(Staff, Staff.id == StaffRole.staff_id)
    .where(
        StaffRole.staff_id == bindparam("staff"),
        StaffRole.clinic_id == bindparam("clinic"),
        Staff.disabled_at.is_(None),
    )
)
_TOKEN = select(ApiToken.__table__).where(
    ApiToken.token_hash == bindparam("hash"), ApiToken.revoked_at.is_(None)
)
_SENDER = select(Sender.__table__).where(Sender.number == bindparam("number"))
_CONTACT_COLUMNS = (Staff.id, Staff.name, Staff.email, Staff.phone_sealed, Staff.phone_verified_at)


async def organisation(tx: Tx) -> OrganisationFacts | None:
    row = await tx.first(select(Organisation.__table__))
    return None if row is None else OrganisationFacts(row.id, row.name, cast(OrganisationKind, row.kind))


async def clinic(tx: Tx, clinic_id: UUID) -> ClinicFacts:
    """Raises `NotFound`."""
    row = await tx.first(_CLINIC, {"clinic": clinic_id})
    if row is None:
        raise NotFound("clinic")
    holidays = frozenset(day.on for day in await tx.all(_HOLIDAYS, {"clinic": clinic_id}))
    values = dict(row._mapping)
    values["staffed"] = _week(values.pop("staffed_hours"))
    values.pop("created_at")
    return ClinicFacts(**values, holidays=holidays)


async def clinic_by_slug(tx: Tx, slug: str) -> ClinicName | None:
    row = await tx.first(select(Clinic.id, Clinic.slug, Clinic.name).where(Clinic.slug == slug))
    return None if row is None else ClinicName(row.id, row.slug, row.name)


async def clinics(tx: Tx) -> tuple[ClinicName, ...]:
    """All of the organisation's, by name."""
    found = await tx.all(select(Clinic.id, Clinic.slug, Clinic.name).order_by(Clinic.name, Clinic.id))
    return tuple(ClinicName(row.id, row.slug, row.name) for row in found)


async def clinics_of(tx: Tx, staff_id: UUID) -> tuple[ClinicName, ...]:
    """Clinics in which the person has a role, by name; none for a disabled account."""
    wanted = (
        select(Clinic.id, Clinic.slug, Clinic.name)
        .join(StaffRole, StaffRole.clinic_id == Clinic.id)
        .join(Staff, Staff.id == StaffRole.staff_id)
        .where(StaffRole.staff_id == staff_id, Staff.disabled_at.is_(None))
        .distinct()
        .order_by(Clinic.name, Clinic.id)
    )
    return tuple(ClinicName(row.id, row.slug, row.name) for row in await tx.all(wanted))


async def actor_for(
    tx: Tx, staff_id: UUID, clinic_id: UUID, *, session: str | None = None, request_id: str | None = None
) -> Actor | None:
    """The person with their present roles in the clinic; None when disabled or without a role there."""
    rows = await tx.all(_ROLES, {"staff": staff_id, "clinic": clinic_id})
    if not rows:
        return None
    return Actor(
        kind="staff",
        id=staff_id,
        clinic_id=clinic_id,
        roles=frozenset(cast(Role, row.role) for row in rows),
        name=rows[0].name,
        session=session,
        request_id=request_id,
    )


async def actor_for_token(
    tx: Tx, token_hash: str, now: datetime, *, request_id: str | None = None
) -> Actor | None:
    """None for an unknown, expired or revoked token. Notes the use, at most once a minute."""
    row = await tx.first(_TOKEN, {"hash": token_hash})
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    if row.last_used_at is None or now - row.last_used_at >= USED_EVERY:
        await tx.execute(update(ApiToken).where(ApiToken.id == row.id).values(last_used_at=now))
    return Actor(
        kind="token",
        id=row.id,
        clinic_id=row.clinic_id,
        roles=frozenset({cast(Role, row.role)}),
        name=row.name,
        request_id=request_id,
    )


async def sender_by_number(tx: Tx, number: str) -> SenderFacts | None:
    """By E.164 number, active or not: a text to a retired number still belongs to its clinic."""
    row = await tx.first(_SENDER, {"number": number})
    return None if row is None else _sender(row)


async def senders(tx: Tx, clinic_id: UUID) -> tuple[SenderFacts, ...]:
    """The clinic's numbers, active ones first."""
    wanted = select(Sender.__table__).where(Sender.clinic_id == clinic_id)
    rows = await tx.all(wanted.order_by(Sender.active.desc(), Sender.id))
    return tuple(_sender(row) for row in rows)


async def roles_in(tx: Tx, clinic_id: UUID, staff_id: UUID) -> frozenset[Role]:
    """Empty for a disabled account."""
    rows = await tx.all(_ROLES, {"staff": staff_id, "clinic": clinic_id})
    return frozenset(cast(Role, row.role) for row in rows)


async def require_colleague(tx: Tx, clinic_id: UUID, staff_id: UUID) -> None:
    """Raises `NotFound` for somebody who has no role in the clinic; a closed account still has its roles."""
    held = select(StaffRole.role).where(StaffRole.staff_id == staff_id, StaffRole.clinic_id == clinic_id)
    if await tx.first(held.limit(1)) is None:
        raise NotFound("staff")


async def roles_of_staff(
    tx: Tx, clinic_id: UUID, staff_ids: Collection[UUID]
) -> Mapping[UUID, frozenset[Role]]:
    """Roles of several people in one clinic; people without one, or disabled, are not in it."""
    wanted = (
        select(StaffRole.staff_id, StaffRole.role)
        .join(Staff, Staff.id == StaffRole.staff_id)
        .where(
            StaffRole.clinic_id == clinic_id, StaffRole.staff_id.in_(staff_ids), Staff.disabled_at.is_(None)
        )
    )
    found: dict[UUID, frozenset[Role]] = {}
    for row in await tx.all(wanted):
        found[row.staff_id] = found.get(row.staff_id, frozenset()) | {cast(Role, row.role)}
    return found


async def staff_names(tx: Tx, clinic_id: UUID) -> dict[UUID, str]:
    """Everyone who has a role in the clinic, disabled accounts too: their past work still names them."""
    wanted = (
        select(Staff.id, Staff.name)
        .where(Staff.id.in_(select(StaffRole.staff_id).where(StaffRole.clinic_id == clinic_id)))
        .order_by(Staff.name, Staff.id)
    )
    return {row.id: row.name for row in await tx.all(wanted)}


async def holders(tx: Tx, clinic_id: UUID, role: Role) -> dict[UUID, str]:
    """People who hold a role in the clinic and can sign in, by name: whom a form may choose from."""
    wanted = (
        select(Staff.id, Staff.name)
        .join(StaffRole, StaffRole.staff_id == Staff.id)
        .where(StaffRole.clinic_id == clinic_id, StaffRole.role == role, Staff.disabled_at.is_(None))
        .order_by(Staff.name, Staff.id)
    )
    return {row.id: row.name for row in await tx.all(wanted)}


async def staff_contacts(tx: Tx, clinic_id: UUID, *roles: Role) -> tuple[StaffContact, ...]:
    """People with one of the roles who can sign in, by name."""
    holders = select(StaffRole.staff_id).where(StaffRole.clinic_id == clinic_id, StaffRole.role.in_(roles))
    wanted = select(*_CONTACT_COLUMNS).where(Staff.id.in_(holders), Staff.disabled_at.is_(None))
    return tuple(_contact(tx, row) for row in await tx.all(wanted.order_by(Staff.name, Staff.id)))


async def staff_contact(tx: Tx, staff_id: UUID) -> StaffContact | None:
    """None for a disabled account."""
    row = await tx.first(select(*_CONTACT_COLUMNS).where(Staff.id == staff_id, Staff.disabled_at.is_(None)))
    return None if row is None else _contact(tx, row)


async def staff_list(tx: Tx, viewer: Actor, *, limit: int = 500) -> tuple[StaffMember, ...]:
    """Accounts with a role in the viewer's clinic, by name, for the accounts page."""
    clinic_id = require(viewer, "administrator", "clinic_lead")
    wanted = (
        select(Staff.__table__)
        .where(Staff.id.in_(select(StaffRole.staff_id).where(StaffRole.clinic_id == clinic_id)))
        .order_by(Staff.name, Staff.id)
        .limit(limit)
    )
    held: dict[UUID, set[Role]] = {}
    of_clinic = select(StaffRole.staff_id, StaffRole.role).where(StaffRole.clinic_id == clinic_id)
    for row in await tx.all(of_clinic):
        held.setdefault(row.staff_id, set()).add(cast(Role, row.role))
    return tuple(_member(row, frozenset(held.get(row.id, ()))) for row in await tx.all(wanted))


async def account_details(tx: Tx, viewer: Actor, staff_id: UUID) -> AccountDetails:
    """Raises `NotFound` for somebody without a role in the viewer's clinic."""
    clinic_id = require(viewer, "administrator")
    held = select(StaffRole.role).where(StaffRole.staff_id == staff_id, StaffRole.clinic_id == clinic_id)
    roles = tuple(cast(Role, row.role) for row in await tx.all(held.order_by(StaffRole.role)))
    row = await tx.first(select(Staff.__table__).where(Staff.id == staff_id)) if roles else None
    if row is None:
        raise NotFound("staff")
    person = _member(row, frozenset(roles))
    return AccountDetails(
        id=person.id,
        name=person.name,
        credentials=person.credentials,
        email=person.email,
        phone=tx.vault.open_or_none(row.phone_sealed),
        npi=person.npi,
        roles=roles,
        phone_verified=person.phone_verified,
        has_second_factor=person.has_second_factor,
        disabled=person.disabled,
    )


async def tokens(tx: Tx, viewer: Actor, *, limit: int = 200) -> tuple[TokenLine, ...]:
    """The clinic's API tokens, newest first; never the tokens themselves."""
    clinic_id = require(viewer, "administrator")
    wanted = select(ApiToken.__table__).where(ApiToken.clinic_id == clinic_id)
    rows = await tx.all(wanted.order_by(ApiToken.created_at.desc(), ApiToken.id).limit(limit))
    return tuple(
        TokenLine(r.id, r.name, cast(Role, r.role), r.created_at, r.expires_at, r.revoked_at, r.last_used_at)
        for r in rows
    )


async def missing_in_clinic(tx: Tx, facts: ClinicFacts) -> tuple[Problem, ...]:
    count = select(func.count()).select_from(Sender).where(Sender.clinic_id == facts.id, Sender.active)
    responsible = facts.default_responsible_id
    contact = None if responsible is None else await staff_contact(tx, responsible)
    return rules.missing_in_clinic(
        facts,
        senders=int(await tx.scalar(count)),
        responsible_reachable=contact is not None and contact.phone is not None,
    )


async def missing_for_live(tx: Tx, clinic_id: UUID, deployment: Deployment) -> tuple[Problem, ...]:
    """What this room knows to keep the clinic in simulation; all of it is in `registry/launch/going_live`."""
    found = await missing_in_clinic(tx, await clinic(tx, clinic_id))
    known = await organisation(tx)
    return found + rules.missing_in_deployment(deployment, "standard" if known is None else known.kind)


def _week(stored: Mapping[str, Any]) -> Week:
    return tuple(
        tuple(
            Shift(time.fromisoformat(start), time.fromisoformat(end))
            for start, end in stored.get(str(day), ())
        )
        for day in range(7)
    )


def _sender(row: Any) -> SenderFacts:
    return SenderFacts(row.id, row.clinic_id, row.number, row.messaging_service_sid, row.active)


def _contact(tx: Tx, row: Any) -> StaffContact:
    phone = tx.vault.open_or_none(row.phone_sealed) if row.phone_verified_at is not None else None
    return StaffContact(row.id, row.name, row.email, phone)


def _member(row: Any, roles: frozenset[Role]) -> StaffMember:
    return StaffMember(
        id=row.id,
        name=row.name,
        credentials=row.credentials,
        email=row.email,
        npi=row.npi,
        roles=roles,
        phone_verified=row.phone_verified_at is not None,
        has_second_factor=row.totp_confirmed_at is not None,
        disabled=row.disabled_at is not None,
    )
