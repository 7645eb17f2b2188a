"""How a task may end, and what the page may be asked for."""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

import msgspec

Outcome = Literal["answered", "called", "no_reply_needed", "corrected", "handed_over", "no_longer_needed"]
OUTCOMES: Final[dict[str, str]] = {
    "answered": "Answered",
    "called": "Called",
    "no_reply_needed": "Read, nothing to answer",
    "corrected": "Put right",
    "handed_over": "Handed over",
    "no_longer_needed": "Not needed any more",
}
# Outcomes that rules write; shown for tasks that are done.
WRITTEN: Final[dict[str, str]] = OUTCOMES | {"read": "Read", "event_closed": "The safety event was closed"}


class DoneForm(msgspec.Struct, frozen=True):
    outcome: Outcome


class TasksQuery(msgspec.Struct, frozen=True):
    view: Literal["mine", "replies", "all", "done"] = "mine"
    after: UUID | None = None


LABELS: Final = {"outcome": "What came of it"}
