"""A clinic with a month to bill: patients with everything on file, and minutes that were worked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import insert, update

from billing.identity import service as identity
from billing.identity.rules import BillingIdentity
from kernel.db import Tx
from registry.episodes.tables import CareConsent
from registry.organisation.tables import Staff
from registry.patients.forms import Address
from registry.patients.tables import Coverage
from registry.time_log.tables import TimeEntry
from tests.support import builders
from tests.support.builders import ClinicRows, PatientRows

ZONE = ZoneInfo("America/Los_Angeles")
FEES = {"99492": 16240, "99493": 14100, "99494": 6000, "G2214": 6100, "99484": 5400}
ADDRESS = Address("12 Alder Street", "Seattle", "WA", "98101")
IDENTITY = BillingIdentity(
    legal_name="Harbor Clinic",
    npi="1234567893",
    tax_id="00-0000000",
    taxonomy="207Q00000X",
    line1="1 Pier Road",
    city="Seattle",
    state="WA",
    postal_code="98101-0001",
    contact_name="Billie Ross",
    contact_phone="+12065550100",
    submitter_id="HARBOR1",
    receiver_name="Clearing House",
    receiver_id="CLEAR1",
    usage="T",
)


async def clinic(tx: Tx, now: datetime, **overrides: Any) -> ClinicRows:
    """Complete for claim files, with a fee for every code."""
    made = await builders.clinic(tx, now, settings={"fees_cents": FEES}, **overrides)
    await tx.enter_clinic(made.id)
    await identity.change_identity(tx, made.actor("biller"), IDENTITY, now=now)
    await tx.execute(update(Staff).where(Staff.id == made.clinician).values(npi="1999999984"))
    return made


async def patient(tx: Tx, made: ClinicRows, enrolled: date, **overrides: Any) -> PatientRows:
    """Enrolled that day, with consent, visit, diagnosis and coverage on file."""
    at = datetime.combine(enrolled, datetime.min.time(), ZONE).astimezone(UTC) + timedelta(hours=8)
    given = {
        "enrolled_on": enrolled,
        "referred_at": at,
        "initiating_visit_on": enrolled - timedelta(days=10),
        "initiating_visit_code": "99214",
        "address_sealed": tx.vault.seal(msgspec.json.encode(ADDRESS).decode()),
    }
    cover = {name: overrides.pop(name) for name in ("member_id", "payer") if name in overrides}
    found = await builders.patient(tx, made, at, **(given | overrides))
    await tx.execute(
        insert(CareConsent),
        {
            "id": tx.new_id(), "clinic_id": made.id, "episode_id": found.episode_id, "kind": "given",
            "method": "verbal", "given_at": at, "recorded_by": "Casey Moore", "recorded_by_id": made.care_manager,
            "wording_version": "care-consent@1", "language": "en", "created_at": at,
        },
    )  # fmt: skip
    await tx.execute(
        insert(Coverage),
        {
            "id": tx.new_id(), "clinic_id": made.id, "patient_id": found.id, "rank": 1,
            "payer": cover.get("payer", "Evergreen Health Plan"), "payer_id": "EVG01", "plan": None,
            "member_id_sealed": tx.vault.seal(cover.get("member_id", "W778120")), "subscriber": "self",
            "valid_from": date(2020, 1, 1), "valid_to": None, "created_at": at,
        },
    )  # fmt: skip
    return found


async def worked(
    tx: Tx,
    made: ClinicRows,
    patient: PatientRows,
    on: date,
    minutes: int,
    *,
    activity: str = "patient_contact",
    role: str = "care_manager",
    hour: int = 10,
) -> UUID:
    """One entry, beginning at `hour` in the clinic."""
    at = datetime(on.year, on.month, on.day, hour, tzinfo=ZONE).astimezone(UTC)
    entry_id = tx.new_id()
    values = {
        "id": entry_id, "clinic_id": made.id, "patient_id": patient.id, "episode_id": patient.episode_id,
        "staff_id": getattr(made, role), "role": role, "activity": activity, "started_at": at,
        "seconds": minutes * 60, "modality": None, "contact_sealed": None, "relationship": None,
        "separately_reported": False, "note_sealed": None, "source": "console",
        "created_at": at + timedelta(minutes=minutes), "created_by_id": made.care_manager,
        "supersedes_id": None, "superseded_at": None, "reason": None,
    }  # fmt: skip
    await tx.execute(insert(TimeEntry), values)
    return entry_id


async def full_month(
    tx: Tx, made: ClinicRows, patient: PatientRows, first: date, minutes: int, *, hour: int = 10
) -> None:
    """`minutes` of contact and a case review in the month of `first`, so that no line is held. Two patients need two
    hours: a person's minute counts once."""
    await worked(tx, made, patient, first.replace(day=9), minutes, hour=hour)
    await worked(
        tx, made, patient, first.replace(day=11), 6, activity="case_review", role="consultant", hour=hour
    )
