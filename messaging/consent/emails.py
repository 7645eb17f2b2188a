"""Agreement to get check-in links by e-mail: an address, the words that were used, who wrote it down. Append-only."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound
from messaging.consent.tables import EmailConsent
from registry.access import CARE, CLINICAL, require
from registry.patients.tables import Patient

Method = Literal["verbal", "written", "portal"]
Kind = Literal["given", "withdrawn", "bounced"]
LONGEST: Final = 254
_ADDRESS: Final = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s.<>,;\"]+")


class EmailForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`wording_version` names what was said: e-mail is not encrypted, and holds a link and no question
    (45 CFR 164.522(b); 78 FR 5634)."""

    address: str
    method: Method
    wording_version: str


class EmailFacts(msgspec.Struct, frozen=True):
    """`bounced`: the address was refused, so it is not tried again."""

    address: str
    kind: Kind
    method: Method
    wording_version: str
    recorded_at: datetime


async def record(tx: Tx, actor: Actor, patient_id: UUID, form: EmailForm, *, now: datetime) -> None:
    """Raises Invalid and NotFound."""
    clinic_id = await _own(tx, actor, patient_id, CARE)
    address = form.address.strip()
    if len(address) > LONGEST or not _ADDRESS.fullmatch(address) or not address.isascii():
        raise Invalid.field("address", "is not an e-mail address")
    if not form.wording_version.strip():
        raise Invalid.field("wording_version", "is empty: which words were used?")
    await _add(tx, actor, clinic_id, patient_id, "given", address, form.method, form.wording_version, now)


async def withdraw(tx: Tx, actor: Actor, patient_id: UUID, *, now: datetime) -> None:
    """Raises Conflict when no agreement stands."""
    clinic_id = await _own(tx, actor, patient_id, CARE)
    row = await _newest(tx, patient_id)
    if row is None or row.kind == "withdrawn":
        raise Conflict("there is no agreement to e-mail to withdraw", code="no_email_consent")
    address = tx.vault.open(row.address_sealed)
    await _add(tx, actor, clinic_id, patient_id, "withdrawn", address, row.method, row.wording_version, now)


async def bounced(tx: Tx, patient_id: UUID, *, now: datetime) -> None:
    """The relay refused the address."""
    row = await _newest(tx, patient_id)
    if row is None or row.kind != "given":
        return
    system = audit.system(row.clinic_id, "delivery")
    address = tx.vault.open(row.address_sealed)
    await _add(
        tx, system, row.clinic_id, patient_id, "bounced", address, row.method, row.wording_version, now
    )


async def not_theirs(tx: Tx, patient_id: UUID, *, now: datetime) -> None:
    """Whoever reads mail there says that it is not for them."""
    row = await _newest(tx, patient_id)
    if row is None or row.kind != "given":
        return
    somebody = Actor(kind="anonymous", id=None, clinic_id=row.clinic_id)
    address = tx.vault.open(row.address_sealed)
    await _add(
        tx, somebody, row.clinic_id, patient_id, "withdrawn", address, row.method, row.wording_version, now
    )


async def current(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> EmailFacts | None:
    """What was recorded last; None when nothing was. Raises NotFound."""
    await _own(tx, viewer, patient_id, CLINICAL)
    row = await _newest(tx, patient_id)
    await audit.record(tx, viewer, "email.read", "patient", patient_id, now=now, patient_id=patient_id)
    return None if row is None else _facts(tx, row)


def _facts(tx: Tx, row: Row[Any]) -> EmailFacts:
    address = tx.vault.open(row.address_sealed)
    return EmailFacts(address, row.kind, row.method, row.wording_version, row.recorded_at)


async def newest(tx: Tx, patient_id: UUID) -> EmailFacts | None:
    """For a page whose own reading of the patient is on record."""
    row = await _newest(tx, patient_id)
    return None if row is None else _facts(tx, row)


async def in_use(tx: Tx, patient_id: UUID) -> bool:
    """Whether e-mail is the patient's second channel, with an address that was agreed to."""
    second = await tx.scalar(select(Patient.second_channel).where(Patient.id == patient_id))
    row = await _newest(tx, patient_id) if second == "email" else None
    return row is not None and row.kind == "given"


async def _own(tx: Tx, actor: Actor, patient_id: UUID, roles: tuple[Any, ...]) -> UUID:
    clinic_id = require(actor, *roles)
    mine = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(mine) is None:
        raise NotFound("patient")
    return clinic_id


async def _newest(tx: Tx, patient_id: UUID) -> Row[Any] | None:
    return await tx.first(
        select(EmailConsent.__table__)
        .where(EmailConsent.patient_id == patient_id)
        .order_by(EmailConsent.recorded_at.desc(), EmailConsent.id.desc())
        .limit(1)
    )


async def _add(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    patient_id: UUID,
    kind: Kind,
    address: str,
    method: str,
    wording_version: str,
    now: datetime,
) -> None:
    row = {
        "id": tx.new_id(),
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "kind": kind,
        "address_sealed": tx.vault.seal(address),
        "address_key": tx.vault.lookup(address),
        "method": method,
        "wording_version": wording_version,
        "recorded_by_id": actor.id if actor.kind == "staff" else None,
        "recorded_at": now,
    }
    await tx.execute(insert(EmailConsent), row)
    await audit.record(
        tx, actor, f"email_consent.{kind}", "patient", patient_id, now=now, patient_id=patient_id
    )
