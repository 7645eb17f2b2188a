"""When each clock of a policy runs out, and what keeps a version from being put into force."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never
from uuid import UUID

import msgspec

from kernel.audit import Role
from kernel.errors import Problem
from registry import zones
from registry.protocol.policy import (
    ROUTES,
    TIERS,
    Audience,
    Clock,
    Ladder,
    Policy,
    Protocol,
    Route,
    Rung,
    TierPolicy,
)
from registry.working_time import WorkingTime, after_staffed, next_business_day, same_day

SignatureKind = Literal["approval", "training"]
ProtocolState = Literal["draft", "active", "retired"]
APPROVERS: Final[tuple[Role, ...]] = ("clinic_lead", "consultant", "clinician")
AUDIENCE_ROLE: Final[Mapping[Audience, Role]] = {
    "care_managers": "care_manager",
    "clinicians": "clinician",
    "consultants": "consultant",
    "leads": "clinic_lead",
}
MAX_RUNGS: Final = 12
MAX_MINUTES: Final = 7 * 24 * 60
MAX_WORDS: Final = 4000


class Deadlines(msgspec.Struct, frozen=True):
    """By when a named person has taken the event, the patient was reached, and an assessment is written."""

    acknowledge_by: datetime
    contact_by: datetime
    assess_by: datetime


def deadlines(protocol: Protocol, tier: int, since: datetime) -> Deadlines:
    """The tier's clocks from `since`: the opening, or the moment the tier was raised."""
    limits, hours = protocol.policy.tier(tier), protocol.policy.hours
    return Deadlines(
        acknowledge_by=clock_ends(limits.acknowledge, since, hours),
        contact_by=clock_ends(limits.contact, since, hours),
        assess_by=clock_ends(limits.assess, since, hours),
    )


def lapses_at(protocol: Protocol, tier: int, now: datetime) -> datetime:
    """When an acknowledgement given, or an attempt logged, at `now` opens the event again if nothing follows."""
    return clock_ends(protocol.policy.tier(tier).lapse, now, protocol.policy.hours)


def clock_ends(clock: Clock, since: datetime, hours: WorkingTime) -> datetime:
    match clock.unit:
        case "minutes":
            return since + timedelta(minutes=clock.amount)
        case "staffed_minutes":
            return after_staffed(since, timedelta(minutes=clock.amount), hours)
        case "same_day":
            return same_day(since, hours)
        case "business_days":
            end = since
            for _ in range(clock.amount):
                end = next_business_day(end, hours)
            return end
        case _:
            assert_never(clock.unit)


class Contact(msgspec.Struct, frozen=True):
    """A person of the clinic as the ladder sees them. `trained`: signed this very version."""

    name: str
    roles: frozenset[Role]
    working: bool
    phone_verified: bool
    trained: bool


class Coverage(msgspec.Struct, frozen=True):
    """The on-call calendar of the next 14 days: who is in it, and hours outside staffed time that nobody covers."""

    on_call: frozenset[UUID] = frozenset()
    gaps: tuple[tuple[datetime, datetime], ...] = ()


def check_policy(policy: Policy) -> tuple[Problem, ...]:
    """What is wrong with the words and numbers alone; each problem names its line."""
    found = [*_check_hours(policy), *_check_tiers(policy), *_check_routes(policy)]
    for ladder in policy.ladders:
        found += _check_ladder(ladder)
    return tuple(found)


def why_not_activate(
    policy: Policy,
    people: Mapping[UUID, Contact],
    coverage: Coverage,
    approvals: Mapping[UUID, frozenset[Role]],
) -> tuple[Problem, ...]:
    """Everything that keeps this version out of force, line by line. `approvals`: who signed this very text, with
    their present roles."""
    found = [*check_policy(policy), *why_not_signed(approvals)]
    for ladder in policy.ladders:
        for number, rung in enumerate(ladder.rungs):
            found += _check_reach(policy, ladder.route, number, rung, people, coverage)
    found += _check_coverage(policy, people, coverage)
    return tuple(found)


def why_not_signed(approvals: Mapping[UUID, frozenset[Role]]) -> tuple[Problem, ...]:
    """Two different people, one of them the clinic lead."""
    if len(approvals) < 2:
        return (Problem("signatures", f"needs two people's signatures; {len(approvals)} signed this text"),)
    if not any("clinic_lead" in roles for roles in approvals.values()):
        return (Problem("signatures", "needs the signature of a clinic lead"),)
    return ()


def needs_on_call(policy: Policy) -> bool:
    return any(tier.after_hours == "on_call" for tier in policy.tiers)


def rung_line(route: Route, number: int) -> str:
    """`number` counts from 0; people count from 1."""
    return f"ladders.{route}.rungs.{number + 1}"


def _check_hours(policy: Policy) -> Iterable[Problem]:
    if not zones.known(policy.zone):
        yield Problem("zone", "is not an IANA time zone such as America/Chicago")
    if len(policy.staffed) != 7:
        yield Problem("staffed", "needs seven days")
    for day, shifts in enumerate(policy.staffed):
        last = None
        for shift in shifts:
            if shift.start >= shift.end or (last is not None and shift.start < last):
                yield Problem(f"staffed.{day + 1}", "has hours that end before they start, or overlap")
            last = shift.end
    if len({closed.on for closed in policy.holidays}) != len(policy.holidays):
        yield Problem("holidays", "names a day twice")
    for name, words in (("partner", policy.partner), ("others_note", policy.others_note)):
        if len(words) > MAX_WORDS:
            yield Problem(name, f"is longer than {MAX_WORDS} characters")


def _check_tiers(policy: Policy) -> Iterable[Problem]:
    given = [tier.tier for tier in policy.tiers]
    for tier in TIERS:
        if given.count(tier) != 1:
            yield Problem(f"tiers.{tier}", "is missing" if tier not in given else "is there twice")
    for one in policy.tiers:
        for name in ("acknowledge", "contact", "assess", "lapse"):
            yield from _check_clock(f"tiers.{one.tier}.{name}", getattr(one, name))
        if one.after_hours == "opening" and one.tier != 1:
            yield Problem(
                f"tiers.{one.tier}.after_hours", "leaves a gap: tiers 2 and 3 can't wait for the opening"
            )
        if one.after_hours == "partner" and not policy.partner.strip():
            yield Problem(
                f"tiers.{one.tier}.after_hours", "leaves a gap: the partner's path is not written down"
            )
    yield from _check_order(policy.tiers)


def _check_clock(line: str, clock: Clock) -> Iterable[Problem]:
    if clock.amount <= 0:
        yield Problem(line, "is a clock of zero")
    elif clock.unit == "same_day" and clock.amount != 1:
        yield Problem(line, "says same day, so its number is 1")
    elif clock.amount > MAX_MINUTES or (clock.unit == "business_days" and clock.amount > 5):
        yield Problem(line, "is too long")


def _check_order(tiers: Iterable[TierPolicy]) -> Iterable[Problem]:
    """A higher tier is never slower where both count in the same unit."""
    ordered = sorted(tiers, key=lambda one: one.tier)
    for lower, higher in itertools.pairwise(ordered):
        for name in ("acknowledge", "contact", "assess", "lapse"):
            slow, quick = getattr(lower, name), getattr(higher, name)
            if slow.unit == quick.unit and quick.amount > slow.amount > 0:
                yield Problem(f"tiers.{higher.tier}.{name}", f"is slower than tier {lower.tier}")


def _check_routes(policy: Policy) -> Iterable[Problem]:
    given = [ladder.route for ladder in policy.ladders]
    for route in ROUTES:
        if given.count(route) != 1:
            yield Problem(f"ladders.{route}", "is missing" if route not in given else "is there twice")


def _check_ladder(ladder: Ladder) -> Iterable[Problem]:
    line = f"ladders.{ladder.route}"
    if not 1 <= len(ladder.rungs) <= MAX_RUNGS:
        yield Problem(f"{line}.rungs", f"needs 1 to {MAX_RUNGS} rungs")
        return
    if ladder.repeat <= 0:
        yield Problem(f"{line}.repeat", "is a clock of zero: the last rung must be repeated")
    elif ladder.repeat > MAX_MINUTES:
        yield Problem(f"{line}.repeat", "is too long")
    if not any("email" in rung.channels for rung in ladder.rungs):
        yield Problem(f"{line}.rungs", "needs e-mail: texts and calls fail together")
    if ladder.rungs[0].after != 0:
        yield Problem(f"{rung_line(ladder.route, 0)}.after", "leaves a gap: the first notice leaves at once")
    before = -1
    for number, rung in enumerate(ladder.rungs):
        name = rung_line(ladder.route, number)
        if rung.after <= before and number > 0:
            yield Problem(f"{name}.after", "can't be reached: it is not later than the rung before it")
        elif rung.after > MAX_MINUTES:
            yield Problem(f"{name}.after", "is too long")
        before = max(before, rung.after)
        yield from _check_rung(name, rung)


def _check_rung(line: str, rung: Rung) -> Iterable[Problem]:
    if not rung.audience:
        yield Problem(f"{line}.audience", "tells nobody")
    if not rung.channels:
        yield Problem(f"{line}.channels", "is empty")
    if ("named" in rung.audience) != bool(rung.people):
        yield Problem(f"{line}.people", "and `named` go together")


def _check_reach(
    policy: Policy, route: Route, number: int, rung: Rung, people: Mapping[UUID, Contact], coverage: Coverage
) -> Iterable[Problem]:
    line = rung_line(route, number)
    for staff_id in rung.people:
        person = people.get(staff_id)
        if person is None or not person.working:
            yield Problem(f"{line}.people", "names somebody without a working account in this clinic")
        elif not person.phone_verified:
            yield Problem(f"{line}.people", f"names {person.name}, whose phone is not verified")
    for audience in rung.audience:
        role = AUDIENCE_ROLE.get(audience)
        if role is None:
            continue
        holders = [one for one in people.values() if one.working and role in one.roles]
        if not any(one.phone_verified for one in holders):
            why = "nobody holds that role" if not holders else "none of them has a verified phone"
            yield Problem(f"{line}.audience", f"can't be reached: {audience.replace('_', ' ')}, {why}")
    if set(rung.audience) == {"on_call"} and not coverage.on_call:
        yield Problem(f"{line}.audience", "can't be reached: nobody is in the on-call calendar")
    if set(rung.audience) <= {"responsible"} and not any(
        one.working and one.phone_verified for one in people.values()
    ):
        yield Problem(f"{line}.audience", "can't be reached: nobody in this clinic has a verified phone")


def _check_coverage(policy: Policy, people: Mapping[UUID, Contact], coverage: Coverage) -> Iterable[Problem]:
    if not needs_on_call(policy):
        return
    zone = zones.zone(policy.zone) if zones.known(policy.zone) else None
    for start, end in coverage.gaps:
        said = " to ".join(f"{at.astimezone(zone):%a %d %b %H:%M}" for at in (start, end))
        yield Problem("on_call", f"has a gap: nobody from {said}")
    for staff_id in sorted(coverage.on_call):
        person = people.get(staff_id)
        if person is None or not person.working:
            yield Problem("on_call", "has somebody without a working account")
        elif not person.phone_verified:
            yield Problem("on_call", f"has {person.name}, whose phone is not verified")
        elif not person.trained:
            yield Problem("on_call", f"has {person.name}, who has not signed this version")
