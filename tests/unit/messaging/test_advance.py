"""What is done with a due check-in: one table per state. Tuesday 3 March 2026 in Seattle (UTC-8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import msgspec
import pytest

from messaging.schedule.advance import (
    AskStaff,
    Due,
    End,
    Invite,
    Remind,
    Wait,
    advance,
    due_number,
)
from messaging.schedule.facts import Reach, Site, is_minor
from messaging.schedule.ladder import INVITED_LADDER, STARTED_LADDER, when_invited
from messaging.schedule.staffed import staffed_hours
from messaging.schedule.windows import SendingHours
from registry.organisation.ladder import OutreachLadder, Reminder

ID = UUID(int=7)
TEN = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SITE = Site(
    id=ID,
    text_name="Harbor Clinic",
    support_phone="+12065550100",
    zone="America/Los_Angeles",
    hours=SendingHours(),
    staffed=staffed_hours("America/Los_Angeles", {day: [(time(9), time(17))] for day in range(5)}),
    minors_allowed=False,
    sender_id=ID,
)
ANA = Reach(
    patient_id=ID,
    clinic_id=ID,
    episode_id=ID,
    channel="sms_link",
    second_channel=None,
    language="en",
    zone="America/Los_Angeles",
    hours=SendingHours(),
    phone_id=ID,
    phone_sealed="sealed",
    phone_key="key",
    shared=False,
    items_agreed=False,
    by_exemption=False,
    refusal=None,
    no_text=None,
    paused=False,
    site=SITE,
)
SCHEDULED = Due(
    id=ID,
    state="scheduled",
    content=None,
    local_due_date=date(2026, 3, 3),
    not_after=TEN + DAY + 10 * HOUR,
    next_at=TEN,
    prompts=0,
    invited_at=None,
    first_answer_at=None,
    expires_at=None,
)
INVITED = msgspec.structs.replace(
    SCHEDULED, state="invited", content="link", prompts=1, invited_at=TEN, expires_at=TEN + 7 * DAY
)
BEGUN = msgspec.structs.replace(
    INVITED, state="in_progress", first_answer_at=TEN, expires_at=TEN + timedelta(hours=72)
)


MAILED = {"second_channel": "email", "email_sealed": "sealed", "email_key": "mail"}
OWN = msgspec.structs.replace(SITE, invited=when_invited(OutreachLadder((Reminder(48),), 72, 48)))


def ana(**changed: object) -> Reach:
    return msgspec.structs.replace(ANA, **changed)


def at(due: Due, moment: datetime, **changed: object) -> Due:
    """The check-in as it is found at its next moment."""
    return msgspec.structs.replace(due, next_at=moment, **changed)


@pytest.mark.parametrize(
    ("due", "reach", "now", "step"),
    [
        (SCHEDULED, ANA, TEN, Invite("link", TEN + DAY, TEN + 7 * DAY)),
        (SCHEDULED, ana(refusal="minor"), TEN, End("cancelled", "minor")),
        (
            SCHEDULED,
            ana(no_text="zone_unknown", zone=None),
            TEN,
            Invite("call", TEN + 4 * DAY, TEN + 7 * DAY),
        ),
        (
            SCHEDULED,
            ana(channel="sms_items", items_agreed=True),
            TEN,
            Invite("items", TEN + DAY, TEN + 7 * DAY),
        ),
        (SCHEDULED, ana(channel="sms_items"), TEN, Invite("link", TEN + DAY, TEN + 7 * DAY)),
        (
            SCHEDULED,
            ana(no_text="not_safe_to_text", **MAILED),
            TEN,
            Invite("email", TEN + DAY, TEN + 7 * DAY),
        ),
        (SCHEDULED, ana(channel="portal"), TEN, Invite("portal", TEN + DAY, TEN + 7 * DAY)),
        (SCHEDULED, ana(paused=True), TEN, Wait(TEN + DAY - HOUR)),
        (at(SCHEDULED, TEN, superseded=True), ANA, TEN, End("missed", "superseded")),
        (at(SCHEDULED, TEN, phone_busy=True), ANA, TEN, Wait(TEN + DAY + 10 * HOUR, behind=True)),
        # 20:00 is past the window, and half a minute short of the last moment is too late.
        (at(SCHEDULED, TEN + 10 * HOUR), ANA, TEN + 10 * HOUR, Wait(TEN + DAY - HOUR)),
        (
            at(SCHEDULED, TEN + 34 * HOUR),
            ANA,
            TEN + 34 * HOUR - timedelta(seconds=30),
            End("missed", "too_late"),
        ),
        (SCHEDULED, ANA, TEN + 35 * HOUR, End("skipped_outage", "too_late")),
    ],
)
def test_a_planned_check_in(due: Due, reach: Reach, now: datetime, step: object) -> None:
    assert advance(due, reach, now) == step


@pytest.mark.parametrize(
    ("due", "reach", "now", "step"),
    [
        (at(INVITED, TEN + DAY), ANA, TEN + DAY, Remind(1, "link", False, TEN + 3 * DAY)),
        (at(INVITED, TEN + 3 * DAY, prompts=2), ANA, TEN + 3 * DAY, Remind(2, "link", False, TEN + 4 * DAY)),
        (
            at(INVITED, TEN + 3 * DAY, prompts=2),
            ana(second_channel="phone"),
            TEN + 3 * DAY,
            Remind(2, "call", False, TEN + 4 * DAY),
        ),
        (
            at(INVITED, TEN + 3 * DAY, prompts=2, content="items"),
            ana(second_channel="sms_link"),
            TEN + 3 * DAY,
            Remind(2, "link", False, TEN + 4 * DAY),
        ),
        (at(INVITED, TEN + 4 * DAY, prompts=3), ANA, TEN + 4 * DAY, AskStaff(TEN + 7 * DAY)),
        (at(INVITED, TEN + 7 * DAY, prompts=3), ANA, TEN + 7 * DAY, End("missed", "no_answer")),
        (at(INVITED, TEN + DAY, superseded=True), ANA, TEN + DAY, End("missed", "superseded")),
        # A number that can't be texted any more: the other channel, else a person.
        (at(INVITED, TEN + DAY), ana(no_text="stopped"), TEN + DAY, Remind(1, "call", False, TEN + 3 * DAY)),
        (
            at(INVITED, TEN + DAY),
            ana(no_text="phone_not_verified", **MAILED),
            TEN + DAY,
            Remind(1, "email", False, TEN + 3 * DAY),
        ),
        # A prompt that was lost: the other channel at once, never the same text; the same one only for want of another.
        (
            at(INVITED, TEN + HOUR, lost=("items", "link")),
            ana(**MAILED),
            TEN + HOUR,
            Remind(1, "email", False, TEN + 3 * DAY),
        ),
        (
            at(INVITED, TEN + HOUR, lost=("items", "link")),
            ana(second_channel="phone"),
            TEN + HOUR,
            Remind(1, "call", False, TEN + 3 * DAY),
        ),
        (
            at(INVITED, TEN + 2 * HOUR, lost=("items", "link")),
            ANA,
            TEN + 2 * HOUR,
            Remind(1, "link", False, TEN + 3 * DAY),
        ),
        (
            at(INVITED, TEN + 3 * DAY, prompts=2, lost=("email",)),
            ana(**MAILED),
            TEN + 3 * DAY,
            Remind(2, "link", False, TEN + 4 * DAY),
        ),
        # No address, or no agreement to it: the e-mail is never tried.
        (
            at(INVITED, TEN + 3 * DAY, prompts=2),
            ana(second_channel="email"),
            TEN + 3 * DAY,
            Remind(2, "link", False, TEN + 4 * DAY),
        ),
        # The clinic's own ladder: one reminder after two days, a call after three.
        (at(INVITED, TEN + 2 * DAY), ana(site=OWN), TEN + 2 * DAY, Remind(1, "link", False, TEN + 3 * DAY)),
        (at(INVITED, TEN + 3 * DAY, prompts=2), ana(site=OWN), TEN + 3 * DAY, AskStaff(TEN + 7 * DAY)),
        (at(INVITED, TEN + DAY, content="portal"), ana(channel="portal"), TEN + DAY, Wait(TEN + 3 * DAY)),
        (at(INVITED, TEN + 4 * DAY, content="call"), ANA, TEN + 4 * DAY, End("missed", "not_reached")),
        (
            at(INVITED, TEN + 4 * DAY, content="call", entered=True),
            ANA,
            TEN + 4 * DAY,
            End("completed", "entered_by_staff"),
        ),
    ],
)
def test_an_offered_check_in(due: Due, reach: Reach, now: datetime, step: object) -> None:
    assert advance(due, reach, now) == step


@pytest.mark.parametrize(
    ("due", "now", "step"),
    [
        (at(BEGUN, TEN + DAY), TEN + DAY, Remind(1, "link", True, TEN + 2 * DAY)),
        (at(BEGUN, TEN + 2 * DAY, prompts=2), TEN + 2 * DAY, Remind(2, "link", True, TEN + 3 * DAY)),
        (at(BEGUN, TEN + 3 * DAY, prompts=3), TEN + 3 * DAY, End("partial_expired", "time_over")),
        (
            at(BEGUN, TEN + DAY, last_inbound_at=TEN + DAY - timedelta(minutes=5)),
            TEN + DAY,
            Wait(TEN + DAY + timedelta(minutes=25)),
        ),
    ],
)
def test_a_begun_check_in(due: Due, now: datetime, step: object) -> None:
    assert advance(due, ANA, now) == step


@pytest.mark.parametrize("due", [at(INVITED, TEN, invited_at=None), at(BEGUN, TEN, expires_at=None)])
def test_a_row_that_contradicts_itself_raises(due: Due) -> None:
    with pytest.raises(ValueError, match="missing"):
        advance(due, ANA, TEN)


@pytest.mark.parametrize(
    ("ladder", "done", "hours", "number"),
    [
        (INVITED_LADDER, 0, 24, 1),
        (INVITED_LADDER, 0, 1, 1),  # brought forward: it counts as the first
        (INVITED_LADDER, 0, 80, 2),  # the first was passed over
        (INVITED_LADDER, 1, 30, 2),
        (INVITED_LADDER, 2, 90, None),
        (STARTED_LADDER, 0, 50, 2),
        (STARTED_LADDER, 2, 60, None),
    ],
)
def test_which_reminder_is_due(ladder, done, hours, number) -> None:  # type: ignore[no-untyped-def]
    assert due_number(ladder, TEN, done, TEN + timedelta(hours=hours)) == number


@pytest.mark.parametrize(
    ("born", "minor"),
    [
        (date(2008, 3, 4), True),
        (date(2008, 3, 3), False),
        (date(2008, 2, 29), False),
        (date(2010, 1, 1), True),
        (None, False),
    ],
)
def test_who_is_a_minor_on_3_march_2026(born: date | None, minor: bool) -> None:
    assert is_minor(born, date(2026, 3, 3)) is minor


@pytest.mark.parametrize("reason", ["no_consent", "stopped"])
def test_without_consent_nothing_is_planned(reason: str) -> None:
    assert not ana(no_text=reason).may_be_planned
    assert ana(no_text="phone_not_verified").may_be_planned
