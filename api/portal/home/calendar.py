"""The next contact as a calendar event. A calendar is read by employers and families, so it says whom with and nothing
of what about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from icalendar import Calendar, Event

LENGTH: Final = timedelta(minutes=30)


def event(at: datetime, title: str, *, uid: str, now: datetime) -> bytes:
    """One event in UTC (RFC 5545). `uid` stays the same for the same contact, so adding it twice changes nothing."""
    calendar = Calendar()
    calendar.add("prodid", "-//Evenkeel//Next contact//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    one = Event()
    one.add("uid", uid)
    one.add("dtstamp", now)
    one.add("dtstart", at)
    one.add("dtend", at + LENGTH)
    one.add("summary", title)
    one.add("class", "PRIVATE")
    calendar.add_component(one)
    ical: bytes = calendar.to_ical()
    return ical
