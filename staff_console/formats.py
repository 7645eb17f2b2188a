"""How the console writes dates, times, names and counts.

Dates are `23-Nov-2026` and names `FAMILY, Given`, as the NHS Common User Interface guidance asks: a month in
letters cannot be read as a day, and a family name in capitals cannot be taken for a given name. Month names
are a table, not the process locale, so a server's language setting never changes a chart.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class Day(Struct, frozen=True):
    """A calendar date: `iso` for the machine (`2026-11-23`), `text` for people (`23-Nov-2026`)."""

    iso: str
    text: str


class Moment(Struct, frozen=True):
    """An instant shown in one zone; `zone` is the abbreviation printed beside the time (`PST`)."""

    iso: str
    day: Day
    time: str
    zone: str


def day(value: date) -> Day:
    return Day(iso=value.isoformat(), text=f"{value.day:02d}-{_MONTHS[value.month - 1]}-{value.year:04d}")


def short_day(value: date) -> str:
    """`23-Nov`, for chart axes and dense cells where the year stands nearby."""
    return f"{value.day:02d}-{_MONTHS[value.month - 1]}"


def moment(value: datetime, zone: ZoneInfo) -> Moment:
    """Raises ValueError for a naive value: a time without a zone must not reach a screen."""
    if value.tzinfo is None:
        raise ValueError("a moment needs a zone")
    local = value.astimezone(zone)
    return Moment(
        iso=value.isoformat(),
        day=day(local.date()),
        time=f"{local.hour:02d}:{local.minute:02d}",
        zone=local.tzname() or zone.key,
    )


def month_text(month: str) -> str:
    """`2026-11` as `November 2026`."""
    year, number = month.split("-")
    return f"{_MONTH_NAMES[int(number) - 1]} {year}"


def formal_name(family: str, given: str) -> str:
    """`O'NEILL, Ana`; a missing part leaves no stray comma."""
    return ", ".join(part for part in (family.strip().upper(), given.strip()) if part)


def age_on(born: date, today: date) -> int:
    """Completed years. A 29 February birthday is reached on 1 March in common years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def waited(minutes: int) -> str:
    """Age of something that waits, in minutes rounded down: `12 min`, `3 h 05 min`, `2 days 4 h`."""
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {rest:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} {'day' if days == 1 else 'days'} {hours} h"


def phone(e164: str) -> str:
    """`206-555-0142` for numbers of the North American plan, others as they are."""
    digits = e164.removeprefix("+1")
    if e164.startswith("+1") and len(digits) == 10:
        return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"
    return e164


def percent(change: int) -> str:
    """A signed whole percentage with a true minus sign: `−44 %`, `+12 %`, `0 %`."""
    sign = "−" if change < 0 else "+" if change > 0 else ""
    return f"{sign}{abs(change)} %"
