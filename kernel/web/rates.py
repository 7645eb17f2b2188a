"""How many calls in a minute. Counted in this process and in memory, so each web process has its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

WINDOW_S: Final = 60.0


class PerMinute:
    """A moving minute for each caller. Costs the same however many callers there are: whoever was not seen for a minute
    is forgotten by the calls of others, and nothing runs beside them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, int], deque[float]] = {}  # in the order in which callers were last seen

    def __len__(self) -> int:
        return len(self._calls)

    def allows(self, whom: str, most: int) -> bool:
        """Counts the call unless it is refused. Each `most` is counted by itself."""
        now = self._clock()
        self._forget(now)
        calls = self._calls.pop((whom, most), None) or deque()
        while calls and calls[0] <= now - WINDOW_S:
            calls.popleft()
        self._calls[whom, most] = calls
        if len(calls) >= most:
            return False
        calls.append(now)
        return True

    def _forget(self, now: float) -> None:
        while self._calls:
            longest_unseen = next(iter(self._calls))
            calls = self._calls[longest_unseen]
            if calls and calls[-1] > now - WINDOW_S:
                return
            del self._calls[longest_unseen]
