"""Laws of counting, and a second-by-second count written from the definitions alone that must agree."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.time_log.activities import ACTIVITIES, Role, find
from registry.time_log.entries import Elsewhere
from registry.time_log.intervals import add, divided, merged
from registry.time_log.persons import elsewhere
from registry.time_log.rules import Count, CountingPolicy, Entry, Month, Stay, Window, count, moment_reached
from registry.time_log.tally import Reasons, tally
from registry.time_log.tally import work_of as flat

ZONE = ZoneInfo("America/New_York")
NOVEMBER = Month(2026, 11)
# Midnight of 1 November in New York: the month's edge lies inside the range, and so does a changed clock
# for the entries that are hours long.
EDGE = datetime(2026, 11, 1, 4, tzinfo=UTC)

seconds_near_the_edge = st.integers(-60, 120)
instants = seconds_near_the_edge.map(lambda offset: EDGE + timedelta(seconds=offset))


own_work = st.sampled_from(
    [
        {"staff_id": "cm1", "role": "care_manager", "activity": "patient_contact"},
        {"staff_id": "cm1", "role": "care_manager", "activity": "case_review"},
        {"staff_id": "cm2", "role": "care_manager", "activity": "case_review"},
        {"staff_id": "psy", "role": "consultant", "activity": "case_review"},
    ]
)
any_work = st.fixed_dictionaries(
    {
        "staff_id": st.sampled_from(["cm1", "cm2"]),
        "role": st.sampled_from(get_args(Role)),
        "activity": st.sampled_from([activity.id for activity in ACTIVITIES]),
        "separately_reported": st.booleans(),
        "superseded": st.booleans(),
    }
)


def entries_of(starts: st.SearchStrategy[datetime], lengths: st.SearchStrategy[int]):
    one = st.builds(
        lambda id, start, seconds, work: Entry(
            id=f"{id:02d}", patient_id="p", started_at=start, seconds=seconds, created_at=EDGE, **work
        ),
        st.integers(0, 99),
        starts,
        lengths,
        own_work | own_work | any_work,
    )
    return st.lists(one, max_size=7, unique_by=lambda entry: entry.id)


short_entries = entries_of(instants, st.integers(1, 60))
long_entries = entries_of(
    st.integers(-60 * 86400, 60 * 86400).map(lambda offset: EDGE + timedelta(seconds=offset)),
    st.integers(1, 8 * 3600),
)
maybe_instant = st.none() | instants
windows = st.builds(
    Window,
    consent_at=st.none() | instants | st.just(EDGE - timedelta(days=90)),
    enrolled_at=instants | st.just(EDGE - timedelta(days=90)),
    ended_at=maybe_instant,
    consent_ended_at=st.none() | instants,
    stays=st.lists(
        st.tuples(instants, st.integers(1, 40), st.booleans()).map(
            lambda stay: Stay(stay[0], None if stay[2] else stay[0] + timedelta(seconds=stay[1]))
        ),
        max_size=2,
    ).map(tuple),
)
policies = st.builds(
    CountingPolicy,
    count_consultant_solo=st.booleans(),
    count_pcp_bhcm_time=st.booleans(),
    count_pcp_oversight=st.booleans(),
    exclude_inpatient=st.booleans(),
)
either_crossing = st.builds(
    lambda policy, cross: msgspec.structs.replace(policy, month_cross=cross),
    policies,
    st.sampled_from(["split", "reject"]),
)
WIDE = Window(consent_at=EDGE - timedelta(days=400), enrolled_at=EDGE - timedelta(days=400))


def counted(entries: list[Entry], window: Window, policy: CountingPolicy) -> Count:
    return count(entries, window, policy, NOVEMBER, ZONE)


@given(short_entries | long_entries, windows, either_crossing)
def test_every_second_is_counted_or_has_exactly_one_reason(
    entries: list[Entry], window: Window, policy: CountingPolicy
):
    result = counted(entries, window, policy)
    assert result.counted_seconds + sum(result.excluded_by_reason.values()) == result.logged_seconds
    assert result.logged_seconds == sum(entry.seconds for entry in entries)
    assert result.minutes == result.counted_seconds // 60
    for entry in entries:
        parts = [part for part in result.slices if part.entry_id == entry.id]
        edges = [(part.start, part.start + timedelta(seconds=part.seconds)) for part in parts]
        assert edges[0][0] == entry.started_at
        assert edges[-1][1] == entry.started_at + timedelta(seconds=entry.seconds)
        assert all(before[1] == after[0] for before, after in pairwise(edges))
    for part in result.slices:
        assert part.counted == (part.reason is None) == (part.reason_text is None)
        assert part.seconds > 0


@given(short_entries, windows, either_crossing, st.randoms(use_true_random=False))
def test_the_order_entries_come_in_is_irrelevant(entries, window, policy, chance):
    shuffled = list(entries)
    chance.shuffle(shuffled)
    assert counted(shuffled, window, policy) == counted(entries, window, policy)


def told_apart_by_work(entries: list[Entry], result: Count) -> Counter[tuple[object, ...]]:
    by_id = {entry.id: entry for entry in entries}
    seconds: Counter[tuple[object, ...]] = Counter()
    for part in result.slices:
        entry = by_id[part.entry_id]
        seconds[(entry.staff_id, entry.role, entry.activity, entry.superseded, part.reason)] += part.seconds
    return seconds


@given(short_entries, windows, policies, st.data())
def test_cutting_an_entry_in_two_changes_nothing(entries, window, policy, data):
    long_enough = [entry for entry in entries if entry.seconds > 1]
    if not long_enough:
        return
    whole = data.draw(st.sampled_from(long_enough))
    at = data.draw(st.integers(1, whole.seconds - 1))
    first = msgspec.structs.replace(whole, seconds=at)
    second = msgspec.structs.replace(
        whole,
        id=f"{whole.id}~",
        started_at=whole.started_at + timedelta(seconds=at),
        seconds=whole.seconds - at,
    )
    pieces = [entry for entry in entries if entry is not whole] + [first, second]
    before, after = counted(entries, window, policy), counted(pieces, window, policy)
    assert told_apart_by_work(pieces, after) == told_apart_by_work(entries, before)
    assert after.excluded_by_reason == before.excluded_by_reason


@given(short_entries, windows, either_crossing, short_entries)
def test_more_entries_never_lower_the_counted_seconds(entries, window, policy, more):
    known = {entry.id for entry in entries}
    both = entries + [entry for entry in more if entry.id not in known]
    assert counted(both, window, policy).counted_seconds >= counted(entries, window, policy).counted_seconds


@given(short_entries, windows, policies)
def test_counted_seconds_are_the_union_of_what_each_entry_counts_alone(entries, window, policy):
    alone = [part for entry in entries for part in counted([entry], window, policy).slices if part.counted]
    union = {part.start + timedelta(seconds=second) for part in alone for second in range(part.seconds)}
    assert counted(entries, window, policy).counted_seconds == len(union)


@given(long_entries, policies)
def test_the_months_share_out_every_countable_second_once(entries, policy):
    months = [NOVEMBER.plus(offset) for offset in range(-4, 5)]
    by_month = [count(entries, WIDE, policy, month, ZONE) for month in months]
    elsewhere = [result.excluded_by_reason.get("other_month", 0) for result in by_month]
    logged = sum(entry.seconds for entry in entries)
    assert sum(logged - other for other in elsewhere) == logged


@given(short_entries, windows, policies, st.integers(1, 6))
def test_the_moment_a_total_is_reached_agrees_with_the_total(entries, window, policy, minutes):
    result = counted(entries, window, policy)
    moment = moment_reached(result, minutes)
    assert (moment is not None) == (result.minutes >= minutes)
    if moment is not None:
        parts = [part for part in result.slices if part.counted]
        before = sum(
            max(0, min(part.seconds, (moment - part.start) // timedelta(seconds=1))) for part in parts
        )
        assert before == minutes * 60


# --- the same count, second by second ---------------------------------------------------------------------


def naive(entries: list[Entry], window: Window, policy: CountingPolicy) -> Counter[tuple[str, str | None]]:
    """(entry id, reason) -> seconds, each second decided by itself."""
    lit = {entry.id: set(seconds_of(entry)) for entry in entries}
    fixed = {(entry.id, t): naive_fixed(entry, t, window, policy) for entry in entries for t in lit[entry.id]}
    outcome: Counter[tuple[str, str | None]] = Counter()
    for entry in entries:
        for t in lit[entry.id]:
            reason = fixed[entry.id, t]
            if reason is None:
                reason = naive_shared(entry, t, entries, lit, fixed, policy)
            outcome[entry.id, reason] += 1
    return outcome


def seconds_of(entry: Entry) -> list[datetime]:
    return [entry.started_at + timedelta(seconds=second) for second in range(entry.seconds)]


def in_november(t: datetime) -> bool:
    there = t.astimezone(ZONE)
    return (there.year, there.month) == (2026, 11)


def naive_fixed(entry: Entry, t: datetime, window: Window, policy: CountingPolicy) -> str | None:
    kind = "unknown" if find(entry.activity) is None else find(entry.activity).kind
    treating = entry.role == "clinician"
    their_work = {
        "care_manager": {"care", "joint_review"},
        "consultant": {"care", "joint_review", "consultant_review"},
        "clinician": {"care", "joint_review", "oversight"},
    }.get(entry.role, set())
    crosses = len({in_november(second) for second in seconds_of(entry)}) == 2
    tests = [
        ("other_month", not in_november(t)),
        ("superseded", entry.superseded),
        ("crosses_month_end", policy.month_cross == "reject" and crosses),
        ("automated", entry.role == "software" or kind == "automated"),
        ("clerical", kind == "clerical"),
        ("separately_reported", entry.separately_reported or kind == "separately_reported"),
        ("role_not_counted", kind not in their_work),
        ("treating_oversight", treating and kind == "oversight" and not policy.count_pcp_oversight),
        ("treating_care_time", treating and kind != "oversight" and not policy.count_pcp_bhcm_time),
        ("no_consent", window.consent_at is None),
        ("before_consent", window.consent_at is not None and t < window.consent_at),
        ("after_consent_end", window.consent_ended_at is not None and t >= window.consent_ended_at),
        ("before_enrolment", t < window.enrolled_at),
        ("after_end", window.ended_at is not None and t >= window.ended_at),
        (
            "inpatient",
            policy.exclude_inpatient
            and any(stay.start <= t and (stay.end is None or t < stay.end) for stay in window.stays),
        ),
    ]
    return next((reason for reason, holds in tests if holds), None)


def may_count(entry: Entry, policy: CountingPolicy) -> bool:
    return entry.role != "consultant" or policy.count_consultant_solo


def naive_shared(entry, t, entries, lit, fixed, policy) -> str | None:
    rivals = [
        other
        for other in entries
        if t in lit[other.id] and fixed[other.id, t] is None and may_count(other, policy)
    ]
    if may_count(entry, policy) and min(rivals, key=lambda other: naive_rank(other, entries, lit)) is entry:
        return None
    if entry.activity == "case_review" and any(
        other.activity == "case_review" and other.role != entry.role for other in rivals
    ):
        return "joint_counted_once"
    return "overlap" if may_count(entry, policy) else "consultant_alone"


def naive_rank(entry: Entry, entries: list[Entry], lit: dict[str, set[datetime]]) -> tuple[object, ...]:
    """Walks back a second at a time over the same work, then forward, to find the whole run."""
    same = [other for other in entries if work_of(other) == work_of(entry)]
    covered = set().union(*(lit[other.id] for other in same))
    start = end = entry.started_at
    while start - timedelta(seconds=1) in covered:
        start -= timedelta(seconds=1)
    while end + timedelta(seconds=1) in covered:
        end += timedelta(seconds=1)
    in_run = [other.id for other in same if start <= other.started_at <= end]
    return start, min(in_run), entry.started_at, entry.id


def work_of(entry: Entry) -> tuple[object, ...]:
    return entry.staff_id, entry.role, entry.activity, entry.separately_reported, entry.superseded


@settings(max_examples=100)
@given(short_entries, windows, either_crossing)
def test_a_count_second_by_second_agrees(entries, window, policy):
    got: Counter[tuple[str, str | None]] = Counter()
    for part in counted(entries, window, policy).slices:
        got[part.entry_id, part.reason] += part.seconds
    assert got == naive(entries, window, policy)


# --- intervals ---------------------------------------------------------------------------------------------

spans = st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda span: (span[0], span[0] + span[1]))


def points(intervals: list[tuple[int, int]]) -> set[int]:
    return {point for start, end in intervals for point in range(start, end)}


@given(st.lists(spans, max_size=8), spans)
def test_adding_one_by_one_gives_the_union(intervals, whole):
    union: list[tuple[int, int]] = []
    for interval in intervals:
        add(union, interval)
    assert union == merged(intervals)
    assert points(union) == points(intervals)
    parts = divided(whole, union)
    assert points([(start, end) for start, end, inside in parts if inside]) == points([whole]) & points(union)
    assert points([(start, end) for start, end, inside in parts if not inside]) == points([whole]) - points(
        union
    )
    assert sum(end - start for start, end, _ in parts) == whole[1] - whole[0]


@given(short_entries, windows, either_crossing, st.data())
def test_a_void_restores_what_stood_before_it(entries, window, policy, data):
    """An entry that was logged and voided (its row superseded, a row of no time in its place) might never have been."""
    if not entries:
        return
    wrong = data.draw(st.sampled_from(entries))
    others = [entry for entry in entries if entry is not wrong]
    void = msgspec.structs.replace(wrong, id=f"{wrong.id}v", seconds=0)
    standing = counted([*others, void], window, policy)
    assert standing == counted(others, window, policy)


@given(short_entries, windows, either_crossing)
def test_sums_are_the_full_counts_whatever_the_month(entries, window, policy):
    standing = sorted(
        (entry for entry in entries if not entry.superseded), key=lambda entry: (entry.started_at, entry.id)
    )
    full = counted(standing, window, policy)
    work = [flat(entry) for entry in standing]
    sums = tally(work, lambda: standing, window, NOVEMBER, ZONE, Reasons(policy))
    assert (sums.counted_seconds, sums.excluded) == (full.counted_seconds, full.excluded_by_reason)


near = st.lists(st.tuples(own_work | any_work, st.integers(-5, 9), st.integers(0, 20)), max_size=6)
other_patients = st.lists(
    st.tuples(st.sampled_from(["cm1", "cm2", "psy"]), st.integers(0, 200), st.integers(1, 60))
)


@given(near, other_patients, policies)
def test_sums_are_the_full_counts_where_a_person_was_at_work_for_others(worked, others, policy):
    """Entries that hardly meet, so that most months are added up in one pass."""
    at, entries = 0, []
    for n, (work, gap, seconds) in enumerate(worked):
        if work.get("superseded"):
            continue
        at = max(at + gap, 0)
        start = EDGE + timedelta(seconds=at)
        entries.append(
            Entry(id=f"{n:02d}", patient_id="p", started_at=start, seconds=seconds, created_at=EDGE, **work)
        )
        at += seconds
    entries.sort(key=lambda entry: (entry.started_at, entry.id))
    taken = tuple(Elsewhere(who, EDGE + timedelta(seconds=start), seconds) for who, start, seconds in others)
    window = Window(consent_at=EDGE, enrolled_at=EDGE, elsewhere=taken)
    full = counted(entries, window, policy)
    sums = tally([flat(e) for e in entries], lambda: entries, window, NOVEMBER, ZONE, Reasons(policy))
    assert (sums.counted_seconds, sums.excluded) == (full.counted_seconds, full.excluded_by_reason)


owners = st.lists(
    st.tuples(
        st.sampled_from(["ana", "bo", "cy"]), instants, st.integers(1, 60), st.sampled_from(["cm1", "cm2"])
    ),
    max_size=7,
)


@given(owners, st.data())
def test_a_persons_second_counts_for_one_patient_and_cutting_an_entry_changes_nothing(worked, data):
    entries = [
        (
            owner,
            Entry(
                id=f"{n:02d}", patient_id=owner, staff_id=staff_id, role="care_manager", activity="patient_contact",
                started_at=start, seconds=seconds, created_at=EDGE,
            ),
        )
        for n, (owner, start, seconds, staff_id) in enumerate(worked)
    ]  # fmt: skip
    whole = per_patient(entries)
    at_once = Counter(second for taken in whole.values() for second in taken)
    assert set(at_once.values()) <= {1}
    logged = {
        (e.staff_id, at)
        for _, e in entries
        for at in range(seconds_in(e.started_at), seconds_in(e.started_at) + e.seconds)
    }
    assert set(at_once) == logged
    long_enough = [place for place, (_, entry) in enumerate(entries) if entry.seconds > 1]
    if long_enough:
        place = data.draw(st.sampled_from(long_enough))
        owner, entry = entries[place]
        at = data.draw(st.integers(1, entry.seconds - 1))
        halves = [
            (owner, msgspec.structs.replace(entry, seconds=at)),
            (
                owner,
                msgspec.structs.replace(
                    entry, id=f"{entry.id}~", started_at=entry.started_at + timedelta(seconds=at),
                    seconds=entry.seconds - at,
                ),
            ),
        ]  # fmt: skip
        assert per_patient([*entries[:place], *halves, *entries[place + 1 :]]) == whole


def seconds_in(moment: datetime) -> int:
    return int(moment.timestamp())


def per_patient(entries: list[tuple[str, Entry]]) -> dict[str, set[tuple[str, int]]]:
    """Each patient's (person, second) pairs that no other patient has taken."""
    lost = elsewhere(entries)
    found: dict[str, set[tuple[str, int]]] = {}
    for owner, entry in entries:
        start = seconds_in(entry.started_at)
        found.setdefault(owner, set()).update(
            (entry.staff_id, at) for at in range(start, start + entry.seconds)
        )
    for owner, taken in lost.items():
        for other in taken:
            start = seconds_in(other.start)
            found[owner] -= {(other.staff_id, at) for at in range(start, start + other.seconds)}
    return found
