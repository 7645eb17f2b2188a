"""One contact form does it all in one transaction, or nothing; copies for the chart; on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from messaging.schedule.outreach import Schedule
from messaging.schedule.tables import ContactReminder
from registry.contacts import amendments, queries, service, templates
from registry.contacts.forms import AmendmentForm, ContactForm, MedicationReport, NextStep
from registry.contacts.tables import Contact, ContactAmendment
from registry.episodes import service as episodes
from registry.episodes.tables import Episode
from registry.filing import service as filing
from registry.time_log.tables import TimeEntry
from registry.treatment_changes.tables import TreatmentChange
from registry.worklist import queries as worklist
from registry.worklist.rules import RegistryFilter
from registry.worklist.tables import RegistryLine, Task
from tests.support.clock import FakeClock
from tests.support.practice import Practice, RecordingOutreach, enrolment, open_practice


class Case:
    def __init__(self, database: Database, practice: Practice, clock: FakeClock, ana: UUID) -> None:
        self.database, self.practice, self.clock, self.ana = database, practice, clock, ana

    def form(self, **changes: Any) -> ContactForm:
        now = self.clock.now()
        fields: dict[str, Any] = {
            "kind": "phone",
            "outcome": "reached",
            "occurred_at": now - timedelta(minutes=14),
            "note": "Sleeps better.",
            "minutes": 14.0,
            "next": NextStep(now + timedelta(days=7), "video", "How the new dose is going"),
        }
        return ContactForm(**(fields | changes))

    async def records(self, form: ContactForm, outreach: Any = None) -> UUID:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await service.record_contact(
                tx, self.practice.manager, self.ana, form,
                source="console", now=self.clock.now(), outreach=outreach or RecordingOutreach(),
            )  # fmt: skip

    async def one(self, statement: Any) -> Any:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await tx.first(statement)

    async def count(self, table: Any, *where: Any) -> int:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return int(await tx.scalar(select(func.count()).select_from(table).where(*where)))


@pytest.fixture
async def case(database: Database, app_database: Database, clock: FakeClock) -> Case:
    practice = await open_practice(database, clock.now())
    async with app_database.begin(practice.clinic_id) as tx:
        form = enrolment(practice, clock.now())
        done = await episodes.enrol(tx, practice.manager, form, now=clock.now(), outreach=Schedule())
    clock.advance(hours=1)  # minutes count from the agreement on
    return Case(app_database, practice, clock, done.patient_id)


async def test_one_form_moves_registry_minutes_change_next_contact_and_reminder_together(case: Case) -> None:
    now = case.clock.now()
    old_date, new_date = now + timedelta(hours=30), now + timedelta(hours=40)
    async with case.database.begin(case.practice.clinic_id) as tx:
        await episodes.set_next_contact(tx, case.practice.manager, case.ana, old_date, "phone", "x", now=now)
        episode_id = await tx.scalar(select(Episode.id).where(Episode.patient_id == case.ana))
        reminder = dict.fromkeys(c.name for c in ContactReminder.__table__.columns) | {
            "id": uuid4(), "clinic_id": case.practice.clinic_id, "episode_id": episode_id, "patient_id": case.ana,
            "contact_at": old_date, "kind": "same_morning", "due_at": old_date, "next_at": old_date,
            "state": "scheduled", "created_at": now,
        }  # fmt: skip
        await tx.execute(insert(ContactReminder), reminder)
    told = MedicationReport("dose_changed", "Sertraline 100 mg", "Dr. Roth", date(2026, 3, 1))
    contact_id = await case.records(
        case.form(
            medication=told,
            discuss=True,
            question="Raise the dose?",
            next=NextStep(new_date, "video", "How the new dose is going"),
        ),
        Schedule(),
    )
    line = await case.one(select(RegistryLine.__table__).where(RegistryLine.patient_id == case.ana))
    assert line.last_contact_at == now - timedelta(minutes=14)
    assert line.next_contact_at == new_date
    assert (line.next_contact_mode, line.discuss_flag, line.counted_seconds) == ("video", True, 840)
    entry = await case.one(select(TimeEntry.__table__))
    assert (entry.seconds, entry.source, entry.activity) == (840, "contact", "patient_contact")
    change = await case.one(select(TreatmentChange.__table__))
    assert (change.on, change.source, change.source_id) == (date(2026, 3, 1), "contact", contact_id)
    gone = await case.one(select(ContactReminder.__table__).where(ContactReminder.contact_at == old_date))
    assert (gone.state, gone.reason, gone.next_at) == ("skipped", "contact_moved", None)
    assert await case.count(ContactReminder, ContactReminder.contact_at == new_date) == 1
    async with case.database.begin(case.practice.clinic_id) as tx:
        found = await queries.contact(tx, case.practice.consultant, case.ana, contact_id, now=now)
    assert (found.note, found.question, found.seconds) == ("Sleeps better.", "Raise the dose?", 840)
    assert found.medication == "Sertraline 100 mg, by Dr. Roth, since 01-Mar-2026"


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"next": NextStep(None)}, Invalid, "next.purpose"),
        ({"activity": "juggling"}, Invalid, "activity"),
        ({"staff_id": uuid4()}, Invalid, "staff_id"),
        (
            {"medication": MedicationReport("dose_changed", "Sertraline", "Dr. Roth", date(2099, 1, 1))},
            Invalid,
            "medication.on",
        ),
        ({"version": 99}, Conflict, ""),
    ],
)
async def test_a_refused_contact_leaves_nothing_behind(
    case: Case, changes: dict[str, Any], error: type[Exception], field: str
) -> None:
    before = await case.one(select(RegistryLine.__table__).where(RegistryLine.patient_id == case.ana))
    with pytest.raises(error) as raised:
        await case.records(case.form(**changes))
    if field:
        assert isinstance(raised.value, Invalid)
        assert [problem.field for problem in raised.value.problems] == [field]
    assert await case.count(Contact) == await case.count(TimeEntry) == await case.count(TreatmentChange) == 0
    assert await case.one(select(RegistryLine.__table__).where(RegistryLine.patient_id == case.ana)) == before


async def test_an_older_contact_written_later_does_not_turn_the_registry_back(case: Case) -> None:
    recent = case.form()
    await case.records(recent)
    await case.records(case.form(occurred_at=case.clock.now() - timedelta(days=3), minutes=None, next=None))
    line = await case.one(select(RegistryLine.last_contact_at).where(RegistryLine.patient_id == case.ana))
    assert line.last_contact_at == recent.occurred_at


async def test_a_try_is_no_contact_and_keeps_the_next_date(case: Case) -> None:
    await case.records(case.form())
    before = await case.one(select(RegistryLine.__table__))
    case.clock.advance(minutes=10)
    tried = case.form(
        kind="attempt", outcome="left_message", channel="phone", note="", next=None, minutes=2.0,
        activity="outreach", occurred_at=case.clock.now() - timedelta(minutes=2),
    )  # fmt: skip
    await case.records(tried)
    after = await case.one(select(RegistryLine.__table__))
    assert after.last_contact_at == before.last_contact_at
    assert after.next_contact_at == before.next_contact_at
    assert after.counted_seconds == 960


async def test_an_unfiled_note_becomes_a_task_on_the_next_business_day_and_goes_when_filed(
    case: Case, database: Database
) -> None:
    contact_id = await case.records(case.form())
    assert await filing.ask_for_filing(database, case.clock.now()) == {"asked": 0}
    case.clock.advance(days=1)
    assert await filing.ask_for_filing(database, case.clock.now()) == {"asked": 1}
    assert await filing.ask_for_filing(database, case.clock.now()) == {"asked": 0}
    task = await case.one(select(Task.__table__).where(Task.kind == "unfiled_note"))
    assert (task.ref_kind, task.ref_id, task.owner_id) == ("contact", contact_id, case.practice.manager.id)

    async def mark(filed: bool, patient_id: UUID = case.ana) -> None:
        async with case.database.begin(case.practice.clinic_id) as tx:
            await filing.mark(
                tx,
                case.practice.manager,
                patient_id,
                "contact",
                contact_id,
                filed=filed,
                now=case.clock.now(),
            )

    await mark(True)
    await mark(True)
    assert await case.count(Task, Task.kind == "unfiled_note", Task.done_at.is_(None)) == 0
    async with case.database.begin(case.practice.clinic_id) as tx:
        found = await filing.states(tx, case.practice.manager, case.ana, now=case.clock.now())
    assert found[contact_id].filed_at == case.clock.now()
    await mark(False)
    assert await filing.ask_for_filing(database, case.clock.now()) == {"asked": 1}
    with pytest.raises(NotFound):
        await mark(True, uuid4())


async def test_only_the_clinic_lead_changes_a_template_and_never_over_a_newer_one(case: Case) -> None:
    now = case.clock.now()
    async with case.database.begin(case.practice.clinic_id) as tx:
        assert (await templates.templates(tx, case.practice.manager))["phone"].version == 0
        with pytest.raises(Forbidden):
            await templates.set_template(tx, case.practice.manager, "phone", "Mood:", 0, now=now)
        assert await templates.set_template(tx, case.practice.lead, "phone", "Mood:", 0, now=now) == 1
        with pytest.raises(Conflict):
            await templates.set_template(tx, case.practice.lead, "phone", "Sleep:", 0, now=now)
        assert (await templates.templates(tx, case.practice.manager))["phone"].body == "Mood:"


async def test_another_clinic_sees_no_contact(case: Case, database: Database) -> None:
    contact_id = await case.records(case.form())
    other = await open_practice(database, case.clock.now(), "south")
    async with case.database.begin(other.clinic_id) as tx:
        for read in (
            queries.contacts(tx, other.manager, case.ana, now=case.clock.now()),
            queries.contact(tx, other.manager, case.ana, contact_id, now=case.clock.now()),
        ):
            with pytest.raises(NotFound):
                await read


async def test_the_registry_counts_contacts_and_leaves_tries_out(case: Case) -> None:
    await case.records(case.form())
    case.clock.advance(hours=1)
    await case.records(case.form(kind="attempt", outcome="no_answer", channel="phone", note="", minutes=None))
    await case.records(case.form(occurred_at=case.clock.now() - timedelta(minutes=20)))
    async with case.database.begin(case.practice.clinic_id) as tx:
        page = await worklist.registry_page(
            tx, case.practice.manager, RegistryFilter(), None, 50, now=case.clock.now()
        )
    assert [line.contacts for line in page.lines] == [2]


async def test_an_amended_outcome_moves_the_registry_and_asks_for_the_copy_again(case: Case) -> None:
    contact_id = await case.records(case.form())
    lead = case.practice.lead

    def wrong(**changes: Any) -> AmendmentForm:
        fields: dict[str, Any] = {"outcome": "other_person", "note": "Her son.", "reason": "It was her son."}
        return AmendmentForm(**(fields | {"version": 0} | changes))

    async def amends(form: AmendmentForm, actor: Any = None) -> None:
        async with case.database.begin(case.practice.clinic_id) as tx:
            await amendments.amend(
                tx, actor or case.practice.manager, case.ana, contact_id, form, now=case.clock.now()
            )

    async with case.database.begin(case.practice.clinic_id) as tx:
        await filing.mark(tx, lead, case.ana, "contact", contact_id, filed=True, now=case.clock.now())
    with pytest.raises(Forbidden):
        await amends(wrong(), case.practice.clinician)
    with pytest.raises(Invalid) as refused:
        await amends(wrong(outcome="did_not_come", reason=" "))
    assert [problem.field for problem in refused.value.problems] == ["outcome", "reason"]
    await amends(wrong())
    line = await case.one(select(RegistryLine.last_contact_at))
    assert line.last_contact_at is None
    with pytest.raises(Conflict):
        await amends(wrong(note="Her daughter."))
    async with case.database.begin(case.practice.clinic_id) as tx:
        now = case.clock.now()
        [copy] = (await filing.states(tx, lead, case.ana, refs=[contact_id], now=now)).values()
        assert (copy.filed_at, copy.changed_at) == (None, now)
        found = await queries.contact(tx, lead, case.ana, contact_id, now=now)
        assert (found.outcome, found.spoken, found.note, found.amendments) == (
            "other_person", False, "Her son.", 1,
        )  # fmt: skip
        assert found.seconds == 14 * 60
        [earlier] = await amendments.earlier_versions(tx, lead, case.ana, contact_id, now=now)
        assert (earlier.number, earlier.outcome, earlier.note, earlier.reason) == (
            1, "reached", "Sleeps better.", "It was her son.",
        )  # fmt: skip
        assert earlier.amended_by == "Lee Park"
    with pytest.raises(Invalid):
        await amends(wrong(version=1))
    if case.database.is_postgres:  # what was written before is nobody's to change
        for statement in (update(ContactAmendment).values(number=9), delete(ContactAmendment)):
            with pytest.raises(DBAPIError, match="permission denied"):
                async with case.database.begin(case.practice.clinic_id) as tx:
                    await tx.execute(statement)
    await amends(wrong(version=1, outcome="reached", note="Sleeps better.", reason="It was her after all."))
    assert (await case.one(select(RegistryLine.last_contact_at))).last_contact_at == found.occurred_at
