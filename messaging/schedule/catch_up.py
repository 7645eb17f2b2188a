"""After a pause in sending: at most one prompt per patient, spread out, and every missed check-in marked."""

from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

import msgspec

from messaging.schedule.windows import MIN_VALIDITY, SendingHours, Window, Zone, later_opening, next_window
from messaging.schedule.zones import require_utc

MissedState = Literal["missed", "skipped_outage"]

SPREAD: Final = timedelta(
    minutes=60
)  # so that a whole clinic is not texted in the minute the service returns
HASH_BYTES: Final = 8


class Due(msgspec.Struct, frozen=True):
    """A check-in that is due and was never invited."""

    local_due_date: date
    due_at: datetime
    not_after: datetime


class Prompt(msgspec.Struct, frozen=True):
    """Invite the check-in of this date at `at`."""

    local_due_date: date
    at: datetime


class Missed(msgspec.Struct, frozen=True):
    """Close the check-in of this date as `state`; it is never sent late."""

    local_due_date: date
    state: MissedState


class CatchUp(msgspec.Struct, frozen=True):
    prompt: Prompt | None
    missed: tuple[Missed, ...]


def catch_up(
    due: tuple[Due, ...],
    now: datetime,
    zone: Zone,
    hours: SendingHours,
    *,
    patient_key: str,
    down_since: datetime | None,
) -> CatchUp:
    """What to do with one patient's due check-ins.

    Only the newest is prompted, at the next moment of the window and before its `not_after`; with `down_since`
    (when sending last worked, None if it never stopped) that moment is spread over the first 60 minutes by
    `patient_key`. Every other is closed: `skipped_outage` if it came due while sending was down, else `missed`.
    While no window is known for the patient, nothing is prompted, and only what is too late is closed.
    """
    now = require_utc(now)
    ordered = sorted(due, key=lambda item: item.local_due_date)
    if not ordered:
        return CatchUp(None, ())
    newest, older = ordered[-1], ordered[:-1]
    window = next_window(now, zone, hours)
    if window is None:
        return CatchUp(None, _closed([item for item in ordered if item.not_after <= now], down_since))
    at = _moment(now, window, zone, hours, 0.0 if down_since is None else stable_fraction(patient_key))
    if at is None or at + MIN_VALIDITY > newest.not_after:
        return CatchUp(None, _closed(ordered, down_since))
    return CatchUp(Prompt(newest.local_due_date, at), _closed(older, down_since))


def stable_fraction(key: str) -> float:
    """A number in [0, 1) that is always the same for `key` and evenly spread over keys."""
    head = sha256(key.encode()).digest()[:HASH_BYTES]
    return (int.from_bytes(head) >> 11) / 2**53  # 53 bits: what a float holds without rounding up to 1


def _moment(
    now: datetime, window: Window, zone: Zone, hours: SendingHours, fraction: float
) -> datetime | None:
    """The spread moment in `window`, or in the following one when less than a minute of `window` is left."""
    start = max(now, window.opens_at)
    room = window.closes_at - MIN_VALIDITY - start
    if room < timedelta(0):
        opening = later_opening(now, zone, hours)
        following = None if opening is None else next_window(opening, zone, hours)
        if following is None:
            return None
        start, room = following.opens_at, following.closes_at - MIN_VALIDITY - following.opens_at
    return start + timedelta(seconds=int(min(SPREAD, room).total_seconds() * fraction))


def _closed(items: list[Due], down_since: datetime | None) -> tuple[Missed, ...]:
    return tuple(
        Missed(
            item.local_due_date,
            "skipped_outage" if down_since is not None and item.due_at >= down_since else "missed",
        )
        for item in items
    )
