"""What a patient says about harm is heard, whatever the conversation, the clock or the other channel was doing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from kernel.db import Database
from messaging.conversation.tables import SmsThread
from registry.safety.tables import RiskSignal
from tests.support.clock import FakeClock
from tests.support.conversations import Desk

ZEROS = ("0",) * 8
QUICK = timedelta(seconds=2)


@pytest.fixture
async def desk(database: Database, clock: FakeClock) -> Desk:
    return await Desk.open(database, clock)


# --- what is being asked -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", ["WHY", "ESPAÑOL", "LATER", "START"])
async def test_a_quick_answer_after_item_9_is_asked_again_is_the_answer_to_item_9(
    desk: Desk, between: str
) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    await ana.texts(between, accept=False)
    await ana.texts("3", after=QUICK, accept=False)
    assert (await ana.answers())["phq9", 9] == 3
    assert (await ana.answers())["phq9", 8] == 0
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.last_kind() == "crisis"


async def test_a_correction_of_item_9_right_after_the_next_question_alarms(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana, ("phq9", "gad7"))
    await ana.says(*ZEROS, "0")
    await ana.texts("3", after=QUICK)
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.last_kind() == "crisis"


async def test_a_positive_item_9_alarms_while_it_is_held_and_once(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS[:7])
    await ana.texts("0", accept=False)
    await desk.accepts("sending")
    assert (await ana.texts("3", accept=False)).state == "held"
    assert await desk.events() == [(2, "self", "open")]
    assert await ana.last_kind() == "crisis"
    await desk.settles("accepted")
    assert await desk.releases() == 1
    assert (await ana.answers())["phq9", 9] == 3
    assert await desk.events() == [(2, "self", "open")]
    assert [kind for kind, _ in await ana.received()].count("crisis") == 1


# --- after the end -----------------------------------------------------------------------------------------------


async def test_an_answer_after_its_72_hours_is_late_even_before_the_sweep(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    desk.clock.advance(hours=72)
    result = await ana.texts("0")
    assert result.classified_as == "late_answer"
    assert ("phq9", 9) not in await ana.answers()
    assert await desk.tasks(ana) == ["late_answer"]
    assert await desk.events() == []
    await desk.sweep()
    assert await ana.check_in_state() == "partial_expired"
    assert await ana.mode() == {"mode": "idle"}


@pytest.mark.parametrize("swept", [True, False])
async def test_item_9_answered_after_the_end_alarms(desk: Desk, swept: bool) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS)
    desk.clock.advance(hours=73)
    if swept:
        await desk.sweep()
    await ana.says("2")
    assert await desk.events() == [(2, "self", "open")]
    assert "late_answer" in await desk.tasks(ana)
    assert await ana.last_kind() == "crisis"
    assert ("phq9", 9) not in await ana.answers()


async def test_another_item_answered_after_the_end_alarms_nobody(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says(*ZEROS[:7])
    desk.clock.advance(hours=73)
    await ana.says("2")
    assert await desk.events() == []
    assert "late_answer" in await desk.tasks(ana)
