"""The people a rung of the ladder reaches now: by role, by shift, by name; with the contacts they have at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

import msgspec
from sqlalchemy import Row, and_, exists, or_, select

from kernel import log
from kernel.audit import Role
from kernel.db import Tx
from messaging.consent.tables import NumberStop
from registry import zones
from registry.access import CLINICAL
from registry.cover import queries as cover
from registry.on_call import queries as on_call
from registry.organisation.tables import Clinic, Staff, StaffRole
from registry.protocol.policy import Audience, Protocol, Rung
from registry.protocol.rules import AUDIENCE_ROLE
from registry.working_time import is_staffed
from registry.worklist import service as worklist

MOST: Final = 100


class Person(msgspec.Struct, frozen=True):
    """`phone` (E.164) only while it is verified; `stopped`: texts to it were stopped, so they reach nobody."""

    id: UUID
    email: str
    phone: str | None
    phone_key: str
    stopped: bool


async def people_for(
    tx: Tx, event: Row[Any], protocol: Protocol, rung: Rung, now: datetime
) -> tuple[Person, ...]:
    """Outside staffed hours whoever is on call stands in for the responsible person, where the policy says so."""
    wanted: set[UUID] = set(rung.people) if "named" in rung.audience else set()
    roles: set[Role] = set()
    at_night = not is_staffed(now, protocol.policy.hours)
    paged = at_night and protocol.policy.tier(event.tier).after_hours == "on_call"
    duty: frozenset[UUID] = frozenset()
    if paged or "on_call" in rung.audience:
        duty = await _on_duty(tx, event, protocol, now, needed=paged)
        wanted |= duty
    for audience in rung.audience:
        wanted |= await _named(tx, event, protocol, audience, now, relieved=paged and bool(duty))
        if audience in AUDIENCE_ROLE:
            roles.add(AUDIENCE_ROLE[audience])
    return await contacts(tx, event.clinic_id, frozenset(wanted), frozenset(roles))


async def contacts(
    tx: Tx, clinic_id: UUID, staff_ids: frozenset[UUID], roles: frozenset[Role] = frozenset()
) -> tuple[Person, ...]:
    """Working accounts among the people and of the roles, each once."""
    in_role = exists().where(
        and_(StaffRole.staff_id == Staff.id, StaffRole.clinic_id == clinic_id, StaffRole.role.in_(roles))
    )
    works_here = exists().where(
        and_(StaffRole.staff_id == Staff.id, StaffRole.clinic_id == clinic_id, StaffRole.role.in_(CLINICAL))
    )
    stopped = exists().where(
        NumberStop.phone_key == Staff.phone_key,
        NumberStop.lifted_at.is_(None),
        or_(NumberStop.scope == "organisation", NumberStop.clinic_id == clinic_id),
    )
    rows = await tx.all(
        select(
            Staff.id,
            Staff.email,
            Staff.phone_sealed,
            Staff.phone_key,
            Staff.phone_verified_at,
            stopped.label("stopped"),
        )
        .where(
            Staff.disabled_at.is_(None),
            or_(and_(Staff.id.in_(staff_ids), works_here), in_role),
        )
        .order_by(Staff.id)
        .limit(MOST)
    )
    return tuple(_person(tx, row) for row in rows)


async def _named(
    tx: Tx, event: Row[Any], protocol: Protocol, audience: Audience, now: datetime, *, relieved: bool
) -> frozenset[UUID]:
    match audience:
        case "responsible":
            return frozenset() if relieved else await _responsible(tx, event, protocol, now)
        case "on_call" | "named" | "care_managers" | "clinicians" | "consultants" | "leads":
            return frozenset()  # by shift, by the rung's own list, or by role
        case _:
            assert_never(audience)


async def _responsible(tx: Tx, event: Row[Any], protocol: Protocol, now: datetime) -> frozenset[UUID]:
    """The event's responsible person and whoever covers for them today; the clinic's default when that account no
    longer works or has no clinical role in this clinic any more."""
    default = await tx.scalar(select(Clinic.default_responsible_id).where(Clinic.id == event.clinic_id))
    if event.responsible_id is None:
        return frozenset() if default is None else frozenset({default})
    works = await tx.scalar(
        select(Staff.id)
        .join(StaffRole, StaffRole.staff_id == Staff.id)
        .where(
            Staff.id == event.responsible_id,
            Staff.disabled_at.is_(None),
            StaffRole.clinic_id == event.clinic_id,
            StaffRole.role.in_(CLINICAL),
        )
        .limit(1)
    )
    today = zones.local_date(now, protocol.policy.zone)
    standing_in = await cover.stands_in(tx, event.clinic_id, event.responsible_id, today)
    found = {works, standing_in} - {None}
    return frozenset(one for one in (found or {default}) if one is not None)


async def _on_duty(
    tx: Tx, event: Row[Any], protocol: Protocol, now: datetime, *, needed: bool
) -> frozenset[UUID]:
    """Nobody on call where the policy counts on somebody is an alarm of its own."""
    people = frozenset(one.staff_id for one in await on_call.on_call_at(tx, event.clinic_id, now))
    if needed and not people and protocol.id is not None:
        log.get().error("on_call.nobody", clinic_id=str(event.clinic_id))
        await worklist.open_task(
            tx,
            clinic_id=event.clinic_id,
            patient_id=None,
            episode_id=None,
            kind="on_call_gap",
            dedupe_key=f"on_call_gap:event:{event.id}",
            now=now,
        )
    return people


def _person(tx: Tx, row: Any) -> Person:
    verified = row.phone_verified_at is not None and row.phone_sealed is not None
    return Person(
        id=row.id,
        email=row.email,
        phone=tx.vault.open(row.phone_sealed) if verified else None,
        phone_key=row.phone_key or "",
        stopped=row.stopped,
    )


def ids(people: Sequence[Person]) -> frozenset[UUID]:
    return frozenset(person.id for person in people)
