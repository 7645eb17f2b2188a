"""A contact that was written down in another registry before this one was used. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from kernel.errors import Problem
from registry.contacts.forms import ContactKind, ContactOutcome, NextStep
from registry.contacts.rules import CONVERSATIONS, OUTCOMES
from registry.episodes.rules import FURTHEST_CONTACT, check_next_contact

IMPORTED: Final = (
    "import"  # `contact.source` of what was brought in: no evidence of how this registry is kept
)
FROM_ELSEWHERE: Final = "Brought in from another registry."
EARLIEST: Final = timedelta(days=3660)
LONGEST_MINUTES: Final = 480


class PastContact(msgspec.Struct, frozen=True, kw_only=True):
    """`by`: somebody without an account here, kept as a name. `timed` false: only the day is known and `occurred_at`
    is its noon. `minutes` are told, never logged: they were the other record's to bill. `next`: what was agreed then."""

    kind: ContactKind
    outcome: ContactOutcome
    channel: str
    occurred_at: datetime
    timed: bool
    staff_id: UUID | None = None
    by: str | None = None
    note: str = ""
    minutes: int | None = None
    next: NextStep | None = None


def kind_of(said: ContactKind, outcome: ContactOutcome) -> ContactKind:
    """Other registries write a call that nobody took, or a missed video visit, under the way it was tried."""
    if outcome in OUTCOMES[said] or said not in CONVERSATIONS:
        return said
    return "no_show" if outcome == "did_not_come" else "attempt"


def check(past: PastContact, now: datetime) -> list[Problem]:
    """Everything wrong, each with its field; of the next contact as `next.at`, `next.mode`, `next.purpose`."""
    found = []
    if past.outcome not in OUTCOMES[past.kind]:
        allowed = ", ".join(sorted(OUTCOMES[past.kind]))
        found.append(Problem("outcome", f"for {past.kind} must be one of: {allowed}"))
    if past.occurred_at > now:
        found.append(Problem("occurred_at", "is in the future"))
    elif past.occurred_at < now - EARLIEST:
        found.append(Problem("occurred_at", "is more than ten years ago"))
    if past.minutes is not None and past.minutes > LONGEST_MINUTES:
        found.append(Problem("minutes", f"is more than {LONGEST_MINUTES}"))
    return found + _check_next(past, now)


def _check_next(past: PastContact, now: datetime) -> list[Problem]:
    """What was agreed for a day that has passed is history; what lies ahead must be possible here."""
    step = past.next
    if step is None or step.at is None:
        return []
    if step.at <= past.occurred_at:
        return [Problem("next.at", "is not after the contact")]
    if step.at > past.occurred_at + FURTHEST_CONTACT:
        return [Problem("next.at", f"is more than {FURTHEST_CONTACT.days} days after the contact")]
    problems = check_next_contact(step.at, step.mode, step.purpose, past.occurred_at)
    if step.at <= now:
        problems = [problem for problem in problems if problem.field != "mode"]
    return [Problem(f"next.{problem.field}", problem.message) for problem in problems]


def note_of(past: PastContact) -> str:
    """What was written, and below it where it comes from and what is not known of it."""
    told = FROM_ELSEWHERE
    if past.by is not None:
        told += f" Contact of {past.by}."
    if not past.timed:
        told += " The time of day was not given."
    written = past.note.replace("\r\n", "\n").strip()
    return f"{written}\n\n{told}" if written else told
