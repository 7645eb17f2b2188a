"""Texts that reach nobody: the provider of the demo and of a clinic that has no account yet."""

from __future__ import annotations

from datetime import datetime

from kernel.ids import NewId
from messaging.delivery.outcomes import Accepted, Outcome
from messaging.gateways.sms import FoundText, Listing, OutgoingText
from messaging.gateways.voice import OutgoingCall


class SimulatorGateway:
    """Accepts every text at once; the phone in the browser shows what the outbox says was accepted."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id

    async def send(self, text: OutgoingText) -> Outcome:
        return Accepted(f"SIM{self._new_id().hex}", "delivered")

    async def list_to(self, number: str) -> Listing:
        return Listing(200)

    async def list_inbound(self, our_number: str, since: datetime) -> Listing:
        return Listing(200)

    async def fetch(self, sid: str) -> FoundText | None:
        return None

    async def close(self) -> None:
        return None


class SimulatorVoice:
    """Every call is picked up by nobody in particular."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id

    async def call(self, call: OutgoingCall) -> Outcome:
        return Accepted(f"SIM{self._new_id().hex}", "delivered")


class SimulatorMailer:
    async def send(self, to: str, subject: str, body: str, message_id: str) -> Outcome:
        return Accepted(f"mail-{message_id}", "sent")

    async def answers(self) -> bool:
        return True
