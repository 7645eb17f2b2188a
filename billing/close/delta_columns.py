"""What an adjustment changed, as a table: one row a field, before and after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from billing.close.rules import Delta
from billing.export.csv import Cell

COLUMNS: Final = (
    "change", "family_name", "given_name", "mrn", "episode_id", "field", "before", "after", "reason",
    "adjusted_by", "adjusted_at",
)  # fmt: skip


def table(deltas: Iterable[Delta], reason: str, by: str, at: datetime) -> list[tuple[Cell, ...]]:
    return [
        (
            delta.kind, delta.family_name, delta.given_name, delta.mrn, delta.episode_id,
            change.field, change.before, change.after, reason, by, at.isoformat(),
        )
        for delta in deltas
        for change in delta.fields
    ]  # fmt: skip
