"""The doorbell: wakes a worker sooner. Nothing depends on it; every due thing is found by its own moment."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Doorbell(Protocol):
    async def ring(self, bells: frozenset[str]) -> None:
        """Never raises: a lost ring costs one tick."""


class InProcessDoorbell:
    """For the embedded mode, where the sweep loop runs in the web process."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def ring(self, bells: frozenset[str]) -> None:
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """True when somebody rang before the time was over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Silent:
    """For commands that leave the work to whichever worker ticks next."""

    async def ring(self, bells: frozenset[str]) -> None:
        return None
