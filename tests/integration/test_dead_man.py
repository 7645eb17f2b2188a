"""The auditor, the canary and the watchdog on both databases, each failure by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import DBAPIError, OperationalError

from api.dead_man import watchdog
from api.dead_man.auditor import Auditor
from api.dead_man.canary import TEMPLATE, Canary, Sink, last_arrival
from api.dead_man.watchdog import Watchdog, heartbeats
from api.schema import metadata
from api.sweeps import Sweep, SweepLoop, Wait
from kernel.audit import AuditEvent
from kernel.db import Database, Tx
from kernel.ids import new_id
from kernel.tables import Heartbeat
from messaging.delivery.outcomes import NotSent
from messaging.delivery.pause import pause_dispatcher
from messaging.delivery.retention import remove_for_events
from messaging.delivery.tables import MessageStatusEvent, Outbox
from messaging.escalation.service import ALERTS, repeat_alerts
from registry.drills.service import start_drill
from registry.drills.tables import Drill
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from registry.protocol.tables import SafetyProtocol
from registry.safety import queries as safety
from registry.safety import retention, service
from registry.safety.tables import RiskAction, RiskEvent, RiskSignal
from registry.worklist.tables import RegistryLine, Task
from tests.integration.test_drills import in_force
from tests.integration.test_safety import Scene
from tests.support import builders
from tests.support.alerts import NotedAlerts
from tests.support.app import ScriptedGateway
from tests.support.clock import FakeClock
from tests.support.postroom import Postbox

SINK = Sink(email="canary@harbor.example", phone="+12065550188")
SECOND = timedelta(seconds=1)


class Pings:
    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None

    async def ping(self) -> None:
        if self.error is not None:
            raise self.error
        self.count += 1


class Ward:
    """A clinic, the auditor over it, and a way to make one thing wrong."""

    def __init__(self, database: Database, clock: FakeClock, scene: Scene) -> None:
        self.database, self.clock, self.scene = database, clock, scene
        self.pings, self.mail, self.gateway = Pings(), Postbox(), ScriptedGateway()
        self.auditor = Auditor(
            database=database, gateway=self.gateway, mail_answers=self.mail.answers, pinger=self.pings,  # type: ignore[arg-type]
            rhythms=lambda: {"dispatch": 5 * SECOND, "auditor": 30 * SECOND}, sinks=frozenset(),
            running_since=clock.now(),
        )  # fmt: skip

    async def audits(self) -> set[str]:
        counts = await self.auditor.run(self.clock.now())
        return {name for name, value in counts.items() if value and name not in ("failing", "open_events")}

    async def beats(self, name: str, **counts: int) -> None:
        values: dict[str, Any] = {"name": name, "last_run_at": self.clock.now(), "duration_ms": 1}
        values |= {"counts": counts, "last_error": None, "last_error_at": None}
        async with self.database.begin() as tx:
            if (
                await tx.execute(update(Heartbeat).where(Heartbeat.name == name).values(**values))
            ).rowcount == 0:
                await tx.execute(insert(Heartbeat), values)


@pytest.fixture
async def ward(database: Database, clock: FakeClock) -> AsyncIterator[Ward]:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, clock.now())
        patient = await builders.patient(tx, clinic, clock.now())
    made = Ward(database, clock, Scene(clinic, patient, NotedAlerts()))
    await made.beats("dispatch")
    yield made


async def test_the_ping_leaves_only_while_everything_holds(ward: Ward) -> None:
    assert await ward.audits() == set()
    assert ward.pings.count == 1
    ward.clock.advance(seconds=91)
    assert await ward.audits() == {"sweeps"}
    assert ward.pings.count == 1
    await ward.beats("dispatch")
    assert await ward.audits() == set()
    assert ward.pings.count == 2


async def test_a_ping_that_is_not_answered_is_not_swallowed(ward: Ward) -> None:
    ward.pings.error = OSError("refused")
    with pytest.raises(OSError, match="refused"):
        await ward.audits()


async def test_an_alert_that_stays_and_an_event_nobody_looks_at_are_seen(ward: Ward) -> None:
    async with ward.database.begin() as tx:
        await service.signal(tx, ward.scene.signal(2), now=ward.clock.now(), alerts=ALERTS)
    assert await ward.audits() == set()
    ward.clock.advance(seconds=61)
    await ward.beats("dispatch")
    assert await ward.audits() == {"alerts"}
    ward.clock.advance(seconds=60)
    await ward.beats("dispatch")
    assert await ward.audits() == {"alerts", "events"}
    async with ward.database.begin() as tx:
        await tx.execute(update(Outbox).values(state="unknown"))  # in doubt has left
    await repeat_alerts(ward.database, ward.clock.now())
    assert "events" not in await ward.audits()


async def test_providers_that_do_not_answer_are_seen(ward: Ward) -> None:
    ward.mail.outcome = NotSent()
    assert await ward.audits() == {"mail"}
    ward.mail.outcome = None
    async with ward.database.begin() as tx:
        now = ward.clock.now()
        await pause_dispatcher(tx, now + timedelta(hours=1), "credentials", now=now)
    assert await ward.audits() == {"texts"}


async def test_a_clinic_whom_no_alert_reaches_is_seen(ward: Ward) -> None:
    async with ward.database.begin() as tx:
        await in_force(tx, ward.scene)
    assert await ward.audits() == set()  # staffed hours
    ward.clock.advance(hours=9)
    await ward.beats("dispatch")
    assert await ward.audits() == {"on_call"}  # the evening, and nobody has a shift
    async with ward.database.begin() as tx:
        await tx.execute(update(SafetyProtocol).values(state="retired"))
    assert await ward.audits() == set()
    async with ward.database.begin() as tx:
        await tx.execute(update(Staff).values(disabled_at=ward.clock.now()))
    assert await ward.audits() == {"on_call"}


async def test_a_canary_goes_to_the_sink_alone_and_is_closed_when_it_arrived(ward: Ward) -> None:
    canary = Canary(database=ward.database, sink=SINK)
    now = ward.clock.now()
    assert (await canary.run(now))["begun"] == 1
    async with ward.database.begin() as tx:
        rows = await tx.all(select(Outbox.to_sealed, Outbox.body_sealed, Outbox.message_class))
        assert {tx.vault.open(row.to_sealed) for row in rows} == {SINK.email, SINK.phone}
        assert {row.message_class for row in rows} == {"C"}
        casey = ward.scene.casey
        assert await safety.open_events(tx, casey, now=now) == ()
        assert (await safety.banner(tx, casey)).count == 0
        assert await last_arrival(tx, SINK.channels, now) is None
        for table in (RegistryLine, Task):
            wanted = table.patient_id.in_(select(Patient.id).where(Patient.is_test.is_(True)))
            assert await tx.scalar(select(func.count()).where(wanted)) == 0
    await repeat_alerts(ward.database, now + timedelta(minutes=2))  # pages nobody about it
    async with ward.database.begin() as tx:
        assert await tx.scalar(select(func.count()).select_from(Outbox)) == 2
        await tx.execute(update(Outbox).values(state="accepted", accepted_at=now + 2 * SECOND))
    told = await canary.run(now + timedelta(minutes=1))
    assert (told["closed"], told["begun"], told["latency_ms"]) == (1, 0, 2000)
    async with ward.database.begin() as tx:
        assert await tx.scalar(select(RiskEvent.state)) == "closed"
        assert await last_arrival(tx, SINK.channels, now + timedelta(minutes=5)) == now + 2 * SECOND
        assert (await safety.closed_events(tx, ward.scene.casey, now=now)) == ()
    assert (await canary.run(now + timedelta(minutes=14)))["begun"] == 0
    assert (await canary.run(now + timedelta(minutes=15)))["begun"] == 1


async def test_a_canary_that_is_lost_ends_too_and_counts_as_not_arrived(ward: Ward) -> None:
    canary = Canary(database=ward.database, sink=SINK)
    now = ward.clock.now()
    await canary.run(now)
    async with ward.database.begin() as tx:
        await tx.execute(
            update(Outbox).where(Outbox.channel == "email").values(state="accepted", accepted_at=now)
        )
    assert (await canary.run(now + timedelta(minutes=4)))["closed"] == 0
    assert (await canary.run(now + timedelta(minutes=5)))["closed"] == 1
    async with ward.database.begin() as tx:
        assert await last_arrival(tx, SINK.channels, now) is None
        assert await last_arrival(tx, frozenset({"email"}), now) == now
        kinds = [row.kind for row in await tx.all(select(RiskAction.kind))]
    assert kinds == ["closed"]
    assert await Canary(database=ward.database, sink=Sink()).run(now) == {
        "closed": 0,
        "begun": 0,
        "removed": 0,
    }


async def test_a_canary_that_is_on_its_way_when_it_is_switched_off_ends_and_nobody_is_warned(
    ward: Ward,
) -> None:
    now = ward.clock.now()
    await Canary(database=ward.database, sink=SINK).run(now)
    async with ward.database.begin() as tx:
        await tx.execute(update(Outbox).values(state="expired"))
    ward.clock.advance(minutes=10)
    assert "events" in await ward.audits()
    off = await Canary(database=ward.database, sink=Sink()).run(ward.clock.now())
    assert off == {"closed": 1, "begun": 0, "removed": 0}
    async with ward.database.begin() as tx:
        assert await tx.scalar(select(RiskEvent.state)) == "closed"
        assert await tx.scalar(select(RiskAction.detail)) == {"outcome": "switched_off"}
    assert "events" not in await ward.audits()


async def test_canaries_of_last_week_are_removed_and_no_event_of_a_person_or_a_drill_ever_is(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ward.clock
    await a_persons_and_a_drill(ward)
    others, audits = await rows_of(ward), await audited(ward)
    for _ in range(3):
        await a_canary_arrives(ward)
    monkeypatch.setattr("api.dead_man.canary.REMOVED_AT_ONCE", 2)
    off = Canary(database=ward.database, sink=Sink())  # removes what it left when it was on
    assert (await off.run(clock.now() + timedelta(days=6)))["removed"] == 0
    later = clock.now() + timedelta(days=8)
    assert [(await off.run(later))["removed"] for _ in range(3)] == [2, 1, 0]
    assert await rows_of(ward) == others
    assert await audited(ward) >= audits


async def test_what_removes_canaries_removes_nothing_of_other_events(ward: Ward) -> None:
    await a_persons_and_a_drill(ward)
    before = await rows_of(ward)
    async with ward.database.begin() as tx:
        events = tuple(before["risk_event"])
        assert len(events) == 2
        far = ward.clock.now() + timedelta(days=99)
        assert await retention.old_canaries(tx, before=far, most=9) == ()
        assert await remove_for_events(tx, events, TEMPLATE) == 0
        assert await retention.remove_canaries(tx, events) == 0
    assert await rows_of(ward) == before


async def a_persons_and_a_drill(ward: Ward) -> None:
    """Both closed, as old ones are."""
    actor = ward.scene.clinic.actor("care_manager")
    async with ward.database.begin() as tx:
        await service.signal(tx, ward.scene.signal(2), now=ward.clock.now(), alerts=ALERTS)
        await start_drill(tx, actor, now=ward.clock.now(), alerts=ALERTS)
        await tx.execute(update(RiskEvent).values(state="closed", closed_at=ward.clock.now()))


async def a_canary_arrives(ward: Ward) -> None:
    """Begun, accepted and delivered, and closed a minute later."""
    canary, now = Canary(database=ward.database, sink=SINK), ward.clock.now()
    assert (await canary.run(now))["begun"] == 1
    async with ward.database.begin() as tx:
        mine = (Outbox.template == TEMPLATE, Outbox.accepted_at.is_(None))
        sent = await tx.all(select(Outbox.id, Outbox.clinic_id).where(*mine))
        await tx.execute(insert(MessageStatusEvent), [_delivered(tx, row, now) for row in sent])
        await tx.execute(update(Outbox).where(*mine).values(state="accepted", accepted_at=now))
    assert (await canary.run(now + timedelta(minutes=1)))["closed"] == 1
    ward.clock.advance(minutes=15)


def _delivered(tx: Tx, row: Any, now: datetime) -> dict[str, Any]:
    return {"id": tx.new_id(), "clinic_id": row.clinic_id, "outbox_id": row.id, "provider_sid": f"SM{row.id.hex}",
            "status": "delivered", "error_code": None, "received_at": now}  # fmt: skip


async def rows_of(ward: Ward) -> dict[str, frozenset[Any]]:
    tables = (RiskEvent, RiskSignal, RiskAction, Outbox, Drill, MessageStatusEvent)
    async with ward.database.begin() as tx:
        return {
            table.__tablename__: frozenset([row.id for row in await tx.all(select(table.id))])
            for table in tables
        }


async def audited(ward: Ward) -> int:
    async with ward.database.begin() as tx:
        return int(await tx.scalar(select(func.count()).select_from(AuditEvent)))


async def test_the_watchdog_reads_the_heartbeats_and_can_read_and_write_nothing_else(
    ward: Ward, database_url: str, clock: FakeClock
) -> None:
    await ward.beats("auditor", failing=1, alerts=1, open_events=4)
    beats = heartbeats(database_url)
    found = await beats.last()
    assert found is not None
    assert (found.at, found.failing, found.open_events) == (clock.now(), ("alerts",), 4)
    await beats.close()
    if not ward.database.is_postgres:
        sqlite = watchdog.SqliteHeartbeats(database_url)
        with sqlite._engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
            connection.execute(update(Heartbeat).values(duration_ms=0))
        await sqlite.close()
        return
    as_watchdog = watchdog.PostgresHeartbeats(database_url)._database
    for name, table in metadata.tables.items():
        for statement in (select(func.count()).select_from(table), table.delete()):
            if name == "heartbeat" and statement.is_select:
                continue
            with pytest.raises(DBAPIError, match="permission denied"):
                async with as_watchdog.engine.begin() as connection:
                    await connection.execute(statement)
    await as_watchdog.close()


async def test_an_auditor_or_a_sweep_that_raises_every_time_is_no_sound_one(
    ward: Ward, database_url: str, clock: FakeClock
) -> None:
    async def raises(now: datetime) -> dict[str, int]:
        raise OSError("gone")

    ward.pings.error = OSError("refused")
    audits = SweepLoop(ward.database, clock, [Sweep("auditor", 30 * SECOND, ward.auditor.run)], NO_WAIT)
    beats, relay = heartbeats(database_url), Postbox()
    dog = Watchdog(beats, relay, ("first@harbor.example",), clock, new_id)
    await audits.round()
    assert await dog.turn() is None
    clock.advance(seconds=31)
    await audits.round()
    alarm = await dog.turn()
    assert alarm is not None
    assert "the auditor breaks off" in alarm.body
    ward.pings.error = None
    assert await ward.audits() == set()
    await SweepLoop(ward.database, clock, [Sweep("dispatch", 5 * SECOND, raises)], NO_WAIT).round()
    assert await ward.audits() == {"sweeps"}
    await beats.close()


async def _never(_: float) -> bool:
    return False


NO_WAIT = Wait(_never, 1.0)


async def test_the_watchdog_writes_through_its_own_relay_until_one_takes_it(
    ward: Ward, database_url: str, clock: FakeClock
) -> None:
    await ward.beats("auditor")
    beats, relay = heartbeats(database_url), Postbox()
    dog = Watchdog(beats, relay, ("first@harbor.example", "second@harbor.example"), clock, new_id)
    assert await dog.turn() is None
    clock.advance(seconds=100)
    relay.outcome = NotSent()
    assert await dog.turn() is None
    relay.outcome = None
    clock.advance(seconds=15)
    assert await dog.turn() is not None
    assert [to for to, _ in relay.taken] == ["first@harbor.example", "second@harbor.example"]
    assert "has stopped" in relay.taken[0][1]
    await beats.close()
