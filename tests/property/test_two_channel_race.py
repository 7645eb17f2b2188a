"""Texts and page of one check-in, in any order and at the same moment, over the real services on SQLite.

After every step: one result a questionnaire, the sum of the answers that stand; one standing answer an item; nothing
that asks is queued or waits once the check-in is over; item 9 of 1 or more has its event, from either side, also while
the rest is unanswered or the answer came too late to be saved.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, update

from kernel.errors import Invalid
from messaging.delivery.tables import Outbox
from messaging.escalation.service import ALERTS
from messaging.links import answering
from messaging.links import service as links
from messaging.links.answering import Outcome
from messaging.links.service import Visit
from messaging.schedule.tables import OPEN_STATES, CheckIn
from registry.measures.tables import Answer, MeasureResult, MeasureRun
from registry.organisation.tables import Clinic
from registry.safety.tables import RiskSignal
from tests.support import databases
from tests.support.clock import FakeClock
from tests.support.conversations import Desk, Phone

ASKING = ("invitation", "question", "reminder", "link")
TEXTS = ("0", "1", "2", "3", "several days", "BACK", "SKIP", "LINK", "what?", "2 or 3")
ITEM_9 = 9


@cache
def template() -> Path:
    return asyncio.run(databases.sqlite_template(Path(tempfile.mkdtemp(prefix="race"))))


class BothChannels(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="race"))
        self.runner = asyncio.Runner()
        self.database = databases.open_database(databases.sqlite_copy(template(), self.folder / "race.db"))
        self.clock = FakeClock()
        self.visit: Visit | None = None
        self.said_on_page: list[tuple[int, int]] = []

    def teardown(self) -> None:
        self.do(self.database.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize(given=st.integers(0, 8), item9=st.sampled_from(["sms", "link_only"]))
    def begins(self, given: int, item9: str) -> None:
        self.do(self._begins(given, item9))

    async def _begins(self, given: int, item9: str) -> None:
        self.desk = await Desk.open(self.database, self.clock)
        async with self.database.begin() as tx:
            await tx.execute(update(Clinic).values(item9_channel=item9))
        self.ana: Phone = await self.desk.enrols()
        self.check_in_id = await self.desk.asks(self.ana)
        await self.ana.says(*["0"] * given)

    # --- what may happen -----------------------------------------------------------------------------------------

    @rule(body=st.sampled_from(TEXTS), accepted=st.booleans())
    def texts(self, body: str, accepted: bool) -> None:
        self.do(self.ana.texts(body, accept=accepted))

    @rule(value=st.sampled_from([0, 1, 2, 3, None]))
    def answers_what_the_page_shows(self, value: int | None) -> None:
        self.do(self._answers(None, value))

    @rule(number=st.integers(1, 10), value=st.sampled_from([0, 1, 2, 3, None]))
    def sends_a_page_that_was_open_for_long(self, number: int, value: int | None) -> None:
        """Another number than the one that waits: behind Back, a double click, or an old tab."""
        self.do(self._answers(number, value))

    @rule(body=st.sampled_from(TEXTS), value=st.sampled_from([0, 1, 2, 3, None]))
    def does_both_at_once(self, body: str, value: int | None) -> None:
        async def both() -> None:
            await asyncio.gather(self.ana.texts(body, accept=False), self._answers(None, value))

        self.do(both())

    @rule(hours=st.sampled_from([0.1, 1, 24, 80]))
    def time_passes(self, hours: float) -> None:
        async def passes() -> None:
            self.clock.advance(hours=hours)
            await self.desk.sweep()
            await self.desk.accepts()

        self.do(passes())

    async def _answers(self, number: int | None, value: int | None) -> Outcome | None:
        visit = await self._opened()
        if visit is None:
            return None
        now = self.clock.now()
        async with self.database.begin() as tx:
            if number is None:
                shown = (await answering.progress(tx, visit, "en", now=now)).waiting
                if shown is None:
                    return None
                number = shown.number
        try:
            outcome: Outcome = await self.database.run(
                lambda tx: answering.answer(tx, visit, number, value, "en", now=now, alerts=ALERTS)
            )
        except Invalid:
            return None
        if number == ITEM_9 and value:
            self.said_on_page.append((value, 0 if outcome == "danger" else 1))
        return outcome

    async def _opened(self) -> Visit | None:
        """The browser's own visit; a new one from a new link while links are given."""
        now = self.clock.now()
        async with self.database.begin() as tx:
            if self.visit is not None and await links.visit(tx, self.visit_secret, now=now) is not None:
                return await links.visit(tx, self.visit_secret, now=now)
            token, self.visit_secret = tx.new_id().hex + "0123456789", tx.new_id().hex
            await links.issue(tx, self.check_in_id, token=token, now=now)
            self.visit = await links.start_visit(tx, token, secret=self.visit_secret, csrf="form", now=now)
            return self.visit

    # --- what always holds ---------------------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "ana"):
            self.do(self._holds())

    async def _holds(self) -> None:
        async with self.database.begin() as tx:
            check_in = await tx.first(select(CheckIn.__table__).where(CheckIn.id == self.check_in_id))
            runs = await tx.all(
                select(MeasureRun.id, MeasureRun.state).where(MeasureRun.check_in_id == self.check_in_id)
            )
            answers = await tx.all(select(Answer.__table__))
            results = await tx.all(select(MeasureResult.__table__))
            asked = await tx.all(
                select(Outbox.created_at, Outbox.state)
                .where(Outbox.check_in_id == self.check_in_id, Outbox.kind.in_(ASKING))
            )  # fmt: skip
            signals = await tx.all(select(RiskSignal.trigger))
        assert check_in is not None
        standing = [a for a in answers if a.replaced_at is None]
        assert len({(a.run_id, a.item_no) for a in standing}) == len(standing), (
            "two answers stand for one item"
        )
        assert len({r.run_id for r in results}) == len(results), "a questionnaire was filed twice"
        for result in results:
            scored = [a.value for a in standing if a.run_id == result.run_id and a.item_no <= ITEM_9]
            if result.total is not None:
                assert (len(scored), sum(scored)) == (9, result.total)
        over = check_in.state not in OPEN_STATES
        if over:
            assert not [row for row in asked if row.state == "pending"], "something still asks"
            assert not [r for r in asked if r.created_at > check_in.closed_at], "asked after the end"
            assert all(run.state != "open" for run in runs)
        if check_in.state in ("completed", "portal_completed"):
            assert len(results) == 1
        positive = [a for a in answers if a.item_no == ITEM_9 and (a.value or 0) >= 1]
        if positive or self.said_on_page:
            assert signals, "item 9 was answered above 0 and nobody was told"


def test_two_channels_make_one_answer_set() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        BothChannels,
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=timedelta(seconds=20),
            suppress_health_check=list(HealthCheck),
        ),
    )
