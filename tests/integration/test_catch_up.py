"""After a pause in sending: nothing before the window opens, one prompt per patient, spread out, all else marked."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from kernel.db import Database
from messaging.schedule import service
from messaging.schedule.catch_up import stable_fraction
from tests.support.builders import PatientRows
from tests.support.clock import FakeClock
from tests.support.programme import Programme, la

MON, TUE, WED = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)


@pytest.fixture
async def programme(database: Database, clock: FakeClock) -> Programme:
    return await Programme.open(database, clock)


def spread(patient: PatientRows) -> timedelta:
    return timedelta(seconds=int(3600 * stable_fraction(str(patient.id))))


async def test_36_hours_ending_at_3_in_the_morning(programme: Programme) -> None:
    """Down from Monday 15:00 to Wednesday 03:00. Tuesday's check-ins are still in time on Wednesday."""
    patients = [await programme.enrols(first_on=TUE, family_name=f"Vale {n:02d}") for n in range(15)]
    programme.clock.set(la(3, 4, 3))
    await programme.runs_until(la(3, 4, 8, 59))
    assert [await programme.sent(patient) for patient in patients] == [[]] * 15
    await programme.runs_until(la(3, 4, 20))
    moments = []
    for patient in patients:
        [text] = await programme.sent(patient)
        assert text.at == la(3, 4, 9) + spread(patient)
        moments.append(text.at)
    assert len(set(moments)) == 15
    assert max(moments) - min(moments) > timedelta(minutes=20)


async def test_what_is_a_day_and_a_half_late_is_marked_and_not_sent(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    programme.clock.set(la(3, 4, 20, 30))
    await programme.runs_until(la(3, 7, 20))
    assert await programme.sent(ana) == []
    assert await programme.check_ins(ana) == [(TUE, "skipped_outage"), (date(2026, 3, 17), "scheduled")]


async def test_after_weeks_every_missed_date_is_on_file_and_only_the_newest_is_asked(
    programme: Programme,
) -> None:
    ana = await programme.enrols(first_on=TUE, every=7)
    # Tuesday 24 March was due an hour ago; three dates before it came and went.
    programme.clock.set(la(3, 24, 11))
    await programme.runs_until(la(3, 24, 20))
    assert await programme.check_ins(ana) == [
        (TUE, "skipped_outage"),
        (date(2026, 3, 10), "skipped_outage"),
        (date(2026, 3, 17), "skipped_outage"),
        (date(2026, 3, 24), "invited"),
        (date(2026, 3, 31), "scheduled"),
    ]
    [text] = await programme.sent(ana)
    assert text.at == la(3, 24, 11) + spread(ana)


async def test_a_reminder_that_fell_into_the_outage_comes_once_and_spread(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.runs_until(la(3, 3, 10))
    programme.clock.set(la(3, 5, 3))
    await programme.runs_until(la(3, 5, 20))
    texts = await programme.sent(ana)
    assert [(text.kind, text.at) for text in texts] == [
        ("invitation", la(3, 3, 10)),
        ("reminder", la(3, 5, 9) + spread(ana)),
    ]


async def test_two_reminders_missed_in_one_outage_become_one(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.runs_until(la(3, 3, 10))
    programme.clock.set(la(3, 6, 12))
    await programme.runs_until(la(3, 7, 9))
    assert [text.kind for text in await programme.sent(ana)] == ["invitation", "reminder"]


async def test_a_begun_check_in_expires_on_time_in_spite_of_the_outage(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.runs_until(la(3, 3, 10))
    [row, _] = await programme.rows(ana)
    async with programme.database.begin() as tx:
        await service.started(tx, row.id, now=programme.clock.now())
    programme.clock.set(la(3, 7, 3))
    await programme.sweep()
    assert (await programme.check_ins(ana))[0] == (TUE, "partial_expired")
    assert len(await programme.sent(ana)) == 1


async def test_a_short_pause_delays_nobody(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    programme.clock.set(la(3, 3, 10, 10))
    await programme.sweep()
    assert [text.at for text in await programme.sent(ana)] == [la(3, 3, 10, 10)]


async def test_a_contact_and_a_check_in_missed_together_become_one_text(programme: Programme) -> None:
    ana = await programme.enrols(first_on=TUE)
    await programme.meets(ana, la(3, 4, 16))
    await programme.sweep()
    programme.clock.set(la(3, 4, 3))
    await programme.runs_until(la(3, 4, 20))
    [text] = await programme.sent(ana)
    assert text.kind == "invitation"
    assert text.at >= la(3, 4, 9)


async def test_running_the_catch_up_again_changes_nothing(programme: Programme) -> None:
    patients = [await programme.enrols(first_on=TUE, family_name=f"Vale {n}") for n in range(4)]
    programme.clock.set(la(3, 4, 3))
    for _ in range(3):
        await programme.sweep()
    before = [await programme.rows(patient) for patient in patients]
    await programme.sweep()
    assert [await programme.rows(patient) for patient in patients] == before
