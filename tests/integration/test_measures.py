"""Runs, answers, results, staff entry and corrections on both databases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from kernel.audit import Actor, AuditEvent
from kernel.db import Database, Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import new_id
from registry.measures import queries, service
from registry.measures.rules import ItemsForm, Recorded, ResultFacts, TotalForm
from registry.measures.tables import Answer, MeasureResult, MeasureRun
from registry.safety.queries import open_events
from registry.safety.tables import RiskAction, RiskEvent, RiskSignal
from registry.worklist.lines import drift
from registry.worklist.tables import RegistryLine, Task
from tests.support import builders
from tests.support.alerts import NotedAlerts, statements
from tests.support.builders import ClinicRows, PatientRows

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # Monday 10:00 in Seattle
TODAY = date(2026, 3, 2)
CLOSING = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Scene(msgspec.Struct):
    clinic: ClinicRows
    ana: PatientRows
    alerts: NotedAlerts

    @property
    def casey(self) -> Actor:
        return self.clinic.actor("care_manager")

    async def open(self, tx: Tx, instrument: str = "phq9", now: datetime = NOW, **changes: Any) -> UUID:
        given: dict[str, Any] = {
            "patient_id": self.ana.id,
            "episode_id": self.ana.episode_id,
            "clinic_id": self.clinic.id,
            "check_in_id": new_id(),
            "instrument_id": instrument,
            "language": "en",
            "position": 1,
        }
        return await service.open_run(tx, **(given | changes), now=now)

    async def answer(
        self, tx: Tx, run_id: UUID, item_no: int, value: int | None, now: datetime = NOW, **changes: Any
    ) -> Recorded:
        given: dict[str, Any] = {
            "raw": None if value is None else str(value),
            "channel": "sms",
            "source_id": None,
        }
        run = await queries.run_facts(tx, run_id)
        return await service.record_answer(
            tx, run, item_no, value, **(given | changes), now=now, alerts=self.alerts
        )

    async def fill(self, tx: Tx, values: Iterable[int | None], now: datetime = NOW) -> ResultFacts:
        run_id = await self.open(tx, now=now)
        for item_no, value in enumerate(values, start=1):
            await self.answer(tx, run_id, item_no, value, now)
        return await service.complete_run(tx, run_id, now=now)

    async def enter(self, tx: Tx, answers: Mapping[int, int | None], **changes: Any) -> ResultFacts:
        form = ItemsForm(self.ana.id, "phq9", dict(answers), TODAY, "paper")
        form = msgspec.structs.replace(form, **changes)
        return await service.enter_items(tx, self.casey, form, now=NOW, alerts=self.alerts)

    async def enter_total(self, tx: Tx, total: int, **changes: Any) -> ResultFacts:
        form = msgspec.structs.replace(TotalForm(self.ana.id, "phq9", total, TODAY, "ehr"), **changes)
        return await service.enter_total(tx, self.casey, form, now=NOW, alerts=self.alerts)

    async def line(self, tx: Tx) -> Any:
        return await tx.first(
            select(RegistryLine.__table__).where(RegistryLine.episode_id == self.ana.episode_id)
        )


@pytest.fixture
async def scene(database: Database) -> Scene:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        return Scene(clinic, await builders.patient(tx, clinic, NOW), NotedAlerts())


async def tasks(tx: Tx) -> list[tuple[str, datetime, UUID | None]]:
    rows = await tx.all(
        select(Task.kind, Task.due_at, Task.owner_id)
        .where(Task.done_at.is_(None))
        .order_by(Task.opened_at, Task.id)
    )
    return [(row.kind, row.due_at, row.owner_id) for row in rows]


async def revisions(tx: Tx, run_id: UUID, item_no: int) -> list[tuple[int, int | None, bool]]:
    rows = await tx.all(
        select(Answer.revision, Answer.value, Answer.replaced_at)
        .where(Answer.run_id == run_id, Answer.item_no == item_no)
        .order_by(Answer.revision)
    )
    return [(row.revision, row.value, row.replaced_at is None) for row in rows]


async def count(tx: Tx, table: Any) -> int:
    return int(await tx.scalar(select(func.count()).select_from(table)))


async def test_a_check_in_opens_one_run_per_instrument(database: Database, scene: Scene) -> None:
    check_in = new_id()
    async with database.begin() as tx:
        first = await scene.open(tx, check_in_id=check_in)
        again = await scene.open(tx, check_in_id=check_in)
        other = await scene.open(tx, "gad7", check_in_id=check_in, position=2)
        assert first == again
        assert [run.id for run in await queries.runs_of(tx, check_in)] == [first, other]
        assert await count(tx, MeasureRun) == 2


async def test_an_ordinary_answer_costs_one_statement(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        run = await queries.run_facts(tx, await scene.open(tx))
        with statements(database) as seen:
            await service.record_answer(
                tx, run, 1, 2, raw="2", channel="sms", source_id=None, now=NOW, alerts=scene.alerts
            )
        assert len(seen) == 1


async def test_a_correction_is_a_new_revision_beside_the_old(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        first = await scene.answer(tx, run_id, 1, 2)
        same = await scene.answer(tx, run_id, 1, 2)
        changed = await scene.answer(tx, run_id, 1, 3)
        assert (first.revision, first.changed) == (1, True)
        assert (same.revision, same.changed) == (1, False)
        assert (changed.revision, changed.changed) == (2, True)
        assert await revisions(tx, run_id, 1) == [(1, 2, False), (2, 3, True)]


async def test_back_takes_an_answer_away_and_keeps_it(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        await scene.answer(tx, run_id, 1, 2)
        run = await queries.run_facts(tx, run_id)
        assert await service.withdraw_answer(tx, run, 1, now=NOW)
        assert not await service.withdraw_answer(tx, run, 1, now=NOW)
        assert await queries.current_answers(tx, run_id) == ()
        again = await scene.answer(tx, run_id, 1, 2)
        assert (again.revision, again.changed) == (2, True)
        assert await revisions(tx, run_id, 1) == [(1, 2, False), (2, 2, True)]


@pytest.mark.parametrize(("item_no", "value"), [(1, 4), (9, -1), (12, 0)])
async def test_an_answer_that_is_not_offered_is_refused_by_item(
    database: Database, scene: Scene, item_no: int, value: int
) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        with pytest.raises(Invalid) as refused:
            await scene.answer(tx, run_id, item_no, value)
        assert [problem.field for problem in refused.value.problems] == [f"item_{item_no}"]
        assert await count(tx, Answer) == 0


@pytest.mark.parametrize(
    ("value", "trigger", "tier"),
    [(1, "item9", 1), (2, "item9", 2), (3, "item9", 2), (None, "item9_declined", 1)],
)
async def test_item_9_opens_an_event_in_the_transaction_of_the_answer(
    database: Database, scene: Scene, value: int | None, trigger: str, tier: int
) -> None:
    async with database.begin() as tx:
        recorded = await scene.answer(tx, await scene.open(tx), 9, value)
        event = await tx.first(select(RiskEvent.__table__))
        signal = await tx.first(select(RiskSignal.__table__))
        assert recorded.risk is not None
        assert (recorded.risk.opened, recorded.risk.event_id) == (True, event.id)
        assert (event.tier, event.state, event.responsible_id) == (tier, "open", scene.clinic.care_manager)
        assert (signal.trigger, signal.value, signal.channel) == (trigger, value, "sms")
        assert signal.source_id == await tx.scalar(select(Answer.id))
        assert scene.alerts.events == [event.id]


async def test_not_at_all_opens_nothing(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        assert (await scene.answer(tx, await scene.open(tx), 9, 0)).risk is None
        assert await count(tx, RiskEvent) == 0


async def test_the_same_answer_to_item_9_again_names_the_event_and_adds_nothing(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        first = await scene.answer(tx, run_id, 9, 2)
        again = await scene.answer(tx, run_id, 9, 2, channel="portal")
        assert first.risk is not None
        assert again.risk is not None
        assert (again.changed, again.risk.opened, again.risk.event_id) == (False, False, first.risk.event_id)
        assert (await count(tx, RiskSignal), len(scene.alerts.events)) == (1, 1)


async def test_taking_item_9_back_never_lowers_or_closes_the_event(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        await scene.answer(tx, run_id, 9, 2)
        await service.withdraw_answer(tx, await queries.run_facts(tx, run_id), 9, now=NOW)
        await scene.answer(tx, run_id, 9, 0)
        event = await tx.first(select(RiskEvent.__table__))
        assert (event.state, event.tier) == ("open", 2)
        assert await revisions(tx, run_id, 9) == [(1, 2, False), (2, 0, True)]


async def test_a_higher_answer_raises_the_event(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        await scene.answer(tx, run_id, 9, 1)
        raised = await scene.answer(tx, run_id, 9, 3)
        assert raised.risk is not None
        assert raised.risk.tier_raised
        assert await tx.scalar(select(RiskEvent.tier)) == 2


async def test_a_rise_of_item_9_since_the_last_form_is_noted(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        await scene.fill(tx, [1] * 8 + [0], NOW - 14 * DAY)
        await scene.answer(tx, await scene.open(tx), 9, 2)
        action = await tx.first(select(RiskAction.kind, RiskAction.detail))
        assert (action.kind, action.detail) == ("item9_rose", {"before": "0", "answer": 2})


async def test_a_complete_form_is_scored_filed_and_shown(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        first = await scene.fill(tx, [2] * 6 + [0, 0, 0], NOW - 14 * DAY)
        last = await scene.fill(tx, [1] * 6 + [0, 0, 0])
        assert (first.total, first.band, first.is_complete, first.item9) == (12, "moderate", True, "0")
        assert (first.channel, first.source, first.n_answered) == ("sms", "check_in", 9)
        shown = await scene.line(tx)
        assert (shown.phq9_first, shown.phq9_last, shown.phq9_series) == (12, 6, [12, 6])
        assert (shown.phq9_last_at, shown.phq9_item9) == (last.taken_at, "0")
        assert await tasks(tx) == []
        assert await drift(tx, scene.clinic.id, NOW) == []


async def test_completing_twice_gives_the_same_result(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        result = await scene.fill(tx, [1] * 9)
        assert await service.complete_run(tx, result.run_id, now=NOW + DAY) == result
        assert await count(tx, MeasureResult) == 1
        with pytest.raises(Conflict):
            await scene.answer(tx, result.run_id, 1, 2)


async def test_a_missing_item_leaves_the_form_without_a_total(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        for item_no in range(1, 9):
            await scene.answer(tx, run_id, item_no, 1)
        result = await service.complete_run(tx, run_id, now=NOW)
        assert (result.total, result.band, result.prorated_total, result.item9) == (None, None, 9, "unknown")
        assert (await scene.line(tx)).phq9_last is None
        assert await tasks(tx) == [("complete_item9", CLOSING, scene.clinic.care_manager)]


async def test_a_severe_total_is_a_task_for_the_same_day_and_no_event(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        result = await scene.fill(tx, [3] * 6 + [2, 0, 0])
        assert (result.total, result.band) == (20, "severe")
        assert await tasks(tx) == [("severe_score", CLOSING, scene.clinic.care_manager)]
        assert await count(tx, RiskEvent) == 0
        shown = await scene.line(tx)
        assert (shown.severe_flag, shown.open_risk, shown.sort_rank) == (True, 0, 1)
        await scene.fill(tx, [3] * 7 + [2, 0], NOW + DAY)
        assert len(await tasks(tx)) == 1


async def test_answers_that_already_sum_to_severe_are_enough(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        for item_no in range(1, 8):
            await scene.answer(tx, run_id, item_no, 3)
        result = await service.close_partial(tx, run_id, now=NOW)
        assert result is not None
        assert (result.total, result.is_complete, result.raw_sum, result.item9) == (
            None,
            False,
            21,
            "unknown",
        )
        assert [kind for kind, _, _ in await tasks(tx)] == ["severe_score"]
        assert (await scene.line(tx)).severe_flag


async def test_gad7_at_its_worst_is_no_soft_trigger(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx, "gad7")
        for item_no in range(1, 8):
            await scene.answer(tx, run_id, item_no, 3)
        result = await service.complete_run(tx, run_id, now=NOW)
        assert (result.total, result.item9) == (21, "not_asked")
        assert await tasks(tx) == []
        assert (await scene.line(tx)).gad7_last == 21


async def test_an_abandoned_form_keeps_its_answers_and_gets_no_total(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        await scene.answer(tx, run_id, 1, 2)
        await scene.answer(tx, run_id, 9, 1)
        result = await service.close_partial(tx, run_id, now=NOW + 3 * DAY)
        assert result is not None
        assert (result.total, result.n_answered, result.item9, result.taken_at) == (None, 2, "1", NOW)
        shown = await scene.line(tx)
        assert (shown.phq9_last, shown.phq9_item9) == (None, "1")
        assert await service.close_partial(tx, run_id, now=NOW + 4 * DAY) == result


async def test_nothing_answered_files_nothing(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        assert await service.close_partial(tx, run_id, now=NOW) is None
        assert (await queries.run_facts(tx, run_id)).state == "closed_partial"
        assert await count(tx, MeasureResult) == 0
        assert await tasks(tx) == []


async def test_a_form_that_was_finished_in_time_counts_though_nobody_completed_it(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        for item_no in range(1, 10):
            await scene.answer(tx, run_id, item_no, 1)
        result = await service.close_partial(tx, run_id, now=NOW)
        assert result is not None
        assert result.total == 9
        assert (await queries.run_facts(tx, run_id)).state == "completed"


async def test_item_9_left_open_after_a_positive_one_is_asked_the_same_day(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        await scene.fill(tx, [1] * 8 + [1], NOW - 14 * DAY)
        before = len(await tasks(tx))
        run_id = await scene.open(tx)
        await scene.answer(tx, run_id, 1, 1)
        await service.close_partial(tx, run_id, now=NOW)
        assert (await tasks(tx))[before:] == [("call_and_ask_item9", CLOSING, scene.clinic.care_manager)]


async def test_staff_enter_a_paper_form(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        result = await scene.enter(tx, dict.fromkeys(range(1, 10), 1) | {9: 0}, taken_on=TODAY - 3 * DAY)
        assert (result.total, result.source, result.entry_source, result.channel) == (
            8, "staff_items", "paper", "staff",
        )  # fmt: skip
        assert result.taken_at == datetime(2026, 2, 27, 20, 0, tzinfo=UTC)  # noon in Seattle
        answers = await tx.all(select(Answer.channel, Answer.source_id).distinct())
        assert [(row.channel, row.source_id) for row in answers] == [("staff", scene.clinic.care_manager)]
        assert (await scene.line(tx)).phq9_last == 8
        assert await tasks(tx) == []


async def test_item_9_on_a_paper_form_alarms_like_any_other(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        await scene.enter(tx, dict.fromkeys(range(1, 10), 1) | {9: 3}, taken_on=TODAY - 3 * DAY)
        (event,) = await open_events(tx, scene.casey, now=NOW)
        assert (event.tier, event.triggers) == (2, ("item9",))
        assert scene.alerts.events == [event.id]


async def test_a_declined_item_9_on_paper_opens_tier_1(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        result = await scene.enter(tx, dict.fromkeys(range(1, 9), 1), declined=frozenset({9}))
        (event,) = await open_events(tx, scene.casey, now=NOW)
        assert (result.item9, event.tier, event.triggers) == ("declined", 1, ("item9_declined",))


async def test_wrong_entries_are_named_all_at_once(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        with pytest.raises(Invalid) as refused:
            await scene.enter(tx, {1: 4, 2: 1, 9: 8}, taken_on=TODAY + DAY)
        assert [problem.field for problem in refused.value.problems] == ["item_1", "item_9", "taken_on"]
        with pytest.raises(Invalid) as refused:
            await scene.enter(tx, {1: 1}, instrument_id="phq8")
        assert [problem.field for problem in refused.value.problems] == ["instrument_id"]
        assert await count(tx, MeasureRun) == 0


async def test_a_total_without_item_9_is_complete_and_somebody_asks(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        result = await scene.enter_total(tx, 14)
        assert (result.total, result.band, result.is_complete, result.item9) == (
            14,
            "moderate",
            True,
            "unknown",
        )
        assert (result.source, result.entry_source) == ("staff_total", "ehr")
        assert await tasks(tx) == [("complete_item9", CLOSING, scene.clinic.care_manager)]
        shown = await scene.line(tx)
        assert (shown.phq9_last, shown.phq9_item9, shown.open_tasks) == (14, "unknown", 1)


async def test_a_total_with_item_9_alarms(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        result = await scene.enter_total(tx, 22, item9=2)
        assert result.item9 == "2"
        assert sorted(kind for kind, _, _ in await tasks(tx)) == ["safety_event", "severe_score"]
        assert (await scene.line(tx)).open_risk == 2


async def test_asking_item_9_later_completes_a_total(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        first = await scene.enter_total(tx, 14)
        result = await service.correct_items(
            tx, scene.casey, first.run_id, {9: 1}, reason="asked by phone", now=NOW + DAY, alerts=scene.alerts
        )
        assert (result.total, result.item9, result.taken_at) == (14, "1", first.taken_at)
        assert [kind for kind, _, _ in await tasks(tx)] == ["safety_event"]
        with pytest.raises(Conflict):
            await service.correct_items(
                tx, scene.casey, first.run_id, {1: 1}, reason="typo", now=NOW, alerts=scene.alerts
            )
        with pytest.raises(Invalid):  # the other eight can give 24 at most, and item 9 was 1
            await service.correct_total(tx, scene.casey, first.run_id, 26, reason="typo", now=NOW)
        fixed = await service.correct_total(tx, scene.casey, first.run_id, 15, reason="typo", now=NOW)
        assert (fixed.total, fixed.band, fixed.item9) == (15, "moderately_severe", "1")
        assert (await scene.line(tx)).phq9_series == [15]


async def test_a_correction_supersedes_with_who_and_why(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        first = await scene.fill(tx, [1] * 8 + [0])
        result = await service.correct_items(
            tx, scene.casey, first.run_id, {1: 3, 2: 1}, reason="misheard", now=NOW + DAY, alerts=scene.alerts
        )
        assert (first.total, result.total, result.taken_at) == (8, 10, first.taken_at)
        page = await queries.answers(tx, scene.casey, first.run_id, now=NOW)
        item_1 = [found for found in page.answers if found.item_no == 1]
        assert [(found.revision, found.value, found.raw) for found in item_1] == [(1, 1, "1"), (2, 3, None)]
        assert item_1[1].source_id == scene.clinic.care_manager
        assert [found.revision for found in page.answers if found.item_no == 2] == [1]  # it said so already
        assert page.correction_reasons == ("misheard",)
        both = await queries.history(tx, scene.casey, scene.ana.id, now=NOW, with_replaced=True)
        assert [(found.total, found.replaced_at is None) for found in both.results] == [
            (8, False),
            (10, True),
        ]
        shown = await scene.line(tx)
        assert (shown.phq9_first, shown.phq9_series) == (10, [10])
        assert await drift(tx, scene.clinic.id, NOW) == []


async def test_correcting_item_9_upwards_is_a_signal_and_downwards_is_none(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        first = await scene.fill(tx, [1] * 8 + [0])
        for value in (2, 0):
            await service.correct_items(
                tx, scene.casey, first.run_id, {9: value}, reason="misread", now=NOW, alerts=scene.alerts
            )
        event = await tx.first(select(RiskEvent.__table__))
        assert (event.tier, event.state) == (2, "open")
        assert await count(tx, RiskSignal) == 1


async def test_item_9_asked_within_a_week_completes_the_form_and_later_does_not(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        for wait, total in ((2 * DAY, 8), (8 * DAY, None)):
            run_id = await scene.open(tx)
            for item_no in range(1, 9):
                await scene.answer(tx, run_id, item_no, 1)
            await service.close_partial(tx, run_id, now=NOW)
            result = await service.correct_items(
                tx, scene.casey, run_id, {9: 0}, reason="called", now=NOW + wait, alerts=scene.alerts
            )
            assert (result.total, result.item9) == (total, "0")


async def test_an_item_taken_away_in_a_correction_is_missing_not_zero(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        first = await scene.fill(tx, [1] * 8 + [0])
        result = await service.correct_items(
            tx, scene.casey, first.run_id, {1: None}, reason="never asked", now=NOW, alerts=scene.alerts
        )
        assert (result.total, result.n_answered, result.prorated_total) == (None, 8, 8)


@pytest.mark.parametrize(
    ("answers", "reason", "fields"), [({1: 7}, "", ["item_1", "reason"]), ({}, "x", ["answers"])]
)
async def test_a_correction_is_checked(
    database: Database, scene: Scene, answers: dict[int, int | None], reason: str, fields: list[str]
) -> None:
    async with database.begin() as tx:
        first = await scene.fill(tx, [1] * 9)
        with pytest.raises(Invalid) as refused:
            await service.correct_items(
                tx, scene.casey, first.run_id, answers, reason=reason, now=NOW, alerts=scene.alerts
            )
        assert [problem.field for problem in refused.value.problems] == fields


async def test_staff_wait_while_the_patient_is_answering(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        run_id = await scene.open(tx)
        with pytest.raises(Conflict):
            await service.correct_items(
                tx, scene.casey, run_id, {1: 1}, reason="x", now=NOW, alerts=scene.alerts
            )


@pytest.mark.parametrize("role", ["biller", "administrator"])
async def test_billers_and_administrators_never_see_answers(
    database: Database, scene: Scene, role: Any
) -> None:
    viewer = scene.clinic.actor(role)
    async with database.begin() as tx:
        result = await scene.fill(tx, [1] * 9)
        with pytest.raises(Forbidden):
            await queries.history(tx, viewer, scene.ana.id, now=NOW)
        with pytest.raises(Forbidden):
            await queries.answers(tx, viewer, result.run_id, now=NOW)
        with pytest.raises(Forbidden):
            await service.enter_total(
                tx, viewer, TotalForm(scene.ana.id, "phq9", 3, TODAY, "ehr"), now=NOW, alerts=scene.alerts
            )


async def test_another_clinics_patient_is_not_found(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        result = await scene.fill(tx, [1] * 9)
        stranger = (await builders.clinic(tx, NOW)).actor("care_manager")
        for attempt in (
            queries.history(tx, stranger, scene.ana.id, now=NOW),
            queries.answers(tx, stranger, result.run_id, now=NOW),
            service.enter_total(
                tx, stranger, TotalForm(scene.ana.id, "phq9", 3, TODAY, "ehr"), now=NOW, alerts=scene.alerts
            ),
            service.correct_items(
                tx, stranger, result.run_id, {1: 0}, reason="x", now=NOW, alerts=scene.alerts
            ),
        ):
            with pytest.raises(NotFound):
                await attempt


async def test_reads_and_entries_leave_audit_rows_without_answers(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        result = await scene.enter(tx, dict.fromkeys(range(1, 10), 1))
        await queries.history(tx, scene.casey, scene.ana.id, now=NOW)
        await queries.answers(tx, scene.casey, result.run_id, now=NOW)
        rows = await tx.all(select(AuditEvent.action, AuditEvent.patient_id).order_by(AuditEvent.seq))
        assert [row.action for row in rows] == ["measure.entered", "measures.read", "answers.read"]
        assert {row.patient_id for row in rows} == {scene.ana.id}


async def test_the_web_role_enters_and_reads_behind_the_clinic_wall(
    database: Database, app_database: Database, scene: Scene
) -> None:
    async with app_database.begin(scene.clinic.id) as tx:
        await scene.enter(tx, dict.fromkeys(range(1, 10), 2))
        found = await queries.history(tx, scene.casey, scene.ana.id, now=NOW)
        assert [result.total for result in found.results] == [18]
