"""The port through which texts leave and are looked up. Behind it: Twilio, or the simulator."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from messaging.delivery.outcomes import Outcome


class OutgoingText(msgspec.Struct, frozen=True):
    """`sender` is one of our numbers (E.164); `status_path` is the path of our status callback for this attempt."""

    to: str
    sender: str
    service_sid: str | None
    body: str
    validity_s: int
    status_path: str


class FoundText(msgspec.Struct, frozen=True):
    """A message in the provider's own list. `body` is None when the provider redacts it."""

    sid: str
    direction: str
    created_at: datetime
    service_sid: str | None
    to: str
    sender: str | None
    body: str | None
    status: str
    error_code: int | None
    media_count: int = 0


class Listing(msgspec.Struct, frozen=True):
    """`http_status` 200 with what was found; anything else proves nothing."""

    http_status: int
    found: tuple[FoundText, ...] = ()


class SmsGateway(Protocol):
    async def send(self, text: OutgoingText) -> Outcome:
        """One attempt, no retry, within the deadline. Never raises for what the provider or the network does."""

    async def list_to(self, number: str) -> Listing:
        """Newest texts to this number."""

    async def list_inbound(self, our_number: str, since: datetime) -> Listing:
        """Texts that reached one of our numbers since then."""

    async def fetch(self, sid: str) -> FoundText | None:
        """One text by its id; None when it can't be read now."""

    async def close(self) -> None: ...
