"""Reminders of the next contact with the care team, and one text a day.

Reminders and check-ins that fall on one local date are joined into one text.
"""

from datetime import date, datetime, time, timedelta
from typing import Final, Literal

import msgspec

from messaging.schedule.windows import SendingHours, Window, Zone, home_zone, window_on
from messaging.schedule.zones import local_date, require_utc, to_utc

ContactReminderKind = Literal["day_before", "same_morning"]
DueKind = Literal["check_in", "check_in_reminder", "contact_reminder"]

DAY_BEFORE_AT: Final = time(10, 0)  # awake, and with working hours left to ask for another time
MORNING_LEAD: Final = timedelta(hours=1)  # nearer to the contact a reminder helps nobody to be there
LATEST_BEFORE_CONTACT: Final = timedelta(minutes=30)  # leaves a text planned an hour ahead time to be sent
ONE_DAY: Final = timedelta(days=1)


class ContactReminder(msgspec.Struct, frozen=True):
    kind: ContactReminderKind
    at: datetime
    not_after: datetime


def contact_reminders(
    contact_at: datetime, zone: Zone, hours: SendingHours, now: datetime
) -> tuple[ContactReminder, ...]:
    """Reminders still ahead of a contact: at 10:00 on the local day before, and when the window opens that day.

    Both keep inside the window. The one of the morning is left out when the contact is within an hour of the
    opening or before it. Moments that have passed are left out: the contact was agreed too late for them.
    """
    contact_at = require_utc(contact_at, "contact_at")
    day = local_date(contact_at, home_zone(zone))
    found = (_day_before(day - ONE_DAY, contact_at, zone, hours), _same_morning(day, contact_at, zone, hours))
    return tuple(reminder for reminder in found if reminder is not None and reminder.at > now)


def _day_before(day: date, contact_at: datetime, zone: Zone, hours: SendingHours) -> ContactReminder | None:
    window = window_on(day, zone, hours)
    if window is None:
        return None
    at = _inside(to_utc(day, DAY_BEFORE_AT, home_zone(zone)), window)
    return ContactReminder("day_before", at, min(window.closes_at, contact_at - LATEST_BEFORE_CONTACT))


def _same_morning(day: date, contact_at: datetime, zone: Zone, hours: SendingHours) -> ContactReminder | None:
    window = window_on(day, zone, hours)
    if window is None or window.opens_at + MORNING_LEAD > contact_at:
        return None
    latest = min(window.closes_at, contact_at - LATEST_BEFORE_CONTACT)
    return ContactReminder("same_morning", window.opens_at, latest)


def _inside(moment: datetime, window: Window) -> datetime:
    return moment if window.holds(moment) else window.opens_at
