"""The date of birth on a link: five tries for a patient, however many try at once."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from kernel.audit import AuditEvent
from kernel.crypto import token_hash
from kernel.db import Database, Tx
from kernel.ids import new_token
from messaging.consent import choices, emails
from messaging.consent.tables import NumberStop
from messaging.delivery.tables import Outbox
from messaging.escalation.service import ALERTS
from messaging.links import answering, birth, service
from messaging.links.service import Visit
from messaging.links.tables import CheckInLink
from messaging.schedule.tables import CheckIn
from registry.organisation.patient_pages import PatientPages, set_patient_pages
from registry.patients.tables import Patient
from tests.support.builders import PatientRows
from tests.support.clock import FakeClock
from tests.support.programme import Programme, la

BORN = date(1987, 4, 12)


async def practice(database: Database, clock: FakeClock) -> Programme:
    programme = await Programme.open(database, clock)
    async with database.begin() as tx:
        actor = programme.clinic.actor("clinic_lead")
        await set_patient_pages(
            tx, actor, programme.clinic.id, PatientPages(birth_check=True), now=clock.now()
        )
    return programme


async def invited(programme: Programme, **person: Any) -> tuple[PatientRows, str]:
    """A patient born in April 1987, and the token of a link to the check-in they were invited to."""
    tomorrow = (programme.clock.now() + timedelta(days=1)).date()
    patient = await programme.enrols(first_on=tomorrow, instruments=("phq9",), **person)
    programme.clock.set(la(tomorrow.month, tomorrow.day, 10, 1))
    async with programme.database.begin() as tx:
        await tx.execute(update(Patient).where(Patient.id == patient.id).values(birth_date=BORN))
    await programme.sweep()
    await programme.all_accepted()
    token = new_token()
    async with programme.database.begin() as tx:
        offered = (CheckIn.patient_id == patient.id, CheckIn.state == "invited")
        check_in_id = await tx.scalar(select(CheckIn.id).where(*offered))
        await service.issue(tx, check_in_id, token=token, now=programme.clock.now())
    return patient, token


async def opens(programme: Programme, token: str) -> Visit:
    async with programme.database.begin() as tx:
        visit = await service.start_visit(
            tx, token, secret=new_token(), csrf=new_token(), now=programme.clock.now()
        )
    assert visit is not None
    return visit


async def evaluated(database: Database, patient_id: UUID) -> int:
    """Every date that was really compared leaves a row."""
    async with database.begin() as tx:
        return int(
            await tx.scalar(
                select(func.count()).where(
                    AuditEvent.action == "link_visit.birth_checked", AuditEvent.patient_id == patient_id
                )
            )
        )


async def test_a_hundred_guessers_at_once_get_five_dates_looked_at(
    database: Database, clock: FakeClock
) -> None:
    programme = await practice(database, clock)
    patient, token = await invited(programme)
    visits = [await opens(programme, token) for _ in range(10)]

    async def guess(nth: int) -> str:
        async def body(tx: Tx) -> str:
            return await birth.check(
                tx, visits[nth % 10], date(1950, 1, 1) + timedelta(days=nth), now=clock.now()
            )

        return await database.run(body, programme.clinic.id)

    outcomes = await asyncio.gather(*(guess(nth) for nth in range(100)))
    assert (outcomes.count("wrong"), outcomes.count("locked"), outcomes.count("right")) == (4, 96, 0)
    assert await evaluated(database, patient.id) == 5
    assert "misdelivered_link" in await programme.tasks(patient)
    async with database.begin(programme.clinic.id) as tx:
        assert await birth.check(tx, visits[1], BORN, now=clock.now()) == "locked"
        assert await service.find(tx, token, now=clock.now()) is None
    other, others_token = await invited(programme, phone="+12065550177")
    theirs = await opens(programme, others_token)
    async with database.begin(programme.clinic.id) as tx:
        assert await birth.check(tx, theirs, BORN, now=clock.now()) == "right"
    assert "misdelivered_link" not in await programme.tasks(other)


async def test_nothing_is_asked_or_saved_before_the_date_fits(database: Database, clock: FakeClock) -> None:
    programme = await practice(database, clock)
    patient, token = await invited(programme)
    visit = await opens(programme, token)
    assert not visit.birth_ok
    async with database.begin() as tx:
        await tx.enter_clinic(programme.clinic.id)
        found = await answering.progress(tx, visit, "en", now=clock.now())
        assert (found.stage, found.asked) == ("over", ())
        assert await answering.answer(tx, visit, 1, 2, "en", now=clock.now(), alerts=ALERTS) == "refused"
        assert await birth.check(tx, visit, date(1987, 4, 13), now=clock.now()) == "wrong"
        assert await birth.check(tx, visit, BORN, now=clock.now()) == "right"
        state = await tx.scalar(select(CheckIn.state).where(CheckIn.patient_id == patient.id).limit(1))
    assert state == "invited"


async def test_who_says_that_it_is_not_theirs_is_texted_no_more(database: Database, clock: FakeClock) -> None:
    programme = await practice(database, clock)
    patient, token = await invited(programme)
    visit = await opens(programme, token)
    async with database.begin() as tx:
        await tx.enter_clinic(programme.clinic.id)
        await birth.not_me(tx, visit, now=clock.now())
        assert await service.find(tx, token, now=clock.now()) is None
    assert "wrong_number" in await programme.tasks(patient)


async def test_who_got_the_link_by_mail_and_is_not_the_patient_ends_the_mail_and_not_the_phone(
    database: Database, clock: FakeClock
) -> None:
    programme = await practice(database, clock)
    patient, token = await invited(programme)
    form = emails.EmailForm("ana@example.org", "verbal", "email@1")
    async with database.begin() as tx:
        await emails.record(tx, programme.clinic.actor("care_manager"), patient.id, form, now=clock.now())
        made = await tx.scalar(
            select(CheckInLink.created_at).where(CheckInLink.token_hash == token_hash(token))
        )
        mailed = update(Outbox).where(Outbox.patient_id == patient.id, Outbox.kind == "invitation")
        await tx.execute(mailed.values(channel="email", created_at=made))
    visit = await opens(programme, token)
    async with database.begin() as tx:
        await tx.enter_clinic(programme.clinic.id)
        await birth.not_me(tx, visit, now=clock.now() + timedelta(minutes=1))
        found = await emails.newest(tx, patient.id)
        assert found is not None
        assert found.kind == "withdrawn"
        assert await tx.scalar(select(func.count()).select_from(NumberStop)) == 0
    assert "wrong_number" in await programme.tasks(patient)


async def test_a_person_who_confirms_the_number_gives_the_tries_back(
    database: Database, clock: FakeClock
) -> None:
    programme = await practice(database, clock)
    patient, token = await invited(programme)
    visit = await opens(programme, token)
    async with database.begin() as tx:
        await tx.enter_clinic(programme.clinic.id)
        for _ in range(5):
            await birth.check(tx, visit, date(1950, 1, 1), now=clock.now())
        assert await birth.is_locked(tx, visit)
        await choices.confirm_number(tx, programme.clinic.actor("care_manager"), patient.id, now=clock.now())
        assert not await birth.is_locked(tx, visit)


async def test_a_patient_whose_birth_date_is_unknown_is_asked_nothing(
    database: Database, clock: FakeClock
) -> None:
    programme = await practice(database, clock)
    patient, token = await invited(programme)
    async with database.begin() as tx:
        await tx.execute(update(Patient).where(Patient.id == patient.id).values(birth_date=None))
    assert (await opens(programme, token)).birth_ok
