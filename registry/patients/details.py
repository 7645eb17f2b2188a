"""Everything a page or a key changes about a patient at once, and who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from kernel import audit
from kernel.audit import Actor, AuditEvent
from kernel.db import Tx
from kernel.errors import Problem
from registry.access import CARE, CLINICAL, require
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff
from registry.patients import records, rules
from registry.patients.forms import PersonForm, PreferencesForm
from registry.patients.service import approved_languages, kept_problems, refuse
from registry.ports import Outreach, TextingConsentForm
from registry.worklist import service as worklist

TRACED: Final = (
    "patient.changed",
    "phone.changed",
    "phone.marked_shared",
    "phone.released",
    "related_person.added",
    "related_person.changed",
    "related_person.revoked",
)
MOST: Final = 40
DERIVED: Final = frozenset({"name_key"})  # follows from another column


class DetailsForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of both parts: what is left out is taken away. `texting_consent` is a new agreement for the present
    number; null leaves the one on file. `version` is the patient's that was looked at."""

    person: PersonForm
    preferences: PreferencesForm
    version: int
    texting_consent: TextingConsentForm | None = None


class Trace(msgspec.Struct, frozen=True):
    """One change of a patient's details. `fields` are names of what changed, never values; `by` is empty for the patient
    and for a program."""

    at: datetime
    action: str
    fields: tuple[str, ...]
    by: str
    by_patient: bool


async def change_details(
    tx: Tx, actor: Actor, patient_id: UUID, form: DetailsForm, *, now: datetime, outreach: Outreach
) -> bool:
    """Person and wishes in one step; unsent check-ins follow the new zone, channel and window. False when the form says
    what is on record already: nothing is written then.

    Raises `Invalid` with every problem of both parts, `NotFound`, `Conflict` when somebody else changed the patient
    meanwhile (`stale`) or has the record number (`mrn_taken`).
    """
    clinic_id = require(actor, *CARE)
    row = await records.locked(tx, clinic_id, patient_id)
    records.refuse_stale(row.version, form.version)
    today = (await organisation.clinic(tx, clinic_id)).local_date(now)
    refuse(
        [
            *rules.check_person(form.person, today),
            *kept_problems(row, form.person),
            *await _wish_problems(tx, row, form, outreach),
        ]
    )
    values = (
        records.person_values(tx, form.person)
        | records.wish_values(form.preferences)
        | _interpreter(row, form)
    )
    if form.texting_consent is not None:
        await outreach.record_texting_consent(tx, actor, patient_id, form.texting_consent, now=now)
    elif not records.differing(tx, row, values):
        return False
    changed = await records.update_patient(tx, row, values, now)
    await worklist.refresh_patient(tx, patient_id, now)
    await outreach.contact_changed(tx, patient_id, now=now)
    await audit.record(
        tx, actor, "patient.changed", "patient", patient_id, now=now, patient_id=patient_id, fields=changed
    )
    return True


async def trail(tx: Tx, viewer: Actor, patient_id: UUID) -> tuple[Trace, ...]:
    """Changes of the patient's details, number and helpers, the newest first, at most 40. Names of fields alone, read
    with the patient's page and its own audit row."""
    clinic_id = require(viewer, *CLINICAL)
    rows = await tx.all(
        select(AuditEvent.at, AuditEvent.action, AuditEvent.detail, AuditEvent.actor_kind, Staff.name)
        .outerjoin(Staff, Staff.id == AuditEvent.actor_id)
        .where(
            AuditEvent.patient_id == patient_id,
            AuditEvent.clinic_id == clinic_id,
            AuditEvent.action.in_(TRACED),
        )
        .order_by(AuditEvent.seq.desc())
        .limit(MOST)
    )
    return tuple(
        Trace(
            at=row.at,
            action=row.action,
            fields=tuple(name for name in row.detail.get("fields") or () if name not in DERIVED),
            by=row.name or "",
            by_patient=row.actor_kind == "patient",
        )
        for row in rows
    )


async def _wish_problems(tx: Tx, row: Any, form: DetailsForm, outreach: Outreach) -> list[Problem]:
    phone = await records.current_phone_form(tx, row.id)
    given = form.texting_consent
    found = [] if given is None else rules.check_texting_consent(given)
    if given is not None and phone is None:
        found.append(Problem("phone", "is needed before texting can be agreed to"))
    if row.zone is not None and form.preferences.zone is None:
        found.append(Problem("zone", "can't be removed"))
    may_text = await outreach.texting_consent(tx, row.id) if given is None else given.content_level
    languages = approved_languages()
    return found + rules.check_preferences(
        form.preferences, phone=phone, may_text=may_text, languages=languages
    )


def _interpreter(row: Any, form: DetailsForm) -> dict[str, bool | None]:
    """Asked for with a language in which nothing is approved, as when the patient chooses it."""
    language = form.preferences.language
    if language in approved_languages():
        return {"interpreter": None}
    return {"interpreter": True} if language != row.language else {}
