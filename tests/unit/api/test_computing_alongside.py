"""Computing while a statement is on its way."""

from __future__ import annotations

import asyncio

import pytest

from kernel.db import alongside


async def test_the_statement_is_sent_first_and_has_ended_when_the_work_is_given() -> None:
    seen: list[str] = []

    async def statement() -> None:
        seen.append("sent")
        await asyncio.sleep(0.01)
        seen.append("ended")

    def work() -> int:
        seen.append("worked")
        return len(seen)

    assert await alongside(statement(), work) == 2
    assert seen == ["sent", "worked", "ended"]


async def test_what_the_work_raises_comes_after_the_statement_has_ended() -> None:
    seen: list[str] = []

    async def statement() -> None:
        await asyncio.sleep(0.01)
        seen.append("ended")

    with pytest.raises(ZeroDivisionError):
        await alongside(statement(), lambda: 1 // 0)
    assert seen == ["ended"]


async def test_what_the_statement_raises_is_raised() -> None:
    async def statement() -> None:
        await asyncio.sleep(0)
        raise LookupError

    with pytest.raises(LookupError):
        await alongside(statement(), lambda: 1)
