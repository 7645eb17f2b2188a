"""When a text may leave: the sending window in the patient's own zone, and how long a text may stay in a queue.

47 CFR 64.1200(c)(1) keeps telephone solicitations between 8 a.m. and 9 p.m. local time at the called party's
location. Care messages are not solicitations; the limits are kept all the same, with a narrower default.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Final, assert_never

import msgspec
import phonenumbers
from phonenumbers.timezone import time_zones_for_number

from messaging.delivery.kinds import MessageClass
from messaging.schedule.zones import local_date, require_utc, to_utc, valid_zone

EARLIEST: Final = time(8, 0)  # hard limits: 47 CFR 64.1200(c)(1)
LATEST: Final = time(21, 0)
DEFAULT_OPENS: Final = time(9, 0)
DEFAULT_CLOSES: Final = time(20, 0)  # several states end telemarketing hours at 8 p.m.
MIN_WIDTH: Final = timedelta(hours=1)  # a narrower window would leave a deferred text nowhere to go

# Area codes lie in at most a few zones. A number with more candidates (toll-free numbers list the whole numbering
# plan) says nothing about where its owner is.
MAX_CANDIDATES: Final = 4
SEARCH: Final = timedelta(days=8)  # a week, and a day that a zone skipped (Apia, 30 December 2011)

LIVE_EXCHANGE: Final = timedelta(minutes=30)  # the patient wrote this recently, so an answer is expected
MIN_VALIDITY: Final = timedelta(seconds=60)  # less than this mostly dies in the carrier's queue
PROMPT_VALIDITY: Final = timedelta(
    hours=4
)  # the provider's own default is 10 h, long enough to reach the night
STOP_VALIDITY: Final = timedelta(seconds=300)  # one confirmation within 5 minutes: 47 CFR 64.1200(a)(12)
SAFETY_VALIDITY: Final = timedelta(seconds=900)
ALERT_VALIDITY: Final = timedelta(seconds=300)  # the escalation repeats sooner than a late text would help
PASSCODE_VALIDITY: Final = timedelta(seconds=120)

# A known IANA zone, or all candidate zones of a number whose owner's zone is unknown.
Zone = str | tuple[str, ...]


class SendingHours(msgspec.Struct, frozen=True):
    """Daily window on the patient's wall clock: from `opens` up to, not including, `closes`."""

    opens: time = DEFAULT_OPENS
    closes: time = DEFAULT_CLOSES

    def __post_init__(self) -> None:
        if self.opens < EARLIEST:
            raise ValueError("opens: earlier than 08:00")
        if self.closes > LATEST:
            raise ValueError("closes: later than 21:00")
        if _minutes(self.closes) - _minutes(self.opens) < MIN_WIDTH // timedelta(minutes=1):
            raise ValueError("closes: less than an hour after opens")


class Window(msgspec.Struct, frozen=True):
    """UTC span in which a text may leave: `opens_at <= moment < closes_at`."""

    opens_at: datetime
    closes_at: datetime

    def holds(self, moment: datetime) -> bool:
        return self.opens_at <= moment < self.closes_at


class Defer(msgspec.Struct, frozen=True):
    """Less than a minute is left: wait for the next window instead of sending."""


def candidate_zones(number: str) -> tuple[str, ...]:
    """Zones an E.164 number may lie in by its prefix, sorted; empty when the number says nothing about a place.

    An empty answer means that the patient cannot be texted until a zone is on file. Prefixes are a guess, since
    numbers move with their owners: a stated zone or the zone of the address always comes first.
    """
    try:
        names = time_zones_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ()
    zones = sorted({name for name in names if valid_zone(name)})
    if len(zones) < len(set(names)) or len(zones) > MAX_CANDIDATES:
        return ()
    return tuple(zones)


def home_zone(zone: Zone) -> str:
    """The zone whose calendar is used for dates: the known one, else the first candidate. Raises ValueError."""
    return _zones(zone)[0]


def window_on(day: date, zone: Zone, hours: SendingHours) -> Window | None:
    """The window of a local date. None when it is empty: a skipped day, or candidate zones without overlap."""
    return _overlap(_single(day, name, hours) for name in _zones(zone))


def window_at(now: datetime, zone: Zone, hours: SendingHours) -> Window | None:
    """The window that holds `now`, else None. With candidate zones `now` must be inside in every one of them."""
    now = require_utc(now)
    window = _overlap(_single(local_date(now, name), name, hours) for name in _zones(zone))
    return window if window is not None and window.holds(now) else None


def next_window(now: datetime, zone: Zone, hours: SendingHours) -> Window | None:
    """The window that holds `now`, else the first that opens later; None if candidate zones never overlap."""
    at = require_utc(now)
    end = at + SEARCH
    while at <= end:
        window = window_at(at, zone, hours)
        if window is not None:
            return window
        at = max(_zone_opening(at, name, hours) for name in _zones(zone))
    return None


def next_opening(now: datetime, zone: Zone, hours: SendingHours) -> datetime | None:
    """The earliest moment at or after `now` at which a text may leave: `now` itself inside a window."""
    now = require_utc(now)
    window = next_window(now, zone, hours)
    return None if window is None else max(now, window.opens_at)


def later_opening(now: datetime, zone: Zone, hours: SendingHours) -> datetime | None:
    """Opening of the first window that opens after `now`, passing over one that is already open."""
    now = require_utc(now)
    current = window_at(now, zone, hours)
    window = next_window(now if current is None else current.closes_at, zone, hours)
    return None if window is None else window.opens_at


def next_day_opening(now: datetime, zone: Zone, hours: SendingHours) -> datetime | None:
    """Opening of the first window on a later local date than today's."""
    tomorrow = local_date(now, home_zone(zone)) + timedelta(days=1)
    return next_opening(to_utc(tomorrow, time(0, 0), home_zone(zone)), zone, hours)


def live_until(last_inbound_at: datetime | None) -> datetime | None:
    """End of the live exchange that the patient's last answer, HELP or command opened."""
    return None if last_inbound_at is None else last_inbound_at + LIVE_EXCHANGE


def validity(
    now: datetime,
    not_after: datetime,
    window_end: datetime | None,
    class_: MessageClass,
    live_until: datetime | None,
    *,
    stop_confirmation: bool = False,
) -> int | Defer:
    """Seconds a text submitted at `now` may wait at the provider, rounded down.

    `window_end` is the close of the window that holds `now`, None outside; `live_until` the end of the live
    exchange the text answers, None when it answers none. Class A never outlives its own `not_after`, 4 hours,
    or the later of window and live exchange. A STOP confirmation answers a text of the last 5 minutes, so it
    is a live reply by nature. B and C ignore patients' hours and are sent with their full validity.
    """
    match class_:
        case "B":
            return _whole_seconds(SAFETY_VALIDITY)
        case "C":
            return _whole_seconds(ALERT_VALIDITY)
        case "D":
            return _at_least_a_minute(min(not_after - now, PASSCODE_VALIDITY))
        case "A" if stop_confirmation:
            return _at_least_a_minute(min(not_after - now, STOP_VALIDITY))
        case "A":
            latest = max((end for end in (window_end, live_until) if end is not None), default=now)
            return _at_least_a_minute(min(not_after - now, latest - now, PROMPT_VALIDITY))
        case _:
            assert_never(class_)


def _at_least_a_minute(left: timedelta) -> int | Defer:
    return _whole_seconds(left) if left >= MIN_VALIDITY else Defer()


def _whole_seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def _zones(zone: Zone) -> tuple[str, ...]:
    zones = (zone,) if isinstance(zone, str) else zone
    if not zones:
        raise ValueError("zone: no zone and no candidate zone")
    return zones


def _single(day: date, zone: str, hours: SendingHours) -> Window | None:
    opens, closes = to_utc(day, hours.opens, zone), to_utc(day, hours.closes, zone)
    # A date that the zone skipped has both ends at the first instant after it.
    return Window(opens, closes) if opens < closes else None


def _overlap(windows: Iterable[Window | None]) -> Window | None:
    known: list[Window] = []
    for window in windows:
        if window is None:
            return None
        known.append(window)
    opens = max(window.opens_at for window in known)
    closes = min(window.closes_at for window in known)
    return Window(opens, closes) if opens < closes else None


def _zone_opening(at: datetime, zone: str, hours: SendingHours) -> datetime:
    """`at` if inside the window of this one zone, else its next opening."""
    day = local_date(at, zone)
    while True:
        window = _single(day, zone, hours)
        if window is not None and at < window.closes_at:
            return max(at, window.opens_at)
        day += timedelta(days=1)
