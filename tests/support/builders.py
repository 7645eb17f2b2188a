"""Rows straight into tables: a clinic with its staff, patients in care. For tests that don't test how these come about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, insert, select

from kernel.audit import Actor, Role
from kernel.db import Tx
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic, Sender, Staff, StaffRole
from registry.organisation.wording import fold
from registry.patients.tables import Patient, PatientPhone
from registry.worklist import service as worklist

OFFICE_HOURS = {str(day): [["09:00", "17:00"]] for day in range(5)}
AREAS = (
    206, 253, 360, 425, 509, 564, 212, 312, 415, 512, 602, 617, 702, 808, 917,
    213, 303, 305, 313, 404, 503, 504, 505, 601, 605, 612, 615, 701, 713, 801,
)  # fmt: skip


class ClinicRows(NamedTuple):
    """One member of staff per role; `default` is whom alerts reach when an episode names nobody."""

    id: UUID
    zone: str
    sender_id: UUID
    sender_number: str
    care_manager: UUID
    clinician: UUID
    consultant: UUID
    clinic_lead: UUID
    biller: UUID
    administrator: UUID
    default: UUID

    def actor(self, role: Role) -> Actor:
        """The member of staff with this role, signed in."""
        return Actor(
            kind="staff",
            id=getattr(self, role),
            clinic_id=self.id,
            roles=frozenset({role}),
            name=STAFF_NAMES[role],
        )


class PatientRows(NamedTuple):
    id: UUID
    episode_id: UUID
    phone_id: UUID
    phone: str


STAFF_NAMES: Mapping[Role, str] = {
    "care_manager": "Casey Moore",
    "clinician": "Dana Clark",
    "consultant": "Parker Sung",
    "clinic_lead": "Lee Lead",
    "biller": "Billie Ross",
    "administrator": "Addy Minh",
}


async def clinic(tx: Tx, now: datetime, **overrides: Any) -> ClinicRows:
    """`overrides`: columns of the clinic. Seattle, staffed Monday to Friday 9 to 5."""
    clinic_id, sender_id = tx.new_id(), tx.new_id()
    mark = clinic_id.hex[-12:]
    staff = {role: await member(tx, clinic_id, role, now) for role in STAFF_NAMES}
    values: dict[str, Any] = {
        "id": clinic_id,
        "slug": f"clinic-{mark}",
        "name": "Harbor Clinic",
        "text_name": "Harbor Clinic",
        "zone": "America/Los_Angeles",
        "support_phone": "+12065550100",
        "hours_text": "Mon-Fri 9-5",
        "privacy_url": "https://harbor.example/privacy",
        "texting_mode": "live",
        "item9_channel": "sms",
        "bulk_answers": False,
        "after_positive_item9": "stop",
        "staffed_hours": OFFICE_HOURS,
        "window_start": time(9, 0),
        "window_end": time(20, 0),
        "minor_policy_signed_on": None,
        "item9_policy_signed_on": date(2026, 1, 5),
        "default_responsible_id": staff["clinic_lead"],
        "settings": {},
        "npi": None,
        "tax_id": None,
        "created_at": now,
    } | overrides
    await tx.execute(insert(Clinic), values)
    for role, staff_id in staff.items():
        await tx.execute(insert(StaffRole), {"staff_id": staff_id, "clinic_id": clinic_id, "role": role})
    number = invented_number(len(AREAS) * 100 - 1 - await tx.scalar(select(func.count()).select_from(Sender)))
    await tx.execute(
        insert(Sender),
        {
            "id": sender_id,
            "clinic_id": clinic_id,
            "number": number,
            "messaging_service_sid": None,
            "active": True,
        },
    )
    return ClinicRows(
        id=clinic_id,
        zone=values["zone"],
        sender_id=sender_id,
        sender_number=number,
        default=values["default_responsible_id"],
        **staff,
    )


async def member(tx: Tx, clinic_id: UUID, role: Role, now: datetime, **overrides: Any) -> UUID:
    """A staff account with a verified phone. The role's row is the caller's when the clinic isn't stored yet."""
    staff_id = tx.new_id()
    values = {
        "id": staff_id,
        "name": STAFF_NAMES[role],
        "credentials": None,
        "email": f"{role}.{staff_id.hex[-12:]}@harbor.example",
        "phone_sealed": tx.vault.seal("+12065550111"),
        "phone_key": tx.vault.lookup("+12065550111"),
        "phone_verified_at": now,
        "npi": None,
        "password_hash": None,
        "totp_sealed": None,
        "totp_last_step": None,
        "totp_confirmed_at": None,
        "failed_count": 0,
        "locked_until": None,
        "disabled_at": None,
        "created_at": now,
    } | overrides
    await tx.execute(insert(Staff), values)
    return staff_id


def invented_number(nth: int) -> str:
    """The nth of 3000 numbers 555-01xx. Patients count up, senders down."""
    return f"+1{AREAS[nth // 100 % len(AREAS)]}55501{nth % 100:02d}"


async def patient(tx: Tx, clinic: ClinicRows, now: datetime, **overrides: Any) -> PatientRows:
    """An adult in active care with a verified phone and a registry line. `overrides` go to whichever of patient,
    episode and phone has such a column; `phone` is the number in E.164."""
    patient_id, episode_id, phone_id = tx.new_id(), tx.new_id(), tx.new_id()
    phone = overrides.pop("phone", None) or invented_number(
        await tx.scalar(select(func.count()).select_from(PatientPhone))
    )
    shared = {"clinic_id": clinic.id, "created_at": now}
    rows: list[tuple[Any, dict[str, Any]]] = [
        (Patient, {"id": patient_id, **_patient(overrides, now), **shared}),
        (PatientPhone, {"id": phone_id, "patient_id": patient_id, **_phone(tx, phone, now), **shared}),
        (Episode, {"id": episode_id, "patient_id": patient_id, **_episode(clinic, now), **shared}),
    ]
    unknown = set(overrides) - {column.name for table, _ in rows for column in table.__table__.c}
    if unknown:
        raise TypeError(f"no such column: {', '.join(sorted(unknown))}")
    for table, values in rows:
        own = {name: value for name, value in overrides.items() if name in table.__table__.c}
        await tx.execute(insert(table), values | own)
    await worklist.refresh(tx, episode_id, now)
    return PatientRows(patient_id, episode_id, phone_id, phone)


def _patient(overrides: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    family, given = overrides.get("family_name", "Rivera"), overrides.get("given_name", "Ana")
    return {
        "family_name": family,
        "given_name": given,
        "name_key": fold(f"{family} {given}"),
        "mrn": None,
        "birth_date": date(1984, 5, 17),
        "sex": "F",
        "language": "en",
        "zone": "America/Los_Angeles",
        "channel": "sms_items",
        "second_channel": None,
        "window_start": None,
        "window_end": None,
        "address_sealed": None,
        "emergency_name_sealed": None,
        "emergency_relation": None,
        "emergency_phone_sealed": None,
        "deceased_on": None,
        "is_test": False,
        "updated_at": now,
        "version": 1,
    }


def _phone(tx: Tx, number: str, now: datetime) -> dict[str, Any]:
    return {
        "phone_sealed": tx.vault.seal(number),
        "phone_key": tx.vault.lookup(number),
        "state": "verified",
        "shared": False,
        "safe_to_text": True,
        "voicemail_ok": False,
        "verified_at": now,
        "replaced_at": None,
    }


def _episode(clinic: ClinicRows, now: datetime) -> dict[str, Any]:
    return {
        "status": "active",
        "referred_at": now - timedelta(days=7),
        "referred_by": "Dana Clark",
        "referral_reason_sealed": "",
        "enrolled_on": now.date(),
        "target_condition": "F33.1",
        "treating_clinician_id": clinic.clinician,
        "care_manager_id": clinic.care_manager,
        "consultant_id": clinic.consultant,
        "initiating_visit_on": None,
        "initiating_visit_code": None,
        "next_contact_at": None,
        "next_contact_mode": None,
        "next_contact_purpose_sealed": None,
        "ended_on": None,
        "end_reason": None,
        "status_before_hold": None,
        "hold_review_on": None,
        "version": 1,
        "updated_at": now,
    }
