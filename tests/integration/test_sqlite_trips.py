"""One trip a statement must change nothing but the number of trips."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel import sqlite
from kernel.crypto import Vault, new_key
from kernel.db import Database

MANY = sqlite.AHEAD * 2 + 7


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}", Vault((new_key(),), "k" * 32))
    async with database.begin() as tx:
        await tx.execute(text("CREATE TABLE thing (n INTEGER PRIMARY KEY, word TEXT NOT NULL)"))
        await tx.execute(
            text("INSERT INTO thing (n, word) VALUES (:n, :word)"),
            [{"n": n, "word": f"word {n}"} for n in range(MANY)],
        )
    yield database
    await database.close()


async def test_a_result_longer_than_what_comes_back_at_once_is_whole_and_in_order(db: Database) -> None:
    async with db.begin() as tx:
        rows = await tx.all(text("SELECT n FROM thing ORDER BY n"))
    assert [row.n for row in rows] == list(range(MANY))


@pytest.mark.parametrize("size", [1, sqlite.AHEAD - 1, sqlite.AHEAD, sqlite.AHEAD + 1, MANY])
async def test_a_streamed_result_is_whole_whatever_the_size_of_its_parts(db: Database, size: int) -> None:
    async with db.begin() as tx:
        result = await tx.conn.stream(text("SELECT n FROM thing ORDER BY n"))
        got = [row.n async for part in result.partitions(size) for row in part]
    assert got == list(range(MANY))


async def test_a_stream_left_half_way_holds_up_neither_commit_nor_the_next_writer(db: Database) -> None:
    async with db.begin() as tx:
        result = await tx.conn.stream(text("SELECT n FROM thing ORDER BY n"))
        assert (await result.fetchone()).n == 0  # type: ignore[union-attr]
        await result.close()
        await tx.execute(text("DELETE FROM thing WHERE n > 2"))
    async with db.begin() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM thing")) == 3


async def test_what_a_statement_changed_is_counted_and_what_it_returns_comes_back(db: Database) -> None:
    async with db.begin() as tx:
        changed = await tx.execute(text("UPDATE thing SET word = 'x' WHERE n < 5"))
        assert changed.rowcount == 5
        given = await tx.all(text("DELETE FROM thing WHERE n < 2 RETURNING n"))
        assert sorted(row.n for row in given) == [0, 1]
        assert await tx.first(text("SELECT n FROM thing WHERE n < 0")) is None


async def _write(conn: AsyncConnection, word: str | None) -> None:
    await conn.execute(text("INSERT INTO thing (n, word) VALUES (-1, :word)"), {"word": word})


async def test_a_refused_statement_says_so_and_its_transaction_leaves_nothing(db: Database) -> None:
    with pytest.raises(IntegrityError):
        async with db.begin() as tx:
            await _write(tx.conn, "kept?")
            await _write(tx.conn, None)
    async with db.begin() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM thing WHERE n = -1")) == 0
        with pytest.raises(OperationalError):
            await tx.execute(text("SELECT nothing FROM nowhere"))


SLOW = """INSERT INTO thing (n, word) WITH RECURSIVE up(x) AS
    (SELECT 1 UNION ALL SELECT x + 1 FROM up WHERE x < 300000) SELECT :n, count(*) FROM up"""


@pytest.mark.parametrize("many", [True, False])
async def test_a_transaction_given_up_in_the_middle_of_a_statement_leaves_no_lock(
    db: Database, many: bool
) -> None:
    async def writes() -> None:
        async with db.begin() as tx:
            await tx.execute(text("INSERT INTO thing (n, word) VALUES (-1, 'begun')"))
            rows = [{"n": -2 - n} for n in range(4)]
            await tx.execute(text(SLOW), rows if many else rows[0])

    task = asyncio.create_task(writes())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as kept:  # what holds the traceback holds the cursor as well
        await task
    async with db.begin() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM thing WHERE n < 0")) == 0
    assert kept.value is not None


async def test_a_task_that_is_alone_makes_no_trip_and_the_next_ones_do_again(db: Database) -> None:
    trips: list[object] = []
    async with db.begin() as tx:
        driver = (await tx.conn.get_raw_connection()).driver_connection
        assert isinstance(driver, sqlite.Connection)
    queue, put = driver._tx, driver._tx.put_nowait

    class Watched:
        def put_nowait(self, item: tuple[asyncio.Future[object] | None, object]) -> None:
            trips.append(item)
            put(item)  # type: ignore[arg-type]

    driver._tx = Watched()  # type: ignore[assignment]
    try:
        with sqlite.alone():
            async with db.begin() as tx:
                await tx.execute(text("DELETE FROM thing WHERE n > 2"))
            with pytest.raises(IntegrityError):
                async with db.begin() as tx:
                    await tx.execute(text("DELETE FROM thing"))
                    await tx.execute(text("INSERT INTO thing (n) VALUES (1)"))
        assert trips == []
        async with db.begin() as tx:
            assert await tx.scalar(text("SELECT count(*) FROM thing")) == 3
        assert (
            len(trips) == 4
        )  # begin, the statement, commit, and the pool making sure that nothing is left open
    finally:
        driver._tx = queue
