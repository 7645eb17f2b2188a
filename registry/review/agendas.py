"""The agenda of a meeting: patients as the registry's lines show them, in the order of the rules."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, exists, func, or_, select

from kernel.db import Tx
from registry.contacts.tables import Contact
from registry.episodes.tables import Episode
from registry.organisation import queries as organisation
from registry.organisation.rules import ClinicFacts
from registry.patients.tables import Patient
from registry.review.rules import Candidate, Place, agenda
from registry.review.tables import CaseReview
from registry.worklist.lines import judge
from registry.worklist.tables import RegistryLine, Task

LIMIT: Final = 2_000  # more than any caseload of one consultant
REVIEWED: Final = ("active", "relapse_prevention", "on_hold", "inactive_disengaged")
WEEK: Final = timedelta(days=7)
CLOSING: Final = "closing_proposed"
TROUBLED: Final = ("troubling",)
NOT_TAKEN: Final = ("some_missed", "stopped", "not_started")


async def patients_of(
    tx: Tx, clinic: ClinicFacts, care_manager_id: UUID | None, now: datetime, *, unassigned: bool = False
) -> tuple[Candidate, ...]:
    """Everyone enrolled and not ended; test patients of drills left out. `unassigned`: besides a caseload those who
    are in nobody's. Lines that the daily sweep has not reached are judged as of now."""
    line = RegistryLine
    closing = exists().where(Task.episode_id == line.episode_id, Task.kind == CLOSING, Task.done_at.is_(None))
    medication = exists().where(
        Contact.episode_id == line.episode_id,
        Contact.discuss,
        or_(line.last_review_at.is_(None), Contact.occurred_at > line.last_review_at),
        or_(Contact.side_effects.in_(TROUBLED), Contact.adherence.in_(NOT_TAKEN)),
    )
    statement = (
        select(
            line.patient_id, line.episode_id, line.name_key, line.status, line.rules, line.open_risk,
            line.safety_flag, line.discuss_flag, line.last_review_at, line.enrolled_on,
            line.last_contact_at, line.rules_on, line.care_manager_id, Episode.hold_review_on,
            closing.label("ending_proposed"), medication.label("medication"),
        )
        .join(Patient, Patient.id == line.patient_id)
        .join(Episode, Episode.id == line.episode_id)
        .where(line.clinic_id == clinic.id, line.status.in_(REVIEWED), Patient.is_test.is_(False))
        .order_by(line.name_key, line.episode_id)
        .limit(LIMIT)
    )  # fmt: skip
    if care_manager_id is not None:
        theirs = line.care_manager_id == care_manager_id
        if unassigned:
            managers = await organisation.holders(tx, clinic.id, "care_manager")
            theirs = or_(theirs, line.care_manager_id.is_(None), line.care_manager_id.not_in(managers))
        statement = statement.where(theirs)
    rows = await tx.all(statement)
    today = clinic.local_date(now)
    stale = {row.episode_id: dict(row._mapping) for row in rows if row.rules_on != today}
    fresh = await judge(tx, stale, now) if stale else {}
    return tuple(
        Candidate(
            patient_id=row.patient_id,
            episode_id=row.episode_id,
            name_key=row.name_key,
            status=row.status,
            rules=frozenset(
                each["rule"] for each in fresh.get(row.episode_id, row.rules) if each["outcome"] == "met"
            ),
            open_risk=row.open_risk,
            safety_flag=row.safety_flag,
            discuss_flag=row.discuss_flag,
            medication=bool(row.medication),
            ending_proposed=bool(row.ending_proposed),
            hold_overdue=row.status == "on_hold"
            and row.hold_review_on is not None
            and row.hold_review_on < today,
            unassigned=care_manager_id is not None and row.care_manager_id != care_manager_id,
            enrolled_on=row.enrolled_on,
            last_review_on=None if row.last_review_at is None else clinic.local_date(row.last_review_at),
        )
        for row in rows
    )


async def agenda_of(tx: Tx, review: Row[Any], now: datetime) -> tuple[Place, ...]:
    """As the registry stands, a caseload's with the patients nobody is care manager of; the next meeting is the one planned after this, a week later when none is."""
    following: datetime | None = await tx.scalar(
        select(func.min(CaseReview.starts_at)).where(
            CaseReview.clinic_id == review.clinic_id,
            CaseReview.consultant_id == review.consultant_id,
            CaseReview.state == "planned",
            CaseReview.starts_at > review.starts_at,
        )
    )
    clinic = await organisation.clinic(tx, review.clinic_id)
    patients = await patients_of(tx, clinic, review.care_manager_id, now, unassigned=True)
    next_on = clinic.local_date(following or review.starts_at + WEEK)
    return agenda(patients, next_on=next_on, minutes=review.minutes)
