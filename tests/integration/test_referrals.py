"""A referral is followed until it is known whether the patient was seen; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from kernel.db import Database
from kernel.errors import Conflict, Invalid, NotFound
from registry.episodes import endings
from registry.episodes import service as episodes
from registry.episodes.forms import StatusForm
from registry.referrals import queries, service
from registry.referrals.rules import OutwardReferral, ReferralStepForm
from registry.worklist.tables import Task
from tests.support.clock import FakeClock
from tests.support.endings import ended
from tests.support.practice import Practice, RecordingOutreach, enrolment, open_practice


class Case:
    def __init__(self, database: Database, practice: Practice, clock: FakeClock, ana: UUID) -> None:
        self.database, self.practice, self.clock, self.ana = database, practice, clock, ana

    async def does(self, act: Any, *args: Any, **more: Any) -> Any:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await act(tx, self.practice.manager, *args, **more, now=self.clock.now())

    async def refers(self, *, hands_over: bool = False) -> UUID:
        today = self.clock.now().date()
        form = OutwardReferral("specialty_therapy", "Alder Therapy", "Trauma work", today, hands_over)
        sent: UUID = await self.does(service.send, self.ana, form)
        return sent

    async def steps(self, referral_id: UUID, step: Any, note: str | None = None) -> None:
        on = None if step in ("complete", "cancelled") else self.clock.now().date()
        await self.does(service.take_step, referral_id, ReferralStepForm(step, on, note), version=None)

    async def ends(self) -> None:
        form = ended("referred_to_specialty", self.clock.now().date(), note="To Alder Therapy")
        await self.does(episodes.change_status, self.ana, form, outreach=RecordingOutreach())


@pytest.fixture
async def case(database: Database, app_database: Database, clock: FakeClock) -> Case:
    practice = await open_practice(database, clock.now())
    async with app_database.begin(practice.clinic_id) as tx:
        form = enrolment(practice, clock.now())
        done = await episodes.enrol(tx, practice.manager, form, now=clock.now(), outreach=RecordingOutreach())
    return Case(app_database, practice, clock, done.patient_id)


async def test_it_goes_from_sent_to_complete_and_says_that_the_patient_was_seen(case: Case) -> None:
    sent = await case.refers()
    for step, note in (
        ("appointment", None),
        ("seen", None),
        ("result", "Weekly sessions"),
        ("complete", None),
    ):
        await case.steps(sent, step, note)
    [line] = await case.does(queries.of_patient, case.ana)
    assert (line.state, line.seen, line.next_at) == ("complete", True, None)
    assert [event.step for event in line.events] == ["sent", "appointment", "seen", "result", "complete"]
    assert await case.does(queries.under_way) == ()


async def test_an_episode_does_not_end_before_the_other_side_has_the_patient(case: Case) -> None:
    sent = await case.refers(hands_over=True)
    with pytest.raises(Conflict) as refused:
        await case.ends()
    assert refused.value.code == "handover_open"
    for step, note in (("seen", None), ("result", "Taken over"), ("complete", None)):
        await case.steps(sent, step, note)
    await case.ends()


async def test_a_handover_holds_every_end_until_it_is_called_off_and_a_withdrawn_agreement_is_not_held(
    case: Case,
) -> None:
    sent = await case.refers(hands_over=True)
    today = case.clock.now().date()
    for reason in ("completed", "declined", "other"):
        with pytest.raises(Conflict) as refused:
            await case.does(
                episodes.change_status, case.ana, ended(reason, today), outreach=RecordingOutreach()
            )
        assert refused.value.code == "handover_open"
    standing = await case.does(endings.standing, case.ana)
    assert (standing.handover_open, standing.stable, standing.plan_version) == (True, False, 0)
    assert standing.asks["completed"] == ("stability", "relapse_plan", "clinician_told")
    assert standing.asks["consent_withdrawn"] == ()
    await case.steps(sent, "cancelled", "Does not want to go there")
    with pytest.raises(Invalid) as asked:
        form = StatusForm("ended", "completed", today)
        await case.does(episodes.change_status, case.ana, form, outreach=RecordingOutreach())
    assert [problem.field for problem in asked.value.problems] == [
        "ending.unstable_because", "ending.no_plan_because", "ending.told_on", "ending.told_how",
    ]  # fmt: skip
    await case.does(episodes.change_status, case.ana, ended("completed", today), outreach=RecordingOutreach())


async def test_an_agreement_is_withdrawn_whatever_is_handed_over(case: Case) -> None:
    await case.refers(hands_over=True)
    withdrawn = StatusForm("ended", "consent_withdrawn", case.clock.now().date())
    await case.does(episodes.change_status, case.ana, withdrawn, outreach=RecordingOutreach())


async def test_a_result_comes_before_complete_and_a_step_backwards_is_refused(case: Case) -> None:
    sent = await case.refers()
    await case.steps(sent, "seen")
    with pytest.raises(Invalid):
        await case.steps(sent, "complete")
    with pytest.raises(Conflict):
        await case.steps(sent, "appointment")


async def test_nobody_forgets_to_ask_whether_the_patient_was_seen(case: Case, database: Database) -> None:
    sent = await case.refers()
    assert (await service.ask_after(database, case.clock.now()))["asked"] == 0
    case.clock.advance(days=15)
    assert (await service.ask_after(database, case.clock.now()))["asked"] == 1
    assert (await service.ask_after(database, case.clock.now()))["asked"] == 0
    async with database.begin(case.practice.clinic_id) as tx:
        task = await tx.first(select(Task.kind, Task.owner_id).where(Task.ref_id == sent))
    assert task is not None
    assert tuple(task) == ("referral_follow_up", case.practice.manager.id)
    await case.steps(sent, "not_seen", "Did not go")
    async with database.begin(case.practice.clinic_id) as tx:
        assert await tx.scalar(select(Task.done_at).where(Task.ref_id == sent)) is not None
    case.clock.advance(seconds=int(timedelta(days=3).total_seconds()))
    assert (await service.ask_after(database, case.clock.now()))["asked"] == 1


async def test_after_a_death_nobody_is_asked_and_after_its_undoing_somebody_is(
    case: Case, database: Database
) -> None:
    await case.refers()
    case.clock.advance(days=15)
    assert (await service.ask_after(database, case.clock.now()))["asked"] == 1
    await case.does(episodes.mark_deceased, case.ana, outreach=RecordingOutreach())
    case.clock.advance(days=8)
    for _ in range(2):
        await service.ask_after(database, case.clock.now())
    [line] = await case.does(queries.of_patient, case.ana)
    assert ([event.step for event in line.events], line.next_at) == (
        ["sent", "asked_after", "episode_ended"],
        None,
    )
    async with database.begin(case.practice.clinic_id) as tx:
        assert await tx.scalar(select(Task.done_at).where(Task.kind == "referral_follow_up")) is not None
    await case.does(episodes.undo_deceased, case.ana, outreach=RecordingOutreach())
    await service.ask_after(database, case.clock.now())
    [line] = await case.does(queries.of_patient, case.ana)
    assert line.events[-1].step == "asked_after"


async def test_another_clinic_s_referral_is_not_there(case: Case, database: Database) -> None:
    sent = await case.refers()
    south = await open_practice(database, case.clock.now(), slug="south")
    async with case.database.begin(south.clinic_id) as tx:
        with pytest.raises(NotFound):
            form = ReferralStepForm("seen", case.clock.now().date())
            await service.take_step(tx, south.manager, sent, form, version=None, now=case.clock.now())
