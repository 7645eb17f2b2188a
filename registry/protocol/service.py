"""Writing, signing and putting into force a clinic's safety policy."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, update

from kernel import audit
from kernel.audit import Actor, Role
from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.access import CLINICAL, require
from registry.on_call import queries as on_call
from registry.protocol import queries, rules
from registry.protocol.policy import Policy
from registry.protocol.rules import SignatureKind
from registry.protocol.tables import ProtocolSignature, SafetyProtocol

_SIGN = insert_or_skip(ProtocolSignature, "protocol_id", "staff_id", "kind", "content_hash")


async def start_draft(tx: Tx, actor: Actor, *, now: datetime) -> UUID:
    """A copy of what is in force, to be changed and signed; the draft that exists already, if one does."""
    clinic_id = require(actor, "clinic_lead")
    rows = await tx.all(
        select(SafetyProtocol.id, SafetyProtocol.version, SafetyProtocol.state)
        .where(SafetyProtocol.clinic_id == clinic_id)
        .with_for_update()
    )
    draft = next((row.id for row in rows if row.state == "draft"), None)
    if draft is not None:
        return cast(UUID, draft)
    policy = (await queries.active(tx, clinic_id)).policy
    protocol_id = tx.new_id()
    await tx.execute(
        insert(SafetyProtocol),
        {
            "id": protocol_id,
            "clinic_id": clinic_id,
            "version": max((row.version for row in rows), default=0) + 1,
            "state": "draft",
            **_content(policy),
            "created_at": now,
            "created_by_id": _staff_id(actor),
            "activated_at": None,
            "activated_by_id": None,
            "retired_at": None,
        },
    )
    await audit.record(tx, actor, "protocol.drafted", "safety_protocol", protocol_id, now=now)
    return protocol_id


async def change_draft(tx: Tx, actor: Actor, protocol_id: UUID, policy: Policy, *, now: datetime) -> None:
    """A draft may have gaps; the version in force may not. Signatures given for another text no longer count. Raises
    Conflict for a version that is or was in force."""
    require(actor, "clinic_lead")
    row = await _locked(tx, actor, protocol_id)
    _still_draft(row)
    content = _content(policy)
    if content["content_hash"] == row.content_hash:
        return
    await tx.execute(update(SafetyProtocol).where(SafetyProtocol.id == protocol_id).values(**content))
    await audit.record(tx, actor, "protocol.changed", "safety_protocol", protocol_id, now=now)


async def sign(tx: Tx, actor: Actor, protocol_id: UUID, kind: SignatureKind, *, now: datetime) -> None:
    """By the person themselves, for the text as it reads now; signing twice changes nothing. `approval` is given to
    drafts, by a clinic lead, consultant or clinician; `training` by whoever may be paged."""
    if actor.kind != "staff" or actor.id is None:
        raise Forbidden("only a person signs", code="person_needed")
    require(actor, *(rules.APPROVERS if kind == "approval" else CLINICAL))
    row = await _locked(tx, actor, protocol_id)
    if kind == "approval":
        _still_draft(row)
        found = rules.check_policy(queries.decoded(row.policy))
        if found:
            raise Invalid(*found)
    if row.state == "retired":
        raise Conflict("this version is no longer in force")
    values = {
        "id": tx.new_id(),
        "clinic_id": row.clinic_id,
        "protocol_id": protocol_id,
        "staff_id": actor.id,
        "kind": kind,
        "content_hash": row.content_hash,
        "signed_at": now,
    }
    if await tx.insert_once(pick(tx, _SIGN), values):
        await audit.record(tx, actor, "protocol.signed", "safety_protocol", protocol_id, now=now, kind=kind)


async def activate(tx: Tx, actor: Actor, protocol_id: UUID, *, now: datetime) -> None:
    """Puts a signed draft into force; the one before it is retired, and events opened under it keep it. Raises
    Invalid with every line that is in the way."""
    clinic_id = require(actor, "clinic_lead")
    row = await _locked(tx, actor, protocol_id)
    _still_draft(row)
    policy = queries.decoded(row.policy)
    people = await queries.contacts(tx, clinic_id, protocol_id)
    found = rules.why_not_activate(
        policy, people, await on_call.coverage(tx, clinic_id, policy, now), await _approvals(tx, row, people)
    )
    if found:
        raise Invalid(*found)
    await tx.execute(
        update(SafetyProtocol)
        .where(SafetyProtocol.clinic_id == clinic_id, SafetyProtocol.state == "active")
        .values(state="retired", retired_at=now)
    )
    await tx.execute(
        update(SafetyProtocol)
        .where(SafetyProtocol.id == protocol_id)
        .values(state="active", activated_at=now, activated_by_id=_staff_id(actor))
    )
    await audit.record(tx, actor, "protocol.activated", "safety_protocol", protocol_id, now=now)


async def why_not_activate(tx: Tx, viewer: Actor, protocol_id: UUID, *, now: datetime) -> tuple[Any, ...]:
    """What `activate` would refuse a draft for; nothing for other versions."""
    clinic_id = require(viewer, *queries.READERS)
    row = await tx.first(_row(clinic_id, protocol_id))
    if row is None:
        raise NotFound("protocol")
    if row.state != "draft":
        return ()
    policy = queries.decoded(row.policy)
    people = await queries.contacts(tx, clinic_id, protocol_id)
    coverage = await on_call.coverage(tx, clinic_id, policy, now)
    return rules.why_not_activate(policy, people, coverage, await _approvals(tx, row, people))


async def _approvals(tx: Tx, row: Row[Any], people: dict[UUID, rules.Contact]) -> dict[UUID, frozenset[Role]]:
    signed = await tx.all(
        select(ProtocolSignature.staff_id).where(
            ProtocolSignature.protocol_id == row.id,
            ProtocolSignature.kind == "approval",
            ProtocolSignature.content_hash == row.content_hash,
        )
    )
    found = {one.staff_id: people[one.staff_id] for one in signed if one.staff_id in people}
    return {staff_id: person.roles for staff_id, person in found.items() if person.working}


def _content(policy: Policy) -> dict[str, Any]:
    stored = msgspec.to_builtins(policy)
    text = msgspec.json.encode(stored, order="deterministic")
    return {"policy": stored, "content_hash": hashlib.sha256(text).hexdigest()}


def _row(clinic_id: UUID, protocol_id: UUID) -> Any:
    return select(SafetyProtocol.__table__).where(
        SafetyProtocol.id == protocol_id, SafetyProtocol.clinic_id == clinic_id
    )


async def _locked(tx: Tx, actor: Actor, protocol_id: UUID) -> Row[Any]:
    clinic_id = require(actor, *queries.READERS)
    row = await tx.first(_row(clinic_id, protocol_id).with_for_update())
    if row is None:
        raise NotFound("protocol")
    return row


def _still_draft(row: Row[Any]) -> None:
    if row.state != "draft":
        raise Conflict("this version is or was in force and can't be changed: start a new draft")


def _staff_id(actor: Actor) -> UUID | None:
    return actor.id if actor.kind == "staff" else None
