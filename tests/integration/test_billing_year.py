"""A simulated year: twelve months worked, closed, exported, and every packet verified from itself alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from api.demo.year import MONTHS, Place, rehearse
from kernel.db import Database
from registry.time_log import service as time_log
from registry.time_log.months import Month
from registry.time_log.service import TimeForm
from tests.support import databases
from tests.support import month as months
from tests.support.builders import ClinicRows, PatientRows

JANUARY = Month(2025, 1)
# Minutes of odd and even months for three patients: none, a short month, a full one, additional units.
WORKED = ((0, 40), (16, 62), (118, 31))


async def test_a_year_closes_twelve_months_and_every_packet_is_true(sqlite_url: str) -> None:
    database = databases.open_database(sqlite_url)
    async with database.begin() as tx:
        made = await months.clinic(tx, datetime(2024, 12, 30, tzinfo=UTC))
        people = [
            await months.patient(tx, made, date(2025, 1, 2), family_name=f"Person{nth}")
            for nth in range(len(WORKED))
        ]
    place = Place(database, made.id, months.ZONE, made.actor("biller"), made.actor("clinic_lead"))
    try:
        year = await rehearse(
            place, [JANUARY.plus(nth) for nth in range(MONTHS)], _working(database, made, people)
        )
    finally:
        await database.close()
    assert year.problems == ()
    assert [line.month for line in year.months] == [f"2025-{nth:02d}" for nth in range(1, 13)]
    assert [line.patient_months for line in year.months] == [2, 3] * 6
    assert all(line.files == 4 and line.packets == line.patient_months for line in year.months)
    assert sum(line.lines for line in year.months) == 6 * (2 + 3)


def _working(database: Database, made: ClinicRows, people: list[PatientRows]):
    async def work(place: Place, month: Month) -> None:
        written = datetime(month.year, month.month, 27, 20, tzinfo=UTC)
        async with database.begin(made.id) as tx:
            for nth, person in enumerate(people):
                minutes = WORKED[nth][(month.month - 1) % 2]
                start = datetime(month.year, month.month, 3 + nth, 18, tzinfo=UTC)
                while minutes > 0:
                    piece = min(minutes, 30)
                    form = TimeForm(started_at=start, minutes=piece, activity="patient_contact")
                    await time_log.log_time(
                        tx, made.actor("care_manager"), person.id, form, source="console", now=written
                    )
                    start += timedelta(minutes=piece)
                    minutes -= piece

    return work
