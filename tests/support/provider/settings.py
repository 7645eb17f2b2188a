"""What a test can configure; kept in the ledger, so a restarted provider behaves as before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

ACCOUNT_SID = "AC00000000000000000000000000000000"
SERVICE_SID = "MG00000000000000000000000000000000"
API_KEY_SID = "SK00000000000000000000000000000000"
API_KEY_SECRET = "evenkeel-test-secret"
AUTH_TOKEN = "evenkeel-test-token"
NEXT_AUTH_TOKEN = "evenkeel-test-token-next"
STALE_AUTH_TOKEN = "evenkeel-test-token-stale"
SENDER = "+12065550199"

Signature = Literal["right", "secondary", "stale", "wrong", "missing"]


class Plan(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How callbacks leave.

    `copies`: how often each is posted. `shuffle`: seed of a random order, None keeps the carrier's.
    `delay`: seconds of provider time before one is due. `drop`: statuses never posted. `extra`: further
    parameters. `repeated`: pairs appended although their names occur already. `concurrent`: all at once.
    """

    copies: int = 1
    shuffle: int | None = None
    delay: float = 0
    drop: frozenset[str] = frozenset()
    signature: Signature = "right"
    extra: dict[str, str] = {}
    repeated: list[tuple[str, str]] = []
    concurrent: bool = False


class Outcome(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where the carrier leaves a text."""

    status: Literal["delivered", "undelivered", "failed", "sent"] = "delivered"
    error_code: int | None = None


class Settings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`routes` maps a public URL prefix to where it is really served: signatures cover the public one.

    `inbound_urls` (by our number) goes before `inbound_url`. `automatic`: the carrier moves on and posts
    callbacks by itself right after each create. `stop_filtering`: Twilio handles STOP and START itself.
    `advanced_opt_out`: inbound webhooks carry OptOutType. `visibility_lag`: seconds of provider time before
    a text shows in the list. `redaction`: numbers and bodies come back masked. `outcomes`: by recipient.
    `expected`: HTTP codes and "connect"/"read" failures of our webhooks that are no problem.
    """

    account_sid: str = ACCOUNT_SID
    auth_tokens: tuple[str, ...] = (AUTH_TOKEN, NEXT_AUTH_TOKEN)
    stale_token: str = STALE_AUTH_TOKEN
    api_keys: dict[str, str] = msgspec.field(default_factory=lambda: {API_KEY_SID: API_KEY_SECRET})
    senders: frozenset[str] = frozenset({SENDER})
    services: dict[str, list[str]] = msgspec.field(default_factory=lambda: {SERVICE_SID: [SENDER]})
    inbound_url: str | None = None
    inbound_urls: dict[str, str] = {}
    inbound_fallback_url: str | None = None
    routes: dict[str, str] = {}
    automatic: bool = False
    stop_filtering: bool = True
    advanced_opt_out: bool = False
    visibility_lag: float = 0
    redaction: bool = False
    outcomes: dict[str, Outcome] = {}
    expected: frozenset[int | str] = frozenset()
    plan: Plan = Plan()
    fault_rates: dict[str, float] = {}
    fault_seed: int = 0
    outage_until: datetime | None = None
    clock_at: datetime | None = None
    clock_offset: float = 0

    def now(self) -> datetime:
        """Provider time: the instant a test set (it then stands still), else real time plus the offset."""
        if self.clock_at is not None:
            return self.clock_at
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset)

    def service_of(self, number: str) -> str | None:
        return next((sid for sid, pool in self.services.items() if number in pool), None)

    def changed(self, changes: dict[str, object]) -> Settings:
        """A copy with the given fields replaced; `msgspec.ValidationError` names a bad one."""
        return msgspec.convert({**msgspec.to_builtins(self), **changes}, Settings)
