"""The port through which staff are called. Behind it: Twilio, the simulator, or nothing."""

from __future__ import annotations

from typing import Protocol

import msgspec

from messaging.delivery.outcomes import Outcome, Rejected


class OutgoingCall(msgspec.Struct, frozen=True):
    """`words` are read out, twice. `sender` is one of our numbers, with voice."""

    to: str
    sender: str
    words: str
    status_path: str


class VoiceGateway(Protocol):
    async def call(self, call: OutgoingCall) -> Outcome:
        """One attempt within the deadline. Accepted: it rings, whoever or whatever picks up."""


class NoVoice:
    """Without voice every call is refused, which the ladder then handles."""

    async def call(self, call: OutgoingCall) -> Outcome:
        return Rejected(400)
