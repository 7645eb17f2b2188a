"""SQLite with one trip to its thread per statement.

The driver's own cursor makes four: open, execute, fetch, close. Each costs more than most of our statements take.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Final

import aiosqlite

AHEAD: Final = 1_000  # rows that come back with the statement; a longer result is fetched on
_ITER_CHUNK: Final = 64  # the driver's default
_HERE: Final = ContextVar("sqlite_here", default=False)


@contextmanager
def alone() -> Iterator[None]:
    """Statements of this task run in its own thread: for a process that serves nobody meanwhile and has thousands of
    small ones to run. The trip to the connection's thread and back costs more than such a statement takes."""
    before = _HERE.set(True)
    try:
        yield
    finally:
        _HERE.reset(before)


async def connect(database: str, *, timeout_s: float) -> aiosqlite.Connection:
    """`timeout_s`: how long a statement waits for another process's lock."""
    # Two threads may use it, never both at once: the driver's, and that of a task that is alone.
    opened = partial(sqlite3.connect, database, timeout=timeout_s, factory=Rolling, check_same_thread=False)
    connection = Connection(opened, _ITER_CHUNK)
    connection._thread.daemon = True  # a process that ends without closing must not hang
    return await connection


class Rolling(sqlite3.Connection):
    """Closed for good. SQLite keeps a closed connection's transaction, and its lock, for as long as a cursor of it is
    held anywhere, such as in the traceback of what was cancelled."""

    def close(self) -> None:
        with suppress(sqlite3.Error):  # closed before, or broken: there is nothing to roll back
            if self.in_transaction:
                self.rollback()
        super().close()


class Connection(aiosqlite.Connection):
    def cursor(self) -> Cursor:  # type: ignore[override]  # the driver's is awaited and entered; this only entered
        return Cursor(self)

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if _HERE.get():
            return fn(*args, **kwargs)
        return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]


class Cursor:
    """As much of the driver's cursor as SQLAlchemy asks for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor: sqlite3.Cursor | None = None
        self._rows: deque[Any] = deque()
        self._more = False
        self.arraysize = 1

    async def __aenter__(self) -> Cursor:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Cursor:
        await self._trip(self._run, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Cursor:
        await self._trip(self._run_many, sql, parameters)
        return self

    async def fetchone(self) -> Any | None:
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        wanted = self.arraysize if size is None else size
        if self._more and len(self._rows) < wanted:
            await self._trip(self._fetch, max(AHEAD, wanted))
        return [self._rows.popleft() for _ in range(min(wanted, len(self._rows)))]

    async def fetchall(self) -> Sequence[Any]:
        if self._more:
            await self._trip(self._fetch, None)
        rows, self._rows = list(self._rows), deque()
        return rows

    async def close(self) -> None:
        """A statement that was read to its end holds nothing open."""
        if self._more and self._cursor is not None:
            await self._trip(self._cursor.close)
        self._rows, self._more = deque(), False

    async def _trip(self, work: Callable[..., Any], *arguments: Any) -> None:
        await self._connection._execute(work, *arguments)

    @property
    def description(self) -> Any:
        return None if self._cursor is None else self._cursor.description

    @property
    def rowcount(self) -> int:
        return -1 if self._cursor is None else self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return None if self._cursor is None else self._cursor.lastrowid

    # The three below run in the connection's thread.

    def _run(self, sql: str, parameters: Any) -> None:
        self._rows, self._more = deque(), False
        self._cursor = self._connection._conn.execute(sql, parameters)
        if self._cursor.description is not None:
            self._fetch(AHEAD)

    def _run_many(self, sql: str, parameters: Iterable[Any]) -> None:
        self._rows, self._more = deque(), False
        self._cursor = self._connection._conn.executemany(sql, parameters)

    def _fetch(self, most: int | None) -> None:
        assert self._cursor is not None
        rows = self._cursor.fetchall() if most is None else self._cursor.fetchmany(most)
        self._more = most is not None and len(rows) == most
        self._rows.extend(rows)
