"""How often check-in links may be tried: per address, and for tokens that lead nowhere also all together.

Tokens hold 160 bits of chance, so this protects the server rather than the tokens. The limits lie far above what
previews, scanners and a whole clinic behind one address do.
"""

from __future__ import annotations

from typing import Final

from kernel.errors import TooMany
from kernel.web.rates import PerMinute

PER_ADDRESS: Final = 120  # a minute
MISSES: Final = 600


class Throttle:
    """One per application; counts in memory, so each web process has its own."""

    def __init__(self) -> None:
        self._counted = PerMinute()

    def try_from(self, address: str) -> None:
        """Raises `TooMany` beyond 120 tries in a minute from one address."""
        if not self._counted.allows(f"address {address}", PER_ADDRESS):
            raise TooMany("too many tries from this address; wait a minute")

    def missed(self) -> None:
        """A token led nowhere. Raises `TooMany` beyond 600 such in a minute, whoever tried them."""
        if not self._counted.allows("misses", MISSES):
            raise TooMany("too many tries; wait a minute")
