"""Copies of a closed month for the EHR: offered with the close, asked for once, ticked, and asked for again when they change;
on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select, update

from billing.close import copies, service
from billing.packet.copies import month_copy
from kernel.db import Database
from kernel.errors import NotFound
from registry.episodes.tables import Episode
from registry.filing.service import ask_for_filing
from registry.patients.tables import Patient
from registry.time_log.months import Month
from registry.worklist.tables import Task
from tests.support import month as months

MARCH = Month(2026, 3)
DURING = datetime(2026, 3, 20, 18, tzinfo=UTC)
AFTER = datetime(2026, 4, 2, 18, tzinfo=UTC)
LATER = datetime(2026, 4, 9, 18, tzinfo=UTC)
ENROLLED = date(2026, 3, 3)


async def test_a_month_is_offered_with_its_close_asked_for_as_one_task_and_ticked(
    database: Database, app_database: Database
) -> None:
    async with database.begin() as tx:
        clinic = await months.clinic(tx, DURING)
        people = [await months.patient(tx, clinic, ENROLLED) for _ in range(3)]
        for patient, minutes, hour in zip(people, (90, 90, 5), (10, 13, 16), strict=True):  # 5 give no line
            await months.full_month(tx, clinic, patient, ENROLLED, minutes, hour=hour)
        dana = clinic.actor("care_manager")
        await tx.execute(update(Episode).values(care_manager_id=dana.id))
    async with app_database.begin(clinic.id) as tx:
        await service.close_month(tx, clinic.actor("biller"), MARCH, now=AFTER, despite="Same names")
        found = await copies.copies(tx, dana, MARCH, mine=True, now=AFTER)
    assert {copy.patient_id for copy in found} == {patient.id for patient in people[:2]}
    assert (await copies.ask_for_months(database, AFTER))["asked"] == 0
    assert (await ask_for_filing(database, LATER))["asked"] == 0
    assert (await copies.ask_for_months(database, LATER))["asked"] == 2
    assert (await copies.ask_for_months(database, LATER))["asked"] == 0
    waits = select(Task.owner_id, Task.detail).where(Task.kind == "unfiled_months", Task.done_at.is_(None))
    async with app_database.begin(clinic.id) as tx:
        [task] = await tx.all(waits)
        assert (task.owner_id, task.detail) == (dana.id, {"month": "2026-03"})
        first, second = found
        text = await month_copy(tx, dana, first.patient_id, first.ref_id, now=LATER)
        with pytest.raises(NotFound):
            await month_copy(tx, dana, second.patient_id, first.ref_id, now=LATER)
        await copies.mark(tx, dana, first.patient_id, first.ref_id, filed=True, now=LATER)
        assert len(await tx.all(waits)) == 1
        await copies.mark(tx, dana, second.patient_id, second.ref_id, filed=True, now=LATER)
        assert await tx.all(waits) == []
    assert text.startswith("COLLABORATIVE CARE, 2026-03\n")
    assert "99492 x1 (Collaborative care, first month of the episode)" in text
    assert "Counted: 90 min" in text
    assert "\nTime:\n- " in text
    async with database.begin(clinic.id) as tx:
        await tx.execute(update(Patient).where(Patient.id == first.patient_id).values(family_name="Renamed"))
    async with app_database.begin(clinic.id) as tx:
        await service.adjust_month(
            tx, clinic.actor("biller"), MARCH, "Her name changed", now=LATER, despite="Same"
        )
        again = await copies.copies(tx, dana, MARCH, now=LATER)
        assert [(copy.ref_id, copy.changed_at) for copy in again if copy.filed_at is None] == [
            (first.ref_id, LATER)
        ]
        text = await month_copy(tx, dana, first.patient_id, first.ref_id, now=LATER)
    assert "RENAMED" in text
    assert "Version: 2" in text
