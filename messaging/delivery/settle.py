"""After an attempt: which state the row takes, when to look again, and what else must happen.

The provider offers no idempotency key, so only an answer that proves "never processed" puts a row back.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, assert_never

import msgspec

from messaging.delivery.errors import ErrorClass, classify
from messaging.delivery.kinds import MessageClass
from messaging.delivery.outcomes import Accepted, NotSent, Outcome, Rejected, Unknown
from messaging.delivery.rules import Event, State, move
from messaging.delivery.statuses import ALERT_FIRST_POLL, POLL_AFTER
from messaging.schedule.windows import MIN_VALIDITY

LEASE: Final = timedelta(seconds=60)
FENCE: Final = timedelta(seconds=25)  # the hard deadline of a call, and a few seconds of pauses
DEADLINE: Final = timedelta(seconds=10)  # of one call to the provider
MAX_DEADLINE: Final = timedelta(seconds=20)
FIRST_READ: Final = timedelta(seconds=30)  # after an unknown outcome

BACKOFF_BASE: Final = timedelta(seconds=5)
BACKOFF_CAP: Final[dict[MessageClass, timedelta]] = {
    "A": timedelta(minutes=15),
    "B": timedelta(seconds=30),  # a safety text or an alert tries on within its own escalation's pace
    "C": timedelta(seconds=30),
    "D": timedelta(seconds=30),
}
HALT_WAIT: Final = timedelta(minutes=5)  # the dispatcher is stopped; the row only must not spin
PAUSE_WAIT: Final = timedelta(hours=1)

MAX_RAISES: Final = 3
RAISE_WAIT: Final[dict[MessageClass, timedelta]] = {
    "A": timedelta(minutes=5),
    "B": timedelta(seconds=30),
    "C": timedelta(seconds=30),
    "D": timedelta(seconds=30),
}

Effect = Literal[
    "record_opt_out",
    "invalidate_contact",
    "count_soft_failure",  # the second in a row counts against the number
    "staff_task",
    "alert_operator",
    "halt_dispatcher",
    "pause_dispatcher",
    "slow_down",
    "second_channel",  # class C: do not wait for this one
]
EFFECTS: Final[dict[ErrorClass, tuple[Effect, ...]]] = {
    "backoff": (),
    "unknown_outcome": (),
    "halt": ("halt_dispatcher", "alert_operator"),
    "bad_contact": ("invalidate_contact", "staff_task"),
    "config": ("alert_operator",),
    "opt_out": ("record_opt_out", "staff_task"),
    "loop": ("alert_operator", "staff_task"),
    "not_sent": (),
    "soft": ("count_soft_failure",),
    "soft_opt_out": ("staff_task",),
    "content": ("alert_operator",),
    "throttle": ("slow_down",),
    "pause": ("pause_dispatcher", "alert_operator"),
    "unknown": ("staff_task",),
}
# Beyond what their class asks for.
CODE_EFFECTS: Final[dict[int, tuple[Effect, ...]]] = {
    21611: ("alert_operator",),  # a ten-hour queue does not clear by itself
    30034: ("halt_dispatcher",),  # no text of an unregistered campaign will arrive
}
# Refused at creation in these classes, a text was surely not taken and may go later.
TRY_AGAIN: Final[dict[ErrorClass, timedelta]] = {
    "backoff": timedelta(0),
    "throttle": timedelta(0),
    "halt": HALT_WAIT,
    "pause": PAUSE_WAIT,
}


class Attempt(msgspec.Struct, frozen=True):
    """The row of an attempt; `number` counts from 1."""

    class_: MessageClass
    number: int
    not_after: datetime


class Settled(msgspec.Struct, frozen=True):
    """`event` and the `state` it leads to; `next_at` is when a sweep must look again, None if never."""

    event: Event
    state: State
    reason: str
    next_at: datetime | None
    effects: tuple[Effect, ...] = ()


class Push(msgspec.Struct, frozen=True):
    """Our own processing raised: try the row again at `at`."""

    at: datetime


class Quarantine(msgspec.Struct, frozen=True):
    """It raised too often: the row fails and an alert is raised."""


def settle(outcome: Outcome, row: Attempt, now: datetime, chance: float) -> Settled:
    """What an outcome means for a row in `sending`. `chance` in [0, 1) spreads retries."""
    match outcome:
        case Accepted():
            first = ALERT_FIRST_POLL if row.class_ == "C" else POLL_AFTER[0]
            return _settled("sending", "accept", "accepted", now + first)
        case NotSent(retry_after=retry_after):
            return _again(row, now, chance, retry_after or timedelta(0), "not_sent", _channel(row))
        case Unknown():
            return _lost("no_answer", row, now)
        case Rejected(http_status=http_status, code=code):
            return _rejected(classify(http_status, code), code, row, now, chance)
        case _:
            assert_never(outcome)


def lease_ended(row: Attempt, now: datetime) -> Settled:
    """A row still in `sending` when its lease is over: nobody knows whether the call was made."""
    return _lost("lease_ended", row, now)


def backoff(class_: MessageClass, attempt: int, chance: float) -> timedelta:
    """Wait before the next attempt: 5 s doubled per attempt up to the class's cap, half of it by chance."""
    if not 0 <= chance < 1:
        raise ValueError("chance: outside [0, 1)")
    # Doubling stops counting where every cap is long passed, so a large attempt cannot overflow.
    full = min(BACKOFF_CAP[class_], BACKOFF_BASE * (1 << min(attempt - 1, 16)))
    return full / 2 + full / 2 * chance


def delivery_failed(class_: MessageClass, code: int | None) -> tuple[Effect, ...]:
    """What follows when an accepted text ends undelivered or failed; the row itself is never sent again."""
    wanted = EFFECTS[classify(None, code)] + CODE_EFFECTS.get(code or 0, ())
    return tuple(dict.fromkeys([*wanted, *(("second_channel",) if class_ == "C" else ())]))


def after_raise(class_: MessageClass, raises: int, now: datetime) -> Push | Quarantine:
    """What to do with a row whose processing raised, `raises` times including this one."""
    return Quarantine() if raises >= MAX_RAISES else Push(now + RAISE_WAIT[class_])


def _rejected(error: ErrorClass, code: int | None, row: Attempt, now: datetime, chance: float) -> Settled:
    if error == "unknown_outcome":
        return _lost(error, row, now)
    effects = (*EFFECTS[error], *CODE_EFFECTS.get(code or 0, ()), *_channel(row))
    create = tuple(dict.fromkeys(effects))
    if error in TRY_AGAIN:
        return _again(row, now, chance, TRY_AGAIN[error], error, create)
    return _settled("sending", "reject", error, None, create)


def _again(
    row: Attempt, now: datetime, chance: float, at_least: timedelta, reason: str, effects: tuple[Effect, ...]
) -> Settled:
    at = now + max(backoff(row.class_, row.number, chance), at_least)
    needed = MIN_VALIDITY if row.class_ in ("A", "D") else timedelta(0)
    if at + needed > row.not_after:
        return _settled("sending", "expire", reason, None, effects)
    return _settled("sending", "refuse", reason, at, effects)


def _lost(reason: str, row: Attempt, now: datetime) -> Settled:
    return _settled("sending", "lose", reason, now + FIRST_READ, _channel(row))


def _channel(row: Attempt) -> tuple[Effect, ...]:
    return ("second_channel",) if row.class_ == "C" else ()


def _settled(
    state: State, event: Event, reason: str, next_at: datetime | None, effects: tuple[Effect, ...] = ()
) -> Settled:
    return Settled(event, move(state, event), reason, next_at, effects)
