"""Drills: on the live path, by schedule and by hand, with a report, and in no clinical or billing number."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, insert, select, update

from api.schema import metadata
from billing.statement import service as billing
from kernel.db import Database, Tx
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.ids import new_id
from messaging.delivery.tables import Outbox
from messaging.escalation.service import ALERTS
from registry import zones
from registry.drills import queries, service
from registry.drills.rules import SLOTS, DrillFacts, Schedule, is_due, report, slot_at
from registry.drills.tables import Drill
from registry.launch import going_live
from registry.organisation.rules import OFFICE_WEEK, Deployment
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient
from registry.protocol.policy import template
from registry.protocol.tables import SafetyProtocol
from registry.safety import queries as safety_queries
from registry.safety import service as safety
from registry.safety.tables import RiskEvent
from registry.time_log.months import Month
from registry.working_time import WorkingTime
from registry.worklist import beside, frame
from registry.worklist import queries as worklist
from registry.worklist import today as landing
from registry.worklist.queries import RegistryFilter, TaskFilter
from tests.integration.test_safety import Scene
from tests.support import builders
from tests.support.alerts import NotedAlerts

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # Monday 10:00 in Seattle
HOURS = WorkingTime("America/Los_Angeles", OFFICE_WEEK, frozenset({date(2026, 3, 10)}))
MINUTE = timedelta(minutes=1)
ANY_CLINIC = UUID(int=0)
SERVER = Deployment("https://care.example", encrypts=True, consent_wording_version="1")


@pytest.fixture
async def scene(database: Database) -> Scene:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        return Scene(clinic, await builders.patient(tx, clinic, NOW), NotedAlerts())


async def in_force(tx: Tx, scene: Scene, **drills: Any) -> None:
    """A protocol that the clinic put into force, and how often it rehearses."""
    values = {"id": new_id(), "clinic_id": scene.clinic.id, "version": 1, "state": "active"}
    values |= {"policy": msgspec.to_builtins(template(HOURS)), "content_hash": "1", "created_at": NOW}
    await tx.execute(insert(SafetyProtocol), values)
    await tx.execute(update(Clinic).values(settings={"drills": drills}))


@pytest.mark.parametrize(
    ("local", "slot"),
    [
        ("2026-03-02T10:00", "staffed"),
        ("2026-03-02T18:00", "evening"),
        ("2026-03-02T07:30", "evening"),
        ("2026-03-02T22:00", "night"),
        ("2026-03-03T05:59", "night"),
        ("2026-03-07T12:00", "weekend"),
        ("2026-03-10T12:00", "weekend"),  # a holiday
        ("2026-03-08T03:00", "night"),  # the hour that spring skips is over
        ("2026-11-01T01:30", "night"),
    ],
)
def test_every_moment_belongs_to_one_slot(local: str, slot: str) -> None:
    moment = datetime.fromisoformat(local).replace(tzinfo=zones.zone(HOURS.zone)).astimezone(UTC)
    assert slot_at(moment, HOURS) == slot


@pytest.mark.parametrize(
    ("schedule", "last", "due"),
    [
        (Schedule(30), {}, "staffed"),
        (Schedule(30), {"staffed": date(2026, 2, 1)}, None),
        (Schedule(30), {"staffed": date(2026, 1, 31)}, "staffed"),
        (Schedule(30), {"night": date(2026, 3, 1)}, "staffed"),
        (Schedule(0), {}, None),
        (Schedule(30, ("night",)), {}, None),
    ],
)
def test_a_slot_is_due_an_interval_after_its_last_drill(
    schedule: Schedule, last: dict[Any, date], due: str | None
) -> None:
    assert is_due(schedule, last, HOURS, ANY_CLINIC, NOW + 59 * MINUTE) == due


def test_the_report_counts_silence_and_lateness_as_not_passed() -> None:
    def drill(taken: int | None, reached: int | None) -> DrillFacts:
        moments = (None if m is None else NOW + m * MINUTE for m in (taken, reached))
        return DrillFacts("night", NOW, *moments, NOW + 30 * MINUTE, NOW + 120 * MINUTE)

    drills = [drill(3, 20), drill(10, 60), drill(31, 60), drill(5, None), drill(None, None)]
    lines = {line.slot: line for line in report(drills, Schedule(30), NOW, NOW + timedelta(days=40))}
    night = lines["night"]
    assert (night.drills, night.acknowledged, night.contacted, night.passed) == (5, 4, 3, 2)
    assert (night.median_to_acknowledge_s, night.longest_to_acknowledge_s) == (450, 31 * 60)
    assert (night.median_to_contact_s, night.longest_to_contact_s) == (3600, 3600)
    assert night.overdue
    assert lines["evening"].overdue
    assert lines["evening"].median_to_contact_s is None
    assert not any(line.overdue for line in report([], Schedule(0), NOW, NOW + timedelta(days=400)))


async def test_of_two_drills_by_hand_at_once_one_runs(database: Database, scene: Scene) -> None:
    async def start() -> str:
        try:
            await database.run(lambda tx: service.start_drill(tx, scene.casey, now=NOW, alerts=ALERTS))
        except Conflict:
            return "refused"
        return "started"

    assert sorted(await asyncio.gather(start(), start())) == ["refused", "started"]
    async with database.begin() as tx:
        assert await tx.scalar(select(func.count()).select_from(RiskEvent)) == 1


async def test_a_drill_by_hand_pages_by_text_and_mail_and_says_that_it_is_one(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        event_id = await service.start_drill(tx, scene.casey, now=NOW, alerts=ALERTS)
        rows = await tx.all(
            select(Outbox.channel, Outbox.body_sealed, Outbox.message_class).where(
                Outbox.event_id == event_id
            )
        )
        assert {row.channel for row in rows} == {"sms", "email"}
        assert all(tx.vault.open(row.body_sealed).startswith("DRILL ") for row in rows)
        assert {row.message_class for row in rows} == {"C"}
        [listed] = await safety_queries.open_events(tx, scene.casey, now=NOW)
        assert (listed.is_drill, listed.family_name) == (True, "Drill")
        with pytest.raises(Conflict, match="running already"):
            await service.start_drill(tx, scene.dana, now=NOW, alerts=ALERTS)


async def test_a_clinic_goes_live_only_with_a_protocol_in_force_and_a_drill_passed_under_it(
    database: Database, scene: Scene
) -> None:
    async def refused() -> list[str]:
        async with database.begin() as tx:
            await tx.execute(update(Clinic).values(texting_mode="simulation"))
            try:
                await going_live.go_live(tx, lead, scene.clinic.id, SERVER, now=NOW)
            except Invalid as found:
                return [problem.field for problem in found.problems]
            assert await tx.scalar(select(Clinic.texting_mode)) == "live"
            return []

    async def drills(minutes: int) -> None:
        """Acknowledged at once; the patient's end is reached after so many minutes."""
        async with database.begin() as tx:
            event = await service.start_drill(tx, scene.casey, now=NOW, alerts=ALERTS)
            await safety.acknowledge(tx, scene.casey, event, now=NOW + MINUTE)
            at = NOW + minutes * MINUTE
            await safety.log_attempt(tx, scene.casey, event, channel="phone", outcome="reached", now=at)
            await tx.execute(update(RiskEvent).where(RiskEvent.id == event).values(state="closed"))

    lead = scene.clinic.actor("clinic_lead")
    await drills(20)  # by the shipped template: nobody had signed it yet
    before = await refused()
    assert before[-2:] == ["safety_protocol", "drill"]
    others = before[:-2]
    async with database.begin() as tx:
        await in_force(tx, scene)
    assert await refused() == [*others, "drill"]
    await drills(300)
    assert await refused() == [*others, "drill"]
    await drills(20)
    assert await refused() == others


async def test_a_real_alert_during_a_drill_is_an_event_of_its_own_and_goes_out(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        drill = await service.start_drill(tx, scene.casey, now=NOW, alerts=ALERTS)
        await safety.acknowledge(tx, scene.casey, drill, now=NOW)
        real = await safety.signal(tx, scene.signal(2), now=NOW, alerts=ALERTS)
        assert (real.opened, real.event_id == drill) == (True, False)
        bodies = await tx.all(select(Outbox.body_sealed).where(Outbox.event_id == real.event_id))
        assert bodies
        assert not any("DRILL" in tx.vault.open(row.body_sealed) for row in bodies)
        state = await tx.scalar(select(RiskEvent.state).where(RiskEvent.id == real.event_id))
        assert state == "open"  # taking the drill took nothing else


async def test_who_sees_no_patients_starts_no_drill_and_a_schedule_names_what_is_wrong(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        with pytest.raises(Forbidden):
            await service.start_drill(tx, scene.clinic.actor("biller"), now=NOW, alerts=ALERTS)
        with pytest.raises(Forbidden):
            await service.set_schedule(tx, scene.casey, Schedule(7), now=NOW)
        lead = scene.clinic.actor("clinic_lead")
        with pytest.raises(Invalid) as refused:
            await service.set_schedule(tx, lead, Schedule(120, ("night", "night")), now=NOW)
        assert [problem.field for problem in refused.value.problems] == ["every_days", "slots"]
        await service.set_schedule(tx, lead, Schedule(7, ("night",)), now=NOW)
        with pytest.raises(Invalid):
            await queries.report(tx, lead, since=NOW, until=NOW, now=NOW)
        assert (await queries.report(tx, lead, now=NOW)).schedule == Schedule(7, ("night",))


async def test_no_drill_is_scheduled_without_a_protocol_nor_beside_a_real_event(
    database: Database, scene: Scene
) -> None:
    later = NOW + 59 * MINUTE
    assert await service.start_due_drills(database, later, alerts=ALERTS) == {"started": 0}
    async with database.begin() as tx:
        await in_force(tx, scene, every_days=30)
        event_id = (await scene.raise_(tx, 1)).event_id
    assert await service.start_due_drills(database, later, alerts=ALERTS) == {"started": 0}
    async with database.begin() as tx:
        await tx.execute(update(RiskEvent).where(RiskEvent.id == event_id).values(state="closed"))
    assert await service.start_due_drills(database, later, alerts=ALERTS) == {"started": 1}


async def test_a_month_of_drills_makes_its_report(sqlite_url: str) -> None:
    from tests.support import databases

    database = databases.open_database(sqlite_url)
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        scene = Scene(clinic, await builders.patient(tx, clinic, NOW), NotedAlerts())
        await in_force(tx, scene, every_days=7)
    now, end, nth = NOW + 45 * MINUTE, NOW + timedelta(days=31), 0
    while now < end:
        if (await service.start_due_drills(database, now, alerts=scene.alerts))["started"]:
            nth += 1
            await _answers(database, scene, now, nth)
        now += 180 * MINUTE
    async with database.begin() as tx:
        found = await queries.report(tx, scene.casey, since=NOW, until=end, now=end)
    lines = {line.slot: line for line in found.slots}
    assert set(lines) == set(SLOTS)
    assert {slot: line.drills for slot, line in lines.items()} == {
        "staffed": 5, "evening": 5, "night": 5, "weekend": 4,
    }  # fmt: skip
    assert sum(line.drills for line in found.slots) == len(found.drills) == nth
    assert {line.longest_to_acknowledge_s for line in found.slots if line.acknowledged} <= {240, 2400}
    late = [drill for drill in found.drills if not drill.passed]
    assert len(late) == sum(1 for n in range(1, nth + 1) if n % 6 == 0)
    assert all(drill.closed and drill.acknowledged_by == "Casey Moore" for drill in found.drills)
    assert not any(line.overdue for line in found.slots)
    await database.close()


async def _answers(database: Database, scene: Scene, now: datetime, nth: int) -> None:
    """Within four minutes, and each sixth time far too late."""
    taken = now + (40 if nth % 6 == 0 else 4) * MINUTE
    async with database.begin() as tx:
        event_id = await tx.scalar(select(RiskEvent.id).where(RiskEvent.state == "open"))
        await safety.acknowledge(tx, scene.casey, event_id, now=taken)
        await safety.log_attempt(
            tx, scene.casey, event_id, channel="phone", outcome="reached", now=taken + 5 * MINUTE
        )
        await safety.close(tx, scene.casey, event_id, disposition="drill", now=taken + 6 * MINUTE)


async def numbers(tx: Tx, scene: Scene, now: datetime) -> Sequence[Any]:
    """Every clinical and billing number and list of a clinic, but for the safety list, in which drills are marked."""
    casey, lead = scene.casey, scene.clinic.actor("clinic_lead")
    day = landing.today
    shown = await day(tx, casey, now=now)
    return (
        await worklist.registry_page(tx, casey, RegistryFilter(), None, 200, now=now),
        await beside.beside(tx, casey, today=now.date(), now=now),
        (await frame.frame(tx, casey)).open_tasks,
        [value for name, value in msgspec.structs.asdict(shown).items() if "safety" not in name],
        {name: n for name, n in getattr(shown, "counts", {}).items() if name != "safety"},
        await worklist.tasks(tx, casey, TaskFilter(), None, 200, now=now),
        await billing.statement(tx, lead, Month(2026, 3), now=now),
        await safety_queries.for_review(tx, casey, since=now - timedelta(days=9), now=now),
        await worklist.search(tx, casey, "Drill", now=now),
        await worklist.registry_export(tx, casey, RegistryFilter(), now=now, today=now.date()),
        await safety_queries.has_open_event(tx, scene.ana.id),
    )


async def test_a_drill_counts_in_no_clinical_and_no_billing_number(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        before = await numbers(tx, scene, NOW)
        event_id = await service.start_drill(tx, scene.casey, now=NOW, alerts=ALERTS)
        await safety.acknowledge(tx, scene.casey, event_id, now=NOW)
        await safety.log_attempt(tx, scene.casey, event_id, channel="phone", outcome="reached", now=NOW)
        during = await numbers(tx, scene, NOW)
        await safety.close(tx, scene.casey, event_id, disposition="drill", now=NOW)
        after = await numbers(tx, scene, NOW)
        assert during == before
        assert after == before
        test_people = select(Patient.id).where(Patient.is_test.is_(True))
        holding = {
            name
            for name, table in metadata.tables.items()
            if "patient_id" in table.c
            and name not in ("risk_event", "audit_event")
            and await tx.scalar(
                select(func.count()).select_from(table).where(table.c.patient_id.in_(test_people))
            )
        }
        assert holding == set()  # no episode, line, plan, check-in, result, task, time or text
        assert await tx.scalar(select(func.count()).select_from(Drill)) == 1
