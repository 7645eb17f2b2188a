"""How often a code may be asked for, what a refresh token is good for, and which moment an offline answer may claim."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

CODE_DIGITS: Final = 6
CODE_LIFE: Final = timedelta(minutes=10)  # ASVS 5.0, 6.5.5
CODE_TRIES: Final = 5
SENDS_PER_HOUR: Final = 5
SENDS_PER_DAY: Final = 10  # a text costs money, and a stranger could ask for codes all night
BROWSER_IDLE: Final = timedelta(minutes=20)
BROWSER_LIFE: Final = timedelta(hours=12)
ACCESS_LIFE: Final = timedelta(minutes=15)
REFRESH_LIFE: Final = timedelta(days=60)
TOUCH_EVERY: Final = timedelta(minutes=1)
MOST_DEVICES: Final = 10
LONGEST_DEVICE_NAME: Final = 60
# A device's clock may be ahead of ours by this much; what it claims beyond is refused.
CLOCK_SKEW: Final = timedelta(minutes=5)
# The forms ask about the last two weeks; an answer kept longer than a check-in may last belongs to another form.
OFFLINE_LONGEST: Final = timedelta(days=7)

Scope = Literal["contacts", "plan", "messages"]
OfToken = Literal["rotate", "reused", "expired"]


class Account(msgspec.Struct, frozen=True):
    """Whom a proven number signs in: the patient, or a person who may act for them within `related_person_id`'s
    scope."""

    clinic_id: UUID
    patient_id: UUID
    related_person_id: UUID | None
    language: str


class TokenFacts(msgspec.Struct, frozen=True):
    expires_at: datetime
    used_at: datetime | None
    session_ended: bool


def too_many_sends(asked_at: Sequence[datetime], now: datetime) -> bool:
    """`asked_at`: when codes were asked for a number, known to us or not."""
    hour = sum(at > now - timedelta(hours=1) for at in asked_at)
    day = sum(at > now - timedelta(days=1) for at in asked_at)
    return hour >= SENDS_PER_HOUR or day >= SENDS_PER_DAY


def of_token(token: TokenFacts, now: datetime) -> OfToken:
    """A token that was used before is a copy in somebody else's hands, also when it has expired since: whoever shows it
    second, thief or owner, ends the family (RFC 9700, 4.14.2)."""
    if token.used_at is not None:
        return "reused"
    return "expired" if token.session_ended or now >= token.expires_at else "rotate"


def given_at(
    claimed: datetime | None, offered_at: datetime, now: datetime
) -> datetime | Literal["refused"] | None:
    """When an answer was really given, None for now. Refused: before the check-in was offered, longer ago than a
    check-in may last, or further ahead than clocks differ. A clock that is a little ahead counts as now."""
    if claimed is None:
        return None
    earliest = max(offered_at - CLOCK_SKEW, now - OFFLINE_LONGEST)
    if not earliest <= claimed <= now + CLOCK_SKEW:
        return "refused"
    return None if claimed >= now else max(claimed, offered_at)
