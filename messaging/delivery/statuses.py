"""Where a submitted text is: callbacks arrive in any order, more than once, and carry no time.

So the status only moves up a ladder of ranks; every event is kept, whatever it does to the status.
"""

from datetime import datetime, timedelta
from typing import Final, assert_never

import msgspec

# twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks. A text with several parts of which
# some arrived is still on its way. `presumed_sent` is ours: five polls brought no end, so none will come.
RANK: Final[dict[str, int]] = {
    "scheduled": 0,
    "accepted": 1,
    "queued": 2,
    "sending": 3,
    "sent": 4,
    "partially_delivered": 4,
    "presumed_sent": 4,
    "delivered": 5,
    "undelivered": 5,
    "failed": 5,
    "canceled": 5,
    "read": 6,
}
FINAL_RANK: Final = 5
INBOUND_ONLY: Final = frozenset({"receiving", "received"})

# After acceptance. The first reading of an on-call alert comes sooner, since the next channel starts without it.
POLL_AFTER: Final = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
ALERT_FIRST_POLL: Final = timedelta(seconds=90)


class Advance(msgspec.Struct, frozen=True):
    """The status moves up."""

    status: str


class Keep(msgspec.Struct, frozen=True):
    """The same status again, or one that was passed already."""


class Contradiction(msgspec.Struct, frozen=True):
    """Two different ends. The first is kept; staff see a note."""

    kept: str
    other: str


class Unranked(msgspec.Struct, frozen=True):
    """Not a status of an outbound text that we know: stored raw, changes nothing."""

    raw: str


Move = Advance | Keep | Contradiction | Unranked


class Delivery(msgspec.Struct, frozen=True):
    """Status of a text and its first error code; `contradicted` once two different ends were reported."""

    status: str | None = None
    error_code: int | None = None
    contradicted: bool = False


class PollAt(msgspec.Struct, frozen=True):
    at: datetime


class PresumedSent(msgspec.Struct, frozen=True):
    """Give up asking; never shown as delivered. A late callback still moves it up."""


class Settled(msgspec.Struct, frozen=True):
    """An end is known; nothing to ask."""


def advance(current: str | None, incoming: str) -> Move:
    """What one reported status means for the current one (None before the first)."""
    if incoming in INBOUND_ONLY or incoming not in RANK:
        return Unranked(incoming)
    if current == incoming:
        return Keep()
    now, then = rank(current), RANK[incoming]
    if then > now:
        return Advance(incoming)
    if then == now == FINAL_RANK and current is not None:
        return Contradiction(current, incoming)
    return Keep()


def rank(status: str | None) -> int:
    """Rank of a stored status; -1 for none or an unknown one."""
    return RANK.get(status or "", -1)


def is_final(status: str | None) -> bool:
    return rank(status) >= FINAL_RANK


def after_event(delivery: Delivery, status: str, error_code: int | None = None) -> Delivery:
    """`delivery` after one reported event. The first error code stays, so a later event without one loses nothing."""
    error = delivery.error_code if delivery.error_code is not None else error_code
    move = advance(delivery.status, status)
    match move:
        case Advance(status=moved):
            return Delivery(moved, error, delivery.contradicted)
        case Contradiction():
            return Delivery(delivery.status, error, contradicted=True)
        case Keep() | Unranked():
            return Delivery(delivery.status, error, delivery.contradicted)
        case _:
            assert_never(move)


def next_poll(
    status: str | None, accepted_at: datetime, polls_done: int, *, alert: bool = False
) -> PollAt | PresumedSent | Settled:
    """When to ask the provider about a text that has not ended: 5 min, 15 min, 1 h, 6 h and 24 h after acceptance.

    A text that merely left (`sent`) is asked about too: it may never be reported as delivered.
    """
    if is_final(status):
        return Settled()
    if polls_done >= len(POLL_AFTER):
        return PresumedSent()
    wait = ALERT_FIRST_POLL if alert and polls_done == 0 else POLL_AFTER[polls_done]
    return PollAt(accepted_at + wait)
