"""The database: one transaction per use case, the clinic wall, and everything SQLite and PostgreSQL do differently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    CursorResult,
    Executable,
    Insert,
    Row,
    String,
    any_,
    bindparam,
    cast,
    event,
    func,
    literal,
    literal_column,
    make_url,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

import kernel.sqlite
from kernel.crypto import Vault
from kernel.errors import Unavailable
from kernel.ids import NewId, new_id

T = TypeVar("T")
DatabaseRole = Literal["app", "worker", "owner", "watchdog"]
RETRIES = 5
RETRY_PAUSE_S = 0.02
LOCK_WAIT_S = 5


class Tx:
    """One open transaction. Carries what a use case may need besides its arguments: ids, the vault, the doorbell."""

    __slots__ = ("_rings", "clinic_id", "conn", "is_postgres", "new_id", "vault")

    def __init__(self, conn: AsyncConnection, vault: Vault, ids: NewId) -> None:
        self.conn = conn
        self.vault = vault
        self.new_id = ids
        self.is_postgres = conn.dialect.name == "postgresql"
        self.clinic_id: UUID | None = None
        self._rings: set[str] = set()

    async def execute(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        return await self.conn.execute(statement, values)

    async def all(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        return (await self.conn.execute(statement, values)).all()

    async def first(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Row[Any] | None:
        return (await self.conn.execute(statement, values)).first()

    async def scalar(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Any:
        return (await self.conn.execute(statement, values)).scalar()

    async def insert_once(self, statement: Insert, values: Mapping[str, Any]) -> bool:
        """Insert unless a unique key already holds such a row; true when this call wrote it.

        `statement` comes from `insert_or_skip`. Idempotence is the constraint's, not a check's.
        """
        return (await self.conn.execute(statement, values)).rowcount == 1

    async def insert_many(
        self,
        many: ManyRows,
        rows: Sequence[Mapping[str, Any]],
        same: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """One statement for all rows, from `insert_many_or_skip`; rows whose unique key exists are left out.
        `same`: columns with one value for all of them, sent once."""
        if not rows:
            return
        if self.is_postgres:
            values = {"rows": _document(rows), "same": _document(dict(same))}
            await self.conn.execute(many.postgres, values)
        else:
            await self.conn.execute(many.sqlite, [{**same, **row} for row in rows])

    async def enter_clinic(self, clinic_id: UUID) -> None:
        """From here on PostgreSQL shows and accepts only this clinic's rows; gone at the end of the transaction."""
        self.clinic_id = clinic_id
        if self.is_postgres:
            await self.conn.execute(_SET_CLINIC, {"clinic": str(clinic_id)})

    def ring(self, bell: str) -> None:
        """Wake a worker after the commit. Only a hint: the sweep is the guarantee."""
        self._rings.add(bell)

    @property
    def rings(self) -> frozenset[str]:
        return frozenset(self._rings)


_SET_CLINIC = text("SELECT set_config('evenkeel.clinic', :clinic, true)")


def insert_or_skip(table: Any, *key: str, where: str | None = None) -> tuple[Insert, Insert]:
    """Both dialects' INSERT ... ON CONFLICT (key) DO NOTHING, as (sqlite, postgresql). See `pick`.

    Without a key any unique constraint counts.
    """
    columns = list(key) or None
    predicate = None if where is None else text(where)
    return (
        sqlite.insert(table).on_conflict_do_nothing(index_elements=columns, index_where=predicate),
        postgresql.insert(table).on_conflict_do_nothing(index_elements=columns, index_where=predicate),
    )


def insert_or_update(table: Any, *key: str, change: Collection[str]) -> tuple[Insert, Insert]:
    """Both dialects' INSERT ... ON CONFLICT (key) DO UPDATE, as (sqlite, postgresql). See `pick`.

    `change` names the columns that an existing row takes from the new one. The row is locked either way.
    """
    lite, postgres = sqlite.insert(table), postgresql.insert(table)
    return (
        lite.on_conflict_do_update(index_elements=list(key), set_={c: lite.excluded[c] for c in change}),
        postgres.on_conflict_do_update(
            index_elements=list(key), set_={c: postgres.excluded[c] for c in change}
        ),
    )


def among(tx: Tx, column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """`column IN (values)` for long lists: one array on PostgreSQL, so that the statement's text stays the same."""
    if not tx.is_postgres:
        return type_coerce(column.in_(values), Boolean)
    return type_coerce(column == any_(literal(list(values), postgresql.ARRAY(column.type))), Boolean)


def fixed(*values: str) -> list[ColumnElement[str]]:
    """Constants of ours that stand in the statement's text, for `in_`. PostgreSQL keeps one plan for all parameters,
    and a partial index (`WHERE state = 'held'`) is no choice where the value is a parameter. Raises ValueError for
    anything but a plain word."""
    for value in values:
        if not value.isidentifier():
            raise ValueError("fixed: plain words only")
    return [literal_column(f"'{value}'", String) for value in values]


class ManyRows(NamedTuple):
    sqlite: Insert
    postgres: Insert


def insert_many_or_skip(table: Any, *key: str) -> ManyRows:
    """INSERT ... ON CONFLICT (key) DO NOTHING for many rows at once, for `Tx.insert_many`.

    PostgreSQL gets all rows as one JSON document: bound one by one, each row is a statement of its own to it, and
    that costs more than the insert. A column that neither a row nor `same` names is null.
    """
    target = table.__table__
    names = [column.name for column in target.columns]
    document, same = (cast(bindparam(name, type_=String), JSON) for name in ("rows", "same"))
    start = func.json_populate_record(literal_column(f'NULL::"{target.name}"'), same)
    rows = func.json_populate_recordset(start, document).table_valued(*names)
    lite, postgres = insert_or_skip(table, *key)
    return ManyRows(lite, postgres.from_select(names, select(*rows.c)))


def _document(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def alongside(sent: Coroutine[Any, Any, None], work: Callable[[], T]) -> T:
    """Computes while the database is busy with a statement: `sent` is on its way when `work` begins, and has ended when
    this returns or raises. `work` uses no transaction."""
    statement = asyncio.create_task(sent)
    try:
        await asyncio.sleep(0)  # the statement is written to the connection,
        await asyncio.sleep(0)  # and the connection's buffer to the socket
        return work()
    finally:
        await statement


def pick(tx: Tx, pair: tuple[T, T]) -> T:
    """The dialect's own statement out of (sqlite, postgresql)."""
    return pair[1] if tx.is_postgres else pair[0]


class Database:
    """`begin()` commits or raises; `run(fn)` also retries what the database asks to retry."""

    def __init__(
        self,
        url: str,
        vault: Vault,
        *,
        role: DatabaseRole = "app",
        ids: NewId = new_id,
        ring: Callable[[frozenset[str]], Awaitable[None]] | None = None,
        pool_size: int = 20,
    ) -> None:
        self.vault = vault
        self.ids = ids
        self.ring = ring
        self.engine = _engine(url, role, pool_size)
        self.is_postgres = self.engine.dialect.name == "postgresql"

    @asynccontextmanager
    async def begin(self, clinic_id: UUID | None = None) -> AsyncIterator[Tx]:
        """One transaction. Raises `Unavailable` when no connection or lock can be had."""
        try:
            async with self.engine.begin() as conn:
                tx = Tx(conn, self.vault, self.ids)
                if clinic_id is not None:
                    await tx.enter_clinic(clinic_id)
                yield tx
        except (DBAPIError, PoolTimeout, OSError, TimeoutError) as error:
            if not is_unavailable(error):
                raise
            raise Unavailable("the database can't answer now") from None
        if tx.rings and self.ring is not None:
            await self.ring(tx.rings)

    async def run(self, body: Callable[[Tx], Awaitable[T]], clinic_id: UUID | None = None) -> T:
        """Run `body` in a transaction, again from the start when the database reports a serialization failure,
        a deadlock or a busy file, up to RETRIES times; then `Unavailable`."""
        for attempt in range(RETRIES):
            try:
                async with self.begin(clinic_id) as tx:
                    return await body(tx)
            except DBAPIError as error:
                if not is_retryable(error):
                    raise
                await asyncio.sleep(RETRY_PAUSE_S * 2**attempt)
        raise Unavailable("the database stayed busy")

    async def close(self) -> None:
        await self.engine.dispose()


def is_retryable(error: BaseException) -> bool:
    """SQLSTATE class 40 (serialization failure, deadlock) on PostgreSQL; a busy file on SQLite."""
    if not isinstance(error, DBAPIError):
        return False
    state = _sqlstate(error)
    return state.startswith("40") if state is not None else "database is locked" in str(error.orig)


# No lock in time; shutting down or cancelled; out of connections, disk or memory; connection lost; read-only standby.
UNAVAILABLE = ("55P03", "57", "53", "08", "25006")


def is_unavailable(error: BaseException) -> bool:
    """The database could not answer now, so whoever called should come again; nothing is wrong with the call."""
    if is_retryable(error):
        return False
    if not isinstance(error, DBAPIError):
        return True
    state = _sqlstate(error)
    return state.startswith(UNAVAILABLE) if state is not None else isinstance(error, OperationalError)


def _sqlstate(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return None if state is None else str(state)


def _engine(url: str, role: DatabaseRole, pool_size: int) -> AsyncEngine:
    # hide_parameters: error texts must never hold a bound phone number.
    if url.startswith("sqlite"):
        engine = create_async_engine(
            url,
            hide_parameters=True,
            json_deserializer=msgspec.json.decode,
            pool_size=1,  # one writer; a second connection would only wait for the file lock
            max_overflow=0,
            pool_timeout=30,
            async_creator=partial(
                kernel.sqlite.connect, make_url(url).database or ":memory:", timeout_s=LOCK_WAIT_S
            ),
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_immediate)
        return engine
    settings = {
        "lock_timeout": f"{LOCK_WAIT_S}s",
        "timezone": "UTC",
        "application_name": f"evenkeel-{role}",
        "jit": "off",  # compiling a plan takes longer than any of our statements, and estimates alone start it
    }
    if role != "owner":
        settings["role"] = f"evenkeel_{role}"
    return create_async_engine(
        url,
        hide_parameters=True,
        json_deserializer=msgspec.json.decode,
        pool_size=pool_size,
        max_overflow=0,  # a connection beyond the pool's size would be closed after each use
        pool_timeout=10,
        pool_pre_ping=False,
        connect_args={"server_settings": settings},
    )


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver must not open deferred transactions by itself
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # a 204 to the provider means stored
        "foreign_keys=ON",
        "recursive_triggers=ON",  # else INSERT OR REPLACE slips past the audit triggers
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    # A deferred read-then-write fails at once under concurrency and loses updates; this waits instead.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
