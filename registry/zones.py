"""IANA zones of clinics and patients, read from the pinned `tzdata` so that two machines agree."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

NOT_PLACES = frozenset({"Factory"})  # the unset zone of a new machine
ANYWHERE = timedelta(
    days=1
)  # no zone is further behind UTC: a date is over everywhere once UTC is this far past it


@cache
def _names() -> frozenset[str]:
    listed = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(listed) - NOT_PLACES


def known(name: str) -> bool:
    """Whether this is an IANA zone, spelt exactly (`America/New_York`)."""
    return name in _names()


@cache
def zone(name: str) -> ZoneInfo:
    """Raises `KeyError` for an unknown name."""
    if not known(name):
        raise KeyError("not an IANA time zone")
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def local_date(moment: datetime, name: str) -> date:
    return moment.astimezone(zone(name)).date()
