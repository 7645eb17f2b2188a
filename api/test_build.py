"""What only mode `test` may have: a clock shared by several processes, and points at which a process dies.

`Settings` refuses both in any other mode, and so does everything here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from kernel.errors import Invalid
from kernel.settings import Settings


class SharedTestClock:
    """Reads the moment from a file on every call. The file holds one ISO 8601 moment with its offset; whoever
    moves the clock replaces the file in one step."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        moment = datetime.fromisoformat(self._path.read_text(encoding="ascii").strip())
        if moment.tzinfo is None:
            raise ValueError("the test clock's moment needs an offset")
        return moment.astimezone(UTC)


def clock(settings: Settings) -> SharedTestClock | None:
    _refuse_elsewhere(settings)
    return None if settings.test_clock_file is None else SharedTestClock(Path(settings.test_clock_file))


def crash_probe(settings: Settings) -> Callable[[str], None] | None:
    """`outbox.after_post:2` kills this process with SIGKILL when that point is reached for the second time."""
    _refuse_elsewhere(settings)
    if settings.crash_point is None:
        return None
    name, _, nth = settings.crash_point.rpartition(":")
    if not name or not nth.isdigit() or int(nth) < 1:
        raise Invalid.field("EVENKEEL_CRASH_POINT", "must be name:nth with nth from 1")
    left = int(nth)

    def probe(reached: str) -> None:
        nonlocal left
        if reached != name:
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return probe


def _refuse_elsewhere(settings: Settings) -> None:
    if settings.mode != "test":
        raise Invalid.field("EVENKEEL_MODE", "test clocks and crash points exist in mode `test` only")
