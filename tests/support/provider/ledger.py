"""The provider's own SQLite file: every text, callback, webhook delivery and API request."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tests.support.provider.settings import Settings

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
  n INTEGER PRIMARY KEY AUTOINCREMENT, sid TEXT UNIQUE, direction TEXT, "from" TEXT, "to" TEXT, body TEXT,
  status TEXT, error_code INTEGER, service TEXT, status_callback TEXT, validity_period INTEGER,
  segments INTEGER, created TEXT, updated TEXT, sent TEXT, send_at TEXT, fault TEXT, duplicate_of TEXT,
  silent INTEGER DEFAULT 0, media INTEGER DEFAULT 0);
CREATE INDEX IF NOT EXISTS message_to ON message("to", n);
CREATE TABLE IF NOT EXISTS callback (
  n INTEGER PRIMARY KEY AUTOINCREMENT, sid TEXT, status TEXT, url TEXT, pairs TEXT, due TEXT,
  state TEXT DEFAULT 'waiting');
CREATE INDEX IF NOT EXISTS callback_waiting ON callback(state, n);
CREATE TABLE IF NOT EXISTS delivery (
  n INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, sid TEXT, status TEXT, url TEXT, attempt INTEGER,
  token TEXT, signature TEXT, code INTEGER, failure TEXT, seconds REAL, problem TEXT);
CREATE TABLE IF NOT EXISTS request (
  n INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, method TEXT, operation TEXT, "to" TEXT, fault TEXT,
  code INTEGER, error_code INTEGER, sid TEXT);
CREATE INDEX IF NOT EXISTS request_operation ON request(operation);
CREATE TABLE IF NOT EXISTS fault (
  n INTEGER PRIMARY KEY AUTOINCREMENT, operation TEXT, "to" TEXT, name TEXT, argument REAL, times INTEGER);
CREATE TABLE IF NOT EXISTS opt_out (sender TEXT, recipient TEXT, PRIMARY KEY (sender, recipient));
CREATE TABLE IF NOT EXISTS setting (id INTEGER PRIMARY KEY CHECK (id = 1), json BLOB);
"""
TABLES = ("message", "callback", "delivery", "request", "fault", "opt_out")

Row = dict[str, Any]
Values = tuple[object, ...]


class Ledger:
    """Every write is committed when its method returns; SIGKILL of any process loses nothing written."""

    def __init__(self, path: Path | str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")  # only a machine crash could lose a commit
        self._connection.executescript(_SCHEMA)
        self.settings = self._stored_settings()

    def close(self) -> None:
        self._connection.close()

    def now(self) -> datetime:
        return self.settings.now()

    def save(self, settings: Settings) -> None:
        self.settings = settings
        sql = "INSERT INTO setting VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json"
        self._connection.execute(sql, (msgspec.json.encode(settings),))

    def clear(self) -> None:
        """Forgets everything but the settings; rows are numbered from 1 again."""
        for table in (*TABLES, "sqlite_sequence"):
            self._connection.execute(f"DELETE FROM {table}")

    def add(self, table: str, row: Mapping[str, object]) -> int:
        names = ", ".join(f'"{name}"' for name in row)
        sql = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})"
        return self._connection.execute(sql, tuple(row.values())).lastrowid or 0

    def change(self, table: str, n: int, row: Mapping[str, object]) -> None:
        assignments = ", ".join(f'"{name}" = ?' for name in row)
        self._connection.execute(f"UPDATE {table} SET {assignments} WHERE n = ?", (*row.values(), n))

    def rows(self, table: str, where: str = "1", values: Values = (), tail: str = "ORDER BY n") -> list[Row]:
        found = self._connection.execute(f"SELECT * FROM {table} WHERE {where} {tail}", values)
        return [dict(row) for row in found]

    def message(self, sid: str) -> Row | None:
        return next(iter(self.rows("message", "sid = ?", (sid,))), None)

    def creates(self) -> int:
        """How many creates were asked for so far."""
        found = self._connection.execute("SELECT count(*) FROM request WHERE operation = 'create'")
        return int(found.fetchone()[0])

    def opt_out(self, sender: str, recipient: str) -> None:
        self._connection.execute("INSERT OR IGNORE INTO opt_out VALUES (?, ?)", (sender, recipient))

    def opt_in(self, sender: str, recipient: str) -> None:
        self._connection.execute(
            "DELETE FROM opt_out WHERE sender = ? AND recipient = ?", (sender, recipient)
        )

    def opted_out(self, sender: str, recipient: str) -> bool:
        return bool(self.rows("opt_out", "sender = ? AND recipient = ?", (sender, recipient), ""))

    def dump(self) -> dict[str, list[Row]]:
        return {table: self.rows(table, tail="" if table == "opt_out" else "ORDER BY n") for table in TABLES}

    def _stored_settings(self) -> Settings:
        found = self._connection.execute("SELECT json FROM setting").fetchone()
        return Settings() if found is None else msgspec.json.decode(found[0], type=Settings)


def stamp(moment: datetime) -> str:
    """UTC text of fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(stamped: str) -> datetime:
    return datetime.fromisoformat(stamped)
