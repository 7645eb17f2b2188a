"""An independent, naive derivation of a month agrees with the product's on 10,000 random months, and the fast sums with
the full count."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from billing.rule_sets import shipped
from billing.rules import lines_for
from registry.time_log.activities import ACTIVITIES, Role
from registry.time_log.entries import Elsewhere
from registry.time_log.reasons import Reason
from registry.time_log.rules import CountingPolicy, Entry, Month, Stay, Window, count
from registry.time_log.tally import Reasons, tally, work_of
from tests.support.rederived import Plain, month_of

MONTHS = 10_000
STEP = 300  # five minutes: every edge lies on it, so that a month is some hundred looks
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland", "America/Sao_Paulo")
KINDS = ("initial", "subsequent", "general")
NAMES = [activity.id for activity in ACTIVITIES]


def chance_month(chance: random.Random) -> tuple[list[Entry], Window, CountingPolicy, Month, ZoneInfo]:
    zone = ZoneInfo(chance.choice(ZONES))
    month = Month(2026, chance.randint(1, 12))
    start, end = month.bounds(zone)
    slots = int((end - start).total_seconds()) // STEP

    def moment(before: int = 8, after: int = 8) -> datetime:
        edge = chance.choice((0, 0, slots, slots // 2))
        near = edge + chance.randint(-before, after)
        return start + timedelta(seconds=STEP * (near if chance.random() < 0.5 else chance.randint(0, slots)))

    entries = [entry(chance, f"{n:02d}", moment()) for n in range(chance.randint(0, 7))]
    if entries and chance.random() < 0.5:  # people often work at one time
        twin = chance.choice(entries)
        entries.append(entry(chance, "99", twin.started_at + timedelta(seconds=STEP * chance.randint(-2, 2))))
    long_ago = start - timedelta(days=90)
    window = Window(
        consent_at=None if chance.random() < 0.05 else chance.choice((long_ago, long_ago, moment())),
        enrolled_at=chance.choice((long_ago, long_ago, moment())),
        ended_at=chance.choice((None, None, moment())),
        consent_ended_at=chance.choice((None, None, None, moment())),
        stays=tuple(stay(chance, moment()) for _ in range(chance.choice((0, 0, 1, 2)))),
        elsewhere=tuple(
            Elsewhere(chance.choice(("cm1", "psy")), moment(), STEP * chance.randint(1, 6))
            for _ in range(chance.choice((0, 0, 1)))
        ),
    )
    policy = CountingPolicy(
        count_consultant_solo=chance.random() < 0.3,
        count_pcp_bhcm_time=chance.random() < 0.7,
        count_pcp_oversight=chance.random() < 0.3,
        exclude_inpatient=chance.random() < 0.7,
        month_cross="reject" if chance.random() < 0.2 else "split",
    )
    return entries, window, policy, month, zone


def entry(chance: random.Random, id: str, start: datetime) -> Entry:
    usual: tuple[tuple[str, str, str], ...] = (
        ("cm1", "care_manager", "patient_contact"),
        ("cm1", "care_manager", "case_review"),
        ("cm2", "care_manager", "care_plan"),
        ("psy", "consultant", "case_review"),
    )
    staff_id, role, activity = chance.choice(usual)
    if chance.random() < 0.3:
        role, activity = chance.choice(get_args(Role)), chance.choice(NAMES)
    return Entry(
        id=id,
        patient_id="p",
        staff_id=staff_id,
        role=role,  # type: ignore[arg-type]
        activity=activity,
        started_at=start,
        seconds=STEP * chance.randint(1, 12),
        created_at=start,
        modality=chance.choice((None, None, "phone")),
        separately_reported=chance.random() < 0.05,
        superseded=chance.random() < 0.05,
    )


def stay(chance: random.Random, start: datetime) -> Stay:
    return Stay(
        start, None if chance.random() < 0.2 else start + timedelta(seconds=STEP * chance.randint(1, 40))
    )


def product(
    entries: list[Entry],
    window: Window,
    policy: CountingPolicy,
    month: Month,
    zone: ZoneInfo,
    kind: Any,
    rules: Any,
) -> Plain:
    found = count(entries, window, policy, month, zone)
    return Plain(
        found.counted_seconds, dict(found.excluded_by_reason), lines_for(kind, found.minutes, rules).text
    )


@pytest.mark.parametrize("part", range(4))
def test_a_naive_derivation_agrees_on_ten_thousand_months(part: int) -> None:
    chance = random.Random(f"months {part}")
    sets = [each for each in shipped().values() if each.month_code is None]
    for _ in range(MONTHS // 4):
        entries, window, policy, month, zone = chance_month(chance)
        kind, rules = chance.choice(KINDS), chance.choice(sets)
        ours = product(entries, window, policy, month, zone, kind, rules)
        plain = month_of(entries, window, policy, month.year, month.month, zone, kind, rules, step=STEP)
        assert ours == plain, (entries, window, policy, month, zone.key)
        work = sorted(work_of(each) for each in entries if not each.superseded)
        standing = [each for each in entries if not each.superseded]
        sums = tally(work, lambda standing=standing: standing, window, month, zone, Reasons(policy))  # type: ignore[misc]
        again = count(standing, window, policy, month, zone)
        assert (sums.counted_seconds, sums.excluded) == (again.counted_seconds, again.excluded_by_reason)


def test_the_random_months_meet_every_reason_there_is() -> None:
    """The ten thousand months are worth something only if they reach what they are meant to."""
    chance = random.Random("months 0")
    reasons: set[str] = set()
    counted = 0
    for _ in range(1500):
        entries, window, policy, month, zone = chance_month(chance)
        found = count(entries, window, policy, month, zone)
        reasons |= set(found.excluded_by_reason)
        counted += found.counted_seconds > 0
    assert reasons == set(get_args(Reason))
    assert counted > 300
