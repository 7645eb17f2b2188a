"""A small invented practice for tests of the registry: one clinic, its people, and forms that are complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from kernel import audit
from kernel.audit import Actor, Role
from kernel.db import Database, Tx
from registry.episodes.forms import CareConsentForm, EnrolmentForm, InitiatingVisit, TeamForm
from registry.organisation import accounts, service
from registry.organisation.rules import ClinicForm, StaffForm
from registry.patients.forms import (
    Address,
    CoverageForm,
    EmergencyContact,
    PersonForm,
    PhoneForm,
    PreferencesForm,
)
from registry.ports import ContentLevel, PauseReason, TextingConsentForm

ROOT = audit.system(None, "cli")
CLINIC = ClinicForm(
    slug="north",
    name="North Clinic",
    text_name="North Clinic",
    zone="America/Los_Angeles",
    support_phone="+12065550100",
    hours_text="Mon-Fri 9-5",
    privacy_url="https://north.example/privacy",
)


@dataclass
class RecordingOutreach:
    """Stands in for messaging: notes what it was asked, and knows the consents it was given."""

    calls: list[tuple[str, UUID]] = field(default_factory=list)
    reasons: list[PauseReason] = field(default_factory=list)
    consents: dict[UUID, ContentLevel] = field(default_factory=dict)

    async def texting_consent(self, tx: Tx, patient_id: UUID) -> ContentLevel | None:
        return self.consents.get(patient_id)

    async def record_texting_consent(
        self, tx: Tx, actor: Actor, patient_id: UUID, consent: TextingConsentForm, *, now: datetime
    ) -> None:
        self.calls.append(("record_texting_consent", patient_id))
        self.consents[patient_id] = consent.content_level

    async def care_paused(self, tx: Tx, patient_id: UUID, reason: PauseReason, *, now: datetime) -> None:
        self.calls.append(("care_paused", patient_id))
        self.reasons.append(reason)

    async def plan_changed(self, tx: Tx, patient_id: UUID, *, now: datetime) -> None:
        self.calls.append(("plan_changed", patient_id))

    async def contact_changed(self, tx: Tx, patient_id: UUID, *, now: datetime) -> None:
        self.calls.append(("contact_changed", patient_id))

    async def next_contact_changed(self, tx: Tx, episode_id: UUID, *, now: datetime) -> None:
        self.calls.append(("next_contact_changed", episode_id))

    async def ask_after_no_show(
        self, tx: Tx, actor: Actor, patient_id: UUID, contact_id: UUID, *, now: datetime
    ) -> None:
        self.calls.append(("ask_after_no_show", contact_id))

    async def introduce(
        self, tx: Tx, actor: Actor, patient_id: UUID, staff_id: UUID, *, now: datetime
    ) -> bool:
        self.calls.append(("introduce", patient_id))
        return True

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


@dataclass
class Practice:
    """`manager`, `clinician` and so on are actors of the clinic; `team` names the first three in a form."""

    clinic_id: UUID
    manager: Actor
    clinician: Actor
    consultant: Actor
    lead: Actor
    biller: Actor
    administrator: Actor

    @property
    def team(self) -> TeamForm:
        ids = [actor.id for actor in (self.clinician, self.manager, self.consultant)]
        treating, manager, consultant = [i for i in ids if i is not None]
        return TeamForm(treating_clinician_id=treating, care_manager_id=manager, consultant_id=consultant)


async def open_practice(database: Database, now: datetime, slug: str = "north") -> Practice:
    form = msgspec.structs.replace(CLINIC, slug=slug)
    async with database.begin() as tx:
        clinic_id = await service.create_clinic(tx, ROOT, form, now=now)
        people = {
            "manager": await _hire(tx, clinic_id, slug, "Lee Park", "care_manager", now),
            "clinician": await _hire(tx, clinic_id, slug, "Ines Roth", "clinician", now),
            "consultant": await _hire(tx, clinic_id, slug, "Omar Vale", "consultant", now),
            "lead": await _hire(tx, clinic_id, slug, "June Abbot", "clinic_lead", now),
            "biller": await _hire(tx, clinic_id, slug, "Tom Field", "biller", now),
            "administrator": await _hire(tx, clinic_id, slug, "Ada Boss", "administrator", now),
        }
    return Practice(clinic_id, **people)


async def _hire(tx: Tx, clinic_id: UUID, slug: str, name: str, role: Role, now: datetime) -> Actor:
    email = f"{name.split()[0].lower()}@{slug}.example"
    staff_id = await accounts.create_staff(tx, ROOT, StaffForm(name=name, email=email), now=now)
    await accounts.grant_role(tx, ROOT, staff_id, clinic_id, role, now=now)
    return Actor("staff", staff_id, clinic_id, frozenset({role}), name)


ANA = PersonForm(
    family_name="Reyes",
    given_name="Ana",
    birth_date=date(1984, 7, 9),
    mrn="MRN-1001",
    sex="F",
    address=Address("12 Alder Street", "Seattle", "WA", "98101"),
    emergency=EmergencyContact("Luis Reyes", "brother", "+12065550190"),
)
PHONE = PhoneForm("+12065550123")
WISHES = PreferencesForm(
    language="en", zone="America/Los_Angeles", channel="sms_link", second_channel="phone"
)
TEXTING = TextingConsentForm("consent", "link_only", "verbal", "texting-consent@1", "en")
BY_ITEMS = TextingConsentForm("consent", "items_by_sms", "verbal", "texting-consent@1", "en", "risk@1")
PAYER = CoverageForm("Evergreen Health Plan", date(2026, 1, 1), payer_id="EVG01", member_id="M-77812")
VISIT = InitiatingVisit(date(2026, 2, 20), "99214")


def enrolment(practice: Practice, now: datetime, **changed: Any) -> EnrolmentForm:
    """Ana's complete form; `changed` replaces whole fields of it."""
    whole = EnrolmentForm(
        person=ANA,
        preferences=WISHES,
        team=practice.team,
        target_condition="F32.1",
        care_consent=CareConsentForm("verbal", now, "Lee Park", "care-consent@1"),
        coverage=(PAYER,),
        phone=PHONE,
        texting_consent=TEXTING,
        initiating_visit=VISIT,
        referred_by="Dr. Ines Roth",
        referral_reason="PHQ-9 of 16 at the visit, wants to try.",
    )
    return msgspec.structs.replace(whole, **changed)
