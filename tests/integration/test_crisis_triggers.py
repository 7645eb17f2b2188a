"""Crisis words open an event in the transaction of the text, in every state of the thread and whoever is meant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from kernel.db import Database
from messaging.delivery.tables import Outbox
from registry.safety.tables import RiskEvent, RiskSignal
from tests.support.clock import FakeClock
from tests.support.conversations import Desk, Phone

SELF, OTHERS = (2, "self", "open"), (2, "others", "open")


@pytest.fixture
async def desk(database: Database, clock: FakeClock) -> Desk:
    return await Desk.open(database, clock)


async def idle(desk: Desk) -> Phone:
    return await desk.enrols()


async def in_the_middle(desk: Desk) -> Phone:
    ana = await desk.enrols()
    await desk.asks(ana)
    await ana.says("1", "2")
    return ana


async def opted_out(desk: Desk) -> Phone:
    ana = await in_the_middle(desk)
    await ana.texts("STOP")
    return ana


async def expired(desk: Desk) -> Phone:
    ana = await in_the_middle(desk)
    desk.clock.advance(hours=80)
    await desk.sweep()
    return ana


async def stranger(desk: Desk) -> Phone:
    return desk.stranger()


async def night(desk: Desk) -> Phone:
    ana = await desk.enrols()
    desk.clock.advance(hours=16)
    return ana


STATES: list[Callable[[Desk], Awaitable[Phone]]] = [
    idle, in_the_middle, opted_out, expired, stranger, night,
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=[state.__name__ for state in STATES])
async def test_crisis_words_are_heard_in_every_state(
    desk: Desk, state: Callable[[Desk], Awaitable[Phone]]
) -> None:
    phone = await state(desk)
    await phone.texts("i want to kill myself")
    assert await desk.events() == [SELF]
    alerts = await desk.column(select(Outbox.kind).where(Outbox.kind == "alert"))
    assert alerts  # written with the event, before anything is sent
    if state is not opted_out:  # the provider would refuse a text to a number that stopped
        assert await phone.last_kind() == "crisis"
        for words in ("988", "911", "not watched around the clock"):
            assert words in await phone.last()
        (row,) = await desk.column(select(Outbox.not_before).where(Outbox.kind == "crisis"))
        assert row <= desk.clock.now()  # at night as by day


@pytest.mark.parametrize(
    ("words", "events"),
    [
        ("i want to kill myself", [SELF]),
        ("i have a gun and want to kill myself", [(3, "self", "open")]),
        ("i took all my pills", [SELF]),
        ("i am going to kill him", [OTHERS]),
        ("i will kill him and then kill myself", [OTHERS, SELF]),
        ("tengo una pistola y quiero matarme", [(3, "self", "open")]),
        ("0 1 2 1 i want to die", [SELF]),
    ],
)
async def test_the_tier_and_the_route_follow_the_words(
    desk: Desk, words: str, events: list[tuple[int, str, str]]
) -> None:
    ana = await in_the_middle(desk)
    await ana.texts(words)
    assert sorted(await desk.events(), key=lambda event: event[1]) == events
    assert await ana.last_kind() == "crisis"
    linked = await desk.column(select(Outbox.event_id).where(Outbox.kind == "crisis"))
    about = await desk.column(select(RiskEvent.toward).where(RiskEvent.id == linked[0]))
    assert about == [events[-1][1]]


async def test_the_same_text_twice_is_one_signal_each_way(desk: Desk) -> None:
    ana = await idle(desk)
    await ana.texts("i will kill him and then kill myself")
    assert len(await desk.column(select(RiskSignal.id))) == 2
    assert len({*await desk.column(select(RiskSignal.source_id))}) == 1
