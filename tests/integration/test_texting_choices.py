"""What staff record about texting for a patient, and one frightened person on an unknown phone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from kernel.db import Database
from kernel.errors import Conflict, NotFound
from messaging.consent import choices, numbers
from messaging.consent.numbers import Stop
from messaging.schedule.outreach import Schedule
from registry.patients import service as patients
from registry.patients.forms import PhoneForm
from registry.patients.tables import PatientPhone
from registry.safety import signals
from registry.safety.rules import Signal
from registry.safety.tables import RiskEvent
from registry.worklist import service as worklist
from registry.worklist.tables import Task
from tests.support import builders
from tests.support.alerts import NotedAlerts
from tests.support.clock import FakeClock


async def phone(tx, patient) -> object:  # type: ignore[no-untyped-def]
    return await tx.first(
        select(PatientPhone.state, PatientPhone.phone_key, PatientPhone.phone_sealed).where(
            PatientPhone.patient_id == patient.id, PatientPhone.replaced_at.is_(None)
        )
    )


async def test_a_stop_that_staff_took_by_phone_stops_texts_and_start_does_not_undo_it(
    database: Database, clock: FakeClock
) -> None:
    now = clock.now()
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, now)
        ana = await builders.patient(tx, clinic, now)
        nurse = clinic.actor("care_manager")
        await choices.record_stop(tx, nurse, ana.id, "verbal", wording="no more texts please", now=now)
        key = (await phone(tx, ana)).phone_key
        state = await numbers.state(tx, key, clinic.id)
        assert state.stopped
        assert state.by_staff
        lifted = await numbers.lift(tx, clinic.id, key, by="patient", source_id=None, actor=nurse, now=now)
        assert lifted == 0


async def test_confirming_a_number_ends_the_wrong_number_stop_but_not_an_opt_out(
    database: Database, clock: FakeClock
) -> None:
    now = clock.now()
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, now)
        ana = await builders.patient(tx, clinic, now)
        key = (await phone(tx, ana)).phone_key
        for kind in ("wrong_number", "opt_out"):
            await numbers.stop(tx, Stop(clinic_id=clinic.id, phone_key=key, kind=kind, by="patient"), now=now)
        assert (await phone(tx, ana)).state == "wrong"
        with pytest.raises(Conflict):
            await choices.confirm_number(
                tx, clinic.actor("care_manager"), ana.id, called="+12065550199", now=now
            )
        assert (await phone(tx, ana)).state == "wrong"
        number = tx.vault.open((await phone(tx, ana)).phone_sealed)
        await choices.confirm_number(tx, clinic.actor("care_manager"), ana.id, called=number, now=now)
        assert (await phone(tx, ana)).state == "verified"
        assert (await numbers.state(tx, key, clinic.id)).kinds == ("opt_out",)


async def test_another_clinics_patient_is_not_found(database: Database, clock: FakeClock) -> None:
    now = clock.now()
    async with database.begin() as tx:
        mine = await builders.clinic(tx, now)
        theirs = await builders.clinic(tx, now)
        ana = await builders.patient(tx, theirs, now)
        with pytest.raises((NotFound, Conflict)):
            await choices.confirm_number(tx, mine.actor("care_manager"), ana.id, now=now)


async def test_further_texts_of_one_unknown_number_join_its_open_event(
    database: Database, clock: FakeClock
) -> None:
    alerts = NotedAlerts()

    async def texts(tx, clinic, number: str, now: datetime) -> None:  # type: ignore[no-untyped-def]
        await signals.signal(
            tx,
            Signal(
                clinic_id=clinic.id,
                patient_id=None,
                episode_id=None,
                trigger="crisis_text",
                tier=2,
                toward="self",
                value=None,
                source_kind="inbound",
                source_id=tx.new_id(),
                channel="sms",
                rule_version="test",
                phone_key=tx.vault.lookup(number),
            ),
            now=now,
            alerts=alerts,
        )

    async with database.begin() as tx:
        clinic = await builders.clinic(tx, clock.now())
        for _ in range(5):
            await texts(tx, clinic, "+12065550171", clock.advance(seconds=1))
        await texts(tx, clinic, "+12065550172", clock.now())
        assert await tx.scalar(select(func.count()).select_from(RiskEvent)) == 2


async def test_what_was_asked_about_a_number_stays_open_until_another_number_is_on_record(
    database: Database, clock: FakeClock
) -> None:
    now = clock.now()
    outreach = Schedule()
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, now)
        ana = await builders.patient(tx, clinic, now)
        later = now + timedelta(days=3)
        await worklist.open_task(
            tx, clinic_id=clinic.id, patient_id=ana.id, episode_id=None, kind="contact_invalid",
            dedupe_key=f"contact_invalid:{ana.id}", detail={"why": "undelivered_twice"}, now=later,
        )  # fmt: skip
        await outreach.contact_changed(tx, ana.id, now=later + timedelta(hours=1))  # an address, a wish
        assert await open_tasks(tx, ana) == ["contact_invalid"]
        await patients.change_phone(
            tx, clinic.actor("care_manager"), ana.id, PhoneForm("+12065550177", False, True, False),
            otherwise="phone", now=later + timedelta(hours=2), outreach=outreach,
        )  # fmt: skip
        assert await open_tasks(tx, ana) == []


async def open_tasks(tx, patient) -> list[str]:  # type: ignore[no-untyped-def]
    rows = await tx.all(select(Task.kind).where(Task.patient_id == patient.id, Task.done_at.is_(None)))
    return [row.kind for row in rows if row.kind in ("contact_invalid", "wrong_number")]
