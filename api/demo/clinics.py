"""The demo's organisation, clinics and staff, made by the same commands a real set-up uses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from api.demo import people, safety_policy
from api.demo.people import ClinicPlan, Person
from billing.identity import service as billing_identity
from billing.identity.rules import BillingIdentity
from billing.money import service as money
from billing.money.service import FeeForm
from kernel.audit import Actor, system
from kernel.db import Tx
from registry.organisation import accounts, service
from registry.organisation.rules import ClinicForm, StaffForm

OPERATOR: Final = system(None, "demo")
FIRST_STAFF_PHONE: Final = 60  # 555-0160 and up
CHARGES: Final = {"99492": 21000, "99493": 18500, "99494": 8000, "G2214": 8200, "99484": 7000}  # cents a unit


class Clinic:
    """A clinic with its people by key, and the number it texts from."""

    __slots__ = ("id", "plan", "sender_id", "staff")

    def __init__(self, plan: ClinicPlan, id: UUID, sender_id: UUID, staff: Mapping[str, UUID]) -> None:
        self.plan = plan
        self.id = id
        self.sender_id = sender_id
        self.staff = staff

    def actor(self, person: Person) -> Actor:
        return Actor(
            kind="staff",
            id=self.staff[person.key],
            clinic_id=self.id,
            roles=frozenset({person.role}),
            name=person.name,
        )

    def those(self, role: str) -> tuple[Person, ...]:
        return tuple(person for person in self.plan.staff if person.role == role)


async def found(tx: Tx, now: datetime) -> tuple[Clinic, ...]:
    await service.create_organisation(tx, OPERATOR, people.ORGANISATION, "demo", now=now)
    return tuple([await _open(tx, plan, now) for plan in (people.HARBOR, people.PINE)])


async def _open(tx: Tx, plan: ClinicPlan, now: datetime) -> Clinic:
    form = ClinicForm(
        slug=plan.slug,
        name=plan.name,
        text_name=plan.text_name,
        zone=plan.zone,
        support_phone=plan.support_phone,
        hours_text="Mon-Fri 9-5",
        privacy_url=f"https://{plan.slug}.example/privacy",
        item9_channel="sms",
        npi=plan.npi,
        tax_id=plan.tax_id,
    )
    clinic_id = await service.create_clinic(tx, OPERATOR, form, now=now)
    sender_id = await service.add_sender(tx, OPERATOR, clinic_id, plan.number, now=now)
    staff = {
        person.key: await _hire(tx, plan, clinic_id, person, nth, now)
        for nth, person in enumerate(plan.staff)
    }
    await service.set_default_responsible(tx, OPERATOR, clinic_id, staff[plan.staff[0].key], now=now)
    await service.sign_policy(tx, OPERATOR, clinic_id, "item9", now.date(), now=now)
    await tx.enter_clinic(clinic_id)
    await _bills(tx, plan, clinic_id, now)
    await safety_policy.put_in_force(tx, plan, clinic_id, staff, now)
    return Clinic(plan, clinic_id, sender_id, staff)


async def _bills(tx: Tx, plan: ClinicPlan, clinic_id: UUID, now: datetime) -> None:
    """Who bills, what for, and what the payers are expected to pay: all invented."""
    biller = system(clinic_id, "operator")
    identity = BillingIdentity(
        legal_name=plan.name,
        npi=plan.npi,
        tax_id=plan.tax_id,
        taxonomy="207Q00000X",
        line1="1 Harbor Street",
        city="Seattle",
        state="WA",
        postal_code="98101-0001",
        contact_name="Casper Nyland",
        contact_phone=plan.support_phone,
        submitter_id="DEMO01",
        receiver_name="Invented Clearing House",
        receiver_id="DEMOCLEAR",
        usage="T",
    )
    await billing_identity.change_identity(tx, biller, identity, now=now)
    for code, charge in CHARGES.items():
        await money.set_fee(tx, biller, FeeForm(code, charge * 85 // 100, charge_cents=charge), now=now)


async def _hire(tx: Tx, plan: ClinicPlan, clinic_id: UUID, person: Person, nth: int, now: datetime) -> UUID:
    form = StaffForm(
        name=person.name,
        email=address(person, plan),
        credentials=person.credentials,
        phone=f"{plan.number[:-2]}{FIRST_STAFF_PHONE + nth}",
        npi=person.npi,
    )
    staff_id = await accounts.create_staff(tx, OPERATOR, form, now=now)
    await accounts.grant_role(tx, OPERATOR, staff_id, clinic_id, person.role, now=now)
    await accounts.confirm_phone(tx, OPERATOR, staff_id, now=now)
    return staff_id


def address(person: Person, plan: ClinicPlan) -> str:
    return f"{person.key.replace('_', '.')}@{plan.slug}.example"
