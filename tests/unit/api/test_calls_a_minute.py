"""The counts that hold back whoever calls too often."""

from __future__ import annotations

from kernel.web.rates import PerMinute


class Seconds:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_call_is_refused_until_the_first_of_a_full_minute_has_passed() -> None:
    seconds = Seconds()
    counted = PerMinute(seconds)
    assert [counted.allows("one", 3) for _ in range(4)] == [True, True, True, False]
    seconds.now += 59.9
    assert not counted.allows("one", 3)
    seconds.now += 0.1
    assert [counted.allows("one", 3) for _ in range(4)] == [True, True, True, False]


def test_a_refused_call_does_not_lengthen_the_wait() -> None:
    seconds = Seconds()
    counted = PerMinute(seconds)
    assert counted.allows("one", 1)
    for _ in range(3):
        seconds.now += 19.0
        assert not counted.allows("one", 1)
    seconds.now += 3.0
    assert counted.allows("one", 1)


def test_callers_and_limits_are_counted_by_themselves() -> None:
    counted = PerMinute(Seconds())
    assert counted.allows("one", 1)
    assert not counted.allows("one", 1)
    assert counted.allows("two", 1)
    assert counted.allows("one", 2)


def test_whoever_was_not_seen_for_a_minute_is_forgotten() -> None:
    seconds = Seconds()
    counted = PerMinute(seconds)
    for n in range(500):
        counted.allows(str(n), 5)
    seconds.now += 30
    counted.allows("0", 5)
    seconds.now += 30
    counted.allows("another", 5)
    assert len(counted) == 2
