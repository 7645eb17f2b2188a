"""People who help a patient, on both databases."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import update

from kernel.db import Database
from messaging.patient_access import accounts
from registry.patients.tables import Patient
from registry.related_people import service as related
from registry.related_people.rules import RelatedPersonForm
from tests.support.clock import FakeClock
from tests.support.programme import Programme

HERS = "+12065550177"


async def test_a_helpers_term_ends_with_the_patients_last_evening(
    database: Database, clock: FakeClock
) -> None:
    programme = await Programme.open(database, clock)
    ana = await programme.enrols(first_on=clock.now().date() + timedelta(days=3))
    today = clock.now().date()
    form = RelatedPersonForm("Rosa Vale", "sister", HERS, "patient_agreed", ("contacts",), today, today)
    async with database.begin() as tx:
        await tx.execute(update(Patient).where(Patient.id == ana.id).values(zone="Pacific/Honolulu"))
        await related.add(tx, programme.clinic.actor("care_manager"), ana.id, form, now=clock.now())
        key = tx.vault.lookup(HERS)
        midnight = datetime.combine(today + timedelta(days=1), time(), ZoneInfo("Pacific/Honolulu"))
        before = await accounts.account_of(tx, key, now=midnight - timedelta(minutes=1))
        assert before is not None
        assert before[0].patient_id == ana.id
        assert await accounts.account_of(tx, key, now=midnight) is None
