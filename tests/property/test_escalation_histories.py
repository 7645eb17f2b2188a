"""Random histories through the real services: what people, providers and time do, an open event is never without a
next moment that lies ahead, and never silent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from kernel.db import Database
from kernel.errors import Conflict, Invalid
from kernel.ids import new_id
from messaging.delivery.tables import Outbox
from messaging.escalation.service import FirstAlert, repeat_alerts
from registry.organisation.tables import Staff
from registry.safety import service as safety
from registry.safety.rules import Signal
from registry.safety.tables import RiskEvent
from tests.support import builders, databases
from tests.support.builders import STAFF_NAMES, ClinicRows, PatientRows

Who = Literal["care_manager", "clinician", "clinic_lead"]
Fate = Literal["delivered", "sent", "undelivered", "failed", "unknown", "expired", "pending"]
Deed = Literal["acknowledge", "attempt", "assess", "leave", "return", "new_phone"]


class Signals(msgspec.Struct, frozen=True):
    tier: Literal[1, 2, 3]
    toward: Literal["self", "others"]


class Passes(msgspec.Struct, frozen=True):
    minutes: float


class Fates(msgspec.Struct, frozen=True):
    """What becomes of every alert by this channel that is still on its way."""

    channel: Literal["sms", "email", "voice"]
    fate: Fate


class Does(msgspec.Struct, frozen=True):
    who: Who
    deed: Deed


Step = Signals | Passes | Fates | Does
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Signals, st.sampled_from((1, 2, 3)), st.sampled_from(("self", "others"))),
    st.builds(Passes, st.sampled_from((0.0, 0.5, 1.5, 5.0, 31.0, 125.0, 700.0, 4000.0))),
    st.builds(Fates, st.sampled_from(("sms", "email", "voice")), st.sampled_from(get_args(Fate))),
    st.builds(Does, st.sampled_from(get_args(Who)), st.sampled_from(get_args(Deed))),
)
START = st.datetimes(datetime(2026, 2, 20), datetime(2026, 3, 20), timezones=st.just(UTC))


class World:
    def __init__(self, database: Database, now: datetime) -> None:
        self.database, self.now = database, now
        self.clinic: ClinicRows
        self.ana: PatientRows

    async def begins(self) -> None:
        async with self.database.begin() as tx:
            self.clinic = await builders.clinic(tx, self.now)
            self.ana = await builders.patient(tx, self.clinic, self.now)

    async def ends(self) -> None:
        """So that the sweep of the next history has only its own events."""
        async with self.database.begin() as tx:
            await tx.execute(update(RiskEvent).values(state="closed"))

    async def step(self, step: Step) -> None:
        match step:
            case Signals():
                await self.signal(step)
            case Passes(minutes=minutes):
                self.now += timedelta(minutes=minutes)
            case Fates():
                await self.fates(step)
            case Does():
                await self.does(step)
        await repeat_alerts(self.database, self.now, calls=True)
        await self.check()

    async def signal(self, step: Signals) -> None:
        signal = Signal(
            clinic_id=self.clinic.id, patient_id=self.ana.id, episode_id=self.ana.episode_id,
            trigger="crisis_text", tier=step.tier, toward=step.toward, value=None, source_kind="inbound",
            source_id=new_id(), channel="sms", rule_version="crisis-1",
        )  # fmt: skip
        async with self.database.begin() as tx:
            await safety.signal(tx, signal, now=self.now, alerts=FirstAlert(calls=True))

    async def fates(self, step: Fates) -> None:
        states = {"unknown": "unknown", "expired": "expired", "failed": "failed", "pending": "pending"}
        values: dict[str, Any] = {"state": states.get(step.fate, "accepted"), "attempt": 1}
        if values["state"] == "accepted":
            values["provider_status"] = step.fate
        waiting = (Outbox.clinic_id == self.clinic.id, Outbox.channel == step.channel, Outbox.kind == "alert")
        events = await self.events()
        async with self.database.begin() as tx:
            await tx.execute(update(Outbox).where(*waiting, Outbox.state == "pending").values(**values))
            for event in events:
                if step.fate in ("undelivered", "failed", "unknown"):
                    await safety.look_again(tx, event.id, now=self.now)

    async def does(self, step: Does) -> None:
        staff_id: UUID = getattr(self.clinic, step.who)
        async with self.database.begin() as tx:
            match step.deed:
                case "leave" | "return":
                    gone = self.now if step.deed == "leave" else None
                    await tx.execute(update(Staff).where(Staff.id == staff_id).values(disabled_at=gone))
                case "new_phone":
                    changed = {"phone_key": new_id().hex, "phone_verified_at": None}
                    await tx.execute(update(Staff).where(Staff.id == staff_id).values(**changed))
        if step.deed in ("acknowledge", "attempt", "assess"):
            for event in await self.events():
                with suppress(Conflict, Invalid):
                    await self.works(event.id, step)

    async def works(self, event_id: UUID, step: Does) -> None:
        actor = self.clinic.actor(step.who)
        async with self.database.begin() as tx:
            match step.deed:
                case "acknowledge":
                    await safety.acknowledge(tx, actor, event_id, now=self.now)
                case "attempt":
                    await safety.log_attempt(
                        tx, actor, event_id, channel="phone", outcome="no_answer", now=self.now
                    )
                case "assess":
                    await safety.log_assessment(
                        tx, actor, event_id, tool="cssrs", level="low", findings="calm", now=self.now
                    )

    async def events(self) -> list[Any]:
        async with self.database.begin() as tx:
            mine = (RiskEvent.clinic_id == self.clinic.id, RiskEvent.state != "closed")
            return list(await tx.all(select(RiskEvent.__table__).where(*mine)))

    async def check(self) -> None:
        for event in await self.events():
            assert event.next_action_at > self.now
            assert event.round_at <= self.now
            if event.state != "open":
                continue
            assert event.step > 0 and event.rung_at is not None
            async with self.database.begin() as tx:
                told = await tx.scalar(
                    select(func.count()).select_from(Outbox).where(
                        Outbox.event_id == event.id, Outbox.created_at >= event.round_at
                    )
                )  # fmt: skip
                working = await tx.scalar(
                    select(func.count()).select_from(Staff).where(
                        Staff.id.in_([getattr(self.clinic, role) for role in STAFF_NAMES]),
                        Staff.disabled_at.is_(None),
                    )
                )  # fmt: skip
            assert told or working < len(STAFF_NAMES), "nobody was told while everybody is there"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Database]]:
    folder: Path = tmp_path_factory.mktemp("histories")
    with asyncio.Runner() as runner:
        template = runner.run(databases.sqlite_template(folder))
        opened = databases.open_database(databases.sqlite_url(template))
        yield runner, opened
        runner.run(opened.close())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=START, steps=st.lists(STEPS, min_size=3, max_size=12))
def test_no_history_leaves_an_event_without_its_next_moment(
    database: tuple[asyncio.Runner, Database], start: datetime, steps: list[Step]
) -> None:
    runner, opened = database

    async def history() -> None:
        world = World(opened, start)
        await world.begins()
        try:
            await world.step(Signals(2, "self"))
            for step in steps:
                await world.step(step)
        finally:
            await world.ends()

    runner.run(history())
