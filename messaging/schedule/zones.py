"""A patient's local moments as UTC instants.

Zone rules come from the pinned `tzdata` distribution and never from the host's own files, which may be years
older: two machines must agree on the same moment. All arithmetic is done in UTC: subtracting two datetimes that
share a `ZoneInfo` ignores daylight saving.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from registry.zones import known
from registry.zones import zone as pinned_zone

ONE_SECOND = timedelta(seconds=1)


class UnknownZone(ValueError):
    """A zone name that is not in the IANA list. Carries the field name only."""

    def __init__(self, field: str = "zone") -> None:
        super().__init__(f"{field}: not an IANA time zone")
        self.field = field


def _load(name: str) -> ZoneInfo:
    if not known(name):
        raise UnknownZone
    return pinned_zone(name)


def valid_zone(name: str) -> bool:
    """Whether `name` is an IANA zone, spelt exactly (`America/New_York`)."""
    return known(name)


def require_utc(moment: datetime, field: str = "now") -> datetime:
    """`moment` in UTC. Raises ValueError naming `field` if it carries no offset."""
    if moment.utcoffset() is None:
        raise ValueError(f"{field}: a moment without an offset")
    return moment.astimezone(UTC)


@lru_cache(maxsize=8192)  # a sweep asks for the same few openings of each zone again and again
def to_utc(day: date, at: time, zone: str) -> datetime:
    """The UTC instant of a local wall time.

    A time that does not exist (spring gap) becomes the first instant after the gap; a time that happens twice
    (autumn fold) becomes the first of the two. Raises UnknownZone.
    """
    info = _load(zone)
    wall = datetime.combine(day, at.replace(tzinfo=None, fold=0))
    first = wall.replace(tzinfo=info).astimezone(UTC)
    if _wall(first, info) == wall:
        return first
    return _end_of_gap(wall, info, first)


def to_local(moment: datetime, zone: str) -> datetime:
    """`moment` on the wall clock of `zone`, for showing and for taking dates and times from; not for arithmetic."""
    return require_utc(moment, "moment").astimezone(_load(zone))


@lru_cache(maxsize=1024)
def local_date(now: datetime, zone: str) -> date:
    """The calendar date at `now` in `zone`."""
    return to_local(now, zone).date()


def local_time(now: datetime, zone: str) -> time:
    """The wall time at `now` in `zone`, without zone or fold."""
    return to_local(now, zone).time().replace(fold=0)


def _wall(moment: datetime, info: ZoneInfo) -> datetime:
    return moment.astimezone(info).replace(tzinfo=None, fold=0)


def _end_of_gap(wall: datetime, info: ZoneInfo, after: datetime) -> datetime:
    """The first whole second whose wall time is at or past `wall`.

    The two readings of a time in a gap (old offset, new offset) lie on either side of the clock change, so the
    change is found between them by halving.
    """
    before = wall.replace(tzinfo=info, fold=1).astimezone(UTC).replace(microsecond=0)
    after = after.replace(microsecond=0) + ONE_SECOND
    while after - before > ONE_SECOND:
        middle = before + timedelta(seconds=(after - before) // ONE_SECOND // 2)
        if _wall(middle, info) >= wall:
            after = middle
        else:
            before = middle
    return after
