"""Files from another registry, brought in whole or not at all, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import func, select

from billing.decisions.rules import DecisionForm
from billing.decisions.service import decide
from billing.statement import service as statement
from kernel.audit import Actor, AuditEvent
from kernel.db import Database, Tx
from kernel.errors import Conflict, Forbidden, Invalid
from registry.episodes.tables import CareConsent, Episode
from registry.imports import queries, service
from registry.imports.files import ColumnMapping, read_file
from registry.imports.service import Ports
from registry.imports.tables import BilledMonth, CarriedEpisode, ImportMapping, ImportRun
from registry.measures.tables import Answer, MeasureResult, MeasureRun
from registry.patients.tables import Patient, PatientPhone
from registry.safety.tables import RiskEvent
from registry.time_log import service as time_log
from registry.time_log.months import Month
from registry.time_log.service import TimeForm
from registry.worklist.tables import RegistryLine, Task
from tests.support import builders
from tests.support.alerts import NotedAlerts
from tests.support.practice import RecordingOutreach

NOW: Final = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
TABLES: Final = (
    Patient, PatientPhone, Episode, CareConsent, MeasureRun, MeasureResult, Answer, RiskEvent, Task, RegistryLine,
    CarriedEpisode, BilledMonth, ImportRun, ImportMapping,
)  # fmt: skip
FIELDS: Final = (
    "mrn", "family_name", "given_name", "birth_date", "clinician", "care_manager", "consultant", "condition", "payer",
    "consent_on", "consent_by", "started_on", "last_billed", "phone",
)  # fmt: skip
PATIENTS: Final = ColumnMapping("old registry", {field: field for field in FIELDS})
SCORES: Final = ColumnMapping(
    "scores", {name: name for name in ("mrn", "instrument", "taken_on", "total", "item9")}
)
MONTHS: Final = ColumnMapping("bills", {"mrn": "Chart", "month": "Month", "month_type": "Type"})


def patients_file(*rows: tuple[str, str, str, str]) -> bytes:
    """(record number, start, last billed month, phone)."""
    lines = [",".join(FIELDS)]
    for mrn, start, last, phone in rows:
        lines.append(
            f"{mrn},Alder,Robin,1980-01-31,Dana Clark,Casey Moore,Parker Sung,F32.1,Cascade Health Plan,"
            f"2026-05-04,Casey Moore,{start},{last},{phone}"
        )
    return "\n".join(lines).encode()


async def counts(tx: Tx) -> dict[str, Any]:
    return {table.__tablename__: await tx.scalar(select(func.count()).select_from(table)) for table in TABLES}


async def _patient(tx: Tx, mrn: str) -> UUID:
    found: UUID = await tx.scalar(select(Patient.id).where(Patient.mrn == mrn))
    return found


async def test_patients_come_in_together_with_their_start_and_nobody_is_texted(database: Database) -> None:
    outreach = RecordingOutreach()
    ports = Ports(outreach, NotedAlerts())
    good = patients_file(("A1", "2026-05-04", "2026-10", "206-555-0123"), ("A2", "", "", ""))
    bad = patients_file(("A1", "2026-05-04", "", "206-555-0123"), ("A2", "", "", "206-555-0123"))
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        lead = clinic.actor("clinic_lead")
    async with database.begin(clinic.id) as tx:
        before = await counts(tx)
        report = await service.dry_run(tx, lead, "patients", read_file(bad), PATIENTS, now=NOW, ports=ports)
        assert [(each.line, [column for column, _ in each.problems]) for each in report.verdicts] == [
            (2, []),
            (3, ["phone"]),
        ]
        assert not (
            await service.dry_run(tx, lead, "patients", read_file(good), PATIENTS, now=NOW, ports=ports)
        ).refused
        assert await counts(tx) == before
        tried = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "import.tried")
        assert await tx.scalar(tried) == 2
        with pytest.raises(Forbidden):
            await service.dry_run(
                tx, clinic.actor("administrator"), "patients", read_file(good), PATIENTS, now=NOW, ports=ports
            )
    with pytest.raises(Invalid) as refused:
        async with database.begin(clinic.id) as tx:
            await service.run(tx, lead, "patients", read_file(bad), PATIENTS, now=NOW, ports=ports)
    assert refused.value.problems[0].message.startswith("line 3, phone:")
    async with database.begin(clinic.id) as tx:
        assert await counts(tx) == before
        await service.run(tx, lead, "patients", read_file(good), PATIENTS, now=NOW, ports=ports)
    async with database.begin(clinic.id) as tx:
        rows = await tx.all(
            select(Patient.mrn, Patient.channel, Episode.enrolled_on, Episode.status)
            .join(Episode, Episode.patient_id == Patient.id)
            .order_by(Patient.mrn)
        )
        assert [tuple(row) for row in rows] == [
            ("A1", "phone", date(2026, 5, 4), "active"),
            ("A2", "none", date(2026, 11, 20), "active"),
        ]
        assert await tx.all(select(PatientPhone.safe_to_text)) == [(False,)]
        assert "record_texting_consent" not in outreach.names()
        [past] = await queries.past_imports(tx, lead)
        assert (past.kind, past.rows, past.by, past.at) == ("patients", 2, "Lee Lead", NOW)
        [saved] = await queries.saved_mappings(tx, lead)
        assert saved.mapping == PATIENTS
        with pytest.raises(Conflict) as same:
            await service.run(tx, lead, "patients", read_file(good), PATIENTS, now=NOW, ports=ports)
        assert same.value.code == "same_file"


async def test_only_a_recent_item_9_calls_somebody_and_an_old_one_still_shows(database: Database) -> None:
    alerts = NotedAlerts()
    ports = Ports(RecordingOutreach(), alerts)
    heading = "mrn,instrument,taken_on,total,item9\n"
    old = f"{heading}A1,phq9,2026-11-05,22,2\nA1,phq9,2026-09-01,21,\n".encode()
    recent = f"{heading}A2,phq9,2026-11-06,9,1\n".encode()
    bad = f"{heading}A1,phq9,2026-10-01,12,0\nA1,phq9,2026-10-09,28,1\nA1,what9,2026-10-10,2,\n".encode()
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        lead = clinic.actor("clinic_lead")
        first = await builders.patient(tx, clinic, NOW, family_name="Adams", mrn="A1")
        second = await builders.patient(tx, clinic, NOW, family_name="Birch", mrn="A2")
    async with database.begin(clinic.id) as tx:
        before = await counts(tx)
        tried = await service.dry_run(tx, lead, "scores", read_file(bad), SCORES, now=NOW, ports=ports)
        assert [[column for column, _ in each.problems] for each in tried.verdicts] == [
            [],
            ["total"],
            ["instrument"],
        ]
        await service.dry_run(tx, lead, "scores", read_file(recent), SCORES, now=NOW, ports=ports)
        assert await counts(tx) == before
    with pytest.raises(Invalid):
        async with database.begin(clinic.id) as tx:
            await service.run(tx, lead, "scores", read_file(bad), SCORES, now=NOW, ports=ports)
    async with database.begin(clinic.id) as tx:
        assert await counts(tx) == before
        alerts.events.clear()
        await service.run(tx, lead, "scores", read_file(old), SCORES, now=NOW, ports=ports)
        after = await counts(tx)
        assert (after["risk_event"], after["task"], alerts.events) == (0, before["task"], [])
        line = (RegistryLine.phq9_last, RegistryLine.phq9_item9, RegistryLine.open_risk)
        seen = await tx.first(select(*line).where(RegistryLine.episode_id == first.episode_id))
        assert seen is not None and tuple(seen) == (22, "2", 0)
        await service.run(tx, lead, "scores", read_file(recent), SCORES, now=NOW, ports=ports)
        [event] = await tx.all(select(RiskEvent.id, RiskEvent.patient_id))
        assert event.patient_id == second.id and alerts.events == [event.id]


async def test_the_month_type_is_held_until_the_start_and_the_last_billed_month_are_known(
    database: Database,
) -> None:
    ports = Ports(RecordingOutreach(), NotedAlerts())
    file = patients_file(
        ("A1", "2026-05-04", "2026-10", ""), ("A2", "2026-05-04", "", ""), ("A3", "", "", "")
    )
    month = Month(2026, 11)
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        lead, manager, biller = (clinic.actor(role) for role in ("clinic_lead", "care_manager", "biller"))
    async with database.begin(clinic.id) as tx:
        await service.run(tx, lead, "patients", read_file(file), PATIENTS, now=NOW, ports=ports)
        for number, mrn in enumerate(("A1", "A2", "A3")):
            started = datetime(2026, 11, 19, 17 + number, 0, tzinfo=UTC)
            worked = TimeForm(started_at=started, minutes=40, activity="patient_contact")
            await time_log.log_time(tx, manager, await _patient(tx, mrn), worked, source="console", now=NOW)
        assert await _types(tx, biller, month) == {
            "A1": ("subsequent", "Month"),
            "A2": (None, "Brought"),
            "A3": (None, "Brought"),
        }
        before = await counts(tx)
        bad = b"Chart,Month,Type\nA2,2026-05,initial\nZ9,2026-06,\n"
        tried = await service.dry_run(tx, lead, "billed_months", read_file(bad), MONTHS, now=NOW, ports=ports)
        assert [each.problems[:1] for each in tried.verdicts] == [
            (),
            (("Chart", "is the record number of nobody here: import the patients first"),),
        ]
        assert await counts(tx) == before
    with pytest.raises(Invalid):
        async with database.begin(clinic.id) as tx:
            await service.run(tx, lead, "billed_months", read_file(bad), MONTHS, now=NOW, ports=ports)
    async with database.begin(clinic.id) as tx:
        assert await counts(tx) == before
        bills = b"Chart,Month,Type\nA2,2026-05,initial\nA2,2026-09,99493\n"
        await service.run(tx, lead, "billed_months", read_file(bills), MONTHS, now=NOW, ports=ports)
        episode = await tx.scalar(select(Episode.id).where(Episode.patient_id == await _patient(tx, "A3")))
        await decide(
            tx,
            biller,
            episode,
            DecisionForm("month_type", "initial", "Nothing billed before.", "2026-11"),
            now=NOW,
        )
        assert await _types(tx, biller, month) == {
            "A1": ("subsequent", "Month"),
            "A2": ("subsequent", "1"),
            "A3": ("initial", "Decided"),
        }


async def _types(tx: Tx, viewer: Actor, month: Month) -> dict[str, tuple[str | None, str]]:
    rows = await statement.statement(tx, viewer, month, now=NOW)
    return {
        str(row.facts.mrn): (row.month_type, row.month_type_reason.partition(" ")[0]) for row in rows.rows
    }
