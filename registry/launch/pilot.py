"""A pilot: a limit on the patients in care that grows in steps, and a report on day 7 and day 14 of each step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, Literal

import msgspec

from kernel.errors import Problem
from registry.launch.checklist import counted

Decision = Literal["go", "no_go"]
DAYS: Final = (7, 14)
STEPS: Final = (5, 15, 40)
MOST_STEPS: Final = 8
MAX_NOTE: Final = 2000


class Measured(msgspec.Struct, frozen=True):
    """One figure of a report as people read it: `value` with its denominator in `of`."""

    title: str
    value: str
    of: str


class Raw(msgspec.Struct, frozen=True):
    """Since the step began. `acknowledged_minutes` and `contact_minutes` are medians, None of nothing."""

    asked: int
    answered: int
    events: int
    acknowledged: int
    acknowledged_minutes: float | None
    contacts: int
    fresh: int
    contact_minutes: float | None
    positives: int
    template_changes: int


def check_steps(steps: Sequence[int]) -> tuple[Problem, ...]:
    found = []
    if not 1 <= len(steps) <= MOST_STEPS:
        found.append(Problem("steps", f"need 1 to {MOST_STEPS} limits"))
    elif any(not 1 <= limit <= 1000 for limit in steps):
        found.append(Problem("steps", "must be between 1 and 1000 patients"))
    elif list(steps) != sorted(set(steps)):
        found.append(Problem("steps", "must rise from one to the next"))
    return tuple(found)


def due(day: int, since: date, today: date) -> bool:
    """Whether the report of this day can be signed: the day has come."""
    return (today - since).days >= day


def report(raw: Raw) -> tuple[Measured, ...]:
    """In the order of the page. Nothing is a percentage of nothing."""
    return (
        Measured("Check-ins answered", _share(raw.answered, raw.asked), f"{raw.answered} of {raw.asked}"),
        Measured(
            "Minutes until a safety event was acknowledged, median",
            _number(raw.acknowledged_minutes),
            f"{raw.acknowledged} of {counted(raw.events, 'event')}",
        ),
        Measured("Notes within two days", _share(raw.fresh, raw.contacts), f"{raw.fresh} of {raw.contacts}"),
        Measured("Minutes a contact, median", _number(raw.contact_minutes), counted(raw.contacts, "contact")),
        Measured(
            "Safety events, each with its alert, for each positive item 9",
            "none" if not raw.positives else f"{raw.events / raw.positives:.1f}",
            f"{counted(raw.events, 'event')}, {raw.positives} positive",
        ),
        Measured("Changes of templates", str(raw.template_changes), "since the step began"),
    )


def _share(part: int, whole: int) -> str:
    return "none" if whole == 0 else f"{(200 * part + whole) // (2 * whole)}%"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
