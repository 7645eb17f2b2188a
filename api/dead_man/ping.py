"""The outside half of the dead-man's switch: an address that raises its own alarm when it isn't called."""

from __future__ import annotations

from typing import Final, Protocol

import httpx

DEADLINE_S: Final = 5.0


class Pinger(Protocol):
    async def ping(self) -> None:
        """One call. Raises when it wasn't answered with a 2xx: the next minute pings again, nothing is retried."""


class HttpPinger:
    def __init__(self, url: str) -> None:
        self._url = url

    async def ping(self) -> None:
        async with httpx.AsyncClient(timeout=DEADLINE_S, follow_redirects=False) as client:
            answer = await client.get(self._url)
        answer.raise_for_status()


class NoPinger:
    """Without an address nobody outside notices a host that is gone; the doctor says so."""

    async def ping(self) -> None:
        return None
