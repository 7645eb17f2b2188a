"""The checklist, the pilot and its reports, and what hangs by the phone when the network is down."""

from __future__ import annotations

import statistics
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from kernel.audit import Actor, record
from kernel.db import Tx
from registry import zones
from registry.access import CLINICAL, require
from registry.contacts.past import IMPORTED
from registry.contacts.tables import Contact, NoteTemplate
from registry.drills.queries import passed_under_protocol
from registry.episodes.tables import Episode
from registry.launch import pilot
from registry.launch.checklist import Line, Seen, checklist
from registry.launch.pilot import Measured, Raw
from registry.launch.tables import LaunchTick, Pilot, PilotReport
from registry.measures.tables import MeasureResult, MeasureRun
from registry.organisation import queries as organisation
from registry.organisation.tables import Clinic, Holiday, Sender, Staff, StaffRole
from registry.patients.tables import Coverage, Patient, PatientPhone
from registry.protocol import queries as protocols
from registry.quality.tables import MonthlyReview
from registry.review.tables import ReviewItem
from registry.safety.tables import RiskEvent
from registry.worklist.rules import CURRENT, IN_CARE
from registry.worklist.tables import RegistryLine

FRESH_S: Final = 2 * 86_400
SHEET_LIMIT: Final = 1000


class ReportLine(msgspec.Struct, frozen=True):
    step: int
    day: int
    figures: tuple[Measured, ...]
    decision: pilot.Decision
    note: str
    signed_by: str
    signed_at: datetime


class PilotFacts(msgspec.Struct, frozen=True):
    """`due`: days whose report can be signed now. `figures` as they stand."""

    id: UUID
    steps: tuple[int, ...]
    step: int
    limit: int
    in_care: int
    step_since: date
    due: tuple[int, ...]
    figures: tuple[Measured, ...]
    reports: tuple[ReportLine, ...]


class SheetLine(msgspec.Struct, frozen=True):
    """One patient on the downtime sheet: whom to call, when, and what is open."""

    family_name: str
    given_name: str
    mrn: str | None
    phone: str | None
    status: str
    care_manager: str | None
    next_contact_at: datetime | None
    next_contact_mode: str | None
    open_risk: int
    safety_flag: bool
    phq9_last: int | None
    item9_last: str | None


async def launch_checklist(
    tx: Tx, viewer: Actor, *, safety_items_open: int, closed_months: int, now: datetime
) -> tuple[Line, ...]:
    """`safety_items_open` and `closed_months` are known to rooms above. Counts alone: no audit row."""
    clinic_id = require(viewer, "administrator", "clinic_lead")
    clinic = await organisation.clinic(tx, clinic_id)
    today = clinic.local_date(now)
    row = await tx.first(select(*(_counts(clinic_id, today))))
    assert row is not None
    roles = await tx.all(select(StaffRole.role).where(StaffRole.clinic_id == clinic_id).distinct())
    seen = Seen(
        safety_items_open=safety_items_open,
        closed_months=closed_months,
        roles=frozenset(role.role for role in roles),
        thresholds_set="thresholds" in clinic.settings,
        drills_passed=await passed_under_protocol(tx, clinic_id),
        protocol_in_force=(await protocols.active(tx, clinic_id)).id is not None,
        **row._mapping,
    )
    ticks = await tx.all(select(LaunchTick.item).where(LaunchTick.clinic_id == clinic_id))
    made = await tx.scalar(select(Clinic.created_at).where(Clinic.id == clinic_id))
    started = zones.local_date(made, clinic.zone)
    return checklist(seen, {tick.item for tick in ticks}, started, today)


def _counts(clinic_id: UUID, today: date) -> list[Any]:
    def count(name: str, table: Any, *where: Any) -> Any:
        wanted = select(func.count()).select_from(table).where(table.clinic_id == clinic_id, *where)
        return wanted.scalar_subquery().label(name)

    return [
        count("holidays", Holiday, Holiday.on >= today),
        count("senders", Sender, Sender.active.is_(True)),
        count("payers", Coverage),
        count("referred", Episode),
        count("enrolled", Episode, Episode.enrolled_on.is_not(None)),
        count("check_ins_done", MeasureRun, MeasureRun.state == "completed"),
        count("contacts", Contact, Contact.spoken.is_(True), Contact.source != IMPORTED),
        count("reviews", ReviewItem, ReviewItem.state == "discussed"),
        count("signed_months", MonthlyReview),
    ]


async def pilot_facts(tx: Tx, viewer: Actor, *, now: datetime) -> PilotFacts | None:
    """The pilot that runs, else None."""
    clinic_id = require(viewer, *CLINICAL, "administrator")
    row = await tx.first(
        select(Pilot.__table__).where(Pilot.clinic_id == clinic_id, Pilot.ended_on.is_(None))
    )
    if row is None:
        return None
    today = (await organisation.clinic(tx, clinic_id)).local_date(now)
    reports = await tx.all(
        select(PilotReport.__table__, Staff.name.label("signed_by"))
        .join(Staff, Staff.id == PilotReport.signed_by_id)
        .where(PilotReport.pilot_id == row.id)
        .order_by(PilotReport.step.desc(), PilotReport.day.desc())
    )
    signed = {report.day for report in reports if report.step == row.step}
    held = select(func.count()).where(RegistryLine.clinic_id == clinic_id, RegistryLine.status.in_(IN_CARE))
    return PilotFacts(
        id=row.id,
        steps=tuple(row.steps),
        step=row.step,
        limit=row.steps[row.step],
        in_care=int(await tx.scalar(held)),
        step_since=row.step_since,
        due=tuple(day for day in pilot.DAYS if pilot.due(day, row.step_since, today) and day not in signed),
        figures=pilot.report(await raw_figures(tx, clinic_id, row.step_since, now)),
        reports=tuple(
            ReportLine(
                report.step,
                report.day,
                msgspec.convert(report.figures, tuple[Measured, ...]),
                report.decision,
                tx.vault.open(report.note_sealed),
                report.signed_by,
                report.signed_at,
            )
            for report in reports
        ),
    )


async def raw_figures(tx: Tx, clinic_id: UUID, since: date, now: datetime) -> Raw:
    """What a report is worked out from, from the first moment of the step's first day in the clinic to `now`."""
    zone = (await organisation.clinic(tx, clinic_id)).zone
    start = datetime.combine(since, time(0), zones.zone(zone))
    runs = await tx.all(
        select(MeasureRun.state).where(
            MeasureRun.clinic_id == clinic_id,
            MeasureRun.check_in_id.is_not(None),
            MeasureRun.created_at.between(start, now),
        )
    )
    events = await tx.all(
        select(RiskEvent.opened_at, RiskEvent.acknowledged_at).where(
            RiskEvent.clinic_id == clinic_id,
            RiskEvent.is_drill.is_(False),
            RiskEvent.opened_at.between(start, now),
        )
    )
    contacts = await tx.all(
        select(Contact.occurred_at, Contact.recorded_at, Contact.seconds).where(
            Contact.clinic_id == clinic_id,
            Contact.occurred_at.between(start, now),
            Contact.source != IMPORTED,
        )
    )
    positives = select(func.count()).where(
        MeasureResult.clinic_id == clinic_id,
        MeasureResult.filed_at.between(start, now),
        MeasureResult.item9.in_(("1", "2", "3")),
    )
    templates = select(func.count()).where(
        NoteTemplate.clinic_id == clinic_id, NoteTemplate.created_at.between(start, now)
    )
    waited = [(e.acknowledged_at - e.opened_at).total_seconds() / 60 for e in events if e.acknowledged_at]
    worked = [c.seconds / 60 for c in contacts if c.seconds]
    return Raw(
        asked=len(runs),
        answered=sum(run.state == "completed" for run in runs),
        events=len(events),
        acknowledged=len(waited),
        acknowledged_minutes=round(statistics.median(waited), 1) if waited else None,
        contacts=len(contacts),
        fresh=sum((c.recorded_at - c.occurred_at).total_seconds() <= FRESH_S for c in contacts),
        contact_minutes=round(statistics.median(worked), 1) if worked else None,
        positives=int(await tx.scalar(positives)),
        template_changes=int(await tx.scalar(templates)),
    )


async def downtime_sheet(tx: Tx, viewer: Actor, *, now: datetime) -> tuple[SheetLine, ...]:
    """Everybody in or before care, safety first, then by next contact: to print before the network is gone."""
    clinic_id = require(viewer, *CLINICAL)
    line = RegistryLine
    rows = await tx.all(
        select(
            line.family_name, line.given_name, line.mrn, line.status, line.next_contact_at,
            line.next_contact_mode, line.open_risk, line.safety_flag, line.phq9_last,
            line.phq9_item9.label("item9_last"), Staff.name.label("care_manager"), PatientPhone.phone_sealed,
        )
        .outerjoin(Staff, Staff.id == line.care_manager_id)
        .outerjoin(
            PatientPhone,
            (PatientPhone.patient_id == line.patient_id) & PatientPhone.replaced_at.is_(None),
        )
        .join(Patient, Patient.id == line.patient_id)
        .where(line.clinic_id == clinic_id, line.status.in_(CURRENT))
        .order_by(line.sort_rank, line.next_contact_at.asc().nulls_last(), line.name_key, line.episode_id)
        .limit(SHEET_LIMIT)
    )  # fmt: skip
    await record(tx, viewer, "downtime.printed", "clinic", clinic_id, now=now, count=len(rows))
    names = (n for n in SheetLine.__struct_fields__ if n != "phone")
    kept = tuple(names)
    return tuple(
        SheetLine(**{n: getattr(row, n) for n in kept}, phone=tx.vault.open_or_none(row.phone_sealed))
        for row in rows
    )
