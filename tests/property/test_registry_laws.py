"""Laws of risk events and registry lines, over random histories of one patient on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from kernel.db import Database, Tx
from kernel.errors import Conflict
from kernel.ids import new_id
from registry.episodes.tables import Episode
from registry.measures import queries as measures_queries
from registry.measures import service as measures
from registry.safety import service as safety
from registry.safety.rules import Signal
from registry.safety.tables import RiskAction, RiskEvent, RiskSignal
from registry.worklist import service as worklist
from registry.worklist.tables import RegistryLine, Task
from tests.support import builders, databases
from tests.support.alerts import NotedAlerts

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
Who = Literal["care_manager", "clinician", "consultant"]


class Answered(msgspec.Struct, frozen=True):
    item_no: int
    value: int | None


class Withdrawn(msgspec.Struct, frozen=True):
    item_no: int


class Ended(msgspec.Struct, frozen=True):
    complete: bool


class Texted(msgspec.Struct, frozen=True):
    tier: Literal[1, 2, 3]
    toward: Literal["self", "others"]
    again: bool


class Corrected(msgspec.Struct, frozen=True):
    item_no: int
    value: int


class Acted(msgspec.Struct, frozen=True):
    what: Literal["acknowledge", "attempt", "assess", "close", "lapse"]
    who: Who


class Planned(msgspec.Struct, frozen=True):
    days: int | None
    status: Literal["active", "on_hold", "relapse_prevention"]


class Tasked(msgspec.Struct, frozen=True):
    kind: Literal["inbound_text", "severe_score", "hold_review"]
    close: bool


class Flagged(msgspec.Struct, frozen=True):
    safety: bool
    discuss: bool


Step = Answered | Withdrawn | Ended | Texted | Corrected | Acted | Planned | Tasked | Flagged
VALUES = st.integers(0, 3)
STEPS = st.one_of(
    st.builds(Answered, st.sampled_from([1, 2, 9]), st.none() | VALUES),
    st.builds(Withdrawn, st.sampled_from([1, 9])),
    st.builds(Ended, st.booleans()),
    st.builds(Texted, st.sampled_from([1, 2, 3]), st.sampled_from(["self", "others"]), st.booleans()),
    st.builds(Corrected, st.sampled_from([1, 9]), VALUES),
    st.builds(
        Acted,
        st.sampled_from(["acknowledge", "attempt", "assess", "close", "lapse"]),
        st.sampled_from(["care_manager", "clinician", "consultant"]),
    ),
    st.builds(
        Planned,
        st.none() | st.integers(-30, 30),
        st.sampled_from(["active", "on_hold", "relapse_prevention"]),
    ),
    st.builds(Tasked, st.sampled_from(["inbound_text", "severe_score", "hold_review"]), st.booleans()),
    st.builds(Flagged, st.booleans(), st.booleans()),
)


class History:
    """One patient, one clinic, and the steps applied to them through the services."""

    def __init__(self, tx: Tx, clinic: builders.ClinicRows, ana: builders.PatientRows) -> None:
        self.tx, self.clinic, self.ana = tx, clinic, ana
        self.alerts = NotedAlerts()
        self.now = NOW
        self.run_id: UUID | None = None
        self.closed_run_id: UUID | None = None
        self.last_text: Signal | None = None

    async def apply(self, step: Step) -> None:
        self.now += timedelta(minutes=47)
        match step:
            case Answered(item_no, value):
                run = await self.run()
                await measures.record_answer(
                    self.tx, run, item_no, value,
                    raw=None, channel="sms", source_id=None, now=self.now, alerts=self.alerts,
                )  # fmt: skip
            case Withdrawn(item_no):
                await measures.withdraw_answer(self.tx, await self.run(), item_no, now=self.now)
            case Ended(complete):
                await self.end(complete)
            case Texted():
                await self.text(step)
            case Corrected(item_no, value):
                if self.closed_run_id is not None:
                    await measures.correct_items(
                        self.tx, self.clinic.actor("care_manager"), self.closed_run_id, {item_no: value},
                        reason="typo", now=self.now, alerts=self.alerts,
                    )  # fmt: skip
            case Acted():
                await self.act(step)
            case Planned(days, status):
                at = None if days is None else self.now + timedelta(days=days)
                here = Episode.id == self.ana.episode_id
                await self.tx.execute(update(Episode).where(here).values(next_contact_at=at, status=status))
                await worklist.refresh(self.tx, self.ana.episode_id, self.now)
            case Tasked():
                await self.task(step)
            case Flagged(safety_flag, discuss):
                await worklist.set_flags(
                    self.tx, self.clinic.actor("clinician"), self.ana.episode_id,
                    safety=safety_flag, discuss=discuss, now=self.now,
                )  # fmt: skip

    async def run(self) -> measures.RunFacts:
        if self.run_id is None:
            self.run_id = await measures.open_run(
                self.tx, patient_id=self.ana.id, episode_id=self.ana.episode_id, clinic_id=self.clinic.id,
                check_in_id=new_id(), instrument_id="phq9", language="en", position=1, now=self.now,
            )  # fmt: skip
        return await measures_queries.run_facts(self.tx, self.run_id)

    async def end(self, complete: bool) -> None:
        run = await self.run()
        if complete:
            for item_no in range(1, 9):
                await measures.record_answer(
                    self.tx, run, item_no, item_no % 4,
                    raw=None, channel="portal", source_id=None, now=self.now, alerts=self.alerts,
                )  # fmt: skip
            await measures.complete_run(self.tx, run.id, now=self.now)
        else:
            await measures.close_partial(self.tx, run.id, now=self.now)
        self.run_id, self.closed_run_id = None, run.id

    async def text(self, step: Texted) -> None:
        signal = Signal(
            clinic_id=self.clinic.id, patient_id=self.ana.id, episode_id=self.ana.episode_id,
            trigger="crisis_text", tier=step.tier, toward=step.toward, value=None, source_kind="inbound",
            source_id=new_id(), channel="sms", rule_version="crisis-1",
        )  # fmt: skip
        if step.again and self.last_text is not None:
            await self.replay(self.last_text)
            return
        await safety.signal(self.tx, signal, now=self.now, alerts=self.alerts)
        self.last_text = signal

    async def replay(self, signal: Signal) -> None:
        before, alerted = await self.everything(), len(self.alerts.events)
        result = await safety.signal(self.tx, signal, now=self.now, alerts=self.alerts)
        assert (result.opened, result.tier_raised) == (False, False)
        assert await self.everything() == before
        assert len(self.alerts.events) == alerted

    async def act(self, step: Acted) -> None:
        events = await self.tx.all(
            select(RiskEvent.id).where(RiskEvent.clinic_id == self.clinic.id, RiskEvent.state != "closed")
        )
        actor = self.clinic.actor(step.who)
        for event in events[:1]:
            match step.what:
                case "acknowledge":
                    await safety.acknowledge(self.tx, actor, event.id, now=self.now)
                case "attempt":
                    await safety.log_attempt(
                        self.tx, actor, event.id, channel="phone", outcome="no_answer", now=self.now
                    )
                case "assess":
                    await safety.log_assessment(
                        self.tx, actor, event.id, tool="cssrs", level="low", findings="calm", now=self.now
                    )
                case "lapse":
                    await safety.lapse(self.tx, event.id, now=self.now)
                case "close":
                    with suppress(Conflict):  # not acknowledged yet, or by the same person
                        await safety.close(
                            self.tx, actor, event.id, disposition="assessed_plan_made",
                            next_contact_at=self.now + timedelta(days=7), now=self.now,
                        )  # fmt: skip

    async def task(self, step: Tasked) -> None:
        key = f"{step.kind}:{self.ana.id}"
        if step.close:
            await worklist.close_tasks(self.tx, self.clinic.id, key, "settled", self.now)
            return
        await worklist.open_task(
            self.tx, clinic_id=self.clinic.id, patient_id=self.ana.id, episode_id=self.ana.episode_id,
            kind=step.kind, dedupe_key=key, now=self.now,
        )  # fmt: skip

    async def everything(self) -> list[Any]:
        tables = (RiskEvent, RiskSignal, RiskAction, Task, RegistryLine)
        return [
            await self.tx.all(select(table.__table__).where(table.clinic_id == self.clinic.id))
            for table in tables
        ]

    async def tiers(self) -> dict[UUID, int]:
        rows = await self.tx.all(
            select(RiskEvent.id, RiskEvent.tier).where(RiskEvent.clinic_id == self.clinic.id)
        )
        return {row.id: row.tier for row in rows}

    async def check(self, before: dict[UUID, int]) -> None:
        tx, clinic_id = self.tx, self.clinic.id
        assert await worklist.drift(tx, clinic_id, self.now) == []
        tiers = await self.tiers()
        assert all(tiers[event_id] >= tier for event_id, tier in before.items()), "a tier fell"
        events = await tx.all(select(RiskEvent.__table__).where(RiskEvent.clinic_id == clinic_id))
        tasks = {
            row.ref_id
            for row in await tx.all(
                select(Task.ref_id).where(
                    Task.clinic_id == clinic_id, Task.kind == "safety_event", Task.done_at.is_(None)
                )
            )
        }
        still_open = [event for event in events if event.state != "closed"]
        assert tasks == {event.id for event in still_open}, "an open event without its task, or the reverse"
        assert all(event.next_action_at is not None for event in still_open)
        assert all((event.acknowledged_by_id is None) == (event.state == "open") for event in still_open)
        assert len({event.toward for event in still_open}) == len(still_open), "two open events of one kind"
        assert all(event.closed_by_id is not None for event in events if event.state == "closed")
        assert all(
            event.closed_by_id != event.acknowledged_by_id
            for event in events
            if event.state == "closed" and event.tier > 1
        )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Database]]:
    folder: Path = tmp_path_factory.mktemp("laws")
    with asyncio.Runner() as runner:
        template = runner.run(databases.sqlite_template(folder))
        opened = databases.open_database(databases.sqlite_url(template))
        yield runner, opened
        runner.run(opened.close())


@settings(max_examples=18, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=12))
def test_lines_never_drift_and_events_never_fall_silent(
    database: tuple[asyncio.Runner, Database], steps: list[Step]
) -> None:
    runner, opened = database

    async def live() -> None:
        async with opened.engine.connect() as connection:
            await connection.begin()
            tx = Tx(connection, opened.vault, opened.ids)
            clinic = await builders.clinic(tx, NOW)
            history = History(tx, clinic, await builders.patient(tx, clinic, NOW))
            for step in steps:
                before = await history.tiers()
                await history.apply(step)
                await history.check(before)
            await connection.rollback()

    runner.run(live())
