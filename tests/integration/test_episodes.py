"""Holds, ends, a death and its undoing, next contacts and the team, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import insert, select

from kernel.audit import Actor, AuditEvent
from kernel.db import Database
from kernel.errors import Conflict, Forbidden, Invalid
from registry.episodes import queries as episodes
from registry.episodes import service
from registry.episodes.forms import CareConsentForm, CourseForm, InitiatingVisit, ReferralForm, StatusForm
from registry.episodes.holds import reopen_reviews
from registry.episodes.queries import EpisodeFacts
from registry.episodes.rules import HoldSpan
from registry.patients import queries as patients
from registry.safety.tables import RiskEvent
from registry.time_log.entries import Stay
from registry.time_log.ledger import windows
from registry.worklist import service as worklist
from registry.worklist.tables import RegistryLine, Task
from tests.support.clock import FakeClock
from tests.support.endings import ended
from tests.support.practice import Practice, RecordingOutreach, enrolment, open_practice

HOSPITAL = StatusForm(
    "on_hold", "hospital", date(2026, 3, 1), review_on=date(2026, 3, 9), note="Admitted by Swan Lake."
)
RESUME = StatusForm("active", "resumed", date(2026, 3, 2))
WITHDRAWN = StatusForm("ended", "consent_withdrawn", date(2026, 3, 2))


class Case:
    """Ana in care, at the app's database."""

    def __init__(self, database: Database, practice: Practice, clock: FakeClock, ana: UUID) -> None:
        self.database, self.practice, self.clock, self.ana = database, practice, clock, ana
        self.outreach = RecordingOutreach()

    async def changes(self, form: StatusForm, actor: Actor | None = None) -> None:
        async with self.database.begin(self.practice.clinic_id) as tx:
            await service.change_status(
                tx,
                actor or self.practice.manager,
                self.ana,
                form,
                now=self.clock.now(),
                outreach=self.outreach,
            )

    async def dies(self, on: date | None = None) -> None:
        async with self.database.begin(self.practice.clinic_id) as tx:
            await service.mark_deceased(
                tx, self.practice.manager, self.ana, on=on, now=self.clock.now(), outreach=self.outreach
            )

    async def lives(self) -> None:
        async with self.database.begin(self.practice.clinic_id) as tx:
            await service.undo_deceased(
                tx, self.practice.manager, self.ana, now=self.clock.now(), outreach=self.outreach
            )

    async def episode(self, viewer: Actor | None = None) -> EpisodeFacts:
        async with self.database.begin(self.practice.clinic_id) as tx:
            page = await patients.patient(tx, viewer or self.practice.manager, self.ana, now=self.clock.now())
        assert page.episode is not None
        return page.episode

    async def line(self) -> Any:
        async with self.database.begin(self.practice.clinic_id) as tx:
            return await tx.first(select(RegistryLine.__table__).where(RegistryLine.patient_id == self.ana))

    async def tasks(self) -> list[tuple[str, datetime]]:
        async with self.database.begin(self.practice.clinic_id) as tx:
            rows = await tx.all(select(Task.kind, Task.due_at).where(Task.done_at.is_(None)))
        return [(row.kind, row.due_at) for row in rows]

    async def opens_risk_event(self, *, is_drill: bool = False) -> None:
        now = self.clock.now()
        values = dict.fromkeys(c.name for c in RiskEvent.__table__.columns) | {
            "id": uuid4(),
            "clinic_id": self.practice.clinic_id,
            "patient_id": self.ana,
            "code": "K7Q2",
            "tier": 2,
            "toward": "self",
            "state": "open",
            "opened_at": now,
            "next_action_at": now,
            "step": 0,
            "acknowledge_by": now,
            "contact_by": now,
            "assess_by": now,
            "round_at": now,
            "is_drill": is_drill,
            "is_canary": False,
            "version": 1,
        }
        async with self.database.begin(self.practice.clinic_id) as tx:
            await tx.execute(insert(RiskEvent), values)


@pytest.fixture
async def case(database: Database, app_database: Database, clock: FakeClock) -> Case:
    practice = await open_practice(database, clock.now())
    async with app_database.begin(practice.clinic_id) as tx:
        form = enrolment(practice, clock.now())
        done = await service.enrol(tx, practice.manager, form, now=clock.now(), outreach=RecordingOutreach())
    return Case(app_database, practice, clock, done.patient_id)


async def test_a_hold_stops_outreach_and_asks_for_a_review(case: Case) -> None:
    await case.changes(HOSPITAL)
    episode = await case.episode()
    assert (episode.status, episode.status_before_hold) == ("on_hold", "active")
    assert episode.hold_review_on == date(2026, 3, 9)
    assert episode.history[0].reason == "hospital"
    assert episode.history[0].from_date == date(2026, 3, 1)
    assert episode.history[0].note == "Admitted by Swan Lake."
    assert case.outreach.calls == [("care_paused", case.ana)]
    assert case.outreach.reasons == ["on_hold"]
    assert (await case.line()).status == "on_hold"
    assert await case.tasks() == [("hold_review", datetime(2026, 3, 9, 19, 0, tzinfo=UTC))]
    assert (await case.episode(case.practice.biller)).history[0].note is None


async def test_a_hold_that_ends_brings_the_plan_back_and_closes_its_task(case: Case) -> None:
    await case.changes(HOSPITAL)
    await case.changes(RESUME)
    episode = await case.episode()
    assert (episode.status, episode.status_before_hold, episode.hold_review_on) == ("active", None, None)
    assert case.outreach.names() == ["care_paused", "plan_changed"]
    assert [kind for kind, _ in await case.tasks()] == ["after_discharge"]  # and none to review the hold
    async with case.database.begin(case.practice.clinic_id) as tx:
        spans = await episodes.holds(tx, [episode.id])
    assert spans == {episode.id: (HoldSpan("hospital", date(2026, 3, 1), date(2026, 3, 2)),)}


async def test_a_stay_in_hospital_goes_on_after_a_death_that_was_a_mistake(case: Case) -> None:
    await case.changes(HOSPITAL)
    async with case.database.begin(case.practice.clinic_id) as tx:
        now, actor, outreach = case.clock.now(), case.practice.manager, RecordingOutreach()
        await service.mark_deceased(tx, actor, case.ana, now=now, outreach=outreach)
        await service.undo_deceased(tx, actor, case.ana, now=now + timedelta(days=7), outreach=outreach)
    episode_id = (await case.episode()).id
    async with case.database.begin(case.practice.clinic_id) as tx:
        found = await windows(tx, case.practice.clinic_id, [episode_id], "America/Los_Angeles")
    assert found[episode_id].window.stays == (Stay(datetime(2026, 3, 1, 8, 0, tzinfo=UTC)),)


async def test_a_hold_whose_task_went_is_on_a_list_again_on_its_review_day(
    case: Case, database: Database
) -> None:
    await case.changes(HOSPITAL)
    key = f"hold:{(await case.episode()).id}"
    async with database.begin(case.practice.clinic_id) as tx:
        task = await tx.scalar(select(Task.id).where(Task.kind == "hold_review"))
        with pytest.raises(Conflict):
            await worklist.close_task(tx, case.practice.manager, task, "seen", case.clock.now())
        await worklist.close_tasks(tx, case.practice.clinic_id, key, "lost", case.clock.now())
    assert await reopen_reviews(database, datetime(2026, 3, 9, 6, 0, tzinfo=UTC)) == {"reopened": 0}
    assert await reopen_reviews(database, datetime(2026, 3, 9, 8, 0, tzinfo=UTC)) == {"reopened": 1}
    assert await case.tasks() == [("hold_review", datetime(2026, 3, 9, 19, 0, tzinfo=UTC))]
    assert await reopen_reviews(database, datetime(2026, 3, 10, 8, 0, tzinfo=UTC)) == {"reopened": 0}


async def test_a_hold_moves_its_review_day_and_keeps_what_came_before_it(case: Case) -> None:
    await case.changes(HOSPITAL)
    later = msgspec.structs.replace(HOSPITAL, reason="jail", review_on=date(2026, 3, 16))
    await case.changes(later)
    episode = await case.episode()
    assert episode.status_before_hold == "active"
    assert await case.tasks() == [("hold_review", datetime(2026, 3, 16, 19, 0, tzinfo=UTC))]


async def test_a_withdrawn_consent_ends_care_and_is_kept_as_its_own_row(case: Case) -> None:
    await case.changes(WITHDRAWN)
    episode = await case.episode()
    assert (episode.status, episode.end_reason, episode.ended_on) == (
        "ended",
        "consent_withdrawn",
        date(2026, 3, 2),
    )
    assert [(c.kind, c.wording_version, c.recorded_by) for c in episode.consents] == [
        ("withdrawn", "care-consent@1", "Lee Park"),
        ("given", "care-consent@1", "Lee Park"),
    ]
    assert case.outreach.reasons == ["consent_withdrawn"]


async def test_an_open_risk_event_keeps_a_patient_from_being_ended_unless_they_withdraw(case: Case) -> None:
    await case.opens_risk_event()
    for form in (
        ended("completed", date(2026, 3, 2)),
        StatusForm("inactive_disengaged", "no_contact", date(2026, 3, 2)),
    ):
        with pytest.raises(Conflict) as refusal:
            await case.changes(form)
        assert refusal.value.code == "open_risk_event"
    assert case.outreach.calls == []
    await case.changes(WITHDRAWN)
    assert (await case.episode()).status == "ended"


async def test_a_drill_keeps_nobody(case: Case) -> None:
    await case.opens_risk_event(is_drill=True)
    await case.changes(ended("completed", date(2026, 3, 2)))
    assert case.outreach.reasons == ["ended"]


async def test_a_refused_change_changes_nothing(case: Case) -> None:
    with pytest.raises(Invalid) as refusal:
        await case.changes(msgspec.structs.replace(HOSPITAL, review_on=None, from_date=date(2026, 3, 5)))
    assert [problem.field for problem in refusal.value.problems] == ["from_date", "review_on"]
    assert (await case.episode()).status == "active"
    assert case.outreach.calls == []


async def test_a_stale_change_of_status_is_refused(case: Case) -> None:
    seen = (await case.episode()).version
    await case.changes(msgspec.structs.replace(HOSPITAL, version=seen))
    with pytest.raises(Conflict) as refusal:
        await case.changes(msgspec.structs.replace(WITHDRAWN, version=seen))
    assert refusal.value.code == "stale"


async def test_an_ended_episode_stays_ended(case: Case) -> None:
    await case.changes(ended("moved", date(2026, 3, 2)))
    with pytest.raises(Conflict) as refusal:
        await case.changes(RESUME)
    assert refusal.value.code == "not_in_care"


async def test_a_death_is_one_step_whatever_is_open(case: Case) -> None:
    await case.opens_risk_event()
    await case.changes(HOSPITAL)
    await case.dies()
    episode = await case.episode()
    assert (episode.status, episode.end_reason, episode.ended_on) == ("ended", "deceased", date(2026, 3, 2))
    assert case.outreach.reasons == ["on_hold", "deceased"]
    assert (await case.line()).status == "ended"
    assert await case.tasks() == []
    with pytest.raises(Conflict):
        await case.dies()


async def test_an_undone_death_brings_everything_back(case: Case) -> None:
    async with case.database.begin(case.practice.clinic_id) as tx:
        at = case.clock.now() + timedelta(days=7)
        await service.set_next_contact(
            tx, case.practice.manager, case.ana, at, "phone", "side effects", now=case.clock.now()
        )
    await case.changes(HOSPITAL)
    before, tasks = await case.episode(), await case.tasks()
    await case.dies(date(2026, 3, 1))
    case.clock.advance(minutes=3)
    await case.lives()
    after = await case.episode()
    for name in (
        "status",
        "status_before_hold",
        "hold_review_on",
        "ended_on",
        "end_reason",
        "next_contact_at",
    ):
        assert getattr(after, name) == getattr(before, name)
    assert after.next_contact_purpose == "side effects"
    assert await case.tasks() == tasks
    assert [(line.reason, line.undone) for line in after.history] == [
        ("undo", False),
        ("deceased", True),
        ("hospital", False),
        ("enrolled", False),
    ]
    assert case.outreach.names()[-1] == "plan_changed"
    async with case.database.begin(case.practice.clinic_id) as tx:
        spans = await episodes.holds(tx, [after.id])
    assert spans[after.id] == (HoldSpan("hospital", date(2026, 3, 1), None),)
    with pytest.raises(Conflict):
        await case.lives()
    await case.dies()
    await case.lives()
    assert (await case.episode()).status == "on_hold"


async def test_a_death_after_the_end_of_care_leaves_the_end_as_it_was(case: Case) -> None:
    await case.changes(ended("completed", date(2026, 3, 2)))
    case.clock.advance(days=30)
    await case.dies(date(2026, 3, 20))
    episode = await case.episode()
    assert (episode.end_reason, episode.ended_on) == ("completed", date(2026, 3, 2))
    await case.lives()
    assert (await case.episode()).status == "ended"


@pytest.mark.parametrize("on", [date(2026, 3, 3), date(1984, 7, 8)])
async def test_an_impossible_day_of_death_is_refused(case: Case, on: date) -> None:
    with pytest.raises(Invalid) as refusal:
        await case.dies(on)
    assert [problem.field for problem in refusal.value.problems] == ["on"]


async def test_a_referral_on_hold_goes_back_to_waiting(case: Case) -> None:
    async with case.database.begin(case.practice.clinic_id) as tx:
        form = ReferralForm("Stone", "Bo", "Dr. Roth", "Asked for help", mrn="MRN-9")
        bo = await service.refer(tx, case.practice.clinician, form, now=case.clock.now())
        outreach = case.outreach
        for status in (HOSPITAL, StatusForm("referred", "resumed", date(2026, 3, 2))):
            await service.change_status(
                tx, case.practice.manager, bo, status, now=case.clock.now(), outreach=outreach
            )
        page = await patients.patient(tx, case.practice.manager, bo, now=case.clock.now())
    assert page.episode is not None
    assert page.episode.status == "referred"


async def test_a_next_contact_shows_in_the_registry(case: Case) -> None:
    at = case.clock.now() + timedelta(days=14)
    async with case.database.begin(case.practice.clinic_id) as tx:
        await service.set_next_contact(
            tx, case.practice.manager, case.ana, at, "video", "sleep and doses", now=case.clock.now()
        )
    line = await case.line()
    assert (line.next_contact_at, line.next_contact_mode) == (at, "video")
    async with case.database.begin(case.practice.clinic_id) as tx:
        await service.set_next_contact(
            tx, case.practice.manager, case.ana, None, None, "as needed", now=case.clock.now()
        )
        stored = await tx.scalar(select(AuditEvent.detail).where(AuditEvent.action == "next_contact.set"))
    assert stored == {"planned": True}
    assert (await case.line()).next_contact_at is None
    with pytest.raises(Invalid):
        async with case.database.begin(case.practice.clinic_id) as tx:
            await service.set_next_contact(
                tx, case.practice.manager, case.ana, case.clock.now(), "phone", None, now=case.clock.now()
            )


async def test_the_team_changes_by_role_and_version(case: Case) -> None:
    seen = await case.episode()
    assert case.practice.lead.id is not None
    wrong = msgspec.structs.replace(case.practice.team, consultant_id=case.practice.lead.id)
    form = CourseForm(case.practice.team, "F41.1", InitiatingVisit(date(2026, 2, 1)), seen.version)
    async with case.database.begin(case.practice.clinic_id) as tx:
        with pytest.raises(Invalid) as refusal:
            await service.change_course(
                tx,
                case.practice.manager,
                case.ana,
                msgspec.structs.replace(form, team=wrong, target_condition="x"),
                now=case.clock.now(),
            )
        await service.change_course(tx, case.practice.manager, case.ana, form, now=case.clock.now())
        with pytest.raises(Conflict):
            await service.change_course(tx, case.practice.manager, case.ana, form, now=case.clock.now())
    assert [problem.field for problem in refusal.value.problems] == ["consultant_id", "target_condition"]
    assert (await case.episode()).target_condition == "F41.1"


async def test_a_consent_given_again_is_added(case: Case) -> None:
    form = CareConsentForm("written", case.clock.now(), "Lee Park", "care-consent@2")
    async with case.database.begin(case.practice.clinic_id) as tx:
        await service.record_care_consent(tx, case.practice.manager, case.ana, form, now=case.clock.now())
    consents = (await case.episode()).consents
    assert [consent.wording_version for consent in consents] == ["care-consent@2", "care-consent@1"]


@pytest.mark.parametrize("role", ["biller", "administrator"])
async def test_only_those_who_care_change_a_status(case: Case, role: str) -> None:
    with pytest.raises(Forbidden):
        await case.changes(HOSPITAL, getattr(case.practice, role))


async def test_the_registry_line_never_drifts(case: Case) -> None:
    await case.changes(HOSPITAL)
    await case.changes(RESUME)
    await case.dies()
    await case.lives()
    async with case.database.begin(case.practice.clinic_id) as tx:
        assert await worklist.drift(tx, case.practice.clinic_id, now=case.clock.now()) == []
