"""How many sign-ins may be tried: per account and address, and per address. Beside the lock-out of the account itself,
which is in the database and counts across processes."""

from __future__ import annotations

from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from kernel.crypto import token_hash

WINDOW_MIN: Final = 15
PER_ACCOUNT: Final = RateLimitItemPerMinute(10, WINDOW_MIN)
PER_ADDRESS: Final = RateLimitItemPerMinute(60, WINDOW_MIN)  # a whole clinic may share one address


class Throttle:
    """Counts in this process. An account that doesn't exist is counted like one that does."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def allows(self, account: str, address: str) -> bool:
        """Counts the try. Keys are hashes: no e-mail address is kept."""
        by_account = await self._limiter.hit(PER_ACCOUNT, "account", token_hash(f"{account} {address}"))
        by_address = await self._limiter.hit(PER_ADDRESS, "address", token_hash(address))
        return by_account and by_address
