"""Finding out what became of a text whose submission had no clear answer.

Evidence is a signed callback with our own id in its address, or the provider's list of messages. Silence proves
nothing: no callback is sent for a message's first status.
"""

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from messaging.delivery.kinds import MessageClass
from messaging.delivery.rules import State
from messaging.schedule.windows import MIN_VALIDITY

READ_AFTER: Final = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
PROOF_AFTER: Final = READ_AFTER[-1]  # a list may lag; after this long it does not
MIN_HEALTHY_READS: Final = 2  # one read alone may have met a replica that lags
READ_AGAIN: Final = timedelta(minutes=1)
GIVE_UP_AFTER: Final = timedelta(minutes=60)  # the provider's list cannot be read: the reminder covers it
CLOCK_SLACK: Final = timedelta(seconds=5)  # the provider's clock may be behind ours
LIST_SLACK: Final = timedelta(seconds=30)  # a message may be created after our deadline has passed

COPY_AFTER: Final = (timedelta(seconds=30), timedelta(minutes=2))  # a repeated safety text is harmless


class UnknownRow(msgspec.Struct, frozen=True):
    """A row in `unknown`. `healthy_reads` so far, without the present one; `resent` once it was put back before."""

    class_: MessageClass
    attempted_at: datetime
    not_after: datetime
    healthy_reads: int = 0
    resent: bool = False


class Listed(msgspec.Struct, frozen=True):
    """One message of the provider's list. `body_hash` is None when bodies are redacted."""

    sid: str
    direction: str
    created_at: datetime
    service_sid: str | None
    body_hash: str | None


class Adopt(msgspec.Struct, frozen=True):
    """It was accepted under `sid`. `duplicates` are further texts that left for the same row: count and alert."""

    sid: str
    duplicates: tuple[str, ...] = ()


class ReadAgain(msgspec.Struct, frozen=True):
    at: datetime
    healthy_reads: int


class ProvenNotSent(msgspec.Struct, frozen=True):
    """The provider does not have it. `then` says whether the row is tried again."""

    then: Literal["pending", "expired"]


class NotProvable(msgspec.Struct, frozen=True):
    """No healthy reading for an hour: expire it, and never send it again."""


Reconciled = Adopt | ReadAgain | ProvenNotSent | NotProvable


def reconcile_decision(row: UnknownRow, matches: tuple[str, ...], healthy: bool, now: datetime) -> Reconciled:
    """What one reading of the provider's list means for an unknown row. Once the list can be read again, it is read
    until it proves something; only a list that can't be read ends a row unproven.

    `matches` are the messages found by `matching`, oldest first; `healthy` as told by `healthy_read`. A match
    counts even in an unhealthy reading. Class A is put back once, while at least a minute of it is left; B has
    sent its copies and C its next channel without waiting for this, and a new passcode replaces a D.
    """
    if matches:
        return Adopt(matches[0], matches[1:])
    age = now - row.attempted_at
    reads = row.healthy_reads + int(healthy)
    if healthy and age >= PROOF_AFTER and reads >= MIN_HEALTHY_READS:
        again = row.class_ == "A" and not row.resent and now + MIN_VALIDITY <= row.not_after
        return ProvenNotSent("pending" if again else "expired")
    if age >= GIVE_UP_AFTER and not healthy:
        return NotProvable()
    later = (row.attempted_at + offset for offset in READ_AFTER if offset > age)
    return ReadAgain(next(later, now + READ_AGAIN), reads)


def matching(
    listed: tuple[Listed, ...],
    ours: frozenset[str],
    *,
    attempted_at: datetime,
    deadline: timedelta,
    service_sid: str | None,
    body_hash: str,
) -> tuple[str, ...]:
    """Ids of listed messages that may be this attempt, oldest first.

    Outbound through the interface, by our messaging service (None: we use none), created from 5 s before the
    attempt to 30 s after its deadline, not an id we already know, same body unless redacted.
    """
    first, last = attempted_at - CLOCK_SLACK, attempted_at + deadline + LIST_SLACK
    found = [
        message
        for message in listed
        if message.direction == "outbound-api"
        and message.service_sid == service_sid
        and first <= message.created_at <= last
        and message.sid not in ours
        and message.body_hash in (None, body_hash)
    ]
    return tuple(
        message.sid for message in sorted(found, key=lambda message: (message.created_at, message.sid))
    )


def healthy_read(http_status: int, listed: tuple[Listed, ...], newest_accepted: str | None) -> bool:
    """Whether a reading may prove an absence: it was answered, and shows the newest text we know it must hold.

    `newest_accepted` is the newest message we know to be accepted for this sender and inside the listed range;
    None when there is none to look for.
    """
    if http_status != 200:
        return False
    return newest_accepted is None or any(message.sid == newest_accepted for message in listed)


def next_copy(first_attempt_at: datetime, copies: int, settled: bool) -> datetime | None:
    """When the next copy of a safety reply is due; None when no more are made.

    Copies follow 30 s and 2 min after the first attempt while none of them was accepted; `copies` counts those
    already made, so at most three texts leave in all.
    """
    if settled or copies >= len(COPY_AFTER):
        return None
    return first_attempt_at + COPY_AFTER[copies]


def on_evidence(
    state: State, known_sid: str | None, sid: str
) -> Literal["same", "adopt", "duplicate", "note"]:
    """What a signed callback with our row's address means, whatever became of the row.

    An open row is adopted. A second id for an accepted row is a duplicate text. A row that has ended keeps its
    state, but the id is noted on it: the patient has the text and may answer it.
    """
    if known_sid == sid:
        return "same"
    if state in ("pending", "sending", "unknown", "not_sent"):
        return "adopt"
    return "duplicate" if known_sid is not None else "note"
