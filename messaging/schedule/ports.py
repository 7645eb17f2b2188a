"""What sending check-ins needs from outside: chance, the public address, approved wording, and the conversation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from kernel.db import Tx


class Wording(Protocol):
    """A text from an approved template, and the template's id and version."""

    @property
    def body(self) -> str: ...
    @property
    def template(self) -> str: ...


class Conversation(Protocol):
    """Asking item by item, in texts."""

    async def open_check_in(self, tx: Tx, check_in_id: UUID, *, now: datetime) -> bool:
        """Takes the thread and queues the first text; False when the phone is busy and the check-in waits."""

    async def reminder_text(self, tx: Tx, check_in_id: UUID, *, now: datetime) -> Wording | None:
        """The waiting question again, with the progress; None when no question waits."""


class Outgoing(msgspec.Struct, frozen=True):
    """`new_token` gives the secret of a check-in link; only its hash is stored, and it is never logged."""

    new_token: Callable[[], str]
    public_url: str
    conversation: Conversation

    def link(self, token: str) -> str:
        return f"{self.public_url.rstrip('/')}/c/{token}"
