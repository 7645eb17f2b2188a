"""Risk events on both databases: opened once, raised, taken by one person, closed by another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, update

from kernel.audit import Actor, AuditEvent, system
from kernel.db import Database, Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import new_id
from registry.episodes.tables import Episode
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.safety import queries, service
from registry.safety.rules import Signal
from registry.safety.tables import RiskAction, RiskEvent, RiskSignal
from registry.worklist.lines import drift
from registry.worklist.tables import RegistryLine, Task
from tests.support import builders
from tests.support.alerts import NotedAlerts
from tests.support.builders import ClinicRows, PatientRows

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # Monday 10:00 in Seattle
HOUR = timedelta(hours=1)
NEXT_WEEK = NOW + timedelta(days=7)


class Scene(msgspec.Struct):
    clinic: ClinicRows
    ana: PatientRows
    alerts: NotedAlerts

    def signal(self, tier: int = 1, **changes: Any) -> Signal:
        given: dict[str, Any] = {
            "clinic_id": self.clinic.id,
            "patient_id": self.ana.id,
            "episode_id": self.ana.episode_id,
            "trigger": "item9",
            "tier": tier,
            "toward": "self",
            "value": tier,
            "source_kind": "answer",
            "source_id": new_id(),
            "channel": "sms",
            "rule_version": "item9-1",
        }
        return Signal(**(given | changes))

    async def raise_(
        self, tx: Tx, tier: int = 1, now: datetime = NOW, **changes: Any
    ) -> service.SignalResult:
        return await service.signal(tx, self.signal(tier, **changes), now=now, alerts=self.alerts)

    @property
    def casey(self) -> Actor:
        return self.clinic.actor("care_manager")

    @property
    def dana(self) -> Actor:
        return self.clinic.actor("clinician")


@pytest.fixture
async def scene(database: Database) -> Scene:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        return Scene(clinic, await builders.patient(tx, clinic, NOW), NotedAlerts())


async def due(tx: Tx, at: datetime) -> list[UUID]:
    """Open events whose next moment has come."""
    waiting = select(RiskEvent.id).where(RiskEvent.state != "closed", RiskEvent.next_action_at <= at)
    return [row.id for row in await tx.all(waiting)]


async def event_row(tx: Tx, event_id: UUID) -> Any:
    return await tx.first(select(RiskEvent.__table__).where(RiskEvent.id == event_id))


async def kinds(tx: Tx, event_id: UUID) -> list[str]:
    rows = await tx.all(
        select(RiskAction.kind).where(RiskAction.event_id == event_id).order_by(RiskAction.at, RiskAction.id)
    )
    return [row.kind for row in rows]


ASSESSED = {
    "thoughts": "wish_to_be_dead",
    "method": "not_reported",
    "intent": "not_reported",
    "plan": "not_reported",
    "behaviour": "not_reported",
    "means": "unsure",
}


async def assesses(tx: Tx, actor: Actor, event_id: UUID, **answers: str) -> None:
    await service.log_assessment(
        tx, actor, event_id, tool="structured", level="low", findings="Spoke for a while.",
        answers=ASSESSED | answers, now=NOW,
    )  # fmt: skip


async def informs_consultant(tx: Tx, actor: Actor, event_id: UUID) -> None:
    await service.take_step(
        tx, actor, event_id, step="consultant_informed", who="Parker Sung", at=NOW, now=NOW
    )


async def line(tx: Tx, episode_id: UUID) -> Any:
    return await tx.first(select(RegistryLine.__table__).where(RegistryLine.episode_id == episode_id))


async def test_a_signal_opens_an_event_a_task_and_an_alert_at_once(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        result = await scene.raise_(tx, 2)
        event = await event_row(tx, result.event_id)
        task = await tx.first(select(Task.__table__).where(Task.ref_id == result.event_id))
        shown = await line(tx, scene.ana.episode_id)
        assert (result.opened, result.tier_raised) == (True, False)
        assert (event.state, event.tier, event.responsible_id) == ("open", 2, scene.clinic.care_manager)
        assert event.next_action_at == NOW + timedelta(seconds=30)
        assert (task.kind, task.owner_id, task.due_at) == (
            "safety_event", scene.clinic.care_manager, NOW + timedelta(minutes=30),
        )  # fmt: skip
        assert (shown.open_risk, shown.sort_rank, shown.open_tasks) == (2, 0, 1)
        assert scene.alerts.events == [result.event_id]


async def test_the_same_signal_again_changes_nothing(database: Database, scene: Scene) -> None:
    signal = scene.signal(2)
    async with database.begin() as tx:
        first = await service.signal(tx, signal, now=NOW, alerts=scene.alerts)
        before = await event_row(tx, first.event_id)
    async with database.begin() as tx:
        again = await service.signal(tx, signal, now=NOW + HOUR, alerts=scene.alerts)
        assert again == service.SignalResult(first.event_id, opened=False, tier_raised=False)
        assert await event_row(tx, first.event_id) == before
        assert await tx.scalar(select(func.count()).select_from(RiskSignal)) == 1
        assert scene.alerts.events == [first.event_id]


async def test_a_second_signal_joins_and_the_tier_only_rises(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        first = await scene.raise_(tx, 1)
        higher = await scene.raise_(tx, 2, trigger="crisis_text", source_kind="inbound")
        lower = await scene.raise_(tx, 1)
        event = await event_row(tx, first.event_id)
        assert {first.event_id, higher.event_id, lower.event_id} == {first.event_id}
        assert (higher.opened, higher.tier_raised, lower.tier_raised) == (False, True, False)
        assert event.tier == 2
        assert (await line(tx, scene.ana.episode_id)).open_risk == 2
        assert await kinds(tx, first.event_id) == ["tier_raised"]
        assert scene.alerts.events == [first.event_id] * 2  # the rise is alerted, the joining answer is not


async def test_danger_to_others_is_an_event_of_its_own(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        first = await scene.raise_(tx)
        other = await scene.raise_(tx, 2, toward="others", trigger="crisis_text", source_kind="inbound")
        assert first.event_id != other.event_id


async def test_a_drill_neither_joins_nor_hides_a_real_event(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        drill = await scene.raise_(tx, 2, is_drill=True)
        assert (await line(tx, scene.ana.episode_id)).open_risk == 0
        real = await scene.raise_(tx, 1)
        again = await scene.raise_(tx, 1, is_drill=True)
        assert (real.opened, again.event_id) == (True, drill.event_id)
        assert (await line(tx, scene.ana.episode_id)).open_risk == 1
        assert await queries.has_open_event(tx, scene.ana.id)


async def test_a_crisis_text_from_an_unknown_number_is_an_event_without_a_patient(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        first = await scene.raise_(
            tx, 2, patient_id=None, episode_id=None, trigger="crisis_text", source_kind="inbound"
        )
        second = await scene.raise_(
            tx, 2, patient_id=None, episode_id=None, trigger="crisis_text", source_kind="inbound"
        )
        assert first.event_id != second.event_id  # perhaps two people
        assert (await event_row(tx, first.event_id)).responsible_id == scene.clinic.default
        listed = await queries.open_events(tx, scene.casey, now=NOW)
        assert [found.family_name for found in listed] == [None, None]
    async with database.begin() as tx:
        await service.acknowledge(tx, scene.casey, first.event_id, now=NOW)
        await informs_consultant(tx, scene.casey, first.event_id)
        await service.close(
            tx, scene.dana, first.event_id, disposition="emergency_department", now=NOW + HOUR
        )
        assert (await event_row(tx, first.event_id)).state == "closed"


@pytest.mark.parametrize("why", ["nobody_named", "account_disabled"])
async def test_without_a_working_care_manager_the_clinics_default_is_responsible(
    database: Database, scene: Scene, why: str
) -> None:
    async with database.begin() as tx:
        if why == "nobody_named":
            await tx.execute(update(Episode).values(care_manager_id=None))
        else:
            casey = Staff.id == scene.clinic.care_manager
            await tx.execute(update(Staff).where(casey).values(disabled_at=NOW))
        result = await scene.raise_(tx)
        assert (await event_row(tx, result.event_id)).responsible_id == scene.clinic.clinic_lead


async def test_a_code_that_is_taken_is_drawn_again(database: Database, scene: Scene) -> None:
    codes: Iterator[str] = iter(["K7Q2", "K7Q2", "W4RT"])
    async with database.begin() as tx:
        bea = await builders.patient(tx, scene.clinic, NOW, family_name="Stone")
        for patient in (scene.ana, bea):
            signal = scene.signal(1, patient_id=patient.id, episode_id=patient.episode_id)
            await service.signal(tx, signal, now=NOW, alerts=scene.alerts, code=lambda: next(codes))
        assert (await queries.banner(tx, scene.casey)).codes == ("K7Q2", "W4RT")


async def test_a_clinic_that_used_up_its_short_codes_still_gets_its_event(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        for name in ("Stone", "Reed", "Hill"):
            patient = await builders.patient(tx, scene.clinic, NOW, family_name=name)
            signal = scene.signal(1, patient_id=patient.id, episode_id=patient.episode_id)
            await service.signal(tx, signal, now=NOW, alerts=scene.alerts, code=lambda: "K7Q2")
        assert (await queries.banner(tx, scene.casey)).codes == ("K7Q2", "K7Q2K7Q2", "K7Q2K7Q2K7Q2")


async def test_of_two_people_at_once_one_takes_it_and_the_other_sees_who(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx, 2)).event_id

    async def take(who: Actor) -> service.Acknowledgement:
        async with database.begin() as tx:
            return await service.acknowledge(tx, who, event_id, now=NOW)

    found = await asyncio.gather(take(scene.casey), take(scene.dana))
    assert sorted(one.won for one in found) == [False, True]
    assert len({(one.by_id, one.by_name, one.at) for one in found}) == 1
    async with database.begin() as tx:
        event = await event_row(tx, event_id)
        task = await tx.first(select(Task.__table__).where(Task.ref_id == event_id))
        assert (event.state, event.acknowledged_by_id) == ("acknowledged", found[0].by_id)
        assert event.next_action_at == NOW + 2 * HOUR
        assert (task.owner_id, task.due_at, task.done_at) == (found[0].by_id, NOW + 2 * HOUR, None)
        assert await kinds(tx, event_id) == ["acknowledged"]
        assert (await queries.banner(tx, scene.casey)).count == 0


async def test_two_signals_at_once_open_one_event(database: Database, scene: Scene) -> None:
    async def send(tier: int) -> service.SignalResult:
        async with database.begin() as tx:
            return await scene.raise_(tx, tier, source_kind="inbound", trigger="crisis_text")

    found = await asyncio.gather(send(2), send(3))
    assert len({one.event_id for one in found}) == 1
    assert sorted(one.opened for one in found) == [False, True]
    async with database.begin() as tx:
        assert (await event_row(tx, found[0].event_id)).tier == 3
        assert (await line(tx, scene.ana.episode_id)).open_risk == 3
        assert await tx.scalar(select(func.count()).select_from(RiskSignal)) == 2


async def test_an_attempt_restarts_the_clock(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx, 2)).event_id
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
        await service.log_attempt(
            tx, scene.casey, event_id, channel="phone", outcome="no_answer", note="rang out", now=NOW + HOUR
        )
        assert (await event_row(tx, event_id)).next_action_at == NOW + 3 * HOUR
        shown = await queries.event(tx, scene.dana, event_id, now=NOW + HOUR)
        assert [(action.kind, action.by_name, action.note) for action in shown.actions] == [
            ("acknowledged", "Casey Moore", None),
            ("attempt", "Casey Moore", "rang out"),
        ]
        assert shown.actions[1].detail == {"channel": "phone", "outcome": "no_answer"}


async def test_an_attempt_on_an_event_nobody_has_takes_it(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx, 2)).event_id
        await service.log_attempt(tx, scene.dana, event_id, channel="phone", outcome="reached", now=NOW)
        event = await event_row(tx, event_id)
        assert (event.state, event.acknowledged_by_id) == ("acknowledged", scene.clinic.clinician)


async def test_an_acknowledgement_that_nothing_follows_opens_the_event_again(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx, 2)).event_id
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
        assert not await service.lapse(tx, event_id, now=NOW + HOUR)
        assert await due(tx, NOW + 2 * HOUR) == [event_id]
        assert await service.lapse(tx, event_id, now=NOW + 2 * HOUR)
        event = await event_row(tx, event_id)
        assert (event.state, event.acknowledged_by_id) == ("open", None)
        assert event.next_action_at == NOW + 2 * HOUR + timedelta(seconds=30)
        assert await kinds(tx, event_id) == ["acknowledged", "lapsed"]
        assert (await queries.banner(tx, scene.casey)).count == 1


async def test_an_assessed_event_stays_with_its_people_and_is_not_forgotten(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx, 2)).event_id
        await service.log_assessment(
            tx, scene.dana, event_id, tool="cssrs", level="moderate", findings="passive thoughts", now=NOW
        )
        assert not await service.lapse(tx, event_id, now=NOW + 2 * HOUR)
        event = await event_row(tx, event_id)
        assert (event.state, event.tier, event.next_action_at) == ("assessed", 2, NOW + 4 * HOUR)


async def test_a_new_signal_after_it_was_taken_alerts_again(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx, 2)).event_id
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
        await scene.raise_(tx, 2, NOW + timedelta(minutes=5))
        assert scene.alerts.events == [event_id]
        await scene.raise_(tx, 2, NOW + timedelta(days=3), trigger="crisis_text", source_kind="inbound")
        event = await event_row(tx, event_id)
        assert scene.alerts.events == [event_id] * 2
        assert (event.state, event.acknowledged_by_id) == ("open", None)
        assert await kinds(tx, event_id) == ["acknowledged", "reopened"]


async def test_tier_1_may_be_closed_by_who_took_it(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx, 1)).event_id
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
        await assesses(tx, scene.casey, event_id)
        await service.close(
            tx, scene.casey, event_id, disposition="assessed_plan_made", next_contact_at=NEXT_WEEK,
            note="spoke, safe tonight", now=NOW + HOUR,
        )  # fmt: skip
        event = await event_row(tx, event_id)
        task = await tx.first(select(Task.__table__).where(Task.ref_id == event_id))
        shown = await line(tx, scene.ana.episode_id)
        assert (event.state, event.closed_by_id) == ("closed", scene.clinic.care_manager)
        assert (task.done_at, task.outcome) == (NOW + HOUR, "event_closed")
        assert (shown.open_risk, shown.open_tasks, shown.sort_rank) == (0, 0, 2)
        assert (shown.next_contact_at, shown.next_contact_mode) == (NEXT_WEEK, "phone")
        page = await queries.event(tx, scene.casey, event_id, now=NOW + HOUR)
        assert (page.disposition, page.closed_by_id) == ("assessed_plan_made", scene.clinic.care_manager)
        assert await drift(tx, scene.clinic.id, NOW) == []


async def test_tier_2_is_closed_by_a_second_person(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx, 2)).event_id
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
    with pytest.raises(Conflict, match="other than the person who acknowledged"):
        async with database.begin() as tx:
            await service.close(
                tx, scene.casey, event_id, disposition="urgent_visit", next_contact_at=NEXT_WEEK, now=NOW
            )
    async with database.begin() as tx:
        assert (await event_row(tx, event_id)).state == "acknowledged"
        await service.record_disposition(
            tx, scene.casey, event_id, disposition="urgent_visit", next_contact_at=NEXT_WEEK, now=NOW
        )
        with pytest.raises(Invalid, match="consultant was informed"):
            await service.close(tx, scene.dana, event_id, now=NOW + HOUR)
        await informs_consultant(tx, scene.casey, event_id)
        await service.close(tx, scene.dana, event_id, now=NOW + HOUR)
        event = await event_row(tx, event_id)
        assert (event.state, event.closed_by_id) == ("closed", scene.clinic.clinician)
        assert tx.vault.open(event.disposition_sealed) == "urgent_visit"


async def test_who_decided_the_disposition_does_not_confirm_it(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx, 3)).event_id
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
        await service.record_disposition(
            tx, scene.dana, event_id, disposition="crisis_team", next_contact_at=NEXT_WEEK, now=NOW
        )
    with pytest.raises(Conflict, match="decided the disposition"):
        async with database.begin() as tx:
            await service.close(tx, scene.dana, event_id, now=NOW)


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, ["disposition", "next_contact_at"]),
        ({"disposition": "urgent_visit"}, ["next_contact_at"]),
        ({"disposition": "urgent_visit", "next_contact_at": NOW}, ["next_contact_at"]),
        ({"next_contact_at": NEXT_WEEK}, ["disposition"]),
    ],
)
async def test_a_close_needs_a_disposition_and_a_next_contact(
    database: Database, scene: Scene, given: dict[str, Any], fields: list[str]
) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx)).event_id
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
    with pytest.raises(Invalid) as refused:
        async with database.begin() as tx:
            await service.close(tx, scene.casey, event_id, now=NOW, **given)
    assert [problem.field for problem in refused.value.problems] == fields
    async with database.begin() as tx:
        assert (await event_row(tx, event_id)).state == "acknowledged"


async def test_nobody_plans_a_contact_with_the_dead(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx)).event_id
        await tx.execute(update(Patient).values(deceased_on=NOW.date()))
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
        await service.close(tx, scene.casey, event_id, disposition="not_about_this_patient", now=NOW)
        assert (await event_row(tx, event_id)).state == "closed"


async def test_the_system_never_closes_or_acknowledges(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx)).event_id
    machine = system(scene.clinic.id)
    token = msgspec.structs.replace(scene.casey, kind="token")
    for actor in (machine, token):
        with pytest.raises(Forbidden):
            async with database.begin() as tx:
                await service.acknowledge(tx, actor, event_id, now=NOW)
        with pytest.raises(Forbidden):
            async with database.begin() as tx:
                await service.close(
                    tx, actor, event_id, disposition="urgent_visit", next_contact_at=NEXT_WEEK, now=NOW
                )
    async with database.begin() as tx:
        assert (await event_row(tx, event_id)).state == "open"


@pytest.mark.parametrize("role", ["biller", "administrator"])
async def test_who_sees_no_clinical_content_sees_no_event(
    database: Database, scene: Scene, role: Any
) -> None:
    viewer = scene.clinic.actor(role)
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx)).event_id
        assert await queries.banner(tx, viewer) == queries.Banner(0, ())
        with pytest.raises(Forbidden):
            await queries.open_events(tx, viewer, now=NOW)
        with pytest.raises(Forbidden):
            await queries.event(tx, viewer, event_id, now=NOW)
        with pytest.raises(Forbidden):
            await service.acknowledge(tx, viewer, event_id, now=NOW)


async def test_another_clinics_event_is_not_found(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx)).event_id
        stranger = (await builders.clinic(tx, NOW)).actor("care_manager")
        assert await queries.banner(tx, stranger) == queries.Banner(0, ())
        assert await queries.open_events(tx, stranger, now=NOW) == ()
        for attempt in (
            queries.event(tx, stranger, event_id, now=NOW),
            service.acknowledge(tx, stranger, event_id, now=NOW),
            service.add_note(tx, stranger, event_id, "hello", now=NOW),
        ):
            with pytest.raises(NotFound):
                await attempt


async def test_a_closed_event_takes_no_more_work_and_a_new_signal_opens_another(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx)).event_id
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
        await service.close(
            tx, scene.casey, event_id, disposition="urgent_visit", next_contact_at=NEXT_WEEK, now=NOW
        )
        with pytest.raises(Conflict):
            await service.add_note(tx, scene.casey, event_id, "late", now=NOW)
        with pytest.raises(Conflict):
            await service.close(tx, scene.dana, event_id, now=NOW)
        second = await scene.raise_(tx)
        assert second.opened
        assert second.event_id != event_id
        assert [found.id for found in await queries.closed_events(tx, scene.casey, now=NOW)] == [event_id]
        assert [found.id for found in await queries.open_events(tx, scene.casey, now=NOW)] == [
            second.event_id
        ]


async def test_staff_may_raise_a_concern_without_any_answer(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        result = await service.staff_concern(
            tx, scene.dana, scene.ana.id, tier=2, note="sounded flat", now=NOW, alerts=scene.alerts
        )
        page = await queries.event(tx, scene.casey, result.event_id, now=NOW)
        assert page.event.triggers == ("staff_concern",)
        assert [action.note for action in page.actions] == ["sounded flat"]


async def test_what_people_do_and_see_leaves_an_audit_row_without_words(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx)).event_id
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
        await service.add_note(tx, scene.casey, event_id, "called her sister", now=NOW)
        await queries.event(tx, scene.casey, event_id, now=NOW)
        await queries.open_events(tx, scene.casey, now=NOW)
        rows = await tx.all(select(AuditEvent.action, AuditEvent.detail).order_by(AuditEvent.seq))
        assert [row.action for row in rows] == [
            "risk_event.acknowledged", "risk_event.noted", "risk_event.read", "risk_events.read",
        ]  # fmt: skip
        assert "sister" not in str(rows)


async def test_the_alerting_room_moves_the_clock_of_open_events_only(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx)).event_id
        await service.escalated(tx, event_id, step=1, next_action_at=NOW + HOUR)
        facts = await event_row(tx, event_id)
        assert (facts.step, facts.next_action_at, facts.tier) == (1, NOW + HOUR, 1)
        assert await due(tx, NOW) == []
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
        await service.close(
            tx, scene.casey, event_id, disposition="urgent_visit", next_contact_at=NEXT_WEEK, now=NOW
        )
        await service.escalated(tx, event_id, step=9, next_action_at=NOW)
        assert (await event_row(tx, event_id)).step == 1
        assert await due(tx, NOW + timedelta(days=365)) == []


async def test_the_web_role_handles_events_behind_the_clinic_wall(
    database: Database, app_database: Database, scene: Scene
) -> None:
    async with app_database.begin(scene.clinic.id) as tx:
        event_id = (await scene.raise_(tx, 2)).event_id
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
    async with app_database.begin(scene.clinic.id) as tx:
        await informs_consultant(tx, scene.casey, event_id)
        await service.close(
            tx, scene.dana, event_id, disposition="urgent_visit", next_contact_at=NEXT_WEEK, now=NOW + HOUR
        )
        assert len((await queries.event(tx, scene.casey, event_id, now=NOW)).actions) == 4
