"""The whole record of one clinic to take along: one file of JSON lines a table, sealed text opened. What lets somebody
in (passwords, keys, tokens, hashes) stays behind."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from cryptography.fernet import InvalidToken
from sqlalchemy import Table, func, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict
from kernel.tables import Base
from registry.access import require

MOST_ROWS: Final = 1_000_000
SEALED: Final = "_sealed"
LEFT_BEHIND: Final = ("_hash", "phone_key", "recipient_key", "token", "totp", "secret")
NO_RECORD: Final = frozenset({"api_token", "draft", "web_session", "sender"})


class ExitFile(msgspec.Struct, frozen=True):
    """`content` is a ZIP archive; `tables` and `rows` say how much is in it."""

    name: str
    content: bytes
    tables: int
    rows: int


async def exit_export(tx: Tx, actor: Actor, *, now: datetime) -> ExitFile:
    """Raises `Conflict` for a clinic beyond a million rows: take a database backup instead."""
    clinic_id = require(actor, "clinic_lead")
    tables = [t for t in Base.metadata.sorted_tables if "clinic_id" in t.c and t.name not in NO_RECORD]
    rows = 0
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables:
            count = int(
                await tx.scalar(select(func.count()).select_from(table).where(table.c.clinic_id == clinic_id))
            )
            rows += count
            if rows > MOST_ROWS:
                raise Conflict("the record is too large for one file: take a backup", code="too_large")
            archive.writestr(f"{table.name}.jsonl", await _lines(tx, table, clinic_id))
        archive.writestr("README.txt", _README)
    await audit.record(tx, actor, "record.exported", "clinic", clinic_id, now=now, count=rows)
    return ExitFile(f"evenkeel-{now:%Y-%m-%d}.zip", buffer.getvalue(), len(tables), rows)


async def _lines(tx: Tx, table: Table, clinic_id: UUID) -> bytes:
    kept = [c for c in table.c if not any(word in c.name for word in LEFT_BEHIND)]
    found = await tx.all(
        select(*kept).where(table.c.clinic_id == clinic_id).order_by(*table.primary_key.columns)
    )
    return b"".join(msgspec.json.encode(_opened(tx, row._mapping)) + b"\n" for row in found)


def _opened(tx: Tx, row: Any) -> dict[str, Any]:
    """Text that no key of this server opens stays sealed under its own name, so that nothing is lost."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if not name.endswith(SEALED):
            found[name] = value
            continue
        try:
            found[name.removesuffix(SEALED)] = tx.vault.open_or_none(value)
        except InvalidToken:
            found[name] = value
    return found


_README: Final = """One file a table, one JSON object a line. Ids are the same in all files; times are UTC, dates are the
clinic's own. Rows that were replaced or withdrawn are in it with the moment at which they were. Sealed text was opened:
keep this archive as safe as the record itself.
"""
