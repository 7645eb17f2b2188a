"""Stands where the alerting room is wired in: notes which events should be alerted about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import event

from kernel.db import Database, Tx


class NotedAlerts:
    def __init__(self) -> None:
        self.events: list[UUID] = []

    async def first_alert(self, tx: Tx, event_id: UUID, *, now: datetime) -> None:
        self.events.append(event_id)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The SQL that runs inside the block, in order."""
    seen: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
