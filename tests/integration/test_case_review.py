"""A case review from its agenda to the patient who takes what was advised; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, update

from kernel.audit import Actor
from kernel.db import Database, Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from messaging.delivery.tables import Outbox
from messaging.notices.service import NOTICES
from registry.cover import service as cover
from registry.cover.rules import CoverForm
from registry.episodes import service as episodes
from registry.episodes.tables import Episode
from registry.organisation import accounts
from registry.organisation.rules import StaffForm
from registry.organisation.tables import Staff
from registry.patients.forms import PhoneForm
from registry.recommendations import queries as recommended
from registry.recommendations import service as recommendations
from registry.recommendations.rules import (
    ClinicianDecision,
    OrderForm,
    RecommendationForm,
    RecommendationPart,
)
from registry.review import queries, service
from registry.review.rules import DiscussionForm, OwnMinutes
from registry.review.tables import ReviewItem
from registry.time_log.tables import TimeEntry
from registry.treatment_changes.rules import ChangeForm
from registry.treatment_changes.tables import TreatmentChange
from registry.worklist import task_list as worklist
from registry.worklist.tables import RegistryLine, Task
from registry.worklist.task_list import TaskFilter, waits_since
from tests.support.clock import FakeClock
from tests.support.practice import ANA, ROOT, WISHES, Practice, RecordingOutreach, enrolment, open_practice

ADVICE = RecommendationForm(
    (
        RecommendationPart("medication", "Raise sertraline to 100 mg"),
        RecommendationPart("therapy", "Behavioural activation weekly"),
    ),
    urgency="this_week",
    if_then="If no change in 4 weeks, add bupropion",
)


class Case:
    def __init__(self, database: Database, practice: Practice, clock: FakeClock, ana: UUID) -> None:
        self.database, self.practice, self.clock, self.ana = database, practice, clock, ana

    async def does(self, act: Any, *args: Any, **more: Any) -> Any:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await act(tx, *args, **more, now=self.clock.now())

    async def one(self, statement: Any) -> Any:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await tx.first(statement)

    async def all(self, statement: Any) -> Any:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await tx.all(statement)

    async def opens_review(self) -> UUID:
        consultant = self.practice.consultant.id
        review_id: UUID = await self.does(
            service.plan, self.practice.manager, starts_at=self.clock.now(), minutes=60,
            consultant_id=consultant, care_manager_id=None,
        )  # fmt: skip
        assert await self.does(service.open_review, self.practice.manager, review_id) == 1
        return review_id

    def discussion(self, **changed: Any) -> DiscussionForm:
        people = (self.practice.manager.id, self.practice.consultant.id)
        fields: dict[str, Any] = {
            "discussion": "joint", "people": people, "minutes": 7, "note": "Partial response at 4 weeks.",
            "changed": "Dose goes up: less than half the drop after four weeks.",
        }  # fmt: skip
        return DiscussionForm(**(fields | changed))

    async def enrols(self, given_name: str) -> UUID:
        form = enrolment(
            self.practice,
            self.clock.now(),
            person=msgspec.structs.replace(ANA, given_name=given_name, mrn="B-2"),
            phone=PhoneForm("+12065550177"),
            texting_consent=None,
            preferences=msgspec.structs.replace(WISHES, channel="phone", second_channel=None),
        )
        done = await self.does(episodes.enrol, self.practice.manager, form, outreach=RecordingOutreach())
        enrolled: UUID = done.patient_id
        return enrolled

    async def sends(self, form: RecommendationForm = ADVICE) -> UUID:
        sent: UUID = await self.does(
            recommendations.send, self.practice.consultant, self.ana, form, notices=NOTICES
        )
        return sent

    async def stage(self, recommendation_id: UUID) -> str:
        found = await self.does(recommended.recommendation, self.practice.manager, recommendation_id)
        return str(found.line.stage)

    async def decides(self, recommendation_id: UUID, actor: Actor | None = None, **fields: Any) -> None:
        form = ClinicianDecision(**({"decision": "accepted"} | fields))
        who = actor or self.practice.clinician
        await self.does(recommendations.decide, who, recommendation_id, form, version=None)


@pytest.fixture
async def case(database: Database, app_database: Database, clock: FakeClock) -> Case:
    practice = await open_practice(database, clock.now())
    async with app_database.begin(practice.clinic_id) as tx:
        form = enrolment(practice, clock.now())
        done = await episodes.enrol(tx, practice.manager, form, now=clock.now(), outreach=RecordingOutreach())
    clock.advance(hours=1)  # minutes count from the agreement on
    return Case(app_database, practice, clock, done.patient_id)


async def test_a_discussion_writes_note_minutes_and_the_date_of_the_review(case: Case) -> None:
    review_id = await case.opens_review()
    found = await case.does(queries.review, case.practice.consultant, review_id)
    assert [(item.family_name, item.group) for item in found.items] == [("Reyes", "new")]
    item = found.items[0]
    await case.does(service.discuss, case.practice.consultant, item.id, case.discussion(), version=1)
    after = await case.does(queries.item, case.practice.manager, item.id)
    assert (after.state, after.minutes, set(after.people)) == ("discussed", 7, {"Lee Park", "Omar Vale"})
    line = await case.one(select(RegistryLine.last_review_at, RegistryLine.counted_seconds))
    assert line.last_review_at == case.clock.now()
    assert line.counted_seconds == 7 * 60  # held together, it counts once
    entries = await case.one(select(func.count()).select_from(TimeEntry))
    assert entries[0] == 2
    with pytest.raises(Conflict):
        await case.does(service.discuss, case.practice.consultant, item.id, case.discussion(), version=None)


async def test_each_has_minutes_of_their_own_and_what_they_spent_together_counts_once(case: Case) -> None:
    item = (await case.does(queries.review, case.practice.manager, await case.opens_review())).items[0]
    own = (OwnMinutes(_id(case.practice.consultant), 10), OwnMinutes(_id(case.practice.manager), 6))
    form = case.discussion(minutes=None, own_minutes=own)
    await case.does(service.discuss, case.practice.manager, item.id, form, version=1)
    after = await case.does(queries.item, case.practice.manager, item.id)
    assert (after.minutes, {each.name: each.minutes for each in after.took_part}) == (
        6, {"Lee Park": 6, "Omar Vale": 10}
    )  # fmt: skip
    rows = [row.seconds for row in await case.all(select(TimeEntry.seconds).order_by(TimeEntry.seconds))]
    assert rows == [6 * 60, 10 * 60]
    line = await case.one(select(RegistryLine.counted_seconds))
    assert line.counted_seconds == 6 * 60  # the consultant's own four do not count
    async with case.database.begin(
        case.practice.clinic_id
    ) as tx:  # as it was written until each had their own
        earlier = [str(_id(case.practice.manager)), str(_id(case.practice.consultant))]
        await tx.execute(update(ReviewItem).values(people=earlier))
    before = await case.does(queries.item, case.practice.manager, item.id)
    assert {each.name: each.minutes for each in before.took_part} == {"Lee Park": 6, "Omar Vale": 6}


async def test_a_refused_discussion_leaves_nothing_behind(case: Case) -> None:
    review_id = await case.opens_review()
    item = (await case.does(queries.review, case.practice.manager, review_id)).items[0]
    stranger = case.practice.biller.id
    with pytest.raises(Invalid) as refused:
        form = case.discussion(people=(case.practice.consultant.id, stranger))
        await case.does(service.discuss, case.practice.manager, item.id, form, version=1)
    assert [problem.field for problem in refused.value.problems] == ["people"]
    assert (await case.one(select(func.count()).select_from(TimeEntry)))[0] == 0
    assert (await case.one(select(RegistryLine.last_review_at))).last_review_at is None


async def test_who_was_not_reached_in_the_meeting_is_said_to_be_passed_over(case: Case) -> None:
    review_id = await case.opens_review()
    await case.does(service.close, case.practice.manager, review_id, "Half an hour only.")
    await case.does(service.close, case.practice.manager, review_id, None)  # a double click
    found = await case.does(queries.review, case.practice.manager, review_id)
    assert (found.meeting.state, found.note) == ("closed", "Half an hour only.")
    assert [(item.state, item.passed_reason) for item in found.items] == [
        ("passed", "the meeting ended before")
    ]


async def test_a_consultant_holds_one_meeting_at_a_time(case: Case) -> None:
    await case.opens_review()
    second = await case.does(
        service.plan, case.practice.manager, starts_at=case.clock.now(), minutes=30,
        consultant_id=case.practice.consultant.id, care_manager_id=None,
    )  # fmt: skip
    with pytest.raises(Conflict):
        await case.does(service.open_review, case.practice.manager, second)


async def test_advice_goes_from_the_clinician_to_the_patient_and_marks_the_trend(case: Case) -> None:
    sent = await case.sends()
    mail = await case.one(select(Outbox.channel, Outbox.kind, Outbox.staff_id, Outbox.patient_id))
    assert tuple(mail) == ("email", "notice", case.practice.clinician.id, None)
    waiting = await case.does(recommended.waiting_for, case.practice.clinician)
    assert [line.id for line in waiting] == [sent]
    await case.decides(sent)
    today = case.clock.now().date()
    change = ChangeForm(on=today, kind="dose_changed", what="Sertraline 100 mg")
    order = OrderForm("Sertraline 100 mg", "Ines Roth", today, change)
    await case.does(recommendations.order, case.practice.clinician, sent, order, version=None)
    await case.does(recommendations.told, case.practice.manager, sent, "By phone", version=None)
    assert await case.stage(sent) == "told"
    await case.does(recommendations.taking, case.practice.manager, sent, None, version=None)
    found = await case.does(recommended.recommendation, case.practice.consultant, sent)
    assert [step.step for step in found.steps] == ["sent", "accepted", "ordered", "told", "taking"]
    marked = await case.one(select(TreatmentChange.kind, TreatmentChange.source, TreatmentChange.source_id))
    assert tuple(marked) == ("dose_changed", "review", sent)
    assert await case.does(recommended.under_way, case.practice.manager) == ()


async def test_each_step_stands_on_the_list_of_the_person_whose_turn_it_is(case: Case) -> None:
    manager, clinician, lead = case.practice.manager, case.practice.clinician, case.practice.lead
    sent = await case.sends()
    stood: list[tuple[bool, ...]] = []

    async def look() -> None:
        lists = [await case.does(recommended.waiting_for, who) for who in (clinician, manager, lead)]
        stood.append(tuple(sent in {line.id for line in found} for found in lists))

    await look()
    await case.decides(sent)
    await look()
    order = OrderForm("Sertraline 100 mg", "Ines Roth", case.clock.now().date())
    await case.does(recommendations.order, clinician, sent, order, version=None)
    await look()
    await case.does(recommendations.told, manager, sent, None, version=None)
    await look()
    async with case.database.begin(case.practice.clinic_id) as tx:
        await tx.execute(update(Episode).values(care_manager_id=None))
    await look()
    await case.does(recommendations.taking, manager, sent, None, version=None)
    await look()
    clinician_s, manager_s, nobody_s = (True, False, False), (False, True, False), (False, False, False)
    assert stood == [clinician_s, clinician_s, manager_s, manager_s, manager_s, nobody_s]


async def test_what_is_not_in_use_is_asked_about_again_and_discussed(case: Case) -> None:
    sent = await case.sends(msgspec.structs.replace(ADVICE, why="Half the drop after four weeks."))
    await case.decides(sent)
    order = OrderForm("Sertraline 100 mg", "Ines Roth", case.clock.now().date())
    await case.does(recommendations.order, case.practice.clinician, sent, order, version=None)
    await case.does(recommendations.told, case.practice.manager, sent, None, version=None)
    before = (await case.does(recommended.recommendation, case.practice.manager, sent)).line
    case.clock.advance(days=3)
    taking, manager = recommendations.taking, case.practice.manager
    with pytest.raises(Invalid) as refused:
        await case.does(taking, manager, sent, " ", version=None, in_use=False)
    assert [problem.field for problem in refused.value.problems] == ["note"]
    await case.does(taking, manager, sent, "Afraid of weight gain", version=before.version, in_use=False)
    found = await case.does(recommended.recommendation, manager, sent)
    assert found.why == "Half the drop after four weeks."
    assert (found.line.stage, found.line.stage_since) == ("told", before.stage_since)  # its clock runs on
    assert (found.steps[-1].step, found.steps[-1].text) == ("not_taking", "Afraid of weight gain")
    assert (await case.one(select(RegistryLine.discuss_flag))).discuss_flag is True
    await case.does(taking, manager, sent, None, version=None)
    assert await case.stage(sent) == "done"


async def test_of_two_decisions_the_second_is_told_where_it_stands(case: Case) -> None:
    sent = await case.sends()
    await case.decides(sent, decision="modified", instead="Wait two weeks, then 75 mg")
    with pytest.raises(Conflict, match="accepted"):
        await case.decides(sent, decision="declined", reason="Side effects")
    found = await case.does(recommended.recommendation, case.practice.clinician, sent)
    assert [(step.step, step.text) for step in found.steps][1:] == [
        ("modified", "Wait two weeks, then 75 mg")
    ]


async def test_declined_advice_comes_back_as_a_task_and_on_the_next_agenda(case: Case) -> None:
    sent = await case.sends()
    await case.decides(sent, decision="declined", reason="Long QT")
    task = await case.one(select(Task.kind, Task.owner_id).where(Task.kind == "recommendation_declined"))
    assert tuple(task) == ("recommendation_declined", case.practice.consultant.id)
    assert (await case.one(select(RegistryLine.discuss_flag))).discuss_flag is True


async def test_only_the_recipient_or_their_cover_decides_in_the_console(case: Case) -> None:
    other = await case.does(_second_clinician, case.practice)
    sent = await case.sends()
    for stranger in (other, case.practice.manager, case.practice.consultant):
        with pytest.raises(Forbidden):
            await case.decides(sent, stranger)
    today = case.clock.now().date()
    form = CoverForm(_id(case.practice.clinician), _id(other), today, today + timedelta(days=2))
    await case.does(cover.assign, case.practice.clinician, form)
    assert [line.id for line in await case.does(recommended.waiting_for, other)] == [sent]
    await case.decides(sent, other)
    assert await case.stage(sent) == "accepted"


async def test_a_care_manager_records_a_decision_given_by_phone_once_it_is_read_back(case: Case) -> None:
    sent = await case.sends()
    given: dict[str, Any] = {"via": "phone", "decided_by": "Ines Roth", "decided_on": case.clock.now().date()}
    with pytest.raises(Invalid) as refused:
        await case.decides(sent, case.practice.manager, **given)
    assert [problem.field for problem in refused.value.problems] == ["read_back"]
    await case.decides(sent, case.practice.manager, **given, read_back=True)
    step = (await case.does(recommended.recommendation, case.practice.manager, sent)).steps[-1]
    assert (step.by, step.who, step.via, step.read_back) == ("Lee Park", "Ines Roth", "phone", True)


async def test_what_waits_too_long_reaches_the_clinic_lead_and_is_never_forgotten(case: Case) -> None:
    sent = await case.sends()
    assert await case.does(_sweep) == 0
    case.clock.advance(days=4)
    assert await case.does(_sweep) == 1
    overdue = select(Task.kind, Task.done_at).where(Task.kind == "recommendation_overdue")
    assert tuple(await case.one(overdue)) == ("recommendation_overdue", None)
    listed = await case.does(worklist.tasks, case.practice.lead, TaskFilter(), None, 9)
    [task] = [line for line in listed.tasks if line.kind == "recommendation_overdue"]
    assert waits_since(task) == task.opened_at - timedelta(days=4)  # as old as the matter, not as the task
    assert (await case.does(recommended.under_way, case.practice.lead))[0].overdue
    case.clock.advance(days=1)
    assert await case.does(_sweep) == 1  # looked at again, told once
    found = await case.does(recommended.recommendation, case.practice.lead, sent)
    assert [step.step for step in found.steps] == ["sent", "escalated"]
    await case.decides(sent)
    assert (await case.one(overdue)).done_at is not None


async def test_after_the_end_of_care_advice_is_asked_after_no_more(case: Case) -> None:
    sent = await case.sends()
    await case.does(episodes.mark_deceased, case.practice.manager, case.ana, outreach=RecordingOutreach())
    case.clock.advance(days=4)
    await case.does(_sweep)
    assert await case.does(_sweep) == 0
    found = await case.does(recommended.recommendation, case.practice.lead, sent)
    assert ([step.step for step in found.steps], found.line.stage) == (["sent", "episode_ended"], "waiting")
    assert await case.one(select(Task.id).where(Task.kind == "recommendation_overdue")) is None


async def test_a_talk_without_a_consultant_is_no_case_review(case: Case) -> None:
    item = (await case.does(queries.review, case.practice.manager, await case.opens_review())).items[0]
    alone = (case.practice.manager.id,)
    for way in ("phone", "message", "chart_only"):
        with pytest.raises(Invalid) as refused:
            form = case.discussion(discussion=way, people=alone)
            await case.does(service.discuss, case.practice.manager, item.id, form, version=1)
        assert [problem.field for problem in refused.value.problems] == ["people"]
    line = await case.one(select(RegistryLine.last_review_at).where(RegistryLine.patient_id == case.ana))
    assert line.last_review_at is None


async def test_an_agenda_holds_whom_nobody_cares_for_and_judges_what_the_sweep_has_not(case: Case) -> None:
    async with case.database.begin(case.practice.clinic_id) as tx:
        await tx.execute(update(RegistryLine).values(care_manager_id=None, last_review_at=case.clock.now()))
    case.clock.advance(days=40)
    review_id = await case.does(
        service.plan, case.practice.manager, starts_at=case.clock.now(), minutes=60,
        consultant_id=case.practice.consultant.id, care_manager_id=case.practice.manager.id,
    )  # fmt: skip
    [item] = (await case.does(queries.preview, case.practice.manager, review_id)).items
    assert item.group == "not_reviewed"
    assert {"no care manager", "R-REVIEW", "R-NOCONTACT"} <= set(item.because)


async def test_advice_comes_from_a_review_of_the_same_patient(case: Case) -> None:
    item = (await case.does(queries.review, case.practice.manager, await case.opens_review())).items[0]
    ben = await case.enrols("Ben")
    form = msgspec.structs.replace(ADVICE, review_item_id=item.id)
    with pytest.raises(Invalid) as refused:
        await case.does(recommendations.send, case.practice.consultant, ben, form, notices=NOTICES)
    assert [problem.field for problem in refused.value.problems] == ["review_item_id"]
    await case.sends(form)


async def test_what_is_declined_after_its_author_left_waits_for_the_clinic(
    case: Case, database: Database
) -> None:
    sent = await case.sends()
    async with database.begin() as tx:
        gone = update(Staff).where(Staff.id == case.practice.consultant.id)
        await tx.execute(gone.values(disabled_at=case.clock.now()))
    await case.decides(sent, decision="declined", reason="QT interval")
    task = await case.one(select(Task.owner_id).where(Task.kind == "recommendation_declined"))
    assert task.owner_id is None


async def test_another_clinic_finds_neither_the_review_nor_the_advice(case: Case, database: Database) -> None:
    review_id, sent = await case.opens_review(), await case.sends()
    south = await open_practice(database, case.clock.now(), slug="south")
    for read, which in ((queries.review, review_id), (recommended.recommendation, sent)):
        async with case.database.begin(south.clinic_id) as tx:
            with pytest.raises(NotFound):
                await read(tx, south.consultant, which, now=case.clock.now())
    async with case.database.begin(south.clinic_id) as tx:
        with pytest.raises(NotFound):
            form = ClinicianDecision("accepted")
            await recommendations.decide(tx, south.clinician, sent, form, version=None, now=case.clock.now())
    assert await case.stage(sent) == "waiting"


async def _sweep(tx: Tx, *, now: Any) -> int:
    return await recommendations.escalate_overdue(tx, now=now)


async def _second_clinician(tx: Tx, practice: Practice, *, now: Any) -> Actor:
    form = StaffForm(name="Vera Lund", email="vera@north.example")
    staff_id = await accounts.create_staff(tx, ROOT, form, now=now)
    await accounts.grant_role(tx, ROOT, staff_id, practice.clinic_id, "clinician", now=now)
    return Actor("staff", staff_id, practice.clinic_id, frozenset({"clinician"}), "Vera Lund")


def _id(actor: Actor) -> UUID:
    assert actor.id is not None
    return actor.id
