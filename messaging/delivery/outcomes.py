"""What one attempt to hand over a text came to."""

from datetime import timedelta

import msgspec


class Accepted(msgspec.Struct, frozen=True):
    """The provider took it: its message id and first status."""

    sid: str
    status: str


class Rejected(msgspec.Struct, frozen=True):
    """The provider answered with an error. `bad_address`: a mail relay takes nothing for this very address; any other
    refusal is about us, and says nothing of whom we write to."""

    http_status: int
    code: int | None = None
    bad_address: bool = False


class NotSent(msgspec.Struct, frozen=True):
    """Surely never processed: no connection before the first byte, or told to come back later."""

    retry_after: timedelta | None = None


class Unknown(msgspec.Struct, frozen=True):
    """Nothing can be said: time-out, reset, or an answer that cannot be read."""


Outcome = Accepted | Rejected | NotSent | Unknown
