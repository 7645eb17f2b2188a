"""Calendar months and where they begin and end in a clinic's zone."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

import msgspec

from kernel.errors import Invalid


class Month(msgspec.Struct, frozen=True, order=True):
    """One calendar month; sorts in time order. Raises ValueError naming the field when out of range."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not 1900 <= self.year <= 9998:
            raise ValueError("year: must be between 1900 and 9998")
        if not 1 <= self.month <= 12:
            raise ValueError("month: must be between 1 and 12")

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Reads `2026-11`; anything else raises Invalid naming the field."""
        found = re.fullmatch(r"([0-9]{4})-([0-9]{2})", text)
        if found is None or not (1900 <= int(found[1]) <= 9998 and 1 <= int(found[2]) <= 12):
            raise Invalid.field("month", "write it as year and month, for example 2026-11")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> "Month":
        return cls(day.year, day.month)

    @classmethod
    def at(cls, instant: datetime, zone: tzinfo) -> "Month":
        return cls.of(instant.astimezone(zone).date())

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        return self.plus(1).first_day - timedelta(days=1)

    def plus(self, months: int) -> "Month":
        years, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(years, month + 1)

    def months_since(self, earlier: "Month") -> int:
        """Calendar months from `earlier` to this one; 0 for the same month, negative when it is later."""
        return (self.year - earlier.year) * 12 + self.month - earlier.month

    def bounds(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """UTC instants of the first local midnight of this month and of the next: start inclusive, end
        exclusive. Where the clock skips midnight it is the moment of the skip; where midnight comes twice
        it is the first of the two."""
        return _local_midnight(self.first_day, zone), _local_midnight(self.plus(1).first_day, zone)


def _local_midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
