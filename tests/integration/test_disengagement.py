"""From tries that reach nobody to a proposal and a person's decision, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update

from kernel.audit import Actor
from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid
from registry.contacts import service as contacts
from registry.contacts.forms import ContactForm, NextStep
from registry.disengagement import queries, service
from registry.disengagement.rules import ClosingForm
from registry.episodes import service as episodes
from registry.episodes.forms import StatusForm
from registry.episodes.tables import Episode
from registry.safety.tables import RiskEvent
from registry.worklist.tables import RegistryLine, Task
from tests.support.clock import FakeClock
from tests.support.practice import Practice, RecordingOutreach, enrolment, open_practice


class Case:
    def __init__(self, database: Database, practice: Practice, clock: FakeClock, ana: UUID) -> None:
        self.database, self.practice, self.clock, self.ana = database, practice, clock, ana
        self.outreach = RecordingOutreach()

    async def records(self, kind: str, outcome: str, channel: str | None = None) -> None:
        now = self.clock.now()
        spoken = outcome == "reached"
        form = ContactForm(
            kind=kind, outcome=outcome, channel=channel, occurred_at=now, note="x" if spoken else "",  # type: ignore[arg-type]
            next=NextStep(now + timedelta(days=3), "phone"),
        )  # fmt: skip
        async with self.database.begin(self.practice.clinic_id) as tx:
            await contacts.record_contact(
                tx, self.practice.manager, self.ana, form, source="console", now=now, outreach=self.outreach
            )

    async def is_not_reached(self) -> None:
        for channel in ("phone", "text", "phone"):
            outcome = "message_sent" if channel == "text" else "no_answer"
            await self.records("attempt", outcome, channel)
            self.clock.advance(days=2)

    async def decides(self, actor: Actor | None = None, **changes: Any) -> UUID:
        today = self.clock.now().date()
        fields: dict[str, Any] = {
            "decision": "inactive", "note": "Three tries.", "reentry": "Call us.", "told_clinician_on": today
        }  # fmt: skip
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await service.decide(
                tx, actor or self.practice.lead, self.ana, ClosingForm(**(fields | changes)),
                now=self.clock.now(), outreach=self.outreach,
            )  # fmt: skip

    async def proposals(self) -> int:
        async with self.database.begin(self.practice.clinic_id) as tx:
            where = (Task.kind == "closing_proposed", Task.done_at.is_(None))
            return len(await tx.all(select(Task.id).where(*where)))

    async def status(self) -> str:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return str(await tx.scalar(select(Episode.status).where(Episode.patient_id == self.ana)))

    async def answered_item9(self, value: str) -> None:
        async with self.database.begin(self.practice.clinic_id) as tx:
            await tx.execute(
                update(RegistryLine).where(RegistryLine.patient_id == self.ana).values(phq9_item9=value)
            )


@pytest.fixture
async def case(database: Database, app_database: Database, clock: FakeClock) -> Case:
    practice = await open_practice(database, clock.now())
    async with app_database.begin(practice.clinic_id) as tx:
        form = enrolment(practice, clock.now())
        done = await episodes.enrol(tx, practice.manager, form, now=clock.now(), outreach=RecordingOutreach())
    return Case(app_database, practice, clock, done.patient_id)


async def test_the_rule_proposes_when_its_days_have_passed_and_speaking_ends_it(
    case: Case, database: Database
) -> None:
    await case.is_not_reached()
    assert await service.look_again(database, case.clock.now()) == {"looked_at": 0}
    case.clock.advance(days=15, hours=3)
    assert await service.look_again(database, case.clock.now()) == {"looked_at": 1}
    assert await case.proposals() == 1
    assert await service.look_again(database, case.clock.now()) == {"looked_at": 0}
    await case.records("phone", "reached")
    assert await case.proposals() == 0
    async with case.database.begin(case.practice.clinic_id) as tx:
        found = await service.standing(tx, case.practice.manager, case.ana, now=case.clock.now())
    assert (found.judgement.attempts, found.judgement.met) == (0, False)


async def test_closing_is_approved_and_leaves_a_note_and_a_way_back(case: Case) -> None:
    await case.is_not_reached()
    with pytest.raises(Forbidden):
        await case.decides(case.practice.manager)
    decision_id = await case.decides()
    assert await case.status() == "inactive_disengaged"
    assert case.outreach.reasons == ["inactive"]
    async with case.database.begin(case.practice.clinic_id) as tx:
        note = await queries.decision(tx, case.practice.manager, case.ana, decision_id, now=case.clock.now())
        again = StatusForm("active", "resumed", case.clock.now().date())
        await episodes.change_status(
            tx, case.practice.manager, case.ana, again, now=case.clock.now(), outreach=case.outreach
        )
    assert (note.attempts, note.channels, note.reentry, note.by) == (3, 2, "Call us.", "June Abbot")
    assert await case.status() == "active"


async def test_going_on_puts_the_question_off(case: Case, database: Database) -> None:
    await case.is_not_reached()
    case.clock.advance(days=15, hours=3)
    await service.look_again(database, case.clock.now())
    until = case.clock.now().date() + timedelta(days=7)
    await case.decides(case.practice.manager, decision="keep", keep_until=until, note="Sister calls.")
    assert await case.proposals() == 0
    case.clock.advance(days=7, hours=3)
    assert await service.look_again(database, case.clock.now()) == {"looked_at": 1}
    assert await case.proposals() == 1


async def test_item_9_above_0_is_never_given_up_on_without_a_clinician(case: Case) -> None:
    await case.is_not_reached()
    await case.answered_item9("2")
    with pytest.raises(Invalid) as raised:
        await case.decides()
    assert [problem.field for problem in raised.value.problems] == ["clinician_said"]
    await case.decides(case.practice.clinician)
    assert await case.status() == "inactive_disengaged"


@pytest.mark.parametrize(
    ("status", "reason"), [("inactive_disengaged", "no_contact"), ("ended", "disengaged")]
)
async def test_nobody_is_given_up_on_by_a_plain_change_of_status(
    case: Case, status: Any, reason: str
) -> None:
    await case.is_not_reached()
    given_up = StatusForm(status, reason, case.clock.now().date())
    with pytest.raises(Conflict) as refused:
        async with case.database.begin(case.practice.clinic_id) as tx:
            await episodes.change_status(
                tx, case.practice.clinician, case.ana, given_up, now=case.clock.now(), outreach=case.outreach
            )
    assert refused.value.code == "closing_form"
    assert await case.status() == "active"


async def test_an_open_safety_event_is_closed_first(case: Case) -> None:
    now = case.clock.now()
    values = dict.fromkeys(c.name for c in RiskEvent.__table__.columns) | {
        "id": uuid4(), "clinic_id": case.practice.clinic_id, "patient_id": case.ana, "code": "K7Q2", "tier": 2,
        "toward": "self", "state": "open", "opened_at": now, "next_action_at": now, "step": 0, "is_drill": False,
        "acknowledge_by": now, "contact_by": now, "assess_by": now, "round_at": now, "is_canary": False,
        "version": 1,
    }  # fmt: skip
    async with case.database.begin(case.practice.clinic_id) as tx:
        await tx.execute(insert(RiskEvent), values)
    with pytest.raises(Conflict) as raised:
        await case.decides(case.practice.clinician)
    assert raised.value.code == "open_risk_event"


async def test_back_from_hospital_somebody_is_to_speak_with_them_in_two_business_days(case: Case) -> None:
    today = case.clock.now().date()
    for form in (
        StatusForm("on_hold", "hospital", today, review_on=today + timedelta(days=7)),
        StatusForm("active", "resumed", today),
    ):
        async with case.database.begin(case.practice.clinic_id) as tx:
            await episodes.change_status(
                tx, case.practice.manager, case.ana, form, now=case.clock.now(), outreach=case.outreach
            )
    async with case.database.begin(case.practice.clinic_id) as tx:
        task: Any = await tx.first(select(Task.__table__).where(Task.kind == "after_discharge"))
    assert task.owner_id == case.practice.manager.id
    assert (task.due_at.date() - today).days == 2  # Monday to Wednesday
