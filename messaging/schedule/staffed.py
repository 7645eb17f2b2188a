"""A clinic's staffed hours, and inviting a patient while somebody is there to read the answer.

Sources call for immediate follow-up of any positive item 9 and warn of unmonitored collection (JMIR Ment Health
2024, e50192). So a check-in is invited early in a staffed stretch, not on a Friday afternoon.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final

import msgspec

from messaging.schedule.windows import MIN_VALIDITY, SendingHours, Zone, home_zone, window_on
from messaging.schedule.zones import UnknownZone, local_date, local_time, require_utc, to_utc, valid_zone

WEEKDAYS: Final = 7
MIN_STAFFED_LEFT: Final = timedelta(hours=4)  # half a working day for an answer to arrive and be acted on
INVITATION_DAYS: Final = frozenset({0, 1, 2, 3})  # Monday to Thursday: a working day still follows
MAX_EARLY: Final = timedelta(hours=2)  # an answer given at once waits no longer than this for the first shift
SEARCH_DAYS: Final = 28  # longer than any closure over holidays
NOTHING: Final = timedelta(0)


class Shift(msgspec.Struct, frozen=True, order=True):
    """One staffed stretch of a day on the clinic's wall clock; `end` is not included."""

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError("end: not after start")


class StaffedHours(msgspec.Struct, frozen=True):
    """`weekly` has seven entries, Monday first, each a day's shifts in order; `holidays` are unstaffed dates."""

    zone: str
    weekly: tuple[tuple[Shift, ...], ...]
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if not valid_zone(self.zone):
            raise UnknownZone("zone")
        if len(self.weekly) != WEEKDAYS:
            raise ValueError("weekly: not seven days")
        for day in self.weekly:
            if any(later.start < earlier.end for earlier, later in pairwise(day)):
                raise ValueError("weekly: shifts overlap or are out of order")


class Span(msgspec.Struct, frozen=True):
    """UTC stretch: `start <= moment < end`."""

    start: datetime
    end: datetime


class InvitationPolicy(msgspec.Struct, frozen=True):
    """Clinic weekdays (Monday 0) on which check-ins are invited, the staffed time that must remain that day, and
    how long before the day's first shift the earliest may leave."""

    days: frozenset[int] = INVITATION_DAYS
    min_left: timedelta = MIN_STAFFED_LEFT
    max_early: timedelta = MAX_EARLY


def staffed_hours(
    zone: str,
    weekly: Mapping[int, Sequence[tuple[time, time]]],
    holidays: frozenset[date] = frozenset(),
) -> StaffedHours:
    """Hours from weekday (Monday 0) -> list of (start, end). Raises ValueError naming the field."""
    if any(day not in range(WEEKDAYS) for day in weekly):
        raise ValueError("weekly: a weekday outside 0 to 6")
    days = (tuple(sorted(Shift(start, end) for start, end in weekly.get(day, ()))) for day in range(WEEKDAYS))
    return StaffedHours(zone=zone, weekly=tuple(days), holidays=holidays)


def staffed_spans(day: date, hours: StaffedHours) -> tuple[Span, ...]:
    """The staffed stretches of a clinic date in UTC, in order; none on a holiday."""
    if day in hours.holidays:
        return ()
    spans = (
        Span(to_utc(day, shift.start, hours.zone), to_utc(day, shift.end, hours.zone))
        for shift in hours.weekly[day.weekday()]
    )
    return tuple(span for span in spans if span.start < span.end)


def is_staffed(now: datetime, hours: StaffedHours) -> bool:
    return any(span.start <= now < span.end for span in staffed_spans(local_date(now, hours.zone), hours))


def next_staffed(now: datetime, hours: StaffedHours) -> datetime | None:
    """`now` in staffed hours, else the next start; None if none lies in the next 28 days."""
    now = require_utc(now)
    today = local_date(now, hours.zone)
    for ahead in range(SEARCH_DAYS + 1):
        for span in staffed_spans(today + timedelta(days=ahead), hours):
            if now < span.end:
                return max(now, span.start)
    return None


def good_invitation_moment(
    due: datetime,
    zone: Zone,
    sending: SendingHours,
    staffed: StaffedHours,
    policy: InvitationPolicy | None = None,
) -> datetime | None:
    """The moment at or after `due` to invite a check-in: `due` itself when it is good.

    Good means: inside the patient's window with at least a minute to spare, on one of the policy's clinic days,
    with enough staffed time left and the first shift near or begun. On a later day the patient's time of day is kept as nearly as the window and
    the staffed hours allow. None if no day of the next 28 qualifies: the patient's window, the clinic's hours and
    its policy contradict each other. The caller then invites at the next opening and tells staff.
    """
    policy = policy or InvitationPolicy()
    due = require_utc(due, "due")
    home = home_zone(zone)
    first, preferred = local_date(due, home), local_time(due, home)
    for ahead in range(SEARCH_DAYS + 1):
        day = first + timedelta(days=ahead)
        window = window_on(day, zone, sending)
        if window is None:
            continue
        allowed = Span(max(window.opens_at, due), window.closes_at - MIN_VALIDITY)
        moment = _nearest_good(to_utc(day, preferred, home), allowed, staffed, policy)
        if moment is not None:
            return moment
    return None


def _nearest_good(
    wish: datetime, allowed: Span, staffed: StaffedHours, policy: InvitationPolicy
) -> datetime | None:
    """The moment of `allowed` nearest to `wish` on a good clinic day; the first clinic date wins."""
    if allowed.start > allowed.end:
        return None
    # A patient's day may touch two clinic dates (Honolulu afternoons are New York evenings and nights).
    for day in sorted({local_date(allowed.start, staffed.zone), local_date(allowed.end, staffed.zone)}):
        good = _good_stretch(day, staffed, policy)
        if good is None:
            continue
        start, end = max(allowed.start, good.start), min(allowed.end, good.end)
        if start <= end:
            return min(max(wish, start), end)
    return None


def _good_stretch(day: date, staffed: StaffedHours, policy: InvitationPolicy) -> Span | None:
    """First and last good moment of a clinic date, None if it has none."""
    spans = staffed_spans(day, staffed)
    if day.weekday() not in policy.days:
        return None
    missing = policy.min_left
    for span in reversed(spans):
        if span.end - span.start >= missing:
            return Span(spans[0].start - policy.max_early, span.end - missing)
        missing -= span.end - span.start
    return None
