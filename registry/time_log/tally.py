"""The sums of a month without its slices, for reading many months: the ordinary month is added up in one pass, any
other is counted in full. Both agree; a law holds them together.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta, tzinfo
from typing import Final, NamedTuple

from registry.time_log.activities import ACTIVITIES
from registry.time_log.entries import CountingPolicy, Entry, Window
from registry.time_log.exclusions import Frame, frame_of, reason_of_work, span
from registry.time_log.intervals import Interval
from registry.time_log.months import Month
from registry.time_log.reasons import REASON_TEXT, Reason
from registry.time_log.rules import count

# Start in seconds since 1970, seconds, role, activity, separately reported; ordered by start.
Work = tuple[int, int, str, str, bool]
JOINT: Final = frozenset(each.id for each in ACTIVITIES if each.kind == "joint_review")
_ORDER: Final = {reason: place for place, reason in enumerate(REASON_TEXT)}


class Tally(NamedTuple):
    counted_seconds: int
    excluded: dict[Reason, int]

    @property
    def minutes(self) -> int:
        return self.counted_seconds // 60


class Reasons(dict[tuple[str, str, bool], Reason | None]):
    """Why work of a role and an activity never counts under a policy, worked out once each; None when it may."""

    def __init__(self, policy: CountingPolicy) -> None:
        super().__init__()
        self.policy = policy

    def __missing__(self, key: tuple[str, str, bool]) -> Reason | None:
        role, activity, apart = key
        found = reason_of_work(role, activity, apart, self.policy)  # type: ignore[arg-type]
        if found is None and role == "consultant" and not self.policy.count_consultant_solo:
            found = "consultant_alone"  # but for what lies beside somebody else's case review
        self[key] = found
        return found


def ordinary(work: Sequence[Work], frame: Frame, reasons: Reasons, staff: Sequence[str] = ()) -> Tally | None:
    """One pass over a month in which every entry lies inside the month and the window, and no case review meets other
    work that counts; None for any other month. Of two entries that meet, the shared seconds count once, whichever
    keeps them. A consultant who needs company takes no time from anyone: what lies beside somebody else's case review
    is counted there, the rest is theirs alone. `staff` says whose each piece of work is, where the frame knows of
    their time for other patients."""
    if frame.stays or frame.consent is None or (frame.elsewhere and not staff):
        return None
    first = reach = joint_reach = max(frame.month_start, frame.consent, frame.enrolled)
    last = _last(frame)
    counted = 0
    excluded: dict[Reason, int] = {}
    joint: list[Interval] = []
    beside: list[Interval] = []
    met = _met(work, staff, frame) if frame.elsewhere else {}
    for nth, (start, seconds, role, activity, apart) in enumerate(work):
        end = start + seconds
        if start < first or end > last:
            return None
        reason = reasons[role, activity, apart]
        if reason is not None:
            if reason == "consultant_alone" and seconds:
                if nth in met:
                    return None
                beside.append((start, end if activity in JOINT else start))
            if seconds:
                excluded[reason] = excluded.get(reason, 0) + seconds
            continue
        shared = 0
        if start < reach:
            if met or start < joint_reach or activity in JOINT:
                return None
            shared = min(reach, end) - start
            if shared:
                excluded["overlap"] = excluded.get("overlap", 0) + shared
        elif activity in JOINT:
            if nth in met:
                return None
            joint.append((start, end))
            joint_reach = end
        if nth in met:
            shared = met[nth]
            excluded["person_elsewhere"] = excluded.get("person_elsewhere", 0) + shared
        counted += seconds - shared
        if end > reach:
            reach = end
    if beside and joint:
        _move_joint(beside, joint, excluded)
    if len(excluded) > 1:
        excluded = {reason: excluded[reason] for reason in sorted(excluded, key=_ORDER.__getitem__)}
    return Tally(counted, excluded)


def _met(work: Sequence[Work], staff: Sequence[str], frame: Frame) -> dict[int, int]:
    """Seconds of each piece of work in which its person was already at work for another patient, where there are
    any."""
    found = {}
    for nth, ((start, seconds, *_), who) in enumerate(zip(work, staff, strict=True)):
        taken = frame.elsewhere.get(who)
        if taken:
            shared = sum(max(0, min(start + seconds, high) - max(start, low)) for low, high in taken)
            if shared:
                found[nth] = shared
    return found


def _last(frame: Frame) -> int:
    last = frame.month_end
    if frame.ended is not None and frame.ended < last:
        last = frame.ended
    if frame.consent_end is not None and frame.consent_end < last:
        last = frame.consent_end
    return last


def _move_joint(beside: list[Interval], joint: list[Interval], excluded: dict[Reason, int]) -> None:
    """`joint` are disjoint, so what an interval shares with each adds up."""
    shared = sum(max(0, min(end, high) - max(start, low)) for start, end in beside for low, high in joint)
    if shared:
        excluded["joint_counted_once"] = shared
        excluded["consultant_alone"] -= shared
        if not excluded["consultant_alone"]:
            del excluded["consultant_alone"]


def tally(
    work: Sequence[Work],
    entries: Callable[[], Iterable[Entry]],
    window: Window,
    month: Month,
    zone: tzinfo,
    reasons: Reasons,
) -> Tally:
    """The sums of one patient's month; `entries` gives the same work in full, asked for only when it is needed."""
    frame = frame_of(window, reasons.policy, month, zone)
    staff = [entry.staff_id for entry in entries()] if frame.elsewhere else []
    found = ordinary(work, frame, reasons, staff)
    if found is not None:
        return found
    full = count(entries(), window, reasons.policy, month, zone)
    return Tally(full.counted_seconds, full.excluded_by_reason)


def counted_months(
    entries: Iterable[Entry], window: Window, policy_of: Callable[[Month], CountingPolicy], zone: tzinfo
) -> frozenset[Month]:
    """The calendar months in which at least one second counts by the policy of that month."""
    by_month: dict[Month, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.started_at, entry.id)):
        last = entry.started_at + timedelta(seconds=max(0, entry.seconds - 1))
        for month in {Month.at(entry.started_at, zone), Month.at(last, zone)}:
            by_month.setdefault(month, []).append(entry)
    by_policy: dict[CountingPolicy, Reasons] = {}

    def counts(month: Month, touching: list[Entry]) -> bool:
        work, policy = [work_of(entry) for entry in touching], policy_of(month)
        reasons = by_policy.setdefault(policy, Reasons(policy))
        return tally(work, lambda: touching, window, month, zone, reasons).counted_seconds > 0

    return frozenset(month for month, touching in by_month.items() if counts(month, touching))


def work_of(entry: Entry) -> Work:
    start, end = span(entry)
    return start, end - start, entry.role, entry.activity, entry.separately_reported
