"""Setting up who bills: the clinic's identity on claim files, and the NPIs of its practitioners."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, select, update

from billing.identity import rules
from billing.identity.rules import BillingIdentity
from billing.identity.tables import BillingSetup
from kernel import audit
from kernel.audit import Actor, Role
from kernel.db import Tx
from kernel.errors import Invalid, NotFound
from registry.access import require
from registry.organisation.rules import is_npi
from registry.organisation.tables import Clinic, Staff, StaffRole

KEEPERS: Final[tuple[Role, ...]] = ("biller", "administrator", "clinic_lead")
_OF_CLINIC: Final = ("npi", "tax_id")


class Practitioner(msgspec.Struct, frozen=True):
    staff_id: UUID
    name: str
    npi: str | None


class Setup(msgspec.Struct, frozen=True):
    identity: BillingIdentity
    practitioners: tuple[Practitioner, ...]


async def setup(tx: Tx, viewer: Actor) -> Setup:
    """No patient's data: no audit row. Practitioners are the clinicians of the clinic, by name."""
    clinic_id = require(viewer, *KEEPERS)
    return Setup(await identity_of(tx, clinic_id), await _practitioners(tx, clinic_id))


async def identity_of(tx: Tx, clinic_id: UUID) -> BillingIdentity:
    row = await tx.first(select(BillingSetup.identity).where(BillingSetup.clinic_id == clinic_id))
    clinic = await tx.first(select(Clinic.npi, Clinic.tax_id).where(Clinic.id == clinic_id))
    assert clinic is not None
    kept = {} if row is None else row.identity
    return msgspec.convert(
        kept | {"npi": clinic.npi or "", "tax_id": clinic.tax_id or ""}, BillingIdentity, strict=False
    )


async def change_identity(tx: Tx, actor: Actor, identity: BillingIdentity, *, now: datetime) -> None:
    """Raises Invalid naming each field that is given and wrong; nothing is half-saved."""
    clinic_id = require(actor, *KEEPERS)
    wrong = rules.check(identity)
    if wrong:
        raise Invalid(*wrong)
    before = await identity_of(tx, clinic_id)
    changed = [name for name in rules.LABELS if getattr(before, name) != getattr(identity, name)]
    await tx.execute(
        update(Clinic)
        .where(Clinic.id == clinic_id)
        .values(npi=identity.npi or None, tax_id=identity.tax_id or None)
    )
    kept = {name: value for name, value in msgspec.structs.asdict(identity).items() if name not in _OF_CLINIC}
    await tx.execute(delete(BillingSetup).where(BillingSetup.clinic_id == clinic_id))
    await tx.execute(
        insert(BillingSetup),
        {
            "id": tx.new_id(),
            "clinic_id": clinic_id,
            "identity": kept,
            "updated_at": now,
            "updated_by_id": actor.id,
        },
    )
    await audit.record(tx, actor, "billing_identity.changed", "clinic", clinic_id, now=now, fields=changed)


async def change_npi(tx: Tx, actor: Actor, staff_id: UUID, npi: str, *, now: datetime) -> None:
    """A practitioner's own NPI; empty takes it away. Raises NotFound for someone who is no clinician here."""
    clinic_id = require(actor, *KEEPERS)
    if npi and not is_npi(npi):
        raise Invalid.field(f"npi_{staff_id}", "is not a valid NPI: its last digit checks the others")
    if staff_id not in {person.staff_id for person in await _practitioners(tx, clinic_id)}:
        raise NotFound("the practitioner")
    await tx.execute(update(Staff).where(Staff.id == staff_id).values(npi=npi or None))
    await audit.record(tx, actor, "staff.npi_changed", "staff", staff_id, now=now)


async def _practitioners(tx: Tx, clinic_id: UUID) -> tuple[Practitioner, ...]:
    rows = await tx.all(
        select(Staff.id, Staff.name, Staff.npi)
        .join(StaffRole, StaffRole.staff_id == Staff.id)
        .where(StaffRole.clinic_id == clinic_id, StaffRole.role == "clinician", Staff.disabled_at.is_(None))
        .order_by(Staff.name, Staff.id)
        .limit(500)
    )
    return tuple(Practitioner(row.id, row.name, row.npi) for row in rows)
