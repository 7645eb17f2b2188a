"""Clocks of a policy over nights, holidays, changes of the clock and zones; and what keeps a version out of force."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from kernel.audit import Role
from registry.organisation.rules import OFFICE_WEEK, Shift
from registry.protocol.policy import Clock, Closed, Ladder, Policy, Protocol, Rung, Unit, template
from registry.protocol.rules import (
    Contact,
    Coverage,
    check_policy,
    clock_ends,
    deadlines,
    lapses_at,
    why_not_activate,
    why_not_signed,
)
from registry.working_time import WorkingTime

SEATTLE = WorkingTime("America/Los_Angeles")
POLICY = template(SEATTLE)
TEMPLATE = Protocol(None, 0, POLICY)
MONDAY_10 = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
FRIDAY_16 = datetime(2026, 3, 7, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("tier", "now", "by"),
    [
        (1, MONDAY_10, MONDAY_10 + timedelta(hours=4)),
        # one hour left on Friday, three on Monday, over a weekend in which the clock changed
        (1, FRIDAY_16, datetime(2026, 3, 9, 19, 0, tzinfo=UTC)),
        (2, MONDAY_10, MONDAY_10 + 30 * MINUTE),
        (
            2,
            FRIDAY_16 + timedelta(hours=8),
            FRIDAY_16 + timedelta(hours=8) + 30 * MINUTE,
        ),  # by night as by day
        (3, MONDAY_10, MONDAY_10 + MINUTE),
    ],
)
def test_each_tier_has_its_time_to_acknowledge(tier: int, now: datetime, by: datetime) -> None:
    assert deadlines(TEMPLATE, tier, now).acknowledge_by == by


@pytest.mark.parametrize(
    ("tier", "contact", "assess"),
    [
        (1, datetime(2026, 3, 3, 1, 0, tzinfo=UTC), datetime(2026, 3, 3, 1, 0, tzinfo=UTC)),
        (2, MONDAY_10 + timedelta(hours=2), datetime(2026, 3, 3, 1, 0, tzinfo=UTC)),
        (3, MONDAY_10 + 5 * MINUTE, MONDAY_10 + 30 * MINUTE),
    ],
)
def test_each_tier_has_its_time_to_reach_and_to_assess(
    tier: int, contact: datetime, assess: datetime
) -> None:
    limits = deadlines(TEMPLATE, tier, MONDAY_10)
    assert (limits.contact_by, limits.assess_by) == (contact, assess)


@pytest.mark.parametrize(
    ("tier", "after"),
    [
        (1, datetime(2026, 3, 3, 18, 0, tzinfo=UTC)),
        (2, MONDAY_10 + timedelta(hours=2)),
        (3, MONDAY_10 + 30 * MINUTE),
    ],
)
def test_an_acknowledgement_that_nothing_follows_lapses(tier: int, after: datetime) -> None:
    assert lapses_at(TEMPLATE, tier, MONDAY_10) == after


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "amount", "unit", "since", "ends"),
    [
        # a plain clock runs through nights, holidays and changes of the clock
        ("America/Los_Angeles", 120, "minutes", "2026-03-08T09:30", "2026-03-08T11:30"),
        ("America/New_York", 120, "minutes", "2026-11-01T05:30", "2026-11-01T07:30"),
        # staffed time: a night, a weekend, a holiday on Monday
        ("America/New_York", 240, "staffed_minutes", "2026-03-02T20:00", "2026-03-03T16:00"),
        ("America/New_York", 240, "staffed_minutes", "2026-03-06T21:00", "2026-03-09T16:00"),
        ("America/Chicago", 60, "staffed_minutes", "2026-05-22T22:30", "2026-05-26T15:00"),
        # the same moment is night in Honolulu's clinic and day in New York's
        ("Pacific/Honolulu", 60, "staffed_minutes", "2026-03-02T15:00", "2026-03-02T20:00"),
        ("America/New_York", 60, "staffed_minutes", "2026-03-02T15:00", "2026-03-02T16:00"),
        # Phoenix keeps its clock in March
        ("America/Phoenix", 240, "staffed_minutes", "2026-03-06T23:00", "2026-03-09T19:00"),
        # the day's closing time, or the next staffed day's
        ("America/Los_Angeles", 1, "same_day", "2026-03-02T18:00", "2026-03-03T01:00"),
        ("America/Los_Angeles", 1, "same_day", "2026-03-07T02:00", "2026-03-10T00:00"),
        ("America/Chicago", 1, "same_day", "2026-05-25T15:00", "2026-05-26T22:00"),
        # the same wall-clock time on the next staffed day; at night, at its opening
        ("America/Los_Angeles", 1, "business_days", "2026-03-06T18:00", "2026-03-09T17:00"),
        ("America/Los_Angeles", 2, "business_days", "2026-03-06T18:00", "2026-03-10T17:00"),
        ("America/Chicago", 1, "business_days", "2026-05-22T15:00", "2026-05-26T15:00"),
        ("America/New_York", 1, "business_days", "2026-10-31T06:00", "2026-11-02T14:00"),
    ],
)
def test_clocks_keep_the_clinics_hours(zone: str, amount: int, unit: Unit, since: str, ends: str) -> None:
    hours = WorkingTime(zone, OFFICE_WEEK, frozenset({date(2026, 5, 25)}))
    assert clock_ends(Clock(amount, unit), utc(since), hours) == utc(ends)


LEAD, MANAGER, DANA = UUID(int=1), UUID(int=2), UUID(int=3)


def contact(name: str, *roles: Role, **changes: Any) -> Contact:
    given: dict[str, Any] = {"working": True, "phone_verified": True, "trained": True} | changes
    return Contact(name, frozenset(roles), **given)


PEOPLE = {
    LEAD: contact("Lee Lead", "clinic_lead"),
    MANAGER: contact("Casey Moore", "care_manager"),
    DANA: contact("Dana Clark", "clinician"),
}
COVERED = Coverage(frozenset({MANAGER}))
SIGNED: dict[UUID, frozenset[Role]] = {LEAD: frozenset({"clinic_lead"}), DANA: frozenset({"clinician"})}


def with_tier(tier: int, **changes: Any) -> Policy:
    tiers = tuple(
        msgspec.structs.replace(one, **changes) if one.tier == tier else one for one in POLICY.tiers
    )
    return msgspec.structs.replace(POLICY, tiers=tiers)


def with_rung(number: int, **changes: Any) -> Policy:
    """Of tier 2's ladder; `number` counts from 1, as people do."""

    def changed(ladder: Ladder) -> Ladder:
        if ladder.route != "tier_2":
            return ladder
        rungs = [
            msgspec.structs.replace(rung, **changes) if place == number else rung
            for place, rung in enumerate(ladder.rungs, 1)
        ]
        return msgspec.structs.replace(ladder, rungs=tuple(rungs))

    return msgspec.structs.replace(POLICY, ladders=tuple(changed(ladder) for ladder in POLICY.ladders))


def lines(policy: Policy) -> dict[str, str]:
    return {p.field: p.message for p in why_not_activate(policy, PEOPLE, COVERED, SIGNED)}


def test_the_shipped_template_can_be_put_into_force() -> None:
    assert lines(POLICY) == {}


NO_TIER_2 = msgspec.structs.replace(POLICY, tiers=(POLICY.tiers[0], POLICY.tiers[2]))
NO_OTHERS = msgspec.structs.replace(POLICY, ladders=POLICY.ladders[:3])
MAIL_LESS = msgspec.structs.replace(
    POLICY,
    ladders=(*POLICY.ladders[:3], Ladder("others", (Rung(0, ("leads",), ("sms", "voice")),), 10)),
)
NIGHT_SHIFT = msgspec.structs.replace(POLICY, staffed=((Shift(time(17), time(9)),), *POLICY.staffed[1:]))


@pytest.mark.parametrize(
    ("policy", "line", "says"),
    [
        (NO_TIER_2, "tiers.2", "is missing"),
        (NO_OTHERS, "ladders.others", "is missing"),
        (with_tier(2, after_hours="opening"), "tiers.2.after_hours", "gap"),
        (with_tier(3, after_hours="partner"), "tiers.3.after_hours", "gap"),
        (with_rung(1, after=2), "ladders.tier_2.rungs.1.after", "gap"),
        (with_tier(2, acknowledge=Clock(0, "minutes")), "tiers.2.acknowledge", "clock of zero"),
        (with_tier(1, lapse=Clock(0, "business_days")), "tiers.1.lapse", "clock of zero"),
        (with_tier(3, contact=Clock(-5, "minutes")), "tiers.3.contact", "clock of zero"),
        (with_tier(3, lapse=Clock(121, "minutes")), "tiers.3.lapse", "slower than tier 2"),
        (with_rung(3, after=5), "ladders.tier_2.rungs.3.after", "can't be reached"),
        (with_rung(2, audience=()), "ladders.tier_2.rungs.2.audience", "tells nobody"),
        (with_rung(2, channels=()), "ladders.tier_2.rungs.2.channels", "is empty"),
        (with_rung(4, audience=("consultants",)), "ladders.tier_2.rungs.4.audience", "nobody holds that role"),
        (with_rung(2, audience=("named",), people=(UUID(int=9),)), "ladders.tier_2.rungs.2.people", "working"),
        (with_rung(2, people=(DANA,)), "ladders.tier_2.rungs.2.people", "go together"),
        (MAIL_LESS, "ladders.others.rungs", "needs e-mail"),
        (NIGHT_SHIFT, "staffed.1", "end before they start"),
        (msgspec.structs.replace(POLICY, zone="Seattle"), "zone", "IANA"),
        (
            msgspec.structs.replace(POLICY, holidays=(Closed(date(2026, 5, 25), "a"), Closed(date(2026, 5, 25), "b"))),
            "holidays",
            "twice",
        ),
    ],
)  # fmt: skip
def test_a_policy_with_a_gap_stays_out_of_force_and_the_line_is_named(
    policy: Policy, line: str, says: str
) -> None:
    assert says in lines(policy)[line]


def test_a_ladder_that_never_repeats_is_refused() -> None:
    ladders = tuple(msgspec.structs.replace(ladder, repeat=0) for ladder in POLICY.ladders)
    found = {p.field for p in check_policy(msgspec.structs.replace(POLICY, ladders=ladders))}
    assert found == {f"ladders.{route}.repeat" for route in ("tier_1", "tier_2", "tier_3", "others")}


def test_an_unverified_contact_is_named_with_its_line() -> None:
    people = PEOPLE | {DANA: contact("Dana Clark", "clinician", phone_verified=False)}
    policy = with_rung(2, audience=("named",), people=(DANA,))
    found = {p.field: p.message for p in why_not_activate(policy, people, COVERED, SIGNED)}
    assert found == {"ladders.tier_2.rungs.2.people": "names Dana Clark, whose phone is not verified"}


@pytest.mark.parametrize(
    ("coverage", "says"),
    [
        (
            Coverage(frozenset({MANAGER}), ((utc("2026-03-07T01:00"), utc("2026-03-09T16:00")),)),
            "has a gap: nobody from Fri 06 Mar 17:00 to Mon 09 Mar 09:00",
        ),
        (Coverage(frozenset({UUID(int=9)})), "has somebody without a working account"),
        (Coverage(frozenset({UUID(int=4)})), "has Uma Unsigned, who has not signed this version"),
        (Coverage(frozenset({UUID(int=5)})), "has Una Unverified, whose phone is not verified"),
    ],
)
def test_the_on_call_calendar_must_carry_the_policy(coverage: Coverage, says: str) -> None:
    people = PEOPLE | {
        UUID(int=4): contact("Uma Unsigned", "care_manager", trained=False),
        UUID(int=5): contact("Una Unverified", "care_manager", phone_verified=False),
    }
    assert [p.message for p in why_not_activate(POLICY, people, coverage, SIGNED)] == [says]


def test_without_an_after_hours_page_the_calendar_may_be_empty() -> None:
    partner = msgspec.structs.replace(
        POLICY,
        partner="988, then the county's mobile team",
        tiers=tuple(msgspec.structs.replace(t, after_hours="partner") for t in POLICY.tiers),
    )
    gap = Coverage(frozenset(), ((MONDAY_10, MONDAY_10 + MINUTE),))
    assert why_not_activate(partner, PEOPLE, gap, SIGNED) == ()


@pytest.mark.parametrize(
    ("approvals", "says"),
    [
        ({}, "needs two people's signatures; 0 signed"),
        ({LEAD: frozenset({"clinic_lead"})}, "needs two people's signatures; 1 signed"),
        ({DANA: frozenset({"clinician"}), MANAGER: frozenset({"consultant"})}, "of a clinic lead"),
    ],
)
def test_two_people_sign_and_one_of_them_leads(approvals: dict[UUID, frozenset[Role]], says: str) -> None:
    (found,) = why_not_signed(approvals)
    assert found.field == "signatures" and says in found.message
