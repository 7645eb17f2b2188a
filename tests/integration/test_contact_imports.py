"""Contacts from another registry: what they change here, and what they must not, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, update

from billing.statement import evidence
from kernel.audit import Actor, AuditEvent
from kernel.db import Database, Tx
from kernel.errors import Conflict, Invalid
from messaging.schedule.asked import AskedCheckIns
from registry.contacts import queries as contacts
from registry.contacts import service as recording
from registry.contacts.forms import ContactForm, NextStep
from registry.contacts.tables import Contact
from registry.disengagement.tables import ClosingWatch
from registry.episodes.tables import Episode
from registry.filing.tables import ChartCopy
from registry.imports import service
from registry.imports.files import ColumnMapping, read_file
from registry.imports.service import Ports
from registry.imports.tables import ImportMapping, ImportRun
from registry.organisation.tables import Staff
from registry.quality import queries as quality
from registry.time_log.months import Month
from registry.time_log.tables import TimeEntry
from registry.worklist.tables import RegistryLine, Task
from tests.support import builders
from tests.support.alerts import NotedAlerts
from tests.support.practice import RecordingOutreach

NOW: Final = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
TABLES: Final = (
    Contact, ClosingWatch, Episode, ChartCopy, ImportRun, ImportMapping, TimeEntry, RegistryLine, Task,
)  # fmt: skip
HEADINGS: Final = "Chart,Date,Time,How,Result,Who,Minutes,Note,Next,At,About"
FIELDS: Final = "mrn,on,time,mode,outcome,by,minutes,note,next_on,next_time,next_purpose"
MAPPING: Final = ColumnMapping(
    "old calls", dict(zip(FIELDS.split(","), HEADINGS.split(","), strict=True)), "us"
)


def file(*rows: str) -> bytes:
    return "\n".join((HEADINGS, *rows)).encode()


async def counts(tx: Tx) -> dict[str, Any]:
    return {table.__tablename__: await tx.scalar(select(func.count()).select_from(table)) for table in TABLES}


async def rates(tx: Tx, viewer: Actor, month: Month) -> dict[str, tuple[int, int]]:
    found = await quality.month_figures(tx, viewer, month, now=NOW, check_ins=AskedCheckIns())
    wanted = ("Q-CONTACT", "Q-FIRST-CONTACT", "Q-FRESH")
    return {one.measure: (one.numerator, one.denominator) for one in found.figures if one.measure in wanted}


async def unreached(tx: Tx, episode_id: UUID) -> bool:
    found = await tx.scalar(select(RegistryLine.rules).where(RegistryLine.episode_id == episode_id))
    return any(one["rule"] == "R-NOCONTACT" and one["outcome"] == "met" for one in found)


async def test_contacts_of_another_registry_count_as_contacts_and_as_no_work_of_this_one(
    database: Database,
) -> None:
    outreach = RecordingOutreach()
    ports = Ports(outreach, NotedAlerts())
    good = file(
        'A1,11/12/2026,2:30 PM,phone,reached,Casey Moore,25,"Better.\nWalks daily.",12/1/2026,10:00,Dose',
        "A1,10/2/2026,,telehealth,spoke,Jane Former,,,10/9/2026,9:00,",
        "A1,11/14/2026,,phone,no answer,Casey Moore,,,,,",
    )
    bad = file("A1,11/12/2026,14:30,phone,reached,Casey Moore,,,,,", "A1,11/13/2026,,phone,well,,,,,,")
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        lead = clinic.actor("clinic_lead")
        first = await builders.patient(tx, clinic, NOW, family_name="Adams", mrn="A1")
        started = {"enrolled_on": date(2026, 9, 20), "referred_at": NOW - timedelta(days=62)}
        await tx.execute(update(Episode).where(Episode.id == first.episode_id).values(**started))
        await tx.execute(update(Staff).where(Staff.name == "Casey Moore").values(disabled_at=NOW))
    async with database.begin(clinic.id) as tx:
        before = await counts(tx)
        tried = await service.dry_run(tx, lead, "contacts", read_file(bad), MAPPING, now=NOW, ports=ports)
        assert [[column for column, _ in each.problems] for each in tried.verdicts] == [[], ["Result", "Who"]]
        assert not (
            await service.dry_run(tx, lead, "contacts", read_file(good), MAPPING, now=NOW, ports=ports)
        ).refused
        assert await counts(tx) == before
    with pytest.raises(Invalid):
        async with database.begin(clinic.id) as tx:
            await service.run(tx, lead, "contacts", read_file(bad), MAPPING, now=NOW, ports=ports)
    outreach.calls.clear()
    async with database.begin(clinic.id) as tx:
        assert await counts(tx) == before
        await service.run(tx, lead, "contacts", read_file(good), MAPPING, now=NOW, ports=ports)
    async with database.begin(clinic.id) as tx:
        after = await counts(tx)
        assert after["contact"] == before["contact"] + 3
        unchanged = ("chart_copy", "time_entry", "task")
        assert [after[name] for name in unchanged] == [before[name] for name in unchanged]
        assert outreach.names() == ["next_contact_changed"]
        [tried_later, call, video] = await contacts.contacts(tx, lead, first.id, now=NOW)
        assert (tried_later.kind, tried_later.channel, tried_later.spoken) == ("attempt", "phone", False)
        assert (call.source, call.staff_name, call.seconds, call.note) == (
            "import", "Casey Moore", 1500, "Better.\nWalks daily.\n\nBrought in from another registry.",
        )  # fmt: skip
        assert call.occurred_at == datetime(2026, 11, 12, 22, 30, tzinfo=UTC) and call.recorded_at == NOW
        assert (video.kind, video.staff_id) == ("video", None)
        assert "Contact of Jane Former. The time of day was not given." in video.note
        line = select(RegistryLine.last_contact_at).where(RegistryLine.episode_id == first.episode_id)
        assert await tx.scalar(line) == call.occurred_at
        planned = select(Episode.next_contact_at).where(Episode.id == first.episode_id)
        assert await tx.scalar(planned) == datetime(2026, 12, 1, 18, 0, tzinfo=UTC)
        november = await rates(tx, lead, Month(2026, 11))
        assert (november["Q-CONTACT"], november["Q-FRESH"]) == ((1, 1), (0, 0))
        assert (await rates(tx, lead, Month(2026, 10)))["Q-FIRST-CONTACT"] == (1, 1)
        found = await evidence.found_for(tx, clinic.id, [first.episode_id])
        assert found.contacts == {}
        brought = select(func.count()).where(AuditEvent.action == "contact.brought_in")
        assert await tx.scalar(brought) == 3
        for again in (good, good + b"\n"):
            with pytest.raises((Conflict, Invalid)):
                await service.run(tx, lead, "contacts", read_file(again), MAPPING, now=NOW, ports=ports)


async def test_tries_of_the_past_are_judged_by_the_rule_and_speaking_later_takes_the_proposal_back(
    database: Database,
) -> None:
    outreach = RecordingOutreach()
    ports = Ports(outreach, NotedAlerts())
    tries = file(
        "B1,10/12/2026,,phone,no answer,Casey Moore,,,,,",
        "B1,10/20/2026,,text,message sent,Casey Moore,,,,,",
        "B1,11/2/2026,,phone,voicemail,Casey Moore,,,12/1/2026,9:00,",
    )
    talk = file("B1,11/9/2026,9:00,phone,reached,Casey Moore,,,12/2/2026,9:00,")
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        lead, manager = clinic.actor("clinic_lead"), clinic.actor("care_manager")
        since = {"enrolled_on": date(2026, 9, 1), "referred_at": NOW - timedelta(days=82)}
        second = await builders.patient(tx, clinic, NOW, family_name="Birch", mrn="B1", **since)
    proposed = select(func.count()).where(Task.kind == "closing_proposed", Task.done_at.is_(None))
    line = select(RegistryLine.last_contact_at).where(RegistryLine.episode_id == second.episode_id)
    planned = select(Episode.next_contact_at).where(Episode.id == second.episode_id)
    async with database.begin(clinic.id) as tx:
        here = ContactForm(
            kind="phone", outcome="reached", occurred_at=NOW - timedelta(days=60), note="Agreed to go on.",
            next=NextStep(NOW + timedelta(days=3), "phone", "Dose"),
        )  # fmt: skip
        await recording.record_contact(
            tx, manager, second.id, here, source="console", now=NOW, outreach=outreach
        )
        outreach.calls.clear()
        await service.run(tx, lead, "contacts", read_file(tries), MAPPING, now=NOW, ports=ports)
        assert await tx.scalar(proposed) == 1
        assert await tx.scalar(line) == here.occurred_at
        assert await unreached(tx, second.episode_id)
        assert (await tx.scalar(planned), outreach.calls) == (NOW + timedelta(days=3), [])
        await service.run(tx, lead, "contacts", read_file(talk), MAPPING, now=NOW, ports=ports)
        assert await tx.scalar(proposed) == 0
        assert not await unreached(tx, second.episode_id)
        assert await tx.scalar(line) == datetime(2026, 11, 9, 17, 0, tzinfo=UTC)
        assert (await tx.scalar(planned), outreach.calls) == (NOW + timedelta(days=3), [])
        older = file("B1,1/5/2026,9:00,phone,reached,Jane Former,,,,,")
        await service.run(tx, lead, "contacts", read_file(older), MAPPING, now=NOW, ports=ports)
        assert await tx.scalar(line) == datetime(2026, 11, 9, 17, 0, tzinfo=UTC)


async def test_a_contact_belongs_to_the_episode_that_ran_on_its_day(database: Database) -> None:
    ports = Ports(RecordingOutreach(), NotedAlerts())
    rows = file(*(f"C1,{on},,phone,reached,Jane Former,,,,," for on in ("1/5/2025", "6/1/2025", "3/2/2026")))
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        third = await builders.patient(tx, clinic, NOW, mrn="C1")
        ended = {
            "status": "ended", "enrolled_on": date(2025, 5, 1), "referred_at": NOW - timedelta(days=568),
            "ended_on": date(2025, 9, 1), "created_at": NOW - timedelta(days=568),
        }  # fmt: skip
        await tx.execute(update(Episode).where(Episode.id == third.episode_id).values(**ended))
        row = await tx.first(select(Episode.__table__).where(Episode.id == third.episode_id))
        assert row is not None
        newer: dict[str, Any] = dict(row._mapping) | {
            "id": tx.new_id(), "status": "active", "enrolled_on": date(2026, 2, 1), "ended_on": None,
            "referred_at": NOW - timedelta(days=292), "created_at": NOW,
        }  # fmt: skip
        await tx.execute(insert(Episode), newer)
    async with database.begin(clinic.id) as tx:
        await service.run(
            tx, clinic.actor("clinic_lead"), "contacts", read_file(rows), MAPPING, now=NOW, ports=ports
        )
        filed = await tx.all(select(Contact.episode_id).order_by(Contact.occurred_at))
        assert [one.episode_id for one in filed] == [third.episode_id, third.episode_id, newer["id"]]
