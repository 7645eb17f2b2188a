"""Sets of half-open intervals on a line of whole seconds."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

Interval = tuple[int, int]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The union as sorted, disjoint, non-touching intervals; empty ones vanish."""
    union: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], end))
        else:
            union.append((start, end))
    return union


def divided(whole: Interval, union: list[Interval]) -> list[tuple[int, int, bool]]:
    """Cuts `whole` where it enters or leaves `union` (as `merged` gives it); True marks the parts inside."""
    start, end = whole
    parts: list[tuple[int, int, bool]] = []
    for inside_start, inside_end in _touched_by(whole, union):
        low, high = max(start, inside_start), min(end, inside_end)
        if low >= high:
            continue
        if start < low:
            parts.append((start, low, False))
        parts.append((low, high, True))
        start = high
    if start < end:
        parts.append((start, end, False))
    return parts


def add(union: list[Interval], new: Interval) -> None:
    """Adds one interval to a union in place, keeping it as `merged` gives it."""
    start, end = new
    if start >= end:
        return
    first, last = _touched_range(new, union)
    if first < last:
        start = min(start, union[first][0])
        end = max(end, union[last - 1][1])
    union[first:last] = [(start, end)]


def _touched_by(whole: Interval, union: list[Interval]) -> list[Interval]:
    first, last = _touched_range(whole, union)
    return union[first:last]


def _touched_range(whole: Interval, union: list[Interval]) -> tuple[int, int]:
    """Index range of the members that overlap or touch `whole`; members are disjoint, so both ends rise."""
    first = bisect_left(union, whole[0], key=lambda member: member[1])
    last = bisect_right(union, whole[1], key=lambda member: member[0])
    return first, last
