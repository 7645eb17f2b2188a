"""Which policy a clinic, or one event, goes by; and the pages on which people read and sign it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, and_, bindparam, select

from kernel.audit import Actor, Role
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff, StaffRole
from registry.protocol.policy import Policy, Protocol, template
from registry.protocol.rules import Contact, ProtocolState, SignatureKind
from registry.protocol.tables import ProtocolSignature, SafetyProtocol
from registry.working_time import WorkingTime

MOST_VERSIONS: Final = 100
READERS: Final[tuple[Role, ...]] = (*CLINICAL, "administrator")

_COLUMNS = (SafetyProtocol.id, SafetyProtocol.version, SafetyProtocol.policy)
_ACTIVE = select(*_COLUMNS).where(
    SafetyProtocol.clinic_id == bindparam("clinic"), SafetyProtocol.state == "active"
)
_ONE = select(*_COLUMNS).where(
    SafetyProtocol.clinic_id == bindparam("clinic"), SafetyProtocol.id == bindparam("id")
)


class Signature(msgspec.Struct, frozen=True):
    """`stands`: given for the text as it reads now."""

    staff_id: UUID
    name: str
    kind: SignatureKind
    signed_at: datetime
    stands: bool


class VersionLine(msgspec.Struct, frozen=True):
    id: UUID
    version: int
    state: ProtocolState
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None


class VersionPage(msgspec.Struct, frozen=True):
    line: VersionLine
    policy: Policy
    signatures: tuple[Signature, ...]

    def signed_by(self, staff_id: UUID | None, kind: SignatureKind) -> bool:
        return any(one.staff_id == staff_id and one.kind == kind and one.stands for one in self.signatures)


def decoded(stored: Mapping[str, Any]) -> Policy:
    return msgspec.convert(stored, Policy)


async def active(tx: Tx, clinic_id: UUID) -> Protocol:
    """The version in force; without one the shipped template on the clinic's own hours. Raises NotFound."""
    row = await tx.first(_ACTIVE, {"clinic": clinic_id})
    return await _template(tx, clinic_id) if row is None else _protocol(row)


async def of_event(tx: Tx, clinic_id: UUID, protocol_id: UUID | None) -> Protocol:
    """The version under which an event was opened, whatever is in force by now. Raises NotFound."""
    if protocol_id is None:
        return await _template(tx, clinic_id)
    row = await tx.first(_ONE, {"clinic": clinic_id, "id": protocol_id})
    if row is None:
        raise NotFound("protocol")
    return _protocol(row)


async def versions(tx: Tx, viewer: Actor) -> tuple[VersionLine, ...]:
    """Newest first, at most 100. Holds nothing about a patient, so no audit row."""
    clinic_id = require(viewer, *READERS)
    wanted = select(SafetyProtocol.__table__).where(SafetyProtocol.clinic_id == clinic_id)
    rows = await tx.all(wanted.order_by(SafetyProtocol.version.desc()).limit(MOST_VERSIONS))
    return tuple(_line(row) for row in rows)


async def version(tx: Tx, viewer: Actor, protocol_id: UUID) -> VersionPage:
    """Raises NotFound."""
    clinic_id = require(viewer, *READERS)
    row = await tx.first(
        select(SafetyProtocol.__table__).where(
            SafetyProtocol.id == protocol_id, SafetyProtocol.clinic_id == clinic_id
        )
    )
    if row is None:
        raise NotFound("protocol")
    return VersionPage(_line(row), decoded(row.policy), await _signatures(tx, row))


async def trained(tx: Tx, clinic_id: UUID, protocol_id: UUID) -> frozenset[UUID]:
    """Who signed the present text of a version as read and trained."""
    signed = await tx.all(
        select(ProtocolSignature.staff_id)
        .join(
            SafetyProtocol,
            and_(
                SafetyProtocol.id == ProtocolSignature.protocol_id,
                SafetyProtocol.content_hash == ProtocolSignature.content_hash,
            ),
        )
        .where(
            ProtocolSignature.clinic_id == clinic_id,
            ProtocolSignature.protocol_id == protocol_id,
            ProtocolSignature.kind == "training",
        )
    )
    return frozenset(row.staff_id for row in signed)


async def to_be_trained_on(tx: Tx, clinic_id: UUID) -> UUID | None:
    """The version whose training counts for the on-call calendar: the one in force, before the first the draft."""
    row = await tx.first(
        select(SafetyProtocol.id)
        .where(SafetyProtocol.clinic_id == clinic_id, SafetyProtocol.state.in_(("active", "draft")))
        .order_by(SafetyProtocol.state, SafetyProtocol.version.desc())  # active before draft
        .limit(1)
    )
    return None if row is None else cast(UUID, row.id)


async def contacts(tx: Tx, clinic_id: UUID, trained_on: UUID | None) -> dict[UUID, Contact]:
    """Everyone with a role in the clinic, as the ladder sees them."""
    signed = frozenset() if trained_on is None else await trained(tx, clinic_id, trained_on)
    rows = await tx.all(
        select(Staff.id, Staff.name, Staff.phone_verified_at, Staff.disabled_at, StaffRole.role)
        .join(StaffRole, StaffRole.staff_id == Staff.id)
        .where(StaffRole.clinic_id == clinic_id)
        .order_by(Staff.name, Staff.id)
    )
    roles: dict[UUID, set[Role]] = {}
    for row in rows:
        roles.setdefault(row.id, set()).add(cast(Role, row.role))
    return {
        row.id: Contact(
            name=row.name,
            roles=frozenset(roles[row.id]),
            working=row.disabled_at is None,
            phone_verified=row.phone_verified_at is not None,
            trained=row.id in signed,
        )
        for row in rows
    }


async def _template(tx: Tx, clinic_id: UUID) -> Protocol:
    facts = await organisation.clinic(tx, clinic_id)
    return Protocol(None, 0, template(WorkingTime(facts.zone, facts.staffed, facts.holidays)))


async def _signatures(tx: Tx, row: Row[Any]) -> tuple[Signature, ...]:
    signed = await tx.all(
        select(
            ProtocolSignature.staff_id,
            Staff.name,
            ProtocolSignature.kind,
            ProtocolSignature.signed_at,
            ProtocolSignature.content_hash,
        )
        .join(Staff, Staff.id == ProtocolSignature.staff_id)
        .where(ProtocolSignature.protocol_id == row.id)
        .order_by(ProtocolSignature.signed_at, ProtocolSignature.id)
        .limit(500)
    )
    return tuple(
        Signature(
            one.staff_id,
            one.name,
            cast(SignatureKind, one.kind),
            one.signed_at,
            one.content_hash == row.content_hash,
        )
        for one in signed
    )


def _protocol(row: Row[Any]) -> Protocol:
    return Protocol(row.id, row.version, decoded(row.policy))


def _line(row: Row[Any]) -> VersionLine:
    return VersionLine(
        row.id, row.version, cast(ProtocolState, row.state), row.created_at, row.activated_at, row.retired_at
    )
